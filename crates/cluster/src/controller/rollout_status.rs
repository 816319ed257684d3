//! What `kubectl rollout status` prints at each look at an object
//! (`staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`).

use super::deployment::{ConditionType, Deployment, reason};
use super::statefulset::{RevisionKey, StatefulSet, UpdateStrategy};

/// One look at a roll-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutStatus {
    /// The line that is printed.
    pub line: String,
    /// Whether kubectl ends here; otherwise it waits for the object's next change.
    pub is_done: bool,
}

/// Why kubectl gives up; it prints the sentence after `error: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutStatusError {
    /// The roll-out makes no progress.
    #[error("deployment \"{0}\" exceeded its progress deadline")]
    ProgressDeadlineExceeded(String),
    /// Another revision than that of `--revision` is being rolled out.
    #[error("desired revision ({desired}) is different from the running revision ({running})")]
    OtherRevision {
        /// The one asked for.
        desired: i64,
        /// The Deployment's.
        running: i64,
    },
    /// Nobody rolls out a StatefulSet or a DaemonSet whose strategy is OnDelete.
    #[error("rollout status is only available for RollingUpdate strategy type")]
    OnDelete,
}

fn waiting(line: String) -> RolloutStatus {
    let is_done = false;
    RolloutStatus { line, is_done }
}

fn done(line: String) -> RolloutStatus {
    let is_done = true;
    RolloutStatus { line, is_done }
}

/// The roll-out of a Deployment; `revision` is that of `--revision`, 0 for any.
pub fn deployment(
    deployment: &Deployment<'_>,
    revision: i64,
) -> Result<RolloutStatus, RolloutStatusError> {
    let Deployment {
        name, status, spec, ..
    } = *deployment;
    let running = deployment.revision.unwrap_or(0);
    if revision > 0 && revision != running {
        let desired = revision;
        return Err(RolloutStatusError::OtherRevision { desired, running });
    }
    if deployment.generation > status.observed_generation {
        return Ok(waiting(
            "Waiting for deployment spec update to be observed...".to_owned(),
        ));
    }
    let progressing = status.condition(ConditionType::Progressing);
    if progressing.is_some_and(|found| found.reason == reason::PROGRESS_DEADLINE_EXCEEDED) {
        let name = name.to_owned();
        return Err(RolloutStatusError::ProgressDeadlineExceeded(name));
    }
    let (replicas, updated) = (status.replicas, status.updated_replicas);
    let (available, desired) = (status.available_replicas, spec.replicas);
    let left = if updated < desired {
        format!("{updated} out of {desired} new replicas have been updated...")
    } else if replicas > updated {
        format!(
            "{} old replicas are pending termination...",
            replicas - updated
        )
    } else if available < updated {
        format!("{available} of {updated} updated replicas are available...")
    } else {
        return Ok(done(format!(
            "deployment \"{name}\" successfully rolled out"
        )));
    };
    Ok(waiting(format!(
        "Waiting for deployment \"{name}\" rollout to finish: {left}"
    )))
}

/// The roll-out of a DaemonSet: pods that are desired, of the present template, and available.
pub fn daemon_set(
    name: &str,
    on_delete: bool,
    [desired, updated, available]: [usize; 3],
) -> Result<RolloutStatus, RolloutStatusError> {
    if on_delete {
        return Err(RolloutStatusError::OnDelete);
    }
    let left = if updated < desired {
        format!("{updated} out of {desired} new pods have been updated...")
    } else if available < desired {
        format!("{available} of {desired} updated pods are available...")
    } else {
        return Ok(done(format!(
            "daemon set \"{name}\" successfully rolled out"
        )));
    };
    Ok(waiting(format!(
        "Waiting for daemon set \"{name}\" rollout to finish: {left}"
    )))
}

/// The roll-out of a StatefulSet; `name_of` names ControllerRevisions.
pub fn stateful_set(
    set: &StatefulSet<'_>,
    name_of: impl Fn(RevisionKey) -> String,
) -> Result<RolloutStatus, RolloutStatusError> {
    let (spec, status) = (&set.spec, set.status);
    let UpdateStrategy::RollingUpdate { partition } = spec.update_strategy else {
        return Err(RolloutStatusError::OnDelete);
    };
    if status.observed_generation == 0 || set.generation > status.observed_generation {
        return Ok(waiting(
            "Waiting for statefulset spec update to be observed...".to_owned(),
        ));
    }
    if status.ready_replicas < spec.replicas {
        let unready = spec.replicas - status.ready_replicas;
        return Ok(waiting(format!(
            "Waiting for {unready} pods to be ready..."
        )));
    }
    let updated = status.updated_replicas;
    if let Some(partition) = partition {
        let due = spec.replicas - partition;
        if updated < due {
            return Ok(waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {due} new pods have \
                 been updated..."
            )));
        }
        return Ok(done(format!(
            "partitioned roll out complete: {updated} new pods have been updated..."
        )));
    }
    let name = |key: Option<RevisionKey>| key.map(&name_of).unwrap_or_default();
    if status.update_revision != status.current_revision {
        let revision = name(status.update_revision);
        return Ok(waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision \
             {revision}..."
        )));
    }
    let (current, revision) = (status.current_replicas, name(status.current_revision));
    Ok(done(format!(
        "statefulset rolling update complete {current} pods at revision {revision}..."
    )))
}
