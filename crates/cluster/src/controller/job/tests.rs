//! The rules of `pkg/controller/job`, one by one.

mod limits;

use std::sync::Arc;

use super::backoff::Backoff;
use super::indexes::Indexes;
use super::policy::{FailureAction, FailureAsks, FailureRule, SuccessRule};
use super::spec::{JobSpec, JobStatus};
use super::sync::{Decision, View, sync};
use super::view::{PodIndex, PodView};
use crate::api::{Labels, ObjectMeta, Pod, PodId, PodPhase, PodTemplate, Uid, WorkloadId};
use crate::sim::{Arena, SimDuration, SimTime};

/// A Job that is looked at again and again, with pods that are told what to do.
struct Rig {
    spec: JobSpec,
    status: JobStatus,
    pods: Vec<PodView>,
    backoff: Backoff,
    keys: Arena<Pod>,
    now: SimTime,
}

impl Rig {
    fn new(spec: JobSpec) -> Self {
        Self {
            spec,
            status: JobStatus::default(),
            pods: Vec::new(),
            backoff: Backoff::default(),
            keys: Arena::default(),
            now: SimTime::ZERO,
        }
    }

    /// Looks at the Job at so many seconds; deleted pods go on, created ones run at once.
    fn sync(&mut self, at: i64) -> Decision {
        self.now = SimTime::from_secs(at);
        let view = View {
            namespace: "default",
            spec: &self.spec,
            status: &self.status,
            pods: &self.pods,
            backoff: self.backoff,
            now: self.now,
        };
        let outcome = sync(&view);
        self.backoff = outcome.backoff;
        self.status = outcome.status.clone();
        for pod in &mut self.pods {
            pod.deleting |= outcome.deletes.contains(&pod.id);
            pod.counted |= outcome.counted.contains(&pod.id);
        }
        for index in &outcome.creates {
            self.create(*index);
        }
        outcome
    }

    fn create(&mut self, index: Option<PodIndex>) {
        let name = format!("job-{}", self.pods.len());
        let mut meta = ObjectMeta::new("default", &name, Uid(0), self.now);
        meta.annotations = Arc::new(index.map_or_else(Labels::new, PodIndex::annotations));
        let template = Arc::new(PodTemplate::default());
        let pod = Pod {
            phase: PodPhase::Running,
            ..Pod::new(meta, WorkloadId(0), template)
        };
        let id: PodId = self.keys.insert(pod.clone());
        self.pods.push(PodView::of(id, &pod, false));
    }

    /// The pods that run, by place.
    fn running(&self) -> Vec<usize> {
        let all = self.pods.iter().enumerate();
        let active = all.filter(|(_, pod)| pod.is_active());
        active.map(|(place, _)| place).collect()
    }

    fn exit(&mut self, place: usize, code: i32, at: i64) {
        let pod = &mut self.pods[place];
        pod.phase = if code == 0 {
            PodPhase::Succeeded
        } else {
            PodPhase::Failed
        };
        pod.exits = vec![("main".to_owned(), code)];
        pod.finished = SimTime::from_secs(at);
    }

    /// Pods that were deleted end.
    fn end_deleted(&mut self) {
        for pod in self.pods.iter_mut().filter(|pod| pod.deleting) {
            pod.phase = PodPhase::Failed;
        }
    }

    fn conditions(&self) -> Vec<(&'static str, &'static str)> {
        let all = self.status.conditions.iter();
        all.filter(|one| one.status)
            .map(|one| (one.kind.name(), one.reason))
            .collect()
    }
}

fn events(outcome: &Decision) -> Vec<&'static str> {
    outcome
        .events
        .iter()
        .map(|(_, reason, _)| *reason)
        .collect()
}

fn read(text: &str, completions: i32) -> Indexes {
    Indexes::read(text, completions).expect("indexes in order")
}

fn indexed(completions: i32, parallelism: i32) -> JobSpec {
    JobSpec {
        indexed: true,
        completions: Some(completions),
        parallelism,
        ..JobSpec::default()
    }
}

#[test]
fn indexes_are_written_as_upstream_writes_them() {
    let of = |list: &[i32]| Indexes::default().with(list.iter().copied());
    assert_eq!(of(&[]).to_string(), "");
    assert_eq!(of(&[4, 0, 1, 3, 7]).to_string(), "0,1,3,4,7");
    assert_eq!(of(&[2, 0, 1, 5]).to_string(), "0-2,5");
    assert_eq!(of(&[0, 1]).merge(&of(&[1, 2, 9])).to_string(), "0-2,9");
    assert_eq!(read("0,2-4,6-7", 8), of(&[0, 2, 3, 4, 6, 7]));
    assert_eq!(read("0,1,2", 8), of(&[0, 1, 2]));
    assert_eq!(read("", 8), of(&[]));
    for (text, error) in [
        ("9", "too large index: \"9\""),
        ("2-8", "too large index: \"8\""),
        ("-1", "cannot convert string to integer for index: \"\""),
        (
            "1-2-3",
            "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'",
        ),
        ("3-3", "non-increasing order, previous: 3, current: 3"),
        ("0-4,4", "non-increasing order, previous: 4, current: 4"),
    ] {
        assert_eq!(Indexes::read(text, 8), Err(error.to_owned()));
    }
    let some = of(&[1, 2, 5]);
    assert!(some.has(2) && !some.has(3) && !some.has(0));
    assert_eq!((some.total(), some.shared(&of(&[2, 3, 4, 5]))), (3, 2));
    assert_eq!(some.missing(3, 8), [0, 3, 4]);
    assert_eq!(some.missing(9, 7), [0, 3, 4, 6]);
}

