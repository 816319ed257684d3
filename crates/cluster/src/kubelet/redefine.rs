//! Containers of running pods whose images are changed: they are killed and start again, whatever
//! their pod's `restartPolicy` and without a back-off (`computePodActions`).

use std::sync::Arc;

use super::crash_loop::CrashLoop;
use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, Pod, PodId, PodPhase};
use crate::sim::SimDuration;

impl Kubelet {
    /// Other images have been written for these containers of a pod, and for these of its init
    /// containers.
    pub fn images_changed(
        &mut self,
        id: PodId,
        (containers, inits): (&[u16], &[u16]),
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id).filter(|pod| pod.is_active()) else {
            return;
        };
        let template = Arc::clone(&pod.template);
        for place in inits.iter().map(|place| usize::from(*place)) {
            let spec = &template.init_containers[place];
            let init = self.worker(id).inits.get_mut(place);
            if let Some(init) = init.filter(|one| spec.restartable && one.since.is_some()) {
                init.crash_loop = CrashLoop::default();
                self.kill_sidecar(id, place, (spec, changed(&spec.name)), context);
            }
        }
        if pod_waits_for_image(self, id, containers, context) {
            return;
        }
        self.worker(id).redefined.extend(containers);
        self.redefine_next(id, context);
    }

    /// Containers of other images go one after the other; once all of them are down they start in
    /// their order.
    pub(super) fn redefine_next(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let goes_on = |pod: &&Pod| pod.phase == PodPhase::Running && pod.is_active();
        let Some(pod) = context.store.pod(id).filter(goes_on) else {
            return;
        };
        let worker = self.worker(id);
        let Some(first) = worker.redefined.iter().copied().min() else {
            return;
        };
        if worker.killing.is_some() {
            return;
        }
        let run = worker.run;
        let runs = |place: &&u16| pod.containers[usize::from(**place)].running_since.is_some();
        let Some(place) = worker.redefined.iter().find(runs).copied() else {
            self.start_redefined(id, first, context);
            return;
        };
        let place = usize::from(place);
        let template = Arc::clone(&pod.template);
        let spec = &template.containers[place];
        let message = || changed(&spec.name);
        context.events.normal(ObjectId::Pod(id), "Killing", message);
        self.kill_in_place(id, run, (place, template.termination_grace), context);
    }

    /// A container that gets another image is down: it starts as soon as the node has that.
    fn start_redefined(&mut self, id: PodId, container: u16, context: &mut Context<'_, Event>) {
        let worker = self.worker(id);
        worker.redefined.retain(|other| *other != container);
        worker.crash_loops[usize::from(container)] = CrashLoop::default();
        if container == 0 {
            // A pull that has failed is tried no longer.
            worker.run = worker.run.wrapping_add(1);
            (worker.pull, worker.pulling.again) = (None, true);
            let (pull, _, size) = self.pull_length(id, context);
            self.begin_pull(id, (pull, SimDuration::ZERO, size), context);
        } else {
            context.after(SimDuration::ZERO, Event::Restart(id, container));
        }
    }
}

/// Whether a pod has not started, as its image cannot be pulled: another one is tried at once.
fn pod_waits_for_image(
    kubelet: &mut Kubelet,
    id: PodId,
    containers: &[u16],
    context: &mut Context<'_, Event>,
) -> bool {
    let Some(pod) = context.store.pod(id) else {
        return true;
    };
    if pod.phase != PodPhase::Pending {
        return false;
    }
    if pod.waiting.is_some() && containers.contains(&0) {
        let worker = kubelet.worker(id);
        worker.run = worker.run.wrapping_add(1);
        let (pull, start, size) = kubelet.pull_length(id, context);
        kubelet.begin_pull(id, (pull, start, size), context);
    }
    true
}

fn changed(name: &str) -> String {
    format!("Container {name} definition changed, will be restarted")
}
