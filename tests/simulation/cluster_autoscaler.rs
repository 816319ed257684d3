//! The Cluster Autoscaler's settings in a run: the ConfigMap of the expander `priority`, and what node
//! groups set for themselves.

use std::collections::BTreeMap;

use nlsim::api::TaintEffect;
use nlsim::record::{Detail, NodeAction, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::{self, Simulation};

/// A Deployment whose pods each fill a node.
const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1", resources: {requests: {cpu: 1500m, memory: 1Gi}}}]
"#;

/// Two groups that differ in name only, but for further lines of the first.
fn built(config_map: &str, first: &str, rest: &str) -> Scenario {
    let group = |name: &str, more: &str| {
        format!(
            "[[node_group]]\nname = \"{name}\"\ncpu = \"2\"\nmemory = \"8Gi\"\ncount = 0\nmax = 3\n{more}\n"
        )
    };
    let toml = format!(
        "name = \"settings\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"1h\"\n\
         [[node_group]]\nname = \"fixed\"\ncpu = \"1\"\nmemory = \"4Gi\"\n{}{}{rest}",
        group("dear", first),
        group("spare", "")
    );
    let all = format!("{WEB}{config_map}");
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", &*all)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|all| panic!("{}", all.render(false)));
    built.scenario
}

fn run(config_map: &str, first: &str, rest: &str) -> Recording {
    let scenario = built(config_map, first, rest);
    let done = world::run(&scenario, 7, Detail::Full, |_| true);
    done.unwrap_or_else(|error| panic!("{error}")).recording
}

fn config_map(priorities: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\n\
         metadata: {{name: cluster-autoscaler-priority-expander, namespace: kube-system}}\n\
         data:\n  priorities: |-\n{priorities}"
    )
}

fn scale(at: &str, replicas: u32) -> String {
    format!(
        "[[action]]\nat = \"{at}\"\nkubectl = \"kubectl scale deployment web --replicas={replicas}\"\n"
    )
}

/// The groups of decisions, in order, and when.
fn groups(recording: &Recording, action: NodeAction) -> Vec<(&str, f64)> {
    let record = recording.node_autoscaler.as_ref().expect("it runs");
    let all = record.decisions.iter().filter(|one| one.action == action);
    all.map(|one| (one.group.as_str(), one.time.as_secs_f64()))
        .collect()
}

fn texts<'a>(recording: &'a Recording, reason: &str) -> Vec<&'a str> {
    let all = recording.events.iter();
    all.filter(|event| event.reason == reason)
        .map(|event| event.message)
        .collect()
}

const PRIORITY: &str = "[controllers.cluster-autoscaler]\nexpander = \"priority\"\n";

#[test]
fn a_config_map_says_which_groups_are_preferred() {
    for (first, second, wanted) in [(10, 50, "spare"), (50, 10, "dear")] {
        let map = config_map(&format!(
            "    {first}: [\"^dear$\"]\n    {second}: [\"^sp\"]\n"
        ));
        let recording = run(&map, "", &(scale("5m", 2) + PRIORITY));
        let up = groups(&recording, NodeAction::ScaleUp);
        assert_eq!(up.len(), 1, "{up:?}");
        assert_eq!(up[0].0, wanted);
    }
}

#[test]
fn a_config_map_that_does_not_read_is_told() {
    let map = config_map("    10: [\"dear(\"]\n");
    let recording = run(&map, "", &(scale("5m", 2) + PRIORITY));
    assert_eq!(groups(&recording, NodeAction::ScaleUp).len(), 1);
    let told = texts(&recording, "PriorityConfigMapInvalid");
    let begin = "Wrong configuration for priority expander: Can't compile regexp rule for priority 10 and rule dear(: ";
    assert!(
        told.iter()
            .any(|text| text.starts_with(begin) && text.ends_with(". Ignoring update.")),
        "{told:?}"
    );
}

fn patch(at: &str, priorities: &str) -> String {
    format!(
        "[[action]]\nat = \"{at}\"\nkubectl = '''kubectl patch configmap cluster-autoscaler-priority-expander -n kube-system -p '{{\"data\": {{\"priorities\": \"{priorities}\"}}}}' '''\n"
    )
}

fn printed(recording: &Recording) -> Vec<&str> {
    let all = recording.actions.iter();
    all.flat_map(|one| one.printed.iter().map(String::as_str))
        .collect()
}

