//! One look at a Job: what is counted, deleted and created, and how it stands.
//!
//! Upstream: `syncJob`, `manageJob` and `trackJobStatusAndRemoveFinalizers` of
//! `pkg/controller/job/job_controller.go`. The two status updates of a sync, before and after
//! finalizers are removed, are one here.

use std::collections::BTreeMap;

use super::backoff::{Backoff, remaining_of_index};
use super::indexes::Indexes;
use super::policy::{judge, success};
use super::spec::{JobCondition, JobConditionType, JobSpec, JobStatus};
use super::view::{PodIndex, PodView};
use crate::api::{EventKind, PodId, PodPhase};
use crate::sim::{SimDuration, SimTime};

/// Pods created or deleted by one sync at most (`MaxPodCreateDeletePerSync`).
const MOST_PODS: usize = 500;
/// A Job that waits is looked at after so long at the earliest (`SyncJobBatchPeriod`).
pub(super) const SYNC_BATCH: SimDuration = SimDuration::from_secs(1);

/// What the controller sees.
pub(super) struct View<'a> {
    pub(super) namespace: &'a str,
    pub(super) spec: &'a JobSpec,
    pub(super) status: &'a JobStatus,
    pub(super) pods: &'a [PodView],
    pub(super) backoff: Backoff,
    pub(super) now: SimTime,
}

/// What a sync does.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) status: JobStatus,
    /// Pods that lose their finalizers: nothing counts them again.
    pub(super) counted: Vec<PodId>,
    pub(super) deletes: Vec<PodId>,
    /// A pod each; with its index in an Indexed Job.
    pub(super) creates: Vec<Option<PodIndex>>,
    pub(super) events: Vec<(EventKind, &'static str, String)>,
    /// When to look again.
    pub(super) again: Option<SimDuration>,
    pub(super) backoff: Backoff,
}

/// What the sync of an Indexed Job knows of its indexes.
#[derive(Default)]
struct Known<'a> {
    succeeded: Indexes,
    failed: Option<Indexes>,
    /// Failed pods that are counted only once others have taken their place, by index.
    delayed: BTreeMap<i32, &'a PodView>,
}

struct Sync<'a> {
    view: &'a View<'a>,
    spec: &'a JobSpec,
    active: Vec<&'a PodView>,
    terminating: i32,
    succeeded: i32,
    known: Known<'a>,
    outcome: Decision,
}

/// Looks at a Job that has not finished.
pub(super) fn sync(view: &View<'_>) -> Decision {
    let outcome = Decision {
        status: view.status.clone(),
        ..Decision::default()
    };
    let going = |pod: &&PodView| pod.deleting && !pod.has_ended();
    let mut sync = Sync {
        view,
        spec: view.spec,
        active: view.pods.iter().filter(|pod| pod.is_active()).collect(),
        terminating: view.pods.iter().filter(going).count() as i32,
        succeeded: 0,
        known: Known::default(),
        outcome,
    };
    sync.run();
    sync.outcome
}

impl<'a> Sync<'a> {
    fn completions(&self) -> i32 {
        self.spec.completions.unwrap_or(0)
    }

    /// Whether a pod is one of those that the Job asks for and nobody has counted.
    fn is_valid(&self, pod: &PodView) -> bool {
        let fits = |index: i32| index < self.completions();
        !pod.counted && (!self.spec.indexed || pod.index.is_some_and(fits))
    }

    fn is_failed(&self, pod: &PodView) -> bool {
        let goes = || pod.deleting && pod.phase != PodPhase::Succeeded;
        pod.phase == PodPhase::Failed || !self.spec.replaces_failed_only && goes()
    }

    fn judge(&self, pod: &PodView) -> super::policy::Judgement {
        judge(self.spec.failure_rules.as_deref(), self.view.namespace, pod)
    }

    fn condition(
        &self,
        kind: JobConditionType,
        reason: &'static str,
        message: impl Into<String>,
    ) -> JobCondition {
        JobCondition {
            kind,
            status: true,
            reason,
            message: message.into(),
            at: self.view.now,
        }
    }

    fn fails(&self, reason: &'static str, message: impl Into<String>) -> JobCondition {
        self.condition(JobConditionType::FailureTarget, reason, message)
    }

