//! One sync of a Deployment (`deployment_controller.go`, `syncDeployment`; `sync.go`).

use super::super::event::{Event, EventType};
use super::condition::{self, Condition, ConditionStatus, ConditionType, reason};
use super::outcome::{Requeue, Step, SyncResult};
use super::spec::Strategy;
use super::status::{self, DeploymentStatus};
use super::view::{Deployment, ReplicaSet, joined};
use super::{revision, view};
use crate::sim::SimTime;

/// One sync of a Deployment that owns these ReplicaSets.
pub fn sync(deployment: &Deployment<'_>, sets: &[ReplicaSet<'_>], now: SimTime) -> SyncResult {
    let new_name = if sets.iter().any(|set| set.has_deployments_template) {
        String::new()
    } else {
        revision::replica_set_name(deployment.name, deployment.template_hash)
    };
    let mut sync = Sync::new(deployment, &new_name, now);
    if sync.run(sets).is_err() {
        sync.requeue = Requeue::RateLimited;
    }
    SyncResult {
        steps: sync.steps,
        requeue: sync.requeue,
    }
}

/// A write with a version that an earlier write of this sync has made old.
#[derive(Debug)]
pub(super) struct Conflict;

/// A sync under way.
pub(super) struct Sync<'a> {
    pub(super) deployment: &'a Deployment<'a>,
    /// The name of the new ReplicaSet, if one has to be created.
    pub(super) new_name: &'a str,
    pub(super) now: SimTime,
    /// The Deployment's status as this sync holds it.
    pub(super) status: DeploymentStatus,
    /// The Deployment's revision as this sync holds it.
    pub(super) revision: Option<i64>,
    pub(super) requeue: Requeue,
    /// The new ReplicaSet was annotated, and a second write to it is a conflict.
    pub(super) has_annotated: bool,
    has_written_status: bool,
    steps: Vec<Step>,
}

impl<'a> Sync<'a> {
    fn new(deployment: &'a Deployment<'a>, new_name: &'a str, now: SimTime) -> Self {
        Self {
            deployment,
            new_name,
            now,
            status: deployment.status.clone(),
            revision: deployment.revision,
            requeue: Requeue::No,
            has_annotated: false,
            has_written_status: false,
            steps: Vec::new(),
        }
    }

    fn run(&mut self, sets: &[ReplicaSet<'a>]) -> Result<(), Conflict> {
        let spec = &self.deployment.spec;
        if self.deployment.deleting {
            return self.sync_status_only(sets);
        }
        self.check_paused_conditions()?;
        if spec.paused || self.is_scaling_event(sets)? {
            return self.sync_scale(sets);
        }
        match spec.strategy {
            Strategy::Recreate => self.rollout_recreate(sets),
            Strategy::RollingUpdate(_) => self.rollout_rolling(sets),
        }
    }

    /// Where the Deployment is being deleted nothing but the status is kept up to date.
    fn sync_status_only(&mut self, sets: &[ReplicaSet<'a>]) -> Result<(), Conflict> {
        let (new, old) = self.all_replica_sets(sets)?;
        self.sync_deployment_status(&joined(&old, new.as_ref()), new.as_ref())
    }

    /// Scales, without rolling anything out (`sync`).
    fn sync_scale(&mut self, sets: &[ReplicaSet<'a>]) -> Result<(), Conflict> {
        let (new, mut old) = self.all_replica_sets(sets)?;
        self.scale(new.as_ref(), &mut old);
        if self.deployment.spec.paused {
            self.cleanup_deployment(&old);
        }
        self.sync_deployment_status(&joined(&old, new.as_ref()), new.as_ref())
    }

    /// Notes pausing and resuming, so that the time in between does not count as lack of
    /// progress (`checkPausedConditions`).
    fn check_paused_conditions(&mut self) -> Result<(), Conflict> {
        if !self.deployment.spec.has_progress_deadline() {
            return Ok(());
        }
        let progressing = self.status.condition(ConditionType::Progressing);
        let has_reason = |reason| progressing.is_some_and(|found| found.reason == reason);
        if has_reason(reason::PROGRESS_DEADLINE_EXCEEDED) {
            return Ok(());
        }
        let was_paused = has_reason(reason::DEPLOYMENT_PAUSED);
        let (reason, message) = match (self.deployment.spec.paused, was_paused) {
            (true, false) => (reason::DEPLOYMENT_PAUSED, "Deployment is paused"),
            (false, true) => (reason::DEPLOYMENT_RESUMED, "Deployment is resumed"),
            _ => return Ok(()),
        };
        self.set_progressing(ConditionStatus::Unknown, reason, message.to_owned());
        self.update_status()
    }

    /// Whether the Deployment was scaled since its active ReplicaSets were
    /// (`isScalingEvent`).
    fn is_scaling_event(&mut self, sets: &[ReplicaSet<'a>]) -> Result<bool, Conflict> {
        let (new, old) = self.all_replica_sets(sets)?;
        let replicas = self.deployment.spec.replicas;
        Ok(old
            .iter()
            .chain(new.as_ref())
            .filter(|set| set.is_active())
            .filter_map(|set| set.desired_replicas)
            .any(|desired| desired != replicas))
    }

    /// Writes the status if it has changed (`syncDeploymentStatus`).
    fn sync_deployment_status(
        &mut self,
        all: &[ReplicaSet<'a>],
        new: Option<&ReplicaSet<'a>>,
    ) -> Result<(), Conflict> {
        let found = status::calculate(self.deployment, &self.status, all, new, self.now);
        if found == self.status {
            return Ok(());
        }
        self.status = found;
        self.update_status()
    }

    /// The new ReplicaSet, its annotations brought up to date, and the old ones from old to new
    /// (`getAllReplicaSetsAndSyncRevision`, without creating).
    pub(super) fn all_replica_sets(
        &mut self,
        sets: &[ReplicaSet<'a>],
    ) -> Result<(Option<ReplicaSet<'a>>, Vec<ReplicaSet<'a>>), Conflict> {
        let (new, old) = view::split(sets);
        let new = match new {
            Some(new) => Some(self.found_new_replica_set(new, &old)?),
            None => None,
        };
        Ok((new, old))
    }

    /// Writes status and revision as this sync holds them.
    pub(super) fn update_status(&mut self) -> Result<(), Conflict> {
        if self.has_written_status {
            return Err(Conflict);
        }
        self.has_written_status = true;
        self.steps.push(Step::UpdateStatus {
            status: self.status.clone(),
            revision: self.revision,
        });
        Ok(())
    }

    /// Sets the condition Progressing in the status as this sync holds it.
    pub(super) fn set_progressing(
        &mut self,
        status: ConditionStatus,
        reason: &'static str,
        message: String,
    ) {
        let kind = ConditionType::Progressing;
        let condition = Condition::new(kind, status, reason, message, self.now);
        condition::set(&mut self.status.conditions, condition);
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Emits the event of a ReplicaSet's new size.
    pub(super) fn announce_size(&mut self, name: &str, from: i32, to: i32) {
        self.steps.push(Step::Event(Event {
            kind: EventType::Normal,
            reason: reason::SCALING_REPLICA_SET,
            message: scaled_message(name, from, to),
        }));
    }
}

/// What the event of a ReplicaSet's new size says.
pub(super) fn scaled_message(name: &str, from: i32, to: i32) -> String {
    let direction = if from < to { "up" } else { "down" };
    format!("Scaled {direction} replica set {name} from {from} to {to}")
}
