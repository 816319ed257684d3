//! The rules of `cronjob_controllerv2.go` and `utils.go`, one by one.

use std::sync::Arc;

use super::missed::{Missed, NEVER, most_recent, until_next};
use super::{Child, ConcurrencyPolicy, CronJobSpec, Decision, Step, View, sync};
use crate::api::{ActiveJob, CronJobStatus, JobId, Uid};
use crate::controller::job::JobEnd;
use crate::sim::{Arena, SimTime, Zone};

const NANOS: i64 = 1_000_000_000;
/// 1 January 2026, 00:00 UTC, a Thursday.
const NEW_YEAR: i64 = 1_767_225_600;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

fn spec(schedule: &str) -> CronJobSpec {
    CronJobSpec {
        schedule: schedule.to_owned(),
        timing: schedule.parse().expect("a schedule"),
        time_zone: None,
        zone: Zone::default(),
        concurrency_policy: ConcurrencyPolicy::Allow,
        starting_deadline: None,
        suspend: false,
        successful_jobs_history_limit: 3,
        failed_jobs_history_limit: 1,
        job: Arc::default(),
        job_labels: Arc::default(),
        job_annotations: Arc::default(),
    }
}

/// A view at so many seconds after the CronJob's creation.
fn view<'a>(spec: &'a CronJobSpec, status: &'a CronJobStatus, after: f64) -> View<'a> {
    View {
        name: "cron",
        created: NEW_YEAR,
        spec,
        status,
        now: NEW_YEAR * NANOS + (after * 1e9) as i64,
    }
}

fn started(at: i64) -> CronJobStatus {
    CronJobStatus {
        last_schedule_time: Some(NEW_YEAR + at),
        ..CronJobStatus::default()
    }
}

/// Keys of so many Jobs.
fn keys(count: usize) -> Vec<JobId> {
    let mut arena = Arena::default();
    let mut key = || arena.insert(job());
    (0..count).map(|_| key()).collect()
}

fn job() -> crate::api::Job {
    crate::api::Job {
        meta: crate::api::ObjectMeta::new("default", "job", Uid(0), SimTime::ZERO),
        workload: crate::api::WorkloadId(0),
        spec: spec("* * * * *").job,
        template: Arc::default(),
        pod_labels: Arc::default(),
        status: Arc::default(),
    }
}

fn child(id: JobId, name: &str, started: i64, end: Option<bool>) -> Child {
    Child {
        id,
        name: name.into(),
        uid: Uid(0),
        started: Some(started),
        end: end.map(|failed| JobEnd {
            failed,
            at: SimTime::from_secs(started + 10),
        }),
        completed: (end == Some(false)).then_some(NEW_YEAR + started + 10),
    }
}

fn active(job: &Child) -> ActiveJob {
    ActiveJob {
        id: job.id,
        name: Arc::clone(&job.name),
        uid: job.uid,
    }
}

/// The steps in short.
fn told(outcome: &Decision) -> Vec<String> {
    let tell = |step: &Step| match step {
        Step::Event(_, reason, message) => format!("{reason}: {message}"),
        Step::Delete(_, name) => format!("delete {name}"),
        Step::Create(due) => format!("create {}", due - NEW_YEAR),
    };
    outcome.steps.iter().map(tell).collect()
}

#[test]
fn the_most_recent_start_that_is_due() {
    let none = CronJobStatus::default();
    for (schedule, status, after, due, missed) in [
        ("0 * * * *", &none, 1800.0, None, Missed::None),
        ("0 * * * *", &none, 3600.0, Some(HOUR), Missed::None),
        (
            "0 * * * *",
            &none,
            3.5 * 3600.0,
            Some(3 * HOUR),
            Missed::Few,
        ),
        ("0 * * * *", &started(HOUR), 5000.0, None, Missed::None),
        (
            "* * * * *",
            &none,
            101.0 * 60.0,
            Some(101 * MINUTE),
            Missed::Many,
        ),
        (
            "* * * * *",
            &none,
            100.0 * 60.0,
            Some(100 * MINUTE),
            Missed::Few,
        ),
        // Unevenly far apart: 06:30, 10:30, 14:30, then 16 hours.
        (
            "30 6-16/4 * * *",
            &none,
            86_400.0 + 7.0 * 3600.0,
            Some(86_400 + 6 * HOUR + 1800),
            Missed::Few,
        ),
        ("@every 90s", &started(7), 200.0, Some(187), Missed::Few),
    ] {
        let spec = spec(schedule);
        let found = most_recent(&view(&spec, status, after), true).expect("a schedule");
        let due = due.map(|due: i64| NEW_YEAR + due);
        assert_eq!(
            (found.due, found.missed),
            (due, missed),
            "{schedule} {after}"
        );
    }
    let never = spec("59 23 31 2 *");
    assert_eq!(most_recent(&view(&never, &none, 60.0), true), Err(NEVER));
}

#[test]
fn a_deadline_forgets_what_was_missed_before_it() {
    let (mut spec, none) = (spec("* * * * *"), CronJobStatus::default());
    spec.starting_deadline = Some(30);
    let found = most_recent(&view(&spec, &none, 615.0), true).expect("a schedule");
    assert_eq!(
        (found.due, found.missed),
        (Some(NEW_YEAR + 600), Missed::None)
    );
    let outcome = sync(&view(&spec, &none, 640.0), &[]);
    assert_eq!(told(&outcome), Vec::<String>::new());
}

