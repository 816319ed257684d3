//! What a run leaves behind.

use std::borrow::Cow;
use std::sync::Arc;

use super::calls::CallRecord;
use super::cost::{Commitment, ComputeClass, Costs, IdleShare, PodSizes};
use super::curve::Curve;
use super::decisions::DecisionLog;
use super::episodes::Episodes;
use super::events::EventLog;
use super::fold::Folded;
use super::hpas::HpaRecord;
use super::node_autoscaler::NodeAutoscalerRecord;
use super::packed::{Differ, Packed, read_changed, write_changed};
use super::per_load::LoadCounts;
use super::queues::QueueRecord;
use super::vpa::{DisruptionRecord, VpaRecord};
use super::windows::{LatencyStats, Window};
use crate::sim::{SimDuration, SimTime};

/// Pods of a workload by stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not on a node yet.
    pub pending: u32,
    /// On a node, not running yet.
    pub starting: u32,
    /// Running, not ready.
    pub running: u32,
    /// Ready.
    pub ready: u32,
    /// Deleted, still there.
    pub terminating: u32,
}

/// Which of them differ, and by how much.
impl Differ for Counts {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        write_changed(&self.list(), &before.list(), to);
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        let [pending, starting, running, ready, terminating] = read_changed(before.list(), from);
        Self {
            pending,
            starting,
            running,
            ready,
            terminating,
        }
    }
}

impl Counts {
    fn list(&self) -> [u32; 5] {
        [
            self.pending,
            self.starting,
            self.running,
            self.ready,
            self.terminating,
        ]
    }
}

/// What is known of a workload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkloadRecord {
    /// Kind.
    pub kind: Cow<'static, str>,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// Pods by stage.
    pub counts: Curve<Counts>,
    /// CPU that a pod requests, in cores.
    pub cpu_request: f64,
    /// CPU that a pod uses without requests, in cores: its background and its sidecars.
    pub cpu_background: f64,
    /// Its node selector as `key=value, …`, if no node of the cluster satisfies it.
    pub unmet_selector: Option<String>,
    /// Whether it is a load's Job.
    pub is_load: bool,
    /// The class of machines that its pods ask for.
    pub class: ComputeClass,
    /// Cores and GiB that GKE Autopilot adds to a pod for containers that request nothing.
    pub unstated: (f64, f64),
}

impl WorkloadRecord {
    /// `Kind/name`, as events name it.
    pub fn object(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// One row of the series of a service.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// End of the step.
    pub time: SimTime,
    /// CPU that its pods used on average over the step, in cores.
    pub cpu_used: f64,
    /// CPU that its ready pods request, in cores.
    pub cpu_requested: f64,
    /// CPU that the requests issued in the step ask for, per second, in cores.
    pub cpu_offered: f64,
    /// Requests issued in the step, per second.
    pub issued: f64,
    /// Memory that its pods hold, in bytes.
    pub memory_used: f64,
    /// Memory that its ready pods request, in bytes.
    pub memory_requested: f64,
    /// Requests in service.
    pub in_service: u32,
    /// Requests waiting.
    pub queued: u32,
}

/// When, which of its values differ, and how.
impl Differ for Sample {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        self.time.write(&before.time, to);
        write_changed(&self.floats(), &before.floats(), to);
        write_changed(&self.counts(), &before.counts(), to);
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        let time = SimTime::read(&before.time, from);
        let [
            cpu_used,
            cpu_requested,
            cpu_offered,
            issued,
            memory_used,
            memory_requested,
        ] = read_changed(before.floats(), from);
        let [in_service, queued] = read_changed(before.counts(), from);
        Self {
            time,
            cpu_used,
            cpu_requested,
            cpu_offered,
            issued,
            memory_used,
            memory_requested,
            in_service,
            queued,
        }
    }
}

impl Sample {
    fn floats(&self) -> [f64; 6] {
        [
            self.cpu_used,
            self.cpu_requested,
            self.cpu_offered,
            self.issued,
            self.memory_used,
            self.memory_requested,
        ]
    }

    fn counts(&self) -> [u32; 2] {
        [self.in_service, self.queued]
    }
}

/// What is known of a service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceRecord {
    /// Namespace of its pods.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// Its workload.
    pub workload: usize,
    /// One sample per step.
    pub samples: Packed<Sample>,
    /// What is promised to its clients.
    pub objective: Objective,
    /// Requests by window of arrival.
    pub windows: Vec<Window>,
    /// Requests after the warm-up refused by pods whose application had not started.
    pub too_early: u64,
    /// Ready pods that got no request while many came over connections kept to others.
    pub passed_by: u64,
    /// Latency over all requests after the warm-up.
    pub latency: LatencyStats,
}