    fn run(&mut self) {
        let view = self.view;
        let pods = view.pods.iter();
        let valid: Vec<&PodView> = pods.filter(|pod| self.is_valid(pod)).collect();
        let ended_well = |pod: &&&PodView| pod.phase == PodPhase::Succeeded;
        let new_succeeded: Vec<&PodView> = valid.iter().filter(ended_well).copied().collect();
        let failed = valid.iter().filter(|pod| self.is_failed(pod));
        let new_failed: Vec<&PodView> = failed.copied().collect();
        self.succeeded = view.status.succeeded + new_succeeded.len() as i32;
        let counts = new_failed.iter().filter(|pod| self.judge(pod).counts);
        let failures = view.status.failed + counts.count() as i32;
        if self.outcome.status.start_time.is_none() && !self.spec.suspend {
            self.outcome.status.start_time = Some(view.now.truncate_to_second());
        }
        self.outcome.backoff = view.backoff.with(&new_succeeded, &new_failed);
        let mut finished = self.decided().or_else(|| self.failure(failures));
        if self.spec.indexed {
            self.index(&valid, &new_failed, &mut finished);
        }
        if finished.is_some() {
            self.delete_active();
        } else {
            finished = self.go_on();
        }
        self.count(finished);
    }

    /// What an earlier sync has decided.
    fn decided(&self) -> Option<JobCondition> {
        let status = self.view.status;
        let met = status.condition(JobConditionType::SuccessCriteriaMet);
        let target = || status.condition(JobConditionType::FailureTarget);
        met.or_else(target).cloned()
    }

    /// Why the Job fails now, if it does: its policy, its limit, its deadline.
    fn failure(&mut self, failures: i32) -> Option<JobCondition> {
        let (spec, now) = (self.spec, self.view.now);
        if spec.failure_rules.is_some() {
            let failed = self.view.pods.iter().filter(|pod| self.is_failed(pod));
            let mut told = failed.filter_map(|pod| self.judge(pod).fails_job);
            if let Some(message) = told.next() {
                return Some(self.fails("PodFailurePolicy", message));
            }
        }
        let restarts = || {
            let unfinished = self.view.pods.iter().filter(|pod| !pod.has_ended());
            unfinished.map(|pod| pod.restarts.0).sum::<u32>() as i32
        };
        if failures > spec.backoff_limit
            || spec.restarts_in_place && restarts() >= spec.backoff_limit.max(1)
        {
            let message = "Job has reached the specified backoff limit";
            return Some(self.fails("BackoffLimitExceeded", message));
        }
        let limit = spec.active_deadline.filter(|_| !spec.suspend)?;
        let rest = self.outcome.status.start_time? + limit - now;
        if rest <= SimDuration::ZERO {
            let message = "Job was active longer than specified deadline";
            return Some(self.fails("DeadlineExceeded", message));
        }
        self.outcome.again = Some(rest);
        None
    }

