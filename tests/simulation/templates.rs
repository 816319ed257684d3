//! What makes a revision of a workload: any change of its pod template.

use nlsim::api::{Kind, ObjectId, Store};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const WORKLOADS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "web:1"
          env: [{name: MODE, value: fast}]
          ports: [{containerPort: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "db:1"}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: agent, image: "agent:1"}]
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: plain}
spec:
  replicas: 1
  selector: {matchLabels: {app: plain}}
  template:
    metadata: {labels: {app: plain}}
    spec:
      containers: [{name: plain, image: "plain:1"}]
"#;

fn scenario(actions: &str) -> Scenario {
    let toml = format!(
        r#"
name = "templates"
manifests = ["all.yaml"]
[simulation]
duration = "1h"
[[node_group]]
name = "general"
count = 2
cpu = 8
memory = "32Gi"
{actions}
"#
    );
    let web = WORKLOADS.split("---").next().expect("the Deployment");
    let with_volume = web.replace(
        "      containers:\n",
        "      volumes: [{name: tmp, emptyDir: {}}]\n      containers:\n",
    );
    let files = InMemory::new([
        ("templates.toml", &*toml),
        ("all.yaml", WORKLOADS),
        ("web.yaml", web),
        ("volume.yaml", &with_volume),
    ]);
    let loaded = Loaded::load("templates.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn typed(cluster: &mut Simulation<'_>, command: &str) -> Vec<String> {
    cluster.kubectl(command).expect("a command line")
}

/// Name, revision and size of the ReplicaSets of the Deployment, by name.
fn sets(store: &Store) -> Vec<(String, i64, i32)> {
    let owned = store
        .replica_sets()
        .filter(|(_, set)| set.meta.owner.is_some());
    let mut sets: Vec<_> = owned
        .map(|(_, set)| {
            let revision = set.rollout.revision.unwrap_or(0);
            (set.meta.name.to_string(), revision, set.replicas)
        })
        .collect();
    sets.sort();
    sets
}

/// Revision numbers of the Deployment's sets that have pods.
fn current(store: &Store) -> Vec<(i64, i32)> {
    let sets = sets(store).into_iter();
    let sized = sets.filter(|(.., size)| *size > 0);
    sized.map(|(_, revision, size)| (revision, size)).collect()
}

#[test]
fn a_variable_makes_a_revision_and_its_end_brings_the_old_one_back() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let before = sets(cluster.store());
    let lines = typed(&mut cluster, "kubectl set env deployment/web LEVEL=debug");
    assert_eq!(lines, ["deployment.apps/web env updated"]);
    run_until(&mut cluster, 100);
    assert_eq!(current(cluster.store()), [(2, 2)]);
    let lines = typed(&mut cluster, "kubectl set env deployment/web LEVEL-");
    assert_eq!(lines, ["deployment.apps/web env updated"]);
    run_until(&mut cluster, 200);
    let after = sets(cluster.store());
    assert_eq!(after.len(), 2, "{after:?}");
    assert_eq!(current(cluster.store()), [(3, 2)]);
    let sized: Vec<_> = after.iter().filter(|(.., size)| *size > 0).collect();
    assert_eq!(sized[0].0, before[0].0, "the first one again");
    // It is there already.
    let lines = typed(&mut cluster, "kubectl set env deployment/web MODE=fast");
    assert_eq!(lines, [""; 0]);
}

#[test]
fn every_field_counts_and_a_default_that_is_written_out_does_not() {
    let changes = [
        "--type=json -p '[{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/args\",\"value\":[\"-v\"]}]'",
        "--type=merge -p '{\"spec\":{\"template\":{\"spec\":{\"volumes\":[{\"name\":\"tmp\",\"emptyDir\":{}}]}}}}'",
        "-p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"ports\":[{\"containerPort\":81}]}]}}}}'",
        "-p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"web\",\"livenessProbe\":{\"tcpSocket\":{\"port\":80}}}]}}}}'",
        "-p '{\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\"web\"}}}}'",
    ];
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    for (revision, change) in (2..).zip(changes) {
        let lines = typed(
            &mut cluster,
            &format!("kubectl patch deployment web {change}"),
        );
        assert_eq!(lines, ["deployment.apps/web patched"], "{change}");
        run_until(&mut cluster, 100 * revision);
        assert_eq!(current(cluster.store()), [(revision, 2)], "{change}");
    }
    let written = "kubectl patch deployment web -p '{\"spec\":{\"template\":{\"spec\":{\
        \"dnsPolicy\":\"ClusterFirst\",\"containers\":[{\"name\":\"web\",\"imagePullPolicy\":\
        \"IfNotPresent\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]}]}}}}'";
    typed(&mut cluster, written);
    run_until(&mut cluster, 900);
    assert_eq!(current(cluster.store()), [(6, 2)], "nothing new");
}

