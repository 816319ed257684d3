//! Counts of a workload's pods that no controller of ours writes down: counted anew where they
//! are shown.

use std::sync::Arc;

use super::replica_set::owned;
use crate::api::meta::ObjectId;
use crate::api::pod::Pod;
use crate::api::store::Store;
use crate::api::workload::{
    DaemonSet, DaemonSetId, Job, JobId, ReplicaSet, ReplicaSetId, StatefulSet, StatefulSetId,
};
use crate::controller::daemonset::adapter::on_nodes;
use crate::sim::{SimDuration, SimTime};

/// Of a ReplicaSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaSetCounts {
    /// `replicas`, all of them fully labeled.
    pub replicas: i32,
    /// `readyReplicas`.
    pub ready: i32,
    /// `availableReplicas`.
    pub available: i32,
    /// `terminatingReplicas`.
    pub terminating: i32,
}

/// Counts the pods of a ReplicaSet.
pub fn replica_set_counts(
    id: ReplicaSetId,
    set: &ReplicaSet,
    store: &Store,
    now: SimTime,
) -> ReplicaSetCounts {
    let wait = SimDuration::from_secs(i64::from(set.rollout.min_ready_seconds));
    let mut counts = ReplicaSetCounts::default();
    for pod in owned(ObjectId::ReplicaSet(id), set.workload, store) {
        counts.terminating += i32::from(pod.is_deleting() && !pod.has_ended());
        counts.replicas += i32::from(pod.is_active());
        let is_ready = pod.is_ready();
        counts.ready += i32::from(is_ready);
        let is_available = wait == SimDuration::ZERO || pod.ready_transition + wait <= now;
        counts.available += i32::from(is_ready && is_available);
    }
    counts
}

/// Of a StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatefulSetCounts {
    /// `replicas`.
    pub replicas: i32,
    /// `readyReplicas` and `availableReplicas`.
    pub ready: i32,
    /// `currentReplicas`.
    pub current: i32,
    /// `updatedReplicas`.
    pub updated: i32,
}

/// Counts the pods of a StatefulSet.
pub fn stateful_set_counts(
    id: StatefulSetId,
    set: &StatefulSet,
    store: &Store,
) -> StatefulSetCounts {
    let mut counts = StatefulSetCounts::default();
    let mut older = 0;
    for pod in owned(ObjectId::StatefulSet(id), set.workload, store) {
        counts.replicas += 1;
        counts.ready += i32::from(pod.ready && !pod.has_ended());
        if !pod.is_deleting() {
            let is_updated =
                Arc::ptr_eq(&pod.template, &set.template) || pod.template == set.template;
            counts.updated += i32::from(is_updated);
            older += i32::from(!is_updated);
        }
    }
    // The current revision is the one that a roll-out replaces, if one is under way.
    counts.current = if older > 0 { older } else { counts.updated };
    counts
}

/// Of a DaemonSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DaemonSetCounts {
    /// `desiredNumberScheduled`.
    pub desired: i32,
    /// `currentNumberScheduled`.
    pub current: i32,
    /// `numberMisscheduled`.
    pub misscheduled: i32,
    /// `numberReady`.
    pub ready: i32,
    /// `numberAvailable`.
    pub available: i32,
    /// `updatedNumberScheduled`.
    pub updated: i32,
}

/// Counts the pods of a DaemonSet.
pub fn daemon_set_counts(
    id: DaemonSetId,
    set: &DaemonSet,
    store: &Store,
    now: SimTime,
) -> DaemonSetCounts {
    let mut counts = DaemonSetCounts::default();
    for node in on_nodes(id, set, store, now) {
        let oldest = node.pods.first();
        if !node.should_run {
            counts.misscheduled += i32::from(oldest.is_some());
            continue;
        }
        counts.desired += 1;
        if let Some(oldest) = oldest {
            counts.current += 1;
            counts.ready += i32::from(oldest.is_ready);
            counts.available += i32::from(oldest.is_available);
            counts.updated += i32::from(oldest.is_new);
        }
    }
    counts
}

/// Of a Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// `active`.
    pub active: i32,
    /// `ready`.
    pub ready: i32,
    /// `terminating`.
    pub terminating: i32,
}

/// Counts the pods of a Job.
pub fn job_counts(id: JobId, job: &Job, store: &Store) -> JobCounts {
    let mut counts = JobCounts::default();
    for pod in owned(ObjectId::Job(id), job.workload, store) {
        counts.active += i32::from(Pod::is_active(pod));
        counts.ready += i32::from(pod.is_ready());
        counts.terminating += i32::from(pod.is_deleting() && !pod.has_ended());
    }
    counts
}
