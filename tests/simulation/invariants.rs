//! What holds at every instant of any cluster, whatever is typed, breaks or is taken back: nodes hold what
//! they promise, evictions keep their budgets, workloads keep their bounds, money adds up.

use std::collections::BTreeSet;

use nlsim::api::{Pod, PodId, Store};
use nlsim::record::cost::check;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use proptest::prelude::*;

const WORKLOADS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 5
  strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 20
      initContainers:
      - {name: side, image: "side:1", restartPolicy: Always, resources: {requests: {cpu: 50m, memory: 64Mi}}}
      containers: [{name: web, image: "web:1", resources: {requests: {cpu: 450m, memory: 512Mi}}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  podManagementPolicy: Parallel
  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "db:1", resources: {requests: {cpu: 300m, memory: 512Mi}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: agent, image: "agent:1", resources: {requests: {cpu: 50m, memory: 64Mi}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 3, selector: {matchLabels: {app: web}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: db}}}
---
"#;

const POOL: &str = r#"
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: default}
spec: {role: nodes}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: "n"}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
      startupTaints: [{key: net, effect: NoSchedule}]
      requirements:
      - {key: karpenter.k8s.aws/instance-family, operator: In, values: [m5]}
  disruption: {consolidateAfter: 30s, budgets: [{nodes: "2"}]}
"#;

/// A pod that is bound to its node as it is created.
const BOUND: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: bound, labels: {app: bound}}
spec:
  nodeName: n-1
  containers: [{name: bound, image: "bound:1", resources: {requests: {cpu: 700m}}}]
"#;

/// Node groups in two zones that the Cluster Autoscaler scales, one of them spot with some handler.
fn groups(handler: &str) -> String {
    format!(
        r#"
[[node_group]]
name = "n"
count = 2
min = 1
max = 4
zone = "a"
cpu = "2"
memory = "8Gi"
price = 0.1
provisioning = "70s"
[[node_group]]
name = "s"
count = 2
min = 0
max = 4
zone = "b"
spot = true
cpu = "2"
memory = "8Gi"
price = 0.04
provisioning = "70s"
interruption = {{ rate = 4, at = "9m", handler = "{handler}", rebalance = "1m", on_rebalance = "cordon" }}
[controllers.cluster-autoscaler]
scale-down-unneeded-time = "2m"
scale-down-delay-after-add = "1m"
"#
    )
}

const MACHINES: &str = r#"
[controllers.karpenter]
zones = ["a", "b"]
interruption = { rate = 4, rebalance = "1m" }
startup-taints = "5s"
"#;

const FAULTS: [&str; 5] = [
    "",
    "[[fault]]\nat = \"6m\"\nfor = \"8m\"\ndown = \"zone/a\"\n",
    "[[fault]]\nat = \"6m\"\nfor = \"4m\"\nkubelet = \"n-1\"\n",
    "[[fault]]\nat = \"6m\"\nfor = \"9m\"\nnode = \"n-1\"\n",
    "[[fault]]\nat = \"6m\"\nfor = \"6m\"\nshutdown = \"n-1\"\n[controllers.kubelet]\nshutdownGracePeriod = \"30s\"\nshutdownGracePeriodCriticalPods = \"5s\"\n",
];

const COMMANDS: [&str; 16] = [
    "kubectl scale deployment web --replicas=9",
    "kubectl scale deployment web --replicas=2",
    "kubectl scale deployment web --replicas=14",
    "kubectl set image deployment/web web=web:2",
    "kubectl set image statefulset/db db=db:2",
    "kubectl rollout restart statefulset db",
    "kubectl rollout undo deployment web",
    "kubectl delete node n-1",
    "kubectl drain n-2 --ignore-daemonsets --timeout=90s",
    "kubectl drain s-1 --ignore-daemonsets --force",
    "kubectl cordon n-2",
    "kubectl uncordon n-1 n-2",
    "kubectl delete pod -l app=db",
    "kubectl patch pod db-0 --subresource=resize -p '{\"spec\":{\"containers\":[{\"name\":\"db\",\"resources\":{\"requests\":{\"cpu\":\"600m\"}}}]}}'",
    "kubectl taint nodes n-2 gone=yes:NoExecute",
    "kubectl delete nodeclaim n-2",
];

fn scenario(karpenter: bool, handler: &str, fault: &str) -> Option<Scenario> {
    // A node of Karpenter's cannot be named before it is there.
    let is_of_node = fault.contains("n-1");
    if karpenter && is_of_node {
        return None;
    }
    let (manifests, nodes) = if karpenter {
        (format!("{WORKLOADS}{POOL}"), MACHINES.to_owned())
    } else {
        (format!("{WORKLOADS}{BOUND}"), groups(handler))
    };
    let toml = format!(
        "name = \"any\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"40m\"\n{nodes}{fault}\n[controllers.kube-controller-manager]\nfeature-gates = \"MaxUnavailableStatefulSet=true\"\n"
    );
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", &*manifests)]);
    let loaded =
        Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded
        .build(&[])
        .unwrap_or_else(|all| panic!("{}", all.render(false)));
    Some(built.scenario)
}

