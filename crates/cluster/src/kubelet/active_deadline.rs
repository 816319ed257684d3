//! `activeDeadlineSeconds` of pods (`active_deadline.go`).

use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, PodId};

const REASON: &str = "DeadlineExceeded";
const MESSAGE: &str = "Pod was active on the node longer than the specified deadline";

impl Kubelet {
    /// A pod's time may be over; also when its deadline has changed.
    pub fn look_at_deadline(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id).filter(|pod| pod.is_active()) else {
            return;
        };
        let (Some(start), Some(deadline)) = (pod.start_time, pod.template.active_deadline) else {
            return;
        };
        let due = start + deadline;
        if due > context.now {
            context.at(due, Event::Deadline(id));
            return;
        }
        let grace = pod.grace();
        if self.worker(id).ending.is_none() {
            let object = ObjectId::Pod(id);
            context.events.normal(object, REASON, || MESSAGE.to_owned());
            self.fail_pod(id, (REASON, MESSAGE.to_owned()), grace, context);
        }
    }
}
