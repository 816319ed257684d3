//! Prometheus in the cluster: when which target is scraped, and what there is to see.
//!
//! Each target has its own place in the scrape interval; a new one is scraped once it was
//! discovered, one that is gone until that was noticed. `prometheus::scrape` keeps the samples.

mod adapter;
mod cadvisor;
mod kube_state_metrics;
mod lives;
mod pods;
mod queues;
mod rules;
mod samples;

use std::collections::BTreeSet;

use super::{Event, Simulation};
use crate::api::{NodeId, PodId};
use crate::prometheus::promql::{Query, Value};
use crate::prometheus::scrape::{Exposed, Head, QueryError, RecordingRules, Target};
use crate::prometheus::storage::Storage;
use crate::scenario::Scenario;
use crate::scenario::model::{Component, PrometheusSpec};
use crate::sim::{Dist, SimDuration, SimTime, Streams};
use adapter::Adapter;
use kube_state_metrics::{Allowlists, Families};
use pods::Names;

pub(super) use adapter::{Asked, OfPods};

/// Something of Prometheus is due.
#[derive(Debug, Clone, Copy)]
pub enum PrometheusEvent {
    /// The target in this slot is scraped.
    Scrape(u32),
    /// The series of the target in this slot, which is gone, end.
    Retire(u32),
    /// The adapter lists the series that there are.
    Relist(u32),
    /// The group of rules of this place is evaluated.
    Rules(u32),
}

/// Why a query got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryFailure {
    /// Nobody answers: there is no Prometheus, or it is down.
    #[error("connection refused")]
    Down,
    /// Prometheus answers with an error.
    #[error("{0}")]
    Refused(#[from] QueryError),
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A pod of the service of this index.
    Pod(PodId, usize),
    /// cAdvisor in a node's kubelet.
    Node(NodeId),
    /// kube-state-metrics.
    Objects,
    /// The shared queue of the service of this index, through an exporter.
    Queue(usize),
    /// Queues of brokers, through the exporter of this index.
    Brokers(usize),
}

/// A target and its loop.
#[derive(Debug, Clone)]
struct Job {
    /// How many there were before it.
    number: u64,
    source: Source,
    target: Target,
    /// Since when its loop is stopped, or from when on it will be.
    gone: Option<SimTime>,
    /// When it is scraped first.
    first: SimTime,
}

/// A Prometheus with its targets, and the adapter in front of it.
#[derive(Debug, Clone)]
pub(super) struct Prometheus {
    head: Head,
    interval: SimDuration,
    discovery_delay: Dist,
    streams: Streams,
    seed: u64,
    jobs: Vec<Option<Job>>,
    /// Slots of jobs that are over.
    free: Vec<u32>,
    /// How many jobs there have been.
    begun: u64,
    /// The jobs of pods, by their slots.
    of_pods: Vec<Option<(PodId, u32)>>,
    /// By which service's Services pods are found since their labels changed, if by any.
    relabelled: Vec<(PodId, Option<usize>)>,
    /// The jobs of nodes, by their slots.
    of_nodes: Vec<Option<(NodeId, u32)>>,
    sees_objects: bool,
    /// Which exporters of brokers are targets.
    sees_brokers: [bool; queues::EXPORTERS.len()],
    known: Known,
    /// Queries that were asked.
    asked: BTreeSet<String>,
    /// One of them may ask for targets that nobody asked for before.
    is_new: bool,
    /// Labels and annotations that kube-state-metrics may export.
    allowed: Allowlists,
    adapter: Option<Adapter>,
    /// The groups of recording rules, each with its name and its interval.
    rules: Vec<(RecordingRules, String, SimDuration)>,
}

/// What targets have to know to expose something.
#[derive(Debug, Clone)]
struct Known {
    /// What each service exports.
    names: Vec<Names>,
    /// What is asked of kube-state-metrics.
    families: Families,
    /// What is asked of cAdvisor.
    cadvisor: cadvisor::Asked,
    epoch: Epoch,
}

/// The start in milliseconds since 1970: samples have the time of the calendar.
#[derive(Debug, Clone, Copy)]
struct Epoch(i64);

impl Epoch {
    /// A time as Prometheus has it.
    fn unix(self, time: SimTime) -> i64 {
        self.0 + millis(time)
    }
}

