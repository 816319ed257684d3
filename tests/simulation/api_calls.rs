//! What clients ask of the API server about single pods: evictions, preconditions, conditions of
//! readiness gates.

use nlsim::api::Pod;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFESTS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec:
  containers: [{name: main, image: "one:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: kept, labels: {app: kept}}
spec:
  containers: [{name: main, image: "kept:1"}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: kept}
spec: {minAvailable: 1, selector: {matchLabels: {app: kept}}}
---
apiVersion: v1
kind: Pod
metadata: {name: gated, labels: {app: gated}}
spec:
  readinessGates: [{conditionType: example.com/one}, {conditionType: example.com/two}]
  containers: [{name: main, image: "gated:1"}]
"#;

const EVICTION: &str = "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": \
    {\"name\": \"one\", \"namespace\": \"default\"}}";

fn scenario(more: &str) -> Scenario {
    let toml = format!(
        "name = \"calls\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"1h\"\n[[node_group]]\n\
         name = \"n\"\ncount = 1\ncpu = 4\nmemory = \"8Gi\"\n{more}"
    );
    let files = InMemory::new([
        ("s.toml", toml.as_str()),
        ("all.yaml", MANIFESTS),
        ("evict.json", EVICTION),
    ]);
    let loaded = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = loaded.unwrap_or_else(|all| panic!("{}", all.render(false)));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn typed(cluster: &mut Simulation<'_>, text: &str) -> String {
    cluster.kubectl(text).expect("a command line").join("\n")
}

fn find<'a>(cluster: &'a Simulation<'_>, name: &str) -> Option<&'a Pod> {
    let mut pods = cluster.store().pods().map(|(_, pod)| pod);
    pods.find(|pod| pod.name() == name && !pod.removed)
}

fn evict(pod: &str, options: &str) -> String {
    format!(
        "kubectl create --raw /api/v1/namespaces/default/pods/{pod}/eviction -f - <<EOF\n\
         {{apiVersion: policy/v1, kind: Eviction, deleteOptions: {options}}}\nEOF"
    )
}

#[test]
fn a_dry_run_of_an_eviction_answers_and_does_nothing() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let granted = typed(&mut cluster, &evict("one", "{dryRun: [All]}"));
    assert!(granted.contains("\"status\":\"Success\""), "{granted}");
    let refused = typed(&mut cluster, &evict("kept", "{dryRun: [All]}"));
    let words = "Cannot evict pod as it would violate the pod's disruption budget.";
    assert!(refused.contains(words), "{refused}");
    run_until(&mut cluster, 60);
    assert!(find(&cluster, "one").is_some_and(|pod| pod.evicted.is_none()));
    typed(&mut cluster, &evict("one", "{}"));
    run_until(&mut cluster, 120);
    assert!(find(&cluster, "one").is_none());
}

#[test]
fn an_eviction_may_stand_in_a_file() {
    let path = "/api/v1/namespaces/default/pods/one/eviction";
    let action = format!(
        "[[action]]\nat = \"60s\"\nkubectl = \"kubectl create --raw {path} -f evict.json\"\n"
    );
    let scenario = scenario(&action);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 59);
    assert!(find(&cluster, "one").is_some());
    run_until(&mut cluster, 120);
    assert!(find(&cluster, "one").is_none());
    assert!(find(&cluster, "kept").is_some());
}

#[test]
fn preconditions_keep_what_is_meant_from_being_mistaken() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let get = |cluster: &mut Simulation<'_>, field: &str| {
        let command = format!("kubectl get pod one -o jsonpath='{{.metadata.{field}}}'");
        typed(cluster, &command)
    };
    let (uid, version) = (
        get(&mut cluster, "uid"),
        get(&mut cluster, "resourceVersion"),
    );
    let other = typed(&mut cluster, &evict("one", "{preconditions: {uid: other}}"));
    let words =
        format!("the UID in the precondition (other) does not match the UID in record ({uid}).");
    assert!(other.contains(&words), "{other}");
    let patch = |metadata: &str| {
        format!(
            "kubectl patch pod one -p '{{\"metadata\":{{{metadata},\"labels\":{{\"a\":\"b\"}}}}}}'"
        )
    };
    let wrong = typed(&mut cluster, &patch("\"uid\":\"other\""));
    let words =
        "The Pod \"one\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable";
    assert_eq!(wrong, words);
    let wrong = typed(&mut cluster, &patch("\"resourceVersion\":\"1\""));
    assert!(
        wrong.starts_with(
            "Error from server (Conflict): Operation cannot be fulfilled on pods \"one\""
        ),
        "{wrong}"
    );
    assert!(find(&cluster, "one").is_some_and(|pod| !pod.meta.labels.contains_key("a")));
    let right = format!("\"uid\":\"{uid}\",\"resourceVersion\":\"{version}\"");
    assert_eq!(typed(&mut cluster, &patch(&right)), "pod/one patched");
    assert!(find(&cluster, "one").is_some_and(|pod| pod.meta.labels.contains_key("a")));
    let asked = format!("{{preconditions: {{uid: {uid}}}}}");
    let granted = typed(&mut cluster, &evict("one", &asked));
    assert!(granted.contains("\"status\":\"Success\""), "{granted}");
}

/// A patch that sets the condition of a readiness gate.
fn set_condition(kind: &str, status: &str) -> String {
    format!(
        "kubectl patch pod gated --subresource=status -p '{{\"status\":{{\"conditions\":[{{\"type\":\"{kind}\",\
         \"status\":\"{status}\"}}]}}}}'"
    )
}

#[test]
fn readiness_gates_open_and_close_with_their_conditions() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let ready = |cluster: &Simulation<'_>| find(cluster, "gated").is_some_and(Pod::is_ready);
    let message =
        "kubectl get pod gated -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].message}'";
    assert!(!ready(&cluster));
    let patched = typed(&mut cluster, &set_condition("example.com/one", "True"));
    assert_eq!(patched, "pod/gated patched");
    assert!(!ready(&cluster), "one of two");
    let told = typed(&mut cluster, message);
    assert_eq!(
        told,
        "corresponding condition of pod readiness gate \"example.com/two\" does not exist."
    );
    typed(&mut cluster, &set_condition("example.com/two", "True"));
    assert!(ready(&cluster));
    run_until(&mut cluster, 60);
    let listed = typed(&mut cluster, "kubectl get pod gated -o wide --no-headers");
    assert!(
        listed.contains("1/1") && listed.ends_with("2/2"),
        "{listed}"
    );
    typed(&mut cluster, &set_condition("example.com/one", "False"));
    assert!(!ready(&cluster));
    let told = typed(&mut cluster, message);
    assert_eq!(
        told,
        "the status of pod readiness gate \"example.com/one\" is not \"True\", but False"
    );
    let containers = message
        .replace("\"Ready\"", "\"ContainersReady\"")
        .replace(".message", ".status");
    assert_eq!(typed(&mut cluster, &containers), "True");
    let refused = typed(
        &mut cluster,
        "kubectl patch pod gated --subresource=status -p '{\"status\":{\"phase\":\"Failed\"}}'",
    );
    assert!(refused.contains("only conditions can be set"), "{refused}");
    typed(&mut cluster, &set_condition("example.com/one", "True"));
    assert!(ready(&cluster));
}