#[test]
fn a_config_map_that_is_patched_counts_from_the_next_choice_on() {
    let map = config_map("    10: [\"^dear$\"]\n    5: [\"^spare$\"]\n");
    let rest = [
        scale("5m", 1),
        patch("10m", "50: [spare]"),
        scale("12m", 2),
        patch("15m", "50: [spare(]"),
        scale("17m", 3),
        PRIORITY.to_owned(),
    ];
    let recording = run(&map, "", &rest.concat());
    let up = groups(&recording, NodeAction::ScaleUp);
    let names: Vec<&str> = up.iter().map(|one| one.0).collect();
    assert_eq!(names[..2], ["dear", "spare"]);
    assert_eq!(names.len(), 3, "without priorities any group may grow");
    let told = texts(&recording, "PriorityConfigMapInvalid");
    assert_eq!(told.len(), 1, "{told:?}");
    let patched = "configmap/cluster-autoscaler-priority-expander patched";
    let count = printed(&recording).into_iter();
    assert_eq!(count.filter(|line| *line == patched).count(), 2);
}

#[test]
fn a_config_map_is_applied_and_deleted() {
    let apply = "[[action]]\nat = \"2m\"\nkubectl = '''kubectl apply -f - <<EOF\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cluster-autoscaler-priority-expander, namespace: kube-system}\ndata: {priorities: \"10: [spare]\"}\nEOF\n'''\n";
    let delete = "[[action]]\nat = \"10m\"\nkubectl = \"kubectl delete configmap cluster-autoscaler-priority-expander -n kube-system\"\n";
    let only_dear = "[[action]]\nat = \"11m\"\nkubectl = '''kubectl apply -f - <<EOF\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cluster-autoscaler-priority-expander, namespace: kube-system}\ndata: {priorities: \"10: [nothing]\"}\nEOF\n'''\n";
    let rest = [
        apply,
        &scale("5m", 1),
        delete,
        only_dear,
        &scale("12m", 2),
        PRIORITY,
    ]
    .concat();
    let recording = run("", "", &rest);
    let up = groups(&recording, NodeAction::ScaleUp);
    assert_eq!((up[0].0, up.len()), ("spare", 2));
    assert_eq!(
        printed(&recording)[..3],
        [
            "configmap/cluster-autoscaler-priority-expander created",
            "deployment.apps/web scaled",
            "configmap \"cluster-autoscaler-priority-expander\" deleted from kube-system namespace",
        ]
    );
    let told = texts(&recording, "PriorityConfigMapNoGroupMatched");
    assert_eq!(told.len(), 1, "the first list is forgotten");
}

#[test]
fn a_config_map_that_is_immutable_keeps_its_priorities() {
    let map = config_map("    10: [\"^dear$\"]\n") + "\nimmutable: true\n";
    let rest = patch("2m", "50: [spare]") + &scale("5m", 1) + PRIORITY;
    let recording = run(&map, "", &rest);
    assert_eq!(groups(&recording, NodeAction::ScaleUp)[0].0, "dear");
    let refused = "The ConfigMap \"cluster-autoscaler-priority-expander\" is invalid: data: Forbidden: field is immutable when `immutable` is set";
    assert!(
        printed(&recording).contains(&refused),
        "{:?}",
        printed(&recording)
    );
}

#[test]
fn the_status_is_initializing_until_the_first_loop() {
    let scenario = built("", "", PRIORITY);
    let mut simulation = world::Simulation::new(&scenario, 7);
    simulation.keep_config_maps();
    let clock = |simulation: &world::Simulation<'_>| nlsim::api::Clock {
        calendar: scenario.controllers.vpa.clock,
        now: simulation.now(),
    };
    let status = |simulation: &world::Simulation<'_>| {
        let maps = simulation.config_maps(clock(simulation));
        let text = maps[0]["data"]["status"].as_str().expect("a text");
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(status(&simulation), "autoscalerStatus: Initializing");
    let at = nlsim::sim::SimTime::from_secs(11);
    simulation.step_until(at).expect("no endless loop");
    assert_eq!(status(&simulation), "autoscalerStatus: Running");
    let maps = simulation.config_maps(clock(&simulation));
    let text = maps[0]["data"]["status"].as_str().expect("a text");
    let health = "clusterWide:\n  health:\n    lastProbeTime: \"2026-01-01T00:00:10Z\"\n    lastTransitionTime: \"2026-01-01T00:00:10Z\"\n    nodeCounts:\n      longUnregistered: 0\n      registered:\n        notStarted: 0\n        ready: 1\n        suspended: 0\n        total: 1\n        unready:\n          resourceUnready: 0\n          total: 0\n      unregistered: 0\n    status: Healthy\n";
    assert!(text.contains(health), "{text}");
    assert!(
        text.ends_with("    status: NoActivity\ntime: 2026-01-01 00:00:10 +0000 UTC\n"),
        "{text}"
    );
}

