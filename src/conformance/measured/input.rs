//! What was measured: the set-ups as they are recorded.

use std::fmt;

use serde::Deserialize;

use crate::sim::Dist;

#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) command: String,
    pub(super) server: Server,
    pub(super) runs: Vec<Run>,
}

#[derive(Deserialize)]
pub(super) struct Server {
    pub(super) slots: u32,
    pub(super) queue: Option<u32>,
    dist: Kind,
    ms: f64,
    cv: Option<f64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Const,
    Exp,
    Lognormal,
}

#[derive(Deserialize)]
pub(super) struct Run {
    pub(super) requests: u64,
    pub(super) throughput_rps: f64,
    pub(super) latency_ms: Option<Latency>,
    server: Option<Served>,
}

#[derive(Deserialize)]
pub(super) struct Latency {
    pub(super) mean: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

#[derive(Deserialize)]
struct Served {
    mean_ms: Option<f64>,
}

impl Server {
    pub(super) fn is_random(&self) -> bool {
        self.dist != Kind::Const
    }
}

impl Case {
    /// The service time in seconds, scaled to what the server measured over all runs: its timer
    /// is always a little late.
    pub(super) fn service_time(&self) -> Result<Dist, String> {
        let served = self
            .runs
            .iter()
            .filter_map(|run| run.server.as_ref()?.mean_ms);
        let (count, sum) = served.fold((0.0, 0.0), |(count, sum), ms| (count + 1.0, sum + ms));
        let ms = if count > 0.0 {
            sum / count
        } else {
            self.server.ms
        };
        let dist = match self.server.dist {
            Kind::Const => Dist::constant(ms / 1000.0),
            Kind::Exp => Dist::exponential(ms / 1000.0),
            Kind::Lognormal => {
                let cv = self
                    .server
                    .cv
                    .ok_or("a lognormal service time needs `cv`")?;
                Dist::lognormal(ms / 1000.0, cv)
            }
        };
        dist.map_err(|error| error.to_string())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.dist {
            Kind::Const => "const",
            Kind::Exp => "exp",
            Kind::Lognormal => "lognormal",
        };
        write!(f, "{} slots of {name} {} ms", self.slots, self.ms)?;
        if let Some(cv) = self.cv {
            write!(f, ", cv {cv}")?;
        }
        if let Some(queue) = self.queue {
            write!(f, ", queue {queue}")?;
        }
        Ok(())
    }
}