/// What a budget saw before an event.
#[derive(PartialEq)]
struct Before {
    healthy: BTreeSet<PodId>,
    evicted: BTreeSet<PodId>,
    leaving: BTreeSet<PodId>,
}

impl Before {
    fn of(store: &Store, app: &str) -> Self {
        let of = |keep: fn(&Pod) -> bool| {
            let pods = store.pods();
            let own = pods.filter(|(_, pod)| pod.meta.labels["app"] == app && keep(pod));
            own.map(|(id, _)| id).collect()
        };
        Self {
            healthy: of(|pod| pod.is_ready() && pod.is_active()),
            evicted: of(|pod| pod.evicted.is_some()),
            leaving: of(|pod| !pod.is_active()),
        }
    }

    /// The healthy pods that are left when those are gone that were evicted since, if some were.
    fn left(&self, now: &Self) -> Option<usize> {
        let news: Vec<&PodId> = now.evicted.difference(&self.evicted).collect();
        let gone = news.iter().filter(|id| self.healthy.contains(id)).count();
        (gone > 0).then(|| self.healthy.len() - gone)
    }
}

/// Deletions that the StatefulSet's controller has told of so far.
fn told_deletions(cluster: &Simulation<'_>) -> usize {
    let events = cluster.recording().events.iter();
    let of_it = events.filter(|one| one.object == "StatefulSet/db");
    of_it.filter(|one| one.reason == "SuccessfulDelete").count()
}

/// Every node holds what is requested of it.
fn nodes_hold(store: &Store) {
    store.audit().expect("the books balance");
    for (id, node) in store.nodes() {
        let pods = || store.pods_of_node(id);
        // A resize that waits is asked for, and not in force; a pod that comes with its node's name has not
        // been looked at by the kubelet.
        let waits = |pod: &Pod| {
            !pod.desired.is_empty()
                || pod.scheduled == Some(pod.meta.created) && pod.start_time.is_none()
        };
        if pods().any(|(_, pod)| waits(pod)) {
            continue;
        }
        let info = store.node_info(id);
        assert!(
            info.requested.cpu <= node.allocatable.cpu,
            "{}: CPU",
            node.name()
        );
        assert!(
            info.requested.memory <= node.allocatable.memory,
            "{}: memory",
            node.name()
        );
        assert!(info.pods <= node.max_pods, "{}: pods", node.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn nodes_budgets_bounds_and_money_hold_whatever_happens(
        typed in prop::collection::vec((0..COMMANDS.len(), 10..240_i64), 1..10),
        karpenter in any::<bool>(),
        handler in prop::sample::select(vec!["delete", "evict", "graceful-shutdown", "none"]),
        fault in prop::sample::select(FAULTS.to_vec()),
        seed in any::<u64>(),
    ) {
        let Some(scenario) = scenario(karpenter, handler, fault) else {
            return Ok(());
        };
        let mut cluster = Simulation::new(&scenario, seed);
        let mut due = typed.into_iter();
        let mut next = due.next().map(|(command, after)| (command, 60 + after));
        let mut most = 5_i32;
        let budgets = [("web", 3_usize), ("db", 2)];
        let mut before = budgets.map(|(app, _)| Before::of(cluster.store(), app));
        let mut deletions = 0;
        let end = scenario.simulation.end();
        loop {
            let until = next.map_or(end, |(_, at)| SimTime::from_secs(at));
            if cluster.step(until).expect("no endless loop").is_none() {
                cluster.step_until(until).expect("no endless loop");
                let Some((command, at)) = next else { break };
                cluster.kubectl(COMMANDS[command]).expect("a command line");
                most = most.max(if command == 2 { 14 } else { 9 });
                next = due.next().map(|(command, after)| (command, at + after));
                before = budgets.map(|(app, _)| Before::of(cluster.store(), app));
                continue;
            }
            let store = cluster.store();
            nodes_hold(store);
            for ((app, least), before) in budgets.iter().zip(&mut before) {
                let now = Before::of(store, app);
                if let Some(left) = before.left(&now) {
                    prop_assert!(left >= *least, "{} left of {}", left, app);
                }
                // What its own controller deletes of the StatefulSet leaves all but
                // `maxUnavailable` of it available.
                if *app == "db" && now != *before {
                    let told = told_deletions(&cluster);
                    let mut gone = before.healthy.intersection(&now.leaving);
                    if told > deletions && gone.next().is_some() {
                        prop_assert!(!now.healthy.is_empty(), "none is left of 3");
                    }
                    deletions = told;
                }
                *before = now;
            }
            // The surge is of what was asked for at most so far, in the sizes that are written.
            let sets = store.replica_sets().map(|(_, set)| set.replicas);
            prop_assert!(sets.sum::<i32>() <= most + 2);
            let named: BTreeSet<&str> = store.pods()
                .filter(|(_, pod)| pod.meta.labels["app"] == "db" && !pod.removed)
                .map(|(_, pod)| pod.name())
                .collect();
            prop_assert!(named.len() <= 3, "{:?}", named);
        }
        let recording = cluster.finish().expect("the conservation laws hold").recording;
        if let Err(broken) = check(&recording) {
            prop_assert!(false, "{broken}");
        }
    }
}
