//! `prometheus`: the one number of an instant query.

use std::collections::BTreeMap;

use super::super::metric::{MetricSpec, MetricTarget};
use super::super::typed_config::{Param, Params, ScalerConfig, Source};
use super::auth;
use crate::sim::SimDuration;

/// What Prometheus answered.
#[derive(Debug, Clone, PartialEq)]
pub enum PrometheusAnswer {
    /// A status outside 2xx.
    Status(u16),
    /// No answer; the text says why.
    Failed(String),
    /// No series.
    Empty,
    /// One series without a value.
    EmptyValue,
    /// One series.
    Value(f64),
    /// More than one series.
    Several,
}

/// A query and its thresholds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prometheus {
    query: String,
    threshold: f64,
    activation_threshold: f64,
    ignore_null_values: bool,
}

impl Prometheus {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        const WHAT: &str = "error parsing prometheus metadata";
        let mut params = Params::new(config);
        auth::read(&mut params);
        let _: String = params.read(Param::new(&["serverAddress"]));
        let query = params.read(Param::new(&["query"]));
        let _: BTreeMap<String, String> = params.read(Param::new(&["queryParameters"]).optional());
        let threshold = params.read(Param::new(&["threshold"]));
        let activation_threshold = params.read(Param::new(&["activationThreshold"]).optional());
        let _: String = params.read(Param::new(&["namespace"]).optional());
        let _: BTreeMap<String, String> = params.read(Param::new(&["customHeaders"]).optional());
        let ignore_null_values = params.read(Param::new(&["ignoreNullValues"]).or("true"));
        let _: bool = params.read(Param::new(&["unsafeSsl"]).optional());
        let both: &[Source] = &[Source::TriggerMetadata, Source::AuthParams];
        let _: String = params.read(Param::new(&["awsRegion"]).from(both).optional());
        let _: SimDuration = params.read(Param::new(&["timeout"]).optional());
        params
            .finish(Ok(()))
            .map_err(|error| format!("{WHAT}: {WHAT}: {error}"))?;
        Ok(Self {
            query,
            threshold,
            activation_threshold,
            ignore_null_values,
        })
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let target = MetricTarget::milli(kind, self.threshold);
        MetricSpec::external(index, "prometheus", target)
    }

    pub(super) fn measure(&self, answer: &PrometheusAnswer) -> Result<(f64, bool), String> {
        let lost = |what: &str| {
            if self.ignore_null_values {
                Ok(0.0)
            } else {
                Err(format!(
                    "prometheus metrics 'prometheus' target may be lost, {what}"
                ))
            }
        };
        let value = match answer {
            PrometheusAnswer::Failed(why) => return Err(why.clone()),
            PrometheusAnswer::Status(status) => {
                return Err(format!(
                    "prometheus query api returned error. status: {status}"
                ));
            }
            PrometheusAnswer::Several => {
                let query = &self.query;
                return Err(format!(
                    "prometheus query {query} returned multiple elements"
                ));
            }
            PrometheusAnswer::Empty => lost("the result is empty")?,
            PrometheusAnswer::EmptyValue => lost("the value list is empty")?,
            PrometheusAnswer::Value(value) if value.is_finite() => *value,
            PrometheusAnswer::Value(_) if self.ignore_null_values => 0.0,
            PrometheusAnswer::Value(value) => {
                let value = match value {
                    value if value.is_nan() => "NaN",
                    value if *value > 0.0 => "+Inf",
                    _ => "-Inf",
                };
                return Err(format!("prometheus query returns {value}"));
            }
        };
        Ok((value, value > self.activation_threshold))
    }
}
