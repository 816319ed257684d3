//! What the controller sees of a pod.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::api::{Labels, Pod, PodId, PodPhase};
use crate::sim::SimTime;

/// The annotation with the number of failures of a pod's index before it.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The annotation with the number of those that the policy ignores.
const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// The exit code of a process that SIGKILL has ended.
const KILLED: i32 = 137;

/// What the controller sees of a pod.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are what a status tells"
)]
pub(super) struct PodView {
    pub(super) id: PodId,
    pub(super) name: Arc<str>,
    pub(super) phase: PodPhase,
    pub(super) deleting: bool,
    pub(super) ready: bool,
    pub(super) ready_since: SimTime,
    pub(super) scheduled: bool,
    pub(super) created: SimTime,
    /// How often its containers were restarted, all together, and the most of one.
    pub(super) restarts: (u32, u32),
    /// Its completion index.
    pub(super) index: Option<i32>,
    /// Failures of its index before it: those that count, and those that the policy ignores.
    pub(super) failures: (i32, i32),
    /// When it ended, as the controller estimates it.
    pub(super) finished: SimTime,
    /// Exit codes of its terminated containers.
    pub(super) exits: Vec<(String, i32)>,
    /// Its conditions.
    pub(super) conditions: Vec<(&'static str, bool)>,
    /// Whether the Job's status counts it already: it has no finalizer.
    pub(super) counted: bool,
}

impl PodView {
    pub(super) fn of(id: PodId, pod: &Pod, counted: bool) -> Self {
        let restarts = || pod.containers.iter().map(|one| one.restarts);
        let number = |key| {
            let value = pod.meta.annotations.get(key);
            value.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let mut conditions = vec![
            ("Ready", pod.ready),
            ("ContainersReady", pod.ready),
            ("PodScheduled", pod.scheduled.is_some()),
        ];
        if pod.evicted.is_some() || pod.preempted.is_some() || pod.disrupted.is_some() {
            conditions.insert(0, ("DisruptionTarget", true));
        }
        Self {
            id,
            name: Arc::clone(&pod.meta.name),
            phase: pod.phase,
            deleting: pod.is_deleting(),
            ready: pod.ready,
            ready_since: pod.ready_transition,
            scheduled: pod.scheduled.is_some(),
            created: pod.meta.created,
            restarts: (restarts().sum(), restarts().max().unwrap_or(0)),
            index: pod.completion_index(),
            failures: (number(FAILURES), number(IGNORED_FAILURES)),
            finished: finished(pod),
            exits: exits(pod),
            conditions,
            counted,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    pub(super) fn is_active(&self) -> bool {
        !self.deleting && !self.has_ended()
    }

    /// Failures of its index before it.
    pub(super) fn all_failures(&self) -> i32 {
        self.failures.0 + self.failures.1
    }

    /// The order in which active pods are deleted (`controller.ActivePods`).
    pub(super) fn deleted_before(&self, other: &Self) -> Ordering {
        let pending = |one: &Self| one.phase != PodPhase::Pending;
        (self.scheduled.cmp(&other.scheduled))
            .then_with(|| pending(self).cmp(&pending(other)))
            .then_with(|| self.ready.cmp(&other.ready))
            .then_with(|| {
                if self.ready && other.ready {
                    other.ready_since.cmp(&self.ready_since)
                } else {
                    Ordering::Equal
                }
            })
            .then_with(|| other.restarts.1.cmp(&self.restarts.1))
            .then_with(|| other.created.cmp(&self.created))
    }
}

/// When a pod ended (`getFinishedTime`), in whole seconds as its status has it.
fn finished(pod: &Pod) -> SimTime {
    let ends = pod.containers.iter().map(|one| {
        let ended = one.last_termination.map(|(.., at)| at);
        ended.filter(|_| one.running_since.is_none())
    });
    let all: Option<Vec<SimTime>> = ends.collect();
    if let Some(last) = all.and_then(|all| all.into_iter().max()) {
        return last.truncate_to_second();
    }
    let was_asked = |deadline: SimTime| {
        let runs = pod.start_time.is_some() && pod.phase != PodPhase::Pending;
        let grace = pod.grace();
        let asked = if runs { deadline - grace } else { deadline };
        asked.truncate_to_second()
    };
    let deleted = pod.meta.deletion.map(was_asked);
    // Its condition Ready is false since the kubelet has seen it.
    if pod.phase == PodPhase::Pending && pod.start_time.is_some() {
        return pod.ready_transition;
    }
    deleted.unwrap_or(pod.ready_transition)
}

fn exits(pod: &Pod) -> Vec<(String, i32)> {
    let names = pod.template.containers.iter().map(|one| &one.name);
    let containers = pod.containers.iter().zip(names);
    let stopped = containers.filter(|(status, _)| status.running_since.is_none());
    let killed = pod.is_deleting() && pod.has_ended();
    stopped
        .filter_map(|(status, name)| {
            let ended = status.last_termination;
            let code = ended.map(|(reason, ..)| reason.exit_code());
            Some((name.clone(), code.or(killed.then_some(KILLED))?))
        })
        .collect()
}

/// What tells a pod of an Indexed Job from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodIndex {
    /// Its completion index.
    pub index: i32,
    /// With `backoffLimitPerIndex`: failures of the index before, those that count and those
    /// that the policy ignores.
    pub failures: Option<(i32, i32)>,
}

impl PodIndex {
    /// Annotations of the pod besides those of the template.
    pub fn annotations(self) -> Labels {
        let mut annotations = Labels::new();
        annotations.insert(Pod::COMPLETION_INDEX.to_owned(), self.index.to_string());
        if let Some((failures, ignored)) = self.failures {
            annotations.insert(FAILURES.to_owned(), failures.to_string());
            if ignored > 0 {
                annotations.insert(IGNORED_FAILURES.to_owned(), ignored.to_string());
            }
        }
        annotations
    }

    /// The beginning of the pod's name, to which `-` and a suffix are added
    /// (`podGenerateNameWithIndex`).
    pub fn base(self, job: &str) -> String {
        const LONGEST: usize = 58;
        let index = format!("-{}", self.index);
        let room = LONGEST - index.len() - 1;
        let cut = job.get(..job.len().min(room)).unwrap_or(job);
        format!("{cut}{index}")
    }
}
