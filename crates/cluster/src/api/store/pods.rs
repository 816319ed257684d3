//! Pods: written, with the indexes over them kept in step.

use super::{Ledger, Store};
use crate::api::index::WorkloadId;
use crate::api::meta::{Kind, ObjectId};
use crate::api::node::NodeId;
use crate::api::pod::{Pod, PodId};
use crate::api::resources::PodAmounts;
use crate::api::workload::ReplicaSetId;
use crate::api::write::{PodWrite, What};
use crate::sim::SimTime;

/// Whether a write of a pod changes what its node has promised, or whose pods are counted there.
fn changes_promises(write: &PodWrite) -> bool {
    matches!(
        write,
        PodWrite::Assume(_)
            | PodWrite::Delete { .. }
            | PodWrite::End(_)
            | PodWrite::Resize(_)
            | PodWrite::ResizeStatus(_)
            | PodWrite::ResizeError(_)
            | PodWrite::AllocateResize
            | PodWrite::Owner(..)
    )
}

impl Store {
    pub(super) fn create_pod(&mut self, mut pod: Pod) -> ObjectId {
        pod.serial = self.created;
        pod.meta.resource_version = self.version;
        self.created += 1;
        let selections = self.selections.of(&pod);
        let entry = &mut self.workloads[pod.workload.index()];
        if let Some(count) = entry.counts.of(&pod) {
            *count += 1;
        }
        let (owner, is_active) = (pod.meta.owner, pod.is_active());
        self.orphans += usize::from(owner.is_none());
        let id = self.pods.insert(pod);
        entry.pods.push(id);
        if entry.kind == Kind::Pod {
            entry.object = Some(ObjectId::Pod(id));
        }
        self.selections.pods_changed();
        self.selections.add(id, &selections, &self.pods);
        self.count_active(owner, false, is_active);
        if let Some(node) = self.promise(id, true) {
            self.node_changed(node);
        }
        self.tell(ObjectId::Pod(id), What::Created)
    }

    pub(super) fn write_pod(&mut self, now: SimTime, id: PodId, write: &PodWrite) -> ObjectId {
        let promises = changes_promises(write);
        let before = if promises {
            self.promise(id, false)
        } else {
            None
        };
        if let PodWrite::Labels(_) = write {
            self.reselect(id, false);
        }
        let Some(pod) = self.pods.get_mut(id) else {
            return ObjectId::Pod(id);
        };
        let counts = &mut self.workloads[pod.listed.index()].counts;
        if let Some(count) = counts.of(pod) {
            *count -= 1;
        }
        let running = (pod.containers.iter().take(64).enumerate()).filter(|(_, status)| {
            matches!(write, PodWrite::End(_)) && status.running_since.is_some()
        });
        let ran = running.fold(0u64, |ran, (place, _)| ran | 1 << place);
        let was_active = pod.is_active() && !pod.removed;
        let (owned_by, listed) = (pod.meta.owner, pod.listed);
        let used = pod.occupies_node();
        let is_rewritten = used && matches!(write, PodWrite::Template(_));
        if is_rewritten || used && matches!(write, PodWrite::End(_)) {
            self.placed.remove(id, pod);
        }
        pod.apply(write, now);
        let place = pod.node.map(NodeId::slot);
        match (write, place) {
            (PodWrite::Acknowledge, Some(place)) if !pod.template.host_network => {
                pod.address = self.addresses.take(place);
            }
            (PodWrite::End(_), Some(place)) if used => {
                if let Some(address) = pod.address {
                    self.addresses.give_back(place, address);
                }
            }
            _ => {}
        }
        if is_rewritten || !used && matches!(write, PodWrite::Assume(_)) {
            self.placed.add(id, pod);
        }
        pod.meta.resource_version = self.version;
        let counts = &mut self.workloads[pod.listed.index()].counts;
        if let Some(count) = counts.of(pod) {
            *count += 1;
        }
        let (containers, deleting) = (pod.containers.len() as u16, pod.is_deleting());
        let (owner, is_active) = (pod.meta.owner, pod.is_active() && !pod.removed);
        if owner == owned_by {
            self.count_active(owner, was_active, is_active);
        } else {
            self.orphans += usize::from(owner.is_none());
            self.orphans -= usize::from(owned_by.is_none());
            self.count_active(owned_by, was_active, false);
            self.count_active(owner, false, is_active);
            self.list_elsewhere(id, listed);
        }
        if promises && let Some(node) = self.promise(id, true).or(before) {
            self.node_changed(node);
        }
        if let PodWrite::Labels(_) = write {
            self.reselect(id, true);
        }
        self.tell_of_write(id, write, (containers, ran), deleting)
    }

