//! `nlsim get`: the real binary, as users run it.

use std::process::{Command, Output};

const SCENARIO: &str = "scenarios/php-apache.toml";

fn get(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .arg("get")
        .args(arguments.split_whitespace())
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Standard output of a run that succeeds.
fn printed(arguments: &str) -> String {
    let ran = get(arguments);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    text(&ran.stdout)
}

/// Exit code and stderr.
fn told(arguments: &str) -> (Option<i32>, String) {
    let ran = get(arguments);
    assert_eq!(text(&ran.stdout), "");
    (ran.status.code(), text(&ran.stderr))
}

#[test]
fn objects_of_a_time_are_printed_as_kubectl_prints_them() {
    let tables = ["hpa", "deploy -o wide", "rs", "pods", "nodes", "jobs"].map(|kind| {
        let command = format!("{kind} {SCENARIO} --at 5m");
        format!("$ nlsim get {command}\n{}", printed(&command))
    });
    insta::assert_snapshot!("tables", tables.join("\n"));
    let one = printed(&format!(
        "hpa php-apache -n default {SCENARIO} --at 5m -o yaml"
    ));
    assert!(one.starts_with("apiVersion: autoscaling/v2\n"), "{one}");
    let same = printed(&format!("hpa/php-apache --at 5m -o yaml {SCENARIO}"));
    assert_eq!(one, same);
    let list = printed(&format!("hpa {SCENARIO} --at 5m -o json"));
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"][0]["metadata"]["name"], "php-apache");
    let names = printed(&format!("deploy -A {SCENARIO} -o name"));
    assert_eq!(names, "deployment.apps/php-apache\n");
    // Without --at it is the end.
    let end = printed(&format!("hpa {SCENARIO} -o json"));
    assert_ne!(end, printed(&format!("hpa {SCENARIO} -o json --at 5m")));
}

#[test]
fn what_is_replaced_shows() {
    let least = "HorizontalPodAutoscaler/php-apache:spec.minReplicas=3";
    let row = printed(&format!(
        "hpa {SCENARIO} --set {least} --seed 7 --no-headers"
    ));
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..2], ["php-apache", "Deployment/php-apache"], "{row}");
    assert_eq!(cells[4..6], ["3", "10"], "{row}");
}

#[test]
fn a_watch_prints_every_change_to_the_end() {
    let rows = printed(&format!("hpa {SCENARIO} -w --set simulation.duration=6m"));
    insta::assert_snapshot!("watch", rows);
    let pods = printed(&format!(
        "pods {SCENARIO} -w --at 2m --set simulation.duration=4m"
    ));
    assert_eq!(pods.matches("NAME").count(), 1);
    for status in ["Pending", "ContainerCreating", "Running"] {
        assert!(pods.contains(status), "{pods}");
    }
    let documents = printed(&format!(
        "hpa {SCENARIO} -w -o yaml --set simulation.duration=2m"
    ));
    assert!(documents.contains("\n---\napiVersion: autoscaling/v2\n"));
}

#[test]
fn events_are_those_of_the_last_hour() {
    let rows = printed(&format!("events {SCENARIO} --at 3m"));
    let head = rows.lines().next().unwrap_or_default();
    let head: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(
        head,
        ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    );
    assert!(
        rows.contains("horizontalpodautoscaler/php-apache")
            && rows.contains("SuccessfulRescale")
            && rows.contains("New size: "),
        "{rows}"
    );
    let watched = printed(&format!(
        "events {SCENARIO} -w --set simulation.duration=3m"
    ));
    assert!(watched.contains("SuccessfulRescale"), "{watched}");
}

#[test]
fn wrong_usage_is_told_with_what_would_be_right() {
    let (code, said) = told(&format!("hpaa {SCENARIO}"));
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: the server doesn't have a resource type \"hpaa\"; did you mean `hpa`?\n"
    );
    let (code, said) = told(&format!("secrets {SCENARIO}"));
    assert_eq!(code, Some(2));
    assert!(said.contains("no objects of kind Secret"), "{said}");
    let (code, said) = told(&format!("deploy php-apche {SCENARIO}"));
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "Error from server (NotFound): deployments.apps \"php-apche\" not found\n\
         Did you mean `php-apache`?\n"
    );
    let (code, said) = told(&format!("hpa {SCENARIO} --at 90h"));
    assert_eq!(code, Some(2));
    assert!(said.contains("--at 90h0m0s is not within"), "{said}");
    let (code, said) = told("hpa");
    assert_eq!(code, Some(2));
    assert!(said.contains("write a kind"), "{said}");
}

