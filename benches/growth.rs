//! What a pod costs for an hour as a run grows in one way or another: the curve is flat.
//!
//! `cargo bench --bench growth` prints it; names of curves after `--` pick some.

mod shape;

use std::time::Instant;

use nlsim::record::Detail;
use nlsim::scenario::Scenario;
use nlsim::world;
use shape::{WAVE, hpa, on_nodes, scenario};

/// A run: its size as the curve tells it, and what is run.
struct Run {
    size: String,
    scenario: Scenario,
    hours: f64,
}

/// Makes the runs of a curve.
type Curve = fn() -> Vec<Run>;

/// So many pods in each group, all of which use 60m.
fn steady(groups: u32, pods: u32, nodes: u32, seconds: u32) -> Scenario {
    let usage = format!("usage = {{ cpu = \"{}m\", memory = \"50Mi\" }}", pods * 60);
    scenario(groups, pods, nodes, seconds, &usage, &hpa(None))
}

/// Services of 150 pods whose usage is higher by day, 30 pods a node, and the Cluster Autoscaler
/// over nodes that may become more or fewer.
fn autoscaled(groups: u32, nodes: u32, hours: u32, on: bool) -> Run {
    let pods = nodes * 30 / groups;
    let usage = format!(
        "usage = {{ cpu = [[\"0h\", \"{}m\"], [\"8h\", \"{}m\"], [\"20h\", \"{}m\"]], \
         memory = \"50Mi\", period = \"24h\" }}",
        pods * 50,
        pods * 60,
        pods * 50
    );
    let (with, bounds) = if on {
        ("with it", format!("min = 1\nmax = {}\n", nodes * 2))
    } else {
        ("without", String::new())
    };
    let node_group =
        format!("count = {nodes}\ncpu = \"4\"\nmemory = \"16Gi\"\nmax_pods = 110\n{bounds}");
    Run {
        size: format!("{nodes} nodes, {} pods, {with}", groups * pods),
        scenario: on_nodes(
            groups,
            pods,
            hours * 3600,
            &node_group,
            (&usage, &hpa(None)),
        ),
        hours: f64::from(hours),
    }
}

/// Groups of 5 to 14 pods that come and go every 700 seconds.
fn waves(groups: u32, nodes: u32, hours: u32) -> Run {
    Run {
        size: format!("{groups} groups, {nodes} nodes, {hours} h"),
        scenario: scenario(groups, 5, nodes, hours * 3600, WAVE, &hpa(Some(0))),
        hours: f64::from(hours),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures the time that passes"
)]
fn print(curve: &str, runs: impl IntoIterator<Item = Run>) {
    println!("{curve}");
    for run in runs {
        let start = Instant::now();
        let finished = world::run(&run.scenario, 1, Detail::Summary, |_| true).expect("it ends");
        let seconds = start.elapsed().as_secs_f64();
        let folded = finished.recording.folded.as_ref().expect("a summary");
        let pods: f64 = folded
            .workloads
            .iter()
            .map(|one| one.pod_hours.value())
            .sum();
        println!(
            "  {:<34} {seconds:>8.3} s  {:>8.2} µs a pod and hour, {:.1} h simulated",
            run.size,
            seconds * 1e6 / pods,
            run.hours,
        );
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| !one.starts_with('-'))
        .collect();
    let is_wanted =
        |curve: &str| wanted.is_empty() || wanted.iter().any(|one| curve.starts_with(one.as_str()));
    let curves: [(&str, Curve); 6] = [
        ("waves: pods that come and go", || {
            vec![
                waves(1, 1, 24),
                waves(10, 3, 24),
                waves(100, 25, 24),
                waves(1000, 250, 2),
            ]
        }),
        ("pods: of 1,000 services, for an hour", || {
            [(1u32, 50u32), (10, 500), (150, 5000)]
                .map(|(pods, nodes)| Run {
                    size: format!("{} pods, {nodes} nodes", pods * 1000),
                    scenario: steady(1000, pods, nodes, 3600),
                    hours: 1.0,
                })
                .into()
        }),
        ("nodes: under 1,000 pods, for an hour", || {
            [10u32, 100, 1000, 5000]
                .map(|nodes| Run {
                    size: format!("{nodes} nodes"),
                    scenario: steady(10, 100, nodes, 3600),
                    hours: 1.0,
                })
                .into()
        }),
        ("loops: of the Cluster Autoscaler, for an hour", || {
            [100u32, 1000, 5000]
                .into_iter()
                .flat_map(|nodes| [false, true].map(|on| autoscaled(nodes / 5, nodes, 1, on)))
                .collect()
        }),
        ("day: of the Cluster Autoscaler", || {
            vec![autoscaled(1000, 5000, 24, true)]
        }),
        ("hours: of 100 pods", || {
            [24u32, 168, 720]
                .map(|hours| Run {
                    size: format!("{hours} h"),
                    scenario: steady(10, 10, 10, hours * 3600),
                    hours: f64::from(hours),
                })
                .into()
        }),
    ];
    for (curve, runs) in curves {
        if is_wanted(curve) {
            print(curve, runs());
        }
    }
}