/// A command that was typed during the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRecord {
    /// When.
    pub time: SimTime,
    /// The command as typed.
    pub command: String,
    /// What it printed, line by line.
    pub printed: Vec<String>,
    /// Whether it failed.
    pub failed: bool,
}

/// Something that went wrong from outside, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRecord {
    /// When it began.
    pub from: SimTime,
    /// When it was over, if it was.
    pub until: Option<SimTime>,
    /// What it was, as a sentence begins: `metrics-server was down`.
    pub what: String,
    /// Syncs of HPAs that ended with an error meanwhile.
    pub failed_syncs: u64,
    /// Pods that ended with it.
    pub lost_pods: u64,
    /// Passes over VPAs that were missed meanwhile.
    pub missed_passes: u64,
}

/// A spot node that the provider took back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterruptionRecord {
    /// When it gave notice.
    pub time: SimTime,
    /// The node's group.
    pub group: String,
    /// Its name.
    pub node: String,
    /// Pods that had to leave.
    pub evicted: u64,
    /// Pods that had not ended when it went.
    pub killed: u64,
}

/// The life of a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct PodRecord {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// Its workload.
    pub workload: usize,
    /// When it was created; pods that were there at the start count from 0.
    pub created: SimTime,
    /// When it got a node.
    pub scheduled: Option<SimTime>,
    /// When its first container started.
    pub started: Option<SimTime>,
    /// When it was ready for the first time.
    pub ready: Option<SimTime>,
    /// When its object went away.
    pub deleted: Option<SimTime>,
    /// CPU that it requests, in cores.
    pub cpu_request: f64,
    /// Memory that it requests, in GiB.
    pub memory_request: f64,
    /// Requests after each resize in place: from when, cores and GiB.
    pub resized: Vec<(SimTime, f64, f64)>,
}

impl PodRecord {
    /// Cores and GiB that it requests as far as is known.
    pub fn requested(&self) -> (f64, f64) {
        let last = self.resized.last();
        last.map_or((self.cpu_request, self.memory_request), |last| {
            (last.1, last.2)
        })
    }

    /// What it requested from `since` on: from when to when (its deletion, if it was deleted),
    /// cores, GiB; one entry more than it was resized.
    pub fn requests(
        &self,
        since: SimTime,
    ) -> impl Iterator<Item = (SimTime, Option<SimTime>, f64, f64)> {
        let first = (since, self.cpu_request, self.memory_request);
        let phases = std::iter::once(first).chain(self.resized.iter().copied());
        phases.enumerate().map(|(place, (from, cores, gib))| {
            let next = self.resized.get(place).map(|next| next.0);
            (from, next.or(self.deleted), cores, gib)
        })
    }
}

/// The life of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRecord {
    /// Name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// When it was launched.
    pub started: SimTime,
    /// When it was terminated.
    pub ended: Option<SimTime>,
    /// Its instance type, if it has one.
    pub instance_type: Option<String>,
    /// Price per hour, in dollars; where it changes, before the first change.
    pub price_per_hour: f64,
    /// What it would cost an hour on demand, in dollars.
    pub list_price: f64,
    /// Prices per hour from each time on, where it changes.
    pub prices: Arc<[(SimTime, f64)]>,
    /// Whether it is a spot node.
    pub spot: bool,
    /// CPU for pods, in cores.
    pub cpu: f64,
    /// Memory for pods, in GiB.
    pub memory: f64,
    /// Cores and GiB of these that DaemonSets request which are not simulated.
    pub system: (f64, f64),
    /// Whether the provider gives back what it cost.
    pub refunded: bool,
}

/// A load: when it ran and what its tool has to tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadRecord {
    /// Namespace of its Job; empty if it is no object of the cluster.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// The loaded service.
    pub service: usize,
    /// Its start.
    pub started: SimTime,
    /// Its end, if it ended.
    pub ended: Option<SimTime>,
    /// The tool.
    pub tool: &'static str,
    /// Seconds that it ran.
    pub seconds: f64,
    /// Requests that it sent in the whole run.
    pub sent: u64,
    /// Those without an answer at the end of the run.
    pub unanswered: u64,
    /// Its requests after the warm-up, by the cluster's clock.
    pub counts: LoadCounts,
    /// Requests of which the tool knows the end.
    pub requests: u64,
    /// How they ended: name and count.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Requests per second by the tool's own arithmetic.
    pub requests_per_second: f64,
    /// Mean latency in milliseconds.
    pub mean_ms: f64,
    /// Least latency in milliseconds.
    pub min_ms: f64,
    /// Largest latency in milliseconds.
    pub max_ms: f64,
    /// Percentiles by the tool's own rule: percent and milliseconds.
    pub percentiles: Vec<(u8, f64)>,
    /// What the tool prints at its end.
    pub printed: String,
}

