//! Deletions of pods by hand: forced ones, and grace periods that are shortened.

use nlsim::api::{Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// Two pods whose preStop hooks take 25 s, and what else the scenario says.
fn scenario(more: &str) -> Scenario {
    let manifest = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: 'app:1', lifecycle: {preStop: {sleep: {seconds: 25}}}}]
";
    let toml = format!(
        r#"
name = "deletion"
manifests = "all.yaml"
[simulation]
duration = "10m"
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
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

fn names(cluster: &Simulation<'_>) -> Vec<String> {
    let all = cluster.store().pods().filter(|(_, pod)| !pod.removed);
    all.map(|(_, pod)| pod.meta.name.to_string()).collect()
}

fn find<'a>(cluster: &'a Simulation<'_>, name: &str) -> Option<&'a Pod> {
    let mut all = cluster.store().pods();
    all.find(|(_, pod)| *pod.meta.name == *name && !pod.removed)
        .map(|(_, pod)| pod)
}

/// A pod, 30 s after the start.
fn begun(scenario: &Scenario) -> (Simulation<'_>, String) {
    let mut cluster = Simulation::new(scenario, 1);
    run_until(&mut cluster, 30);
    let name = names(&cluster).remove(0);
    (cluster, name)
}

#[test]
fn a_forced_deletion_drops_the_object_at_once() {
    let scenario = scenario("");
    let (mut cluster, name) = begun(&scenario);
    let told = typed(
        &mut cluster,
        &format!("kubectl delete pod {name} --force --grace-period=0"),
    );
    assert!(told.starts_with("Warning: Immediate deletion"), "{told}");
    assert!(find(&cluster, &name).is_none());
    cluster.store().audit().expect("the books balance");
    let killing = cluster.recording().events.iter();
    let killing = killing.filter(|event| event.reason == "Killing");
    let texts: Vec<_> = killing.map(|event| event.message.to_string()).collect();
    assert_eq!(texts, ["Stopping container app"]);
    // Its ReplicaSet makes another.
    run_until(&mut cluster, 60);
    let all = names(&cluster);
    assert!(all.len() == 2 && !all.contains(&name), "{all:?}");
}

#[test]
fn a_pod_that_is_being_deleted_can_be_forced_to_go() {
    let scenario = scenario("");
    let (mut cluster, name) = begun(&scenario);
    typed(&mut cluster, &format!("kubectl delete pod {name}"));
    run_until(&mut cluster, 35);
    assert!(find(&cluster, &name).is_some_and(Pod::is_deleting));
    typed(&mut cluster, &format!("kubectl delete pod {name} --force"));
    assert!(find(&cluster, &name).is_none());
    run_until(&mut cluster, 120);
    assert_eq!(names(&cluster).len(), 2);
}

#[test]
fn a_grace_period_can_be_shortened_only() {
    let shown = |cluster: &mut Simulation<'_>, name: &str| {
        let path = "{.metadata.deletionGracePeriodSeconds} {.spec.terminationGracePeriodSeconds}";
        typed(
            cluster,
            &format!("kubectl get pod {name} -o jsonpath='{path}'"),
        )
    };
    // How long after 30 s the containers have ended; one more command at 33 s.
    let ends = |command: Option<&str>, expected: &str| {
        let scenario = scenario("");
        let (mut cluster, name) = begun(&scenario);
        typed(&mut cluster, &format!("kubectl delete pod {name}"));
        run_until(&mut cluster, 33);
        if let Some(flags) = command {
            typed(&mut cluster, &format!("kubectl delete pod {name} {flags}"));
        }
        assert_eq!(shown(&mut cluster, &name), expected);
        let runs = |cluster: &Simulation<'_>| {
            find(cluster, &name).is_some_and(|pod| pod.phase == PodPhase::Running)
        };
        (33..120)
            .find(|second| {
                run_until(&mut cluster, *second);
                !runs(&cluster)
            })
            .expect("it ends")
    };
    let own = ends(None, "30 30");
    assert!((55..=57).contains(&own), "{own}");
    assert_eq!(ends(Some("--grace-period=40"), "30 30"), own);
    // The hook runs anew, for the whole of the shorter period, and SIGTERM follows it.
    let short = ends(Some("--grace-period=5"), "5 30");
    assert!((38..=40).contains(&short), "{short}");
    let shortest = ends(Some("--now"), "1 30");
    assert!((34..=36).contains(&shortest), "{shortest}");
}

#[test]
fn a_pod_whose_kubelet_is_silent_goes_when_it_is_forced_to() {
    let scenario = scenario(
        r#"
[[fault]]
at = "40s"
kubelet = "n-1"
"#,
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let on_it = cluster.store().pods().find(|(_, pod)| {
        let node = pod.node.and_then(|node| cluster.store().find_node(node));
        node.is_some_and(|node| node.name() == "n-1")
    });
    let name = on_it.expect("one is there").1.meta.name.to_string();
    typed(&mut cluster, &format!("kubectl delete pod {name}"));
    run_until(&mut cluster, 200);
    assert!(find(&cluster, &name).is_some_and(Pod::is_deleting));
    typed(&mut cluster, &format!("kubectl delete pod {name} --force"));
    assert!(find(&cluster, &name).is_none());
    run_until(&mut cluster, 300);
    assert_eq!(names(&cluster).len(), 2);
}
