//! Simulated requests per second, end to end: issued, balanced, served by processor sharing,
//! answered, recorded.

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::load::spec::{AbSpec, Arrivals, Generator, LoadSpec, ProfileSpec, Shape, Url};
use nlsim::record::{Outcome, RequestSink};
use nlsim::sim::{Dist, EventQueue, SimDuration, SimTime, Streams};
use nlsim::units::Millicores;
use nlsim::workload::ServerLimits;
use nlsim::workload::spec::{RequestSpec, ServerSpec};
use nlsim::world::traffic::{Traffic, TrafficEvent};

const REQUESTS: u64 = 1_000_000;

fn main() {
    divan::main();
}

fn service() -> ServerSpec {
    let cpu = Dist::lognormal(0.02, 0.5).expect("parameters are valid");
    ServerSpec {
        name: "api".into(),
        request: RequestSpec {
            cpu,
            ..RequestSpec::default()
        },
        ..ServerSpec::default()
    }
}

fn load(generator: Generator) -> LoadSpec {
    LoadSpec {
        name: "load".into(),
        service: 0,
        at: SimTime::ZERO,
        until: None,
        generator,
    }
}

/// Counts and sums, as a recorder without series does.
#[derive(Default)]
struct Sums {
    issued: u64,
    answered: u64,
    latency: i64,
}

impl RequestSink for Sums {
    fn issue(&mut self, _: usize, _: usize, _: SimTime) {
        self.issued += 1;
    }

    fn answer(&mut self, _: usize, _: usize, arrival: SimTime, now: SimTime, _: Outcome) {
        self.answered += 1;
        self.latency += now.since(arrival).0;
    }
}

/// Runs until `REQUESTS` were answered.
fn run(bencher: Bencher<'_, '_>, generator: &Generator, pods: u32) {
    bencher.counter(ItemsCount::new(REQUESTS)).bench(|| {
        let mut traffic = Traffic::new(&[service()], &[load(generator.clone())], &Streams::new(1));
        let mut queue: EventQueue<TrafficEvent> = EventQueue::default();
        let mut sums = Sums::default();
        let node = traffic.add_node(Millicores(1_000_000));
        traffic.start(&mut queue);
        for _ in 0..pods {
            let cpu_limit = Some(Millicores(1000));
            let limits = ServerLimits {
                cpu_limit,
                cpu_weight: 100,
                memory_limit: None,
            };
            let server = traffic.add_server(0, node, limits, &mut queue);
            traffic.add_endpoint(server, &mut queue, &mut sums);
        }
        while sums.answered < REQUESTS
            && traffic.step(SimTime::MAX, &mut queue, &mut sums).is_some()
        {}
        sums.latency
    });
}

/// Poisson arrivals at 60 % of the pods' capacity.
#[divan::bench(args = [1, 10, 100], sample_count = 5, sample_size = 1)]
fn open_poisson(bencher: Bencher<'_, '_>, pods: u32) {
    let shape = Shape::Constant {
        rate: 30.0 * f64::from(pods),
    };
    let profile = ProfileSpec {
        shape,
        arrivals: Arrivals::Poisson,
        timeout: None,
    };
    run(bencher, &Generator::Profile(profile), pods);
}

/// The same with clients that wait ten seconds at most.
#[divan::bench(args = [10], sample_count = 5, sample_size = 1)]
fn open_poisson_with_timeout(bencher: Bencher<'_, '_>, pods: u32) {
    let shape = Shape::Constant {
        rate: 30.0 * f64::from(pods),
    };
    let timeout = Some(SimDuration::from_secs(10));
    let profile = ProfileSpec {
        shape,
        arrivals: Arrivals::Poisson,
        timeout,
    };
    run(bencher, &Generator::Profile(profile), pods);
}

/// `ab -c 100`, ten pods.
#[divan::bench(args = [10], sample_count = 5, sample_size = 1)]
fn closed_ab(bencher: Bencher<'_, '_>, pods: u32) {
    let ab = AbSpec {
        command: String::new(),
        requests: REQUESTS,
        concurrency: 100,
        keep_alive: false,
        time_limit: None,
        timeout: SimDuration::from_secs(30),
        continue_on_error: false,
        client_overhead: Dist::Constant(0.000_1),
        url: Url::default(),
    };
    run(bencher, &Generator::Ab(ab), pods);
}
