//! Costs, spot nodes, zones and what is told of the cluster, in small scenarios that plant the cause.

use nlsim::analysis::Summary;
use nlsim::output::write_costs;
use nlsim::record::cost::{Owner, check};
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::{self, Simulation};

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 4
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 60
      containers: [{name: api, image: "api:1", resources: {requests: {cpu: 500m, memory: 1Gi}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  minReplicas: 4
  maxReplicas: 10
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
"#;

pub(super) fn scenario(rest: &str) -> Scenario {
    let toml = format!(
        "name = \"money\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"1h\"\n{rest}"
    );
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", DEPLOYMENT)]);
    let loaded =
        Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded
        .build(&[])
        .unwrap_or_else(|all| panic!("{}", all.render(false)));
    built.scenario
}

/// Runs with and without series: both tell the same.
pub(super) fn run(rest: &str) -> (Recording, Summary) {
    let scenario = scenario(rest);
    let [full, folded] = [Detail::Full, Detail::Summary].map(|detail| {
        let done = world::run(&scenario, 7, detail, |_| true);
        done.unwrap_or_else(|error| panic!("{error}")).recording
    });
    let from_series = Recording {
        folded: None,
        ..full.clone()
    };
    let summary = Summary::of(&from_series);
    let other = Summary::of(&folded);
    for ((name, one), (_, two)) in summary.values.iter().zip(&other.values) {
        assert!(
            one.to_bits() == two.to_bits() || one.is_nan() && two.is_nan(),
            "{name}"
        );
    }
    assert_eq!(summary.findings, other.findings);
    check(&full).unwrap_or_else(|broken| panic!("{broken}"));
    (full, summary)
}

pub(super) fn told(summary: &Summary, subject: &str, words: &str) -> String {
    let mut found = summary.findings.iter();
    let found = found.find(|one| one.subject == subject && one.text.contains(words));
    found.map_or_else(|| panic!("{:#?}", summary.findings), |one| one.text.clone())
}

fn get(summary: &Summary, name: &str) -> f64 {
    summary
        .get(name)
        .unwrap_or_else(|| panic!("no figure {name}"))
}

/// Two nodes of four cores.
const NODES: &str =
    "[[node_group]]\nname = \"n\"\ncount = 2\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n";

#[test]
fn the_table_of_costs_adds_up_to_the_cost_of_the_nodes() {
    let rest = format!(
        "{NODES}[pricing]\ncluster_hour = 0.1\n[[load]]\nservice = \"api\"\npoisson = {{ rate = 20 }}\n[[service]]\nworkload = \"Deployment/api\"\nrequest = {{ cpu = \"10ms\" }}\n"
    );
    let (recording, summary) = run(&rest);
    assert!((get(&summary, "node_cost") - 0.5).abs() < 1e-9);
    assert!((get(&summary, "cost.on_demand") - 0.4).abs() < 1e-9);
    let mut table = Vec::new();
    write_costs(&recording, &mut table).expect("a table");
    let mut rows = csv::Reader::from_reader(&table[..]);
    let costs = rows
        .records()
        .map(|row| row.expect("a row")[9].parse::<f64>().expect("a number"));
    assert!((costs.sum::<f64>() - 0.5).abs() < 0.005);
    // Four of sixteen half cores of the whole, at least.
    let own = recording.costs.workloads[0].value();
    assert!(own > 0.0 && own < 0.4, "{own}");
    assert!(
        recording
            .costs
            .rows
            .iter()
            .any(|row| row.owner == Owner::Fee)
    );
}

#[test]
fn pods_that_wait_are_told_of_with_the_reason_and_what_the_nodes_hold() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 1\ncpu = 3\nmemory = \"16Gi\"\nprice = 0.2\n[[action]]\nat = \"10m\"\nkubectl = \"kubectl scale deployment api --replicas=10\"\n[[action]]\nat = \"22m\"\nkubectl = \"kubectl scale deployment api --replicas=4\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = { cpu = \"1\", memory = \"1Gi\" }\n";
    let (_, summary) = run(rest);
    let text = told(&summary, "Deployment/api", "were Pending");
    assert!(
        text.starts_with("up to 4 of 10 pods were Pending at a time, some of them for "),
        "{text}"
    );
    assert!(
        text.contains("no node has 500m CPU free; the nodes hold 6 of its maxReplicas of 10"),
        "{text}"
    );
}

#[test]
fn several_reasons_are_told_with_their_nodes() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 2\ncpu = 3\nmemory = \"16Gi\"\nprice = 0.2\n[[action]]\nat = \"5m\"\nkubectl = \"kubectl cordon n-2\"\n[[action]]\nat = \"10m\"\nkubectl = \"kubectl scale deployment api --replicas=10\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = { cpu = \"1\", memory = \"1Gi\" }\n";
    let (_, summary) = run(rest);
    let text = told(&summary, "Deployment/api", "were Pending");
    let reasons = "1 of 2 nodes is cordoned or not ready, 1 has less than 500m CPU free";
    assert!(text.contains(reasons), "{text}");
}

#[test]
fn a_roll_out_that_is_stuck_is_told_of() {
    let rest = format!(
        "{NODES}[[action]]\nat = \"10m\"\nkubectl = '''kubectl patch deployment api -p '{{\"spec\": {{\"progressDeadlineSeconds\": 60, \"template\": {{\"spec\": {{\"containers\": [{{\"name\": \"api\", \"resources\": {{\"requests\": {{\"cpu\": \"6\"}}}}}}]}}}}}}}}' '''\n[[service]]\nworkload = \"Deployment/api\"\nusage = {{ cpu = \"1\", memory = \"1Gi\" }}\n"
    );
    let (recording, summary) = run(&rest);
    let [rollout] = &recording.episodes.rollouts[..] else {
        panic!("{:?}", recording.episodes.rollouts);
    };
    let stuck = rollout.stuck.as_ref().expect("it is stuck").0.as_secs_f64();
    assert!((660.0..665.0).contains(&stuck), "{stuck}");
    told(&summary, "Deployment/api", "ProgressDeadlineExceeded");
    told(
        &summary,
        "Deployment/api",
        "a pod asks for 6 CPU, and no node has more than 4 CPU",
    );
}

#[test]
fn a_roll_out_that_was_undone_is_not_told_as_complete() {
    let rest = format!(
        "{NODES}[[action]]\nat = \"10m\"\nkubectl = '''kubectl patch deployment api -p '{{\"spec\": {{\"progressDeadlineSeconds\": 60, \"template\": {{\"spec\": {{\"containers\": [{{\"name\": \"api\", \"resources\": {{\"requests\": {{\"cpu\": \"6\"}}}}}}]}}}}}}}}' '''\n[[action]]\nat = \"30m\"\nkubectl = \"kubectl rollout undo deployment/api\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = {{ cpu = \"1\", memory = \"1Gi\" }}\n"
    );
    let (_, summary) = run(&rest);
    let text = told(&summary, "Deployment/api", "was stuck");
    assert!(
        text.starts_with("its roll-out of 10m0s was stuck from 11m"),
        "{text}"
    );
    assert!(
        text.contains(
            "and never completed: that of another ReplicaSet took its place, complete at 30m"
        ),
        "{text}"
    );
}

#[test]
fn a_first_roll_out_that_never_completes_is_told_without_its_beginning() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 1\ncpu = 1\nmemory = \"16Gi\"\nprice = 0.2\n[[service]]\nworkload = \"Deployment/api\"\nusage = { cpu = \"1\", memory = \"1Gi\" }\n";
    let (_, summary) = run(rest);
    let text = told(&summary, "Deployment/api", "ProgressDeadlineExceeded");
    assert!(
        text.starts_with("its roll-out has been stuck since 10m"),
        "{text}"
    );
}

