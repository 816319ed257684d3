//! What writes make of a pod.

use std::sync::Arc;

use super::pod::{ContainerStatus, Pod, PodPhase, ResizeState, TerminationReason};
use super::write::{InitWrite, PodWrite};
use crate::sim::SimTime;

impl ContainerStatus {
    /// Carries out a write of an init container.
    fn apply_init(&mut self, write: InitWrite, now: SimTime) {
        match write {
            InitWrite::Start => {
                self.restarts += u32::from(self.last_termination.is_some());
                self.running_since = Some(now);
                (self.started, self.ready) = (false, false);
            }
            InitWrite::Started => self.started = true,
            InitWrite::Ready(ready) => self.ready = ready,
            InitWrite::End(reason) => {
                (self.started, self.ready) = (false, false);
                if let Some(started) = self.running_since.take() {
                    self.last_termination = Some((reason, started, now));
                }
            }
        }
    }
}

impl Pod {
    /// Its containers run, of a pod that has run before: its init containers have ended, and its
    /// sidecars run.
    fn settle_inits(&mut self, now: SimTime) {
        let both = self
            .init_containers
            .iter_mut()
            .zip(&self.template.init_containers);
        let is_new =
            |one: &ContainerStatus| one.running_since.is_none() && one.last_termination.is_none();
        for (status, spec) in both.filter(|(status, _)| is_new(status)) {
            if spec.restartable {
                (status.running_since, status.started, status.ready) = (Some(now), true, true);
            } else {
                status.last_termination = Some((TerminationReason::Completed, now, now));
            }
        }
    }

    /// Carries out a write.
    pub(super) fn apply(&mut self, write: &PodWrite, now: SimTime) {
        match write {
            PodWrite::Admit(resources) => {
                for (container, resources) in self.containers.iter_mut().zip(resources) {
                    container.resources = *resources;
                }
            }
            PodWrite::Assume(node) => {
                self.node = Some(*node);
                self.unschedulable = None;
                self.unschedulable_message = None;
            }
            PodWrite::Bind => (self.scheduled, self.nominated) = (Some(now), None),
            PodWrite::Unschedulable(message) => {
                self.unschedulable.get_or_insert(now);
                self.unschedulable_message.clone_from(message);
            }
            PodWrite::Nominate(node) => self.nominated = *node,
            PodWrite::Preempt => self.preempted = Some(now),
            PodWrite::Acknowledge => {
                self.start_time = Some(now.truncate_to_second());
                self.ready_transition = now.truncate_to_second();
            }
            PodWrite::Waiting(why) => self.waiting = Some(why),
            PodWrite::Run
            | PodWrite::Running
            | PodWrite::BeginContainer(_)
            | PodWrite::StartContainer(_)
            | PodWrite::StopContainer(..)
            | PodWrite::Init(..)
            | PodWrite::Hook(_)
            | PodWrite::AppStarted
            | PodWrite::End(_) => self.apply_to_containers(write, now),
            PodWrite::Ready(ready) => {
                if self.ready != *ready || *ready {
                    self.ready_transition = now.truncate_to_second();
                }
                self.ready = *ready;
                self.containers_ready = self.containers_ready.filter(|_| *ready);
            }
            PodWrite::Conditions(conditions) => self.conditions = Some(Arc::clone(conditions)),
            PodWrite::CloseGate => {
                self.containers_ready = self.containers_ready.or(Some(self.ready_transition));
                (self.ready, self.ready_transition) = (false, now.truncate_to_second());
            }
            PodWrite::ContainersReady => self.containers_ready = Some(now.truncate_to_second()),
            PodWrite::Delete { deadline } => self.meta.deletion = Some(*deadline),
            PodWrite::Grace(grace) => {
                let before = self.grace.replace(*grace);
                let before = before.unwrap_or(self.template.termination_grace);
                let deletion = self.meta.deletion;
                self.meta.deletion = deletion.map(|end| (end - before + *grace).max(now));
            }
            PodWrite::Terminate => {}
            PodWrite::Evict => self.evicted = Some(now),
            PodWrite::Disrupt(why) => self.disrupted = Some((*why, now)),
            PodWrite::Failure(why) => self.failure = Some(Arc::clone(why)),
            PodWrite::Resize(resources) => {
                self.resize = Some(ResizeState::InProgress);
                self.resize_error = None;
                self.desired = resources.to_vec();
                self.meta.generation += 1;
            }
            PodWrite::ResizeStatus(state) => (self.resize, self.resize_error) = (*state, None),
            PodWrite::ResizeError(message) => {
                self.resize = Some(ResizeState::Error);
                self.resize_error = Some(Arc::clone(message));
            }
            PodWrite::AllocateResize => {
                self.resize = Some(ResizeState::InProgress);
                self.resize_error = None;
                for (container, desired) in self.containers.iter_mut().zip(self.desired.drain(..)) {
                    container.resources = desired;
                }
            }
            PodWrite::Owner(owner, workload) => {
                (self.meta.owner, self.listed) = (*owner, *workload);
                self.orphaned = owner.is_none();
            }
            PodWrite::Template(template) => self.template = Arc::clone(template),
            PodWrite::Labels(labels) => self.meta.labels = Arc::clone(labels),
            PodWrite::Annotations(annotations) => self.meta.annotations = Arc::clone(annotations),
        }
    }

    /// Carries out a write that says what becomes of its containers.
    fn apply_to_containers(&mut self, write: &PodWrite, now: SimTime) {
        match write {
            PodWrite::Run => {
                self.waiting = None;
                self.phase = PodPhase::Running;
                for container in &mut self.containers {
                    container.running_since = Some(now);
                }
                self.settle_inits(now);
            }
            PodWrite::Init(place, write) => {
                let status = &mut self.init_containers[usize::from(*place)];
                status.apply_init(*write, now);
            }
            PodWrite::BeginContainer(container) => {
                self.containers[usize::from(*container)].running_since = Some(now);
            }
            PodWrite::Hook(container) => self.hook = *container,
            PodWrite::Running => {
                self.waiting = None;
                self.phase = PodPhase::Running;
                // The application has started up while a hook was under way.
                let started = self.containers.iter().any(|one| one.started);
                for container in &mut self.containers {
                    container.started = started && container.running_since.is_some();
                }
            }
            PodWrite::StartContainer(container) => {
                self.waiting = self.waiting.filter(|_| *container != 0);
                let status = &mut self.containers[usize::from(*container)];
                status.restarts += 1;
                status.running_since = Some(now);
            }
            PodWrite::AppStarted => {
                for status in &mut self.containers {
                    status.started = status.running_since.is_some();
                }
            }
            PodWrite::StopContainer(container, reason) => {
                let status = &mut self.containers[usize::from(*container)];
                self.containers_ready = None;
                status.started = false;
                if let Some(started) = status.running_since.take() {
                    status.last_termination = Some((*reason, started, now));
                }
            }
            PodWrite::End(phase) => {
                self.phase = *phase;
                (self.ready, self.containers_ready) = (false, None);
                for container in &mut self.containers {
                    container.running_since = None;
                    container.started = false;
                }
                for status in &mut self.init_containers {
                    status.apply_init(InitWrite::End(TerminationReason::Completed), now);
                }
                self.desired.clear();
            }
            _ => unreachable!("carried out before"),
        }
    }
}
