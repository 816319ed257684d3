//! Targets that come and go, and their past before the start.

use super::kube_state_metrics::Families;
use super::queues::EXPORTERS;
use super::{Job, Prometheus, PrometheusEvent, Source, cadvisor, millis};
use crate::api::{NodeId, PodId, What, matches};
use crate::prometheus::scrape::{Target, offset};
use crate::scenario::Scenario;
use crate::sim::{SimDuration, SimTime};
use crate::workload::spec::{Balancing, ServerSpec};
use crate::world::{Event, Simulation};

/// What is scraped before the start reaches this far back: pods that are there then are as old.
pub(super) const PAST: SimDuration = SimDuration::from_secs(3600);

/// The Kubernetes Service in front of a service's pods, or else the service's own name.
fn kubernetes_service<'s>(spec: &'s ServerSpec, namespace: &str) -> &'s str {
    let suffix = format!(".{namespace}.svc");
    let mut hosts = spec.hosts.iter();
    let found = hosts.find_map(|host| host.strip_suffix(suffix.as_str()));
    found.unwrap_or(&spec.name)
}

/// Labels of a service's targets, the scenario's own above all.
fn labels_of(scenario: &Scenario, service: usize, own: &[(&str, &str)]) -> Vec<(String, String)> {
    let spec = &scenario.services[service];
    let namespace = &*scenario.workloads[spec.workload].namespace;
    let common = [
        ("job", spec.name.as_str()),
        ("namespace", namespace),
        ("service", kubernetes_service(spec, namespace)),
    ];
    let mut labels: Vec<(String, String)> = Vec::new();
    let stated = &scenario.exports[service].labels;
    let stated = stated
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in common.into_iter().chain(own.iter().copied()).chain(stated) {
        labels.retain(|(other, _)| other != name);
        labels.push((name.to_owned(), value.to_owned()));
    }
    labels
}

impl Prometheus {
    /// Adds a target that is scraped from a time on; `identity` gives its place in the interval.
    fn add(
        &mut self,
        source: Source,
        labels: Vec<(String, String)>,
        identity: &str,
        from: SimTime,
    ) -> (u32, SimTime) {
        let interval = self.interval.0 / 1_000_000;
        let first = offset(identity, self.seed, interval, millis(from) + 1);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() as u32 - 1
        });
        self.jobs[slot as usize] = Some(Job {
            number: self.begun,
            source,
            target: Target::new(labels),
            gone: None,
            first: SimTime(first * 1_000_000),
        });
        self.begun += 1;
        (slot, SimTime(first * 1_000_000))
    }

    /// How long it takes until a target that came or went is noticed.
    fn notice(&self, number: u64) -> SimDuration {
        let mut stream = self.streams.of("discovery").nth(number);
        SimDuration::from_secs_f64(self.discovery_delay.sample(&mut stream))
    }
}