/// Milliseconds since the start.
fn millis(time: SimTime) -> i64 {
    time.0.div_euclid(1_000_000)
}

impl Prometheus {
    /// A Prometheus that has no targets yet.
    pub(super) fn new(spec: &PrometheusSpec, scenario: &Scenario, seed: u64) -> Self {
        let mut head = Head::new(spec.edition);
        for query in &spec.queries {
            if let Ok(query) = Query::parse(query) {
                head.want(|wanted| wanted.add_query(&query));
            }
        }
        let rules = spec
            .rules
            .iter()
            .map(|(group, interval)| (RecordingRules::new(group), group.name.clone(), *interval));
        let rules: Vec<_> = rules.filter(|(rules, ..)| !rules.is_empty()).collect();
        if let Some(adapter) = &spec.adapter {
            head.want(|wanted| {
                wanted.add_rules(&adapter.config);
                wanted.keep_for(adapter.max_age.0 / 1_000_000);
            });
        }
        // What reads a recording rule's series reads as far back as there are some of before the
        // start, also through rules on rules.
        let own = rules.iter().flat_map(|(rules, ..)| rules.queries());
        let back = own.map(|query| query.reads().back);
        let back = back.fold(head.wanted().back(), i64::saturating_add);
        for query in rules.iter().flat_map(|(rules, ..)| rules.queries()) {
            head.want(|wanted| {
                wanted.add_query(&query);
                wanted.keep_for(query.reads().back.saturating_add(back));
            });
        }
        let exports = scenario.exports.iter();
        let mut names: Vec<Names> = exports.map(|one| Names::new(one, spec.edition)).collect();
        for one in &mut names {
            one.ask(head.wanted());
        }
        let allowed = Allowlists::new(&spec.allowed_labels, &spec.allowed_annotations);
        let known = Known {
            names,
            families: Families::asked(head.wanted(), &allowed),
            cadvisor: cadvisor::Asked::of(head.wanted()),
            epoch: Epoch(scenario.controllers.vpa.clock.unix_start * 1000),
        };
        Self {
            head,
            interval: spec.scrape_interval,
            discovery_delay: spec.discovery_delay.clone(),
            streams: Streams::new(seed).of("prometheus"),
            seed,
            jobs: Vec::new(),
            free: Vec::new(),
            begun: 0,
            of_pods: Vec::new(),
            relabelled: Vec::new(),
            of_nodes: Vec::new(),
            sees_objects: false,
            sees_brokers: [false; queues::EXPORTERS.len()],
            known,
            asked: spec.queries.iter().cloned().collect(),
            is_new: false,
            allowed,
            adapter: spec
                .adapter
                .as_ref()
                .and_then(|one| Adapter::new(one, spec.edition)),
            rules,
        }
    }

    /// A query's answer; what it reads is kept from now on.
    pub(super) fn ask(&mut self, promql: &str, now: SimTime) -> Result<Value, QueryError> {
        if !self.asked.contains(promql)
            && let Ok(query) = Query::parse(promql)
        {
            self.head.want(|wanted| wanted.add_query(&query));
            for names in &mut self.known.names {
                names.ask(self.head.wanted());
            }
            self.asked.insert(promql.to_owned());
            self.is_new = true;
        }
        self.head.query(promql, self.known.epoch.unix(now))
    }

    /// Whether anybody asks for what kube-state-metrics shows of Deployments.
    pub(super) fn asks_for_deployments(&self) -> bool {
        self.known.families.shows_deployments()
    }

    /// Whether anybody asks for what kube-state-metrics shows of VPAs.
    pub(super) fn asks_for_vpas(&self) -> bool {
        self.known.families.shows_vpas()
    }

    /// Whether series of one of these names may be asked for.
    fn may_take(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.head.wanted().may_take(name))
    }
}

