//! Kubelets that are silent, with their node or without it, and what they do when they are back.
//!
//! While a kubelet is silent nothing becomes of its pods: none starts, none becomes Ready, none
//! that is being deleted goes. A kubelet that goes on makes up for all of that; on a machine that
//! was lost all containers have ended.

use super::crash_loop::CrashLoop;
use super::pull::first_image;
use super::{Event, Kubelet};
use crate::api::{
    ContainerStatus, Context, InitWrite, NodeId, ObjectId, Pod, PodId, PodPhase, PodWrite,
    Readiness, Store, TerminationReason, What, Write,
};
use crate::sim::SimDuration;

/// From one status of a node to the next (`nodeStatusUpdateFrequency`), and from one look at all
/// pods' statuses to the next.
const UPDATE: SimDuration = SimDuration::from_secs(10);
/// From the first life sign of a kubelet that goes on to its first look at its pods.
const RESUMES: SimDuration = SimDuration::from_secs(1);
/// With what the containers of a machine that was lost have ended.
const LOST: TerminationReason = TerminationReason::ExitCode(255);

/// How silent a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The kubelet does not run or is not reached; containers run on.
    Kubelet,
    /// The machine is lost, and so is what ran on it.
    Machine,
}

/// What a silent kubelet has missed.
#[derive(Debug, Clone)]
pub(super) struct Missed {
    silence: Silence,
    /// Pods that were Ready before.
    ready: Vec<PodId>,
    /// Timers that ran out, in order.
    events: Vec<Event>,
    /// Pods that were bound to the node or deleted meanwhile.
    changes: Vec<(PodId, What)>,
}

impl Event {
    /// The pod that it is about.
    fn pod(self) -> Option<PodId> {
        match self {
            Self::Start(pod, _)
            | Self::PullFailed(pod, _)
            | Self::LookAtPull(pod, _)
            | Self::Restart(pod, _)
            | Self::AppStarted(pod, _)
            | Self::Ready(pod, _)
            | Self::NotReady(pod, _)
            | Self::Probe(pod, ..)
            | Self::ProbeSidecar(pod, ..)
            | Self::StartInit(pod, ..)
            | Self::InitEnds(pod, ..)
            | Self::PostStart(pod, _)
            | Self::PreStopFails(pod)
            | Self::StopContainer(pod, _)
            | Self::ContainerEnds(pod, _)
            | Self::KillContainer(pod, _)
            | Self::Completed(pod, _)
            | Self::Deadline(pod)
            | Self::Terminate(pod)
            | Self::Exit(pod)
            | Self::Kill(pod)
            | Self::Remove(pod)
            | Self::Resize(pod, _)
            | Self::Resized(pod, _) => Some(pod),
            Self::Monitor(_)
            | Self::Exhaustion(_)
            | Self::ShutDown(_)
            | Self::PostSchedulable(_)
            | Self::PostNode(_)
            | Self::PostImages(_)
            | Self::PostPods(_) => None,
        }
    }
}

impl Kubelet {
    /// A node's kubelet is heard of no more. A machine can be lost after its kubelet.
    pub fn fall_silent(&mut self, node: NodeId, silence: Silence, store: &Store) {
        let missed = self.silent.entry(node).or_insert_with(|| {
            let pods = store.pods_of_node(node).filter(|(_, pod)| pod.is_ready());
            let mut ready: Vec<PodId> = pods.map(|(id, _)| id).collect();
            ready.sort_unstable();
            Missed {
                silence,
                ready,
                events: Vec::new(),
                changes: Vec::new(),
            }
        });
        if silence == Silence::Machine {
            missed.silence = silence;
            self.shutting_down.remove(&node);
        }
    }

    /// How silent a node is, if it is.
    pub fn silence(&self, node: NodeId) -> Option<Silence> {
        self.silent.get(&node).map(|missed| missed.silence)
    }

    /// A node's kubelet is heard of again.
    pub fn come_back(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let Some(missed) = self.silent.remove(&node) else {
            return;
        };
        let pods = context.store.pods_of_node(node);
        let pods = pods.filter(|(_, pod)| pod.scheduled.is_some());
        let mut pods: Vec<PodId> = pods.map(|(id, _)| id).collect();
        pods.sort_unstable();
        if missed.silence == Silence::Machine {
            context.after(SimDuration::ZERO, Event::PostNode(node));
            for id in pods {
                self.begin_anew(id, context);
            }
            return;
        }
        // Its own timers ran on: the next status comes within their period.
        let phase = pods.first().map_or(0.5, |pod| context.draws.unit(*pod));
        let next = SimDuration((UPDATE.0 as f64 * phase) as i64).max(RESUMES);
        context.after(next, Event::PostNode(node));
        context.after(next, Event::PostPods(node));
        self.ready_again.insert(node, missed.ready);
        for event in missed.events {
            context.after(RESUMES, event);
        }
        for (id, what) in missed.changes {
            match what {
                What::Scheduled => self.admit(id, context),
                What::GraceShortened => self.shorten_grace(id, context),
                _ => self.delete(id, context),
            }
        }
    }

