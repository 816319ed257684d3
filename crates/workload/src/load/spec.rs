//! Parameters of loads, as the scenario states them.

use crate::sim::{Dist, SimDuration, SimTime};

/// One load on one service.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSpec {
    /// Name in outputs, unique in the scenario.
    pub name: String,
    /// The service that is loaded: its index in the scenario's services.
    pub service: usize,
    /// When it starts.
    pub at: SimTime,
    /// When it is stopped from outside (`kubectl delete job`, Ctrl-C); never if absent.
    pub until: Option<SimTime>,
    /// What generates the requests.
    pub generator: Generator,
}

/// The kinds of load generator.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// Apache HTTP Server's benchmarking tool.
    Ab(AbSpec),
    /// The `hey` load generator.
    Hey(HeySpec),
    /// A Job whose containers loop `wget` and `sleep`.
    WgetJob(WgetJobSpec),
    /// An open arrival stream whose rate follows a declared shape.
    Profile(ProfileSpec),
}

/// `ab`: a closed loop of `concurrency` clients without think time.
#[derive(Debug, Clone, PartialEq)]
pub struct AbSpec {
    /// The command line as typed.
    pub command: String,
    /// `-n`: requests to perform (50,000 with `-t` unless given after it).
    pub requests: u64,
    /// `-c`: requests at a time.
    pub concurrency: u32,
    /// `-k`: keep connections alive.
    pub keep_alive: bool,
    /// `-t`: stop starting requests after this time.
    pub time_limit: Option<SimDuration>,
    /// `-s`: the longest wait for an answer.
    pub timeout: SimDuration,
    /// `-r`: go on after a socket error.
    pub continue_on_error: bool,
    /// `-l`: answers of another length than the first are no failures.
    pub any_length: bool,
    /// The client's own cost per request (connect, parse, schedule), in seconds.
    pub client_overhead: Dist,
    /// The URL's parts, for the tool's own report.
    pub url: Url,
}

/// `hey`: closed-loop workers, each optionally paced by its own ticker.
#[derive(Debug, Clone, PartialEq)]
pub struct HeySpec {
    /// The command line as typed.
    pub command: String,
    /// `-n`: requests in all; each worker sends the whole part of n/c. Unused with `-z`.
    pub requests: u64,
    /// `-c`: workers.
    pub concurrency: u32,
    /// `-q`: ticks per second of *each* worker's ticker.
    pub rate_per_worker: Option<f64>,
    /// `-z`: run for this time instead of a number of requests.
    pub duration: Option<SimDuration>,
    /// `-t`: the longest wait for an answer; `None` for `-t 0`, no limit.
    pub timeout: Option<SimDuration>,
    /// `-disable-keepalive`: a new connection for each request.
    pub disable_keepalive: bool,
    /// The client's own cost per request, in seconds.
    pub client_overhead: Dist,
    /// The URL's parts, for the tool's own report.
    pub url: Url,
}

/// A Job of `wget` loops. The pods live in the cluster; each running one is a client.
#[derive(Debug, Clone, PartialEq)]
pub struct WgetJobSpec {
    /// The Job: its index in the scenario's workloads.
    pub workload: usize,
    /// When each pod sends requests.
    pub script: WgetScript,
    /// What starting and ending the processes costs per request, in seconds.
    pub process_cost: Dist,
    /// `wget -T`: the longest wait for an answer; `None` for `-T 0`, no limit.
    pub timeout: Option<SimDuration>,
    /// The URL's parts.
    pub url: Url,
}

/// When the script of a container sends requests: part by part.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WgetScript {
    /// What it does one after the other; each part has requests.
    pub parts: Vec<WgetPart>,
    /// What it waits after the last.
    pub after: SimDuration,
    /// Whether its exit code is that of the last `wget`.
    pub fails_with_last: bool,
}

/// A loop, or what is done once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WgetPart {
    /// The `sleep` before the first round.
    pub before: SimDuration,
    /// Rounds; `None` for no end.
    pub rounds: Option<u64>,
    /// The requests of a round, by what is slept before each.
    pub waits: Vec<SimDuration>,
    /// What is slept after the last request of a round.
    pub rest: SimDuration,
}

impl WgetScript {
    /// A loop without end: a request, a sleep.
    pub fn endless(sleep: SimDuration) -> Self {
        let part = WgetPart {
            before: SimDuration::ZERO,
            rounds: None,
            waits: vec![SimDuration::ZERO],
            rest: sleep,
        };
        Self {
            parts: vec![part],
            after: SimDuration::ZERO,
            fails_with_last: false,
        }
    }

    /// Whether it comes to an end.
    pub fn ends(&self) -> bool {
        self.parts.iter().all(|part| part.rounds.is_some())
    }
}

/// The parts of a URL that reports print.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Url {
    /// Scheme, `http` or `https`.
    pub scheme: String,
    /// Host name, which names the Service.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path with query, beginning with `/`.
    pub path: String,
}

/// Open arrivals at a rate that follows a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileSpec {
    /// The rate over the time since the load's start.
    pub shape: Shape,
    /// How arrivals are spaced at a given rate.
    pub arrivals: Arrivals,
    /// The longest wait for an answer, if any.
    pub timeout: Option<SimDuration>,
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// A Poisson process (inhomogeneous where the rate changes).
    #[default]
    Poisson,
    /// Evenly spaced: the n-th arrival when the integral of the rate reaches n.
    Even,
}

/// A rate in requests per second over the time since the load's start.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Always this rate.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// Linear from one rate to another, then constant.
    Ramp {
        /// Rate at the start.
        from: f64,
        /// Rate at the end.
        to: f64,
        /// How long the change takes.
        over: SimDuration,
    },
    /// Constant pieces: from each offset on, its rate. Zero before the first.
    Steps(Vec<(SimDuration, f64)>),
    /// A base rate with one trapezoidal peak.
    Spike {
        /// Rate outside the peak.
        base: f64,
        /// Rate on the plateau.
        peak: f64,
        /// When the rise begins.
        at: SimDuration,
        /// Length of the rise.
        rise: SimDuration,
        /// Length of the plateau.
        hold: SimDuration,
        /// Length of the fall.
        fall: SimDuration,
    },
    /// A sine over the day, weaker at the weekend (days 6 and 7 from the start).
    Diurnal {
        /// Mean rate of a weekday.
        mean: f64,
        /// Peak minus mean; at most `mean`.
        amplitude: f64,
        /// Length of a day.
        period: SimDuration,
        /// Time of the day at which the rate peaks.
        peak_at: SimDuration,
        /// Factor on days 6 and 7 of each week.
        weekend: f64,
    },
    /// Replay of (time, rate) points, linear between them or held until the next.
    Trace {
        /// Offsets and rates, offsets ascending.
        points: Vec<(SimDuration, f64)>,
        /// Linear between points instead of held.
        linear: bool,
    },
}
