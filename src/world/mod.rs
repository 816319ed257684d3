//! The only place that knows all subsystems: it owns their state and carries events,
//! effects and observations between them. It moves data and decides nothing.
//!
//! [`run`] simulates a scenario from start to end. An event goes to its subsystem, which
//! answers with effects; effects go to the subsystems they concern, until none is left.

mod apply;
mod autoscale;
mod build;
mod event;
mod pods;
mod sample;
pub mod traffic;
mod usage;
mod vpa;

use crate::autoscaler::hpa::{Controller, PodRequests};
use crate::autoscaler::vpa::recommender::PodKey;
use crate::cluster::{Cluster, EffectLog, PodId};
use crate::load::report::LoadReport;
use crate::metrics::{ContainerId, CustomMetrics, MetricsPodId, Pipeline};
use crate::record::{Detail, LoadRecord, Recorder, Recording};
use crate::scenario::Scenario;
use crate::sim::{EventQueue, SimTime, Stream};
use traffic::{NodeCpuId, ServerId, Traffic};

pub use event::Event;

/// What a run leaves behind.
pub struct Finished {
    /// What happened.
    pub recording: Recording,
    /// Events handled.
    pub events: u64,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The caller asked to stop.
    #[error("interrupted at {0}")]
    Interrupted(SimTime),
    /// Time does not advance any more.
    #[error("more than {0} events at {1}: something schedules itself without delay (seed {2})")]
    Stuck(u64, SimTime, u64),
    /// Something was lost or made up: a bug.
    #[error("invariant broken at {0}, seed {1}: {2}. Please report this with the scenario")]
    Broken(SimTime, u64, String),
}

/// Events at one instant that are taken for an endless loop.
const STUCK_AFTER: u64 = 50_000_000;
/// Events between two calls of the progress function.
const PROGRESS_EVERY: u64 = 1 << 16;

/// What the world knows of a pod besides the cluster.
#[derive(Debug, Clone, Default)]
struct PodLink {
    pod: Option<PodId>,
    metrics: Option<MetricsPodId>,
    containers: Vec<Option<ContainerId>>,
    server: Option<ServerId>,
    /// The container that the server is, if there is one.
    serving: u16,
    /// The load and client that a Job's pod is.
    client: Option<(usize, u32)>,
    /// Its key in its VPA's recommender.
    vpa: Option<PodKey>,
    /// What it requests, where that is not what its template says.
    requests: Option<PodRequests>,
    /// Its place in the recording's pods.
    record: usize,
}

/// All state of a run.
struct World<'s> {
    scenario: &'s Scenario,
    queue: EventQueue<Event>,
    cluster: Cluster,
    traffic: Traffic,
    metrics: Pipeline,
    custom: CustomMetrics,
    hpas: Vec<Controller>,
    vpas: vpa::Vpas,
    links: build::Links,
    pods: Vec<PodLink>,
    /// The pod of each server, by slot.
    server_pods: Vec<Option<PodId>>,
    /// Servers that are gone and that kube-proxy may not have forgotten yet, with their pods.
    stopped: Vec<(PodId, ServerId)>,
    nodes: Vec<NodeCpuId>,
    log: EffectLog,
    recorder: Recorder,
    usage: sample::UsageTotals,
    /// Draws of the HPAs' phases.
    stream: Stream,
    /// Draws of the VPA components' phases.
    vpa_stream: Stream,
}

/// Simulates a scenario. `progress` hears the simulated time now and then; the run stops when
/// it returns false.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    detail: Detail,
    mut progress: impl FnMut(SimTime) -> bool,
) -> Result<Finished, RunError> {
    let scenario = &*build::simulated(scenario);
    let mut world = World::new(scenario, seed, detail);
    world.start();
    let end = scenario.simulation.end();
    let (mut events, mut instant, mut at_instant) = (0u64, SimTime::ZERO, 0u64);
    while world.queue.peek_time().is_some_and(|time| time <= end) {
        let Some((now, event)) = world.queue.pop() else {
            break;
        };
        events += 1;
        if now > instant {
            (instant, at_instant) = (now, events);
        } else if events - at_instant > STUCK_AFTER {
            return Err(RunError::Stuck(STUCK_AFTER, now, seed));
        }
        if events.is_multiple_of(PROGRESS_EVERY) && !progress(now) {
            return Err(RunError::Interrupted(now));
        }
        world.dispatch(now, event);
    }
    world
        .check(end)
        .map_err(|broken| RunError::Broken(end, seed, broken))?;
    Ok(world.finish(end, events))
}

impl World<'_> {
    fn dispatch(&mut self, now: SimTime, event: Event) {
        match event {
            Event::Traffic(event) => {
                self.traffic
                    .handle(event, now, &mut self.queue, &mut self.recorder);
            }
            Event::Cluster(event) => {
                self.cluster
                    .handle(event, now, &mut self.queue, &mut self.log);
            }
            Event::Metrics(event) => self.handle_metrics(event, now),
            Event::Hpa(index) => self.sync_hpa(usize::from(index), now),
            Event::VpaRecommender => self.recommend_vpas(now),
            Event::VpaUpdater => self.update_vpas(now),
            Event::Sample => self.sample(now),
            Event::Counters => self.read_counters(now),
        }
        self.apply_effects(now);
    }

    /// The conservation laws: nothing is lost, nothing is made up.
    fn check(&self, end: SimTime) -> Result<(), String> {
        self.traffic
            .ledger(end)
            .check()
            .map_err(|imbalance| imbalance.to_string())?;
        self.cluster.audit()
    }

    fn finish(mut self, end: SimTime, events: u64) -> Finished {
        let full = self.recorder.detail == Detail::Full;
        if full {
            self.write_checkpoints(end);
        }
        let mut recording = self.recorder.finish();
        for (load, record) in recording.loads.iter_mut().enumerate() {
            fill(record, &self.traffic.load_report(load, end), full);
        }
        Finished { recording, events }
    }
}

/// Keeps what a load's tool has to tell.
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