    /// Whether a change of a pod is one that its kubelet misses.
    pub(super) fn misses(&mut self, id: PodId, what: What, context: &Context<'_, Event>) -> bool {
        if !matches!(
            what,
            What::Scheduled | What::Deleting | What::GraceShortened
        ) {
            return false;
        }
        let node = context.store.pod(id).and_then(|pod| pod.node);
        let Some(missed) = node.and_then(|node| self.silent.get_mut(&node)) else {
            return false;
        };
        missed.changes.push((id, what));
        true
    }

    /// Whether an event has to wait because its kubelet is silent.
    pub(super) fn puts_off(&mut self, event: Event, context: &Context<'_, Event>) -> bool {
        let pod = event.pod().and_then(|id| context.store.pod(id));
        let node = pod.and_then(|pod| pod.node);
        let Some(missed) = node.and_then(|node| self.silent.get_mut(&node)) else {
            return false;
        };
        missed.events.push(event);
        true
    }

    /// What becomes of a pod whose containers have ended with their machine.
    fn begin_anew(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id).filter(|pod| !pod.has_ended()) else {
            return;
        };
        let (phase, seen) = (pod.phase, pod.start_time.is_some());
        let is_first = |name: &String| name == first_image(pod);
        let lacks_image = phase == PodPhase::Pending
            && (pod.waiting.is_some() || self.failing.iter().any(is_first));
        if pod.is_deleting() {
            self.end(id, PodPhase::Failed, context);
        } else if phase == PodPhase::Running {
            let runs = |place: &u16| pod.containers[usize::from(*place)].running_since.is_some();
            let all = 0..pod.containers.len() as u16;
            let (running, stopped): (Vec<u16>, Vec<u16>) = all.partition(runs);
            self.worker(id).crash_loops.fill(CrashLoop::default());
            for container in running {
                self.container_exited(id, container, LOST, context);
            }
            // Their back-off is over with the kubelet that knew it.
            for container in stopped {
                context.after(RESUMES, Event::Restart(id, container));
            }
        } else if lacks_image {
            // What was due before is over.
            let worker = self.worker(id);
            worker.run = worker.run.wrapping_add(1);
            let run = worker.run;
            context.after(RESUMES, Event::LookAtPull(id, run));
        } else if seen {
            let runs = |(_, one): &(usize, &ContainerStatus)| one.running_since.is_some();
            let running = pod.containers.iter().enumerate().filter(runs);
            let running: Vec<u16> = running.map(|(place, _)| place as u16).collect();
            let inits = pod.init_containers.iter().enumerate().filter(runs);
            let inits: Vec<u16> = inits.map(|(place, _)| place as u16).collect();
            for container in running {
                context.write_pod(id, PodWrite::StopContainer(container, LOST));
            }
            for place in inits {
                context.write_pod(id, PodWrite::Init(place, InitWrite::End(LOST)));
            }
            let worker = self.worker(id);
            worker.inits.clear();
            worker.forget_hooks();
            context.after(RESUMES, Event::Start(id, worker.run));
        } else {
            self.admit(id, context);
        }
    }

    /// A node that was Unknown, or is not known to be away yet, is Ready.
    pub(super) fn post_node(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let away = [Readiness::Unknown, Readiness::Stopping];
        let was = context.store.find_node(node).map(|node| node.readiness);
        let cannot = self.silent.contains_key(&node) || self.shutting_down.contains_key(&node);
        if cannot || !was.is_some_and(|was| away.contains(&was)) {
            return;
        }
        let states = [
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
            "NodeReady",
        ];
        for state in states {
            let name = context.store.find_node(node).map_or("", |node| node.name());
            let message = || format!("Node {name} status is now: {state}");
            let object = ObjectId::Node(node);
            context.events.normal(object, state, message);
        }
        context.commit(Write::Readiness(node, Readiness::Ready));
    }

    /// Pods that were taken for not Ready while nobody heard of them are.
    pub(super) fn post_pods(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let pods = self.ready_again.remove(&node).unwrap_or_default();
        if self.silent.contains_key(&node) {
            return;
        }
        for id in pods {
            let serves = |pod: &Pod| {
                let mut containers = pod.containers.iter();
                pod.phase == PodPhase::Running
                    && pod.is_active()
                    && !pod.ready
                    && containers.all(|one| one.running_since.is_some())
            };
            if context.store.pod(id).is_some_and(serves) {
                context.write_pod(id, PodWrite::Ready(true));
            }
        }
    }
}
