//! Deployments, ReplicaSets, StatefulSets, DaemonSets and PodDisruptionBudgets
//! (`deployment.go`, `replicaset.go`, `statefulset.go`, `daemonset.go`,
//! `poddisruptionbudget.go`).

use super::family::{
    Family, Samples, Seen, annotations, created, deletion, generation, labels, owner,
};
use crate::api::{
    DaemonSet, DaemonSetCounts, Deployment, PodDisruptionBudget, ReplicaSet, ReplicaSetCounts,
    StatefulSet, StatefulSetCounts,
};
use crate::controller::deployment::{ConditionStatus, Strategy};
use crate::controller::disruption::BudgetStatus;
use crate::controller::statefulset::RevisionKey;

/// Reasons of a Deployment's conditions that are exported; others are `unknown`.
const REASONS: [&str; 11] = [
    "",
    "DeploymentPaused",
    "DeploymentResumed",
    "FoundNewReplicaSet",
    "MinimumReplicasAvailable",
    "MinimumReplicasUnavailable",
    "NewReplicaSetAvailable",
    "NewReplicaSetCreated",
    "ProgressDeadlineExceeded",
    "ReplicaSetCreateError",
    "ReplicaSetUpdated",
];

pub(super) const DEPLOYMENTS: &[Family<Deployment>] = &[
    ("kube_deployment_spec_replicas", |d, out| {
        out.one(d.of.spec.replicas.into());
    }),
    ("kube_deployment_status_replicas", |d, out| {
        out.one(d.of.status.replicas.into());
    }),
    ("kube_deployment_status_replicas_ready", |d, out| {
        out.one(d.of.status.ready_replicas.into());
    }),
    ("kube_deployment_status_replicas_available", |d, out| {
        out.one(d.of.status.available_replicas.into());
    }),
    ("kube_deployment_status_replicas_unavailable", |d, out| {
        out.one(d.of.status.unavailable_replicas.into());
    }),
    ("kube_deployment_status_replicas_updated", |d, out| {
        out.one(d.of.status.updated_replicas.into());
    }),
    ("kube_deployment_status_terminating_replicas", |d, out| {
        if let Some(terminating) = d.of.status.terminating_replicas {
            out.one(terminating.into());
        }
    }),
    ("kube_deployment_status_observed_generation", |d, out| {
        out.one(d.of.status.observed_generation as f64);
    }),
    ("kube_deployment_status_condition", conditions),
    ("kube_deployment_spec_paused", |d, out| {
        out.flag(&[], d.of.spec.paused);
    }),
    (
        "kube_deployment_spec_strategy_rollingupdate_max_unavailable",
        |d, out| {
            if let Strategy::RollingUpdate(rolling) = d.of.spec.strategy {
                out.one(
                    rolling
                        .max_unavailable
                        .scaled_down(d.of.spec.replicas)
                        .into(),
                );
            }
        },
    ),
    (
        "kube_deployment_spec_strategy_rollingupdate_max_surge",
        |d, out| {
            if let Strategy::RollingUpdate(rolling) = d.of.spec.strategy {
                out.one(rolling.max_surge.scaled_up(d.of.spec.replicas).into());
            }
        },
    ),
    ("kube_deployment_metadata_generation", generation),
    ("kube_deployment_created", created),
    ("kube_deployment_deletion_timestamp", deletion),
    ("kube_deployment_owner", |d, out| {
        let (kind, name) = d.owner().unwrap_or_default();
        out.labelled(&[("owner_kind", kind), ("owner_name", name)], 1.0);
    }),
    ("kube_deployment_labels", labels),
    ("kube_deployment_annotations", annotations),
];

fn conditions(d: &Seen<'_, Deployment>, out: &mut Samples<'_>) {
    for condition in &d.of.status.conditions {
        let known = REASONS.iter().find(|reason| **reason == condition.reason);
        let reason = known.copied().unwrap_or("unknown");
        let kind = condition.kind.to_string();
        let status = match condition.status {
            ConditionStatus::True => Some(true),
            ConditionStatus::False => Some(false),
            ConditionStatus::Unknown => None,
        };
        out.condition(
            &[("condition", &kind), ("reason", reason)],
            "status",
            status,
        );
    }
}

pub(super) const REPLICA_SETS: &[Family<ReplicaSet, ReplicaSetCounts>] = &[
    ("kube_replicaset_spec_replicas", |r, out| {
        out.one(r.of.replicas.into());
    }),
    ("kube_replicaset_status_replicas", |r, out| {
        out.one(r.status.replicas.into());
    }),
    ("kube_replicaset_status_fully_labeled_replicas", |r, out| {
        out.one(r.status.replicas.into());
    }),
    ("kube_replicaset_status_ready_replicas", |r, out| {
        out.one(r.status.ready.into());
    }),
    ("kube_replicaset_status_terminating_replicas", |r, out| {
        out.one(r.status.terminating.into());
    }),
    ("kube_replicaset_status_observed_generation", generation),
    ("kube_replicaset_metadata_generation", generation),
    ("kube_replicaset_created", created),
    ("kube_replicaset_owner", owner),
    ("kube_replicaset_labels", labels),
    ("kube_replicaset_annotations", annotations),
];

