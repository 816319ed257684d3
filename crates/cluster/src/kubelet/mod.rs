//! The kubelets: pull, start, readiness, restarts, resizes, termination.
//!
//! Follows `pkg/kubelet` (prober/worker.go, kuberuntime_manager.go) in its timing; every
//! length is a parameter of the scenario.

mod active_deadline;
mod admission;
mod config;
mod cpu_weight;
pub mod crash_loop;
mod events;
pub mod eviction;
mod init;
mod kill;
mod oom;
mod post_start;
mod pre_stop;
mod pressure;
mod probe;
mod probe_text;
mod prober;
mod pull;
mod redefine;
mod resize;
mod restart;
mod schedulable;
mod shutdown;
mod sidecar;
mod silence;
mod start;
mod stop;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::api::{Change, Context, NodeId, ObjectId, Pod, PodId, What, WorkloadId};
use crate::cluster::spec::{ClusterConfig, StartupSpec};
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;
use crash_loop::CrashLoop;
use init::Init;
use post_start::UnderWay;
use pressure::Pressure;
use prober::{Probed, Probing};
use pull::Pulling;
use shutdown::ShuttingDown;
use silence::Missed;

pub use config::{ConfigKey, ConfigKeys};
pub use cpu_weight::cpu_weight;
pub use pressure::Offender;
pub use resize::{NodeCapacity, ResizeError};
pub use silence::Silence;

/// The memory that a container holds, where that is not what its template says.
pub type MemoryStats<'a> = &'a dyn Fn(PodId, usize) -> Option<Bytes>;

/// How long one more request would take in a pod; None if it would be turned away.
pub type Answers<'a> = &'a dyn Fn(PodId) -> Option<SimDuration>;

/// Timers of a kubelet.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A pod's containers start; the number tells starts apart.
    Start(PodId, u16),
    /// The registry does not have a pod's image.
    PullFailed(PodId, u16),
    /// A pod whose image could not be pulled is looked at.
    LookAtPull(PodId, u16),
    /// A container starts again after a crash.
    Restart(PodId, u16),
    /// The application has started up.
    AppStarted(PodId, u16),
    /// The readiness probe has succeeded often enough.
    Ready(PodId, u16),
    /// The readiness probe has failed often enough.
    NotReady(PodId, u16),
    /// A probe is sent.
    Probe(PodId, u16, Probed),
    /// A probe of a sidecar is sent; the number tells its starts apart.
    ProbeSidecar(PodId, u16, Probed),
    /// An init container starts again; the number of the start before, and its place.
    StartInit(PodId, u16, u16),
    /// The command of an init container is over; the number of its start, and its place.
    InitEnds(PodId, u16, u16),
    /// A postStart hook is over; the number tells hooks apart.
    PostStart(PodId, u16),
    /// A preStop hook ends with a failure.
    PreStopFails(PodId),
    /// A container whose probe has failed gets SIGTERM.
    StopContainer(PodId, u16),
    /// It has ended.
    ContainerEnds(PodId, u16),
    /// Its grace period is over: SIGKILL.
    KillContainer(PodId, u16),
    /// A Job's containers have done their work.
    Completed(PodId, u16),
    /// The time of a pod with `activeDeadlineSeconds` may be over.
    Deadline(PodId),
    /// The preStop hook is over: SIGTERM.
    Terminate(PodId),
    /// The containers have exited after SIGTERM.
    Exit(PodId),
    /// The grace period is over: SIGKILL.
    Kill(PodId),
    /// The pod object goes away.
    Remove(PodId),
    /// The kubelet looks at a resize; the number tells resizes apart.
    Resize(PodId, u16),
    /// A resize is in force.
    Resized(PodId, u16),
    /// The eviction manager of a node looks at its memory.
    Monitor(NodeId),
    /// The kernel of a node with little memory left is looked at.
    Exhaustion(NodeId),
    /// A node goes on shutting down.
    ShutDown(NodeId),
    /// A kubelet posts whether its node is cordoned.
    PostSchedulable(NodeId),
    /// A kubelet posts which images its node has.
    PostImages(NodeId),
    /// A kubelet that was silent posts its node's status.
    PostNode(NodeId),
    /// A kubelet that was silent posts what its pods' statuses are.
    PostPods(NodeId),
}

