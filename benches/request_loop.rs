//! Simulated requests per second, end to end: issued, balanced, served by processor sharing,
//! answered, recorded by the recorder that a run has.

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::load::spec::{
    AbSpec, Arrivals, Generator, HeySpec, LoadSpec, ProfileSpec, Shape, Url, WgetJobSpec,
    WgetScript,
};
use nlsim::load::{HEY_CLIENT_OVERHEAD, WGET_PROCESS_COST};
use nlsim::record::{Detail, LoadRecord, Recorder, Recording, Sample, ServiceRecord};
use nlsim::sim::{Dist, EventQueue, SimDuration, SimTime, Streams};
use nlsim::units::Millicores;
use nlsim::workload::spec::{RequestSpec, ServerSpec};
use nlsim::workload::{ServerLimits, Tier};
use nlsim::world::traffic::{Traffic, TrafficEvent};

const REQUESTS: u64 = 1_000_000;
/// Clients of a Job's loops.
const CLIENTS: u32 = 20;

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

/// A quarter of a minute has passed: windows close.
#[derive(Clone, Copy)]
enum Event {
    Traffic(TrafficEvent),
    Sample,
}

impl From<TrafficEvent> for Event {
    fn from(event: TrafficEvent) -> Self {
        Self::Traffic(event)
    }
}

const STEP: SimDuration = SimDuration::from_secs(15);

/// Runs until about `REQUESTS` were issued.
fn run(bencher: Bencher<'_, '_>, service: &ServerSpec, generator: &Generator, pods: u32) {
    let services = std::slice::from_ref(service);
    bencher.counter(ItemsCount::new(REQUESTS)).bench(|| {
        let mut traffic = Traffic::new(services, &[load(generator.clone())], &Streams::new(1));
        let mut queue: EventQueue<Event> = EventQueue::default();
        let mut recorder = Recorder::new(
            Detail::Full,
            Recording {
                step: STEP,
                services: vec![ServiceRecord::default()],
                loads: vec![LoadRecord::default()],
                ..Recording::default()
            },
        );
        let node = traffic.add_node(Millicores(1_000_000));
        traffic.start(&mut queue);
        for _ in 0..pods {
            let limits = ServerLimits {
                cpu_limit: Some(Millicores(1000)),
                cpu_weight: 100,
                memory_limit: None,
                tier: Tier::default(),
            };
            let server = traffic.add_server(0, node, limits, &mut queue);
            traffic.add_endpoint(server, &mut queue, &mut recorder);
        }
        for client in 0..CLIENTS {
            traffic.start_client(0, client, &mut queue);
        }
        queue.schedule(SimTime::ZERO + STEP, Event::Sample);
        let mut issued = 0;
        while issued < REQUESTS {
            if traffic.is_next(&queue) {
                traffic.run(SimTime::MAX, 4096, &mut queue, &mut recorder);
                issued += recorder.take_issued(0);
                traffic.effects();
                continue;
            }
            match queue.pop() {
                Some((now, Event::Traffic(event))) => {
                    traffic.handle(event, now, &mut queue, &mut recorder);
                }
                Some((time, Event::Sample)) => {
                    let sample = Sample {
                        time,
                        ..Sample::default()
                    };
                    recorder.sample(0, sample);
                    queue.schedule(time + STEP, Event::Sample);
                }
                None => break,
            }
        }
        recorder.finish().loads[0].sent
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
    run(bencher, &service(), &Generator::Profile(profile), pods);
}

/// The same with slots, a wait, and time limits on both sides.
#[divan::bench(args = [10], sample_count = 5, sample_size = 1)]
fn open_poisson_with_limits(bencher: Bencher<'_, '_>, pods: u32) {
    let shape = Shape::Constant {
        rate: 30.0 * f64::from(pods),
    };
    let timeout = Some(SimDuration::from_secs(10));
    let profile = ProfileSpec {
        shape,
        arrivals: Arrivals::Poisson,
        timeout,
    };
    let mut service = service();
    service.slots = Some(64);
    service.backlog = Some(1000);
    service.request.wait = Dist::Constant(0.005);
    service.request.timeout = Some(SimDuration::from_secs(30));
    run(bencher, &service, &Generator::Profile(profile), pods);
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
        any_length: false,
        client_overhead: Dist::Constant(0.000_1),
        url: Url::default(),
    };
    run(bencher, &service(), &Generator::Ab(ab), pods);
}

/// `hey -z … -c 50`, ten pods.
#[divan::bench(args = [10], sample_count = 5, sample_size = 1)]
fn closed_hey(bencher: Bencher<'_, '_>, pods: u32) {
    let hey = HeySpec {
        command: String::new(),
        requests: 0,
        concurrency: 50,
        rate_per_worker: None,
        duration: Some(SimDuration::from_secs(86_400)),
        timeout: Some(SimDuration::from_secs(20)),
        disable_keepalive: false,
        client_overhead: Dist::Constant(HEY_CLIENT_OVERHEAD),
        url: Url::default(),
    };
    run(bencher, &service(), &Generator::Hey(hey), pods);
}

/// A Job of `wget` loops, ten pods.
#[divan::bench(args = [10], sample_count = 5, sample_size = 1)]
fn closed_wget(bencher: Bencher<'_, '_>, pods: u32) {
    let job = WgetJobSpec {
        workload: 0,
        script: WgetScript::endless(SimDuration::from_millis(10)),
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: Some(SimDuration::from_secs(900)),
        url: Url::default(),
    };
    run(bencher, &service(), &Generator::WgetJob(job), pods);
}
