//! VerticalPodAutoscalers in odd company.

use std::collections::BTreeMap;
use std::fs;

use crate::rig::{Ran, input, run, run_scenario};

/// The findings about an object.
fn found(ran: &Ran, subject: &str) -> Vec<String> {
    let summary = ran.summary();
    let findings = summary["findings"].as_array().expect("findings").iter();
    findings
        .filter(|finding| finding["subject"] == subject)
        .map(|finding| finding["text"].as_str().expect("a text").to_owned())
        .collect()
}

/// The rows of a VPA.
fn rows(ran: &Ran, vpa: &str) -> Vec<BTreeMap<String, String>> {
    let mut rows = ran.rows("vpa.csv");
    rows.retain(|row| row["vpa"] == vpa);
    rows
}

/// The bytes of the manifest `m.yaml` and of `scenario.toml` of a case, with replacements.
fn changed(case: &str, replacements: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    for file in ["m.yaml", "scenario.toml"] {
        let mut text = fs::read_to_string(input(case).join(file)).expect("the file is there");
        for (from, to) in replacements {
            text = text.replace(from, to);
        }
        fs::write(place.path().join(file), text).expect("written");
    }
    place
}

#[test]
fn of_two_vpas_on_a_workload_both_recommend_and_one_acts() {
    let ran = run("vpas-one-acts", &[]).ok();
    let (own, other) = (rows(&ran, "platform-vpa"), rows(&ran, "goldilocks-app"));
    assert_eq!((own.len(), other.len()), (360, 360));
    let (own, other) = (&own[359], &other[359]);
    // The policy of one bounds its own recommendation alone.
    assert_eq!(own["cpu_target_cores"], "0.2");
    assert_eq!(own["cpu_uncapped_cores"], other["cpu_target_cores"]);
    assert_eq!(own["memory_target_bytes"], other["memory_target_bytes"]);
    assert_eq!(own["cpu_request_cores"], "0.2");
    assert!(ran.figure("vpa.platform-vpa.evictions") >= 2.0);
    assert!(ran.figure("vpa.goldilocks-app.evictions") < 0.5);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn of_two_vpas_that_act_the_first_by_name_wins() {
    let modes = [("updateMode: \"Off\"", "updateMode: Recreate")];
    let place = changed("vpas-one-acts", &modes);
    let ran = run_scenario(&place.path().join("scenario.toml"), &[]).ok();
    assert!(
        ran.stderr.contains("only goldilocks-app changes its pods"),
        "{}",
        ran.stderr
    );
    assert!(ran.figure("vpa.goldilocks-app.evictions") >= 2.0);
    assert!(ran.figure("vpa.platform-vpa.evictions") < 0.5);
    // Its recommendation has no bound.
    let row = &rows(&ran, "goldilocks-app")[359];
    assert!(row["cpu_request_cores"].parse::<f64>().expect("a number") > 0.3);
    let told = found(&ran, "VerticalPodAutoscaler/platform-vpa");
    let reason = "VPA goldilocks-app controls the pods, since it is older or comes first by name";
    assert!(told.iter().any(|text| text.ends_with(reason)), "{told:?}");
}

#[test]
fn an_older_vpa_in_mode_initial_overrules_one_that_evicts() {
    // Admission goes by the first by name, the updater leaves mode Initial out.
    let modes = [("updateMode: \"Off\"", "updateMode: Initial")];
    let place = changed("vpas-one-acts", &modes);
    let ran = run_scenario(&place.path().join("scenario.toml"), &[]).ok();
    assert!(
        ran.stderr
            .contains("goldilocks-app sets the requests of new pods"),
        "{}",
        ran.stderr
    );
    let evictions = ran.figure("vpa.platform-vpa.evictions");
    assert!(evictions > 100.0, "{evictions}");
    let told = found(&ran, "VerticalPodAutoscaler/platform-vpa");
    let reason = "VPA goldilocks-app sets the requests of new pods, and this one evicts them again";
    assert!(told.iter().any(|text| text.contains(reason)), "{told:?}");
}

#[test]
fn eviction_requirements_are_the_reason_that_is_told() {
    let ran = run("vpa-eviction-requirements", &[]).ok();
    let told = found(&ran, "VerticalPodAutoscaler/app");
    assert!(!told.is_empty());
    let reason = "its evictionRequirements allow no such change";
    assert!(told.iter().all(|text| text.ends_with(reason)), "{told:?}");
    assert!(ran.figure("evictions") + ran.figure("resizes") < 0.5);
}

#[test]
fn kills_before_the_first_sample_are_recommendation_enough() {
    let ran = run("vpa-oom-at-start", &[]).ok();
    let all = rows(&ran, "app");
    // Nothing has been listed yet, and there is a recommendation.
    assert_eq!(all[0]["cpu_usage_p50_cores"], "");
    assert_eq!(all[0]["memory_target_bytes"], "262144000");
    assert_eq!(all[0]["memory_upper_bytes"], "100000000000000");
    // Quick OOMs let the updater act, and the pods run from then on.
    assert!((2.0..=6.0).contains(&ran.figure("evictions")));
    assert!(ran.figure("oom_kills") < 15.0);
    assert_eq!(all[359]["running"], "2");
    let events = ran.rows("events.csv");
    let kills = events
        .iter()
        .filter(|event| event["reason"] == "OOMKilling");
    let last = kills.map(|kill| kill["time_s"].parse::<f64>().expect("a time"));
    assert!(last.fold(0.0, f64::max) < 600.0);
}

#[test]
fn a_recording_of_kills_alone_replays() {
    let file = input("vpa-oom-at-start").join("oom-only.jsonl");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .args(["conformance", "vpa-recommender"])
        .arg(file)
        .output()
        .expect("the binary runs");
    // The recording spells the same amounts otherwise (262144k is 250Mi), and says nothing of a
    // container without samples beside one that has some, as releases before 0.13 did.
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("cases 2 steps 2"), "{text}");
    assert!(!text.contains("oom-only (t=60 s) raw"), "{text}");
}

