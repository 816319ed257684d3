//! Pods whose labels change: who releases them, who adopts them, and what follows the labels.

use nlsim::api::{Clock, Kind, ObjectId, Pod, PodId, What};
use nlsim::prometheus::promql::Value::Vector;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use serde_json::{Value, json};

const CONTAINERS: &str =
    "[{name: a, image: 'a:1', command: [sleep, '100000'], resources: {requests: {cpu: 10m}}}]";

fn scenario(manifest: &str, more: &str) -> Scenario {
    let manifest = manifest.replace("CONTAINERS", CONTAINERS);
    let toml = format!(
        r#"
name = "ownership"
manifests = "all.yaml"
[simulation]
duration = "1h"
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn kubectl(cluster: &mut Simulation<'_>, line: &str) -> Vec<String> {
    cluster
        .kubectl(&format!("kubectl {line}"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The pods that somebody counts, by name.
fn pods<'a>(cluster: &'a Simulation<'_>, selects: impl Fn(&Pod) -> bool) -> Vec<(PodId, &'a Pod)> {
    let all = cluster.store().pods();
    let mut such: Vec<_> = all
        .filter(|(_, pod)| pod.is_active() && !pod.removed && selects(pod))
        .collect();
    such.sort_by_key(|(_, pod)| pod.meta.name.clone());
    such
}

fn labelled<'a>(cluster: &'a Simulation<'_>, app: &str) -> Vec<(PodId, &'a Pod)> {
    pods(cluster, |pod| {
        pod.meta.labels.get("app").is_some_and(|one| one == app)
    })
}

fn object(cluster: &Simulation<'_>, scenario: &Scenario, kind: Kind, name: &str) -> Value {
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: cluster.now(),
    };
    let all = cluster.store().list(kind, None, clock);
    let found = all.into_iter().find(|one| one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{kind:?} {name} is there"))
}

fn events(cluster: &Simulation<'_>, reason: &str) -> usize {
    let events = cluster.recording().events.iter();
    events.filter(|event| event.reason == reason).count()
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: CONTAINERS
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
";

const SERVED: &str = "[[service]]\nworkload = \"Deployment/web\"\nrequest = { cpu = \"1ms\" }\n";

#[test]
fn a_replica_set_replaces_a_pod_that_it_no_longer_selects_and_takes_it_back() {
    let scenario = scenario(WEB, SERVED);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let (id, name) = {
        let (id, pod) = labelled(&cluster, "web")[0];
        (id, pod.meta.name.clone())
    };
    cluster.watch();
    let printed = kubectl(
        &mut cluster,
        &format!("label pod {name} app=debug --overwrite"),
    );
    assert_eq!(printed, [format!("pod/{name} labeled")]);
    run_until(&mut cluster, 90);
    let changes = cluster.watched();
    let heard = |what: What| {
        let mut changes = changes.iter();
        changes.any(|(_, change)| change.object == ObjectId::Pod(id) && change.what == what)
    };
    assert!(
        heard(What::EndpointRemoved),
        "the Service selects it no more"
    );
    let released = cluster.store().pod(id).expect("it goes on");
    assert!(released.is_ready() && released.orphaned && released.meta.owner.is_none());
    assert_eq!(labelled(&cluster, "web").len(), 3);
    let pod = object(&cluster, &scenario, Kind::Pod, &name);
    assert_eq!(pod["metadata"]["ownerReferences"], Value::Null);
    let status = &object(&cluster, &scenario, Kind::Deployment, "web")["status"];
    assert_eq!(
        (&status["replicas"], &status["readyReplicas"]),
        (&json!(3), &json!(3))
    );
    let hpa = &object(&cluster, &scenario, Kind::HorizontalPodAutoscaler, "web")["status"];
    assert_eq!(hpa["currentReplicas"], 3);
    assert_eq!(
        (
            events(&cluster, "SuccessfulCreate"),
            events(&cluster, "SuccessfulDelete")
        ),
        (1, 0)
    );
    // Nothing but a label leads back; the newest of four goes.
    cluster.watch();
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=web --overwrite"),
    );
    run_until(&mut cluster, 150);
    let changes = cluster.watched();
    let added = |(_, change): &(SimTime, nlsim::api::Change)| {
        change.object == ObjectId::Pod(id) && change.what == What::EndpointAdded
    };
    assert!(changes.iter().any(added));
    let all = labelled(&cluster, "web");
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|(_, pod)| pod.meta.owner.is_some()));
    assert!(all.iter().any(|(other, _)| *other == id));
    assert!(!cluster.store().has_orphans());
    assert_eq!(events(&cluster, "SuccessfulDelete"), 1);
}

fn replica_set(name: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: {name}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: CONTAINERS
---"
    )
}