#[test]
fn a_start_is_looked_for_a_tenth_of_a_second_after_it_is_due() {
    let spec = spec("* * * * *");
    let wait = |status: &CronJobStatus, after| until_next(&view(&spec, status, after)) / 1_000_000;
    assert_eq!(wait(&CronJobStatus::default(), 0.0), 60_100);
    assert_eq!(wait(&CronJobStatus::default(), 10.5), 49_600);
    assert_eq!(wait(&started(60), 60.15), 59_950);
    // Several were missed: the next is the one after now.
    assert_eq!(wait(&started(60), 250.0), 50_100);
}

#[test]
fn a_start_that_is_due_makes_a_job_of_its_minute() {
    let (spec, none) = (spec("* * * * *"), CronJobStatus::default());
    let outcome = sync(&view(&spec, &none, 60.1), &[]);
    assert_eq!(told(&outcome), ["create 60"]);
    assert!(outcome.writes_status);
    assert_eq!(outcome.again, Some(60 * NANOS));
    assert_eq!(super::job_name("cron", NEW_YEAR + 60), "cron-29453761");
    // It was started already.
    let outcome = sync(&view(&spec, &started(60), 60.2), &[]);
    assert_eq!((told(&outcome), outcome.writes_status), (Vec::new(), false));
}

#[test]
fn a_suspended_cron_job_starts_nothing_and_is_not_looked_at_again() {
    let (mut spec, none) = (spec("* * * * *"), CronJobStatus::default());
    spec.suspend = true;
    let outcome = sync(&view(&spec, &none, 600.0), &[]);
    assert_eq!((told(&outcome), outcome.again), (Vec::new(), None));
    // Of what was missed meanwhile the last one is started.
    spec.suspend = false;
    assert_eq!(told(&sync(&view(&spec, &none, 630.0), &[])), ["create 600"]);
}

#[test]
fn many_missed_starts_are_warned_of() {
    let (spec, none) = (spec("* * * * *"), CronJobStatus::default());
    let outcome = sync(&view(&spec, &none, 7000.0), &[]);
    assert_eq!(
        told(&outcome),
        [
            "TooManyMissedTimes: too many missed start times. Set or decrease \
             .spec.startingDeadlineSeconds or check clock skew",
            "create 6960"
        ]
    );
}

#[test]
fn a_start_beyond_its_deadline_is_missed() {
    let (mut spec, status) = (spec("* * * * *"), started(0));
    spec.starting_deadline = Some(0);
    let outcome = sync(&view(&spec, &status, 60.1), &[]);
    // From its deadline on, which is now, no start is due.
    assert_eq!(told(&outcome), Vec::<String>::new());
    spec.starting_deadline = Some(1);
    let outcome = sync(&view(&spec, &status, 61.5), &[]);
    assert_eq!(told(&outcome), Vec::<String>::new());
    let outcome = sync(&view(&spec, &status, 60.9), &[]);
    assert_eq!(told(&outcome), ["create 60"]);
}

#[test]
fn policies_where_a_job_still_runs() {
    let id = keys(1)[0];
    let running = child(id, "cron-1", 60, None);
    let status = CronJobStatus {
        active: vec![active(&running)],
        ..started(60)
    };
    let mut spec = spec("* * * * *");
    let now =
        |spec: &CronJobSpec| sync(&view(spec, &status, 120.1), std::slice::from_ref(&running));
    assert_eq!(told(&now(&spec)), ["create 120"]);
    spec.concurrency_policy = ConcurrencyPolicy::Forbid;
    let outcome = now(&spec);
    assert_eq!(
        told(&outcome),
        [
            "JobAlreadyActive: Not starting job because prior execution is running and \
             concurrency policy is Forbid"
        ]
    );
    assert!(!outcome.writes_status);
    spec.concurrency_policy = ConcurrencyPolicy::Replace;
    let outcome = now(&spec);
    assert_eq!(told(&outcome), ["delete cron-1", "create 120"]);
    assert_eq!(outcome.status.active, []);
}

#[test]
fn jobs_are_seen_to_end_to_appear_and_to_go() {
    let keys = keys(3);
    let done = child(keys[0], "cron-1", 60, Some(false));
    let foreign = child(keys[1], "manual", 70, None);
    let gone = child(keys[2], "cron-0", 0, None);
    let status = CronJobStatus {
        active: vec![active(&gone), active(&done)],
        ..started(60)
    };
    let outcome = sync(&view(&spec("* * * * *"), &status, 80.0), &[done, foreign]);
    assert_eq!(
        told(&outcome),
        [
            "SawCompletedJob: Saw completed job: cron-1, condition: Complete",
            "UnexpectedJob: Saw a job that the controller did not create or forgot: manual",
            "MissingJob: Active job went missing: cron-0",
        ]
    );
    assert_eq!(outcome.status.active, []);
    assert_eq!(outcome.status.last_successful_time, Some(NEW_YEAR + 70));
}

#[test]
fn the_oldest_finished_jobs_beyond_the_limits_go() {
    let keys = keys(6);
    let jobs: Vec<Child> = (0..6i64)
        .map(|n| {
            let failed = n % 2 == 1;
            child(
                keys[n as usize],
                &format!("cron-{n}"),
                600 - n,
                Some(failed),
            )
        })
        .collect();
    let mut spec = spec("* * * * *");
    spec.successful_jobs_history_limit = 2;
    let status = started(660);
    let outcome = sync(&view(&spec, &status, 670.0), &jobs);
    assert_eq!(
        told(&outcome),
        ["delete cron-4", "delete cron-5", "delete cron-3"]
    );
    assert!(outcome.writes_status);
}