impl Simulation<'_> {
    /// The targets of time zero, with what was scraped of them before.
    pub(in crate::world) fn start_prometheus(&mut self) {
        if self.prometheus.is_none() {
            return;
        }
        self.discover_cluster(SimTime::ZERO);
        self.discover_queues();
        self.scrape_past();
        self.start_rules();
        self.start_adapter();
    }

    /// The serving container of a pod starts: the pod is a target, if it is none yet.
    pub(in crate::world) fn pod_exports(&mut self, id: PodId, service: usize, at: SimTime) {
        let scenario = self.scenario;
        let (Some(prometheus), Some(pod)) = (&mut self.prometheus, self.store.pod(id)) else {
            return;
        };
        let known = prometheus.of_pods.get(id.slot()).copied().flatten();
        if !scenario.exports[service].scraped || known.is_some_and(|(pod, _)| pod == id) {
            return;
        }
        let container = scenario.services[service].container;
        let container = pod.template.containers.get(container);
        let instance = format!("{}:8080", pod.name());
        let own = [
            ("container", container.map_or("", |one| one.name.as_str())),
            ("instance", instance.as_str()),
            ("pod", pod.name()),
        ];
        let mut relabelled = prometheus.relabelled.iter();
        let found = relabelled.find(|(pod, _)| *pod == id);
        let Some(found) = found.map_or(Some(service), |(_, by)| *by) else {
            return;
        };
        let labels = labels_of(scenario, found, &own);
        let delay = prometheus.notice(pod.meta.uid.0);
        let from = (at + delay).max(SimTime::ZERO);
        let (slot, first) = prometheus.add(Source::Pod(id, service), labels, &instance, from);
        if prometheus.of_pods.len() <= id.slot() {
            prometheus.of_pods.resize(id.slot() + 1, None);
        }
        prometheus.of_pods[id.slot()] = Some((id, slot));
        self.schedule_scrape(slot, first);
    }

    /// A pod's labels may have changed: Prometheus finds it by another service's Services, or by none.
    pub(in crate::world) fn retarget(&mut self, id: PodId, now: SimTime) {
        let (Some(prometheus), Some(pod)) = (&mut self.prometheus, self.store.pod(id)) else {
            return;
        };
        let Some(own) = self.links.service_of(pod.workload) else {
            return;
        };
        let scenario = self.scenario;
        let leads = |service: usize| {
            let spec = &scenario.services[service];
            let namespace = &scenario.workloads[spec.workload].namespace;
            let mut selectors = spec.selectors.iter();
            **namespace == *pod.meta.namespace
                && selectors.any(|one| matches(one, &pod.meta.labels))
        };
        let by = if scenario.services[own].selectors.is_empty() || leads(own) {
            Some(own)
        } else {
            (0..scenario.services.len()).find(|service| leads(*service))
        };
        let known = prometheus.relabelled.iter_mut();
        let known = known.filter(|(pod, _)| *pod == id).map(|(_, by)| by).next();
        let before = match known {
            Some(known) => std::mem::replace(known, by),
            None if by == Some(own) => by,
            None => {
                prometheus.relabelled.push((id, by));
                Some(own)
            }
        };
        if before != by {
            self.pod_exports_no_more(id, now);
            if self.pods[id.slot()].server.is_some() {
                self.pod_exports(id, own, now);
            }
        }
    }

    /// A pod is gone: its target too, once that is noticed.
    pub(in crate::world) fn pod_exports_no_more(&mut self, id: PodId, now: SimTime) {
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let entry = prometheus.of_pods.get_mut(id.slot());
        let known = entry.and_then(|entry| entry.take_if(|(pod, _)| *pod == id));
        let Some((_, slot)) = known else { return };
        let number = prometheus.jobs[slot as usize]
            .as_ref()
            .map(|job| job.number);
        let noticed = number.map(|number| now + prometheus.notice(number | 1 << 63));
        if let Some(job) = &mut prometheus.jobs[slot as usize] {
            job.gone = noticed;
        }
    }

    /// A node came or went.
    pub(in crate::world) fn node_changed(&mut self, node: NodeId, what: What, now: SimTime) {
        match what {
            What::Created => self.discover_node(node, now),
            What::Deleted => {
                if let Some(prometheus) = &mut self.prometheus
                    && let Some(entry) = prometheus.of_nodes.get_mut(node.slot())
                    && let Some((_, slot)) = entry.take_if(|(known, _)| *known == node)
                    && let Some(job) = &mut prometheus.jobs[slot as usize]
                {
                    job.gone = Some(now);
                }
            }
            _ => {}
        }
    }

    /// The kubelet of a node, if anybody asks for what it exports.
    fn discover_node(&mut self, id: NodeId, now: SimTime) {
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let known = prometheus.of_nodes.get(id.slot()).copied().flatten();
        let is_asked = prometheus.may_take(&["up"]) || !prometheus.known.cadvisor.is_empty();
        if !is_asked || known.is_some_and(|(node, _)| node == id) {
            return;
        }
        let name = self.store.node(id).name();
        let instance = format!("{name}:10250");
        let labels = [
            ("instance", instance.as_str()),
            ("job", "kubelet"),
            ("metrics_path", "/metrics/cadvisor"),
            ("node", name),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (slot, first) = prometheus.add(Source::Node(id), labels.to_vec(), &instance, now);
        if prometheus.of_nodes.len() <= id.slot() {
            prometheus.of_nodes.resize(id.slot() + 1, None);
        }
        prometheus.of_nodes[id.slot()] = Some((id, slot));
        self.schedule_scrape(slot, first);
    }

    fn schedule_scrape(&mut self, slot: u32, at: SimTime) {
        let event = PrometheusEvent::Scrape(slot);
        self.queue.schedule(at, Event::Prometheus(event));
    }

    /// Kubelets and kube-state-metrics, as far as anybody asks for what they export.
    pub(super) fn discover_cluster(&mut self, now: SimTime) {
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let wanted = prometheus.head.wanted();
        prometheus.known.families = Families::asked(wanted, &prometheus.allowed);
        prometheus.known.cadvisor = cadvisor::Asked::of(wanted);
        let nodes: Vec<NodeId> = self.store.nodes().map(|(id, _)| id).collect();
        for node in nodes {
            self.discover_node(node, now);
        }
        self.discover_objects(now);
        self.discover_brokers(now);
    }

    fn discover_objects(&mut self, now: SimTime) {
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let is_asked = prometheus.may_take(&["up"]) || !prometheus.known.families.is_empty();
        if !is_asked || prometheus.sees_objects {
            return;
        }
        prometheus.sees_objects = true;
        let instance = "kube-state-metrics:8080";
        let labels = [("instance", instance), ("job", "kube-state-metrics")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (slot, first) = prometheus.add(Source::Objects, labels.to_vec(), instance, now);
        self.schedule_scrape(slot, first);
    }

    /// The exporters of brokers, as far as anybody asks for what they export.
    fn discover_brokers(&mut self, now: SimTime) {
        let queues = &self.scenario.queues;
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let mut begun = Vec::new();
        for (place, exporter) in EXPORTERS.iter().enumerate() {
            let is_known = std::mem::replace(&mut prometheus.sees_brokers[place], true);
            if is_known || !exporter.is_asked(queues, prometheus.head.wanted()) {
                prometheus.sees_brokers[place] = is_known;
                continue;
            }
            let instance = format!("{}:{}", exporter.job, exporter.port);
            let labels = [("instance", instance.as_str()), ("job", exporter.job)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let source = Source::Brokers(place);
            begun.push(prometheus.add(source, labels.to_vec(), &instance, now));
        }
        for (slot, first) in begun {
            self.schedule_scrape(slot, first);
        }
    }

    /// The exporters of shared queues.
    fn discover_queues(&mut self) {
        let scenario = self.scenario;
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let mut begun = Vec::new();
        for (service, spec) in scenario.services.iter().enumerate() {
            if spec.balancing != Balancing::SharedQueue || !scenario.exports[service].scraped {
                continue;
            }
            let instance = format!("{}-exporter:9808", spec.name);
            let labels = labels_of(scenario, service, &[("instance", instance.as_str())]);
            let source = Source::Queue(service);
            let (slot, first) = prometheus.add(source, labels, &instance, SimTime::ZERO);
            begun.push((slot, first));
        }
        for (slot, first) in begun {
            self.schedule_scrape(slot, first);
        }
    }

    /// What was scraped before the start: everything as it stands then, at rest.
    fn scrape_past(&mut self) {
        let Some(mut prometheus) = self.prometheus.take() else {
            return;
        };
        let past = PAST
            .0
            .min(prometheus.head.retention().saturating_mul(1_000_000));
        let interval = prometheus.interval;
        for slot in 0..prometheus.jobs.len() {
            let Some(job) = &mut prometheus.jobs[slot] else {
                continue;
            };
            let (source, target) = (job.source, &mut job.target);
            let mut time = job.first - interval * ((job.first.0 + past) / interval.0);
            let since = match source {
                Source::Pod(id, _) => self.store.pod(id).map(|pod| pod.meta.created),
                Source::Node(_) | Source::Objects | Source::Queue(_) | Source::Brokers(_) => None,
            };
            while time < SimTime::ZERO {
                if since.is_none_or(|since| since < time) {
                    let (head, known) = (&mut prometheus.head, &prometheus.known);
                    target.begin(head, known.epoch.unix(time));
                    let (now, past) = (SimTime::ZERO, Some(time));
                    let is_up = self.expose(source, known, now, past, &mut |sample| {
                        target.expose(head, sample);
                    });
                    target.end(head, is_up);
                }
                time += interval;
            }
        }
        self.prometheus = Some(prometheus);
    }
}