#[test]
fn a_pod_goes_over_to_the_replica_set_that_its_labels_are_of() {
    let scenario = scenario(&(replica_set("blue") + &replica_set("green")), "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let name = labelled(&cluster, "blue")[0].1.meta.name.clone();
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=green --overwrite"),
    );
    run_until(&mut cluster, 90);
    for app in ["blue", "green"] {
        let all = labelled(&cluster, app);
        let set = cluster.store().find(Kind::ReplicaSet, "default", app);
        assert_eq!(all.len(), 2, "{app}");
        assert!(all.iter().all(|(_, pod)| pod.meta.owner == set), "{app}");
        let status = &object(&cluster, &scenario, Kind::ReplicaSet, app)["status"];
        assert_eq!(status["readyReplicas"], 2, "{app}");
    }
    // One more for the one, one too many for the other.
    assert_eq!(
        (
            events(&cluster, "SuccessfulCreate"),
            events(&cluster, "SuccessfulDelete")
        ),
        (1, 1)
    );
    // What nobody selects nobody deletes with its former owner.
    let name = labelled(&cluster, "blue")[0].1.meta.name.clone();
    kubectl(&mut cluster, &format!("label pod {name} app-"));
    run_until(&mut cluster, 120);
    kubectl(&mut cluster, "delete rs blue");
    run_until(&mut cluster, 240);
    assert_eq!(labelled(&cluster, "blue").len(), 0);
    let left = pods(&cluster, |pod| *pod.meta.name == *name);
    let [(_, pod)] = &left[..] else {
        panic!("it goes on")
    };
    let node = pod
        .node
        .map(|node| cluster.store().node(node).name().to_owned());
    let drain = format!("drain {}", node.expect("it runs somewhere"));
    let drained = kubectl(&mut cluster, &drain);
    let told = format!(
        "cannot delete Pods that declare no controller (use --force to override): default/{name}"
    );
    assert!(
        drained.iter().any(|line| line.contains(&told)),
        "{drained:?}"
    );
}

#[test]
fn a_stateful_set_waits_for_a_name_that_is_taken() {
    let scenario = scenario(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: CONTAINERS
",
        "",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    kubectl(&mut cluster, "label pod db-0 app=old --overwrite");
    run_until(&mut cluster, 120);
    let own = |cluster: &Simulation<'_>| labelled(cluster, "db").len();
    assert_eq!((own(&cluster), labelled(&cluster, "old").len()), (1, 1));
    let status = &object(&cluster, &scenario, Kind::StatefulSet, "db")["status"];
    assert_eq!(status["replicas"], 1);
    kubectl(&mut cluster, "delete pod db-0");
    // The failing sync is tried again after ever longer: by now every 41 s, then 82 s.
    run_until(&mut cluster, 300);
    assert_eq!((own(&cluster), labelled(&cluster, "old").len()), (2, 0));
    // One that gets its label back is taken back.
    kubectl(&mut cluster, "label pod db-1 app=old --overwrite");
    run_until(&mut cluster, 310);
    assert_eq!(own(&cluster), 1);
    kubectl(&mut cluster, "label pod db-1 app=db --overwrite");
    run_until(&mut cluster, 320);
    let all = labelled(&cluster, "db");
    assert!(all.len() == 2 && all.iter().all(|(_, pod)| pod.meta.owner.is_some()));
    assert!(!cluster.store().has_orphans());
}

#[test]
fn a_daemon_set_has_another_pod_beside_one_that_it_has_released() {
    let scenario = scenario(
        "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec:
      containers: CONTAINERS
",
        "",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let (name, node) = {
        let pod = labelled(&cluster, "logs")[0].1;
        (pod.meta.name.clone(), pod.node)
    };
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=old --overwrite"),
    );
    run_until(&mut cluster, 90);
    let on_node = |cluster: &Simulation<'_>, app: &str| {
        labelled(cluster, app)
            .iter()
            .filter(|(_, pod)| pod.node == node)
            .count()
    };
    assert_eq!(
        (on_node(&cluster, "logs"), on_node(&cluster, "old")),
        (1, 1)
    );
    let status = &object(&cluster, &scenario, Kind::DaemonSet, "logs")["status"];
    assert_eq!(status["numberReady"], 2);
    // Taken back it is one too many: the older of the two stays.
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=logs --overwrite"),
    );
    run_until(&mut cluster, 150);
    assert_eq!(
        (on_node(&cluster, "logs"), on_node(&cluster, "old")),
        (1, 0)
    );
    assert_eq!(pods(&cluster, |pod| *pod.meta.name == *name).len(), 1);
}