/// What a kubelet knows of a pod besides its object (a pod worker).
#[derive(Debug, Clone, Default)]
struct Worker {
    /// Counts starts, so that events of an earlier start are recognised.
    run: u16,
    /// Counts resizes, so that events of an earlier one are recognised.
    resizes: u16,
    /// Until when its resize, which has no room, is not looked at again unless there may be some.
    resize_rests: SimTime,
    /// How its image is pulled.
    pulling: Pulling,
    /// The pull of the first container's image, if the node did not have it.
    pull: Option<events::Pull>,
    /// When the kubelet saw the pod first: its probes' tickers count from there.
    admitted: SimTime,
    /// What the prober knows of each container, if it sends probes.
    probing: Vec<Probing>,
    /// When the pod is Ready as far as its started containers are concerned; None if never.
    ready_at: Option<SimTime>,
    /// What is known of its init containers, as far as they have been started.
    inits: Vec<Init>,
    /// When the preStop hooks of its sidecars are over.
    sidecars_stop: SimTime,
    /// Whether its containers are ready, whatever its sidecars are.
    mains_ready: bool,
    /// Whether a readiness probe that is sent on and on has failed, or not succeeded yet.
    unanswered: bool,
    /// The container that is being killed because of its probe.
    killing: Option<u16>,
    /// Whether SIGTERM was sent.
    terminating: bool,
    /// The back-off of each container.
    crash_loops: Vec<CrashLoop>,
    /// How many containers have been begun with, where there are postStart hooks.
    begun: u16,
    /// Counts postStart hooks, so that an earlier one is recognised.
    hooks: u16,
    /// The hook that is under way.
    hook: Option<UnderWay>,
    /// Containers, by their places among those that last, whose preStop hooks take longer than
    /// they may.
    broken_off: Vec<u16>,
    /// How often its volumes could not be mounted.
    mounts_failed: u32,
    /// Since when the sync that waits for hooks starts containers.
    starts_from: Option<SimTime>,
    /// When the application answers first, of a serving container that such a sync has started.
    answers: Option<SimTime>,
    /// Containers whose images have changed, which are to start again.
    redefined: Vec<u16>,
    /// Why the kubelet ends the pod by itself, if it does: reason and message.
    ending: Option<Arc<(Cow<'static, str>, String)>>,
    /// Whether a resize under way changes a container's CPU or its memory.
    changed: Vec<[bool; 2]>,
}

/// What a kubelet knows of its node's images.
#[derive(Debug, Clone, Default)]
struct Images {
    /// When it has each image, if it was asked for.
    present_at: Vec<Option<SimTime>>,
    /// When the last pull of each lane ends: there are as many as pulls at a time.
    pulls_until: Vec<SimTime>,
    /// Images of known sizes that the node's status does not show yet.
    untold: Vec<(usize, Bytes)>,
}

/// The kubelets of all nodes.
#[derive(Debug, Clone)]
pub struct Kubelet {
    config: ClusterConfig,
    /// How long pods of each workload take to come and go.
    startups: Vec<StartupSpec>,
    workers: Vec<Worker>,
    /// The names of all images; nodes know them by their places.
    images: IndexSet<String, FxBuildHasher>,
    on_nodes: Vec<Images>,
    /// Pods with a resize that is not in force yet, oldest first.
    resizing: Vec<PodId>,
    /// What nodes pull in a second, by group.
    bandwidths: Vec<Bytes>,
    /// Images that cannot be pulled.
    failing: Vec<String>,
    /// ConfigMaps and Secrets that somebody knows of.
    configs: BTreeMap<ConfigKey, config::Config>,
    /// Slows image pulls by a factor, or sets their length.
    slowness: (f64, Option<SimDuration>),
    /// Ended runs of Jobs' containers by workload, where their exit codes depend on it.
    runs: BTreeMap<usize, usize>,
    /// By workload: which container serves, and how much memory it holds at most.
    most_memory: Vec<Option<(usize, Option<Bytes>)>>,
    /// By slot: a node, and no less than what its pods hold at most.
    most_on: Vec<Option<(NodeId, Bytes)>>,
    /// The nodes whose memory is looked at.
    pressures: BTreeMap<NodeId, Pressure>,
    /// Pods with containers that the kernel has killed for their node's sake, not told yet.
    kernel_kills: Vec<PodId>,
    /// Containers because of which pods were evicted, not told yet.
    offenders: Vec<Offender>,
    /// The nodes that were last posted as cordoned.
    unschedulable: BTreeSet<NodeId>,
    /// The nodes that shut down.
    shutting_down: BTreeMap<NodeId, ShuttingDown>,
    /// The nodes whose kubelets are silent, and what these have missed.
    silent: BTreeMap<NodeId, Missed>,
    /// Pods that kubelets which are back will post as Ready.
    ready_again: BTreeMap<NodeId, Vec<PodId>>,
}

impl Kubelet {
    /// Kubelets with these settings. `startups` are the lengths of each workload's starts and
    /// stops.
    pub fn new(config: &ClusterConfig, startups: Vec<StartupSpec>) -> Self {
        Self {
            config: config.clone(),
            startups,
            workers: Vec::new(),
            images: IndexSet::default(),
            on_nodes: Vec::new(),
            resizing: Vec::new(),
            bandwidths: Vec::new(),
            failing: Vec::new(),
            configs: BTreeMap::new(),
            slowness: (1.0, None),
            runs: BTreeMap::new(),
            most_memory: Vec::new(),
            most_on: Vec::new(),
            pressures: BTreeMap::new(),
            kernel_kills: Vec::new(),
            offenders: Vec::new(),
            unschedulable: BTreeSet::new(),
            shutting_down: BTreeMap::new(),
            silent: BTreeMap::new(),
            ready_again: BTreeMap::new(),
        }
    }

