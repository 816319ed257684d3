//! `metrics-api`: a number in the answer of an HTTP endpoint.

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig};
use super::auth;
use crate::sim::SimDuration;

/// A declared number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MetricsApi {
    value_location: String,
    target_value: f64,
    activation_target_value: f64,
}

impl MetricsApi {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        parse(config).map_err(|error| format!("error parsing metric API metadata: {error}"))
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = normalize(&format!("metric-api-{}", self.value_location));
        MetricSpec::external(index, &name, MetricTarget::milli(kind, self.target_value))
    }

    pub(super) fn measure(&self, value: f64) -> (f64, bool) {
        (value, value > self.activation_target_value)
    }
}

fn parse(config: ScalerConfig) -> Result<MetricsApi, String> {
    let mut params = Params::new(config);
    let target_value = params.read(Param::new(&["targetValue"]).optional());
    let activation_target_value = params.read(Param::new(&["activationTargetValue"]).or("0"));
    let _: String = params.read(Param::new(&["url"]));
    let formats: &[&str] = &["prometheus", "json", "xml", "yaml"];
    let _: String = params.read(Param::new(&["format"]).or("json").one_of(formats));
    let value_location = params.read(Param::new(&["valueLocation"]));
    let _: bool = params.read(Param::new(&["unsafeSsl"]).or("false"));
    let _: bool = params.read(Param::new(&["aggregateFromKubeServiceEndpoints"]).or("false"));
    let aggregations: &[&str] = &["average", "sum", "max", "min"];
    let aggregation = Param::new(&["aggregationType"])
        .or("average")
        .one_of(aggregations);
    let _: String = params.read(aggregation);
    let _: SimDuration = params.read(Param::new(&["timeout"]).optional());
    auth::read(&mut params);
    params
        .finish(Ok(()))
        .map_err(|error| format!("error parsing metrics API metadata: {error}"))?;
    if target_value == 0.0 && !config.as_metric_source {
        return Err("no targetValue given in metadata".to_owned());
    }
    Ok(MetricsApi {
        value_location,
        target_value,
        activation_target_value,
    })
}