#[test]
fn a_surge_beyond_the_bounds_is_told_of() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 4\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[action]]\nat = \"30m\"\nkubectl = \"kubectl set image deployment/api api=api:2\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = { cpu = \"2600m\", memory = \"1Gi\" }\n";
    let (recording, summary) = run(rest);
    let most = recording.episodes.rollouts[0].most_pods.0;
    // A quarter of ten, rounded up.
    assert_eq!(most, 13);
    let text = told(&summary, "Deployment/api", "together reached");
    assert!(
        text.starts_with("roll-out and HPA together reached 13 of 10 pods at 30m"),
        "{text}"
    );
}

#[test]
fn nodes_without_pods_are_told_of() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 1\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[node_group]]\nname = \"other\"\ncount = 2\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.3\n[[action]]\nat = \"15m\"\nkubectl = \"kubectl drain other-1 other-2 --ignore-daemonsets\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = { cpu = \"200m\", memory = \"1Gi\" }\n";
    let (_, summary) = run(rest);
    let text = told(&summary, "node group other", "node-hours");
    // From a quarter of the hour on, two nodes at 0.3 dollars.
    assert!(text.starts_with('7') && text.contains("$0.4"), "{text}");
    assert!(
        !summary
            .findings
            .iter()
            .any(|one| one.subject == "node group n")
    );
}

