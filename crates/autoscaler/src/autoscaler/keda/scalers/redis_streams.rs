//! `redis-streams` and its cluster and sentinel forms: entries of a stream.

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig};
use super::redis;

/// A stream and its target: pending entries or lag of a consumer group, or the stream's length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RedisStreams {
    stream: String,
    target: i64,
    activation_lag_count: i64,
}

impl RedisStreams {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        let mut params = Params::new(config);
        let pending = params.read(Param::new(&["pendingEntriesCount"]).or("5"));
        let length = params.read(Param::new(&["streamLength"]).or("5"));
        let lag: i64 = params.read(Param::new(&["lagCount"]).optional());
        let stream: String = params.read(Param::new(&["stream"]));
        let group: String = params.read(Param::new(&["consumerGroup"]).optional());
        let activation_lag_count = params.read(Param::new(&["activationLagCount"]).or("0"));
        let validation = redis::connection(&mut params).and_then(|()| {
            if stream.is_empty() {
                Err("missing redis stream name".to_owned())
            } else {
                Ok(())
            }
        });
        params.finish(validation).map_err(|error| {
            format!(
                "error parsing redis streams metadata: error parsing redis stream metadata: {error}"
            )
        })?;
        let target = match (group.is_empty(), lag) {
            (true, _) => length,
            (false, 0) => pending,
            (false, lag) => lag,
        };
        Ok(Self {
            stream,
            target,
            activation_lag_count,
        })
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = normalize(&format!("redis-streams-{}", self.stream));
        MetricSpec::external(index, &name, MetricTarget::whole(kind, self.target))
    }

    pub(super) const fn measure(&self, entries: i64) -> (f64, bool) {
        (entries as f64, entries > self.activation_lag_count)
    }
}
