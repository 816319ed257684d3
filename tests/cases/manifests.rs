//! Manifests as people have them.

use crate::rig::{input, run, run_scenario};

#[test]
fn a_service_is_no_workload() {
    let ran = run("service-as-workload", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("did you mean `Deployment/web`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_flow_list_may_close_at_the_column_of_its_key() {
    let ran = run("yaml-flow-list-close", &[]).ok();
    assert!(!ran.rows("timeseries.csv").is_empty());
}

#[test]
fn what_controllers_made_belongs_to_them() {
    let ran = run("export-with-replicasets", &[]).ok();
    let pods = ran.figure("replica_hours");
    let events = ran.file("events.csv");
    assert!(!events.contains("web-5d8c7b9f6d"), "{events}");
    assert!(!ran.stderr.contains("Pod"), "{}", ran.stderr);
    // Two replicas for 20 minutes, or more once the HPA acts; not those of the ReplicaSets, too.
    let services = ran.rows("timeseries.csv");
    assert!(services.iter().all(|row| row["service"] == "web"));
    assert!(pods > 0.6, "{pods}");
}

#[test]
fn a_service_of_a_kind_of_another_group_is_told_what_can_serve() {
    let ran = run("foreign-kind-target", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("Rollout/web is of a kind that is not simulated"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("it stops with FailedGetScale"),
        "{}",
        ran.stderr
    );
}

#[test]
fn names_are_as_long_as_kubernetes_allows() {
    let ran = run("long-names", &[]).ok();
    let events = ran.file("events.csv");
    // The generated name of a pod is a label of a host.
    let pod = format!("Pod/{}", "a".repeat(58));
    let made = events
        .lines()
        .find_map(|line| line.split(',').find(|cell| cell.starts_with(&pod)));
    assert_eq!(made.map(str::len), Some("Pod/".len() + 63), "{events}");
}

#[test]
fn what_the_api_server_takes_is_taken() {
    let ran = run("odd-manifests", &[]).ok();
    let told = &ran.stderr;
    for part in [
        "autoscaling/v2beta1 is not served any more",
        "no PriorityClass high among the manifests",
        "Job (batch.volcano.sh/v1alpha1), Service (serving.knative.dev/v1), StatefulSet (apps.kruise.io/v1beta1)",
        "HPA batch scales Deployment/batch, which is not among the manifests",
        "given more than once, the last one counts, as with `kubectl apply`: StatefulSet db",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("selects no pods"), "{told}");
    let last = ran.rows("timeseries.csv").pop().expect("rows");
    assert_eq!(last["desired"], "3");
    let events = ran.file("events.csv");
    assert!(events.contains("Job/once-"), "{events}");
    let workloads = ran.rows("timeseries.csv").into_iter();
    let mut alone = workloads.filter(|row| row["workload"] == "alone");
    assert!(
        alone.all(|row| row["ready"] == "1"),
        "it runs from the start on"
    );
    assert!(!events.contains("Pod/db-1"), "{events}");
}

#[test]
fn manifests_may_be_folders() {
    let ran = run("manifest-folders", &[]).ok();
    let told = &ran.stderr;
    assert!(told.contains("no Kubernetes objects, left out"), "{told}");
    assert!(
        told.contains("compose.yml") && !told.contains("values.yaml,"),
        "{told}"
    );
    assert!(told.contains("the file holds no object"), "{told}");
}

#[test]
fn kustomizations_are_built() {
    let folder = input("manifest-folders");
    let plain = run_scenario(&folder.join("plain.toml"), &[]).ok();
    let rows = plain.rows("timeseries.csv");
    assert!(rows.iter().all(|row| row["namespace"] == "shop") && !rows.is_empty());
    let patched = run_scenario(&folder.join("patched.toml"), &[]).ok();
    let rows = patched.rows("timeseries.csv");
    assert!(rows.iter().all(|row| row["ready"] == "5") && !rows.is_empty());
}

#[test]
fn daemon_sets_take_room_on_the_nodes_that_they_select() {
    // 2 cores less 600m hold two pods of 500m; less another core, none.
    let pending = |arguments: &[&str]| {
        let ran = run("daemon-sets", arguments).ok();
        let first = ran.rows("timeseries.csv").remove(0);
        first["pending"].clone()
    };
    assert_eq!(pending(&[]), "6");
    // What others request is not free either.
    let stated = ["--set", "node_group[general].daemonsets.cpu=1"];
    assert_eq!(pending(&stated), "8");
}
