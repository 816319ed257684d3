//! Loads that commands start: `kubectl run` of the walk-throughs, and pods that `apply` brings.

use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: php-apache}
spec:
  selector: {matchLabels: {run: php-apache}}
  template:
    metadata: {labels: {run: php-apache}}
    spec: {containers: [{name: php-apache, image: 'hpa-example:1', resources: {limits: {cpu: 500m}, requests: {cpu: 200m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: php-apache}
spec: {selector: {run: php-apache}, ports: [{port: 80}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: php-apache}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: php-apache}
  minReplicas: 1
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
";

fn scenario(actions: &[(&str, &str)]) -> Result<(Scenario, String), String> {
    let mut toml = r#"
name = "run"
manifests = "all.yaml"
[simulation]
duration = "20m"
[[node_group]]
count = 2
cpu = 8
memory = "16Gi"
[[service]]
workload = "Deployment/php-apache"
request.cpu = "60ms"
"#
    .to_owned();
    toml.extend(actions.iter().map(|(at, command)| {
        format!("[[action]]\nat = \"{at}\"\nkubectl = '''\n{command}\n'''\n")
    }));
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", WEB)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.map_err(|problems| problems.render(false))?;
    Ok((built.scenario, built.warnings.render(false)))
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    cluster
        .step_until(SimTime::from_secs(seconds))
        .expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

const GENERATOR: &str = "kubectl run -i --tty load-generator --rm --image=busybox:1.28 --restart=Never -- /bin/sh -c \"while sleep 0.01; do wget -q -O- http://php-apache; done\"";

#[test]
fn the_walk_through_of_the_hpa() {
    let delete = ("10m", "kubectl delete pod load-generator");
    let (scenario, warnings) = scenario(&[("2m", GENERATOR), delete]).expect("a scenario");
    assert_eq!(warnings, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 119);
    let none = cluster
        .kubectl("kubectl get pods load-generator")
        .expect("a command");
    assert_eq!(
        none,
        ["Error from server (NotFound): pods \"load-generator\" not found"]
    );
    run_until(&mut cluster, 599);
    let pods = cluster
        .kubectl("kubectl get pods load-generator --no-headers")
        .expect("a pod");
    assert!(pods[0].contains("1/1   Running"), "{pods:?}");
    let replicas = |cluster: &mut Simulation<'_>| -> i32 {
        let path = "kubectl get deploy php-apache -o jsonpath={.spec.replicas}";
        cluster.kubectl(path).expect("it is there")[0]
            .parse()
            .expect("a number")
    };
    assert!(replicas(&mut cluster) > 1, "it has scaled up");
    run_until(&mut cluster, 640);
    let recording = cluster.finish().expect("the run ends").recording;
    let [load] = &recording.loads[..] else {
        panic!("one load")
    };
    assert_eq!(load.name, "load-generator");
    let ended = load.ended.expect("with its pod").as_secs_f64();
    // A shell that is process 1 ignores SIGTERM.
    assert!((630.0..633.0).contains(&ended), "{ended}");
    assert!(load.sent > 1000);
    let prompt = "If you don't see a command prompt, try pressing enter.";
    let mut actions = recording.actions.iter();
    let run = actions.find(|one| one.command.starts_with("kubectl run "));
    let printed = &run.expect("it was typed").printed;
    let deleted = "pod \"load-generator\" deleted from default namespace";
    let failed = "pod default/load-generator terminated (Error)";
    assert_eq!(*printed, [prompt, deleted, failed]);
}

#[test]
fn a_pod_that_ends_is_removed_by_the_command_that_stays_with_it() {
    let run = |flags: &str, script: &str| {
        format!("kubectl run once {flags} --image=busybox --restart=Never -- sh -c \"{script}\"")
    };
    let ask = "for i in 1 2 3; do wget -q -O- http://php-apache; sleep 1; done";
    let (well, badly) = (run("-i --rm", ask), run("--attach", "sleep 5; exit 3"));
    let commands = [("1m", well.as_str()), ("5m", badly.as_str())];
    let (scenario, warnings) = scenario(&commands).expect("a scenario");
    assert_eq!(warnings, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 290);
    let pods = cluster.kubectl("kubectl get pods once").expect("a command");
    assert_eq!(
        pods,
        ["Error from server (NotFound): pods \"once\" not found"]
    );
    run_until(&mut cluster, 400);
    let recording = cluster.finish().expect("the run ends").recording;
    assert_eq!(recording.loads[0].sent, 3, "the other one asks nobody");
    let actions = &recording.actions;
    assert_eq!(
        actions[0].printed,
        ["pod \"once\" deleted from default namespace"]
    );
    let failed = actions
        .iter()
        .find(|one| one.command == badly)
        .expect("it was typed");
    assert_eq!(failed.printed, ["pod default/once terminated (Error)"]);
}

#[test]
fn what_is_not_simulated_of_such_a_pod_is_told() {
    let other = GENERATOR.replace("php-apache", "elsewhere");
    let (_, warnings) = scenario(&[("1m", &other)]).expect("a scenario");
    assert!(
        warnings.contains("the requests of Pod load-generator are not simulated"),
        "{warnings}"
    );
    assert!(
        warnings.contains("no service answers under the host `elsewhere`"),
        "{warnings}"
    );
    for (flags, words) in [
        ("--rm", "--rm should only be used for attached containers"),
        (
            "-t",
            "-i/--stdin is required for containers with -t/--tty=true",
        ),
        (
            "-i --dry-run=client",
            "can't be used with attached containers options",
        ),
    ] {
        let command = format!("kubectl run a --image=b {flags}");
        let problems = scenario(&[("1m", &command)]).expect_err("refused");
        assert!(problems.contains(words), "{problems}");
    }
}
