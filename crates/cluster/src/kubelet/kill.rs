//! Containers that are killed because their probes fail, and start again
//! (`kuberuntime_container.go`, `kuberuntime_manager.go` of `pkg/kubelet`).

use super::prober::ProbeType;
use super::stop::SHORTEST_GRACE;
use super::{Event, Kubelet};
use crate::api::{
    Context, ObjectId, Pod, PodId, PodWrite, ProbeSpec, RestartPolicy, TerminationReason,
};
use crate::sim::SimDuration;

/// With what a container ends that SIGKILL has ended.
pub(super) const KILLED: TerminationReason = TerminationReason::ExitCode(137);

impl Kubelet {
    /// A startup or liveness probe has failed often enough.
    pub(super) fn kill_container(
        &mut self,
        id: PodId,
        run: u16,
        place: usize,
        (kind, probe): (ProbeType, &ProbeSpec),
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let spec = &pod.template.containers[place];
        let restarts = restarts_in_place(pod);
        let message = || {
            let kind = kind.name().to_lowercase();
            let restarted = if restarts { ", will be restarted" } else { "" };
            format!("Container {} failed {kind} probe{restarted}", spec.name)
        };
        context.events.normal(ObjectId::Pod(id), "Killing", message);
        let grace = probe.termination_grace;
        let grace = grace.unwrap_or(pod.template.termination_grace);
        self.kill_in_place(id, run, (place, grace), context);
    }

    /// A container is to stop within a grace period, and its pod goes on.
    pub(super) fn kill_in_place(
        &mut self,
        id: PodId,
        run: u16,
        (place, grace): (usize, SimDuration),
        context: &mut Context<'_, Event>,
    ) {
        let pre_stop = self.begin_pre_stop(id, place, grace, context);
        let container = place as u16;
        self.worker(id).killing = Some(container);
        context.after(pre_stop, Event::StopContainer(id, run));
        let kill = grace.max(pre_stop + SHORTEST_GRACE);
        context.after(kill, Event::KillContainer(id, run));
    }

    /// The container that is to go gets SIGTERM.
    pub(super) fn stop_container_in_place(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, Event>,
    ) {
        if !self.runs(id, run, context) {
            return;
        }
        let worker = self.worker(id);
        let Some(container) = worker.killing.filter(|_| !worker.terminating) else {
            return;
        };
        let workload = context.store.pod(id).map(|pod| pod.workload);
        let serves = workload.is_some_and(|one| self.serving(one) == usize::from(container));
        if serves {
            // It ends once its requests have.
            context.write_pod(id, PodWrite::Terminate);
        } else {
            self.ends_in_place(id, context);
        }
    }

    /// A container that was to go has nothing left to do: it exits after its shutdown.
    pub(super) fn ends_in_place(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let shutdown = &self.startup_of(pod).shutdown;
        let delay = context.draws.delay(id, shutdown);
        let run = self.worker(id).run;
        context.after(delay, Event::ContainerEnds(id, run));
    }

    /// The container that was to go has ended, by itself or by SIGKILL.
    pub(super) fn container_ends(
        &mut self,
        id: PodId,
        run: u16,
        killed: bool,
        context: &mut Context<'_, Event>,
    ) {
        if !self.runs(id, run, context) {
            return;
        }
        if let Some(container) = self.worker(id).killing {
            let reason = if killed {
                KILLED
            } else {
                TerminationReason::Completed
            };
            self.break_off_pre_stop(id, container, context);
            self.ended(id, container, (reason, true), context);
        }
    }
}

/// Whether a pod's containers start again, whatever they end with.
pub(super) fn restarts_in_place(pod: &Pod) -> bool {
    pod.template.restart_policy != RestartPolicy::Never
}
