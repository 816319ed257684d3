//! A way from a service to another, or to a queue.

use super::super::ServerId;
use super::super::loads::Demand;
use super::Call;
use crate::record::{CallSample, CallTotals};
use crate::sim::{Key, SimTime, Stream, Streams};
use crate::workload::call::Caller;
use crate::workload::spec::{Balancing, CallSpec, ServerSpec};

/// A calling pod's side of a way.
pub(super) type Pod = Caller<Key<Call>, ServerId>;

/// A way from a service to another, or to a queue.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) spec: CallSpec,
    /// The service that is called, or that consumes the queue.
    pub(super) service: usize,
    /// Whether a connection stays with its pod.
    pub(super) stays: bool,
    /// Whether the called pods count their connections.
    pub(super) counted: bool,
    pub(super) chance: Stream,
    pub(super) balancing: Stream,
    /// What is in back-offs by chance.
    pub(super) jitter: Stream,
    pub(super) demand: Demand,
    pub(super) totals: CallTotals,
    /// The calling pods, by the slots of their servers.
    pods: Vec<Option<(ServerId, Pod)>>,
}

impl Way {
    pub(super) fn new(spec: &CallSpec, service: usize, called: &ServerSpec, own: Streams) -> Self {
        Self {
            spec: spec.clone(),
            service,
            stays: called.balancing == Balancing::RandomPerConnection,
            counted: called.concurrency.max_connections.is_some(),
            chance: own.stream("chance"),
            balancing: own.stream("balancing"),
            jitter: own.stream("jitter"),
            demand: Demand::new(&called.request, own.of("demand")),
            totals: CallTotals::default(),
            pods: Vec::new(),
        }
    }

    /// How often a request makes the call that makes it at all.
    pub(super) fn times(&mut self) -> u32 {
        let (whole, more) = (self.spec.times.trunc() as u32, self.spec.times.fract());
        whole + u32::from(more > 0.0 && self.chance.unit() < more)
    }

    /// A calling pod's side, which begins if there is none.
    pub(super) fn pod(&mut self, server: ServerId, now: SimTime) -> &mut Pod {
        let place = server.slot();
        if self.pods.len() <= place {
            self.pods.resize_with(place + 1, || None);
        }
        let entry = &mut self.pods[place];
        if entry.as_ref().is_none_or(|(owner, _)| *owner != server) {
            *entry = None;
        }
        &mut entry
            .get_or_insert_with(|| (server, Pod::new(&self.spec, now)))
            .1
    }

    /// A calling pod's side, unless the pod is gone.
    pub(super) fn known(&mut self, server: ServerId) -> Option<&mut Pod> {
        let (owner, pod) = self.pods.get_mut(server.slot())?.as_mut()?;
        (*owner == server).then_some(pod)
    }

    /// A calling pod is gone: takes out its side.
    pub(super) fn lose(&mut self, server: ServerId) -> Option<Pod> {
        self.known(server)?;
        self.pods[server.slot()].take().map(|(_, pod)| pod)
    }

    /// Where the connections lead that its pods keep and nothing goes over.
    pub(super) fn idle(&self) -> impl Iterator<Item = ServerId> {
        let pods = self.pods.iter().flatten();
        pods.flat_map(|(_, pod)| pod.pool.idle().iter().copied())
    }

    pub(super) fn sample(&self, time: SimTime) -> CallSample {
        let pods = || self.pods.iter().flatten().map(|(_, pod)| &pod.pool);
        CallSample {
            time,
            connections: pods().map(|pool| u64::from(pool.open())).sum(),
            waiting: pods().map(|pool| pool.waiting() as u64).sum(),
            totals: self.totals,
        }
    }
}
