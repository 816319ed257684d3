//! Loads against servers without a cluster: what the tests of the request engine share.

use nlsim::load::report::LoadReport;
use nlsim::load::spec::{
    AbSpec, Arrivals, Generator, HeySpec, LoadSpec, ProfileSpec, Shape, Url, WgetJobSpec,
    WgetScript,
};
use nlsim::load::{AB_CLIENT_OVERHEAD, HEY_CLIENT_OVERHEAD, WGET_PROCESS_COST};
use nlsim::record::{Outcome, RequestSink};
use nlsim::sim::{Dist, EventQueue, SimDuration, SimTime, Streams};
use nlsim::units::{Bytes, Millicores};
use nlsim::workload::spec::ServerSpec;
use nlsim::workload::{ServerLimits, Tier};
use nlsim::world::traffic::{Effect, NodeCpuId, ServerId, Traffic, TrafficEvent};

/// No CPU, no wait, no memory: to be changed by the test.
pub(crate) fn service() -> ServerSpec {
    ServerSpec {
        name: "api".into(),
        hosts: vec!["api".into()],
        ..ServerSpec::default()
    }
}

pub(crate) fn load(generator: Generator) -> LoadSpec {
    LoadSpec {
        name: "load".into(),
        service: 0,
        at: SimTime::ZERO,
        until: None,
        generator,
    }
}

pub(crate) fn url() -> Url {
    Url {
        scheme: "http".into(),
        host: "127.0.0.1".into(),
        port: 18099,
        path: "/".into(),
    }
}

pub(crate) fn ab(requests: u64, concurrency: u32) -> AbSpec {
    AbSpec {
        command: format!("ab -n {requests} -c {concurrency} URL"),
        requests,
        concurrency,
        keep_alive: false,
        time_limit: None,
        timeout: SimDuration::from_secs(30),
        continue_on_error: false,
        any_length: false,
        client_overhead: Dist::Constant(AB_CLIENT_OVERHEAD),
        url: url(),
    }
}

pub(crate) fn hey(requests: u64, concurrency: u32) -> HeySpec {
    HeySpec {
        command: format!("hey -n {requests} -c {concurrency} URL"),
        requests,
        concurrency,
        rate_per_worker: None,
        duration: None,
        timeout: Some(SimDuration::from_secs(20)),
        disable_keepalive: false,
        client_overhead: Dist::Constant(HEY_CLIENT_OVERHEAD),
        url: url(),
    }
}

pub(crate) fn wget() -> WgetJobSpec {
    WgetJobSpec {
        workload: 0,
        script: WgetScript::endless(SimDuration::from_millis(10)),
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: None,
        url: url(),
    }
}

pub(crate) fn poisson(rate: f64) -> Generator {
    profile(Shape::Constant { rate }, Arrivals::Poisson)
}

pub(crate) fn profile(shape: Shape, arrivals: Arrivals) -> Generator {
    Generator::Profile(ProfileSpec {
        shape,
        arrivals,
        timeout: None,
    })
}

pub(crate) fn limits(cpu: Option<i64>) -> ServerLimits {
    ServerLimits {
        cpu_limit: cpu.map(Millicores),
        cpu_weight: 100,
        memory_limit: None::<Bytes>,
        tier: Tier::default(),
    }
}

/// Sums over requests that ended well after a warm-up, and what is in flight over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) from: SimTime,
    pub(crate) issued: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) too_early: u64,
    pub(crate) latency: f64,
    /// Each answer in order: arrival, end, outcome. Kept only if asked for.
    pub(crate) log: Option<Vec<(SimTime, SimTime, Outcome)>>,
    in_flight: u64,
    changed: SimTime,
    area: f64,
}

impl Tally {
    pub(crate) fn after(warm_up: SimTime) -> Self {
        Self {
            from: warm_up,
            changed: warm_up,
            ..Self::default()
        }
    }

    fn integrate(&mut self, now: SimTime) {
        if now > self.from {
            self.area += self.in_flight as f64 * now.since(self.changed).as_secs_f64();
            self.changed = now;
        }
    }

    /// Mean latency in seconds.
    pub(crate) fn mean(&self) -> f64 {
        self.latency / self.ok as f64
    }

    /// Answers per second from the end of the warm-up to `now`.
    pub(crate) fn throughput(&self, now: SimTime) -> f64 {
        self.ok as f64 / now.since(self.from).as_secs_f64()
    }

