//! The store: every object, the indexes over them, and the one way to write them.

mod addresses;
mod images;
mod nodes;
mod placed;
mod pods;
mod read;
mod writes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::api::autoscaling::{HorizontalPodAutoscaler, VerticalPodAutoscaler};
use crate::api::index::{Selections, WorkloadEntry};
use crate::api::keda::{ScaledJob, ScaledObject};
use crate::api::log::ChangeLog;
use crate::api::meta::{Kind, ObjectId};
use crate::api::node::{NOT_READY, Node, NodeInfo, UNREACHABLE};
use crate::api::pod::{Pod, PodId};
use crate::api::policy::PodDisruptionBudget;
use crate::api::taint::{TaintEffect, Toleration};
use crate::api::workload::{
    CronJob, DaemonSet, Deployment, Job, ReplicaSet, ReplicaSetId, StatefulSet,
};
use crate::api::write::{Change, What, Write};
use crate::sim::{Arena, SimTime};

pub use images::NodeImage;
pub use placed::Opinion;

/// Pods created, deleted and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Pod objects created.
    pub created: u64,
    /// Pod objects deleted.
    pub deleted: u64,
    /// Pod objects there.
    pub existing: u64,
}

/// All objects of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Store {
    nodes: Arena<Node>,
    infos: Vec<NodeInfo>,
    addresses: addresses::Addresses,
    node_changes: nodes::NodeChanges,
    placed: placed::Placed,
    images: images::Images,
    pods: Arena<Pod>,
    deployments: Arena<Deployment>,
    replica_sets: Arena<ReplicaSet>,
    /// By slot: a ReplicaSet and how many active pods it owns.
    active: Vec<(ReplicaSetId, u32)>,
    stateful_sets: Arena<StatefulSet>,
    daemon_sets: Arena<DaemonSet>,
    jobs: Arena<Job>,
    cron_jobs: Arena<CronJob>,
    pdbs: Arena<PodDisruptionBudget>,
    hpas: Arena<HorizontalPodAutoscaler>,
    vpas: Arena<VerticalPodAutoscaler>,
    scaled_objects: Arena<ScaledObject>,
    scaled_jobs: Arena<ScaledJob>,
    /// Everything but pods, by kind, namespace and name.
    names: BTreeMap<(Kind, Arc<str>, Arc<str>), ObjectId>,
    workloads: Vec<WorkloadEntry>,
    selections: Selections,
    changes: VecDeque<Change>,
    removed: Vec<PodId>,
    log: Option<ChangeLog>,
    /// Pods that no controller has any more.
    orphans: usize,
    version: u64,
    created: u64,
    deleted: u64,
    default_tolerations: Option<[i64; 2]>,
}

impl Store {
    /// An empty store that keeps its log.
    pub fn with_log() -> Self {
        Self {
            log: Some(ChangeLog::default()),
            ..Self::default()
        }
    }

    /// What the API server gives to a pod that says nothing of these taints
    /// (`DefaultTolerationSeconds`).
    pub fn default_tolerations(&self) -> [Toleration; 2] {
        let seconds = self.default_tolerations.unwrap_or([300, 300]);
        [(NOT_READY, seconds[0]), (UNREACHABLE, seconds[1])].map(|(key, seconds)| Toleration {
            key: key.to_owned(),
            value: None,
            effect: Some(TaintEffect::NoExecute),
            seconds: Some(seconds),
        })
    }

    /// The log, if it is kept.
    pub fn log(&self) -> Option<&ChangeLog> {
        self.log.as_ref()
    }

    /// Takes the log, if it is kept.
    pub fn take_log(&mut self) -> Option<ChangeLog> {
        self.log.take()
    }

    /// Carries out a write: the only way in which an object changes. Returns the object, which
    /// an entry for a workload does not have yet. Writes of objects that are gone do nothing.
    pub fn commit(&mut self, now: SimTime, write: Write) -> Option<ObjectId> {
        if let Some(log) = &mut self.log {
            log.push(now, write.clone());
        }
        self.version += 1;
        Some(match write {
            Write::Workload(kind, namespace, name) => {
                self.workload_entry(kind, &namespace, &name);
                return None;
            }
            Write::DefaultTolerations(seconds) => {
                self.default_tolerations = Some(seconds);
                return None;
            }
            Write::Pod(id, write) => self.write_pod(now, id, &write),
            Write::CreatePod(pod) => self.create_pod(*pod),
            Write::RemovePod(id) => self.remove_pod(id),
            Write::Forget(id) => self.forget(id),
            Write::Readiness(id, readiness) => self.write_readiness(now, id, readiness),
            Write::MemoryPressure(id, is_on) => {
                if let Some(node) = self.nodes.get_mut(id) {
                    node.memory_pressure = Some((is_on, now));
                }
                self.wrote(ObjectId::Node(id), false, What::Status)
            }
            Write::Image(id, name, size) => self.add_image(id, &name, size),
            write => self.write_other(write),
        })
    }

    #[inline]
    fn tell(&mut self, object: ObjectId, what: What) -> ObjectId {
        self.changes.push_back(Change { object, what });
        object
    }

    /// Publishes an event of an object that does not change it.
    pub fn notify(&mut self, object: ObjectId, what: What) {
        self.tell(object, what);
    }

    /// Whether nobody has to hear of anything, and nothing is to be forgotten.
    #[inline]
    pub fn is_calm(&self) -> bool {
        self.changes.is_empty() && self.removed.is_empty()
    }

    /// The next change that nobody has taken yet.
    #[inline]
    pub fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes all changes.
    pub fn take_changes(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.changes.drain(..)
    }
}