#[test]
fn a_spot_node_goes_after_its_notice_and_another_one_comes() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 2\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\ninterruption = { at = \"10m\", notice = \"30s\" }\n";
    let scenario = scenario(rest);
    let mut cluster = Simulation::new(&scenario, 3);
    let at = |seconds| SimTime::from_secs(seconds);
    cluster.step_until(at(601)).expect("no endless loop");
    let gone: Vec<String> = (cluster.store().nodes())
        .filter(|(_, node)| node.unschedulable)
        .map(|(_, node)| node.name().to_owned())
        .collect();
    assert_eq!(gone.len(), 1, "one node has its notice");
    // Its pods have the notice at most, although they would have 60 s.
    let store = cluster.store();
    let leaving = store.pods().filter(|(_, pod)| pod.is_deleting());
    for (_, pod) in leaving {
        assert!(pod.grace().as_secs_f64() <= 30.0);
    }
    // Its heartbeats are missed first.
    cluster.step_until(at(690)).expect("no endless loop");
    assert_eq!(cluster.store().node_count(), 1, "it is gone");
    cluster.step_until(at(1800)).expect("no endless loop");
    assert_eq!(cluster.store().node_count(), 2, "another one has come");
    let ready = cluster
        .store()
        .pods()
        .filter(|(_, pod)| pod.is_ready() && pod.is_active());
    assert_eq!(ready.count(), 4);
    let recording = cluster.finish().expect("the books balance").recording;
    let node = recording.nodes.iter().find(|node| node.name == gone[0]);
    assert_eq!(node.expect("a record").ended, Some(at(630)));
    assert_eq!(recording.nodes.len(), 3);
    assert_eq!(recording.interruptions.len(), 1);
}

/// One spot node that lives for 20 minutes at most.
fn preemptible(more: &str) -> String {
    format!(
        "[[node_group]]\nname = \"n\"\ncount = 1\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.12\nprovisioning = \"100s\"\ninterruption = {{ max_lifetime = \"20m\", notice = \"30s\"{more} }}\n"
    )
}

#[test]
fn a_preemptible_node_is_gone_when_its_longest_life_is_over() {
    let (recording, summary) = run(&preemptible(""));
    let lives: Vec<(f64, Option<f64>)> = (recording.nodes.iter())
        .map(|node| {
            let ended = node.ended.map(SimTime::as_secs_f64);
            (node.started.as_secs_f64(), ended)
        })
        .collect();
    // Each that follows is launched 15 s after the end of the one before it.
    let wanted = [(0.0, Some(1200.0)), (1215.0, Some(2415.0)), (2430.0, None)];
    assert_eq!(lives, wanted);
    let notices: Vec<f64> = (recording.interruptions.iter())
        .map(|one| one.time.as_secs_f64())
        .collect();
    assert_eq!(notices, [1170.0, 2385.0, 3600.0]);
    // 3570 s at 12 cents an hour.
    assert!((get(&summary, "node_cost") - 0.119).abs() < 1e-9);
}