#[test]
fn checkpoints_of_a_short_run_are_read_again() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let from = input("checkpoint-negative-total");
    fs::create_dir(place.path().join("manifests")).expect("a folder");
    fs::create_dir(place.path().join("o")).expect("a folder");
    for file in ["scenario.toml", "again.toml", "manifests/reports.yaml"] {
        fs::copy(from.join(file), place.path().join(file)).expect("copied");
    }
    let first = run_scenario(&place.path().join("scenario.toml"), &[]).ok();
    let kept = first.file("vpa-checkpoints.json");
    let value: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
    for item in value["items"].as_array().expect("a list") {
        for histogram in ["cpuHistogram", "memoryHistogram"] {
            let total = item["status"][histogram]["totalWeight"].as_f64();
            assert!(total.is_none_or(|total| total >= 0.0), "{item}");
        }
    }
    fs::write(place.path().join("o/vpa-checkpoints.json"), kept).expect("written");
    let again = run_scenario(&place.path().join("again.toml"), &[]).ok();
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    // What was known at the end of one is known at the beginning of the other.
    let before = first.rows("vpa.csv").pop().expect("a row");
    let after = again.rows("vpa.csv").swap_remove(0);
    assert_eq!(before["cpu_target_cores"], after["cpu_target_cores"]);
}

const NEW: &str = r#"
[[action]]
at = "1h"
kubectl = "kubectl apply -f later.yaml"
[[action]]
at = "3h"
kubectl = '''kubectl patch vpa later --type merge -p '{"spec": {"targetRef": {"name": "other"}}}' '''
"#;

