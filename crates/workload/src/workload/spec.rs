//! How the pods behind a service behave: parameters only, as the scenario states them.

use std::collections::BTreeMap;

use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// A service: one workload's pods and what a request costs them. By default requests cost
/// nothing and nothing is limited.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerSpec {
    /// Name in outputs: the Kubernetes Service's, or the workload's.
    pub name: String,
    /// Host names under which loads reach it.
    pub hosts: Vec<String>,
    /// The workload whose pods serve: its index in the scenario's workloads.
    pub workload: usize,
    /// Selectors of the Services that lead to it: with any, only pods that one of them matches are
    /// endpoints.
    pub selectors: Vec<BTreeMap<String, String>>,
    /// The container that does the work: its index in the pod template.
    pub container: usize,
    /// Which pod a connection or request goes to.
    pub balancing: Balancing,
    /// `sessionAffinity: ClientIP`: how long after its last connection a client's next one goes to
    /// the same pod. Heeded with [`Balancing::RandomPerConnection`].
    pub affinity: Option<SimDuration>,
    /// What one request costs.
    pub request: RequestSpec,
    /// Requests served at a time per pod; unlimited if absent.
    pub slots: Option<u32>,
    /// Requests that may wait for a slot per pod before more get 503; unlimited if absent.
    pub backlog: Option<u32>,
    /// Memory of the serving container.
    pub memory: MemorySpec,
    /// CPU that the serving container burns besides requests (polling, garbage collection).
    pub background_cpu: Millicores,
    /// Declared usage on top of what requests cause.
    pub usage: Option<UsageSpec>,
    /// Upper bounds of the latency histogram that it keeps, in seconds; none if it keeps none.
    pub latency_buckets: Vec<f64>,
    /// How its speed depends on what is in it.
    pub concurrency: ConcurrencySpec,
    /// What its requests ask of others between their CPU work and their wait, in order.
    pub calls: Vec<CallSpec>,
}

/// How the speed of a pod depends on what is in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConcurrencySpec {
    /// How much longer waits take the more there are; no longer if absent.
    pub slowdown: Option<Slowdown>,
    /// Requests that it takes in a time; as many as come if absent.
    pub rate_limit: Option<RateLimit>,
    /// Connections of callers that it takes at a time; as many as are opened if absent.
    pub max_connections: Option<u32>,
}

/// How much longer waits take with so many requests in them: points of count and factor, straight lines
/// between them and beyond the last two.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slowdown(pub Vec<(f64, f64)>);

impl Slowdown {
    /// The factor with so many.
    pub fn at(&self, count: f64) -> f64 {
        let points = &self.0;
        let next = points.partition_point(|point| point.0 <= count);
        let pair = match (next, points.len()) {
            (_, 0) => return 1.0,
            (0, _) | (_, 1) => return points[0].1,
            (next, length) => [
                points[next.min(length - 1) - 1],
                points[next.min(length - 1)],
            ],
        };
        let [(from, low), (to, high)] = pair;
        low + (high - low) * (count - from) / (to - from)
    }
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Requests a second.
    pub rate: f64,
    /// Requests at once, after a rest.
    pub burst: u32,
}

/// A call that requests make.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSpec {
    /// What is called.
    pub to: CallTarget,
    /// The share of requests that make it, from 0 to 1.
    pub probability: f64,
    /// How often these make it, one after the other, on average; at least once.
    pub times: f64,
    /// It begins together with the call before it, not after that.
    pub parallel: bool,
    /// The longest wait for an attempt's answer, and for a connection.
    pub timeout: Option<SimDuration>,
    /// How often a failed attempt is made again.
    pub retries: u32,
    /// How long after a failure that happens the first time; doubled each time.
    pub backoff: SimDuration,
    /// What chance does to that.
    pub jitter: Jitter,
    /// What retries may cost; as many as there are if absent.
    pub retry_budget: Option<RetryBudgetSpec>,
    /// When it is given up for a while.
    pub breaker: Option<BreakerSpec>,
    /// Calls at a time of a pod; more wait.
    pub connections: Option<u32>,
    /// The request goes on if it fails.
    pub optional: bool,
}

