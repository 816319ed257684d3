//! What pods cost: their placement on 100 to 5,000 nodes, and their births and deaths.

mod shape;

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::record::Detail;
use nlsim::world;
use shape::{WAVE, hpa, scenario};

fn main() {
    divan::main();
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
    let hpa = hpa(Some(0));
    let scenario = scenario(groups, 5, 25, 7200, WAVE, &hpa);
    bencher
        .counter(ItemsCount::new(groups))
        .bench_local(|| world::run(&scenario, 1, Detail::Summary, |_| true));
}