    /// Tells what a write has changed of a pod, of whose containers so many are and these ran.
    fn tell_of_write(
        &mut self,
        id: PodId,
        write: &PodWrite,
        (containers, ran): (u16, u64),
        deleting: bool,
    ) -> ObjectId {
        let object = ObjectId::Pod(id);
        match write {
            PodWrite::Grace(_) if deleting => self.tell(object, What::GraceShortened),
            PodWrite::Admit(_)
            | PodWrite::Template(_)
            | PodWrite::Owner(..)
            | PodWrite::Labels(_)
            | PodWrite::Annotations(_) => self.tell(object, What::Spec),
            PodWrite::Assume(_)
            | PodWrite::Unschedulable(_)
            | PodWrite::Nominate(_)
            | PodWrite::Preempt
            | PodWrite::Acknowledge
            | PodWrite::Waiting(_)
            | PodWrite::Hook(_)
            | PodWrite::Grace(_)
            | PodWrite::Init(..)
            | PodWrite::Running
            | PodWrite::ContainersReady
            | PodWrite::Conditions(_)
            | PodWrite::Evict
            | PodWrite::Disrupt(_)
            | PodWrite::Failure(_)
            | PodWrite::ResizeError(_)
            | PodWrite::ResizeStatus(Some(_)) => self.tell(object, What::Status),
            PodWrite::Bind => self.tell(object, What::Scheduled),
            PodWrite::Run => {
                for container in 0..containers {
                    self.tell(object, What::ContainerStarted(container));
                }
                object
            }
            PodWrite::BeginContainer(container) | PodWrite::StartContainer(container) => {
                self.tell(object, What::ContainerStarted(*container))
            }
            PodWrite::AppStarted => self.tell(object, What::AppStarted),
            PodWrite::StopContainer(container, _) => {
                self.tell(object, What::ContainerStopped(*container))
            }
            PodWrite::Ready(_) | PodWrite::CloseGate => self.tell(object, What::Ready),
            PodWrite::Delete { .. } => self.tell(object, What::Deleting),
            PodWrite::Terminate => self.tell(object, What::Terminating),
            PodWrite::End(_) => {
                for container in (0..containers.min(64)).filter(|place| ran >> place & 1 == 1) {
                    self.tell(object, What::ContainerStopped(container));
                }
                self.tell(object, What::Ended)
            }
            PodWrite::Resize(_) => self.tell(object, What::ResizeRequested),
            PodWrite::AllocateResize => self.tell(object, What::ResizeAllocated),
            PodWrite::ResizeStatus(None) => self.tell(object, What::Resized),
        }
    }

    pub(super) fn remove_pod(&mut self, id: PodId) -> ObjectId {
        let object = ObjectId::Pod(id);
        let Some(pod) = self.pods.get_mut(id).filter(|pod| !pod.removed) else {
            return object;
        };
        let entry = &mut self.workloads[pod.listed.index()];
        if let Some(count) = entry.counts.of(pod) {
            *count -= 1;
        }
        pod.removed = true;
        self.orphans -= usize::from(pod.meta.owner.is_none());
        let (owner, was_active) = (pod.meta.owner, pod.is_active());
        if pod.occupies_node() {
            self.placed.remove(id, pod);
            if let (Some(node), Some(address)) = (pod.node, pod.address) {
                self.addresses.give_back(node.slot(), address);
            }
        }
        let (serial, pod_of) = (pod.serial, pod.workload);
        let of = |id: &PodId| self.pods.get(*id).map_or(0, |pod| pod.serial);
        if let Ok(place) = entry.pods.binary_search_by_key(&serial, of) {
            entry.pods.remove(place);
        }
        let own = &mut self.workloads[pod_of.index()];
        own.object = own.object.filter(|known| *known != object);
        self.count_active(owner, was_active, false);
        self.reselect(id, false);
        self.deleted += 1;
        self.removed.push(id);
        self.tell(object, What::Deleted)
    }