#[test]
fn a_group_sets_how_long_its_nodes_must_be_unneeded() {
    let options = "autoscaling_options = { scaledownunneededtime = \"3m\" }";
    let flags = "[controllers.cluster-autoscaler]\nscale-down-delay-after-add = \"0s\"\nmax-scale-down-parallelism = 5\nbalance-similar-node-groups = true\n";
    let rest = scale("5m", 4) + &scale("20m", 0) + flags;
    let recording = run("", options, &rest);
    let down = groups(&recording, NodeAction::ScaleDown);
    let first = |name: &str| down.iter().find(|(group, _)| *group == name);
    let (dear, spare) = (
        first("dear").expect("dear").1,
        first("spare").expect("spare").1,
    );
    // Both are unneeded from the same time on; the flag says ten minutes.
    assert!((1380.0..1440.0).contains(&dear), "{down:?}");
    assert!((1800.0..1860.0).contains(&spare), "{down:?}");
}

#[test]
fn a_node_that_goes_is_tainted_and_cordoned_unless_that_is_switched_off() {
    for (flag, cordoned) in [
        ("", true),
        ("cordon-node-before-terminating = false\n", false),
    ] {
        let flags = format!(
            "[controllers.cluster-autoscaler]\nscale-down-delay-after-add = \"0s\"\n\
             scale-down-unneeded-time = \"1m\"\nnode-delete-delay-after-taint = \"5m\"\n{flag}"
        );
        let scenario = built("", "", &(scale("5m", 1) + &scale("15m", 0) + &flags));
        let mut cluster = Simulation::new(&scenario, 7);
        let marked = |cluster: &Simulation<'_>| {
            let effect = TaintEffect::NoSchedule;
            let mut nodes = cluster.store().nodes();
            let found =
                nodes.find(|(_, node)| node.has_taint("ToBeDeletedByClusterAutoscaler", effect));
            found.map(|(_, node)| node.unschedulable)
        };
        let mut seconds = 900;
        while marked(&cluster).is_none() {
            seconds += 10;
            assert!(seconds < 1500, "it goes");
            cluster
                .step_until(SimTime::from_secs(seconds))
                .expect("no endless loop");
        }
        assert_eq!(marked(&cluster), Some(cordoned));
        // Pods keep away from it either way: another node is asked for.
        cluster
            .kubectl("kubectl scale deployment web --replicas=1")
            .expect("it is there");
        cluster
            .step_until(SimTime::from_secs(seconds + 30))
            .expect("no endless loop");
        let mut pods = cluster.store().pods();
        assert!(pods.all(|(_, pod)| pod.is_deleting() || pod.node.is_none()));
    }
}

/// The objects that events of a reason are about, each once.
fn objects<'a>(recording: &'a Recording, reason: &str) -> Vec<&'a str> {
    let events = recording.events.iter();
    let events = events.filter(|event| event.reason == reason);
    let mut all: Vec<&str> = events.map(|event| event.object).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn the_status_is_written_under_its_name_or_not_at_all() {
    let flags = |more: &str| format!("[controllers.cluster-autoscaler]\n{more}\n");
    for (flag, about) in [
        ("", vec!["ConfigMap/cluster-autoscaler-status"]),
        ("status-config-map-name = \"own\"", vec!["ConfigMap/own"]),
        ("write-status-configmap = false", Vec::new()),
    ] {
        let rest = scale("5m", 2) + &flags(flag);
        let recording = run("", "", &rest);
        assert_eq!(objects(&recording, "ScaledUpGroup"), about, "{flag}");
        // Events of pods do not hang on it.
        assert_eq!(objects(&recording, "TriggeredScaleUp").len(), 2);
        let scenario = built("", "", &rest);
        let mut cluster = Simulation::new(&scenario, 7);
        cluster.keep_config_maps();
        cluster
            .step_until(SimTime::from_secs(30))
            .expect("no endless loop");
        let clock = nlsim::api::Clock {
            calendar: scenario.controllers.vpa.clock,
            now: cluster.now(),
        };
        let maps = cluster.config_maps(clock);
        let names: Vec<&str> = maps
            .iter()
            .filter_map(|map| map["metadata"]["name"].as_str())
            .collect();
        let about: Vec<&str> = about
            .iter()
            .filter_map(|one| one.strip_prefix("ConfigMap/"))
            .collect();
        assert_eq!(names, about, "{flag}");
    }
}