    /// Mean number of requests in flight from the end of the warm-up to `now`.
    pub(crate) fn mean_in_flight(&mut self, now: SimTime) -> f64 {
        self.integrate(now);
        self.area / now.since(self.from).as_secs_f64()
    }
}

impl RequestSink for Tally {
    fn issue(&mut self, _: usize, _: usize, now: SimTime) {
        self.integrate(now);
        self.in_flight += 1;
        self.issued += 1;
    }

    fn answer(&mut self, _: usize, _: usize, arrival: SimTime, now: SimTime, outcome: Outcome) {
        self.integrate(now);
        self.in_flight -= 1;
        if let Some(log) = &mut self.log {
            log.push((arrival, now, outcome));
        }
        if now > self.from {
            if outcome == Outcome::Ok {
                self.ok += 1;
                self.latency += now.since(arrival).as_secs_f64();
            } else {
                self.failed += 1;
            }
        }
    }

    fn too_early(&mut self, _: usize, _: SimTime) {
        self.too_early += 1;
    }
}

/// Traffic with its queue and a tally.
pub(crate) struct Rig {
    pub(crate) traffic: Traffic,
    pub(crate) queue: EventQueue<TrafficEvent>,
    pub(crate) tally: Tally,
    pub(crate) node: NodeCpuId,
    pub(crate) effects: Vec<(SimTime, Effect)>,
}

impl Rig {
    /// Services and loads on one node of 1,000 cores, started.
    pub(crate) fn new(services: &[ServerSpec], loads: &[LoadSpec], seed: u64) -> Self {
        let mut traffic = Traffic::new(services, loads, &Streams::new(seed));
        let mut queue = EventQueue::default();
        let node = traffic.add_node(Millicores(1_000_000));
        traffic.start(&mut queue);
        Self {
            traffic,
            queue,
            tally: Tally::default(),
            node,
            effects: Vec::new(),
        }
    }

    /// A server of service 0 that receives traffic.
    pub(crate) fn serve(&mut self, limits: ServerLimits) -> ServerId {
        let server = self
            .traffic
            .add_server(0, self.node, limits, &mut self.queue);
        self.traffic
            .add_endpoint(server, &mut self.queue, &mut self.tally);
        server
    }

    /// The same on a node of its own, which has this much CPU; without a limit.
    pub(crate) fn serve_alone(&mut self, cpu: Millicores) -> ServerId {
        let node = self.traffic.add_node(cpu);
        let server = self
            .traffic
            .add_server(0, node, limits(None), &mut self.queue);
        self.traffic
            .add_endpoint(server, &mut self.queue, &mut self.tally);
        server
    }

    /// Handles all events up to and including `until`.
    pub(crate) fn run_until(&mut self, until: SimTime) {
        while self.step_to(until) {}
    }

    /// The same as far as the engine runs by itself, as in a cluster.
    pub(crate) fn run_freely(&mut self, until: SimTime) {
        loop {
            let now = self.queue.now();
            self.effects
                .extend(self.traffic.effects().map(|effect| (now, effect)));
            if self.traffic.is_next(&self.queue) {
                let (queue, tally) = (&mut self.queue, &mut self.tally);
                if self.traffic.run(until, 4096, queue, tally) == 0 {
                    break;
                }
            } else if !self.step_to(until) {
                break;
            }
        }
        self.queue.advance_to(until);
    }

    /// Handles all events up to and including `time`, and moves the clock there.
    pub(crate) fn pass_to(&mut self, time: SimTime) {
        self.run_until(time);
        self.queue.advance_to(time);
    }

    /// Handles all events.
    pub(crate) fn run(&mut self) {
        while self.step() {}
    }

    /// Handles one event; false if there was none.
    pub(crate) fn step(&mut self) -> bool {
        self.step_to(SimTime::MAX)
    }

    fn step_to(&mut self, end: SimTime) -> bool {
        let Some(now) = self.traffic.step(end, &mut self.queue, &mut self.tally) else {
            return false;
        };
        self.effects
            .extend(self.traffic.effects().map(|effect| (now, effect)));
        true
    }

    /// The report of load 0; checks the ledger on the way.
    pub(crate) fn report(&self) -> LoadReport {
        self.check();
        self.traffic.load_report(0, self.queue.now())
    }

    pub(crate) fn check(&self) {
        let ledger = self.traffic.ledger(self.queue.now());
        if let Err(imbalance) = ledger.check() {
            panic!("{imbalance}: {ledger}");
        }
    }
}