    /// A pod has another owner: it is among the pods of that one's workload, by age.
    fn list_elsewhere(&mut self, id: PodId, before: WorkloadId) {
        let Some(pod) = self.pods.get(id).filter(|pod| pod.listed != before) else {
            return;
        };
        let (serial, now) = (pod.serial, pod.listed);
        let of = |id: &PodId| self.pods.get(*id).map_or(0, |pod| pod.serial);
        let pods = &mut self.workloads[before.index()].pods;
        if let Ok(place) = pods.binary_search_by_key(&serial, of) {
            pods.remove(place);
        }
        let pods = &mut self.workloads[now.index()].pods;
        if let Err(place) = pods.binary_search_by_key(&serial, of) {
            pods.insert(place, id);
        }
    }

    /// Pods that are removed and that every observer has heard of, to be forgotten.
    pub fn take_removed(&mut self) -> Option<PodId> {
        self.removed.pop()
    }

    pub(super) fn forget(&mut self, id: PodId) -> ObjectId {
        if let Some(place) = self.removed.iter().rposition(|other| *other == id) {
            self.removed.swap_remove(place);
        }
        self.pods.remove(id);
        self.selections.pods_changed();
        ObjectId::Pod(id)
    }

    /// A new ReplicaSet owns no pods yet.
    pub(super) fn begin_active(&mut self, id: ReplicaSetId) {
        if self.active.len() <= id.slot() {
            self.active.resize(id.slot() + 1, (id, 0));
        }
        self.active[id.slot()] = (id, 0);
    }

    /// Counts a pod that its ReplicaSet, if it has one, counts from now on, or no longer.
    fn count_active(&mut self, owner: Option<ObjectId>, before: bool, now: bool) {
        if before == now {
            return;
        }
        let Some(ObjectId::ReplicaSet(id)) = owner else {
            return;
        };
        // The slot of one that is gone may be another's.
        if let Some((_, count)) = self.active.get_mut(id.slot()).filter(|one| one.0 == id) {
            *count = if now { *count + 1 } else { *count - 1 };
        }
    }

    /// Pods that a ReplicaSet owns and counts (`IsPodActive`).
    pub fn active_of(&self, id: ReplicaSetId) -> usize {
        let known = self.active.get(id.slot()).filter(|one| one.0 == id);
        known.map_or(0, |(_, count)| *count as usize)
    }

    /// Whether there are pods that no controller has.
    pub fn has_orphans(&self) -> bool {
        self.orphans > 0
    }

    /// Takes a pod into the selections that match it, or out of them.
    fn reselect(&mut self, id: PodId, into: bool) {
        let Some(pod) = self.pods.get(id) else { return };
        self.selections.pods_changed();
        let selections = self.selections.of(pod);
        if into {
            self.selections.add(id, &selections, &self.pods);
        } else {
            self.selections.remove(id, &selections, &self.pods);
        }
    }

    /// Adds what a pod's node promises to it, or takes it back; returns the node.
    fn promise(&mut self, id: PodId, add: bool) -> Option<NodeId> {
        let pod = self.pods.get(id).filter(|pod| pod.occupies_node())?;
        let node = pod.node.filter(|node| self.nodes.get(*node).is_some())?;
        let PodAmounts { raw, nonzero } = pod.amounts();
        let (deferred, counts) = (pod.deferred(), !pod.is_deleting() && !pod.orphaned);
        let workload = pod.listed;
        let info = &mut self.infos[node.slot()];
        let sums = [
            (&mut info.requested, raw),
            (&mut info.nonzero, nonzero),
            (&mut info.deferred, deferred),
        ];
        for (sum, amount) in sums {
            *sum = if add { *sum + amount } else { *sum - amount };
        }
        if add {
            info.pods += 1;
        } else {
            info.pods -= 1;
        }
        if counts {
            self.count_on(node, workload, add);
        }
        Some(node)
    }

    /// A pod, if it exists.
    #[inline]
    pub fn pod(&self, id: PodId) -> Option<&Pod> {
        self.pods.get(id)
    }

    /// All pods with their keys, removed ones included until they are forgotten.
    pub fn pods(&self) -> impl Iterator<Item = (PodId, &Pod)> {
        self.pods.iter()
    }

    /// Pods created, deleted and there: created = deleted + existing, always.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            created: self.created,
            deleted: self.deleted,
            existing: (self.pods.len() - self.removed.len()) as u64,
        }
    }
}
