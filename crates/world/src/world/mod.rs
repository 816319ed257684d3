//! The driver: it owns the queue, the store and the list of the components, and carries events,
//! changes and observations between them. It moves data and decides nothing.
//!
//! [`Simulation`] can be stepped, looked into and acted upon; [`run`] simulates a scenario from
//! start to end. An event goes to the component that it names; what that writes to the store
//! leaves changes behind, which go to every component, until none is left.

mod act;
mod autoscale;
mod build;
mod carry;
mod cluster_autoscaler;
mod command_watch;
mod components;
mod drain;
mod endpoint_objects;
mod event;
mod event_objects;
mod faults;
mod holdable;
mod karpenter;
mod keda;
mod load_steps;
mod machines;
mod manifests;
mod node_waits;
mod pods;
mod prometheus;
mod registry;
mod requests;
mod sample;
mod spot;
mod start;
mod step;
pub mod traffic;
mod usage;
mod vpa;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::api::{Change, EventSink, PodDraws, PodId, Store, WorkloadId};
use crate::autoscaler::hpa::PodRequests;
use crate::cloud::Cloud;
use crate::controller::{
    PodControl, cronjob, daemonset, deployment, endpoints, garbage_collector, job, node_lifecycle,
    podautoscaler, replicaset, statefulset, taint_eviction,
};
use crate::kubelet::Kubelet;
use crate::load::report::LoadReport;
use crate::metrics::{ContainerId, CustomMetrics, MetricsPodId, Pipeline};
use crate::record::cost;
use crate::record::{Counts, Detail, LoadRecord, Recorder, Recording};
use crate::scenario::Scenario;
use crate::scheduler::Scheduler;
use crate::sim::{EventQueue, MOST_PENDING, SimTime, Stream};
use traffic::{ServerId, Traffic};

pub use event::Event;
pub use event_objects::EventObjects;
pub use prometheus::{PrometheusEvent, QueryFailure};

/// What a run leaves behind.
pub struct Finished {
    /// What happened.
    pub recording: Recording,
    /// Events handled.
    pub events: u64,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The caller asked to stop.
    #[error("interrupted at {0}")]
    Interrupted(SimTime),
    /// Time does not advance any more.
    #[error("more than {0} events at {1}: something schedules itself without delay (seed {2})")]
    Stuck(u64, SimTime, u64),
    /// Too much is going on at once to be kept in memory.
    #[error(
        "more than {MOST_PENDING} events are pending at {0}: fewer clients, fewer pods or a smaller backlog are needed"
    )]
    TooManyEvents(SimTime),
    /// A conservation law is violated: a bug.
    #[error("invariant broken at {0}, seed {1}: {2}. Please report this with the scenario")]
    Broken(SimTime, u64, String),
}

/// Events at one instant that are taken for an endless loop.
const STUCK_AFTER: u64 = 50_000_000;
/// Events between two calls of the progress function.
const PROGRESS_EVERY: u64 = 1 << 12;

/// What the data plane knows of a pod besides its object.
#[derive(Debug, Clone)]
struct PodLink {
    pod: Option<PodId>,
    metrics: Option<MetricsPodId>,
    /// The measurements of its containers, then of its sidecars.
    containers: Vec<Option<ContainerId>>,
    server: Option<ServerId>,
    /// The container that the server is, if there is one.
    serving: u16,
    /// The load and client that a Job's pod is.
    client: Option<(usize, u32)>,
    /// What the VPA's recommender knows it as.
    vpa: Option<vpa::KnownPod>,
    /// Its containers that have more CPU while they start.
    boost: Option<vpa::Boosted>,
    /// What it requests, as the HPA reads it.
    requests: Arc<PodRequests>,
    /// Its place in the recording's pods.
    record: usize,
}

impl Default for PodLink {
    fn default() -> Self {
        // Made and thrown away with each pod: one set of no requests serves them all.
        static NONE: LazyLock<Arc<PodRequests>> = LazyLock::new(Arc::default);
        Self {
            pod: None,
            metrics: None,
            containers: Vec::new(),
            server: None,
            serving: 0,
            client: None,
            vpa: None,
            boost: None,
            requests: Arc::clone(&NONE),
            record: 0,
        }
    }
}

/// The control plane's components, each under its own name.
#[derive(Debug, Clone)]
struct Components {
    pod_control: PodControl,
    deployments: deployment::adapter::Controller,
    replica_sets: replicaset::Controller,
    stateful_sets: statefulset::adapter::Controller,
    daemon_sets: daemonset::adapter::Controller,
    jobs: job::Controller,
    cron_jobs: cronjob::adapter::Controller,
    autoscalers: podautoscaler::Controller,
    endpoints: endpoints::Controller,
    garbage_collector: garbage_collector::Controller,
    node_lifecycle: node_lifecycle::Controller,
    taint_eviction: taint_eviction::Controller,
    scheduler: Scheduler,
    kubelet: Kubelet,
}

