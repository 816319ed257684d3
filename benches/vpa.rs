//! The VPA recommender: a minute's samples of containers, and their recommendation.
//!
//! The original (Go, one thread) was measured at 2.1 to 2.5 µs for both samples together and
//! at 3.2 to 4.8 µs for a recommendation. It finds a sample's pod and container by name in maps of
//! the whole cluster, while here the caller holds keys; buckets, weights and arithmetic are the same.

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::autoscaler::vpa::recommender::{PodKey, Recommender};
use nlsim::autoscaler::vpa::{RecommenderFlags, VpaSpec, WallClock};
use nlsim::sim::{SimDuration, SimTime, Stream, Streams};
use nlsim::units::{Bytes, Millicores};

const MINUTE: SimDuration = SimDuration::from_secs(60);
const MINUTES_OF_8_DAYS: u64 = 8 * 1440;

fn main() {
    divan::main();
}

/// Usage as of a service: CPU around 0.4 cores, memory around 600 MB.
fn usage(stream: &mut Stream) -> (Millicores, Bytes) {
    let cpu = Millicores(200 + (stream.unit() * 400.0) as i64);
    (cpu, Bytes(400_000_000 + (stream.unit() * 4e8) as i64))
}

fn recommender() -> Recommender {
    let flags = RecommenderFlags::default();
    Recommender::new(VpaSpec::default(), flags, WallClock::default())
}

fn add(recommender: &mut Recommender, pod: PodKey, time: SimTime, usage: (Millicores, Bytes)) {
    recommender.add_cpu_sample(pod, 0, usage.0, time);
    recommender.add_memory_sample(pod, 0, usage.1, time);
}

/// One pod and its samples of eight days, one a minute.
fn with_history(stream: &mut Stream) -> Recommender {
    let mut recommender = recommender();
    let pod = recommender.add_pod(0, ["api"], SimTime::ZERO);
    for minute in 0..MINUTES_OF_8_DAYS {
        let time = SimTime::ZERO + MINUTE * minute as i64;
        add(&mut recommender, pod, time, usage(stream));
    }
    recommender
}

/// A CPU and a memory sample together, over eight days of them.
#[divan::bench]
fn cpu_and_memory_sample(bencher: Bencher<'_, '_>) {
    let mut stream = Streams::new(1).stream("usage");
    let usages: Vec<_> = (0..MINUTES_OF_8_DAYS).map(|_| usage(&mut stream)).collect();
    bencher
        .counter(ItemsCount::new(MINUTES_OF_8_DAYS))
        .with_inputs(recommender)
        .bench_values(|mut recommender| {
            let pod = recommender.add_pod(0, ["api"], SimTime::ZERO);
            let mut time = SimTime::ZERO;
            for usage in &usages {
                add(&mut recommender, pod, time, *usage);
                time += MINUTE;
            }
            recommender
        });
}

/// Recommendations of VPAs with one container each and eight days of history.
#[divan::bench(args = [1, 1000])]
fn recommendation(bencher: Bencher<'_, '_>, containers: u64) {
    let mut stream = Streams::new(1).stream("usage");
    let one = with_history(&mut stream);
    let mut recommenders: Vec<_> = (0..containers).map(|_| one.clone()).collect();
    let now = SimTime::ZERO + MINUTE * MINUTES_OF_8_DAYS as i64;
    bencher
        .counter(ItemsCount::new(containers))
        .bench_local(|| {
            for recommender in &mut recommenders {
                divan::black_box(recommender.recommend(now));
            }
        });
}

/// One VPA whose pods have 1,000 containers of different names.
#[divan::bench]
fn recommendation_of_one_vpa_with_1000_containers(bencher: Bencher<'_, '_>) {
    let mut stream = Streams::new(1).stream("usage");
    let names: Vec<String> = (0..1000)
        .map(|place| format!("container-{place}"))
        .collect();
    let mut recommender = recommender();
    let pod = recommender.add_pod(0, names.iter().map(String::as_str), SimTime::ZERO);
    for hour in 0..8 * 24 {
        let time = SimTime::from_secs(3600 * hour);
        for place in 0..names.len() {
            let (cpu, memory) = usage(&mut stream);
            recommender.add_cpu_sample(pod, place, cpu, time);
            recommender.add_memory_sample(pod, place, memory, time);
        }
    }
    let now = SimTime::from_secs(8 * 86_400);
    bencher
        .counter(ItemsCount::new(1000u64))
        .bench_local(|| divan::black_box(recommender.recommend(now).len()));
}
