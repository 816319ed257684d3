//! Pods, their containers and what they use.

use std::collections::BTreeMap;
use std::fs;

use crate::rig::{Ran, input, run, run_scenario};

/// A run of a case in which these texts of its files are others.
fn run_changed(case: &str, changes: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut made = 0;
    for entry in fs::read_dir(input(case)).expect("the case's folder") {
        let path = entry.expect("an entry").path();
        let mut text = fs::read_to_string(&path).expect("a text");
        for (from, to) in changes {
            made += text.matches(from).count();
            text = text.replace(from, to);
        }
        let name = path.file_name().expect("a name");
        fs::write(folder.path().join(name), text).expect("the copy is written");
    }
    assert_eq!(made, changes.len(), "{changes:?}");
    run_scenario(&folder.path().join("scenario.toml"), &[])
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    let cell = &row[column];
    cell.parse().unwrap_or_else(|_| panic!("{column}: {cell}"))
}

#[test]
fn pods_that_connections_pass_by_have_metrics_and_go_with_the_load() {
    let ran = run("keep-alive-idle-pods", &[]).ok();
    let decisions = ran.rows("decisions.csv");
    let most = decisions.iter().map(|row| number(row, "desired") as u32);
    assert!(most.max() > Some(4), "hey makes it scale up");
    let late: Vec<_> = decisions
        .iter()
        .filter(|row| number(row, "time_s") >= 1900.0)
        .collect();
    assert!(!late.is_empty());
    for row in late {
        assert_eq!(number(row, "desired"), 2.0, "{row:?}");
        assert_eq!(number(row, "cpu.missing_pods"), 0.0, "{row:?}");
    }
    let pinned = "pods were ready but got no requests: keep-alive pins connections";
    let summary = ran.summary();
    let findings = summary["findings"].as_array().expect("a list");
    let told = findings.iter().filter(|one| {
        one["text"]
            .as_str()
            .is_some_and(|text| text.contains(pinned))
    });
    assert_eq!(told.count(), 1, "{findings:?}");
}

#[test]
fn a_restart_period_that_the_kubelet_refuses_is_an_error() {
    let ran = run("restart-period-zero", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("scenario.toml:9:") && ran.stderr.contains("must be from 1s to 300s"),
        "{}",
        ran.stderr
    );
}

#[test]
fn pods_of_a_job_that_the_selector_matches_count_at_every_sync() {
    let ran = run("selector-job-pods", &[]).ok();
    let job = "Job/nightly-28502";
    assert!(
        ran.stderr.contains(job) && ran.stderr.contains("shop"),
        "{}",
        ran.stderr
    );
    let decisions = ran.rows("decisions.csv");
    let events = ran.rows("events.csv");
    let done =
        |row: &&BTreeMap<String, String>| row["object"] == job && row["reason"] == "Completed";
    let done = events.iter().find(done).expect("the Job completes");
    let done: f64 = done["time_s"].parse().expect("a number");
    let mut after = 0;
    for row in &decisions {
        let time: f64 = row["time_s"].parse().expect("a number");
        if time < 60.0 {
            continue; // its pod starts
        }
        after += u32::from(time > done);
        assert_eq!(row["scaling_active"], "FailedGetResourceMetric", "{row:?}");
        assert_eq!(
            (&*row["current"], &*row["written"]),
            ("1", "false"),
            "{row:?}"
        );
        let pod = "missing request for cpu in container nightly of Pod nightly-28502-";
        assert!(row["cpu.error"].contains(pod), "{row:?}");
    }
    assert!(after > 50, "{after}");
}

/// An HPA scales up by the metrics that it has; only the ways down are blocked.
#[test]
fn an_hpa_with_one_metric_that_fails_is_not_told_as_failing() {
    let ran = run("one-metric-fails", &[]).ok();
    let decisions = ran.rows("decisions.csv");
    let desired: Vec<f64> = decisions.iter().map(|row| number(row, "desired")).collect();
    // None was ever written at first; what has been written stays.
    assert!(desired.is_sorted(), "{desired:?}");
    let most = desired.iter().copied().fold(0.0, f64::max);
    assert!(most > 10.0, "{most}");
    // Scaled up and then stuck: syncs that would scale down fail.
    assert!(desired.ends_with(&[most, most]), "{desired:?}");
    let findings = ran.summary()["findings"].to_string();
    let blocked = decisions
        .iter()
        .filter(|row| row["scaling_active"] != "ValidMetricFound")
        .count();
    let all = decisions.len();
    assert!(0 < blocked && blocked < all, "{blocked} of {all}");
    assert!(
        !findings.contains(&format!("all {all} syncs")),
        "{findings}"
    );
}

