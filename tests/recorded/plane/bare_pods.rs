//! Two Pods that nobody owns in the recorded run of disruptions: `dr-bare`, which a drain takes
//! for good, and `gate-pod`, which waits behind two scheduling gates and goes by a taint.

use std::collections::BTreeSet;

use nlsim::world::Simulation;
use serde_json::Value;

use super::disruption::{Plane, near, scenario};

/// Type, status and reason of each condition, in the order of the status.
fn conditions(plane: &mut Plane<'_>, at: f64, name: &str) -> Vec<String> {
    let text = plane
        .typed(at, &format!("kubectl get pod {name} -o json"))
        .join("\n");
    let pod: Value = serde_json::from_str(&text).expect("JSON");
    let conditions = pod["status"]["conditions"].as_array().expect("a list");
    let told = conditions.iter().map(|one| {
        let of = |key: &str| one[key].as_str().unwrap_or_default();
        let text = [of("type"), of("status"), of("reason"), of("message")].join(" ");
        text.trim_end().to_owned()
    });
    told.collect()
}

/// Time, type, reason, message and reporting component of the events of a pod.
fn events(plane: &Plane<'_>, name: &str) -> Vec<(f64, String)> {
    let events = plane.0.recording().events.iter();
    let of_pod = events.filter(|event| event.object == format!("Pod/{name}"));
    of_pod
        .map(|event| {
            let at = event.time.as_secs_f64();
            (
                at,
                format!("{} {}: {}", event.kind, event.reason, event.message),
            )
        })
        .collect()
}

fn same_events(plane: &Plane<'_>, name: &str, recorded: &[(f64, &str)]) {
    let ours = events(plane, name);
    let texts: Vec<&str> = ours.iter().map(|(_, text)| &**text).collect();
    let expected: Vec<&str> = recorded.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, expected);
    for ((at, text), (recorded, _)) in ours.iter().zip(recorded) {
        // There it was applied 1.4 s after the start.
        assert!((at - recorded).abs() < 2.2, "{text}: {at} for {recorded}");
    }
}

const READY: [&str; 5] = [
    "PodReadyToStartContainers True",
    "Initialized True",
    "Ready True",
    "ContainersReady True",
    "PodScheduled True",
];

/// What others say comes first once the kubelet has posted its status.
fn with(more: &str) -> Vec<String> {
    let own = READY.iter().map(|one| (*one).to_owned());
    std::iter::once(more.to_owned()).chain(own).collect()
}

#[test]
fn a_drain_takes_a_pod_of_nobody_for_good() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(39.0);
    assert_eq!(conditions(&mut plane, 39.0, "dr-bare"), READY);
    let line = plane.typed(39.0, "kubectl get pod dr-bare -o wide")[1].clone();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..4], ["dr-bare", "1/1", "Running", "0"]);
    assert_eq!(cells[6], "d-1");
    plane.typed(40.0, "kubectl delete pdb dr-two-b");
    let drain =
        "kubectl drain d-1 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s";
    plane.typed(45.1, drain);
    let evicted = "DisruptionTarget True EvictionByEvictionAPI Eviction API: evicting";
    assert_eq!(conditions(&mut plane, 45.4, "dr-bare"), with(evicted));
    plane.run_to(50.0);
    let gone = plane
        .printed_by("kubectl -n neurolake drain d-1")
        .iter()
        .any(|line| line == "pod/dr-bare evicted");
    assert!(gone);
    same_events(
        &plane,
        "dr-bare",
        &[
            (
                1.52,
                "Normal Scheduled: Successfully assigned neurolake/dr-bare to d-1",
            ),
            (2.13, "Normal Pulling: Pulling image \"neurolake/app:1.0\""),
            (
                2.2,
                "Normal Pulled: Successfully pulled image \"neurolake/app:1.0\" in 0s (0s including waiting). Image size: 0 bytes.",
            ),
            (2.21, "Normal Created: Container created"),
            (2.25, "Normal Started: Container started"),
            (45.47, "Normal Killing: Stopping container app"),
        ],
    );
    plane.run_to(500.0);
    assert_eq!(plane.pods("dr-bare").len(), 0, "nobody makes it anew");
    let missing = "Error from server (NotFound): pods \"dr-bare\" not found";
    assert_eq!(plane.typed(500.0, "kubectl get pod dr-bare"), [missing]);
}