#[test]
fn where_there_is_nothing_kubectls_words_say_so() {
    let (code, said) = told(&format!("sts {SCENARIO}"));
    assert_eq!(code, Some(0));
    assert_eq!(said, "No resources found in default namespace.\n");
    let (code, said) = told(&format!("hpa {SCENARIO} -n shop"));
    assert_eq!(code, Some(0));
    assert_eq!(
        said,
        "No resources found in shop namespace.\nThere are some in: default\n"
    );
}

#[test]
fn sidecars_are_ready_with_their_pods() {
    let case = "tests/cases/inputs/sidecar-requests/scenario.toml";
    let pods = printed(&format!("pods --at 10m {case}"));
    let ready: Vec<&str> = (pods.lines().skip(1))
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert!(!ready.is_empty());
    assert!(ready.iter().all(|one| *one == "2/2"), "{pods}");
    // Until the containers run, the sidecar is waited for.
    let starting = printed(&format!(
        "pods --at 100ms {case} --set simulation.from=apply"
    ));
    assert!(starting.contains("Init:0/1"), "{starting}");
}

#[test]
fn the_cluster_autoscaler_writes_its_status() {
    let nodes = "scenarios/nodes-day.toml -n kube-system";
    let table = printed(&format!("cm {nodes} --at 2m"));
    let rows: Vec<&str> = table.lines().map(str::trim_end).collect();
    assert_eq!(
        rows,
        [
            "NAME                        DATA   AGE",
            "cluster-autoscaler-status   1      2m"
        ]
    );
    let yaml = |at: &str| {
        printed(&format!(
            "cm cluster-autoscaler-status {nodes} --at {at} -o yaml"
        ))
    };
    // It is there from the start; what it says comes with the first loop.
    assert!(yaml("5s").contains("  autoscalerStatus: Initializing\n"));
    assert!(yaml("11s").contains("    autoscalerStatus: Running\n"));
    insta::assert_snapshot!("status", yaml("13h"));
    // The last two nodes to go are told of, and when the state changed.
    let evening = yaml("19h30m");
    assert!(
        evening.contains("      status: CandidatesPresent\n"),
        "{evening}"
    );
    let watched = printed(&format!("cm {nodes} -w --no-headers -o name"));
    assert!(watched.lines().count() > 8000, "a line for each loop");
}

#[test]
fn node_claims_pools_and_classes_are_printed_by_their_own_columns() {
    const DAY: &str = "scenarios/karpenter-day.toml";
    let words = |arguments: &str| -> Vec<Vec<String>> {
        let text = printed(&format!("{arguments} {DAY} --at 10h"));
        let row = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        text.lines().map(row).collect()
    };
    let claims = words("nodeclaims");
    assert_eq!(
        claims[0],
        ["NAME", "TYPE", "CAPACITY", "ZONE", "NODE", "READY", "AGE"]
    );
    let nodes = words("nodes -o name").len();
    let ready = claims.iter().filter(|row| row.contains(&"True".to_owned()));
    assert!(ready.count() > 0 && claims.len() > 1, "{claims:?}");
    assert!(nodes >= claims.len() - 1, "{claims:?}");
    let pools = words("nodepools");
    assert_eq!(pools[0], ["NAME", "NODECLASS", "NODES", "READY", "AGE"]);
    let of_pools: usize = pools[1..]
        .iter()
        .map(|row| row[2].parse::<usize>().unwrap_or(0))
        .sum();
    assert_eq!(of_pools, claims.len() - 1, "{pools:?}");
    assert_eq!(words("ec2nodeclasses")[0], ["NAME", "READY", "AGE"]);
    let yaml = printed(&format!("nodeclaims {DAY} --at 10h -o yaml"));
    assert!(
        yaml.contains("nodeClassRef:") && yaml.contains("type: Registered"),
        "{yaml}"
    );
}