#[test]
fn a_budget_tells_of_pods_that_nobody_owns_and_of_owners_that_are_gone() {
    let manifest = replica_set("blue")
        .replace("labels: {app: blue}", "labels: {app: blue, tier: w}")
        + "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: tier}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {tier: w}, matchExpressions: [{key: app, operator: Exists}]}
";
    let scenario = scenario(&manifest, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let name = labelled(&cluster, "blue")[0].1.meta.name.clone();
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=old --overwrite"),
    );
    run_until(&mut cluster, 90);
    let told = |cluster: &Simulation<'_>, reason: &str| -> Vec<String> {
        let events = cluster.recording().events.iter();
        let such = events.filter(|event| event.reason == reason);
        such.map(|event| event.message.to_string()).collect()
    };
    assert_eq!(
        told(&cluster, "UnmanagedPods"),
        [
            "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{tier: w,},\
          MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:app,Operator:Exists,Values:[],},},}) \
          were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result \
          in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an \
          integer value."
        ]
    );
    assert!(told(&cluster, "CalculateExpectedPodCountFailed").is_empty());
    kubectl(&mut cluster, "delete rs blue");
    run_until(&mut cluster, 100);
    let failed = told(&cluster, "CalculateExpectedPodCountFailed");
    let start =
        "Failed to calculate the number of expected pods: found no controllers for pod \"blue-";
    assert!(
        !failed.is_empty() && failed.iter().all(|one| one.starts_with(start)),
        "{failed:?}"
    );
}

const JOB: &str = "
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  parallelism: 2
  completions: 4
  template:
    metadata: {labels: {app: work}}
    spec:
      restartPolicy: Never
      containers: CONTAINERS
";

#[test]
fn a_job_replaces_a_pod_that_it_no_longer_selects_and_takes_it_back() {
    let scenario = scenario(JOB, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let job = object(&cluster, &scenario, Kind::Job, "work");
    let uid = job["metadata"]["uid"].as_str().expect("it has one");
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    assert_eq!(job["spec"]["selector"], selector);
    let name = {
        let (_, pod) = labelled(&cluster, "work")[0];
        for key in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
            assert_eq!(pod.meta.labels.get(key).map(String::as_str), Some(uid));
        }
        pod.meta.name.clone()
    };
    let label = |value: &str| {
        format!("label pod {name} batch.kubernetes.io/controller-uid={value} --overwrite")
    };
    kubectl(&mut cluster, &label("another"));
    run_until(&mut cluster, 70);
    let released = object(&cluster, &scenario, Kind::Pod, &name);
    assert_eq!(released["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(released["status"]["phase"], "Running", "it goes on");
    assert_eq!(labelled(&cluster, "work").len(), 3);
    let active = |cluster: &Simulation<'_>| {
        object(cluster, &scenario, Kind::Job, "work")["status"]["active"].clone()
    };
    assert_eq!(active(&cluster), 2, "another one has taken its place");
    // With its label back it is one too many, and the youngest goes.
    kubectl(&mut cluster, &label(uid));
    run_until(&mut cluster, 120);
    let again = object(&cluster, &scenario, Kind::Pod, &name);
    assert_eq!(again["metadata"]["ownerReferences"][0]["name"], "work");
    let there = labelled(&cluster, "work");
    assert_eq!(there.len(), 2);
    assert!(there.iter().any(|(_, pod)| pod.meta.name == name));
    assert_eq!(
        (
            events(&cluster, "SuccessfulCreate"),
            events(&cluster, "SuccessfulDelete")
        ),
        (3, 1)
    );
}

#[test]
fn a_job_with_a_selector_of_its_own_takes_over_pods_that_fit() {
    let manual = |name: &str, parallelism: u32| {
        let job = JOB.replace("name: work}", &format!("name: {name}}}"));
        let job = job.replace("parallelism: 2", &format!("parallelism: {parallelism}"));
        job.replace(
            "  completions: 4",
            "  completions: 4\n  manualSelector: true\n  selector: {matchLabels: {app: work}}",
        )
    };
    let manifest = manual("first", 2);
    let scenario = scenario(&manifest, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let job = object(&cluster, &scenario, Kind::Job, "first");
    assert_eq!(job["spec"]["manualSelector"], true);
    assert_eq!(
        job["spec"]["selector"],
        json!({"matchLabels": {"app": "work"}})
    );
    let (_, pod) = labelled(&cluster, "work")[0];
    assert_eq!(
        pod.meta.labels.len(),
        1,
        "the API server adds none: {:?}",
        pod.meta.labels
    );
    let name = pod.meta.name.clone();
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=free --overwrite"),
    );
    run_until(&mut cluster, 70);
    assert_eq!(labelled(&cluster, "free").len(), 1);
    assert_eq!(labelled(&cluster, "work").len(), 2);
    kubectl(
        &mut cluster,
        "patch job first -p '{\"spec\": {\"parallelism\": 3}}'",
    );
    kubectl(
        &mut cluster,
        &format!("label pod {name} app=work --overwrite"),
    );
    run_until(&mut cluster, 120);
    assert_eq!(labelled(&cluster, "work").len(), 3);
    assert_eq!(events(&cluster, "SuccessfulCreate"), 3, "no fourth is made");
    let pod = object(&cluster, &scenario, Kind::Pod, &name);
    assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], "first");
}

