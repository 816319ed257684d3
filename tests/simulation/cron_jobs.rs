//! CronJobs: Jobs by the calendar, against what a real 1.36.2 control plane did; commands, tables,
//! VPAs, loads, and what is refused.

use nlsim::api::{Clock, Kind, Pod};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// A CronJob whose pods sleep for so long.
fn cron_job(name: &str, spec: &str, seconds: u32) -> String {
    format!(
        r#"
apiVersion: batch/v1
kind: CronJob
metadata: {{name: {name}}}
spec:
  {spec}
  jobTemplate:
    metadata: {{labels: {{of: {name}}}}}
    spec:
      template:
        metadata: {{labels: {{app: {name}}}}}
        spec:
          restartPolicy: Never
          containers:
          - name: app
            image: "app:1"
            command: [sleep, "{seconds}"]
            resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}
---"#
    )
}

const EVERY_MINUTE: &str = "schedule: '*/1 * * * *'";

/// A scenario that starts at a time of day; containers start after a second.
fn loaded(start: &str, manifests: &str, services: &[&str], more: &str) -> Result<Scenario, String> {
    let startup = "startup = { image_pull = \"0s\", container_start = \"1s\", ready = \"0s\" }";
    let services: Vec<String> = (services.iter())
        .map(|name| format!("[[service]]\nworkload = \"CronJob/{name}\"\n{startup}\n"))
        .collect();
    let toml = format!(
        r#"
name = "cron"
manifests = "cron.yaml"
[simulation]
duration = "3d"
start = "{start}"
{}
{more}
"#,
        services.concat()
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("cron.yaml", manifests)]);
    let loaded = Loaded::load("s.toml", &files).map_err(|all| all.render(false))?;
    let built = loaded.build(&[]).map_err(|all| all.render(false))?;
    Ok(built.scenario)
}

