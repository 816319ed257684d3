//! Jobs, against what a real 1.36.2 control plane did: events with their times, and how each
//! Job ended.

use nlsim::api::{Clock, Kind, ObjectId, Store};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use serde_json::Value;

/// A Job as recorded: its fields, how long its pods run, their exit codes.
struct Recorded {
    name: &'static str,
    spec: &'static str,
    restarts: &'static str,
    run: u32,
    exits: &'static str,
    /// When a kubectl command is typed, and which.
    typed: &'static [(f64, &'static str)],
    /// Times since its creation; `*` for what the API server generates of names.
    events: &'static [(f64, &'static str)],
    /// `status` and the types of its true conditions.
    end: &'static str,
}

impl Recorded {
    fn scenario(&self) -> Scenario {
        let Self {
            name,
            spec,
            restarts,
            run,
            exits,
            ..
        } = self;
        let manifest = format!(
            "
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
{spec}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      restartPolicy: {restarts}
      containers: [{{name: app, image: 'neurolake/app:1.0', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]
"
        );
        let typed = (self.typed.iter()).map(|(at, command)| {
            format!("[[action]]\nat = \"{at}s\"\nkubectl = '''{command}'''\n")
        });
        let typed: String = typed.collect();
        let toml = format!(
            r#"
name = "jobs"
manifests = "job.yaml"
[simulation]
duration = "1h"
start = "2026-11-26T12:45:50Z"
[controllers]
kubelet.restart-jitter = 0
[[service]]
workload = "Job/{name}"
startup = {{ image_pull = "0s", container_start = "1s", ready = "0s" }}
run_time = "{run}s"
exit_codes = {exits}
{typed}
"#
        );
        let files = InMemory::new([("s.toml", toml.as_str()), ("job.yaml", manifest.as_str())]);
        let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
        let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        built.scenario
    }

    fn holds(&self) {
        let scenario = self.scenario();
        let mut cluster = Simulation::new(&scenario, 1);
        let last = self.events.last().map_or(0.0, |event| event.0);
        let time = SimTime::from_millis(((last + 3.0) * 1000.0) as i64);
        cluster.step_until(time).expect("no endless loop");
        cluster.store().audit().expect("the books balance");
        let object = format!("Job/{}", self.name);
        let events = cluster.recording().events.iter();
        let events = events.filter(|event| event.object == object);
        let found: Vec<(f64, String)> = events
            .map(|event| {
                let text = format!("{}: {}", event.reason, without_suffix(event.message));
                (event.time.as_secs_f64(), text)
            })
            .collect();
        for ((at, text), (recorded_at, recorded)) in found.iter().zip(self.events) {
            // Of other controllers' work beside these, and of whole seconds.
            let near = (at - recorded_at).abs() < 2.2;
            assert!(near && text == recorded, "{found:#?}");
        }
        assert_eq!(found.len(), self.events.len(), "{found:#?}");
        assert_eq!(end(cluster.store(), &scenario, time), self.end, "{object}");
    }
}

/// A message without what the API server adds to names.
fn without_suffix(message: &str) -> String {
    match message.split_once("pod: ").and(message.rsplit_once('-')) {
        Some((begin, _)) => format!("{begin}-*"),
        None => message.to_owned(),
    }
}

/// How the only Job stands.
fn end(store: &Store, scenario: &Scenario, now: SimTime) -> String {
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now,
    };
    let jobs = store.list(Kind::Job, None, clock);
    let status = &jobs[0]["status"];
    let field = |name: &str| match &status[name] {
        Value::Null => None,
        Value::String(text) => Some(format!("{name} {text:?}")),
        other => Some(format!("{name} {other}")),
    };
    let fields = ["succeeded", "failed", "completedIndexes", "failedIndexes"];
    let mut told: Vec<String> = fields.into_iter().filter_map(field).collect();
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let conditions = conditions.filter(|one| one["status"] == "True");
    told.extend(conditions.map(|one| one["type"].as_str().unwrap_or_default().to_owned()));
    told.join(", ")
}

#[test]
fn an_indexed_job_with_limits_of_its_indexes() {
    Recorded {
        name: "job-idx",
        spec: "  completions: 5\n  parallelism: 2\n  completionMode: Indexed\n  backoffLimitPerIndex: 1",
        restarts: "Never",
        run: 8,
        exits: "[0, 0, 1, 0]",
        typed: &[],
        events: &[
            (0.3, "SuccessfulCreate: Created pod: job-idx-0-*"),
            (1.6, "SuccessfulCreate: Created pod: job-idx-1-*"),
            (10.5, "SuccessfulCreate: Created pod: job-idx-2-*"),
            (10.5, "SuccessfulCreate: Created pod: job-idx-3-*"),
            (20.6, "SuccessfulCreate: Created pod: job-idx-4-*"),
            (29.3, "SuccessfulCreate: Created pod: job-idx-2-*"),
            (39.4, "FailedIndexes: Job has failed indexes"),
        ],
        end: "succeeded 4, failed 2, completedIndexes \"0,1,3,4\", failedIndexes \"2\", FailureTarget, Failed",
    }
    .holds();
}

#[test]
fn failures_in_a_row_until_the_limit() {
    Recorded {
        name: "job-fail",
        spec: "  backoffLimit: 3",
        restarts: "Never",
        run: 5,
        exits: "[1]",
        typed: &[],
        events: &[
            (1.2, "SuccessfulCreate: Created pod: job-fail-*"),
            (15.3, "SuccessfulCreate: Created pod: job-fail-*"),
            (41.3, "SuccessfulCreate: Created pod: job-fail-*"),
            (87.3, "SuccessfulCreate: Created pod: job-fail-*"),
            (
                94.4,
                "BackoffLimitExceeded: Job has reached the specified backoff limit",
            ),
        ],
        end: "failed 4, FailureTarget, Failed",
    }
    .holds();
}

#[test]
fn one_failure_and_two_successes() {
    Recorded {
        name: "job-once",
        spec: "  completions: 2",
        restarts: "Never",
        run: 5,
        exits: "[1, 0]",
        typed: &[],
        events: &[
            (1.1, "SuccessfulCreate: Created pod: job-once-*"),
            (15.3, "SuccessfulCreate: Created pod: job-once-*"),
            (22.4, "SuccessfulCreate: Created pod: job-once-*"),
            (29.4, "Completed: Job completed"),
        ],
        end: "succeeded 2, failed 1, SuccessCriteriaMet, Complete",
    }
    .holds();
}

#[test]
fn restarts_in_place() {
    Recorded {
        name: "job-onf",
        spec: "  backoffLimit: 4",
        restarts: "OnFailure",
        run: 5,
        exits: "[1, 1, 0]",
        typed: &[],
        events: &[
            (1.4, "SuccessfulCreate: Created pod: job-onf-*"),
            // The recording's kubelets waited for 10 s before the first restart, too.
            (27.5, "Completed: Job completed"),
        ],
        end: "succeeded 1, SuccessCriteriaMet, Complete",
    }
    .holds();
    Recorded {
        name: "job-onflim",
        spec: "  backoffLimit: 1",
        restarts: "OnFailure",
        run: 5,
        exits: "[1]",
        typed: &[],
        events: &[
            (1.7, "SuccessfulCreate: Created pod: job-onflim-*"),
            // These tell a restart a second later than here.
            (8.0, "SuccessfulDelete: Deleted pod: job-onflim-*"),
            (
                9.0,
                "BackoffLimitExceeded: Job has reached the specified backoff limit",
            ),
        ],
        end: "failed 1, FailureTarget, Failed",
    }
    .holds();
}

#[test]
fn a_deadline() {
    Recorded {
        name: "job-dead",
        spec: "  parallelism: 2\n  activeDeadlineSeconds: 40",
        restarts: "Never",
        run: 1000,
        exits: "[]",
        typed: &[],
        events: &[
            (0.1, "SuccessfulCreate: Created pod: job-dead-*"),
            (1.1, "SuccessfulCreate: Created pod: job-dead-*"),
            (39.4, "SuccessfulDelete: Deleted pod: job-dead-*"),
            (39.4, "SuccessfulDelete: Deleted pod: job-dead-*"),
            (
                41.4,
                "DeadlineExceeded: Job was active longer than specified deadline",
            ),
        ],
        end: "failed 2, FailureTarget, Failed",
    }
    .holds();
}

#[test]
fn a_deleted_pod_has_failed() {
    Recorded {
        name: "job-delpod",
        spec: "  completions: 1",
        restarts: "Never",
        run: 60,
        exits: "[]",
        typed: &[(29.7, "kubectl delete pod -l app=job-delpod")],
        events: &[
            (0.2, "SuccessfulCreate: Created pod: job-delpod-*"),
            (39.3, "SuccessfulCreate: Created pod: job-delpod-*"),
            (101.8, "Completed: Job completed"),
        ],
        end: "succeeded 1, failed 1, SuccessCriteriaMet, Complete",
    }
    .holds();
}

#[test]
fn a_job_that_is_suspended_and_widened() {
    Recorded {
        name: "job-susp",
        spec: "  parallelism: 2\n  completions: 4",
        restarts: "Never",
        run: 30,
        exits: "[]",
        typed: &[
            (
                19.6,
                "kubectl patch job job-susp -p '{\"spec\":{\"suspend\":true}}'",
            ),
            (
                59.7,
                "kubectl patch job job-susp -p '{\"spec\":{\"suspend\":false}}'",
            ),
            (
                69.6,
                "kubectl patch job job-susp -p '{\"spec\":{\"parallelism\":4}}'",
            ),
        ],
        events: &[
            (1.9, "SuccessfulCreate: Created pod: job-susp-*"),
            (2.2, "SuccessfulCreate: Created pod: job-susp-*"),
            (19.7, "SuccessfulDelete: Deleted pod: job-susp-*"),
            (19.7, "SuccessfulDelete: Deleted pod: job-susp-*"),
            (19.7, "Suspended: Job suspended"),
            (59.7, "SuccessfulCreate: Created pod: job-susp-*"),
            (59.8, "SuccessfulCreate: Created pod: job-susp-*"),
            (59.8, "Resumed: Job resumed"),
            (69.7, "SuccessfulCreate: Created pod: job-susp-*"),
            (69.7, "SuccessfulCreate: Created pod: job-susp-*"),
            (102.2, "Completed: Job completed"),
        ],
        end: "succeeded 4, SuccessCriteriaMet, Complete",
    }
    .holds();
}

#[test]
fn three_at_once_until_eight_have_succeeded() {
    let mut events = vec![(2.0, "SuccessfulCreate: Created pod: job-par-*"); 3];
    events.extend([(12.8, "SuccessfulCreate: Created pod: job-par-*"); 3]);
    events.extend([(24.8, "SuccessfulCreate: Created pod: job-par-*"); 2]);
    events.push((37.0, "Completed: Job completed"));
    Recorded {
        name: "job-par",
        spec: "  parallelism: 3\n  completions: 8",
        restarts: "Never",
        run: 10,
        exits: "[]",
        typed: &[],
        events: events.leak(),
        end: "succeeded 8, SuccessCriteriaMet, Complete",
    }
    .holds();
}

#[test]
fn a_job_goes_after_its_time_to_live() {
    let job = Recorded {
        name: "job-ttl",
        spec: "  ttlSecondsAfterFinished: 30",
        restarts: "Never",
        run: 10,
        exits: "[]",
        typed: &[],
        events: &[
            (2.0, "SuccessfulCreate: Created pod: job-ttl-*"),
            (13.1, "Completed: Job completed"),
        ],
        end: "succeeded 1, SuccessCriteriaMet, Complete",
    };
    job.holds();
    let scenario = job.scenario();
    let mut cluster = Simulation::new(&scenario, 1);
    let mut is_there = |seconds| {
        let time = SimTime::from_secs(seconds);
        cluster.step_until(time).expect("no endless loop");
        let store = cluster.store();
        let job = store.find(Kind::Job, "default", "job-ttl");
        let pods = store.pods().filter(|(_, pod)| pod.meta.owner == job);
        (matches!(job, Some(ObjectId::Job(_))), pods.count())
    };
    // Recorded: gone 42.3 s after its creation, with its pod.
    assert_eq!(is_there(41), (true, 1));
    assert!(!is_there(44).0);
    assert_eq!(is_there(50), (false, 0));
}

const JOB: &str = "
apiVersion: batch/v1
kind: Job
metadata: {name: one}
spec:
  completions: 1
  completionMode: Indexed
  backoffLimitPerIndex: 2
  template:
    spec:
      restartPolicy: Never
      containers: [{name: app, image: 'app:1', command: [sh, -c, 'sleep 5; exit 1']}]
";
const CRON_JOB: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: of}
spec:
  schedule: '0 0 * * *'
  suspend: true
  jobTemplate:
    spec:
      completions: 1
      completionMode: Indexed
      template:
        spec:
          restartPolicy: Never
          containers: [{name: app, image: 'app:1', command: [sleep, '300']}]