    /// Wakes up for a change.
    pub fn observe(
        &mut self,
        change: Change,
        stats: MemoryStats<'_>,
        context: &mut Context<'_, Event>,
    ) {
        let id = match change.object {
            ObjectId::Pod(id) => id,
            // The next machine in its place has no image yet.
            ObjectId::Node(node) if change.what == What::Deleted => {
                *self.images_of(node) = Images::default();
                self.silent.remove(&node);
                self.pressures.remove(&node);
                self.unschedulable.remove(&node);
                self.shutting_down.remove(&node);
                return;
            }
            ObjectId::Node(node) if change.what == What::Spec => {
                self.note_cordon(node, context);
                return;
            }
            _ => return,
        };
        if !self.silent.is_empty() && self.misses(id, change.what, context) {
            return;
        }
        match change.what {
            What::Created => self.begin(id, context),
            What::Scheduled => self.admit(id, context),
            What::Deleting => self.delete(id, context),
            What::GraceShortened => self.shorten_grace(id, context),
            What::Ended => self.room_appeared(id, stats, context),
            What::Deleted => self.resizing.retain(|other| *other != id),
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        (stats, answers): (MemoryStats<'_>, Answers<'_>),
        context: &mut Context<'_, Event>,
    ) {
        if !self.silent.is_empty() && self.puts_off(event, context) {
            return;
        }
        match event {
            Event::Start(pod, run) => self.start_containers(pod, run, context),
            Event::PullFailed(pod, run) => self.pull_failed(pod, run, context),
            Event::LookAtPull(pod, run) => self.look_at_pull(pod, run, context),
            Event::Restart(pod, container) => self.restart(pod, container, context),
            Event::AppStarted(pod, run) => self.app_started(pod, run, context),
            Event::Ready(pod, run) => self.became_ready(pod, run, context),
            Event::Probe(pod, run, probed) => self.probe(pod, run, probed, (answers, context)),
            Event::ProbeSidecar(pod, run, probed) => self.probe_sidecar(pod, run, probed, context),
            Event::StartInit(pod, run, place) => self.restart_init(pod, run, place, context),
            Event::InitEnds(pod, run, place) => self.init_ends(pod, run, place, context),
            Event::NotReady(pod, run) => self.became_unready(pod, run, context),
            Event::PostStart(pod, number) => self.post_start(pod, number, context),
            Event::PreStopFails(pod) => Self::pre_stop_fails(pod, context),
            Event::StopContainer(pod, run) => self.stop_container_in_place(pod, run, context),
            Event::ContainerEnds(pod, run) => self.container_ends(pod, run, false, context),
            Event::KillContainer(pod, run) => self.container_ends(pod, run, true, context),
            Event::Completed(pod, run) => self.completed(pod, run, context),
            Event::Deadline(pod) => self.look_at_deadline(pod, context),
            Event::Terminate(pod) => self.terminate(pod, context),
            Event::Exit(pod) => self.exit(pod, context),
            Event::Kill(pod) => self.kill(pod, context),
            Event::Remove(pod) => Self::remove(pod, context),
            Event::Resize(pod, number) => self.allocate_resize(pod, number, stats, context),
            Event::Resized(pod, number) => self.resized(pod, number, context),
            Event::Exhaustion(node) => self.look_again(node, stats, context),
            Event::Monitor(node) => self.monitor(node, stats, context),
            Event::ShutDown(node) => self.go_on_shutting_down(node, context),
            Event::PostSchedulable(node) => self.post_schedulable(node, context),
            Event::PostImages(node) => self.post_images(node, context),
            Event::PostNode(node) => {
                self.post_node(node, context);
                self.post_images(node, context);
                self.note_cordon(node, context);
            }
            Event::PostPods(node) => self.post_pods(node, context),
        }
    }

    /// How long a pod takes to come and go, with its images.
    fn startup_of(&self, pod: &Pod) -> &StartupSpec {
        let startup = self.startup(pod.workload);
        let containers = || pod.template.containers.iter();
        let has = |image: &str| containers().any(|one| one.image == image);
        let mut images = startup.images.iter();
        let own = images.find(|(image, _)| has(image));
        own.map_or(startup, |(_, own)| own)
    }

    fn startup(&self, workload: WorkloadId) -> &StartupSpec {
        &self.startups[workload.index()]
    }

    /// How long pods of a workload that appears during the run take to come and go.
    pub fn set_startup(&mut self, workload: WorkloadId, startup: StartupSpec) {
        let place = workload.index();
        if self.startups.len() <= place {
            self.startups.resize(place + 1, startup.clone());
        }
        self.startups[place] = startup;
    }

    fn worker(&mut self, id: PodId) -> &mut Worker {
        if self.workers.len() <= id.slot() {
            self.workers.resize(id.slot() + 1, Worker::default());
        }
        &mut self.workers[id.slot()]
    }

    fn images_of(&mut self, node: NodeId) -> &mut Images {
        if self.on_nodes.len() <= node.slot() {
            self.on_nodes.resize(node.slot() + 1, Images::default());
        }
        &mut self.on_nodes[node.slot()]
    }

    /// A new pod: nothing of an earlier one in its slot is left.
    fn begin(&mut self, id: PodId, context: &Context<'_, Event>) {
        let containers = context.store.pod(id).map_or(0, |pod| pod.containers.len());
        let worker = self.worker(id);
        worker.crash_loops.clear();
        worker.crash_loops.resize(containers, CrashLoop::default());
        worker.changed.clear();
        worker.changed.resize(containers, [false; 2]);
        (worker.run, worker.resizes, worker.terminating) = (0, 0, false);
        (worker.pull, worker.ending, worker.killing) = (None, None, None);
        worker.probing.clear();
        worker.unanswered = false;
        worker.resize_rests = SimTime::ZERO;
        worker.forget_hooks();
        worker.redefined.clear();
        worker.pulling = Pulling::default();
        worker.inits.clear();
        (worker.sidecars_stop, worker.mains_ready) = (SimTime::ZERO, false);
    }

    fn image(&mut self, name: &str) -> usize {
        match self.images.get_index_of(name) {
            Some(place) => place,
            None => self.images.insert_full(name.to_owned()).0,
        }
    }

    /// From now on slows image pulls by a factor, or sets their length.
    pub fn slow_pulls(&mut self, slowness: (f64, Option<SimDuration>)) {
        self.slowness = slowness;
    }
}

#[cfg(test)]
mod tests;
