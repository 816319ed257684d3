//! From bound to ready: pull, start, the application's start-up, the readiness probe.

use std::sync::Arc;

use super::probe::{Attempts, first_success};
use super::prober::Begun;
use super::{Event, Kubelet};
use crate::api::{
    ContainerSpec, ContainerStatus, Context, Kind, ObjectId, Pod, PodId, PodPhase, PodWrite,
    TerminationReason, WorkloadId,
};
use crate::sim::SimDuration;
use crate::units::Bytes;

/// From a start to the first attempt of its probe where the kubelet lists the pod at once.
const FIRST_ATTEMPT: SimDuration = SimDuration::from_millis(20);

/// Whether a container's probes have to be sent one by one.
fn needs_prober(spec: &ContainerSpec, served: bool) -> bool {
    let readiness = spec.readiness_probe.as_ref();
    spec.startup_probe.is_some()
        || spec.liveness_probe.is_some()
        || readiness.is_some_and(|probe| served || probe.action.must_fail())
}

impl Kubelet {
    /// The kubelet sees a pod: pull the image if need be, then start the containers.
    pub(super) fn admit(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        // Pods of the start have been running for a long time.
        let (Some(node), PodPhase::Pending, None) = (pod.node, pod.phase, pod.meta.deletion) else {
            return;
        };
        if Self::rejects(id, node, context) {
            return;
        }
        context.write_pod(id, PodWrite::Acknowledge);
        self.worker(id).admitted = context.now;
        self.look_at_deadline(id, context);
        let (pull, start, size) = self.pull_length(id, context);
        self.begin_pull(id, (pull, start, size), context);
    }

    /// How long the pull of a pod's image takes and how long its containers take to start then; the
    /// image's size, if it is known.
    pub(super) fn pull_length(
        &mut self,
        id: PodId,
        context: &mut Context<'_, Event>,
    ) -> (SimDuration, SimDuration, Option<Bytes>) {
        let Some(pod) = context.store.pod(id) else {
            return (SimDuration::ZERO, SimDuration::ZERO, None);
        };
        // Drawn even if not needed: what follows does not depend on the node.
        let startup = self.startup_of(pod);
        let size = startup.image_size;
        let pull = context.draws.delay(id, &startup.image_pull);
        let start = context.draws.delay(id, &startup.container_start);
        let known = pod
            .node
            .and_then(|node| self.pull_of(size, node, context.store));
        let pull = known.unwrap_or(pull);
        let (factor, fixed) = self.slowness;
        let stretched = || SimDuration::from_secs_f64(pull.as_secs_f64() * factor);
        (fixed.unwrap_or_else(stretched), start, size)
    }

    /// All containers of a pod start, behind its init containers.
    pub(super) fn start_containers(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, Event>,
    ) {
        let alive = context.store.pod(id).is_some_and(Pod::is_active);
        let worker = self.worker(id);
        if !alive || worker.run != run || worker.hook.is_some() {
            return;
        }
        if self.lacks_config(id, run, context) || !self.start_inits(id, context) {
            return;
        }
        let hooked = |one: &ContainerSpec| one.post_start.is_some();
        let pod = context.store.pod(id);
        if pod.is_some_and(|pod| pod.template.containers.iter().any(hooked)) {
            if !self.start_one_by_one(id, context) {
                return;
            }
            context.write_pod(id, PodWrite::Running);
        } else {
            context.write_pod(id, PodWrite::Run);
            let template = context.store.pod(id).map(|pod| Arc::clone(&pod.template));
            let containers = template.iter().flat_map(|one| &one.containers);
            for (container, spec) in containers.enumerate() {
                let pull = self.worker(id).pull.filter(|_| container == 0);
                self.report_start(id, spec, pull, context);
            }
        }
        self.watch_memory(id, context);
        self.begin_start_up(id, run, context);
    }

    /// Schedules the end of the application's start-up and the probe that notices it.
    pub(super) fn begin_start_up(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let now = context.now;
        // A sync that waits for hooks knows when its application answers.
        let worker = self.worker(id);
        let (known, from) = (worker.answers.take(), worker.starts_from.take());
        let app = match known {
            Some(at) => (at - now).max(SimDuration::ZERO),
            None => context.draws.delay(id, &self.startup_of(pod).ready),
        };
        let relist = (self.config.pleg_relist.0 as f64 * context.draws.unit(id)) as i64;
        let relist = SimDuration(relist);
        let attempts = self.attempts(relist);
        // The status tells the start in whole seconds, and the initial delay counts from there.
        let since_second = context.now - context.now.truncate_to_second();
        let status_write = self.config.api_latency;
        // Without a probe a container is ready as soon as it is seen to run.
        let seen = if self.config.pleg_on_demand_relist {
            SimDuration::ZERO
        } else {
            relist
        };
        let containers = &pod.template.containers;
        let served = self.startup_of(pod).probes_are_served;
        let hooked = from.is_some();
        let is_probed = hooked || containers.iter().any(|spec| needs_prober(spec, served));
        let probes = containers.iter().filter_map(|c| c.readiness_probe.as_ref());
        let noticed = match probes.max_by_key(|probe| probe.period) {
            None => seen,
            Some(probe) => {
                let earliest = app.max(probe.initial_delay - since_second);
                first_success(probe, attempts, earliest)
            }
        };
        let is_own = context.store.workload(pod.workload).kind == Kind::Pod;
        if is_own || matches!(pod.meta.owner, Some(ObjectId::Job(_))) {
            let sleeps = pod.template.containers.iter().map(|one| one.sleeps);
            let longest: Option<SimDuration> = sleeps.reduce(|a, b| Some(a?.max(b?))).flatten();
            let stated = self.startup(pod.workload).run_time.as_ref();
            let stated = stated.map(|dist| context.draws.delay(id, dist));
            if let Some(length) = stated.or(longest) {
                let ends = (from.unwrap_or(now) + length).max(now);
                context.at(ends, Event::Completed(id, run));
            }
        }
        if known.is_none() {
            context.after(app, Event::AppStarted(id, run));
        }
        if is_probed {
            let begun = Begun {
                from: from.unwrap_or(now),
                app,
                attempts,
                seen,
            };
            self.begin_probes(id, run, begun, context);
        } else {
            context.after(noticed + status_write, Event::Ready(id, run));
        }
    }