#[test]
fn every_index_succeeds_once() {
    let mut rig = Rig::new(indexed(3, 2));
    rig.sync(0);
    let indexes = |rig: &Rig| -> Vec<i32> {
        let running = rig.running().into_iter();
        running.filter_map(|place| rig.pods[place].index).collect()
    };
    assert_eq!(indexes(&rig), [0, 1]);
    rig.exit(1, 0, 5);
    rig.sync(6);
    assert_eq!(rig.status.completed_indexes.to_string(), "1");
    assert_eq!(indexes(&rig), [0, 2]);
    // A failure is tried again after its back-off, in the same index.
    rig.exit(0, 1, 7);
    let waiting = rig.sync(8);
    assert_eq!(waiting.again, Some(SimDuration::from_secs(9)));
    rig.exit(2, 0, 9);
    rig.sync(17);
    assert_eq!(indexes(&rig), [0]);
    rig.exit(3, 0, 20);
    let last = rig.sync(21);
    assert_eq!(rig.status.completed_indexes.to_string(), "0-2");
    assert_eq!((rig.status.succeeded, rig.status.failed), (3, 1));
    assert_eq!(events(&last), ["Completed"]);
    let done = [
        ("SuccessCriteriaMet", "CompletionsReached"),
        ("Complete", "CompletionsReached"),
    ];
    assert_eq!(rig.conditions(), done);
    assert_eq!(rig.status.completion_time, Some(SimTime::from_secs(21)));
}

#[test]
fn each_index_has_its_own_limit() {
    let spec = JobSpec {
        backoff_limit: i32::MAX,
        backoff_limit_per_index: Some(1),
        ..indexed(2, 2)
    };
    let mut rig = Rig::new(spec);
    rig.sync(0);
    assert_eq!(rig.status.failed_indexes, Some(Indexes::default()));
    rig.exit(0, 1, 5);
    // Counted only once another pod has taken its place.
    rig.sync(6);
    assert_eq!((rig.status.failed, rig.pods.len()), (0, 2));
    rig.sync(15);
    assert_eq!(rig.pods[2].failures, (1, 0));
    rig.sync(16);
    assert_eq!(rig.status.failed, 1);
    rig.exit(2, 1, 20);
    rig.sync(21);
    assert_eq!(rig.status.failed_indexes, Some(read("0", 2)));
    assert!(rig.conditions().is_empty(), "the other index goes on");
    rig.exit(1, 0, 30);
    let last = rig.sync(31);
    assert_eq!(events(&last), ["FailedIndexes"]);
    let done = [
        ("FailureTarget", "FailedIndexes"),
        ("Failed", "FailedIndexes"),
    ];
    assert_eq!(rig.conditions(), done);
    assert_eq!(last.events[0].2, "Job has failed indexes");
    assert_eq!((rig.status.succeeded, rig.status.failed), (1, 2));
}

#[test]
fn too_many_failed_indexes_end_a_job() {
    let spec = JobSpec {
        backoff_limit: i32::MAX,
        backoff_limit_per_index: Some(0),
        max_failed_indexes: Some(1),
        ..indexed(9, 3)
    };
    let mut rig = Rig::new(spec);
    rig.sync(0);
    rig.exit(0, 1, 5);
    rig.exit(1, 1, 5);
    let told = rig.sync(6);
    assert_eq!(
        rig.conditions(),
        [("FailureTarget", "MaxFailedIndexesExceeded")]
    );
    assert_eq!(told.deletes, [rig.pods[2].id]);
    // It has failed once the last pod is gone.
    assert!(events(&told).is_empty());
    rig.end_deleted();
    let last = rig.sync(8);
    assert_eq!(events(&last), ["MaxFailedIndexesExceeded"]);
    assert_eq!(rig.status.failed, 3, "the deleted one counts");
}

