//! What the Cluster Autoscaler's loops cost for each pod that waits: the curves are flat.
//!
//! `cargo bench --bench scale_up` prints them. Each run is made with the autoscaler and without it: the
//! nodes that it asks for never come, so that the rest of both is the same.

#[expect(dead_code, reason = "other benches use the rest")]
mod shape;

use std::time::Instant;

use nlsim::record::Detail;
use nlsim::scenario::Scenario;
use nlsim::world;
use shape::on_nodes;

/// Time that is simulated, in seconds: eleven loops, one each scan interval, see the pods.
const SECONDS: u32 = 120;
/// Each run is made so often, and the fastest counts.
const TIMES: usize = 3;

/// So many pods of each of so many Deployments, and one node that has no room for them.
fn pending(groups: u32, pods: u32, on: bool) -> Scenario {
    let node_group = format!(
        "count = 1\ncpu = \"50m\"\nmemory = \"1Gi\"\n\
         [[node_group]]\nname = \"more\"\ncount = 0\nmax = 5000\ncpu = \"4\"\nmemory = \"16Gi\"\nprovisioning = \"1h\"\n\
         [controllers.cluster-autoscaler]\nenabled = {on}\nfrequent-loops-enabled = false\n"
    );
    let usage = "usage = { cpu = \"60m\", memory = \"50Mi\" }";
    on_nodes(groups, pods, SECONDS, &node_group, (usage, ""))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures the time that passes"
)]
fn seconds(scenario: &Scenario) -> f64 {
    let run = |_| {
        let start = Instant::now();
        world::run(scenario, 1, Detail::Summary, |_| true).expect("it ends");
        start.elapsed().as_secs_f64()
    };
    (0..TIMES).map(run).fold(f64::MAX, f64::min)
}

fn print(groups: u32, pods: u32) {
    let [without, with] = [false, true].map(|on| seconds(&pending(groups, pods / groups, on)));
    let loops = f64::from(SECONDS / 10 - 1);
    println!(
        "  {pods:>6} pods in {groups:>4} groups {:>10.3} ms {:>8.2} µs a pod and loop",
        (with - without) * 1e3,
        (with - without) * 1e6 / f64::from(pods) / loops,
    );
}

fn main() {
    println!("pods: of ten Deployments");
    for pods in [10, 100, 1000, 10_000] {
        print(10, pods);
    }
    println!("groups: of 10,000 pods");
    for groups in [1, 10, 100, 1000] {
        print(groups, 10_000);
    }
}
