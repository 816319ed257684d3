//! When which HPA is synced: the work queue of the HPA controller, its workers and its clients
//! (`pkg/controller/podautoscaler`, `util/workqueue` of client-go). What a sync decides is the
//! autoscaler's.

use std::collections::VecDeque;

use super::client::TokenBucket;
use crate::api::Context;
use crate::cluster::spec::ClusterConfig;
use crate::sim::{SimDuration, SimTime, Stream};

/// What the HPA controller waits for. Numbers are the places of HPAs.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// An HPA has waited for its period.
    Due(u32),
    /// A call that the client's limit held up is answered.
    Answered(u32),
    /// A worker has finished a sync.
    Free,
    /// The informer begins to hand out every HPA again.
    Resync,
    /// It hands out this one.
    Resynced(u32),
}

/// The API that a metric is read from. The controller has a client, and a limit, for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsApi {
    /// `metrics.k8s.io`.
    Resource,
    /// `custom.metrics.k8s.io`.
    Custom,
    /// `external.metrics.k8s.io`.
    External,
}

/// What a sync has written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Whether it updated the scale.
    pub scale: bool,
    /// Whether it updated the HPA's status.
    pub status: bool,
    /// Events that it reported.
    pub events: usize,
}

/// An HPA in the queue.
#[derive(Debug, Clone, Default)]
struct Item {
    /// When it is added to the queue, if it waits for that.
    waits_until: Option<SimTime>,
    /// Whether it shall be synced (again).
    dirty: bool,
    /// Until when a worker has it: a sync under way has no end yet.
    busy_until: SimTime,
    /// The API of each of its metrics.
    metrics: Vec<MetricsApi>,
    /// When syncs begin that are stated, the last one first.
    stated: Vec<SimTime>,
    /// Calls of the sync under way that have been made.
    called: usize,
    /// Whether the informer has it.
    exists: bool,
    /// Its own period, if it has one.
    period: Option<SimDuration>,
}

/// The clients of the controller, each with a limit of its own (`rest.Config` is copied for
/// each: `newHorizontalPodAutoscalerController` of kube-controller-manager).
#[derive(Debug, Clone)]
struct Clients {
    /// Reads and updates of scales.
    scales: TokenBucket,
    /// Updates of statuses, and events.
    objects: TokenBucket,
    resource: TokenBucket,
    custom: TokenBucket,
    external: TokenBucket,
}

impl Clients {
    fn of(&mut self, api: MetricsApi) -> &mut TokenBucket {
        match api {
            MetricsApi::Resource => &mut self.resource,
            MetricsApi::Custom => &mut self.custom,
            MetricsApi::External => &mut self.external,
        }
    }
}

/// The controller of all HPAs.
#[derive(Debug, Clone)]
pub struct Controller {
    period: SimDuration,
    /// Draws of the informer's order.
    stream: Stream,
    read_latency: SimDuration,
    write_latency: SimDuration,
    clients: Clients,
    /// Until when each worker is busy; the end of a sync under way is not known.
    workers: Vec<SimTime>,
    items: Vec<Item>,
    /// HPAs that no worker has taken yet.
    queue: VecDeque<u32>,
    /// HPAs that were added while a worker had them.
    again: Vec<u32>,
    /// The HPA whose last call has been answered, and since when.
    answered: Option<(u32, SimTime)>,
}

/// How long the informer takes to hand out all HPAs.
const RESYNC_TAKES: SimDuration = SimDuration::from_millis(5);
/// The end of a sync under way.
const UNKNOWN: SimTime = SimTime(i64::MAX);

impl Controller {
    /// A controller with these settings that syncs each HPA once a `period`.
    pub fn new(config: &ClusterConfig, period: SimDuration, stream: Stream) -> Self {
        let client = || TokenBucket::new(config.controller_qps, config.controller_burst);
        Self {
            period,
            stream,
            read_latency: config.api_read_latency,
            write_latency: config.api_latency,
            clients: Clients {
                scales: client(),
                objects: client(),
                resource: client(),
                custom: client(),
                external: client(),
            },
            workers: vec![SimTime(i64::MIN); config.hpa_workers.max(1) as usize],
            items: Vec::new(),
            queue: VecDeque::new(),
            again: Vec::new(),
            answered: None,
        }
    }

    /// An HPA is there, or its spec has changed: its metrics are read from these APIs.
    pub fn set_metrics(&mut self, hpa: u32, metrics: Vec<MetricsApi>) {
        let place = hpa as usize;
        if self.items.len() <= place {
            self.items.resize(place + 1, Item::default());
        }
        let item = &mut self.items[place];
        (item.metrics, item.exists) = (metrics, true);
    }

    /// An HPA that is there is synced once this long.
    pub fn set_period(&mut self, hpa: u32, period: SimDuration) {
        self.items[hpa as usize].period = Some(period);
    }

    fn period(&self, hpa: u32) -> SimDuration {
        self.items[hpa as usize].period.unwrap_or(self.period)
    }

    /// An HPA is gone.
    pub fn forget(&mut self, hpa: u32) {
        self.items[hpa as usize].exists = false;
    }

    /// Queues an HPA whose first syncs begin at these times.
    pub fn begin(&mut self, hpa: u32, syncs: &[SimTime], context: &mut Context<'_, Event>) {
        let stated = &mut self.items[hpa as usize].stated;
        stated.extend(syncs.iter().rev());
        if let Some(first) = stated.pop() {
            self.queue_at(hpa, first, context);
        }
    }