fn scenario(start: &str, manifests: &str, services: &[&str]) -> Scenario {
    loaded(start, manifests, services, "").unwrap_or_else(|problems| panic!("{problems}"))
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// The events of a CronJob: when, reason with message, count.
fn events(cluster: &Simulation<'_>, name: &str) -> Vec<(f64, String, u64)> {
    let object = format!("CronJob/{name}");
    let events = cluster.recording().events.iter();
    let events = events.filter(|event| event.object == object);
    events
        .map(|event| {
            let text = format!("{}: {}", event.reason, event.message);
            (event.time.as_secs_f64(), text, event.count)
        })
        .collect()
}

/// Compares events with recorded ones; times may differ by 1.3 s: there the Job controller took a
/// second more to count pods that had ended.
fn compare(found: &[(f64, String, u64)], recorded: &[(f64, &str, u64)]) {
    for (found, recorded) in found.iter().zip(recorded) {
        let near = (found.0 - recorded.0).abs() < 1.3;
        assert!(
            near && found.1 == recorded.1 && found.2 == recorded.2,
            "found {found:?}, recorded {recorded:?}"
        );
    }
    assert_eq!(found.len(), recorded.len(), "{found:#?}");
}

fn names(cluster: &Simulation<'_>, kind: Kind) -> Vec<String> {
    let store = cluster.store();
    let ids = store.ids(kind, None).into_iter();
    let meta = ids.filter_map(|id| store.meta(id));
    meta.map(|meta| meta.name.to_string()).collect()
}

fn live_pods(cluster: &Simulation<'_>) -> usize {
    let pods = cluster.store().pods();
    pods.filter(|(_, pod)| Pod::is_active(pod)).count()
}

/// Ten seconds before a full minute, as the recording.
const RECORDED: &str = "2026-11-26T12:45:50Z";
const ACTIVE: &str = "JobAlreadyActive: Not starting job because prior execution is running and \
                      concurrency policy is Forbid";

#[test]
fn forbidden_starts_wait_for_the_end_of_the_one_before_as_recorded() {
    let spec = format!("{EVERY_MINUTE}\n  concurrencyPolicy: Forbid");
    let scenario = scenario(
        RECORDED,
        &cron_job("cron-forbid", &spec, 80),
        &["cron-forbid"],
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 345);
    let completed = |minute: &str| {
        format!("SawCompletedJob: Saw completed job: cron-forbid-{minute}, condition: Complete")
    };
    let (first, second, third, fourth) = (
        completed("29928286"),
        completed("29928287"),
        completed("29928288"),
        completed("29928290"),
    );
    compare(
        &events(&cluster, "cron-forbid"),
        &[
            (
                10.0,
                "SuccessfulCreate: Created job cron-forbid-29928286",
                1,
            ),
            (69.8, ACTIVE, 1),
            (92.1, ACTIVE, 2),
            (92.2, &first, 1),
            (
                92.3,
                "SuccessfulCreate: Created job cron-forbid-29928287",
                1,
            ),
            (129.8, ACTIVE, 3),
            (174.4, ACTIVE, 4),
            (174.4, &second, 1),
            (
                174.4,
                "SuccessfulCreate: Created job cron-forbid-29928288",
                1,
            ),
            (189.8, ACTIVE, 5),
            (249.8, ACTIVE, 6),
            (256.4, ACTIVE, 7),
            (256.4, &third, 1),
            (
                256.4,
                "SuccessfulCreate: Created job cron-forbid-29928290",
                1,
            ),
            (309.8, ACTIVE, 8),
            (338.6, ACTIVE, 9),
            (
                338.6,
                "SuccessfulDelete: Deleted job cron-forbid-29928286",
                1,
            ),
            (338.6, &fourth, 1),
            (
                338.6,
                "SuccessfulCreate: Created job cron-forbid-29928291",
                1,
            ),
        ],
    );
}

#[test]
fn failures_are_kept_to_their_limit_as_recorded() {
    let spec = format!("{EVERY_MINUTE}\n  failedJobsHistoryLimit: 1");
    let manifest = cron_job("cron-fail", &spec, 5)
        .replace("      template:", "      backoffLimit: 0\n      template:");
    let more = "[[service]]\nworkload = \"CronJob/cron-fail\"\nrun_time = \"5s\"\nexit_codes = [1]\n\
                startup = { image_pull = \"0s\", container_start = \"1s\", ready = \"0s\" }";
    let scenario = loaded(RECORDED, &manifest, &[], more).unwrap_or_else(|text| panic!("{text}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 430);
    let mut expected: Vec<(f64, String, u64)> = Vec::new();
    for minute in 0..7_u32 {
        let (job, at) = (29_928_286 + minute, 10.2 + 60.0 * f64::from(minute));
        expected.push((
            at,
            format!("SuccessfulCreate: Created job cron-fail-{job}"),
            1,
        ));
        if minute > 0 {
            let before = format!("SuccessfulDelete: Deleted job cron-fail-{}", job - 1);
            expected.push((at + 7.0, before, 1));
        }
        let ended =
            format!("SawCompletedJob: Saw completed job: cron-fail-{job}, condition: Failed");
        expected.push((at + 7.0, ended, 1));
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(at, text, count)| (*at, text.as_str(), *count))
        .collect();
    compare(&events(&cluster, "cron-fail"), &expected);
    assert_eq!(names(&cluster, Kind::Job), ["cron-fail-29928292"]);
    // The spam filter of the API's events lets 25 through, then one in five minutes.
    run_until(&mut cluster, 740);
    let later = events(&cluster, "cron-fail").split_off(expected.len());
    assert_eq!(later.len(), 7, "{later:#?}");
    let combined =
        "SuccessfulDelete: (combined from similar events): Deleted job cron-fail-29928295";
    compare(&later[6..], &[(617.2, combined, 1)]);
}

#[test]
fn a_start_takes_the_place_of_the_one_before_as_recorded() {
    let spec = format!("{EVERY_MINUTE}\n  concurrencyPolicy: Replace");
    let scenario = scenario(RECORDED, &cron_job("cron-repl", &spec, 80), &["cron-repl"]);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 135);
    compare(
        &events(&cluster, "cron-repl"),
        &[
            (9.9, "SuccessfulCreate: Created job cron-repl-29928286", 1),
            (69.8, "SuccessfulDelete: Deleted job cron-repl-29928286", 1),
            (69.9, "SuccessfulCreate: Created job cron-repl-29928287", 1),
            (129.8, "SuccessfulDelete: Deleted job cron-repl-29928287", 1),
            (129.8, "SuccessfulCreate: Created job cron-repl-29928288", 1),
        ],
    );
    assert_eq!(names(&cluster, Kind::Job), ["cron-repl-29928288"]);
    run_until(&mut cluster, 175);
    assert_eq!(live_pods(&cluster), 1);
}

#[test]
fn history_limits_a_job_by_hand_and_a_pause_as_recorded() {
    let spec = format!("{EVERY_MINUTE}\n  successfulJobsHistoryLimit: 2");
    let scenario = scenario(RECORDED, &cron_job("cron", &spec, 10), &["cron"]);
    let mut cluster = Simulation::new(&scenario, 1);
    let typed_at = SimTime::from_millis(150_500);
    cluster.step_until(typed_at).expect("no endless loop");
    let create = "kubectl create job cron-manual --from=cronjob/cron";
    let type_in = |cluster: &mut Simulation<'_>, text: &str| {
        cluster.kubectl(text).expect("a command line").join("\n")
    };
    assert_eq!(
        type_in(&mut cluster, create),
        "job.batch/cron-manual created"
    );
    assert_eq!(
        type_in(&mut cluster, create),
        "error: failed to create job: jobs.batch \"cron-manual\" already exists"
    );
    assert_eq!(
        type_in(&mut cluster, "kubectl create job x --from=cronjob/none"),
        "Error from server (NotFound): cronjobs.batch \"none\" not found"
    );
    run_until(&mut cluster, 400);
    let patch = |suspend: bool| {
        format!("kubectl patch cronjob cron -p '{{\"spec\":{{\"suspend\":{suspend}}}}}'")
    };
    assert_eq!(
        type_in(&mut cluster, &patch(true)),
        "cronjob.batch/cron patched"
    );
    run_until(&mut cluster, 540);
    assert_eq!(
        type_in(&mut cluster, &patch(false)),
        "cronjob.batch/cron patched"
    );
    run_until(&mut cluster, 545);
    let made = |minute: u32| format!("SuccessfulCreate: Created job cron-{minute}");
    let gone = |name: &str| format!("SuccessfulDelete: Deleted job cron-{name}");
    let seen = |minute: u32| {
        format!("SawCompletedJob: Saw completed job: cron-{minute}, condition: Complete")
    };
    let unexpected = "UnexpectedJob: Saw a job that the controller did not create or forgot: \
                      cron-manual"
        .to_owned();
    let recorded = [
        (10.0, made(29_928_286), 1),
        (22.1, seen(29_928_286), 1),
        (69.8, made(29_928_287), 1),
        (82.1, seen(29_928_287), 1),
        (129.8, made(29_928_288), 1),
        (141.9, gone("29928286"), 1),
        (141.9, seen(29_928_288), 1),
        (150.7, unexpected.clone(), 1),
        (150.9, unexpected.clone(), 2),
        (152.7, unexpected.clone(), 3),
        (162.8, unexpected, 4),
        (162.8, gone("29928287"), 1),
        (189.8, made(29_928_289), 1),
        (202.0, gone("29928288"), 1),
        (202.0, seen(29_928_289), 1),
        (249.8, made(29_928_290), 1),
        (261.9, gone("manual"), 1),
        (261.9, seen(29_928_290), 1),
        (309.9, made(29_928_291), 1),
        (322.0, gone("29928289"), 1),
        (322.0, seen(29_928_291), 1),
        (369.8, made(29_928_292), 1),
        (381.9, gone("29928290"), 1),
        (381.9, seen(29_928_292), 1),
        (540.0, made(29_928_294), 1),
    ];
    let recorded: Vec<(f64, &str, u64)> = (recorded.iter())
        .map(|(time, text, count)| (*time, text.as_str(), *count))
        .collect();
    compare(&events(&cluster, "cron"), &recorded);
}

#[test]
fn schedules_go_by_the_clocks_of_their_zone() {
    // Clocks go from 02:00 to 03:00 that night.
    let spec = "schedule: '30 1-4 * * *'\n  timeZone: Europe/Berlin";
    let scenario = scenario(
        "2026-03-28T22:00:00Z",
        &cron_job("night", spec, 10),
        &["night"],
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 8 * 3600);
    let created: Vec<f64> = events(&cluster, "night")
        .into_iter()
        .filter(|(_, text, _)| text.starts_with("SuccessfulCreate"))
        .map(|(time, ..)| (time / 60.0).floor())
        .collect();
    // 01:30 is 00:30 UTC, 03:30 is 01:30 UTC.
    assert_eq!(created, [150.0, 210.0, 270.0]);
    let store = cluster.store();
    let last = store.ids(Kind::Job, None).pop().expect("a Job");
    let annotations = &store.meta(last).expect("its metadata").annotations;
    assert_eq!(
        annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"],
        "2026-03-29T04:30:00+02:00"
    );
}

#[test]
fn its_view_tells_what_runs_and_when_it_last_did() {
    let scenario = scenario(RECORDED, &cron_job("cron", EVERY_MINUTE, 30), &["cron"]);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 80);
    let store = cluster.store();
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: SimTime::from_secs(80),
    };
    let views = store.list(Kind::CronJob, None, clock);
    let status = &views[0]["status"];
    assert_eq!(status["active"][0]["name"], "cron-29928287");
    assert_eq!(status["lastScheduleTime"], "2026-11-26T12:47:00Z");
    assert_eq!(status["lastSuccessfulTime"], "2026-11-26T12:46:32Z");
    assert_eq!(views[0]["spec"]["concurrencyPolicy"], "Allow");
    let jobs = store.list(Kind::Job, None, clock);
    assert_eq!(jobs[0]["metadata"]["ownerReferences"][0]["kind"], "CronJob");
    assert_eq!(jobs[0]["metadata"]["labels"]["of"], "cron");
    let pods = store.list(Kind::Pod, None, clock);
    assert_eq!(pods[0]["metadata"]["labels"]["job-name"], "cron-29928286");
}