";

fn loaded(manifest: &str, toml: &str) -> Scenario {
    let toml = format!(
        "name = \"jobs\"\nmanifests = \"job.yaml\"\n[simulation]\nduration = \"1h\"\n[[node_group]]\nname = \"n\"\ncpu = 4\nmemory = \"8Gi\"\n{toml}"
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("job.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// What was told of the pods that a Job has got.
fn created(cluster: &Simulation<'_>, name: &str) -> Vec<String> {
    let object = format!("Job/{name}");
    let events = cluster.recording().events.iter();
    let own = events.filter(|one| one.object == object && one.reason == "SuccessfulCreate");
    own.map(|one| without_suffix(one.message)).collect()
}

/// How many pods of the only Job have failed, and its failed indexes.
fn failures(cluster: &Simulation<'_>) -> (i32, String) {
    let Some(ObjectId::Job(id)) = cluster.store().find(Kind::Job, "default", "one") else {
        panic!("the Job is there")
    };
    let job = cluster.store().job(id).expect("the Job");
    let failed = job.status.failed_indexes.as_ref();
    (
        job.status.failed,
        failed.map(ToString::to_string).unwrap_or_default(),
    )
}

#[test]
fn a_failed_pod_that_is_deleted_during_the_back_off_of_its_index_counts() {
    let scenario = loaded(JOB, "");
    let mut cluster = Simulation::new(&scenario, 1);
    let mut second = 0;
    let mut ended = |cluster: &mut Simulation<'_>| {
        for _ in 0..300 {
            second += 1;
            let time = SimTime::from_secs(second);
            cluster.step_until(time).expect("no endless loop");
            let mut pods = cluster.store().pods();
            let over = pods.find(|(_, pod)| pod.has_ended() && !pod.is_deleting());
            if let Some((_, pod)) = over {
                return Some(pod.name().to_owned());
            }
        }
        None
    };
    let name = ended(&mut cluster).expect("a failed pod");
    let delete = format!("kubectl delete pod {name}");
    cluster.kubectl(&delete).expect("a command line");
    let _ = ended(&mut cluster);
    let time = SimTime::from_secs(600);
    cluster.step_until(time).expect("no endless loop");
    assert_eq!(failures(&cluster), (3, "0".to_owned()));
    // Forgotten, it would not be among the three.
    assert_eq!(created(&cluster, "one"), ["Created pod: one-0-*"; 3]);
}

#[test]
fn a_late_call_of_a_job_that_is_gone_takes_nothing_from_its_successor() {
    let latency = "[controllers.kube-apiserver]\nlatency = \"2s\"\n";
    let scenario = loaded(CRON_JOB, latency);
    let mut cluster = Simulation::new(&scenario, 1);
    for (at, command) in [
        (10_000, "create job first --from=cronjob/of"),
        (10_500, "delete job first"),
        (11_000, "create job second --from=cronjob/of"),
    ] {
        let time = SimTime::from_millis(at);
        cluster.step_until(time).expect("no endless loop");
        let command = format!("kubectl {command}");
        cluster.kubectl(&command).expect("a command line");
    }
    let time = SimTime::from_secs(60);
    cluster.step_until(time).expect("no endless loop");
    assert_eq!(created(&cluster, "second"), ["Created pod: second-0-*"]);
}