#[test]
fn a_reason_is_told_of_a_pod_every_five_minutes_unless_duplicates_are_asked_for() {
    let counts = |flag: &str| {
        let flags = format!("[controllers.cluster-autoscaler]\n{flag}\n");
        let recording = run("", "", &(scale("5m", 9) + &flags));
        let events = recording.events.iter();
        let refused = events.filter(|event| event.reason == "NotTriggerScaleUp");
        let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::default();
        for event in refused {
            let of_pod = times.entry(event.object).or_default();
            of_pod.push(event.time.as_secs_f64());
        }
        let gaps = times.values().flat_map(|all| {
            let gaps = all.windows(2).map(|two| two[1] - two[0]);
            gaps.collect::<Vec<f64>>()
        });
        (times.len(), gaps.fold(f64::INFINITY, f64::min))
    };
    let (pods, least) = counts("");
    // Six of the nine have nodes.
    assert_eq!(pods, 3);
    assert!((300.0..320.0).contains(&least), "{least}");
    let (_, least) = counts("record-duplicated-events = true");
    assert!(least < 60.0, "{least}");
}

#[test]
fn a_node_with_startup_taints_counts_once_it_is_known_to_start() {
    let nodes = |flag: &str| {
        let group =
            "provisioning = \"100s\"\nstartup_taints = [\"agent:NoSchedule\"]\nuntainted = \"4m\"";
        let flags = format!("{PRIORITY}scale-down-enabled = false\n{flag}\n");
        let map = config_map("    10: [\"^dear$\"]\n    5: [\"^spare$\"]\n");
        let recording = run(&map, group, &(scale("5m", 1) + &flags));
        let own = recording.nodes.iter().filter(|node| node.group == "dear");
        own.count()
    };
    assert_eq!(nodes("startup-taint = \"agent\""), 1);
    // Taken for a node that the pod does not suit, it is joined by others.
    assert!(nodes("") > 1);
}

#[test]
fn evicted_pods_get_the_grace_that_the_flags_allow() {
    let deployment = |name: &str, cpu: &str, grace: u32| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      terminationGracePeriodSeconds: {grace}\n      containers: [{{name: c, image: \"x:1\", resources: {{requests: {{cpu: {cpu}, memory: 64Mi}}}}}}]\n"
        )
    };
    // The second pod finds the fixed node full, which later has room for it.
    let map = deployment("filler", "900m", 1) + &deployment("slow", "400m", 300);
    let free =
        "[[action]]\nat = \"20m\"\nkubectl = \"kubectl scale deployment filler --replicas=0\"\n";
    let grace = |flag: &str| {
        let flags = format!(
            "[controllers.cluster-autoscaler]\nscale-down-delay-after-add = \"0s\"\nscale-down-unneeded-time = \"1m\"\n{flag}\n"
        );
        let scenario = built(&map, "", &(free.to_owned() + &flags));
        let mut cluster = Simulation::new(&scenario, 7);
        for seconds in 1200..3600 {
            cluster
                .step_until(SimTime::from_secs(seconds))
                .expect("no endless loop");
            let mut pods = cluster.store().pods();
            let evicted = pods.find(|(_, pod)| pod.evicted.is_some() && pod.is_deleting());
            if let Some((_, pod)) = evicted {
                return pod.grace().as_secs_f64();
            }
        }
        panic!("no pod is evicted");
    };
    assert_eq!(grace(""), 300.0);
    assert_eq!(grace("max-graceful-termination-sec = 20"), 20.0);
}