#[test]
fn a_node_that_is_taken_in_its_first_hour_is_free() {
    let (recording, summary) = run(&preemptible(", free_first_hour = true"));
    // Only the last one stays until the end of the hour.
    let last = 1170.0 / 3600.0 * 0.12;
    assert!((get(&summary, "node_cost") - last).abs() < 1e-9);
    assert!((get(&summary, "cost.credits") - 0.08).abs() < 1e-9);
    assert!((get(&summary, "cost.spot") - 0.119).abs() < 1e-9);
    let text = told(&summary, "node group n", "taken back");
    assert!(
        text.contains("2 of them cost nothing: taken in the first hour"),
        "{text}"
    );
    let mut table = Vec::new();
    write_costs(&recording, &mut table).expect("a table");
    let mut rows = csv::Reader::from_reader(&table[..]);
    let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.expect("a row")).collect();
    let cost = |row: &csv::StringRecord| row[9].parse::<f64>().expect("a number");
    let sum: f64 = rows.iter().map(cost).sum();
    assert!((sum - last).abs() < 0.005, "{sum}");
    let credit = rows.iter().find(|row| &row[4] == "credit").expect("a row");
    assert_eq!((&credit[1], &credit[2]), ("n", "spot"));
}

#[test]
fn nodes_are_billed_for_as_long_as_the_provider_says_and_a_credit_pays_first() {
    let (_, summary) = run(&format!(
        "{NODES}[pricing]\ncluster_hour = 0.1\ncredit = 0.2\nnode_minimum = \"2h\"\n"
    ));
    // Two nodes for two hours, the fee for one.
    assert!((get(&summary, "cost.on_demand") - 0.8).abs() < 1e-9);
    assert!((get(&summary, "node_cost") - 0.7).abs() < 1e-9);
    assert!((get(&summary, "cost.credits") - 0.2).abs() < 1e-9);
}

/// Pods that request 500m and 1Gi, 4 of them for an hour.
fn billed(pricing: &str) -> f64 {
    let (_, summary) = run(&format!("[pricing]\n{pricing}\n"));
    get(&summary, "request_cost")
}

#[test]
fn serverless_pods_are_billed_by_their_providers_sizes() {
    let prices = "cpu_hour = 0.04\ngib_hour = 0.005";
    let hourly = |cores: f64, gib: f64| 4.0 * (cores * 0.04 + gib * 0.005);
    let near = |billed: f64, cost: f64| assert!((billed - cost).abs() < 1e-6, "{billed}, {cost}");
    near(billed(prices), hourly(0.5, 1.0));
    // 256 MiB more push a pod of 1 GiB into the next size.
    near(
        billed(&format!("{prices}\npods = \"fargate\"")),
        hourly(0.5, 2.0),
    );
    near(
        billed(&format!("{prices}\npods = \"gke-autopilot\"")),
        hourly(0.5, 1.0),
    );
    // The prices of a class are those of pods that ask for it.
    let class = "classes.general-purpose = { cpu_hour = 0.08, gib_hour = 0.01 }";
    let own = format!("{prices}\npods = \"gke-autopilot-bursting\"\n{class}");
    near(billed(&own), 2.0 * hourly(0.5, 1.0));
}

#[test]
fn serverless_pods_are_paid_for_from_when_they_have_a_node() {
    // Eight more pods at half-time, of which the nodes hold two: Fargate bills those that wait for nothing.
    let rest = "[[node_group]]\ncount = 3\ncpu = \"1\"\nmemory = \"8Gi\"\n[[action]]\nat = \"20m\"\nkubectl = \"kubectl delete hpa api\"\n[[action]]\nat = \"30m\"\nkubectl = \"kubectl scale deploy api --replicas=8\"\n[pricing]\ncpu_hour = 1\ngib_hour = 0\n";
    let existing = get(&run(rest).1, "request_cost");
    let placed = get(
        &run(&format!("{rest}pods = \"fargate\"\n")).1,
        "request_cost",
    );
    assert!(existing > placed + 0.4, "{existing} and {placed}");
    assert!((placed - (2.0 + 0.5)).abs() < 0.01, "{placed}");
}