#[test]
fn what_is_deleted_takes_its_jobs_and_pods_along() {
    let scenario = scenario(RECORDED, &cron_job("cron", EVERY_MINUTE, 100), &["cron"]);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 80);
    assert_eq!(live_pods(&cluster), 2);
    let lines = cluster.kubectl("kubectl delete job cron-29928286");
    assert_eq!(
        lines.expect("a command line"),
        ["job.batch \"cron-29928286\" deleted from default namespace"]
    );
    run_until(&mut cluster, 120);
    assert_eq!(live_pods(&cluster), 1);
    let missing = "MissingJob: Active job went missing: cron-29928286";
    assert!(
        events(&cluster, "cron")
            .iter()
            .any(|(_, text, _)| text == missing)
    );
    cluster
        .kubectl("kubectl delete cronjob cron")
        .expect("a command line");
    run_until(&mut cluster, 300);
    assert_eq!(live_pods(&cluster), 0);
    assert_eq!(names(&cluster, Kind::Job), Vec::<String>::new());
}

/// The status that it was about to write has nowhere to go; nobody goes on trying.
#[test]
fn one_that_is_deleted_between_its_calls_calls_no_more() {
    let scenario = scenario(
        "2026-03-02T10:00:50Z",
        &cron_job("tick", EVERY_MINUTE, 5),
        &["tick"],
    );
    let mut cluster = Simulation::new(&scenario, 1);
    let end = SimTime::from_secs(60);
    while names(&cluster, Kind::Job).is_empty() {
        let stepped = cluster.step(end).expect("no endless loop");
        assert!(stepped.is_some(), "a Job is due at 10 s");
    }
    cluster
        .kubectl("kubectl delete cronjob tick")
        .expect("a command line");
    run_until(&mut cluster, 120);
    let mut events = 0;
    while cluster
        .step(SimTime::from_secs(3600))
        .expect("no endless loop")
        .is_some()
    {
        events += 1;
    }
    assert!(events < 5000, "{events}");
}

