//! The new ReplicaSet: how it is found, numbered, annotated and created
//! (`sync.go`, `getNewReplicaSet`; `deployment_util.go`, `SetNewReplicaSetAnnotations`).

use super::super::event::{Event, EventType};
use super::condition::{self, Condition, ConditionStatus, ConditionType, reason};
use super::fenceposts::new_rs_new_replicas;
use super::outcome::{NewReplicaSet, Requeue, Step, SyncResult};
use super::sync::{Conflict, Sync};
use super::view::{Deployment, ReplicaSet, ReplicaSetStatus, replica_count};
use crate::sim::SimTime;

/// Longest annotation of earlier revisions, in characters (`maxRevHistoryLengthInChars`).
const MAX_REVISION_HISTORY_CHARS: usize = 2000;

/// Longest name of an object (`DNS1123SubdomainMaxLength`).
const MAX_NAME_CHARS: usize = 253;

/// The key of a ReplicaSet that this very sync creates. No step names it: it is created with the
/// size that it is to have.
const CREATED: usize = usize::MAX;

/// Whether an annotation of a Deployment is copied to its new ReplicaSet, and back by an undo;
/// the controller's own and kubectl's last applied configuration are not (`annotationsToSkip`).
pub fn is_copied_annotation(key: &str) -> bool {
    !matches!(
        key,
        "kubectl.kubernetes.io/last-applied-configuration"
            | "deployment.kubernetes.io/revision"
            | "deployment.kubernetes.io/revision-history"
            | "deployment.kubernetes.io/desired-replicas"
            | "deployment.kubernetes.io/max-replicas"
            | "deprecated.deployment.rollback.to"
    )
}

/// The name of the ReplicaSet of a template (`generateReplicaSetName`); the Deployment's name is
/// cut where the whole would be longer than a name may be.
pub fn replica_set_name(deployment: &str, template_hash: &str) -> String {
    let room = MAX_NAME_CHARS.saturating_sub(1 + template_hash.len());
    let cut = match deployment.get(..room) {
        Some(cut) if room > 0 => cut,
        _ => deployment,
    };
    format!("{cut}-{template_hash}")
}

/// The sync that could not create the new ReplicaSet, in place of what [`super::sync()`] planned.
pub fn creation_failed(
    deployment: &Deployment<'_>,
    name: &str,
    error: &str,
    now: SimTime,
) -> SyncResult {
    let message = format!("Failed to create new replica set \"{name}\": {error}");
    let mut steps = Vec::new();
    if deployment.spec.has_progress_deadline() {
        let mut status = deployment.status.clone();
        let failed = Condition::new(
            ConditionType::Progressing,
            ConditionStatus::False,
            reason::REPLICA_SET_CREATE_ERROR,
            message.clone(),
            now,
        );
        condition::set(&mut status.conditions, failed);
        steps.push(Step::UpdateStatus {
            status,
            revision: deployment.revision,
        });
    }
    steps.push(Step::Event(Event {
        kind: EventType::Warning,
        reason: reason::REPLICA_SET_CREATE_ERROR,
        message,
    }));
    SyncResult {
        steps,
        requeue: Requeue::RateLimited,
    }
}

/// The sync that found the new ReplicaSet's name taken by one that is not the Deployment's, in
/// place of what [`super::sync()`] planned: the next one asks for another hash.
pub fn hash_collision(deployment: &Deployment<'_>) -> SyncResult {
    let mut status = deployment.status.clone();
    status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
    SyncResult {
        steps: vec![Step::UpdateStatus {
            status,
            revision: deployment.revision,
        }],
        requeue: Requeue::RateLimited,
    }
}

impl<'a> Sync<'a> {
    /// Brings the annotations of an existing new ReplicaSet up to date or, where they are, the
    /// Deployment's own revision.
    pub(super) fn found_new_replica_set(
        &mut self,
        mut new: ReplicaSet<'a>,
        old: &[ReplicaSet<'a>],
    ) -> Result<ReplicaSet<'a>, Conflict> {
        let spec = &self.deployment.spec;
        let revision = next_revision(old);
        let is_overtaken = new.revision.unwrap_or(0) < revision;
        if is_overtaken
            || !new.has_deployments_annotations
            || new.min_ready_seconds != spec.min_ready_seconds
        {
            if self.has_annotated {
                return Err(Conflict);
            }
            self.has_annotated = true;
            let before = new.revision.filter(|_| is_overtaken);
            let revision = new.revision.unwrap_or(0).max(revision);
            self.push(Step::AnnotateReplicaSet {
                key: new.key,
                revision,
                revision_history: before.and_then(|left| history(new.revision_history, left)),
                min_ready_seconds: spec.min_ready_seconds,
            });
            new.revision = Some(revision);
            new.has_deployments_annotations = true;
            new.min_ready_seconds = spec.min_ready_seconds;
            return Ok(new);
        }
        let mut needs_update = self.revision != new.revision;
        self.revision = new.revision;
        let is_first_look = self.status.condition(ConditionType::Progressing).is_none();
        if spec.has_progress_deadline() && is_first_look {
            let message = format!("Found new replica set \"{}\"", new.name);
            self.set_progressing(
                ConditionStatus::True,
                reason::FOUND_NEW_REPLICA_SET,
                message,
            );
            needs_update = true;
        }
        if needs_update {
            self.update_status()?;
        }
        Ok(new)
    }