#[test]
fn a_static_fleet_would_have_cost_the_peak_all_the_time() {
    let group = "[[node_group]]\nname = \"g\"\ncount = 1\nmin = 1\nmax = 3\ninstance_type = \"m5.xlarge\"\n";
    let still = run("[[node_group]]\ncount = 2\ninstance_type = \"m5.xlarge\"\n").1;
    assert!((get(&still, "cost.static_nodes") - 0.384).abs() < 1e-9);
    assert!((get(&still, "cost.ratio_to_static_nodes") - 1.0).abs() < 1e-9);
    assert!((get(&still, "cost.per_hour") - 0.384).abs() < 1e-9);
    // Sixteen pods more for half of the hour: two nodes more.
    let scale = "[[action]]\nat = \"30m\"\nkubectl = \"kubectl delete hpa api\"\n[[action]]\nat = \"30m1s\"\nkubectl = \"kubectl scale deploy api --replicas=20\"\n";
    let (recording, summary) = run(&format!("{group}{scale}"));
    assert_eq!(recording.costs.peak.0, 3);
    let fleet = get(&summary, "cost.static_nodes");
    assert!((fleet - 3.0 * 0.192).abs() < 1e-9, "{fleet}");
    let ratio = get(&summary, "node_cost") / fleet;
    assert!((get(&summary, "cost.ratio_to_static_nodes") - ratio).abs() < 1e-9);
    assert!((0.6..0.7).contains(&ratio), "{ratio}");
}

#[test]
fn who_pays_for_idle_nodes_changes_nothing_of_their_cost() {
    let of = |idle: &str| {
        let (recording, summary) = run(&format!("{NODES}[pricing]\nidle = \"{idle}\"\n"));
        let own = recording.costs.workloads[0].value();
        let figures = ["node_cost", "cost.idle", "idle_share_pct"];
        (own, figures.map(|name| get(&summary, name)))
    };
    let (own, figures) = of("separate");
    assert!(own < 0.2, "{own}");
    for idle in ["weighted", "even"] {
        let (shared, same) = of(idle);
        assert!((shared - 0.4).abs() < 1e-9, "{shared}");
        for (one, other) in figures.into_iter().zip(same) {
            assert!((one - other).abs() < 1e-9);
        }
    }
}

#[test]
fn a_spot_node_that_has_its_notice_before_it_registers_takes_no_pods() {
    let rest = "[[node_group]]\nname = \"base\"\ncount = 1\ncpu = 1\nmemory = \"16Gi\"\nprice = 0.2\n[[node_group]]\nname = \"n\"\ncount = 2\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\ninterruption = { at = [\"10m\", \"12m40s\"], correlated = 1.0, notice = \"2m\" }\n";
    let scenario = scenario(rest);
    let mut cluster = Simulation::new(&scenario, 42);
    let mut seen = 0;
    for second in (761..880).step_by(5) {
        cluster
            .step_until(SimTime::from_secs(second))
            .expect("no endless loop");
        let nodes = cluster.store().nodes();
        for (_, node) in nodes.filter(|(_, node)| node.name().starts_with("n-")) {
            assert!(node.unschedulable, "{} at {second} s", node.name());
            seen += 1;
        }
    }
    assert!(seen > 0, "they register");
    let recording = cluster.finish().expect("the books balance").recording;
    let killed: u64 = recording.interruptions.iter().map(|one| one.killed).sum();
    assert_eq!((recording.interruptions.len(), killed), (4, 0));
}

#[test]
fn budgets_do_not_stop_the_provider() {
    let pdb = "\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: api}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: api}}}\n";
    let toml = "name = \"money\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"30m\"\n[[node_group]]\nname = \"n\"\ncount = 2\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\ninterruption = { at = \"10m\" }\n";
    let manifests = format!("{DEPLOYMENT}{pdb}");
    let files = InMemory::new([("s.toml", toml), ("all.yaml", &*manifests)]);
    let loaded = Loaded::load("s.toml", &files).expect("a scenario");
    let built = loaded.build(&[]).expect("a scenario");
    let done = world::run(&built.scenario, 3, Detail::Full, |_| true).expect("a run");
    let gone = &done.recording.interruptions;
    assert_eq!(gone.len(), 1);
    assert!(gone[0].evicted > 0, "{gone:?}");
}

