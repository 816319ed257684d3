//! A service: its endpoints, which of them a connection or request goes to, its shared
//! queue, and its declared usage.

use std::collections::VecDeque;

use super::affinity::Affinity;
use super::cohort::Cohort;
use super::flow::CORE;
use super::request::{ActiveRequests, RequestKey};
use super::server::Server;
use super::spec::{Balancing, ServerSpec, UsageSplit};
use crate::sim::{Key, SimDuration, SimTime, Stream};

/// A minute, the step of noise on declared usage.
const NOISE_STEP: SimDuration = SimDuration::from_secs(60);

/// A service and the servers behind it, by slot.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) spec: ServerSpec,
    /// Every server of the service, in order of creation.
    pub(super) servers: Vec<u32>,
    /// Those that are in no cohort, in the same order.
    pub(super) apart: Vec<u32>,
    /// More of those, which use no part of a declared total.
    pub(super) resting: Vec<u32>,
    /// What is declared for those, in cores and in bytes.
    pub(super) rest: (f64, f64),
    /// Endpoints that use the same.
    pub(super) cohort: Cohort,
    /// Servers that receive traffic, in the order in which they became endpoints.
    pub(super) endpoints: Vec<u32>,
    /// How many of those are servers of other services.
    pub(super) guests: usize,
    /// Servers that are gone while kube-proxy still sends connections to their addresses.
    pub(super) gone: Vec<Key<Server>>,
    /// Its declared total is to be shared anew.
    pub(super) shares_anew: bool,
    /// Servers ever created.
    pub(super) created: u64,
    pub(super) answered: u64,
    /// Requests that came over connections which had been open before.
    pub(super) over_kept: u64,
    /// Endpoints that are none any more and got no request while such ones came.
    pub(super) passed_by: u64,
    /// Whether its requests make calls.
    pub(super) has_calls: bool,
    /// Requests that are to make their calls now.
    pub(super) callers: Vec<RequestKey>,
    /// Where its clients' connections go, if they stay with a pod.
    pub(super) affinity: Option<Affinity>,
    cursor: usize,
    queue: VecDeque<RequestKey>,
}

/// What a service's servers use without requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    /// Declared CPU of an endpoint, in cores.
    pub(super) of_endpoint: f64,
    /// The same of any other server.
    pub(super) of_others: f64,
    /// Background CPU, in millionths of a core.
    pub(super) background: u64,
    /// Declared memory, in bytes.
    pub(super) memory: f64,
}

impl Service {
    pub(super) fn new(spec: &ServerSpec) -> Self {
        Self {
            spec: spec.clone(),
            servers: Vec::new(),
            apart: Vec::new(),
            resting: Vec::new(),
            rest: (0.0, 0.0),
            cohort: Cohort::default(),
            endpoints: Vec::new(),
            guests: 0,
            gone: Vec::new(),
            shares_anew: false,
            created: 0,
            answered: 0,
            over_kept: 0,
            passed_by: 0,
            has_calls: !spec.calls.is_empty(),
            callers: Vec::new(),
            affinity: (spec.balancing == Balancing::RandomPerConnection)
                .then_some(spec.affinity)
                .flatten()
                .map(Affinity::new),
            cursor: 0,
            queue: VecDeque::new(),
        }
    }