#[test]
fn a_new_schedule_counts_from_now() {
    let scenario = scenario(
        RECORDED,
        &cron_job("cron", "schedule: '@daily'", 10),
        &["cron"],
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    let patch = "kubectl patch cronjob cron -p '{\"spec\":{\"schedule\":\"* * * * *\"}}'";
    cluster.kubectl(patch).expect("a command line");
    run_until(&mut cluster, 75);
    assert_eq!(names(&cluster, Kind::Job), ["cron-29928287"]);
}

#[test]
fn pods_run_as_long_as_the_scenario_says() {
    let manifest = cron_job("cron", EVERY_MINUTE, 1).replace("[sleep, \"1\"]", "[python, job.py]");
    let stated = "run_time = \"20s\"";
    let with = |more: &str| {
        let service = "[[service]]\nworkload = \"CronJob/cron\"\n\
                       startup = { image_pull = \"0s\", container_start = \"1s\" }\n";
        loaded(RECORDED, &manifest, &[], &format!("{service}{more}"))
    };
    for (more, ends) in [(stated, 33), ("", 73)] {
        let scenario = with(more).unwrap_or_else(|problems| panic!("{problems}"));
        let mut cluster = Simulation::new(&scenario, 1);
        let seen = "SawCompletedJob: Saw completed job: cron-29928286, condition: Complete";
        run_until(&mut cluster, ends + 2);
        let found = events(&cluster, "cron");
        let at = found
            .iter()
            .find(|(_, text, _)| text == seen)
            .map(|found| found.0);
        assert!(
            at.is_some_and(|at| (at - ends as f64).abs() < 1.5),
            "{more}: {found:?}"
        );
    }
}

const VPA: &str = "
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: cron}
spec:
  targetRef: {apiVersion: batch/v1, kind: CronJob, name: cron}
  updatePolicy: {updateMode: Initial}