#[test]
fn a_manifest_applied_with_a_volume_rolls_out_and_without_it_back() {
    let actions = r#"
[[action]]
at = "60s"
kubectl = "kubectl apply -f volume.yaml"
[[action]]
at = "200s"
kubectl = "kubectl apply -f web.yaml"
"#;
    let scenario = scenario(actions);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 150);
    assert_eq!(current(cluster.store()), [(2, 2)]);
    let described = typed(&mut cluster, "kubectl describe deployment web").join("\n");
    assert!(described.contains("  Volumes:\n   tmp:\n"), "{described}");
    run_until(&mut cluster, 300);
    assert_eq!(current(cluster.store()), [(3, 2)]);
    assert_eq!(sets(cluster.store()).len(), 2);
    let described = typed(&mut cluster, "kubectl describe deployment web").join("\n");
    assert!(
        described.contains("  Volumes:         <none>"),
        "{described}"
    );
}

#[test]
fn history_shows_what_each_revision_said_and_an_undo_brings_it_back() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    for (at, workload) in [
        (200, "deployment/web"),
        (400, "statefulset/db"),
        (600, "daemonset/agent"),
    ] {
        typed(
            &mut cluster,
            &format!("kubectl set env {workload} LEVEL=debug"),
        );
        run_until(&mut cluster, at);
        let history = |cluster: &mut Simulation<'_>, revision: i64| {
            let command = format!("kubectl rollout history {workload} --revision={revision}");
            typed(cluster, &command).join("\n")
        };
        assert!(history(&mut cluster, 2).contains("LEVEL:"), "{workload}");
        assert!(!history(&mut cluster, 1).contains("LEVEL:"), "{workload}");
        typed(&mut cluster, &format!("kubectl rollout undo {workload}"));
        run_until(&mut cluster, at + 100);
        assert!(!history(&mut cluster, 3).contains("LEVEL:"), "{workload}");
        let listed = typed(&mut cluster, &format!("kubectl set env {workload} --list"));
        let shown = listed.join("\n");
        assert!(!shown.contains("LEVEL"), "{workload}: {shown}");
    }
    for (_, pod) in cluster.store().pods() {
        assert!(
            !pod.template.whole.to_string().contains("LEVEL"),
            "{}",
            pod.name()
        );
    }
}

#[test]
fn variables_are_listed_with_where_they_come_from() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    typed(
        &mut cluster,
        "kubectl patch deployment web --type=json -p '[{\"op\":\"add\",\"path\":\
         \"/spec/template/spec/containers/0/env/-\",\"value\":{\"name\":\"POD\",\"valueFrom\":\
         {\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}}]'",
    );
    let lines = typed(
        &mut cluster,
        "kubectl set env deployment/web LEVEL=debug --list",
    );
    let expected = [
        "# Deployment web, container web",
        "MODE=fast",
        "# POD from field path metadata.name",
        "LEVEL=debug",
    ];
    assert_eq!(lines, expected);
    run_until(&mut cluster, 100);
    let lines = typed(&mut cluster, "kubectl set env deployment/web --list");
    assert_eq!(lines, expected[..3], "nothing was changed");
}

#[test]
fn a_replica_set_makes_its_next_pods_from_a_changed_template() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let lines = typed(&mut cluster, "kubectl set env replicaset/plain LEVEL=debug");
    assert_eq!(lines, ["replicaset.apps/plain env updated"]);
    typed(&mut cluster, "kubectl scale replicaset plain --replicas=2");
    run_until(&mut cluster, 60);
    let store = cluster.store();
    let plain = store.find(Kind::ReplicaSet, "default", "plain");
    let own = store.pods().filter(|(_, pod)| pod.meta.owner == plain);
    let mut levels: Vec<bool> = own
        .map(|(_, pod)| pod.template.whole.to_string().contains("LEVEL"))
        .collect();
    levels.sort_unstable();
    assert_eq!(levels, [false, true], "only the new one has it");
    let (id, _) = store
        .pods()
        .find(|(_, pod)| pod.template.whole.to_string().contains("LEVEL"))
        .expect("a new pod");
    let lines = {
        let name = store.pod(id).expect("it is there").name().to_owned();
        let pod = ObjectId::Pod(id);
        assert!(store.meta(pod).is_some());
        typed(
            &mut cluster,
            &format!("kubectl get pod {name} -o jsonpath='{{.spec.containers[0].env[0].name}}'"),
        )
    };
    assert_eq!(lines, ["LEVEL"]);
}
