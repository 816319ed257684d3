//! Addresses of pods, and the Endpoints and EndpointSlices of Services, as kubectl prints them.

use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: 'web:1'
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {tier: front}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: each}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: web}
  ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: none}
spec: {type: NodePort, selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: example.org}
";

fn scenario(more: &str) -> Scenario {
    let toml = format!(
        r#"
name = "endpoints"
manifests = "all.yaml"
[simulation]
duration = "1h"
{more}
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
zone = "a"
[[service]]
workload = "Deployment/web"
request = {{ cpu = "1ms" }}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", MANIFEST)]);
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
    let printed = cluster.kubectl(text);
    printed.unwrap_or_else(|error| panic!("{error}")).join("\n")
}

const WARNING: &str =
    "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

#[test]
fn endpoints_are_printed_as_kubectl_prints_them() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let slices = typed(&mut cluster, "kubectl get endpointslices -o name");
    let slice = slices.lines().last().expect("a slice").to_owned();
    let commands = [
        "get endpoints".to_owned(),
        "get endpointslices".to_owned(),
        "describe service web".to_owned(),
        "describe service outside".to_owned(),
        "describe endpoints each".to_owned(),
        format!("describe {slice}"),
        "get ep web -o yaml".to_owned(),
        format!("get {slice} -o yaml"),
    ];
    let texts = commands.map(|command| {
        let text = typed(&mut cluster, &format!("kubectl {command}"));
        format!("$ kubectl {command}\n{text}\n")
    });
    insta::assert_snapshot!(texts.join("\n"));
    let missing = "Error from server (NotFound): endpoints \"outside\" not found";
    assert_eq!(
        typed(&mut cluster, "kubectl get endpoints outside"),
        format!("{WARNING}\n{missing}")
    );
}

#[test]
fn endpoints_follow_readiness_and_labels() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let of = |cluster: &mut Simulation<'_>, name: &str| {
        let text = typed(
            cluster,
            &format!("kubectl get endpoints {name} --no-headers"),
        );
        let (warning, row) = text.split_once('\n').expect("a row behind the warning");
        assert_eq!(warning, WARNING);
        let cells: Vec<&str> = row.split("   ").collect();
        cells[1].to_owned()
    };
    assert_eq!(of(&mut cluster, "web").split(',').count(), 3);
    typed(&mut cluster, "kubectl scale deployment web --replicas=5");
    run_until(&mut cluster, 61);
    // Those that have their sandbox are there, and not ready.
    assert_eq!(of(&mut cluster, "web").split(',').count(), 3);
    run_until(&mut cluster, 120);
    assert!(of(&mut cluster, "web").ends_with(" + 2 more..."));
    assert!(of(&mut cluster, "each").ends_with(" + 7 more..."));
    let described = typed(&mut cluster, "kubectl describe service web");
    assert!(described.contains(" + 2 more..."), "{described}");
    // A pod that no Service selects any more.
    let names = typed(
        &mut cluster,
        "kubectl get pods -o jsonpath={.items[*].metadata.name}",
    );
    let first = names.split(' ').next().expect("a pod");
    let ip = typed(
        &mut cluster,
        &format!("kubectl get pod {first} -o jsonpath={{.status.podIP}}"),
    );
    typed(
        &mut cluster,
        &format!("kubectl label pod {first} app=other --overwrite"),
    );
    let object = typed(&mut cluster, "kubectl get endpoints web -o yaml");
    assert!(!object.contains(&format!("ip: {ip}\n")), "{object}");
    typed(&mut cluster, "kubectl scale deployment web --replicas=0");
    run_until(&mut cluster, 200);
    assert_eq!(of(&mut cluster, "web"), "<none>");
    let slices = typed(&mut cluster, "kubectl get endpointslices --no-headers");
    let unset = slices
        .lines()
        .filter(|line| line.contains("<unset>   <unset>"));
    assert_eq!(unset.count(), 3);
}

#[test]
fn addresses_of_pods_are_those_of_their_node_one_after_the_other() {
    let scenario = scenario(
        r#"from = "apply"
[[action]]
at = "30s"
kubectl = "kubectl get ep,endpointslices"
[[action]]
at = "30s"
kubectl = "kubectl describe ep web"
"#,
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let printed = |at: usize| cluster.recording().actions[at].printed.join("\n");
    assert!(printed(0).contains("endpointslice.discovery.k8s.io/web-"));
    assert!(printed(1).contains("NotReadyAddresses:  <none>"));
    let ranges = "kubectl get nodes -o jsonpath={.items[*].spec.podCIDR}";
    assert_eq!(typed(&mut cluster, ranges), "10.128.0.0/24 10.128.1.0/24");
    let addresses = "kubectl get pods -o jsonpath={.items[*].status.podIP}";
    let sorted = |text: String| {
        let mut all: Vec<String> = text.split(' ').map(str::to_owned).collect();
        all.sort_unstable();
        all
    };
    let first = sorted(typed(&mut cluster, addresses));
    assert_eq!(first.len(), 3);
    typed(&mut cluster, "kubectl rollout restart deployment web");
    run_until(&mut cluster, 180);
    // Nobody gets what was just given back.
    let second = sorted(typed(&mut cluster, addresses));
    assert_eq!(second.len(), 3);
    assert!(first.iter().all(|address| !second.contains(address)));
    let wide = typed(&mut cluster, "kubectl get pods -o wide");
    assert!(
        second.iter().all(|address| wide.contains(address)),
        "{wide}"
    );
    let node = typed(&mut cluster, "kubectl describe node n-1");
    let words: Vec<&str> = node.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "PodCIDR:");
    assert_eq!(words[place.expect("a range") + 1], "10.128.0.0/24");
}