    /// Which indexes have succeeded and failed, and what follows from that.
    fn index(
        &mut self,
        valid: &[&'a PodView],
        failed: &[&'a PodView],
        finished: &mut Option<JobCondition>,
    ) {
        let status = self.view.status;
        let ended_well = valid.iter().filter(|pod| pod.phase == PodPhase::Succeeded);
        let new = ended_well.filter_map(|pod| pod.index);
        let completions = self.completions();
        self.known.succeeded = status.completed_indexes.below(completions).with(new);
        let done = self.known.succeeded.total();
        self.succeeded = done;
        if let Some(limit) = self.spec.backoff_limit_per_index {
            let lost = failed.iter().filter(|pod| {
                let judgement = self.judge(pod);
                judgement.fails_index || judgement.counts && pod.failures.0 >= limit
            });
            let before = status.failed_indexes.as_ref();
            let before = before.map(|before| before.below(completions));
            let lost = before
                .unwrap_or_default()
                .with(lost.filter_map(|pod| pod.index));
            let number = lost.total();
            if finished.is_none() {
                *finished = if (self.spec.max_failed_indexes).is_some_and(|most| number > most) {
                    let message = "Job has exceeded the specified maximal number of failed indexes";
                    Some(self.fails("MaxFailedIndexesExceeded", message))
                } else if number > 0 && number + done >= completions {
                    Some(self.fails("FailedIndexes", "Job has failed indexes"))
                } else {
                    None
                };
            }
            self.known.failed = Some(lost);
            self.delay(failed);
        }
        if finished.is_none() {
            let rules = self.spec.success_rules.as_deref();
            *finished = success(rules, &self.known.succeeded).map(|message| {
                let kind = JobConditionType::SuccessCriteriaMet;
                self.condition(kind, "SuccessPolicy", message)
            });
        }
    }

    /// The failed pods that are counted only once others have taken their place
    /// (`getPodsWithDelayedDeletionPerIndex`).
    fn delay(&mut self, failed: &[&'a PodView]) {
        for pod in failed {
            let Some(index) = pod.index else { continue };
            let lost = self.known.failed.as_ref();
            if self.known.succeeded.has(index)
                || lost.is_some_and(|lost| lost.has(index))
                || self.active.iter().any(|one| one.index == Some(index))
            {
                continue;
            }
            let later = |before: &PodView| {
                before.all_failures() <= pod.all_failures() && pod.finished >= before.finished
            };
            let there = self.known.delayed.get(&index);
            if there.is_none_or(|before| later(before)) {
                self.known.delayed.insert(index, pod);
            }
        }
    }

    /// The Job is about to finish: its active pods go.
    fn delete_active(&mut self) {
        let active = std::mem::take(&mut self.active);
        self.terminating += active.len() as i32;
        self.outcome.deletes = active.iter().map(|pod| pod.id).collect();
    }

    /// Deletes and creates pods; whether the Job is complete.
    fn go_on(&mut self) -> Option<JobCondition> {
        let active = self.manage();
        let complete = match self.spec.completions {
            None => self.succeeded > 0 && active == 0,
            Some(completions) => self.succeeded >= completions && active == 0,
        };
        if complete {
            let message = "Reached expected number of succeeded pods";
            let kind = JobConditionType::SuccessCriteriaMet;
            return Some(self.condition(kind, "CompletionsReached", message));
        }
        let (status, reason, message, event) = if self.spec.suspend {
            (true, "JobSuspended", "Job suspended", "Suspended")
        } else {
            (false, "JobResumed", "Job resumed", "Resumed")
        };
        let condition = JobCondition {
            status,
            ..self.condition(JobConditionType::Suspended, reason, message)
        };
        if self.outcome.status.set(condition) {
            let told = (EventKind::Normal, event, message.to_owned());
            self.outcome.events.push(told);
            // The deadline counts from when it goes on.
            let now = self.view.now.truncate_to_second();
            self.outcome.status.start_time = (!status).then_some(now);
        }
        None
    }

    /// Deletes what is too many, or creates what is missing; the number of active pods then.
    fn manage(&mut self) -> i32 {
        let (spec, active) = (self.spec, self.active.len() as i32);
        if spec.suspend {
            return self.remove(active);
        }
        let wanted = match spec.completions {
            // One pod has found the work done: the others come to their ends.
            None if self.succeeded > 0 => active,
            None => spec.parallelism,
            Some(completions) => (completions - self.succeeded).clamp(0, spec.parallelism),
        };
        let left = self.remove((active - wanted).max(0));
        if left < active {
            return left;
        }
        let terminating = if spec.replaces_failed_only {
            self.terminating
        } else {
            0
        };
        let missing = wanted - terminating - active;
        if missing <= 0 {
            return active;
        }
        let missing = (missing as usize).min(MOST_PODS);
        let per_index = spec.backoff_limit_per_index.is_some();
        let mut wait = SimDuration::ZERO;
        if !per_index {
            wait = self.outcome.backoff.remaining(self.view.now);
        }
        let mut creates = Vec::new();
        if wait == SimDuration::ZERO && spec.indexed {
            (creates, wait) = self.create_indexes(missing, per_index);
        } else if wait == SimDuration::ZERO {
            creates = vec![None; missing];
        }
        if wait > SimDuration::ZERO {
            let wait = wait.max(SYNC_BATCH);
            let again = self.outcome.again.map_or(wait, |other| other.min(wait));
            self.outcome.again = Some(again);
            return 0;
        }
        self.outcome.creates = creates;
        active + self.outcome.creates.len() as i32
    }

    /// The indexes that pods are created for, or how long the first of them still waits.
    fn create_indexes(
        &self,
        count: usize,
        per_index: bool,
    ) -> (Vec<Option<PodIndex>>, SimDuration) {
        let going =
            |pod: &&PodView| self.spec.replaces_failed_only && pod.deleting && !pod.has_ended();
        let active = self.active.iter().filter_map(|pod| pod.index);
        let going = self.view.pods.iter().filter(going);
        let mut taken = self.known.succeeded.with(active);
        taken = taken.with(going.filter_map(|pod| pod.index));
        if let Some(failed) = &self.known.failed {
            taken = taken.merge(failed);
        }
        let mut wait: Option<SimDuration> = None;
        let mut made = Vec::new();
        for index in taken.missing(count, self.completions()) {
            let failed = self.known.delayed.get(&index).copied();
            let rest = remaining_of_index(failed, self.view.now);
            if per_index && rest > SimDuration::ZERO {
                wait = Some(wait.map_or(rest, |other| other.min(rest)));
                continue;
            }
            let failures = per_index.then(|| match failed {
                None => (0, 0),
                Some(pod) if self.judge(pod).counts => (pod.failures.0 + 1, pod.failures.1),
                Some(pod) => (pod.failures.0, pod.failures.1 + 1),
            });
            made.push(Some(PodIndex { index, failures }));
        }
        let wait = wait.filter(|_| made.is_empty());
        (made, wait.unwrap_or_default())
    }

    /// Deletes at least so many active pods, without counting them (`activePodsForRemoval`);
    /// the number that is left.
    fn remove(&mut self, at_least: i32) -> i32 {
        let active = self.active.len() as i32;
        let completions = self.completions();
        let is_beyond = |pod: &&PodView| pod.index.is_none_or(|index| index >= completions);
        let indexed = self.spec.indexed;
        let (mut gone, mut left): (Vec<&PodView>, Vec<&PodView>) =
            (self.active.iter().copied()).partition(|pod| indexed && is_beyond(pod));
        let more = (at_least as usize).saturating_sub(gone.len());
        left.sort_by(|a, b| a.deleted_before(b));
        gone.extend(left.drain(..more.min(left.len())));
        if !self.spec.suspend {
            gone.truncate(MOST_PODS);
        }
        self.terminating += gone.len() as i32;
        self.outcome.deletes = gone.iter().map(|pod| pod.id).collect();
        self.outcome.counted = gone.iter().map(|pod| pod.id).collect();
        active - gone.len() as i32
    }

    /// Counts the pods that have ended and takes the last step, if it is time for that.
    fn count(&mut self, finished: Option<JobCondition>) {
        let met = finished
            .as_ref()
            .is_some_and(|one| one.kind == JobConditionType::SuccessCriteriaMet);
        let mut new_indexes = Vec::new();
        let removed = self.outcome.counted.len();
        for pod in self.view.pods {
            if pod.counted || self.outcome.counted[..removed].contains(&pod.id) {
                continue;
            }
            let failed = self.is_failed(pod);
            let delayed = pod.index.and_then(|index| self.known.delayed.get(&index));
            let is_delayed = delayed.is_some_and(|delayed| delayed.id == pod.id);
            let ended_well = pod.phase == PodPhase::Succeeded;
            if finished.is_none() && !ended_well && (!failed || is_delayed) {
                continue;
            }
            self.outcome.counted.push(pod.id);
            if !self.is_valid(pod) {
                continue;
            }
            let status = &mut self.outcome.status;
            if ended_well && self.spec.indexed {
                new_indexes.extend(pod.index);
            } else if ended_well {
                status.succeeded += 1;
            } else if failed || finished.is_some() && !met {
                let counts = self.judge(pod).counts;
                self.outcome.status.failed += i32::from(counts);
            }
        }
        if self.spec.indexed {
            let before = &self.view.status.completed_indexes;
            let indexes = before.below(self.completions()).with(new_indexes);
            self.outcome.status.succeeded = indexes.total();
            self.outcome.status.completed_indexes = indexes;
            self.outcome.status.failed_indexes = self.known.failed.take();
        }
        if let Some(finished) = finished {
            self.finish(finished);
        }
    }

    fn finish(&mut self, decided: JobCondition) {
        self.outcome.status.set(decided.clone());
        if self.terminating > 0 {
            return;
        }
        let has_failed = decided.kind == JobConditionType::FailureTarget;
        let kind = if has_failed {
            JobConditionType::Failed
        } else {
            JobConditionType::Complete
        };
        let last = self.condition(kind, decided.reason, decided.message.clone());
        self.outcome.status.set(last);
        let event = if has_failed {
            (EventKind::Warning, decided.reason, decided.message)
        } else {
            self.outcome.status.completion_time = Some(self.view.now);
            let extra = self.spec.completions.unwrap_or(i32::MAX);
            if self.outcome.status.succeeded > extra {
                let message = "Too many succeeded pods running after completion count reached";
                let told = (
                    EventKind::Warning,
                    "TooManySucceededPods",
                    message.to_owned(),
                );
                self.outcome.events.push(told);
            }
            (EventKind::Normal, "Completed", "Job completed".to_owned())
        };
        self.outcome.events.push(event);
    }
}
