//! `cpu` and `memory`: the HPA reads the pods' usage itself.

use super::super::go;
use super::super::metric::{AVERAGE_VALUE, MetricSource, MetricSpec, MetricTarget, UTILIZATION};
use super::super::typed_config::{Param, Params, ScalerConfig};
use crate::units::Quantity;

/// A target for the pods' usage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CpuMemory {
    spec: MetricSpec,
}

impl CpuMemory {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        let resource = config.trigger.kind.as_str();
        parse(config).map_err(|error| format!("error parsing {resource} metadata: {error}"))
    }

    pub(super) fn metric_spec(&self) -> MetricSpec {
        self.spec.clone()
    }
}

fn parse(config: ScalerConfig) -> Result<CpuMemory, String> {
    let trigger = config.trigger;
    let mut params = Params::new(config);
    if params.find(Param::new(&["type"])).is_some() {
        params.fault(format!(
            "scaler {} info: The 'type' setting is DEPRECATED and is removed in v2.18 - Use \
             'metricType' instead.",
            trigger.kind
        ));
    }
    let value: String = params.read(Param::new(&["value"]));
    let container: String = params.read(Param::new(&["containerName"]).optional());
    params.finish(Ok(()))?;
    let mut target = MetricTarget {
        kind: trigger.metric_type.clone(),
        amount: None,
        approximate: 0.0,
        average_utilization: None,
    };
    match trigger.metric_type.as_str() {
        AVERAGE_VALUE => {
            let amount: Quantity = value.parse().map_err(|_| {
                let why = go::quantity_fault(&value);
                format!("cannot parse '{value}': {why}")
            })?;
            target.amount = Some(amount);
            target.approximate = amount.as_f64();
        }
        UTILIZATION => target.average_utilization = Some(go::parse_i32(&value)?),
        other => {
            return Err(format!(
                "unknown metric type: {other}, allowed values are 'Utilization' or 'AverageValue'"
            ));
        }
    }
    let resource = trigger.kind.clone();
    let source = if container.is_empty() {
        MetricSource::Resource { resource }
    } else {
        MetricSource::ContainerResource {
            resource,
            container,
        }
    };
    Ok(CpuMemory {
        spec: MetricSpec { source, target },
    })
}
