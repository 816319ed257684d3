//! What pods cost: their placement on 100 to 5,000 nodes, and their births and deaths.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::record::Detail;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::world;

fn main() {
    divan::main();
}

/// Deployments of pods of 100m and 100Mi, and what each says besides.
fn scenario(
    groups: u32,
    pods: u32,
    nodes: u32,
    seconds: u32,
    service: &str,
    hpa: &str,
) -> Scenario {
    let mut manifest = String::new();
    let mut text = format!(
        "name = \"pods\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"{seconds}s\"\n\
         [[node_group]]\ncount = {nodes}\ncpu = \"64\"\nmemory = \"256Gi\"\nmax_pods = 250\n"
    );
    for group in 0..groups {
        let name = format!("g{group}");
        let _ = write!(
            manifest,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
             replicas: {pods}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
             metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        \
             - name: c\n          image: x:1\n          \
             resources: {{requests: {{cpu: 100m, memory: 100Mi}}, limits: {{cpu: 100m}}}}\n{}",
            hpa.replace("NAME", &name)
        );
        let _ = write!(
            text,
            "[[service]]\nworkload = \"Deployment/{name}\"\n{service}\n"
        );
    }
    let files = InMemory::new([("s.toml", text.as_str()), ("m.yaml", manifest.as_str())]);
    let loaded = Loaded::load("s.toml", &files).expect("a scenario");
    loaded.build(&[]).expect("a scenario").scenario
}

/// 30 pods a node, of 100 Deployments, are placed at the start.
#[divan::bench(args = [100, 1_000, 5_000], sample_count = 3, sample_size = 1)]
fn placement(bencher: Bencher<'_, '_>, nodes: u32) {
    let pods = nodes * 30 / 100;
    let scenario = scenario(100, pods, nodes, 1, "usage = { cpu = \"1m\" }", "");
    bencher
        .counter(ItemsCount::new(pods * 100))
        .bench_local(|| world::run(&scenario, 1, Detail::Summary, |_| true));
}

/// Half of the pods of each Deployment go and come every 700 seconds, for two hours.
#[divan::bench(args = [1, 10, 100], sample_count = 3, sample_size = 1)]
fn churn(bencher: Bencher<'_, '_>, groups: u32) {
    let service = "usage = { cpu = [[\"0s\", \"800m\"], [\"500s\", \"200m\"]], period = \"700s\" }";
    let hpa = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n\
        metadata: {name: NAME}\nspec:\n  \
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}\n  \
        minReplicas: 1\n  maxReplicas: 100\n  metrics: [{type: Resource, resource: {name: cpu, \
        target: {type: Utilization, averageUtilization: 60}}}]\n  \
        behavior: {scaleDown: {stabilizationWindowSeconds: 0}}\n";
    let scenario = scenario(groups, 5, 25, 7200, service, hpa);
    bencher
        .counter(ItemsCount::new(groups))
        .bench_local(|| world::run(&scenario, 1, Detail::Summary, |_| true));
}
