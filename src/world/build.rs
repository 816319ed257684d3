//! From a scenario to a world at time zero.

use super::sample::UsageTotals;
use super::traffic::Traffic;
use super::vpa::{self, Vpas};
use super::{Event, World};
use crate::autoscaler::hpa::{
    ContainerRequest, Controller, HpaSpec, MetricSpec, PodRequests, Resource, ResourceTarget,
    ValueTarget,
};
use crate::cluster::spec::{ContainerSpec, PodTemplate, WorkloadSpec};
use crate::cluster::{Cluster, EffectLog, Resources};
use crate::load::spec::Generator;
use crate::metrics::{CustomMetrics, Pipeline, SAMPLE_PERIOD};
use crate::record::{
    Detail, HpaRecord, LoadRecord, NodeRecord, Objective, Prices, Recorder, Recording,
    ServiceRecord, WorkloadRecord,
};
use crate::scenario::Scenario;
use crate::sim::{EventQueue, SimDuration, SimTime, Streams};

/// Look-ups between the scenario's lists, made once.
#[derive(Debug, Clone)]
pub(super) struct Links {
    /// The service that a workload's pods serve.
    pub(super) service_of: Vec<Option<usize>>,
    /// The load whose clients are a Job's pods.
    pub(super) load_of: Vec<Option<usize>>,
    /// The next client's number, per load.
    pub(super) next_client: Vec<u32>,
    /// The requests of a workload's pods.
    pub(super) requests: Vec<PodRequests>,
    /// The selector of a workload as text.
    pub(super) selectors: Vec<String>,
    /// Each HPA's target as messages name it.
    pub(super) references: Vec<String>,
}

/// The requests of a pod whose containers have these resources instead of the template's.
pub(super) fn changed_requests(template: &PodTemplate, containers: &[Resources]) -> PodRequests {
    let mut changed = requests(template);
    for (request, resources) in changed.containers.iter_mut().zip(containers) {
        request.requests = [
            resources.cpu_request.map(|cpu| cpu.0),
            resources
                .memory_request
                .map(|memory| memory.0.saturating_mul(1000)),
        ];
    }
    changed
}

fn requests(template: &PodTemplate) -> PodRequests {
    let request = |container: &ContainerSpec| ContainerRequest {
        name: container.name.clone(),
        restartable: container.restartable,
        requests: [
            container.cpu_request.map(|cpu| cpu.0),
            container
                .memory_request
                .map(|memory| memory.0.saturating_mul(1000)),
        ],
    };
    let pod_level = (template.pod_cpu_request.is_some() || template.pod_memory_request.is_some())
        .then(|| {
            [
                template.pod_cpu_request.map(|cpu| cpu.0),
                template
                    .pod_memory_request
                    .map(|memory| memory.0.saturating_mul(1000)),
            ]
        });
    PodRequests {
        containers: template.containers.iter().map(request).collect(),
        init_containers: template.init_containers.iter().map(request).collect(),
        pod_level,
    }
}

