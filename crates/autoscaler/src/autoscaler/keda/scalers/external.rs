//! `external` and `external-push`: a scaler behind gRPC names and measures its metrics.

use super::super::metric::{MetricSpec, MetricTarget};
use super::super::typed_config::{Param, Params, ScalerConfig, Source};

/// A metric as the external scaler's `GetMetricSpec` gives it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExternalMetric {
    /// Its name, without the trigger's prefix.
    pub name: String,
    /// A whole target, if the other is not positive.
    pub target_size: i64,
    /// A fractional target.
    pub target_size_float: f64,
}

/// An external scaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct External {
    push: bool,
}

impl External {
    pub(super) fn build(config: ScalerConfig, push: bool) -> Result<Self, String> {
        parse(config).map_err(|error| {
            format!(
                "error parsing external scaler metadata: error parsing external scaler metadata: \
                 {error}"
            )
        })?;
        Ok(Self { push })
    }

    pub(super) const fn is_push(&self) -> bool {
        self.push
    }
}

fn parse(config: ScalerConfig) -> Result<(), String> {
    let mut params = Params::new(config);
    let _: String = params.read(Param::new(&["scalerAddress"]));
    for name in ["enableTLS", "unsafeSsl"] {
        let _: bool = params.read(Param::new(&[name]).optional());
    }
    for name in ["caCert", "tlsClientCert", "tlsClientKey"] {
        let _: String = params.read(Param::new(&[name]).from(&[Source::AuthParams]).optional());
    }
    params.finish(Ok(()))
}

/// The metrics that the scaler names.
pub(super) fn metric_specs(
    index: usize,
    kind: &str,
    metrics: &[ExternalMetric],
) -> Vec<MetricSpec> {
    let spec = |metric: &ExternalMetric| {
        let target = if metric.target_size_float > 0.0 {
            MetricTarget::milli(kind, metric.target_size_float)
        } else {
            MetricTarget::whole(kind, metric.target_size)
        };
        MetricSpec::external(index, &metric.name, target)
    };
    metrics.iter().map(spec).collect()
}