#[test]
fn a_policy_tells_failures_apart() {
    let rule = |action, values: &[i32]| FailureRule {
        action,
        asks: FailureAsks::ExitCodes {
            container: Some("main".to_owned()),
            not_in: false,
            values: values.to_vec(),
        },
    };
    let disrupted = FailureRule {
        action: FailureAction::Ignore,
        asks: FailureAsks::Conditions(vec![("DisruptionTarget".to_owned(), "True".to_owned())]),
    };
    let rules = [
        disrupted,
        rule(FailureAction::FailJob, &[42]),
        rule(FailureAction::Ignore, &[3]),
        rule(FailureAction::Count, &[4]),
    ];
    let spec = JobSpec {
        parallelism: 3,
        completions: Some(9),
        backoff_limit: 1,
        replaces_failed_only: true,
        failure_rules: Some(rules.into()),
        ..JobSpec::default()
    };
    let mut rig = Rig::new(spec);
    rig.sync(0);
    rig.exit(0, 3, 5);
    rig.exit(1, 137, 5);
    rig.pods[1].conditions.insert(0, ("DisruptionTarget", true));
    rig.exit(2, 4, 5);
    rig.sync(6);
    assert_eq!(rig.status.failed, 1);
    rig.sync(50);
    assert_eq!(rig.running().len(), 3);
    rig.exit(4, 42, 55);
    let told = rig.sync(56);
    let message = "Container main for pod default/job-4 failed with exit code 42 matching FailJob rule at index 1";
    assert_eq!(rig.conditions(), [("FailureTarget", "PodFailurePolicy")]);
    assert_eq!(rig.status.conditions[0].message, message);
    assert_eq!(told.deletes.len(), 2);
}

#[test]
fn a_deleted_pod_is_replaced_at_once_or_once_it_has_ended() {
    for (failed_only, at_once) in [(false, 2), (true, 1)] {
        let mut rig = Rig::new(JobSpec {
            replaces_failed_only: failed_only,
            ..JobSpec::default()
        });
        rig.sync(0);
        rig.pods[0].deleting = true;
        rig.pods[0].finished = SimTime::from_secs(5);
        rig.sync(20);
        assert_eq!(rig.pods.len(), at_once, "{failed_only}");
        assert_eq!(rig.status.failed, i32::from(!failed_only));
        rig.end_deleted();
        rig.sync(40);
        assert_eq!((rig.pods.len(), rig.status.failed), (2, 1));
    }
}

#[test]
fn a_success_policy_ends_a_job_before_all_indexes_have_succeeded() {
    let rules = [
        SuccessRule {
            indexes: Some(read("0-2", 5)),
            count: Some(2),
        },
        SuccessRule {
            indexes: None,
            count: Some(4),
        },
    ];
    let mut rig = Rig::new(JobSpec {
        success_rules: Some(rules.into()),
        ..indexed(5, 5)
    });
    rig.sync(0);
    rig.exit(1, 0, 5);
    rig.exit(4, 0, 5);
    rig.sync(6);
    assert!(rig.conditions().is_empty());
    rig.exit(2, 0, 7);
    let told = rig.sync(8);
    assert_eq!(rig.conditions(), [("SuccessCriteriaMet", "SuccessPolicy")]);
    assert_eq!(rig.status.conditions[0].message, "Matched rules at index 0");
    assert_eq!(told.deletes.len(), 2);
    rig.end_deleted();
    let last = rig.sync(10);
    assert_eq!(events(&last), ["Completed"]);
    assert_eq!((rig.status.succeeded, rig.status.failed), (3, 0));
}

#[test]
fn a_suspended_job_has_no_pods_and_its_deadline_stands_still() {
    let mut rig = Rig::new(JobSpec {
        parallelism: 2,
        completions: Some(4),
        active_deadline: Some(SimDuration::from_secs(60)),
        ..JobSpec::default()
    });
    assert_eq!(rig.sync(0).again, Some(SimDuration::from_secs(60)));
    rig.spec.suspend = true;
    let told = rig.sync(19);
    assert_eq!((told.deletes.len(), events(&told)), (2, vec!["Suspended"]));
    assert_eq!(rig.conditions(), [("Suspended", "JobSuspended")]);
    rig.end_deleted();
    rig.sync(21);
    assert_eq!((rig.status.failed, rig.status.start_time), (0, None));
    rig.spec.suspend = false;
    let told = rig.sync(100);
    assert_eq!((told.creates.len(), events(&told)), (2, vec!["Resumed"]));
    assert_eq!(rig.status.start_time, Some(SimTime::from_secs(100)));
    assert_eq!(rig.status.conditions[0].reason, "JobResumed");
    // Suspended from the start, it tells so.
    let mut rig = Rig::new(JobSpec {
        suspend: true,
        ..JobSpec::default()
    });
    let told = rig.sync(0);
    assert_eq!((told.creates.len(), events(&told)), (0, vec!["Suspended"]));
    assert_eq!(rig.status.start_time, None);
}

#[test]
fn less_parallelism_deletes_pods_that_do_not_count() {
    let mut rig = Rig::new(JobSpec {
        parallelism: 3,
        completions: Some(9),
        ..JobSpec::default()
    });
    rig.sync(0);
    rig.pods[0].ready = true;
    rig.spec.parallelism = 1;
    let told = rig.sync(5);
    let gone: Vec<PodId> = rig.pods[1..].iter().map(|pod| pod.id).collect();
    assert_eq!(told.deletes, gone, "the ready one stays");
    rig.end_deleted();
    rig.sync(7);
    assert_eq!((rig.status.failed, rig.running()), (0, vec![0]));
}

#[test]
fn a_pod_of_a_long_name_keeps_its_index() {
    let index = PodIndex {
        index: 12,
        failures: None,
    };
    assert_eq!(index.base("job"), "job-12");
    let base = index.base(&"a".repeat(80));
    assert_eq!((base.len(), base.ends_with("a-12")), (57, true));
}