/// How many retries there are, as Finagle's `RetryBudget` has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudgetSpec {
    /// Retries as a share of the calls (`percentCanRetry`).
    pub share: f64,
    /// Retries a second besides (`minRetriesPerSec`).
    pub per_second: u32,
    /// How long calls and retries count (`ttl`).
    pub ttl: SimDuration,
}

/// What a call is made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallTarget {
    /// A service, by its index in the scenario: the answer is waited for.
    Service(usize),
    /// A queue, by its index in the scenario: a message is produced.
    Queue(usize),
}

/// What chance does to the wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// Nothing.
    #[default]
    None,
    /// Anything up to it, which is ten times the first at most: `JitteredExponentialBackOffStrategy` of
    /// Envoy.
    Envoy,
    /// A fifth less to a fifth more: gRPC's retry design, A6.
    Grpc,
}

impl Jitter {
    /// The wait before the retry of this number, from 1 on; `chance` is asked for a number from 0 to 1.
    pub fn wait(self, first: SimDuration, retry: u32, chance: impl FnOnce() -> f64) -> SimDuration {
        // 2^20 times the first back-off is longer than any run.
        let factor = 1 << (retry - 1).min(20);
        let scaled = |wait: SimDuration, by: f64| SimDuration((wait.0 as f64 * by) as i64);
        match self {
            Self::None => first * factor,
            Self::Envoy => scaled(first * factor.min(10), chance()),
            Self::Grpc => scaled(first * factor, 0.8 + 0.4 * chance()),
        }
    }
}

/// A circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSpec {
    /// It opens after so many failures one after the other.
    pub failures: u32,
    /// How long nothing is sent then, before one attempt is.
    pub open_for: SimDuration,
}

/// Which pod serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balancing {
    /// kube-proxy (iptables, nftables): a random endpoint per connection; a kept-alive
    /// connection stays with its pod.
    #[default]
    RandomPerConnection,
    /// Each request to the next endpoint in turn (ingress-nginx, IPVS rr).
    RoundRobin,
    /// Each request to the endpoint with the fewest requests in it.
    LeastRequest,
    /// One queue for the service, from which pods with a free slot pull (Celery, SQS).
    SharedQueue,
}

/// What one request costs a pod.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestSpec {
    /// CPU time in core-seconds; a request runs on one core at most.
    pub cpu: Dist,
    /// Time spent waiting (I/O, downstream) after the CPU work, in seconds; holds a slot.
    pub wait: Dist,
    /// Memory while in the pod, in bytes.
    pub memory: Dist,
    /// The server's own limit on the time in the pod; the client gets 504.
    pub timeout: Option<SimDuration>,
}

/// Memory of a serving container.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemorySpec {
    /// Held from the start.
    pub base: Bytes,
    /// Growth (a leak) in bytes per second of container uptime.
    pub growth_per_second: f64,
    /// Left behind by each finished request, in bytes (a cache, a leak per request).
    pub retained_per_request: f64,
}

/// Usage stated as curves over the time of the run: no requests needed.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageSpec {
    /// CPU demand in cores from each time on.
    pub cpu: Vec<(SimTime, f64)>,
    /// Memory in bytes of each pod from each time on; added to `memory.base`.
    pub memory: Vec<(SimTime, f64)>,
    /// After this time both curves begin anew, if they do.
    pub period: Option<SimDuration>,
    /// Whether the CPU curve is the service's total or holds for each pod.
    pub split: UsageSplit,
    /// Coefficient of variation of a lognormal factor on the CPU demand, drawn anew per pod
    /// each minute; 0 for none.
    pub cpu_noise_cv: f64,
}

impl UsageSpec {
    /// CPU in cores at a time.
    pub fn cpu_at(&self, now: SimTime) -> f64 {
        self.value_at(&self.cpu, now)
    }

    /// Mean CPU in cores over a stretch of time.
    pub fn mean_cpu(&self, from: SimTime, to: SimTime) -> f64 {
        let next = |now| {
            self.next_change(now)
                .map_or(to, |next: SimTime| next.min(to))
        };
        if next(from) >= to {
            return self.cpu_at(from);
        }
        let (mut now, mut sum) = (from, 0.0);
        while now < to {
            let until = next(now);
            sum += self.cpu_at(now) * (until - now).as_secs_f64();
            now = until;
        }
        sum / (to - from).as_secs_f64()
    }