    /// When probes are sent after a start, with the next relist of all pods after so long.
    pub(super) fn attempts(&self, relist: SimDuration) -> Attempts {
        if self.config.pleg_on_demand_relist {
            Attempts {
                first: FIRST_ATTEMPT.min(relist),
                second: relist,
            }
        } else {
            Attempts {
                first: relist,
                second: relist + self.config.pleg_relist,
            }
        }
    }

    pub(super) fn runs(&mut self, id: PodId, run: u16, context: &Context<'_, Event>) -> bool {
        let running = |pod: &Pod| pod.phase == PodPhase::Running && !pod.removed;
        context.store.pod(id).is_some_and(running) && self.worker(id).run == run
    }

    pub(super) fn app_started(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let worker = self.worker(id);
        let goes = worker.terminating || worker.killing.is_some() || worker.run != run;
        if !goes && context.store.pod(id).is_some_and(Pod::runs) {
            context.write_pod(id, PodWrite::AppStarted);
        }
    }

    /// How many runs of a workload's containers have ended before.
    fn next_run(&mut self, workload: WorkloadId) -> usize {
        if self.startup(workload).exit_codes.is_empty() {
            return 0;
        }
        let runs = self.runs.entry(workload.index()).or_default();
        *runs += 1;
        *runs - 1
    }

    /// A pod whose commands are over: a Job's, or one that nobody owns.
    pub(super) fn completed(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        if !self.runs(id, run, context) {
            return;
        }
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (workload, place) = (pod.workload, pod.completion_index());
        let failing = pod
            .template
            .containers
            .iter()
            .position(|one| one.exit_code != 0);
        let told = failing.map_or(0, |place| pod.template.containers[place].exit_code);
        let index = place.and_then(|index| usize::try_from(index).ok());
        let place = index.unwrap_or_else(|| self.next_run(workload));
        let codes = &self.startup(workload).exit_codes;
        let stated = codes.get(place).or(codes.last()).copied();
        let container = failing.filter(|_| stated.is_none()).unwrap_or(0) as u16;
        let reason = TerminationReason::of_exit(stated.unwrap_or(told));
        self.container_exited(id, container, reason, context);
    }

    pub(super) fn became_ready(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let is_up = |one: &ContainerStatus| one.running_since.is_some();
        let alive = |pod: &Pod| pod.is_active() && pod.containers.iter().all(is_up);
        let alive = context.store.pod(id).is_some_and(alive);
        let worker = self.worker(id);
        let waits = worker.unanswered || worker.killing.is_some() || worker.hook.is_some();
        if alive && !waits && self.runs(id, run, context) {
            let worker = self.worker(id);
            worker.mains_ready = true;
            if worker.sidecars_are_ready() {
                Self::post_ready(id, context);
            }
        }
    }

    /// All containers of a pod are ready, and so is the pod, unless a readiness gate is closed.
    pub fn post_ready<E>(id: PodId, context: &mut Context<'_, E>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let is_gated = !pod.template.readiness_gates.is_empty();
        let is_open = pod.gates_are_open();
        if is_gated && pod.containers_ready.is_none() {
            context.write_pod(id, PodWrite::ContainersReady);
        }
        if is_open {
            context.write_pod(id, PodWrite::Ready(true));
        }
    }

    /// A client has set conditions of a pod: readiness gates may have opened or closed.
    pub fn look_at_gates<E>(id: PodId, context: &mut Context<'_, E>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let is_gated = !pod.template.readiness_gates.is_empty();
        let waits = is_gated && pod.is_active() && pod.containers_ready.is_some();
        match pod.gates_are_open() {
            true if waits && !pod.ready => context.write_pod(id, PodWrite::Ready(true)),
            false if waits && pod.ready => context.write_pod(id, PodWrite::CloseGate),
            _ => {}
        }
    }

    pub(super) fn became_unready(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let is_ready = |pod: &Pod| pod.is_ready() || pod.containers_ready.is_some();
        let ready = context.store.pod(id).is_some_and(is_ready);
        if self.worker(id).unanswered {
            self.worker(id).mains_ready = false;
        }
        if ready && self.runs(id, run, context) && self.worker(id).unanswered {
            context.write_pod(id, PodWrite::Ready(false));
        }
    }
}