";

#[test]
fn a_vpa_recommends_for_its_pods_and_sizes_new_ones() {
    let manifests = cron_job("cron", "schedule: '*/5 * * * *'", 200) + VPA;
    let usage = "[[service]]\nworkload = \"CronJob/cron\"\nmemory.base = \"20Mi\"\n\
                 usage = { cpu = \"700m\", memory = \"400Mi\", split = \"per-pod\" }\n";
    let scenario = loaded(RECORDED, &manifests, &[], usage);
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 6 * 3600);
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: SimTime::from_secs(6 * 3600),
    };
    let vpas = cluster
        .store()
        .list(Kind::VerticalPodAutoscaler, None, clock);
    let target = &vpas[0]["status"]["recommendation"]["containerRecommendations"][0]["target"];
    assert!(target["cpu"].is_string(), "{}", vpas[0]);
    let pods = cluster.store().list(Kind::Pod, None, clock);
    let newest = pods.last().expect("a pod");
    let request = &newest["spec"]["containers"][0]["resources"]["requests"]["cpu"];
    assert_ne!(request, "100m", "{newest}");
}

#[test]
fn a_wget_loop_is_a_load_while_its_pods_run() {
    let web = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1", resources: {requests: {cpu: 100m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---"#;
    let shell = "[sh, -c, \"while true; do wget -q -O- http://web/; sleep 0.5; done\"]";
    let spec = "schedule: '*/5 * * * *'";
    let cron = cron_job("cron", spec, 1).replace("[sleep, \"1\"]", shell);
    let cron = cron.replace(
        "      template:",
        "      activeDeadlineSeconds: 60\n      template:",
    );
    let service = "[[service]]\nworkload = \"Deployment/web\"\n";
    let scenario = loaded(RECORDED, &(web.to_owned() + &cron), &[], service);
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    let mut cluster = Simulation::new(&scenario, 1);
    let mut busy = Vec::new();
    for minute in [4, 6, 9, 11] {
        run_until(&mut cluster, minute * 60);
        busy.push(live_pods(&cluster) - 1);
    }
    assert_eq!(busy, [0, 0, 0, 0]);
    run_until(&mut cluster, 15 * 60 - 20);
    assert_eq!(live_pods(&cluster), 2);
    run_until(&mut cluster, 3600);
    let finished = cluster.finish().expect("the books balance");
    let requests = finished.recording.loads[0].requests;
    assert!(requests > 500, "{requests}");
}

#[test]
fn what_the_api_server_refuses_is_refused_in_its_words() {
    for (spec, words) in [
        (
            "schedule: '60 * * * *'",
            "spec.schedule: Invalid value: \"60 * * * *\": end of range (60) above maximum (59): 60",
        ),
        (
            "schedule: 'TZ=Europe/Berlin 0 * * * *'",
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
        ("schedule: ''", "spec.schedule: Required value"),
        (
            "schedule: '@daily'\n  timeZone: Mars/Olympus",
            "spec.timeZone: Invalid value: \"Mars/Olympus\": unknown time zone Mars/Olympus",
        ),
        (
            "schedule: '@daily'\n  timeZone: Local",
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        ),
        (
            "schedule: '@daily'\n  concurrencyPolicy: Never",
            "spec.concurrencyPolicy: Unsupported value: \"Never\": supported values: \"Allow\", \
             \"Forbid\", \"Replace\"",
        ),
        (
            "schedule: '@daily'\n  startingDeadlineSeconds: -1",
            "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
    ] {
        let problems = loaded(RECORDED, &cron_job("cron", spec, 1), &[], "");
        let problems = problems.expect_err("refused");
        assert!(problems.contains(words), "{words}: {problems}");
    }
    let long = "c".repeat(53);
    let problems = loaded(RECORDED, &cron_job(&long, "schedule: '@daily'", 1), &[], "");
    let words = "must be no more than 52 characters";
    assert!(problems.expect_err("refused").contains(words));
}
