//! How the pods behind a service behave: parameters only, as the scenario states them.

use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// A service: one workload's pods and what a request costs them. By default requests cost
/// nothing and nothing is limited.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceSpec {
    /// Name in outputs: the Kubernetes Service's, or the workload's.
    pub name: String,
    /// Host names under which loads reach it.
    pub hosts: Vec<String>,
    /// The workload whose pods serve: its index in the scenario's workloads.
    pub workload: usize,
    /// The container that does the work: its index in the pod template.
    pub container: usize,
    /// Which pod a connection or request goes to.
    pub balancing: Balancing,
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
    /// Whether the CPU curve is the service's total or holds for each pod.
    pub split: UsageSplit,
    /// Coefficient of variation of a lognormal factor on the CPU demand, drawn anew per pod
    /// each minute; 0 for none.
    pub cpu_noise_cv: f64,
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