    /// Queues an HPA at a time, unless it is queued earlier (`AddAfter`).
    fn queue_at(&mut self, hpa: u32, at: SimTime, context: &mut Context<'_, Event>) {
        let waits_until = &mut self.items[hpa as usize].waits_until;
        if waits_until.is_none_or(|earlier| at < earlier) {
            *waits_until = Some(at);
            context.at(at, Event::Due(hpa));
        }
    }

    /// An HPA is there or has changed: it is queued a period from now.
    pub fn changed(&mut self, hpa: u32, context: &mut Context<'_, Event>) {
        if self.items[hpa as usize].stated.is_empty() {
            self.queue_at(hpa, context.now + self.period(hpa), context);
        }
    }

    /// Carries out an event. [`Controller::next`] tells afterwards which HPAs are to be
    /// evaluated.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Due(hpa) => {
                let item = &mut self.items[hpa as usize];
                if item.waits_until == Some(context.now) {
                    item.waits_until = None;
                    self.add(hpa, context);
                }
            }
            Event::Answered(hpa) => {
                self.answered = Some((hpa, context.now));
            }
            Event::Free => self.requeue(context.now),
            Event::Resync => {
                context.after(self.period, Event::Resync);
                let soon = context.now + RESYNC_TAKES;
                for (hpa, item) in self.items.iter().enumerate() {
                    // One that is due much later is queued already.
                    if item.exists && item.waits_until.is_none_or(|until| until <= soon) {
                        // In the order of a Go map: in none.
                        let turn = RESYNC_TAKES.0 as f64 * self.stream.unit();
                        context.after(SimDuration(turn as i64), Event::Resynced(hpa as u32));
                    }
                }
            }
            Event::Resynced(hpa) => self.changed(hpa, context),
        }
    }

    /// Adds an HPA to the queue, once; one that a worker has follows when that has finished.
    fn add(&mut self, hpa: u32, context: &mut Context<'_, Event>) {
        let item = &mut self.items[hpa as usize];
        if std::mem::replace(&mut item.dirty, true) {
            return;
        }
        if item.busy_until > context.now {
            self.again.push(hpa);
        } else {
            self.queue.push_back(hpa);
        }
        if !self.again.is_empty() || self.workers.iter().all(|until| *until > context.now) {
            self.wake(context);
        }
    }

    /// Queues the HPAs that were added while a worker had them.
    fn requeue(&mut self, now: SimTime) {
        let items = &self.items;
        let is_free = |hpa: &mut u32| items[*hpa as usize].busy_until <= now;
        self.queue.extend(self.again.extract_if(.., is_free));
    }

    /// Wakes up when the next worker has finished, if that is known.
    fn wake(&self, context: &mut Context<'_, Event>) {
        let later = self.workers.iter().filter(|until| **until > context.now);
        if let Some(next) = later.min().filter(|until| **until != UNKNOWN) {
            context.at(*next, Event::Free);
        }
    }

    /// The next HPA to evaluate now, and when its calls are answered. [`Controller::finish`] has to
    /// follow.
    pub fn next(&mut self, context: &mut Context<'_, Event>) -> Option<(u32, SimTime)> {
        if let Some((hpa, at)) = self.answered.take()
            && let Some(done) = self.call(hpa, at, context)
        {
            return Some((hpa, done));
        }
        loop {
            let worker = self
                .workers
                .iter()
                .position(|until| *until <= context.now)?;
            let hpa = self.queue.pop_front()?;
            self.workers[worker] = UNKNOWN;
            let item = &mut self.items[hpa as usize];
            (item.dirty, item.called, item.busy_until) = (false, 0, UNKNOWN);
            if let Some(done) = self.call(hpa, context.now, context) {
                return Some((hpa, done));
            }
        }
    }

    /// Makes the calls of a sync one after another; none if a client's limit holds one up.
    fn call(
        &mut self,
        hpa: u32,
        mut time: SimTime,
        context: &mut Context<'_, Event>,
    ) -> Option<SimTime> {
        let item = &mut self.items[hpa as usize];
        while item.called <= item.metrics.len() {
            let client = match item.called {
                0 => &mut self.clients.scales,
                metric => self.clients.of(item.metrics[metric - 1]),
            };
            item.called += 1;
            let made = client.reserve(time);
            if made > time {
                context.at(made + self.read_latency, Event::Answered(hpa));
                return None;
            }
            time += self.read_latency;
        }
        Some(time)
    }

    /// A sync has been evaluated: its writes follow, then the worker is free, and the HPA is queued
    /// again a period later; none if the HPA is gone.
    pub fn finish(
        &mut self,
        hpa: u32,
        answered: SimTime,
        written: Option<Written>,
        context: &mut Context<'_, Event>,
    ) {
        let mut end = answered;
        if let Some(written) = written {
            if written.scale {
                end = self.clients.scales.reserve(end) + self.write_latency;
            }
            if written.status {
                end = self.clients.objects.reserve(end) + self.write_latency;
            }
            // Events are written beside the sync, by the same client.
            for _ in 0..written.events {
                self.clients.objects.reserve(end);
            }
        }
        let worker = self.workers.iter_mut().find(|until| **until == UNKNOWN);
        if let Some(worker) = worker {
            *worker = end;
        }
        self.items[hpa as usize].busy_until = end;
        if written.is_some() {
            let stated = self.items[hpa as usize].stated.pop();
            let next = stated.unwrap_or(end + self.period(hpa)).max(end);
            self.queue_at(hpa, next, context);
        }
        if !self.queue.is_empty() || !self.again.is_empty() {
            context.at(end, Event::Free);
        }
    }
}