pub(super) const STATEFUL_SETS: &[Family<StatefulSet, StatefulSetCounts>] = &[
    ("kube_statefulset_replicas", |s, out| {
        out.one(s.of.spec.replicas.into());
    }),
    ("kube_statefulset_status_replicas", |s, out| {
        out.one(s.status.replicas.into());
    }),
    ("kube_statefulset_status_replicas_available", |s, out| {
        out.one(s.status.ready.into());
    }),
    ("kube_statefulset_status_replicas_current", |s, out| {
        out.one(s.status.current.into());
    }),
    ("kube_statefulset_status_replicas_ready", |s, out| {
        out.one(s.status.ready.into());
    }),
    ("kube_statefulset_status_replicas_updated", |s, out| {
        out.one(s.status.updated.into());
    }),
    ("kube_statefulset_status_observed_generation", generation),
    ("kube_statefulset_status_current_revision", |s, out| {
        revision(s, s.of.status.current_revision, out);
    }),
    ("kube_statefulset_status_update_revision", |s, out| {
        revision(s, s.of.status.update_revision, out);
    }),
    ("kube_statefulset_ordinals_start", |s, out| {
        if s.of.spec.start_ordinal > 0 {
            out.one(s.of.spec.start_ordinal.into());
        }
    }),
    (
        "kube_statefulset_persistentvolumeclaim_retention_policy",
        |_, out| {
            out.labelled(
                &[("when_deleted", "Retain"), ("when_scaled", "Retain")],
                1.0,
            );
        },
    ),
    ("kube_statefulset_metadata_generation", generation),
    ("kube_statefulset_created", created),
    ("kube_statefulset_deletion_timestamp", deletion),
    ("kube_statefulset_labels", labels),
    ("kube_statefulset_annotations", annotations),
];

fn revision(
    s: &Seen<'_, StatefulSet, StatefulSetCounts>,
    key: Option<RevisionKey>,
    out: &mut Samples<'_>,
) {
    let name = key.map(|key| s.of.revision_name(key)).unwrap_or_default();
    out.labelled(&[("revision", &name)], 1.0);
}

pub(super) const DAEMON_SETS: &[Family<DaemonSet, DaemonSetCounts>] = &[
    (
        "kube_daemonset_status_current_number_scheduled",
        |d, out| {
            out.one(d.status.current.into());
        },
    ),
    (
        "kube_daemonset_status_desired_number_scheduled",
        |d, out| {
            out.one(d.status.desired.into());
        },
    ),
    ("kube_daemonset_status_number_available", |d, out| {
        out.one(d.status.available.into());
    }),
    ("kube_daemonset_status_number_misscheduled", |d, out| {
        out.one(d.status.misscheduled.into());
    }),
    ("kube_daemonset_status_number_ready", |d, out| {
        out.one(d.status.ready.into());
    }),
    ("kube_daemonset_status_number_unavailable", |d, out| {
        out.one((d.status.desired - d.status.available).into());
    }),
    (
        "kube_daemonset_status_updated_number_scheduled",
        |d, out| {
            out.one(d.status.updated.into());
        },
    ),
    ("kube_daemonset_status_observed_generation", generation),
    ("kube_daemonset_metadata_generation", generation),
    ("kube_daemonset_created", created),
    ("kube_daemonset_deletion_timestamp", deletion),
    ("kube_daemonset_labels", labels),
    ("kube_daemonset_annotations", annotations),
];

pub(super) const BUDGETS: &[Family<PodDisruptionBudget, BudgetStatus>] = &[
    (
        "kube_poddisruptionbudget_status_current_healthy",
        |p, out| {
            out.one(p.status.current_healthy.into());
        },
    ),
    (
        "kube_poddisruptionbudget_status_desired_healthy",
        |p, out| {
            out.one(p.status.desired_healthy.into());
        },
    ),
    (
        "kube_poddisruptionbudget_status_pod_disruptions_allowed",
        |p, out| {
            out.one(p.status.disruptions_allowed.into());
        },
    ),
    ("kube_poddisruptionbudget_status_expected_pods", |p, out| {
        out.one(p.status.expected.into());
    }),
    (
        "kube_poddisruptionbudget_status_observed_generation",
        generation,
    ),
    ("kube_poddisruptionbudget_created", created),
    ("kube_poddisruptionbudget_deletion_timestamp", deletion),
    ("kube_poddisruptionbudget_labels", labels),
    ("kube_poddisruptionbudget_annotations", annotations),
];