#[test]
fn nodes_of_a_correlated_group_go_together_and_a_fallback_replaces_them() {
    let rest = "[[node_group]]\nname = \"base\"\ncount = 1\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[node_group]]\nname = \"n\"\ncount = 3\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\ninterruption = { at = [\"10m\"], correlated = 1.0, fallback = \"base\" }\n";
    let (recording, summary) = run(rest);
    assert_eq!(recording.interruptions.len(), 3);
    let of = |group: &str| {
        recording
            .nodes
            .iter()
            .filter(|node| node.group == group)
            .count()
    };
    assert_eq!((of("base"), of("n")), (1 + 3, 3));
    assert_eq!(get(&summary, "spot_interruptions"), 3.0);
    let text = told(&summary, "node group n", "taken back");
    assert!(
        text.starts_with("3 spot nodes were taken back (10m0s, 10m0s, 10m0s): "),
        "{text}"
    );
}

#[test]
fn interruptions_come_at_their_rate() {
    // Two an hour and node, in four runs of an hour with ten nodes that come back after minutes.
    let toml = "[[node_group]]\nname = \"n\"\ncount = 10\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\ninterruption = { rate = 2 }\n";
    let scenario = scenario(toml);
    let mut count = 0;
    for seed in 0..4 {
        let done = world::run(&scenario, seed, Detail::Summary, |_| true).expect("a run");
        count += done.recording.interruptions.len();
    }
    // Forty node-hours less what provisioning takes: some 70 of 80.
    assert!((45..100).contains(&count), "{count}");
}

#[test]
fn a_zone_is_lost_and_comes_back_whole() {
    let rest = "[[node_group]]\nname = \"a\"\nzone = \"z-a\"\ncount = 2\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[node_group]]\nname = \"b\"\nzone = \"z-b\"\ncount = 2\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[fault]]\nat = \"10m\"\nfor = \"20m\"\ndown = \"zone/z-a\"\n";
    let scenario = scenario(rest);
    let mut cluster = Simulation::new(&scenario, 3);
    let ready = |cluster: &Simulation<'_>| -> Vec<String> {
        let nodes = cluster.store().nodes();
        nodes
            .filter(|(_, node)| node.is_ready())
            .map(|(_, node)| node.name().to_owned())
            .collect()
    };
    let serving = |cluster: &Simulation<'_>| {
        let pods = cluster.store().pods();
        pods.filter(|(_, pod)| pod.is_ready() && pod.is_active())
            .count()
    };
    let at = |seconds| SimTime::from_secs(seconds);
    cluster.step_until(at(660)).expect("no endless loop");
    assert_eq!(ready(&cluster), ["b-1", "b-2"]);
    assert_eq!(serving(&cluster), 2, "they were spread over the zones");
    cluster.step_until(at(1000)).expect("no endless loop");
    assert_eq!(serving(&cluster), 4, "all are in the zone that is left");
    cluster.step_until(at(1860)).expect("no endless loop");
    assert_eq!(ready(&cluster), ["a-1", "a-2", "b-1", "b-2"]);
    let recording = cluster.finish().expect("the books balance").recording;
    let told = Summary::of(&recording).findings;
    assert!(
        told.iter()
            .any(|one| one.text.starts_with("zone z-a was lost")),
        "{told:#?}"
    );
}

#[test]
fn what_ran_on_a_node_that_comes_back_soon_starts_anew() {
    let rest = "[[node_group]]\nname = \"n\"\nzone = \"z\"\ncount = 1\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.2\n[[fault]]\nat = \"10m\"\nfor = \"2m\"\ndown = \"zone/z\"\n";
    let scenario = scenario(rest);
    let mut cluster = Simulation::new(&scenario, 3);
    cluster
        .step_until(SimTime::from_secs(700))
        .expect("no endless loop");
    let serving = |cluster: &Simulation<'_>| {
        let pods = cluster.store().pods();
        pods.filter(|(_, pod)| pod.is_ready()).count()
    };
    assert_eq!(serving(&cluster), 0);
    cluster
        .step_until(SimTime::from_secs(780))
        .expect("no endless loop");
    assert_eq!(serving(&cluster), 4);
    let restarts: u32 = (cluster.store().pods())
        .map(|(_, pod)| pod.containers[0].restarts)
        .sum();
    assert_eq!(restarts, 4);
}
