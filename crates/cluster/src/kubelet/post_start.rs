//! postStart hooks: the sync that starts a container waits for its hook, and with it whatever else
//! is to happen to the pod. Its status shows the start when the sync is over (`startContainer` of
//! `kuberuntime_container.go`, `lifecycle/handlers.go`).

use std::sync::Arc;

use super::stop::SHORTEST_GRACE;
use super::{Event, Kubelet, Worker};
use crate::api::{
    ContainerSpec, Context, EventSink, ObjectId, Pod, PodId, PodPhase, PodWrite, RestartPolicy,
    TerminationReason,
};
use crate::sim::{SimDuration, SimTime};

/// With what a process ends that SIGTERM has ended.
const TERMINATED: TerminationReason = TerminationReason::ExitCode(143);

/// A hook that is under way, or the end of a container whose hook has failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    /// The container's place among those that last.
    place: u16,
    fails: bool,
    /// With what its container ends, once it is being killed.
    killed: Option<TerminationReason>,
    /// When the sync goes on.
    pub until: SimTime,
}

impl Worker {
    /// Its containers begin anew.
    pub(super) fn forget_hooks(&mut self) {
        (self.begun, self.hook) = (0, None);
        self.broken_off.clear();
        (self.starts_from, self.answers) = (None, None);
    }
}

