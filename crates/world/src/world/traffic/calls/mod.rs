//! Calls from service to service: what a request asks of others before it is answered.
//!
//! A request that has done its CPU work makes its service's calls, one stage after the other, and holds
//! its slot meanwhile. Each attempt of a call is a request of its own to another service; a call to a
//! queue is a message. What a pod's client does with failures stands in [`workload::call`]; this module
//! carries calls from one end to the other.
//!
//! [`workload::call`]: crate::workload::call

mod life;
mod timers;
mod way;

use std::collections::{BTreeMap, VecDeque};

use super::{ServerId, Traffic};
use crate::record::{CallSample, Called};
use crate::sim::{Arena, Key, SimTime, Streams};
use crate::workload::call::Pass;
use crate::workload::queue::spec::QueueSpec;
use crate::workload::spec::{CallTarget, ServerSpec};
use crate::workload::{Origin, RequestKey, Servers};
use timers::Timers;
use way::Way;

/// Origins from here on are attempts of calls, up to those of [`MESSAGES`]: two of each way, the second
/// one of attempts that would be there without any retry.
pub(super) const CALLS: u32 = 1 << 30;
/// Origins from here on are messages that calls have produced, up to tasks of queues.
pub(super) const MESSAGES: u32 = 3 << 29;
/// The load of a call: none.
pub(super) const NO_LOAD: usize = usize::MAX;

/// Whether a request with this origin would be there without any retry.
fn is_first(origin: Origin) -> bool {
    !(CALLS..MESSAGES).contains(&origin.load) || origin.load & 1 == 1
}

/// A request that makes calls.
#[derive(Debug, Clone, Copy)]
struct Asker {
    server: ServerId,
    request: RequestKey,
    service: usize,
    /// The next way of its service.
    next: usize,
    /// Calls that have not ended.
    open: u32,
    failed: bool,
    is_first: bool,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Between attempts.
    Idle,
    /// It waits for a connection.
    Queued,
    /// Its attempt is in a server of the called service.
    Sent(RequestKey),
}

/// A call that has not ended.
#[derive(Debug, Clone, Copy)]
struct Call {
    asker: Key<Asker>,
    way: u32,
    /// How often it is made again after this time.
    left: u32,
    began: SimTime,
    /// When this attempt was sent.
    sent: SimTime,
    /// The number of this attempt, from 1 on.
    attempt: u32,
    stage: Stage,
    pass: Pass,
    /// Where the connection leads that this attempt goes over.
    connection: Option<ServerId>,
}

/// What is to be done at this instant.
#[derive(Debug, Clone, Copy)]
enum Todo {
    /// A request's next calls, or its end.
    Ask(Key<Asker>),
    /// A call's next attempt.
    Attempt(Key<Call>),
    /// An attempt that may open a connection, or has one.
    Send(Key<Call>, Option<ServerId>),
}

/// All ways and calls.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_field_names, reason = "it has calls, and ways")]
pub(super) struct Calls {
    ways: Vec<Way>,
    /// By service: its ways in order.
    of_service: Vec<Vec<u32>>,
    askers: Arena<Asker>,
    calls: Arena<Call>,
    todo: VecDeque<Todo>,
    timers: Timers,
}

impl Calls {
    pub(super) fn new(services: &[ServerSpec], queues: &[QueueSpec], streams: &Streams) -> Self {
        let mut made = Self::default();
        if services.iter().all(|service| service.calls.is_empty()) {
            return made;
        }
        for service in services {
            let first = made.ways.len() as u32;
            for spec in &service.calls {
                let (called, name) = match spec.to {
                    CallTarget::Service(index) => (index, &services[index].name),
                    CallTarget::Queue(index) => (queues[index].service, &queues[index].name),
                };
                let own = streams.of("call").of(&service.name).of(name);
                made.ways
                    .push(Way::new(spec, called, &services[called], own));
            }
            made.of_service
                .push((first..made.ways.len() as u32).collect());
        }
        made
    }

    /// Whether there is none: requests need not look here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// Whether a service is called.
    pub(super) fn reach(&self, service: usize) -> bool {
        self.ways.iter().any(|way| way.service == service)
    }

    /// Checks that the calls made have been answered, have failed, or are under way, and that every
    /// request that makes calls waits for some.
    fn audit(&self) -> Result<(), String> {
        let mut open = vec![0; self.ways.len()];
        for (_, call) in self.calls.iter() {
            open[call.way as usize] += 1;
        }
        for (place, (way, open)) in self.ways.iter().zip(open).enumerate() {
            let totals = &way.totals;
            let ended = totals.answered + totals.failures();
            if totals.calls != ended + open {
                return Err(format!(
                    "{} calls on way {place}, but {ended} ended and {open} under way",
                    totals.calls
                ));
            }
        }
        let waited_for: u64 = self.askers.iter().map(|(_, one)| u64::from(one.open)).sum();
        if waited_for != self.calls.len() as u64 || self.askers.iter().any(|(_, one)| one.open == 0)
        {
            return Err(format!(
                "{} calls under way, but {waited_for} are waited for",
                self.calls.len()
            ));
        }
        Ok(())
    }

    /// Checks that the connections that servers count are those that calls hold and pools keep.
    fn audit_connections(&self, servers: &Servers) -> Result<(), String> {
        if !self.ways.iter().any(|way| way.counted) {
            return Ok(());
        }
        let calls = self.calls.iter().map(|(_, call)| call);
        let calls = calls.filter(|call| self.ways[call.way as usize].counted);
        let held = calls.filter_map(|call| call.connection);
        let counted = self.ways.iter().filter(|way| way.counted);
        let idle = counted.flat_map(Way::idle);
        let mut open: BTreeMap<ServerId, u32> = BTreeMap::new();
        for server in held.chain(idle) {
            *open.entry(server).or_default() += 1;
        }
        for (server, connections) in servers.connections() {
            let open = open.get(&server).copied().unwrap_or(0);
            if connections != open {
                return Err(format!(
                    "a server counts {connections} connections, but callers have {open} to it"
                ));
            }
        }
        Ok(())
    }
}

impl Traffic {
    /// Every way on which calls are made: the calling service, and what is called.
    pub fn ways(services: &[ServerSpec]) -> impl Iterator<Item = (usize, Called)> {
        let of = |(caller, service)| {
            let service: &ServerSpec = service;
            let called = service.calls.iter().map(|call| match call.to {
                CallTarget::Service(index) => Called::Service(index),
                CallTarget::Queue(index) => Called::Queue(index),
            });
            called.map(move |called| (caller, called))
        };
        services.iter().enumerate().flat_map(of)
    }

    /// How the calls on a way stand.
    pub fn calls(&self, way: usize, now: SimTime) -> CallSample {
        self.calls.ways[way].sample(now)
    }

    /// Calls that were made and what became of them add up.
    pub fn audit_calls(&self) -> Result<(), String> {
        self.calls.audit()?;
        self.calls.audit_connections(&self.servers)
    }
}