/// A cluster under simulation: the objects, the components, the machines, the clock.
pub struct Simulation<'s> {
    scenario: &'s Scenario,
    seed: u64,
    queue: EventQueue<Event>,
    store: Store,
    draws: PodDraws,
    events: EventSink,
    components: Components,
    traffic: Traffic,
    metrics: Pipeline,
    custom: CustomMetrics,
    prometheus: Option<Box<prometheus::Prometheus>>,
    hpas: autoscale::Hpas,
    vpas: vpa::Vpas,
    keda: keda::Keda,
    links: build::Links,
    requests: requests::TemplateRequests,
    pods: Vec<PodLink>,
    /// What metrics-server has of StatefulSets' pods that are gone, by ordinal.
    former: BTreeMap<(WorkloadId, u32), MetricsPodId>,
    manifests: manifests::Manifests,
    /// `kubectl drain`s that wait for pods; none where they have ended.
    drains: Vec<Option<drain::Draining>>,
    /// Commands that wait for objects; none where they have ended.
    watches: Vec<Option<command_watch::Waiting>>,
    watching: usize,
    /// The pod of each server, by slot.
    server_pods: Vec<Option<PodId>>,
    /// Servers that are gone and that kube-proxy may not have forgotten yet, with their pods.
    stopped: Vec<(PodId, ServerId)>,
    /// Servers of pods among the endpoints of another service, with its number.
    lent: Vec<(PodId, usize, ServerId)>,
    /// The cloud that the nodes come from.
    cloud: Cloud,
    /// What makes nodes come and go, if something does.
    cluster_autoscaler: Option<cluster_autoscaler::ClusterAutoscaler>,
    karpenter: Option<Box<karpenter::Karpenter>>,
    /// The machine of each node, by slot.
    machines: Vec<machines::Machine>,
    recorder: Recorder,
    /// The recording's place of each workload.
    records_of: Vec<usize>,
    /// By place: the counts of pods that the recorder was told last.
    counts_told: Vec<Option<Counts>>,
    usage: sample::UsageTotals,
    /// The random stream of the HPAs' phases.
    stream: Stream,
    /// The random stream of the VPA components' phases.
    vpa_stream: Stream,
    /// Changes since the last call, while watched.
    watched: Option<Vec<(SimTime, Change)>>,
    /// The time reached, where that is later than the last event.
    clock: SimTime,
    handled: u64,
    /// The instant of the last event, and how many had been handled when it began.
    instant: (SimTime, u64),
}

/// Simulates a scenario. `progress` hears the simulated time now and then; the run stops when
/// it returns false.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    detail: Detail,
    mut progress: impl FnMut(SimTime) -> bool,
) -> Result<Finished, RunError> {
    let mut simulation = Simulation::with_detail(scenario, seed, detail);
    let end = scenario.simulation.end();
    let mut told = 0;
    while let Some(now) = simulation.step(end)? {
        if simulation.handled - told >= PROGRESS_EVERY {
            told = simulation.handled;
            if !progress(now) {
                return Err(RunError::Interrupted(now));
            }
        }
    }
    simulation.finish()
}

impl<'s> Simulation<'s> {
    /// The cluster of a scenario at time zero, with everything recorded and the log of writes
    /// kept.
    pub fn new(scenario: &'s Scenario, seed: u64) -> Self {
        let store = Store::with_log();
        Self::started(scenario, seed, Detail::Full, store)
    }

    /// The cluster of a scenario at time zero, without the log of writes. Statuses of HPAs and
    /// Deployments are written to the store only if the scenario has commands, which may ask for them.
    pub fn with_detail(scenario: &'s Scenario, seed: u64, detail: Detail) -> Self {
        Self::started(scenario, seed, detail, Store::default())
    }

    fn started(scenario: &'s Scenario, seed: u64, detail: Detail, store: Store) -> Self {
        let mut simulation = Self::build(scenario, seed, detail, store);
        simulation.start();
        simulation.tell_all_shown();
        simulation
    }

    /// Checks the conservation laws.
    fn check(&self, end: SimTime) -> Result<(), String> {
        self.traffic
            .ledger(end)
            .check()
            .map_err(|imbalance| imbalance.to_string())?;
        self.traffic.audit_queues()?;
        self.traffic.audit_calls()?;
        self.store.audit()
    }

    /// Runs to the scenario's end, checks the conservation laws and gives the recording.
    pub fn finish(mut self) -> Result<Finished, RunError> {
        let end = self.scenario.simulation.end();
        self.step_until(end)?;
        self.check(end)
            .map_err(|broken| RunError::Broken(end, self.seed, broken))?;
        self.finish_waits(end);
        self.record_requests_at_end();
        let full = self.recorder.detail == Detail::Full;
        if full {
            self.write_checkpoints(end);
        }
        self.tell_windows();
        self.record_forecasts();
        let events = self.handled;
        let mut recording = self.recorder.finish();
        cost::check(&recording).map_err(|broken| RunError::Broken(end, self.seed, broken))?;
        for (service, record) in recording.services.iter_mut().enumerate() {
            record.passed_by = self.traffic.passed_by(service);
        }
        for (queue, record) in recording.queues.iter_mut().enumerate() {
            record.cold_starts = self.traffic.cold_starts(queue);
        }
        for (load, record) in recording.loads.iter_mut().enumerate() {
            fill(record, &self.traffic.load_report(load, end), full);
        }
        Ok(Finished { recording, events })
    }
}

/// Keeps the report of a load.
fn fill(record: &mut LoadRecord, report: &LoadReport, printed: bool) {
    let answers = &report.answers;
    record.ended = report.ended;
    record.tool = report.tool_name();
    record.seconds = report.seconds();
    record.requests = answers.total();
    record.outcomes = vec![
        ("ok", answers.ok),
        ("status_503", answers.status_503),
        ("status_504", answers.status_504),
        ("status_429", answers.status_429),
        ("timeout", answers.timeout),
        ("refused", answers.refused),
        ("reset", answers.reset),
    ];
    record.requests_per_second = report.requests_per_second();
    record.mean_ms = report.latency.mean_ms;
    record.min_ms = report.latency.min_ms;
    record.max_ms = report.latency.max_ms;
    record.percentiles = report.percentiles();
    if printed {
        record.printed = report.to_string();
    }
}
