//! The memory of a recommender that knows 10,000 containers, each with labels of its own, a day
//! of samples and a recommendation: see `max alloc`.

use divan::{AllocProfiler, Bencher};
use nlsim::autoscaler::vpa::recommender::{PodKey, Recommender};
use nlsim::autoscaler::vpa::{RecommenderFlags, VpaSpec, WallClock};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::units::{Bytes, Millicores};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const CONTAINERS: u32 = 10_000;
const MINUTES: i64 = 1440;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 1, sample_size = 1)]
fn ten_thousand_containers(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let flags = RecommenderFlags::default();
        let mut recommender = Recommender::new(VpaSpec::default(), flags, WallClock::default());
        let names: Vec<String> = (0..CONTAINERS).map(|number| format!("c{number}")).collect();
        let pods: Vec<PodKey> = (0..CONTAINERS)
            .zip(&names)
            .map(|(labels, name)| recommender.add_pod(labels, [name.as_str()], SimTime::ZERO))
            .collect();
        for minute in 0..MINUTES {
            let time = SimTime::ZERO + SimDuration::from_secs(60) * minute;
            for (number, pod) in (0..).zip(&pods) {
                let cpu = Millicores(100 + (minute * 37 + number * 11) % 900);
                let memory = Bytes(300_000_000 + (minute * 7919 + number) % 200_000_000);
                recommender.add_cpu_sample(*pod, 0, cpu, time);
                recommender.add_memory_sample(*pod, 0, memory, time);
            }
        }
        recommender.recommend(SimTime::ZERO + SimDuration::from_secs(86_400));
        recommender
    });
}
