//! Scenarios of any size: services with declared usage, each behind an HPA.

use std::fmt::Write;

use nlsim::scenario::{InMemory, Loaded, Scenario};

/// 800m for 500 s, 200m for 200 s, over and over, shared by the pods of a service.
pub(crate) const WAVE: &str = "usage = { cpu = [[\"0s\", \"800m\"], [\"500s\", \"200m\"]], memory = \"50Mi\", period = \"700s\" }";

/// An HPA at 60 % of CPU, and its scale-down window in seconds; the default one if there is none.
pub(crate) fn hpa(window: Option<u32>) -> String {
    let behavior = window.map_or_else(String::new, |seconds| {
        format!("  behavior: {{scaleDown: {{stabilizationWindowSeconds: {seconds}}}}}\n")
    });
    format!(
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n\
         metadata: {{name: NAME}}\nspec:\n  \
         scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: NAME}}\n  \
         minReplicas: 1\n  maxReplicas: 300\n  metrics: [{{type: Resource, resource: {{name: cpu, \
         target: {{type: Utilization, averageUtilization: 60}}}}}}]\n{behavior}"
    )
}

/// Deployments of pods of 100m and 100Mi, and what each says besides.
pub(crate) fn scenario(
    groups: u32,
    pods: u32,
    nodes: u32,
    seconds: u32,
    service: &str,
    hpa: &str,
) -> Scenario {
    let node_group = format!("count = {nodes}\ncpu = \"64\"\nmemory = \"256Gi\"\nmax_pods = 250\n");
    on_nodes(groups, pods, seconds, &node_group, (service, hpa))
}

/// The same on nodes as a `[[node_group]]` describes them.
pub(crate) fn on_nodes(
    groups: u32,
    pods: u32,
    seconds: u32,
    node_group: &str,
    (service, hpa): (&str, &str),
) -> Scenario {
    let mut manifest = String::new();
    let mut text = format!(
        "name = \"pods\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"{seconds}s\"\n\
         [[node_group]]\n{node_group}"
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
