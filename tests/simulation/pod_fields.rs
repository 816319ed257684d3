//! Fields of pods that nobody owns: `nodeName`, `activeDeadlineSeconds`, and images that are
//! changed.

use nlsim::api::{Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// Bare pods on two nodes of one core, and what else the scenario says.
fn scenario(pods: &str, more: &str) -> Scenario {
    let toml = format!(
        r#"
name = "fields"
manifests = "all.yaml"
[simulation]
duration = "1h"
from = "apply"
[controllers]
kubelet.restart-jitter = 0
[[node_group]]
name = "n"
count = 2
cpu = 1
memory = "8Gi"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", pods)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(built.warnings.list, []);
    built.scenario
}

fn pod(name: &str, spec: &str, container: &str) -> String {
    format!(
        "
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  containers: [{{name: app, image: 'app:1'{container}}}]
{spec}
"
    )
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
    let mut all = cluster.store().pods();
    all.find(|(_, pod)| *pod.meta.name == *name && !pod.removed)
        .map(|(_, pod)| pod)
}

/// `status.reason`.
fn reason<'a>(cluster: &'a Simulation<'_>, name: &str) -> Option<&'a str> {
    let failure = find(cluster, name)?.failure.as_ref();
    failure.map(|why| &*why.0)
}

/// What was told of a pod: when and the message.
fn told(cluster: &Simulation<'_>, name: &str, reason: &str) -> Vec<(f64, String)> {
    let object = format!("Pod/{name}");
    let events = cluster.recording().events.iter();
    let of_pod = events.filter(|event| event.object == object && event.reason == reason);
    of_pod
        .map(|event| (event.time.as_secs_f64(), event.message.to_string()))
        .collect()
}

/// READY, STATUS and RESTARTS of a pod, and its node.
fn row(cluster: &mut Simulation<'_>, name: &str) -> [String; 4] {
    let table = typed(
        cluster,
        &format!("kubectl get pod {name} -o wide --no-headers"),
    );
    let words: Vec<&str> = table.split_whitespace().collect();
    let node = words.iter().find(|word| word.starts_with("n-"));
    [
        words[1].to_owned(),
        words[2].to_owned(),
        words[3].to_owned(),
        node.unwrap_or(&"").to_string(),
    ]
}

#[test]
fn a_named_node_takes_what_it_has_of_other_resources() {
    let asks = |of: &str, much: i32| format!(", resources: {{limits: {{{of}: {much}}}}}");
    let on = |name: &str, of: &str, much| pod(name, "  nodeName: n-2", &asks(of, much));
    let pods = [
        on("a", "nvidia.com/gpu", 3),
        on("b", "nvidia.com/gpu", 2),
        // What a node knows nothing of is not the kubelet's to judge.
        on("c", "example.com/unknown", 7),
        on("d", "nvidia.com/gpu", 1),
    ];
    let scenario = scenario(
        &pods.concat(),
        "extended_resources = { \"nvidia.com/gpu\" = 4 }",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    for name in ["a", "c", "d"] {
        assert_eq!(row(&mut cluster, name)[1], "Running", "{name}");
    }
    assert_eq!(row(&mut cluster, "b")[1], "OutOfnvidia.com/gpu");
    let words =
        "Node didn't have enough resource: nvidia.com/gpu, requested: 2, used: 3, capacity: 4";
    assert_eq!(told(&cluster, "b", "OutOfnvidia.com/gpu")[0].1, words);
}

#[test]
fn a_named_node_takes_what_fits() {
    let requests = |cpu: &str| format!(", resources: {{requests: {{cpu: {cpu}}}}}");
    let on = |name: &str, cpu: &str| pod(name, "  nodeName: n-2", &requests(cpu));
    let pods = [
        on("a", "600m"),
        on("b", "500m"),
        pod("c", "  nodeName: n-2\n  nodeSelector: {disk: ssd}", ""),
        pod("d", "  nodeName: nowhere", ""),
        pod(
            "e",
            "  nodeName: n-2",
            ", ports: [{containerPort: 80, hostPort: 80}]",
        ),
        pod(
            "f",
            "  nodeName: n-2",
            ", ports: [{containerPort: 80, hostPort: 80}]",
        ),
    ];
    let scenario = scenario(&pods.concat(), "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    assert_eq!(row(&mut cluster, "a"), ["1/1", "Running", "0", "n-2"]);
    assert!(told(&cluster, "a", "Scheduled").is_empty(), "no scheduler");
    assert_eq!(row(&mut cluster, "b"), ["0/1", "OutOfcpu", "0", "n-2"]);
    let refused = told(&cluster, "b", "OutOfcpu");
    let node = cluster.store().nodes().next().expect("it is there").1;
    let capacity = node.allocatable.cpu.0;
    let words = format!(
        "Node didn't have enough resource: cpu, requested: 500, used: 600, capacity: {capacity}"
    );
    assert_eq!(refused[0].1, words);
    let failure = find(&cluster, "b").and_then(|pod| pod.failure.clone());
    let failure = failure.expect("it was refused");
    assert_eq!(failure.1, format!("Pod was rejected: {words}"));
    assert_eq!(row(&mut cluster, "c")[1], "NodeAffinity");
    assert_eq!(row(&mut cluster, "e")[1], "Running");
    assert_eq!(row(&mut cluster, "f")[1], "NodePorts");
    assert_eq!(row(&mut cluster, "d"), ["0/1", "Pending", "0", ""]);
    assert!(told(&cluster, "d", "FailedScheduling").is_empty());
    run_until(&mut cluster, 61);
    assert!(
        find(&cluster, "d").is_none(),
        "the garbage collector takes it"
    );
    // Room that was freed is no help to one that has failed; a new one is taken.
    typed(&mut cluster, "kubectl delete pod a --force");
    typed(&mut cluster, "kubectl delete pod b");
    run_until(&mut cluster, 100);
    assert!(find(&cluster, "b").is_none());
}

#[test]
fn a_pod_whose_time_is_over_has_failed() {
    let pods = [
        pod(
            "short",
            "  activeDeadlineSeconds: 20\n  terminationGracePeriodSeconds: 5",
            ", lifecycle: {preStop: {sleep: {seconds: 5}}}",
        ),
        pod("long", "  activeDeadlineSeconds: 1000", ""),
        pod("none", "", ""),
    ];
    let scenario = scenario(&pods.concat(), "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 19);
    assert_eq!(row(&mut cluster, "short")[1], "Running");
    run_until(&mut cluster, 22);
    let exceeded = told(&cluster, "short", "DeadlineExceeded");
    assert!((19.0..=21.0).contains(&exceeded[0].0), "{exceeded:?}");
    let words = "Pod was active on the node longer than the specified deadline";
    assert_eq!(exceeded[0].1, words);
    // It has not failed before its containers have ended.
    assert_eq!(
        find(&cluster, "short").map(|pod| pod.phase),
        Some(PodPhase::Running)
    );
    run_until(&mut cluster, 40);
    // Its containers ended well, which the table shows.
    assert_eq!(row(&mut cluster, "short")[1], "Completed");
    assert_eq!(reason(&cluster, "short"), Some("DeadlineExceeded"));
    let failed = find(&cluster, "short").expect("its object stays");
    assert_eq!((failed.phase, failed.disrupted), (PodPhase::Failed, None));
    // A deadline can be set and made shorter.
    let patch = |name: &str, seconds: i64| {
        format!(
            "kubectl patch pod {name} -p '{{\"spec\":{{\"activeDeadlineSeconds\":{seconds}}}}}'"
        )
    };
    let longer = typed(&mut cluster, &patch("long", 2000));
    assert!(longer.ends_with(
        "spec.activeDeadlineSeconds: Invalid value: 2000: must be less than or equal to previous value"
    ), "{longer}");
    typed(&mut cluster, &patch("long", 60));
    typed(&mut cluster, &patch("none", 30));
    run_until(&mut cluster, 45);
    assert_eq!(reason(&cluster, "none"), Some("DeadlineExceeded"));
    assert_eq!(row(&mut cluster, "long")[1], "Running");
    run_until(&mut cluster, 65);
    assert_eq!(reason(&cluster, "long"), Some("DeadlineExceeded"));
}

#[test]
fn another_image_starts_the_container_again() {
    for policy in ["Always", "Never"] {
        let pods = pod("web", &format!("  restartPolicy: {policy}"), "");
        let service = "[[service]]\nworkload = \"Pod/web\"\nstartup = { image_pull = \"10s\", container_start = \"1s\", ready = \"0s\" }\n";
        let scenario = scenario(&pods, service);
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 30);
        let before = row(&mut cluster, "web");
        assert_eq!(before[..3], ["1/1", "Running", "0"]);
        let said = typed(&mut cluster, "kubectl set image pod/web app=app:2");
        assert_eq!(said, "pod/web image updated");
        let killed = told(&cluster, "web", "Killing");
        let words = "Container app definition changed, will be restarted";
        assert_eq!(killed, [(30.0, words.to_owned())]);
        run_until(&mut cluster, 35);
        assert_eq!(row(&mut cluster, "web")[0], "0/1", "it pulls");
        run_until(&mut cluster, 60);
        assert_eq!(row(&mut cluster, "web")[..3], ["1/1", "Running", "1"]);
        let pulls = told(&cluster, "web", "Pulling");
        assert_eq!(pulls.len(), 2);
        assert_eq!(pulls[1].1, "Pulling image \"app:2\"");
        let starts = told(&cluster, "web", "Started");
        assert!(
            (10.0..=11.0).contains(&(starts[1].0 - pulls[1].0)),
            "{starts:?} {pulls:?}"
        );
        let path = "{.status.containerStatuses[0].image}";
        let shown = typed(
            &mut cluster,
            &format!("kubectl get pod web -o jsonpath='{path}'"),
        );
        assert_eq!(shown, "app:2");
        // What has been pulled need not be pulled again.
        typed(&mut cluster, "kubectl set image pod/web app=app:1");
        run_until(&mut cluster, 64);
        assert_eq!(row(&mut cluster, "web")[..3], ["1/1", "Running", "2"]);
    }
}

#[test]
fn an_image_that_is_not_there_keeps_the_container_down_until_another_is_set() {
    let fault = "[[fault]]\nat = \"1s\"\nno_image = \"app:bad\"\n";
    let scenario = scenario(&pod("web", "", ""), fault);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    typed(&mut cluster, "kubectl set image pod/web app=app:bad");
    run_until(&mut cluster, 120);
    let shown = row(&mut cluster, "web");
    assert_eq!(shown[0], "0/1");
    assert!(
        ["ImagePullBackOff", "ErrImagePull"].contains(&&*shown[1]),
        "{shown:?}"
    );
    typed(&mut cluster, "kubectl set image pod/web app=app:1");
    run_until(&mut cluster, 130);
    assert_eq!(row(&mut cluster, "web")[..2], ["1/1", "Running"]);
}

#[test]
fn all_containers_of_other_images_are_down_before_the_first_starts() {
    let two = "
apiVersion: v1
kind: Pod
metadata: {name: two}
spec:
  containers: [{name: a, image: 'a:1'}, {name: b, image: 'b:1'}]
";
    let service = "[[service]]\nworkload = \"Pod/two\"\nstartup = { image_pull = \"10s\", container_start = \"1s\", ready = \"0s\" }\n";
    let scenario = scenario(two, service);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    typed(&mut cluster, "kubectl set image pod/two a=a:2 b=b:2");
    run_until(&mut cluster, 38);
    assert_eq!(
        row(&mut cluster, "two")[0],
        "0/2",
        "the first image is pulled"
    );
    run_until(&mut cluster, 60);
    assert_eq!(row(&mut cluster, "two")[..3], ["2/2", "Running", "2"]);
    let kills: Vec<f64> = told(&cluster, "two", "Killing")
        .iter()
        .map(|one| one.0)
        .collect();
    assert!(
        kills.len() == 2 && kills.iter().all(|at| *at < 35.0),
        "{kills:?}"
    );
}
