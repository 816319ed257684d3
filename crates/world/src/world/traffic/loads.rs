//! A load on its service: its source, its random streams, its connections and the requests
//! that wait for an answer.

use std::collections::VecDeque;

use super::ServerId;
use crate::load::Source;
use crate::load::spec::LoadSpec;
use crate::sim::{Dist, SimDuration, SimTime, Stream, Streams};
use crate::workload::spec::{Balancing, RequestSpec, ServerSpec};
use crate::workload::{Client, Origin, RequestKey, Work};

/// CPU time of a request at most, in nanoseconds: 20 days, more than any answer is waited for.
const MOST_CPU: i64 = 20 * 86_400 * 1_000_000_000;

/// Memory of a request at most, in bytes: a tebibyte, so that a million of them can be counted.
const MOST_MEMORY: i64 = 1 << 40;

/// Where the demands of requests come from.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    request: RequestSpec,
    cpu: Stream,
    wait: Stream,
    memory: Stream,
}

impl Demand {
    /// Of requests of this kind, each quantity from a stream of its own.
    pub(super) fn new(request: &RequestSpec, own: Streams) -> Self {
        Self {
            request: request.clone(),
            cpu: own.stream("cpu"),
            wait: own.stream("wait"),
            memory: own.stream("memory"),
        }
    }

    #[inline]
    pub(super) fn draw(&mut self, arrival: SimTime, origin: Origin) -> Work {
        Work {
            cpu: work(self.request.cpu.sample(&mut self.cpu)),
            wait: nanos(self.request.wait.sample(&mut self.wait)),
            memory: bytes(self.request.memory.sample(&mut self.memory)),
            arrival,
            origin,
        }
    }

    /// The same for many arrivals of one origin.
    fn draw_block(&mut self, arrivals: &[SimTime], origin: Origin, works: &mut Vec<Work>) {
        works.clear();
        works.extend(arrivals.iter().map(|&arrival| Work {
            arrival,
            origin,
            ..Work::default()
        }));
        let request = &self.request;
        let each = |seconds: f64, one: &mut Work| one.cpu = work(seconds);
        request.cpu.sample_for(&mut self.cpu, works, each);
        let each = |seconds: f64, one: &mut Work| one.wait = nanos(seconds);
        request.wait.sample_for(&mut self.wait, works, each);
        let each = |amount: f64, one: &mut Work| one.memory = bytes(amount);
        request.memory.sample_for(&mut self.memory, works, each);
    }
}

#[inline]
fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9 + 0.5) as i64
}

/// Heavy tails have no end; the clock of a server's CPU has one.
#[inline]
fn work(seconds: f64) -> i64 {
    nanos(seconds).min(MOST_CPU)
}

#[inline]
fn bytes(amount: f64) -> i64 {
    (amount as i64).min(MOST_MEMORY)
}

/// A load at work.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) name: String,
    pub(super) service: usize,
    pub(super) at: SimTime,
    pub(super) until: Option<SimTime>,
    pub(super) source: Source,
    /// Whether it is in the list of awake loads.
    pub(super) awake: bool,
    /// Whether its end has been reported.
    pub(super) finished: bool,
    pub(super) balancing: Stream,
    /// The server at the other end of each client's kept connection.
    pub(super) connections: Vec<Option<ServerId>>,
    demand: Demand,
    /// The longest wait for an answer, and who waits until when, in order of time.
    pub(super) timeout: Option<SimDuration>,
    pub(super) waiting: VecDeque<(SimTime, RequestKey)>,
    pub(super) timeout_scheduled: bool,
}

impl Load {
    pub(super) fn new(spec: &LoadSpec, service: &ServerSpec, streams: Streams) -> Self {
        let own = streams.of("load").of(&spec.name);
        let kept = match service.balancing {
            Balancing::RandomPerConnection => spec.generator.kept_connections(),
            Balancing::RoundRobin | Balancing::LeastRequest | Balancing::SharedQueue => 0,
        };
        Self {
            name: spec.name.clone(),
            service: spec.service,
            at: spec.at,
            until: spec.until,
            source: Source::new(spec, &streams),
            awake: false,
            finished: false,
            balancing: own.stream("balancing"),
            connections: vec![None; kept as usize],
            demand: Demand::new(&service.request, own.of("demand")),
            timeout: spec.generator.request_timeout(),
            waiting: VecDeque::new(),
            timeout_scheduled: false,
        }
    }

    /// Who sends its requests: a machine of its own, or each of its pods.
    #[inline]
    pub(super) fn address(&self, origin: Origin) -> Client {
        if matches!(self.source, Source::WgetJob(_)) {
            Client::Pod(origin.load, origin.client)
        } else {
            Client::Load(origin.load)
        }
    }

    /// Whether neither its requests nor what they cost hang on chance.
    pub(super) fn is_certain(&self) -> bool {
        self.source.is_even() && matches!(self.demand.request.cpu, Dist::Constant(_))
    }

    #[inline]
    pub(super) fn draw(&mut self, arrival: SimTime, origin: Origin) -> Work {
        self.demand.draw(arrival, origin)
    }

    /// The demands of many arrivals of one origin.
    pub(super) fn draw_block(
        &mut self,
        arrivals: &[SimTime],
        origin: Origin,
        works: &mut Vec<Work>,
    ) {
        self.demand.draw_block(arrivals, origin, works);
    }
}