#[test]
fn an_hpa_measures_what_the_expressions_of_its_target_select() {
    let ran = run("selector-expressions", &[]).ok();
    let warned = "pods of Deployment/other match the selector of Deployment/me";
    assert!(ran.stderr.contains(warned), "{}", ran.stderr);
    let decisions = ran.rows("decisions.csv");
    let late = decisions.iter().filter(|row| number(row, "time_s") > 60.0);
    let mut seen = 0;
    for row in late {
        let pod = "missing request for cpu in container other of Pod other-";
        assert!(row["cpu.error"].contains(pod), "{row:?}");
        assert_eq!(row["scaling_active"], "FailedGetResourceMetric", "{row:?}");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn the_step_of_the_outputs_changes_no_event() {
    let of = |step: &str| {
        let ran = run("step-changes-kills", &["--set", step]).ok();
        ran.file("events.csv")
    };
    let fine = of("simulation.step=1s");
    assert!(fine.contains("OOMKilled") || fine.contains("OOM"), "{fine}");
    assert_eq!(fine, of("simulation.step=15s"));
    assert_eq!(fine, of("simulation.step=10m"));
}

#[test]
fn what_sidecars_request_and_use_counts_everywhere() {
    let sidecar = |changes: &[(&str, &str)]| run_changed("sidecar-requests", changes).ok();
    let ran = sidecar(&[]);
    // Noise of the load asks for one more pod at times; without the sidecars for twice as many.
    let under = ran.figure("theta_u_pct");
    assert!(under < 15.0, "{under}");
    let rows = ran.rows("timeseries.csv");
    let last = rows.last().expect("rows");
    let requested = number(last, "requested_cores");
    assert!(
        (requested - 0.2 * number(last, "ready")).abs() < 1e-9,
        "{last:?}"
    );
    let decisions = ran.rows("decisions.csv");
    let utilization = number(decisions.last().expect("decisions"), "cpu.value");
    assert!((45.0..=55.0).contains(&utilization), "{utilization}");

    // Half of the target goes to sidecars: about twice as many pods.
    let busy = "request={cpu=\"10ms\"}\ncontainers={proxy={cpu=\"50m\",memory=\"96Mi\"}}";
    let ran = sidecar(&[("request={cpu=\"10ms\"}", busy)]);
    let rows = ran.rows("timeseries.csv");
    let busy = rows.last().expect("rows");
    assert!(
        number(busy, "ready") > 1.6 * number(last, "ready"),
        "{busy:?}"
    );
    // What the sidecars use is no work: on its target, the HPA has what is needed.
    let needed = number(busy, "needed");
    assert!(
        (needed - number(busy, "ready")).abs() <= 0.2 * needed,
        "{busy:?}"
    );
    let over = ran.figure("hpa.web.tau_o_pct");
    assert!(over < 30.0, "{over}");
    let cores = number(busy, "used_cores");
    assert!(
        (cores - 1.0 - 0.051 * number(busy, "ready")).abs() < 0.2,
        "{busy:?}"
    );
    let memory = number(busy, "memory_bytes") / number(busy, "ready") / f64::from(1 << 20);
    assert!(
        (memory - 160.0).abs() < 1.0,
        "64Mi and 96Mi a pod: {memory}"
    );
}

#[test]
fn usage_is_given_to_containers_that_last_and_do_not_serve() {
    let told = |containers: &str| {
        let with = format!("request={{cpu=\"10ms\"}}\ncontainers={containers}");
        let ran = run_changed("sidecar-requests", &[("request={cpu=\"10ms\"}", &*with)]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.stderr
    };
    let stderr = told("{prxy={cpu=\"50m\"}}");
    assert!(
        stderr.contains("no container `prxy`") && stderr.contains("`proxy`"),
        "{stderr}"
    );
    let stderr = told("{web={cpu=\"50m\"}}");
    assert!(
        stderr.contains("`web` is the container that serves"),
        "{stderr}"
    );
    let stderr = told("{proxy={gpu=1}}");
    assert!(stderr.contains("unknown key `gpu`"), "{stderr}");
    assert!(told("3").contains("expected a table"));
}

/// Events of a kind in `events.csv`, with the time of the first.
fn events(ran: &Ran, reason: &str) -> (usize, f64) {
    let rows = ran.rows("events.csv");
    let mut of_kind = rows.iter().filter(|row| row["reason"] == reason);
    let first = of_kind.next().map(|row| number(row, "time_s"));
    (
        of_kind.count() + usize::from(first.is_some()),
        first.unwrap_or(f64::INFINITY),
    )
}

#[test]
fn a_memory_limit_is_not_lowered_below_the_usage() {
    let case = "memory-limit-below-usage";
    let ran = run(case, &[]).ok();
    let (errors, refused) = events(&ran, "ResizeError");
    let (_, evicted) = events(&ran, "EvictedByVPA");
    let (_, killed) = events(&ran, "OOMKilling");
    assert!(errors >= 2, "each pod is asked for");
    assert!(
        refused < evicted && evicted < killed,
        "{refused} {evicted} {killed}"
    );
    let words = "cannot decrease memory limits: [attempting to set pod memory limit (209715200) below current usage (314572800), attempting to set container \\\"app\\\" memory limit (209715200) below current usage (314572800)]";
    let rows = ran.rows("events.csv");
    let of_kind = |row: &&BTreeMap<String, String>| row["reason"] == "ResizeError";
    let error = rows.iter().find(of_kind).expect("it is told");
    assert!(error["message"].contains(words), "{error:?}");
    // No container runs at the end.
    let findings = ran.summary()["findings"].to_string();
    let lowered = "a VPA lowered its memory from 400Mi to 200Mi";
    assert!(findings.contains(lowered), "{findings}");

    // The mode InPlace waits, and asks the node no more than that.
    let flag = "usage = { cpu = \"50m\" }\n[controllers.vpa-updater]\nin-place = true";
    let changes = [
        ("InPlaceOrRecreate", "InPlace"),
        ("usage = { cpu = \"50m\" }", flag),
    ];
    let ran = run_changed(case, &changes).ok();
    assert!(events(&ran, "ResizeError").0 >= 2);
    assert_eq!(
        (ran.figure("oom_kills"), ran.figure("evictions")),
        (0.0, 0.0)
    );
    let findings = ran.summary()["findings"].to_string();
    assert!(findings.contains("200Mi is recommended"), "{findings}");

    // 1.33 refuses the patch, and the updater evicts.
    let changes = [("name = \"c13b\"", "name = \"c13b\"\nkubernetes = \"1.33\"")];
    let ran = run_changed(case, &changes).ok();
    assert_eq!(
        (events(&ran, "ResizeError").0, ran.figure("resizes")),
        (0, 0.0)
    );
    assert!(ran.figure("evictions") > 0.0);
}