#[test]
fn a_vpa_that_is_created_later_knows_the_pods_and_may_change_its_target() {
    let off = [("updateMode: Recreate", "updateMode: \"Off\"")];
    let place = changed("vpas-one-acts", &off);
    let path = |file: &str| place.path().join(file);
    let manifest = fs::read_to_string(path("m.yaml")).expect("the manifest");
    let deployment = manifest.split("---").next().expect("a Deployment");
    let other = deployment
        .replace("app", "other")
        .replace("other:1", "app:1");
    let other = other.replace("others/v1", "apps/v1");
    fs::write(path("m.yaml"), format!("{manifest}---\n{other}")).expect("written");
    let scenario = fs::read_to_string(path("scenario.toml")).expect("the scenario");
    fs::write(path("scenario.toml"), scenario + NEW).expect("written");
    let later = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: later}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: app}\n  updatePolicy: {updateMode: Recreate}\n";
    fs::write(path("later.yaml"), later).expect("written");
    let ran = run_scenario(&path("scenario.toml"), &[]).ok();
    let all = rows(&ran, "later");
    assert_eq!(all.len(), 300, "a row a minute from its creation on");
    // The recommender has watched the pods before: its first word is that of the other VPA.
    let time = &all[0]["time_s"];
    let twin = rows(&ran, "goldilocks-app");
    let twin = twin
        .iter()
        .find(|row| row["time_s"] == *time)
        .expect("a row");
    for column in ["cpu_target_cores", "cpu_upper_cores", "memory_upper_bytes"] {
        assert_eq!(all[0][column], twin[column], "{column}");
    }
    // It acts, being the only one that does; after the change of its target on the other pods.
    let events = ran.rows("events.csv");
    let evicted: Vec<&str> = (events.iter())
        .filter(|event| event["reason"] == "EvictedByVPA")
        .map(|event| event["object"].as_str())
        .collect();
    assert!(
        evicted[..2].iter().all(|pod| pod.starts_with("Pod/app-")),
        "{evicted:?}"
    );
    assert!(
        evicted[2..].iter().any(|pod| pod.starts_with("Pod/other-")),
        "{evicted:?}"
    );
}

/// CPU requests of the pods at a time, by name.
fn requests_at(case: &str, at: &str) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .args(["get", "pods", "-o", "json", "--at", at])
        .arg(input(case).join("scenario.toml"))
        .output()
        .expect("the binary runs");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let pods = list["items"].as_array().expect("pods").iter();
    let request = |pod: &serde_json::Value| {
        let resources = &pod["spec"]["containers"][0]["resources"];
        resources["requests"]["cpu"]
            .as_str()
            .expect("a request")
            .to_owned()
    };
    let mut requests: Vec<String> = pods.map(request).collect();
    requests.sort();
    requests
}

#[test]
fn a_startup_boost_begins_at_admission_and_ends_in_place() {
    let ran = run("vpa-startup-boost", &[]).ok();
    // Four times the 63m that are recommended, for the two new pods.
    let old = "150m".to_owned();
    let with = |new: &str| vec![old.clone(), old.clone(), new.to_owned(), new.to_owned()];
    assert_eq!(requests_at("vpa-startup-boost", "20m30s"), with("252m"));
    assert_eq!(requests_at("vpa-startup-boost", "25m"), with("63m"));
    // Two minutes after the pods are ready the updater ends it in one of its next passes.
    let events = ran.rows("events.csv");
    let resizes = events
        .iter()
        .filter(|event| event["reason"] == "InPlaceResizedByVPA");
    let times: Vec<f64> = resizes
        .map(|event| event["time_s"].parse().expect("a time"))
        .collect();
    assert_eq!(times.len(), 2);
    assert!(
        times.iter().all(|time| (1320.0..1440.0).contains(time)),
        "{times:?}"
    );
}

#[test]
fn the_updater_waits_for_the_admission_controller() {
    let place = changed("vpas-one-acts", &[]);
    let path = place.path().join("scenario.toml");
    let scenario = fs::read_to_string(&path).expect("the scenario");
    let fault = "\n[[fault]]\nat = \"0s\"\ndown = \"vpa-admission-controller\"\n";
    fs::write(&path, scenario + fault).expect("written");
    let ran = run_scenario(&path, &[]).ok();
    // Until its last sign of life is a minute old one pod may go; its replacement stays as it is.
    assert!(ran.figure("evictions") < 2.5);
    assert_eq!(rows(&ran, "platform-vpa")[359]["cpu_request_cores"], "0.1");
}

/// A workload of this kind under a VPA with this policy, as files.
fn under_vpa(release: &str, kind: &str, vpa: &str, flags: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    let scenario = format!(
        r#"
name = "under-vpa"
kubernetes = "{release}"
manifests = ["m.yaml"]
[simulation]
duration = "3h"
seed = 42
[[node_group]]
name = "general"
instance_type = "m5.large"
count = 2
[[service]]
workload = "{kind}/web"
memory = {{ base = "300Mi" }}
usage = {{ cpu = "50m" }}
{flags}
"#
    );
    let service = if kind == "StatefulSet" {
        "\n  serviceName: web"
    } else {
        ""
    };
    let manifest = format!(
        r#"
apiVersion: apps/v1
kind: {kind}
metadata: {{name: web}}
spec:
  replicas: 2{service}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: "web:1", resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{name: web}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: {kind}, name: web}}
  {vpa}
