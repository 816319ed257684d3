//! The engine's interface to nodes, containers and endpoints.

use super::agenda::Turn;
use super::{NodeCpuId, ServerId, Traffic, TrafficEvent};
use crate::record::RequestSink;
use crate::sim::{EventQueue, SimDuration, SimTime};
use crate::units::{Bytes, CpuTime, Millicores};
use crate::workload::{Counters, Even, Instruments, ServerLimits, Throttling, Usage};

impl Traffic {
    /// A node with this much CPU for pods.
    pub fn add_node(&mut self, cpu: Millicores) -> NodeCpuId {
        NodeCpuId(self.servers.add_node(cpu))
    }

    /// A container that serves the service of this index runs from now on. It gets no traffic
    /// before [`Traffic::add_endpoint`].
    pub fn add_server<E: From<TrafficEvent> + Copy>(
        &mut self,
        service: usize,
        node: NodeCpuId,
        limits: ServerLimits,
        queue: &mut EventQueue<E>,
    ) -> ServerId {
        let server = self
            .servers
            .add_server(queue.now(), service, node.0, limits);
        self.sync(queue);
        server
    }

    /// The server's application starts up: it burns this CPU besides the service's own background
    /// and declared usage, and refuses connections until [`Traffic::started`].
    pub fn start_up<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        cpu: Millicores,
        queue: &mut EventQueue<E>,
    ) {
        self.servers.start_up(server);
        self.servers.set_background(queue.now(), server, cpu);
        self.sync(queue);
    }

    /// The server's application has started: it listens.
    pub fn started<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        let now = queue.now();
        self.servers.set_background(now, server, Millicores::ZERO);
        self.servers.started(now, server);
        self.consume(server, queue);
        self.settle(queue, sink);
    }

    /// kube-proxy sends new connections to the server from now on.
    pub fn add_endpoint<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        self.servers.add_endpoint(queue.now(), server);
        self.settle(queue, sink);
    }

    /// Whether nothing has happened that is to be passed on, and no total is to be shared anew.
    pub fn is_calm(&self) -> bool {
        self.effects.is_empty() && !self.servers.has_totals_to_share()
    }

    /// Shares declared totals among the endpoints that there are by now. Returns false if none
    /// has changed. To be called before time goes on.
    pub fn share_totals<E: From<TrafficEvent> + Copy>(
        &mut self,
        queue: &mut EventQueue<E>,
    ) -> bool {
        let shared = self.servers.share_totals(queue.now());
        if shared {
            self.sync(queue);
        }
        shared
    }

    /// kube-proxy sends no new connections to the server any more; kept ones go on.
    pub fn remove_endpoint<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
    ) {
        self.servers.remove_endpoint(queue.now(), server);
        self.sync(queue);
    }

    /// kube-proxy sends new connections to another service to this server as well.
    pub fn lend<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        service: usize,
        queue: &mut EventQueue<E>,
    ) {
        self.servers.lend(server, service);
        self.sync(queue);
    }

    /// kube-proxy sends no new connections to another service to this server any more.
    pub fn take_back(&mut self, server: ServerId, service: usize) {
        self.servers.take_back(server, service);
    }

    /// Servers may be lent to services that get requests, whatever service is their own.
    pub fn may_lend(&mut self) {
        self.may_lend = true;
    }

    /// SIGTERM: the server serves what is in it and closes kept connections; new ones are
    /// refused, also while it is still an endpoint. `Effect::Drained` tells when it is empty.
    pub fn terminate<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
    ) {
        self.stop_consuming(server, queue);
        self.servers.terminate(queue.now(), server);
        self.sync(queue);
    }

    /// The container is gone: its process ended or was killed. Whatever is in it fails; as long
    /// as it is an endpoint, connections to it are refused. Returns whether it is one.
    pub fn stop<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) -> bool {
        let is_endpoint = self.servers.is_endpoint(server);
        self.lose_worker(server, queue.now());
        let was_there = self.servers.stop(queue.now(), server);
        self.forget(server, was_there, queue, sink);
        is_endpoint
    }

    /// The container is gone and no endpoint any more, as when its node fails.
    pub fn kill<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        self.lose_worker(server, queue.now());
        let was_there = self.servers.kill(queue.now(), server);
        self.forget(server, was_there, queue, sink);
    }

    fn forget<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        was_there: bool,
        queue: &mut EventQueue<E>,
        sink: &mut impl RequestSink,
    ) {
        if was_there {
            self.agenda
                .set(Turn::Server(server.slot() as u32), None, queue);
        }
        if !self.calls.is_empty() {
            self.lose_caller(server, queue.now(), sink);
        }
        self.settle(queue, sink);
    }

    /// The container's limits change in place.
    pub fn resize<E: From<TrafficEvent> + Copy>(
        &mut self,
        server: ServerId,
        limits: ServerLimits,
        queue: &mut EventQueue<E>,
    ) {
        self.servers.resize(queue.now(), server, limits);
        self.sync(queue);
    }

    /// A pod of a Job of `wget` loops runs: this client of the load begins. Loads of other
    /// kinds have no such clients.
    pub fn start_client<E: From<TrafficEvent> + Copy>(
        &mut self,
        load: usize,
        client: u32,
        queue: &mut EventQueue<E>,
    ) {
        let of = &mut self.loads[load];
        of.source.start_client(client, queue.now());
        // One that had ended goes on, where a command makes its pod anew.
        of.finished = false;
        self.schedule_load(load, queue);
    }

    /// The only pod of a load is gone.
    pub fn stop_load<E: From<TrafficEvent> + Copy>(
        &mut self,
        load: usize,
        queue: &mut EventQueue<E>,
    ) {
        self.loads[load].source.stop(queue.now());
        self.wake(load as u32);
        self.schedule_load(load, queue);
    }

    /// The client's pod is gone. What it has in flight is served, but its answer reaches
    /// nobody.
    pub fn stop_client<E: From<TrafficEvent> + Copy>(
        &mut self,
        load: usize,
        client: u32,
        queue: &mut EventQueue<E>,
    ) {
        self.loads[load].source.stop_client(client, queue.now());
        self.schedule_load(load, queue);
    }

    /// Brings the event of a load up to date; an end is told when it comes.
    fn schedule_load<E: From<TrafficEvent> + Copy>(
        &mut self,
        index: usize,
        queue: &mut EventQueue<E>,
    ) {
        let load = &mut self.loads[index];
        let ended = (!load.finished && load.source.is_finished()).then_some(queue.now());
        let at = load.source.next_due().or(ended);
        self.agenda.set(Turn::Load(index as u32), at, queue);
    }

    /// How long one more request would take in a server, about; none if it would be turned away.
    pub fn answer_time(&self, server: ServerId) -> Option<SimDuration> {
        self.servers.answer_time(server)
    }

    /// What a server has used since it was added, and what it holds; zero if it is gone.
    pub fn usage(&self, server: ServerId, now: SimTime) -> Usage {
        self.servers.usage(now, server)
    }

    /// Keeps what a server uses until each change from now on. None if its service gets requests.
    pub fn keep_past(&mut self, server: ServerId, service: usize) -> Option<()> {
        let has_load = self.may_lend
            || self.loads.iter().any(|load| load.service == service)
            || self.queues.consumes(service)
            || self.calls.reach(service);
        (!has_load).then(|| self.servers.keep_past(server))
    }

    /// What the server in a slot has used by a time, and what it held then. The time may have passed
    /// if the past is kept; times ascend.
    pub fn usage_until(&mut self, slot: u32, time: SimTime) -> (CpuTime, Bytes) {
        self.servers.usage_until(time, slot)
    }

    /// What the server in a slot uses until something happens to it or those like it.
    pub fn even_usage(&self, slot: u32) -> Option<Even> {
        self.servers.even_usage(slot)
    }

    /// How often servers of a service that use the same have begun to use something else.
    pub fn epoch(&self, service: usize) -> u32 {
        self.servers.epoch(service)
    }

    /// What its CPU limit has done to the server in a slot; none if it has no limit.
    pub fn throttling(&self, slot: u32, now: SimTime) -> Option<Throttling> {
        self.servers.throttling(now, slot)
    }

    /// What the servers of a service that are there have used, and what they hold.
    pub fn service_usage(&mut self, service: usize, now: SimTime) -> (CpuTime, Bytes) {
        self.servers.service_usage(now, service)
    }

    /// Nobody asks any more what servers used before a time.
    pub fn forget_past(&mut self, time: SimTime) {
        self.servers.forget_past(time);
    }

    /// Counters of a server; zero if it is gone.
    pub fn server_counters(&self, server: ServerId) -> Counters {
        self.servers.server_counters(server)
    }

    /// What a server's own instrumentation shows; none if it is gone or nobody listens.
    pub fn instruments(&self, server: ServerId) -> Option<Instruments<'_>> {
        self.servers.instruments(server)
    }

    /// Pods of a service that were ready and got no request, so far, as connections are kept.
    pub fn passed_by(&self, service: usize) -> u64 {
        self.servers.passed_by(service)
    }

    /// Counters of a service, by its index; messages that wait for its workers are queued.
    pub fn service_counters(&self, service: usize) -> Counters {
        let mut counters = self.servers.service_counters(service);
        let waiting = self.queues.waiting(service);
        counters.queued = counters.queued.saturating_add(waiting as u32);
        counters
    }
}