/// The service level objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The latency percentile that is bounded, in percent.
    pub percentile: f64,
    /// Its bound.
    pub latency: Option<SimDuration>,
    /// Largest share of failed requests.
    pub error_rate: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            percentile: 95.0,
            latency: None,
            error_rate: 1.0,
        }
    }
}

/// Prices of what pods request, in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// A core for an hour.
    pub cpu_hour: f64,
    /// A GiB for an hour.
    pub gib_hour: f64,
    /// A core and a GiB for an hour in other classes of machines.
    pub classes: [Option<(f64, f64)>; 3],
    /// What they are rounded up to.
    pub pods: PodSizes,
    /// Billed at least per pod, in seconds.
    pub minimum_seconds: f64,
    /// The cluster's fee for an hour.
    pub cluster_hour: f64,
    /// Billed at least per node, in seconds.
    pub node_minimum_seconds: f64,
    /// Reference prices of a core and of a GiB for an hour: how a node's price is shared between
    /// the two.
    pub reference: (f64, f64),
    /// What the provider pays of the run, in dollars.
    pub credit: f64,
    /// Who pays for what is idle.
    pub idle: IdleShare,
}

impl Default for Prices {
    /// Requests cost nothing. Nodes have the minimum of per-second billing at AWS (Linux) and
    /// GCE, and OpenCost's reference prices.
    fn default() -> Self {
        Self {
            cpu_hour: 0.0,
            gib_hour: 0.0,
            classes: [None; 3],
            pods: PodSizes::AsRequested,
            minimum_seconds: 0.0,
            cluster_hour: 0.0,
            node_minimum_seconds: 60.0,
            reference: (0.031_611, 0.004_237),
            credit: 0.0,
            idle: IdleShare::Separate,
        }
    }
}

impl Prices {
    /// What a pod costs for an hour that requests these cores and GiB, and has containers without
    /// requests.
    pub fn rate(&self, class: ComputeClass, unstated: (f64, f64), (cores, gib): (f64, f64)) -> f64 {
        let (cores, gib) = if self.pods.adds_for_containers() {
            (cores + unstated.0, gib + unstated.1)
        } else {
            (cores, gib)
        };
        let (cores, gib) = self.pods.billed(class, cores, gib);
        let own = self.classes.get(class as usize).copied().flatten();
        let (core, amount) = own.unwrap_or((self.cpu_hour, self.gib_hour));
        cores * core + gib * amount
    }
}

impl Recording {
    /// Whether a time lies in the last quarter of the run.
    pub fn is_last_quarter(&self, time: SimTime) -> bool {
        time.0 >= self.duration.0 / 4 * 3
    }
}

/// Everything that a run leaves behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recording {
    /// Length of the run.
    pub duration: SimDuration,
    /// Calendar time of its start, in seconds since 1970, if the scenario has one.
    pub start: Option<i64>,
    /// Time that the analysis leaves out.
    pub warm_up: SimDuration,
    /// Distance of samples and length of windows.
    pub step: SimDuration,
    /// What pods cost by their requests.
    pub prices: Prices,
    /// What is paid for in advance.
    pub commitments: Vec<Commitment>,
    /// What it all cost, and who pays.
    pub costs: Costs,
    /// HPAs.
    pub hpas: Vec<HpaRecord>,
    /// Workloads.
    pub workloads: Vec<WorkloadRecord>,
    /// Services.
    pub services: Vec<ServiceRecord>,
    /// Whether some service limits the rate of its requests: only then is anything answered with 429.
    pub limits_rates: bool,
    /// Calls from services to services and queues: the services in order, of each its calls in order.
    pub calls: Vec<CallRecord>,
    /// Queues.
    pub queues: Vec<QueueRecord>,
    /// Commands typed during the run, in order.
    pub actions: Vec<ActionRecord>,
    /// Faults, in order of their beginnings.
    pub faults: Vec<FaultRecord>,
    /// What went on for a while.
    pub episodes: Episodes,
    /// Spot nodes that were taken back, in order.
    pub interruptions: Vec<InterruptionRecord>,
    /// Events in order.
    pub events: EventLog,
    /// Decisions in order.
    pub decisions: DecisionLog,
    /// Pods in order of creation.
    pub pods: Vec<PodRecord>,
    /// Nodes.
    pub nodes: Vec<NodeRecord>,
    /// The node autoscaler, if there is one.
    pub node_autoscaler: Option<NodeAutoscalerRecord>,
    /// Loads.
    pub loads: Vec<LoadRecord>,
    /// VPAs.
    pub vpas: Vec<VpaRecord>,
    /// Evictions, resizes and OOM kills in order.
    pub disruptions: Vec<DisruptionRecord>,
    /// What all of it adds up to, if it was added up while the run went on.
    pub folded: Option<Folded>,
}