    /// Creates the new ReplicaSet with the size that there is room for.
    pub(super) fn create_new_replica_set(
        &mut self,
        old: &[ReplicaSet<'a>],
    ) -> Result<ReplicaSet<'a>, Conflict> {
        let spec = &self.deployment.spec;
        let (name, revision) = (self.new_name, next_revision(old));
        let replicas = new_rs_new_replicas(spec, replica_count(old), 0);
        let max_replicas = spec.max_replicas();
        self.push(Step::CreateReplicaSet(NewReplicaSet {
            name: name.to_owned(),
            replicas,
            min_ready_seconds: spec.min_ready_seconds,
            revision,
            desired_replicas: spec.replicas,
            max_replicas,
        }));
        if replicas > 0 {
            self.announce_size(name, 0, replicas);
        }
        let mut needs_update = self.revision != Some(revision);
        self.revision = Some(revision);
        if spec.has_progress_deadline() {
            let message = format!("Created new replica set \"{name}\"");
            self.set_progressing(
                ConditionStatus::True,
                reason::NEW_REPLICA_SET_CREATED,
                message,
            );
            needs_update = true;
        }
        if needs_update {
            self.update_status()?;
        }
        Ok(ReplicaSet {
            key: CREATED,
            name,
            created: self.now,
            deleting: false,
            has_deployments_template: true,
            has_deployments_annotations: true,
            revision: Some(revision),
            revision_history: "",
            desired_replicas: Some(spec.replicas),
            max_replicas: Some(max_replicas),
            replicas,
            min_ready_seconds: spec.min_ready_seconds,
            unfinished_pods: 0,
            status: ReplicaSetStatus {
                never_observed: true,
                ..ReplicaSetStatus::default()
            },
        })
    }
}

/// One more than the highest revision of the old ReplicaSets (`MaxRevision`).
fn next_revision(old: &[ReplicaSet<'_>]) -> i64 {
    old.iter().filter_map(|set| set.revision).fold(0, i64::max) + 1
}

/// The annotation of earlier revisions with one more. The oldest ones go where it would get too
/// long; `None` leaves it as it is.
fn history(revisions: &str, left: i64) -> Option<String> {
    let left = left.to_string();
    if revisions.is_empty() {
        return Some(left);
    }
    let mut kept = revisions;
    while kept.len() + 1 + left.len() > MAX_REVISION_HISTORY_CHARS {
        kept = kept.split_once(',')?.1;
    }
    Some(format!("{kept},{left}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_is_left_joins_the_history() {
        assert_eq!(history("", 1).as_deref(), Some("1"));
        assert_eq!(history("1,3", 5).as_deref(), Some("1,3,5"));
    }

    #[test]
    fn a_long_history_loses_its_oldest_revisions() {
        let long = vec!["1000"; 400].join(",");
        let grown = history(&long, 2000).expect("there is room for the newest");
        assert!(grown.len() <= MAX_REVISION_HISTORY_CHARS);
        assert!(grown.ends_with(",1000,2000"));
        assert_eq!(grown.split(',').count(), 400);
    }

    #[test]
    fn a_long_name_is_cut_so_that_the_hash_fits() {
        assert_eq!(replica_set_name("api", "65f88b6dd9"), "api-65f88b6dd9");
        let name = replica_set_name(&"n".repeat(253), "65f88b6dd9");
        assert_eq!(name.len(), 253);
        assert!(name.ends_with("n-65f88b6dd9"));
    }

    #[test]
    fn the_controllers_own_annotations_are_not_copied() {
        assert!(is_copied_annotation("kubernetes.io/change-cause"));
        assert!(!is_copied_annotation("deployment.kubernetes.io/revision"));
    }
}
