//! preStop hooks: what stops a container waits for its hook, no longer than the grace period; then
//! comes SIGTERM, whether the hook has failed or not (`executePreStopHook` of
//! `kuberuntime_container.go`).

use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, PodId};
use crate::sim::SimDuration;

impl Kubelet {
    /// The preStop hook of a container begins, of which the place is that among those that last:
    /// how long its stop waits for it.
    pub(super) fn begin_pre_stop(
        &mut self,
        id: PodId,
        place: usize,
        grace: SimDuration,
        context: &mut Context<'_, Event>,
    ) -> SimDuration {
        let Some(pod) = context.store.pod(id) else {
            return SimDuration::ZERO;
        };
        let spec = pod.template.lasting_at(place);
        let hook = spec.and_then(|spec| spec.pre_stop);
        let Some(hook) = hook.filter(|_| grace > SimDuration::ZERO) else {
            return SimDuration::ZERO;
        };
        let serves = self.serving(pod.workload) == place;
        let listens = !serves || pod.containers[place].started;
        let is_refused = hook.is_request && !listens;
        if is_refused {
            Self::pre_stop_fails(id, context);
        } else if hook.length > grace {
            // It ends with its container, whatever it would have come to.
            self.worker(id).broken_off.push(place as u16);
        } else if hook.fails && hook.length > SimDuration::ZERO {
            context.after(hook.length, Event::PreStopFails(id));
        } else if hook.fails {
            Self::pre_stop_fails(id, context);
        }
        if is_refused {
            SimDuration::ZERO
        } else {
            hook.length.min(grace)
        }
    }

    /// A preStop hook has failed.
    pub(super) fn pre_stop_fails(id: PodId, context: &mut Context<'_, Event>) {
        let message = || "PreStopHook failed".to_owned();
        let object = ObjectId::Pod(id);
        context.events.warning(object, "FailedPreStopHook", message);
    }

    /// A container has ended, and with it its preStop hook, if that was under way still.
    pub(super) fn break_off_pre_stop(
        &mut self,
        id: PodId,
        place: u16,
        context: &mut Context<'_, Event>,
    ) {
        let under_way = &mut self.worker(id).broken_off;
        if let Some(at) = under_way.iter().position(|one| *one == place) {
            under_way.remove(at);
            Self::pre_stop_fails(id, context);
        }
    }
}