#[test]
fn a_job_that_has_ended_lets_its_pods_be() {
    let manifest = JOB.replace("[sleep, '100000']", "[sleep, '5']");
    let manifest = manifest.replace(
        "CONTAINERS",
        &CONTAINERS.replace("[sleep, '100000']", "[sleep, '5']"),
    );
    let scenario = scenario(&manifest, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 120);
    let job = object(&cluster, &scenario, Kind::Job, "work");
    assert_eq!(job["status"]["succeeded"], 4);
    let name = {
        let mut all = cluster.store().pods();
        let (_, pod) = all.next().expect("they stay");
        pod.meta.name.clone()
    };
    let label = format!("label pod {name} batch.kubernetes.io/controller-uid=another --overwrite");
    kubectl(&mut cluster, &label);
    run_until(&mut cluster, 180);
    let pod = object(&cluster, &scenario, Kind::Pod, &name);
    assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], "work");
}

#[test]
fn a_pod_serves_the_service_that_its_labels_lead_to() {
    let api = WEB.split("---").take(2).collect::<Vec<&str>>().join("---");
    let api = api
        .replace("web", "api")
        .replace("replicas: 3", "replicas: 1");
    let more = format!(
        r#"{SERVED}
[prometheus]
scrape_interval = "5s"
queries = ['sum(up{{service!=""}}) by (service)']
[[service]]
workload = "Deployment/api"
request = {{ cpu = "1ms" }}
[[load]]
constant = {{ rate = 20 }}
service = "api"
[[action]]
at = "60s"
kubectl = "kubectl scale deployment api --replicas=0"
[[action]]
at = "120s"
kubectl = "kubectl label pod -l app=web app=api --overwrite"
[[action]]
at = "180s"
kubectl = "kubectl delete pod -l app=api --force"
[[action]]
at = "240s"
kubectl = "kubectl label pod -l app=web app=api --overwrite"
[[action]]
at = "300s"
kubectl = "kubectl label pod -l app=api app=debug --overwrite"
"#
    );
    let scenario = scenario(&format!("{WEB}---{api}"), &more);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 150);
    let all = object(&cluster, &scenario, Kind::Deployment, "web");
    assert_eq!(
        all["status"]["readyReplicas"], 3,
        "the ReplicaSet has made others"
    );
    assert_eq!(labelled(&cluster, "api").len(), 3);
    let printed = &cluster.recording().actions[1].printed;
    assert!(printed.len() == 3 && printed.is_sorted(), "{printed:?}");
    assert_eq!(labelled(&cluster, "web").len(), 3);
    // Prometheus finds pods by their Services.
    let up = |cluster: &mut Simulation<'_>| match cluster
        .query(r#"sum(up{service!=""}) by (service)"#)
    {
        Ok(Vector(all)) => {
            let mut all: Vec<(String, f64)> = all
                .iter()
                .map(|one| (one.labels.to_string(), one.value))
                .collect();
            all.sort_by(|one, other| one.0.cmp(&other.0));
            all
        }
        other => panic!("{other:?}"),
    };
    let of = |name: &str, pods: f64| (format!("{{service=\"{name}\"}}"), pods);
    assert_eq!(up(&mut cluster), [of("api", 3.0), of("web", 3.0)]);
    run_until(&mut cluster, 360);
    assert_eq!(up(&mut cluster), [of("web", 3.0)]);
    run_until(&mut cluster, 400);
    // Once it is through, each minute is all of one kind.
    let services = &cluster.recording().services;
    let service = services.iter().find(|one| one.name == "api");
    let windows = &service.expect("the service").windows;
    let minute = |from: i64| {
        let (from, to) = (SimTime::from_secs(from), SimTime::from_secs(from + 40));
        let windows = windows
            .iter()
            .filter(|one| from <= one.start && one.start < to);
        let sums = windows.map(|one| (one.ended[0], one.failed()));
        sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    for (from, is_answered) in [
        (10, true),
        (75, false),
        (130, true),
        (190, false),
        (250, true),
        (310, false),
    ] {
        let (answered, failed) = minute(from);
        assert!(answered + failed >= 400, "{from}: {answered} {failed}");
        assert_eq!(
            (answered > 0, failed > 0),
            (is_answered, !is_answered),
            "{from}"
        );
    }
}