impl Links {
    fn new(scenario: &Scenario) -> Self {
        let mut service_of = vec![None; scenario.workloads.len()];
        for (index, service) in scenario.services.iter().enumerate() {
            service_of[service.workload] = Some(index);
        }
        let mut load_of = vec![None; scenario.workloads.len()];
        for (index, load) in scenario.loads.iter().enumerate() {
            if let Generator::WgetJob(job) = &load.generator {
                load_of[job.workload] = Some(index);
            }
        }
        let selector = |labels: &crate::cluster::spec::Labels| {
            labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let reference = |hpa: &crate::scenario::model::HpaObject| {
            let workload = &scenario.workloads[hpa.workload];
            format!(
                "{}/{}/{}",
                workload.kind.name(),
                workload.namespace,
                workload.name
            )
        };
        Self {
            service_of,
            load_of,
            next_client: vec![0; scenario.loads.len()],
            requests: scenario
                .workloads
                .iter()
                .map(|w| requests(&w.template))
                .collect(),
            selectors: scenario
                .workloads
                .iter()
                .map(|w| selector(&w.selector))
                .collect(),
            references: scenario.hpas.iter().map(reference).collect(),
        }
    }
}

/// A metric's label and target in its own unit.
fn label(metric: &MetricSpec) -> (String, f64) {
    let resource_target = |target: &ResourceTarget, resource: Resource| match target {
        ResourceTarget::Utilization(percent) => f64::from(*percent),
        ResourceTarget::AverageValue(value) if resource == Resource::Cpu => *value as f64 / 1000.0,
        ResourceTarget::AverageValue(value) => *value as f64 / 1000.0,
    };
    let value_target = |target: &ValueTarget| match target {
        ValueTarget::Value(value) | ValueTarget::AverageValue(value) => *value as f64 / 1000.0,
    };
    match metric {
        MetricSpec::Resource { resource, target } => {
            (resource.to_string(), resource_target(target, *resource))
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => (
            format!("{container}/{resource}"),
            resource_target(target, *resource),
        ),
        MetricSpec::Pods {
            name,
            average_value,
            ..
        } => (name.clone(), *average_value as f64 / 1000.0),
        MetricSpec::Object { name, target, .. } | MetricSpec::External { name, target, .. } => {
            (name.clone(), value_target(target))
        }
    }
}

fn cpu_target(spec: &HpaSpec) -> Option<f64> {
    spec.metrics.iter().find_map(|metric| match metric {
        MetricSpec::Resource {
            resource: Resource::Cpu,
            target: ResourceTarget::Utilization(percent),
        } => Some(f64::from(*percent)),
        _ => None,
    })
}

/// A workload's node selector as text, if no node satisfies it.
fn unmet_selector(
    workload: &WorkloadSpec,
    scenario: &Scenario,
    cluster: &Cluster,
) -> Option<String> {
    let wanted = &workload.template.node_selector;
    let met = cluster.nodes().iter().any(|node| {
        let labels = &scenario.node_groups[node.group].labels;
        wanted
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    });
    (!met && !wanted.is_empty()).then(|| {
        let pairs: Vec<String> = wanted
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(", ")
    })
}

/// The frame of the recording: names and everything that does not change.
fn frame(scenario: &Scenario, cluster: &Cluster) -> Recording {
    let hpas = scenario.hpas.iter().map(|hpa| {
        let (names, targets): (Vec<_>, Vec<_>) = hpa.spec.metrics.iter().map(label).unzip();
        HpaRecord {
            namespace: hpa.namespace.as_str().into(),
            name: hpa.name.clone(),
            workload: hpa.workload,
            bounds: (hpa.spec.min_replicas, hpa.spec.max_replicas),
            cpu_target: cpu_target(&hpa.spec),
            metric_values: vec![crate::record::Curve::default(); names.len()],
            metric_names: names,
            metric_targets: targets,
            ..HpaRecord::default()
        }
    });
    let workloads = scenario
        .workloads
        .iter()
        .enumerate()
        .map(|(index, workload)| WorkloadRecord {
            kind: workload.kind.name(),
            namespace: workload.namespace.as_str().into(),
            name: workload.name.clone(),
            cpu_request: requests(&workload.template)
                .containers
                .iter()
                .filter_map(|container| container.requests[0])
                .sum::<i64>() as f64
                / 1000.0,
            unmet_selector: unmet_selector(workload, scenario, cluster),
            is_load: scenario.loads.iter().any(|load| match &load.generator {
                Generator::WgetJob(job) => job.workload == index,
                _ => false,
            }),
            ..WorkloadRecord::default()
        });
    let services = scenario.services.iter().zip(&scenario.slos);
    let services = services.map(|(service, slo)| ServiceRecord {
        namespace: scenario.workloads[service.workload]
            .namespace
            .as_str()
            .into(),
        name: service.name.clone(),
        workload: service.workload,
        objective: Objective {
            percentile: slo.percentile,
            latency: slo.latency,
            error_rate: slo.error_rate,
        },
        ..ServiceRecord::default()
    });
    let nodes = cluster.nodes().iter().map(|node| {
        let group = &scenario.node_groups[node.group];
        NodeRecord {
            name: node.name.clone(),
            group: group.name.clone(),
            started: SimTime::ZERO,
            ended: None,
            price_per_hour: group.price_per_hour.0,
            spot: group.spot,
            cpu: group.allocatable_cpu.cores(),
            memory: group.allocatable_memory.gib(),
        }
    });
    let loads = scenario.loads.iter().map(|load| LoadRecord {
        namespace: match &load.generator {
            Generator::WgetJob(job) => scenario.workloads[job.workload].namespace.as_str().into(),
            _ => "".into(),
        },
        name: load.name.clone(),
        service: load.service,
        started: load.at,
        ..LoadRecord::default()
    });
    Recording {
        duration: scenario.simulation.duration,
        warm_up: scenario.simulation.warm_up,
        step: scenario.simulation.step,
        prices: Prices {
            cpu_hour: scenario.pricing.cpu_hour.0,
            gib_hour: scenario.pricing.gib_hour.0,
            minimum_seconds: scenario.pricing.minimum_seconds,
            cluster_hour: scenario.pricing.cluster_hour.0,
        },
        hpas: hpas.collect(),
        workloads: workloads.collect(),
        services: services.collect(),
        nodes: nodes.collect(),
        loads: loads.collect(),
        vpas: vpa::records(scenario),
        ..Recording::default()
    }
}

impl<'s> World<'s> {
    pub(super) fn new(scenario: &'s Scenario, seed: u64, detail: Detail) -> Self {
        let streams = Streams::new(seed);
        let cluster = Cluster::new(
            &scenario.controllers.cluster,
            &scenario.node_groups,
            &scenario.workloads,
            &scenario.pdbs,
            &streams,
        );
        let mut traffic = Traffic::new(&scenario.services, &scenario.loads, &streams);
        let nodes = cluster
            .nodes()
            .iter()
            .map(|node| traffic.add_node(node.allocatable_cpu))
            .collect();
        let hpas = scenario.hpas.iter();
        let hpas =
            hpas.map(|hpa| Controller::new(hpa.spec.clone(), scenario.controllers.hpa.clone()));
        let recorder = Recorder::new(detail, frame(scenario, &cluster));
        Self {
            scenario,
            queue: EventQueue::default(),
            metrics: Pipeline::new(
                &scenario.controllers.metrics,
                cluster.nodes().len(),
                &streams,
            ),
            custom: CustomMetrics::new(&scenario.custom_metrics),
            hpas: hpas.collect(),
            vpas: Vpas::new(scenario),
            links: Links::new(scenario),
            pods: Vec::new(),
            server_pods: Vec::new(),
            stopped: Vec::new(),
            nodes,
            log: EffectLog {
                wants_events: detail == Detail::Full,
                ..EffectLog::default()
            },
            recorder,
            usage: UsageTotals::new(scenario.services.len()),
            stream: streams.stream("hpa/phase"),
            vpa_stream: streams.stream("vpa/phase"),
            cluster,
            traffic,
        }
    }

    /// Brings everything up that is there at the start and schedules what comes by itself.
    pub(super) fn start(&mut self) {
        self.traffic.start(&mut self.queue);
        self.metrics.start(&mut self.queue);
        self.cluster.start(&mut self.queue, &mut self.log);
        self.apply_effects(SimTime::ZERO);
        let period = self.scenario.controllers.hpa.sync_period;
        for index in 0..self.hpas.len() {
            let phase = SimDuration((period.0 as f64 * self.stream.unit()) as i64);
            self.queue.schedule_in(phase, Event::Hpa(index as u16));
            let replicas = self.cluster.workloads()[self.scenario.hpas[index].workload].replicas;
            self.recorder.sync(index, SimTime::ZERO, replicas, &[]);
        }
        self.start_vpas();
        self.queue
            .schedule_in(self.scenario.simulation.step, Event::Sample);
        self.custom.settle();
        if !self.custom.services().is_empty() {
            self.queue.schedule_in(SAMPLE_PERIOD, Event::Counters);
        }
    }
}
