//! Init containers: they start one after the other before the containers of their pod, each once
//! the one before has ended or, if that is a sidecar, has started (`computeInitContainerActions` of
//! `pkg/kubelet/kuberuntime`).
//!
//! Those whose commands do not tell how long they take end at once.

use std::sync::Arc;

use super::crash_loop::CrashLoop;
use super::{Event, Kubelet, Worker};
use crate::api::{
    Context, InitWrite, Pod, PodId, PodPhase, PodWrite, RestartPolicy, TerminationReason,
};
use crate::sim::{SimDuration, SimTime};

/// What the kubelet knows of an init container.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Init {
    /// Counts its starts, so that events of an earlier run are recognised.
    pub run: u16,
    /// Since when it runs, if it does.
    pub since: Option<SimTime>,
    /// Whether the next one may start: it has ended well, or is a sidecar whose startup probe has
    /// succeeded or that has none.
    pub done: bool,
    /// Whether it counts as ready; those that end need not be.
    pub ready: bool,
    /// How often the probe that decides whether it goes on has failed in a row.
    pub failures: u32,
    /// When its last run ended.
    pub ended: Option<SimTime>,
    pub crash_loop: CrashLoop,
}

impl Worker {
    /// Whether all sidecars that have been started are ready.
    pub(super) fn sidecars_are_ready(&self) -> bool {
        self.inits.iter().all(|one| one.ready)
    }
}

impl Kubelet {
    /// Starts the init containers of a pod as far as that goes; whether the others may start.
    pub(super) fn start_inits(&mut self, id: PodId, context: &mut Context<'_, Event>) -> bool {
        let Some(pod) = context.store.pod(id) else {
            return false;
        };
        let count = pod.template.init_containers.len();
        while self.worker(id).inits.len() < count {
            let worker = self.worker(id);
            if worker.inits.last().is_some_and(|one| !one.done) {
                return false;
            }
            let place = worker.inits.len();
            worker.inits.push(Init::default());
            self.start_init(id, place, context);
        }
        let worker = self.worker(id);
        worker.inits.last().is_none_or(|one| one.done)
    }

    /// An init container starts, for the first time or again.
    pub(super) fn start_init(&mut self, id: PodId, place: usize, context: &mut Context<'_, Event>) {
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        let Some(spec) = template.init_containers.get(place) else {
            return;
        };
        self.report_start(id, spec, None, context);
        let init = &mut self.worker(id).inits[place];
        init.run = init.run.wrapping_add(1);
        (init.since, init.failures) = (Some(context.now), 0);
        let run = init.run;
        context.write_pod(id, PodWrite::Init(place as u16, InitWrite::Start));
        if spec.restartable {
            let hooked = template.place_of_sidecar(place) as u16;
            if !self.begin_hook(id, hooked, spec, context) {
                self.sidecar_runs(id, place, context);
            }
            return;
        }
        match spec.sleeps {
            Some(length) => context.after(length, Event::InitEnds(id, run, place as u16)),
            None => self.init_ended(id, place, TerminationReason::Completed, context),
        }
    }

    /// The command of an init container is over.
    pub(super) fn init_ends(
        &mut self,
        id: PodId,
        run: u16,
        place: u16,
        context: &mut Context<'_, Event>,
    ) {
        let worker = self.worker(id);
        let init = worker.inits.get(usize::from(place));
        let goes_on = init.is_some_and(|one| one.run == run && one.since.is_some());
        let Some(pod) = context.store.pod(id).filter(|pod| pod.is_active()) else {
            return;
        };
        if !goes_on || worker.terminating {
            return;
        }
        let spec = &pod.template.init_containers[usize::from(place)];
        let reason = TerminationReason::of_exit(spec.exit_code);
        self.init_ended(id, usize::from(place), reason, context);
        self.go_on_starting(id, context);
    }

    /// An init container has ended: if it has failed it starts again after its back-off, or its
    /// pod has failed with it. Sidecars always start again.
    pub(super) fn init_ended(
        &mut self,
        id: PodId,
        place: usize,
        reason: TerminationReason,
        context: &mut Context<'_, Event>,
    ) {
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        let spec = &template.init_containers[place];
        let now = context.now;
        let (initial, longest) = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let init = &mut self.worker(id).inits[place];
        let since = init.since.take();
        let ran = since.map_or(SimDuration::ZERO, |at| now - at);
        (init.ready, init.ended) = (false, Some(now));
        context.write_pod(id, PodWrite::Init(place as u16, InitWrite::End(reason)));
        let init = &mut self.worker(id).inits[place];
        if !spec.restartable && reason == TerminationReason::Completed {
            (init.done, init.ready) = (true, true);
            return;
        }
        if !spec.restartable && template.restart_policy == RestartPolicy::Never {
            context.write_pod(id, PodWrite::End(PodPhase::Failed));
            return;
        }
        let delay = init.crash_loop.next_delay(ran, initial, longest);
        let run = init.run;
        let delay = self.backs_off(id, &spec.name, delay, context);
        context.after(delay, Event::StartInit(id, run, place as u16));
    }

    /// The back-off of an init container is over.
    pub(super) fn restart_init(
        &mut self,
        id: PodId,
        run: u16,
        place: u16,
        context: &mut Context<'_, Event>,
    ) {
        let at = usize::from(place);
        let waits = |one: &Init| one.run == run && one.since.is_none();
        let worker = self.worker(id);
        let goes = worker.terminating || worker.ending.is_some();
        let waits = worker.inits.get(at).is_some_and(waits) && !goes;
        // One sync comes after the other.
        if let Some(hook) = worker.hook.filter(|_| waits) {
            context.at(hook.until, Event::StartInit(id, run, place));
            return;
        }
        if waits && context.store.pod(id).is_some_and(Pod::is_active) {
            self.start_init(id, at, context);
            self.go_on_starting(id, context);
        }
    }

    /// The next containers of a pod that is being started may start.
    pub(super) fn go_on_starting(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let starts = |pod: &Pod| pod.phase == PodPhase::Pending;
        if context.store.pod(id).is_some_and(starts) {
            let run = self.worker(id).run;
            self.start_containers(id, run, context);
        }
    }
}