impl Kubelet {
    /// Starts the containers of a pod that has hooks, one after the other; whether the sync is
    /// through with all of them.
    pub(super) fn start_one_by_one(&mut self, id: PodId, context: &mut Context<'_, Event>) -> bool {
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return false;
        };
        let count = template.containers.len() as u16;
        while self.worker(id).begun < count {
            if !context.store.pod(id).is_some_and(Pod::is_active) {
                return false;
            }
            let now = context.now;
            let worker = self.worker(id);
            let place = worker.begun;
            worker.begun += 1;
            worker.starts_from.get_or_insert(now);
            let pull = worker.pull.filter(|_| place == 0);
            // It ran before its machine was lost.
            let has_run = |pod: &Pod| {
                pod.containers[usize::from(place)]
                    .last_termination
                    .is_some()
            };
            let write = if context.store.pod(id).is_some_and(has_run) {
                PodWrite::StartContainer(place)
            } else {
                PodWrite::BeginContainer(place)
            };
            context.write_pod(id, write);
            let spec = &template.containers[usize::from(place)];
            self.report_start(id, spec, pull, context);
            self.note_answers(id, place, context);
            if self.begin_hook(id, place, spec, context) {
                return false;
            }
        }
        true
    }

    /// When the application of a container that starts answers first, if that is the serving one.
    pub(super) fn note_answers(&mut self, id: PodId, place: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        if self.serving(pod.workload) == usize::from(place) {
            let app = context.draws.delay(id, &self.startup_of(pod).ready);
            let worker = self.worker(id);
            worker.answers = Some(context.now + app);
            let run = worker.run;
            context.after(app, Event::AppStarted(id, run));
        }
    }

    /// A container has started: whether the sync waits for its hook.
    pub(super) fn begin_hook(
        &mut self,
        id: PodId,
        place: u16,
        spec: &ContainerSpec,
        context: &mut Context<'_, Event>,
    ) -> bool {
        let Some(hook) = spec.post_start else {
            return false;
        };
        let now = context.now;
        let Some(pod) = context.store.pod(id) else {
            return false;
        };
        let serves = self.serving(pod.workload) == usize::from(place);
        let worker = self.worker(id);
        let starts_up = serves && worker.answers.is_some_and(|at| at > now);
        let fails = hook.fails || hook.is_request && starts_up;
        if hook.length <= SimDuration::ZERO && !fails {
            return false;
        }
        let until = now + hook.length;
        worker.hooks = worker.hooks.wrapping_add(1);
        worker.hook = Some(UnderWay {
            place,
            fails,
            killed: None,
            until,
        });
        let number = worker.hooks;
        context.write_pod(id, PodWrite::Hook(Some(place)));
        context.at(until, Event::PostStart(id, number));
        true
    }

    /// A hook is over, or a container whose hook has failed is gone: the sync goes on.
    pub(super) fn post_start(&mut self, id: PodId, number: u16, context: &mut Context<'_, Event>) {
        let alive = context.store.pod(id).is_some_and(Pod::is_active);
        let worker = self.worker(id);
        let Some(mut hook) = worker.hook.filter(|_| alive && worker.hooks == number) else {
            return;
        };
        let own = context.store.pod(id);
        let own = own.and_then(|pod| pod.containers.get(usize::from(hook.place)));
        // It may have ended by itself.
        let is_up = own.is_none_or(|status| status.running_since.is_some());
        if hook.fails && is_up && hook.killed.is_none() {
            report_failure(id, context.events);
            let (stops_in, reason) = self.end_of_killed(id, hook.place, context);
            (hook.killed, hook.until) = (Some(reason), context.now + stops_in);
            self.worker(id).hook = Some(hook);
            context.at(hook.until, Event::PostStart(id, number));
            return;
        }
        self.worker(id).hook = None;
        if hook.killed.is_some() {
            self.break_off_pre_stop(id, hook.place, context);
        }
        context.write_pod(id, PodWrite::Hook(None));
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        let inits = 0..template.init_containers.len();
        let is_it = |place: &usize| {
            let sidecar = template.init_containers[*place].restartable;
            sidecar && template.place_of_sidecar(*place) == usize::from(hook.place)
        };
        let sidecar = inits.into_iter().find(is_it);
        match (sidecar, hook.killed) {
            (None, None) => {}
            (None, Some(reason)) => self.container_exited(id, hook.place, reason, context),
            (Some(place), None) => self.sidecar_runs(id, place, context),
            (Some(place), Some(reason)) => self.init_ended(id, place, reason, context),
        }
        let run = self.worker(id).run;
        match context.store.pod(id).map(|pod| pod.phase) {
            Some(PodPhase::Pending) => self.start_containers(id, run, context),
            Some(PodPhase::Running) if sidecar.is_none() => self.begin_start_up(id, run, context),
            _ => {}
        }
    }

    /// How long a container that is killed takes to end, and with what it ends.
    fn end_of_killed(
        &mut self,
        id: PodId,
        place: u16,
        context: &mut Context<'_, Event>,
    ) -> (SimDuration, TerminationReason) {
        let Some(pod) = context.store.pod(id) else {
            return (SimDuration::ZERO, TerminationReason::Completed);
        };
        let template = Arc::clone(&pod.template);
        let grace = template.termination_grace;
        let shutdown = context.draws.delay(id, &self.startup_of(pod).shutdown);
        let pre_stop = self.begin_pre_stop(id, usize::from(place), grace, context);
        let ends = pre_stop + shutdown;
        // What does its work and ends has nothing to say to SIGTERM; servers end well.
        let reason = match template.restart_policy {
            RestartPolicy::Always => TerminationReason::Completed,
            RestartPolicy::OnFailure | RestartPolicy::Never => TERMINATED,
        };
        let killed = grace.max(pre_stop + SHORTEST_GRACE);
        if ends > killed {
            (killed, super::kill::KILLED)
        } else {
            (ends, reason)
        }
    }

    /// A pod is to end: the hook that is under way is broken off, which is a failure.
    pub(super) fn break_off_hook(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        if let Some(hook) = self.worker(id).hook.take() {
            if hook.killed.is_none() {
                report_failure(id, context.events);
            }
            context.write_pod(id, PodWrite::Hook(None));
        }
    }
}

fn report_failure(id: PodId, events: &mut EventSink) {
    let object = ObjectId::Pod(id);
    events.warning(object, "FailedPostStartHook", || {
        "PostStartHook failed".to_owned()
    });
    events.normal(object, "Killing", || "FailedPostStartHook".to_owned());
}