"#
    );
    fs::write(place.path().join("scenario.toml"), scenario).expect("written");
    fs::write(place.path().join("m.yaml"), manifest).expect("written");
    place
}

#[test]
fn what_a_node_can_never_hold_is_refused_and_the_pod_evicted_at_once() {
    let vpa = "updatePolicy: {updateMode: InPlaceOrRecreate}\n  \
               resourcePolicy: {containerPolicies: [{containerName: web, minAllowed: {cpu: \"4\"}}]}";
    let reasons = |release: &str| {
        let place = under_vpa(release, "Deployment", vpa, "");
        let ran = run_scenario(&place.path().join("scenario.toml"), &[]).ok();
        let events = ran.rows("events.csv").into_iter();
        let all: Vec<String> = events
            .map(|mut one| one.remove("reason").expect("it"))
            .collect();
        [
            "InPlaceResizedByVPA",
            "ResizeInfeasible",
            "EvictedByVPA",
            "EvictedPod",
        ]
        .map(|reason| all.iter().any(|one| one == reason))
    };
    assert_eq!(reasons("1.36"), [false, false, true, true]);
    assert_eq!(reasons("1.35"), [true, true, true, true]);
}

#[test]
fn a_pod_that_comes_back_under_its_name_goes_on_with_its_window() {
    let kept = |mode: &str| {
        let vpa = format!("updatePolicy: {{updateMode: \"{mode}\"}}");
        let place = under_vpa("1.36", "StatefulSet", &vpa, "");
        let ran = run_scenario(&place.path().join("scenario.toml"), &[]).ok();
        let kept: serde_json::Value =
            serde_json::from_str(&ran.file("vpa-checkpoints.json")).expect("JSON");
        let status = kept["items"][0]["status"].clone();
        assert!(status["totalSamplesCount"].as_i64().expect("a number") > 100);
        (ran.figure("evictions"), status["memoryHistogram"].clone())
    };
    // Peaks of windows that have not ended are not kept: there is one window a pod's name.
    let (evictions, never) = kept("Off");
    assert!(evictions < 0.5);
    let (evictions, evicted) = kept("Recreate");
    assert!(evictions > 1.0, "{evictions}");
    assert_eq!(evicted["totalWeight"], never["totalWeight"]);
    assert_eq!(evicted["bucketWeights"], never["bucketWeights"]);
    assert!(evicted["totalWeight"].as_f64().unwrap_or_default() < 1e-9);
}

#[test]
fn a_recommender_leaves_vpas_of_others_alone() {
    let vpa = "updatePolicy: {updateMode: Recreate}\n  recommenders: [{name: custom}]";
    let run_with = |flags: &str| {
        let place = under_vpa("1.36", "Deployment", vpa, flags);
        run_scenario(&place.path().join("scenario.toml"), &[]).ok()
    };
    let ran = run_with("");
    assert!(
        ran.stderr
            .contains("it recommends nothing for a VPA of custom"),
        "{}",
        ran.stderr
    );
    assert!(ran.figure("evictions") < 0.5);
    assert_eq!(rows(&ran, "web").len(), 0);
    let ran = run_with("[controllers.vpa-recommender]\nrecommender-name = \"custom\"\n");
    assert!(!ran.stderr.contains("custom"), "{}", ran.stderr);
    assert!(ran.figure("evictions") > 1.0);
    // The updater leaves namespaces out.
    let ran = run_with(
        "[controllers.vpa-recommender]\nrecommender-name = \"custom\"\n\
         [controllers.vpa-updater]\nignored-vpa-object-namespaces = \"kube-system,default\"\n",
    );
    assert!(ran.figure("evictions") < 0.5);
    let told = found(&ran, "VerticalPodAutoscaler/web");
    let reason = "flags of vpa-updater leave its namespace out";
    assert!(told.iter().any(|text| text.ends_with(reason)), "{told:?}");
}