/// What `describe` says, line by line without blanks, but for what is not simulated: the volume
/// of the service account.
fn description(lines: &[String]) -> BTreeSet<String> {
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<&str>>().join(" "));
    words.filter(|line| !line.is_empty()).collect()
}

#[test]
fn gates_keep_a_pod_of_nobody_from_its_node_and_a_taint_takes_it_off() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    let listed = plane.typed(
        38.05,
        "kubectl get pods -l \"app in (gate-pod,gate-dep)\" -o wide",
    );
    let cells: Vec<Vec<&str>> = listed
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells.len(), 4);
    let row = ["0/1", "SchedulingGated", "0"];
    let none = ["<none>"; 4];
    for line in &cells[1..] {
        assert_eq!((&line[1..4], &line[5..]), (&row[..], &none[..]));
    }
    assert_eq!(cells[3][0], "gate-pod");
    let told = plane.typed(39.0, "kubectl describe pod gate-pod");
    let expected = [
        "Name: gate-pod",
        "Namespace: neurolake",
        "Priority: 0",
        "Service Account: default",
        "Node: <none>",
        "Labels: app=gate-pod",
        "Annotations: <none>",
        "Status: Pending",
        "IP:",
        "IPs: <none>",
        "Containers:",
        "app:",
        "Image: neurolake/app:1.0",
        "Port: <none>",
        "Host Port: <none>",
        "Requests:",
        "cpu: 100m",
        "memory: 64Mi",
        "Readiness: exec [true] delay=5s timeout=1s period=2s #success=1 #failure=3",
        "Environment: <none>",
        "Conditions:",
        "Type Status",
        "PodScheduled False",
        "QoS Class: Burstable",
        "Node-Selectors: pool=taint",
        "Tolerations: node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "node.kubernetes.io/unreachable:NoExecute op=Exists for 300s",
        "Events: <none>",
    ];
    let mut recorded: BTreeSet<String> = expected.map(str::to_owned).into();
    recorded.extend(["Mounts: <none>", "Volumes: <none>"].map(str::to_owned));
    assert_eq!(description(&told), recorded);
    let gated = "PodScheduled False SchedulingGated Scheduling is blocked due to non-empty scheduling gates";
    assert_eq!(conditions(&mut plane, 40.0, "gate-pod"), [gated]);
    plane.typed(40.1, "kubectl taint nodes t-1 dedicated=x:NoSchedule");
    let patch = |op: &str, rest: &str| {
        format!(
            "kubectl patch pod gate-pod --type=json -p '[{{\"op\":\"{op}\",\"path\":\"/spec/schedulingGates{rest}}}]'"
        )
    };
    let patched = ["pod/gate-pod patched"];
    assert_eq!(plane.typed(41.05, &patch("remove", "/0\"")), patched);
    assert_eq!(
        conditions(&mut plane, 60.0, "gate-pod"),
        [gated],
        "one is left"
    );
    assert_eq!(plane.typed(60.17, &patch("remove", "\"")), patched);
    plane.run_to(60.4);
    assert_eq!(plane.live_on("gate-pod", "t-2"), 1, "at once");
    let late = patch("add", "\",\"value\":[{\"name\":\"example.com/late\"}]");
    let refusal = "The Pod \"gate-pod\" is invalid: spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/late'";
    assert_eq!(plane.typed(62.05, &late), [refusal]);
    assert_eq!(conditions(&mut plane, 70.0, "gate-pod"), READY);
    plane.typed(150.19, "kubectl taint nodes t-2 dedicated=x:NoExecute");
    let taint = "DisruptionTarget True DeletionByTaintManager Taint manager: deleting due to NoExecute taint";
    assert_eq!(conditions(&mut plane, 150.5, "gate-pod"), with(taint));
    plane.run_to(155.0);
    assert_eq!(plane.pods("gate-pod").len(), 0);
    same_events(
        &plane,
        "gate-pod",
        &[
            (
                60.2,
                "Normal Scheduled: Successfully assigned neurolake/gate-pod to t-2",
            ),
            (
                60.49,
                "Normal Pulled: Container image \"neurolake/app:1.0\" already present on machine and can be accessed by the pod",
            ),
            (60.53, "Normal Created: Container created"),
            (60.57, "Normal Started: Container started"),
            (
                150.45,
                "Normal TaintManagerEviction: Marking for deletion Pod neurolake/gate-pod",
            ),
            (150.68, "Normal Killing: Stopping container app"),
        ],
    );
    near(events(&plane, "gate-pod")[0].0, 60.2, 0.1);
}
