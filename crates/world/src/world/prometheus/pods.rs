//! What the pods of a service export, as a client library of Prometheus does.

use crate::api::PodId;
use crate::prometheus::labels::BUCKET;
use crate::prometheus::promql::Edition;
use crate::prometheus::scrape::{Exposed, Wanted, bound};
use crate::scenario::model::ExportSpec;
use crate::world::Simulation;

/// Names of a service's metrics.
#[derive(Debug, Clone)]
pub(super) struct Names {
    requests: String,
    in_flight: String,
    /// Of the histogram: its buckets, their sum, their count.
    duration: [String; 3],
    queue_depth: String,
    /// The buckets' bounds as labels have them.
    bounds: Vec<String>,
    /// Whether anybody asks for the histogram, by far the most of it.
    duration_is_asked: bool,
}

impl Names {
    pub(super) fn new(spec: &ExportSpec, edition: Edition) -> Self {
        let of_duration = |part: &str| format!("{}_{part}", spec.duration);
        Self {
            requests: spec.requests.clone(),
            in_flight: spec.in_flight.clone(),
            duration: ["bucket", "sum", "count"].map(of_duration),
            queue_depth: spec.queue_depth.clone(),
            bounds: spec
                .buckets
                .iter()
                .chain(&[f64::INFINITY])
                .map(|value| bound(*value, edition))
                .collect(),
            duration_is_asked: false,
        }
    }

    /// What is asked for has changed.
    pub(super) fn ask(&mut self, wanted: &Wanted) {
        let mut names = self.duration.iter();
        self.duration_is_asked = names.any(|name| wanted.may_take(name));
    }

    /// The depth of a queue.
    pub(super) fn queue(&self, depth: u32, out: &mut dyn FnMut(&Exposed)) {
        out(&Exposed {
            name: &self.queue_depth,
            labels: &[],
            value: f64::from(depth),
            at: None,
        });
    }
}

impl Simulation<'_> {
    /// What a pod exports; false if nobody listens in it.
    pub(super) fn expose_pod(
        &self,
        id: PodId,
        names: &Names,
        out: &mut dyn FnMut(&Exposed),
    ) -> bool {
        let link = self.pods.get(id.slot()).filter(|link| link.pod == Some(id));
        let server = link.and_then(|link| link.server);
        let Some(seen) = server.and_then(|server| self.traffic.instruments(server)) else {
            return false;
        };
        let codes = [
            ("200", seen.answered),
            ("429", seen.limited),
            ("503", seen.rejected),
            ("504", seen.timed_out),
        ];
        for (code, count) in codes {
            // A counter of a code exists from its first request on; probes ask for 200.
            if count > 0 || code == "200" {
                out(&Exposed {
                    name: &names.requests,
                    labels: &[("code", code), ("method", "GET")],
                    value: count as f64,
                    at: None,
                });
            }
        }
        let plain = |name, value| Exposed {
            name,
            labels: &[],
            value,
            at: None,
        };
        out(&plain(&names.in_flight, f64::from(seen.active)));
        if names.duration_is_asked
            && let Some(latency) = seen.latency
        {
            let [bucket, sum, count] = &names.duration;
            for (bound, (_, up_to)) in names.bounds.iter().zip(latency.buckets()) {
                out(&Exposed {
                    name: bucket,
                    labels: &[(BUCKET, bound)],
                    value: up_to as f64,
                    at: None,
                });
            }
            out(&plain(sum, latency.sum()));
            out(&plain(count, latency.total() as f64));
        }
        true
    }
}