    /// Memory in bytes at a time.
    pub fn memory_at(&self, now: SimTime) -> f64 {
        self.value_at(&self.memory, now)
    }

    /// When a curve has its next point after a time.
    pub fn next_change(&self, now: SimTime) -> Option<SimTime> {
        let (begun, offset) = self.in_period(now);
        let next = |curve: &[(SimTime, f64)]| {
            let later = curve.get(curve.partition_point(|&(at, _)| at <= offset));
            let anew = || Some(curve.first()?.0 + self.period?);
            let place = later.map(|point| point.0).or_else(anew)?;
            Some(begun + place.since(SimTime::ZERO))
        };
        [next(&self.cpu), next(&self.memory)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the period of a time began, and how far into it that time is.
    fn in_period(&self, now: SimTime) -> (SimTime, SimTime) {
        match self.period {
            Some(period) if now >= SimTime::ZERO => {
                let offset = now.0 % period.0;
                (SimTime(now.0 - offset), SimTime(offset))
            }
            _ => (SimTime::ZERO, now),
        }
    }

    /// The value of a step curve: zero before its first point, and from period to period the last
    /// one's until the first comes again.
    fn value_at(&self, curve: &[(SimTime, f64)], now: SimTime) -> f64 {
        let (begun, offset) = self.in_period(now);
        let last = match curve.partition_point(|&(at, _)| at <= offset) {
            0 if begun > SimTime::ZERO => curve.last(),
            0 => None,
            next => curve.get(next - 1),
        };
        last.map_or(0.0, |point| point.1)
    }
}

/// How a declared CPU curve applies to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageSplit {
    /// The curve is the service's total, split evenly over pods that receive traffic.
    #[default]
    Total,
    /// The curve holds for each pod.
    PerPod,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_in_back_offs_as_envoy_and_grpc_have_it() {
        let waits = |jitter: Jitter, chance: f64| {
            let first = SimDuration::from_millis(100);
            let wait = |retry| jitter.wait(first, retry, || chance);
            [1, 2, 4, 5, 6].map(|retry| wait(retry).0 / 1_000_000)
        };
        assert_eq!(waits(Jitter::None, 0.5), [100, 200, 800, 1600, 3200]);
        assert_eq!(waits(Jitter::Envoy, 0.5), [50, 100, 400, 500, 500]);
        assert_eq!(waits(Jitter::Envoy, 0.0), [0; 5]);
        assert_eq!(waits(Jitter::Grpc, 0.5), [100, 200, 800, 1600, 3200]);
        assert_eq!(waits(Jitter::Grpc, 0.0), [80, 160, 640, 1280, 2560]);
    }

    #[test]
    fn a_curve_with_a_period_goes_on_as_if_it_were_written_out() {
        let at = SimTime::from_secs;
        let curve = |points: &[(i64, f64)]| -> Vec<(SimTime, f64)> {
            points
                .iter()
                .map(|(time, value)| (at(*time), *value))
                .collect()
        };
        let short = UsageSpec {
            cpu: curve(&[(10, 1.0), (40, 2.0)]),
            memory: curve(&[(0, 5.0)]),
            period: Some(SimDuration::from_secs(60)),
            split: UsageSplit::Total,
            cpu_noise_cv: 0.0,
        };
        let cpu = [
            (10, 1.0),
            (40, 2.0),
            (70, 1.0),
            (100, 2.0),
            (130, 1.0),
            (160, 2.0),
        ];
        let long = UsageSpec {
            cpu: curve(&cpu),
            memory: curve(&[(0, 5.0), (60, 5.0), (120, 5.0), (180, 5.0)]),
            period: None,
            ..short.clone()
        };
        for second in 0..180 {
            let now = at(second);
            assert_eq!(short.cpu_at(now), long.cpu_at(now), "{second}");
            assert_eq!(short.memory_at(now), long.memory_at(now), "{second}");
            assert_eq!(short.next_change(now), long.next_change(now), "{second}");
        }
        let means = [(0, 10), (10, 40), (30, 50), (50, 80), (0, 120)];
        let means = means.map(|(from, to)| short.mean_cpu(at(from), at(to)));
        // 60 to 70 belongs to the last point of the period before.
        assert_eq!(means, [0.0, 1.0, 1.5, 5.0 / 3.0, 160.0 / 120.0]);
    }
}