impl Simulation<'_> {
    /// The samples that Prometheus keeps, if there is one.
    pub fn samples(&self) -> Option<&Storage> {
        self.prometheus.as_ref().map(|one| one.head.storage())
    }

    /// What Prometheus answers to a query of now. It keeps nothing that nobody asks: series of a query
    /// that was not asked before, and is not in `[prometheus]`, begin with it.
    pub fn query(&mut self, promql: &str) -> Result<Value, QueryFailure> {
        let now = self.now();
        if self.is_down(Component::Prometheus, now) {
            return Err(QueryFailure::Down);
        }
        let prometheus = self.prometheus.as_mut().ok_or(QueryFailure::Down)?;
        Ok(prometheus.ask(promql, now)?)
    }

    pub(super) fn handle_prometheus(&mut self, event: PrometheusEvent, now: SimTime) {
        match event {
            PrometheusEvent::Scrape(slot) => self.scrape(slot, now),
            PrometheusEvent::Retire(slot) => self.retire_target(slot, now),
            PrometheusEvent::Relist(starts) => self.relist_adapter(starts, now),
            PrometheusEvent::Rules(group) => self.evaluate_rules(group, now),
        }
    }

    /// A target's turn: it is scraped, or it is noticed that it is gone.
    fn scrape(&mut self, slot: u32, now: SimTime) {
        let is_down = self.is_down(Component::Prometheus, now);
        let Some(mut prometheus) = self.prometheus.take() else {
            return;
        };
        let interval = prometheus.interval;
        if let Some(job) = &mut prometheus.jobs[slot as usize] {
            if job.gone.is_some_and(|gone| gone <= now) {
                if is_down {
                    job.target.forget();
                }
                // The end of its series, written when another scrape would have been by then.
                job.gone = Some(now);
                let written = now + interval + SimDuration(interval.0 / 10);
                let event = PrometheusEvent::Retire(slot);
                self.queue.schedule(written, Event::Prometheus(event));
            } else {
                let (head, target) = (&mut prometheus.head, &mut job.target);
                if is_down {
                    target.forget();
                } else {
                    let known = &prometheus.known;
                    target.begin(head, known.epoch.unix(now));
                    let is_up = self.expose(job.source, known, now, None, &mut |sample| {
                        target.expose(head, sample);
                    });
                    target.end(head, is_up);
                }
                let event = PrometheusEvent::Scrape(slot);
                self.queue
                    .schedule(now + interval, Event::Prometheus(event));
            }
        }
        let is_new = std::mem::take(&mut prometheus.is_new);
        self.prometheus = Some(prometheus);
        if is_new {
            self.discover_cluster(now);
        }
    }

    /// What a target exposes now, or exposed at a time before the start; false if nobody listens.
    fn expose(
        &mut self,
        source: Source,
        known: &Known,
        now: SimTime,
        past: Option<SimTime>,
        out: &mut dyn FnMut(&Exposed),
    ) -> bool {
        match source {
            Source::Pod(pod, service) => self.expose_pod(pod, &known.names[service], out),
            Source::Node(node) => self.expose_node(node, known, now, past, out),
            Source::Objects => {
                self.expose_objects(&known.families, out);
                true
            }
            Source::Queue(service) => {
                let depth = self.traffic.service_counters(service).queued;
                known.names[service].queue(depth, out);
                true
            }
            Source::Brokers(exporter) => {
                self.expose_brokers(&queues::EXPORTERS[exporter], now, out);
                true
            }
        }
    }

    fn retire_target(&mut self, slot: u32, now: SimTime) {
        let is_down = self.is_down(Component::Prometheus, now);
        if let Some(prometheus) = &mut self.prometheus
            && let Some(mut job) = prometheus.jobs[slot as usize].take()
            && let Some(gone) = job.gone
        {
            // One that does not run writes nothing, and knows nothing of it afterwards.
            if !is_down {
                let gone = prometheus.known.epoch.unix(gone);
                job.target.retire(&mut prometheus.head, gone);
            }
            prometheus.free.push(slot);
        }
    }

    /// What an exporter shows of the queues that it sees.
    fn expose_brokers(
        &self,
        exporter: &queues::Exporter,
        now: SimTime,
        out: &mut dyn FnMut(&Exposed),
    ) {
        for (index, spec) in self.scenario.queues.iter().enumerate() {
            if exporter.sees(spec)
                && let Some(read) = self.traffic.queue(index, now)
            {
                let group = &self.scenario.services[spec.service].name;
                exporter.expose(spec, group, read, out);
            }
        }
    }
}