    /// A server of another service is no endpoint any more.
    pub(super) fn dismiss(&mut self, slot: u32) {
        if let Some(place) = self.endpoints.iter().position(|other| *other == slot) {
            self.endpoints.remove(place);
            self.guests -= 1;
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.spec.balancing == Balancing::SharedQueue
    }

    /// The endpoint for a new connection or request; `inside` tells how many requests are in a
    /// server that takes more. `None` too if the draw picks the address of a server that is gone,
    /// and it may pick one that takes none; balancers that look at their endpoints try another one
    /// instead, as long as there is one.
    #[inline]
    pub(super) fn choose(
        &mut self,
        stream: &mut Stream,
        inside: impl Fn(u32) -> Option<u32>,
    ) -> Option<u32> {
        let count = self.endpoints.len();
        if count == 0 {
            return None;
        }
        let index = match self.spec.balancing {
            Balancing::RandomPerConnection | Balancing::SharedQueue => {
                stream.below(count + self.gone.len())
            }
            Balancing::RoundRobin => {
                let from = self.cursor % count;
                let mut turn = (from..count).chain(0..from);
                turn.find(|&index| inside(self.endpoints[index]).is_some())
                    .unwrap_or(from)
            }
            Balancing::LeastRequest => {
                let from = self.cursor % count;
                let turn = (from..count).chain(0..from);
                turn.min_by_key(|&index| inside(self.endpoints[index]).unwrap_or(u32::MAX))
                    .unwrap_or(from)
            }
        };
        self.cursor = index + 1;
        self.endpoints.get(index).copied()
    }

    /// The same as long as all endpoints take requests and none is gone, where it does not matter how
    /// busy they are.
    #[inline]
    pub(super) fn choose_one(&mut self, stream: &mut Stream) -> u32 {
        let count = self.endpoints.len();
        let index = match self.spec.balancing {
            Balancing::RoundRobin => self.cursor % count,
            _ => stream.below(count),
        };
        self.cursor = index + 1;
        self.endpoints[index]
    }

    /// The next endpoint in turn that `pulls` from the shared queue.
    pub(super) fn next_puller(&mut self, pulls: impl Fn(u32) -> bool) -> Option<u32> {
        let count = self.endpoints.len();
        let from = self.cursor % count.max(1);
        let index = (from..count)
            .chain(0..from)
            .find(|&index| pulls(self.endpoints[index]))?;
        self.cursor = index + 1;
        Some(self.endpoints[index])
    }

    /// Whether the shared queue takes one more request.
    pub(super) fn queue_has_room(&self) -> bool {
        self.spec
            .backlog
            .is_none_or(|limit| self.queue.len() < limit as usize)
    }

    pub(super) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Puts a request into the shared queue.
    pub(super) fn queue(&mut self, key: RequestKey) {
        self.queue.push_back(key);
    }

    /// The next request of the shared queue.
    pub(super) fn pull(&mut self, requests: &ActiveRequests) -> Option<u32> {
        while let Some(key) = self.queue.pop_front() {
            if let Some(slot) = requests.find(key) {
                return Some(slot);
            }
        }
        None
    }

    /// What each of its servers uses without requests at this time.
    pub(super) fn declared(&self, now: SimTime) -> Declared {
        let usage = self.spec.usage.as_ref();
        let cores = usage.map_or(0.0, |usage| usage.cpu_at(now));
        let (of_endpoint, of_others) = match usage.map(|usage| usage.split) {
            Some(UsageSplit::Total) => {
                let own = self.endpoints.len() - self.guests;
                (cores / own.max(1) as f64, 0.0)
            }
            Some(UsageSplit::PerPod) | None => (cores, cores),
        };
        Declared {
            of_endpoint,
            of_others,
            background: self.spec.background_cpu.0.max(0) as u64 * 1000,
            memory: usage.map_or(0.0, |usage| usage.memory_at(now)),
        }
    }

    /// When declared usage changes next after `now`.
    pub(super) fn next_usage_change(&self, now: SimTime) -> Option<SimTime> {
        let usage = self.spec.usage.as_ref()?;
        let minute = (usage.cpu_noise_cv > 0.0)
            .then(|| SimTime((now.0.div_euclid(NOISE_STEP.0) + 1) * NOISE_STEP.0));
        [usage.next_change(now), minute].into_iter().flatten().min()
    }
}

/// Millionths of a core.
pub(super) fn micros(cores: f64) -> u64 {
    (cores * CORE as f64).round() as u64
}

/// Whether `now` is a time at which noise is drawn anew.
pub(super) fn is_noise_step(now: SimTime) -> bool {
    now.0.rem_euclid(NOISE_STEP.0) == 0
}
