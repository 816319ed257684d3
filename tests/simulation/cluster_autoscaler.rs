//! The Cluster Autoscaler's settings in a run: the ConfigMap of the expander `priority`, and what node
//! groups set for themselves.

use nlsim::record::{Detail, NodeAction, Recording};
use nlsim::scenario::{InMemory, Loaded};
use nlsim::world;

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
fn run(config_map: &str, first: &str, rest: &str) -> Recording {
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
    let done = world::run(&built.scenario, 7, Detail::Full, |_| true);
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
fn a_config_map_that_does_not_read_is_told_at_each_choice() {
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
