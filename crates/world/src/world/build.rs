//! From a scenario to a world at time zero.

use super::autoscale::Hpas;
use super::cluster_autoscaler::ClusterAutoscaler;
use super::karpenter::Karpenter;
use super::keda::Keda;
use super::load_steps::load_steps;
use super::manifests::Manifests;
use super::prometheus::Prometheus;
use super::requests::TemplateRequests;
use super::sample::UsageTotals;
use super::traffic::Traffic;
use super::vpa::{self, Vpas};
use super::{Components, Event, Simulation};
use crate::api::{
    EventSink, LabelSelector, PodDraws, PodId, PodTemplate, Store, WorkloadId, Write,
};
use crate::autoscaler::hpa::{Config, HpaSpec, MetricSpec, Resource, ResourceTarget, ValueTarget};
use crate::cloud::Cloud;
use crate::cluster::prices::{CommitmentSpec, CommitmentTerms, IdlePayer, PodBilling};
use crate::cluster::spec::{CpuWeightModel, NodeGroupSpec, WorkloadSpec};
use crate::controller::deployment::adapter::Statuses;
use crate::controller::{
    PodControl, cronjob, daemonset, deployment, endpoints, garbage_collector, job, node_lifecycle,
    podautoscaler, replicaset, statefulset, taint_eviction,
};
use crate::kubectl::command::{Command, Targets};
use crate::kubelet::{Kubelet, cpu_weight};
use crate::load::spec::Generator;
use crate::metrics::spec::CustomMetricSpec;
use crate::metrics::{CustomMetrics, Pipeline, SAMPLE_PERIOD};
use crate::record::cost::{
    CLASS_LABEL, CONTAINER_DEFAULT, Commitment, ComputeClass, Covers, DAEMON_SET_DEFAULT,
    IdleShare, PodSizes, Terms,
};
use crate::record::{
    CallRecord, Detail, HpaRecord, HpaSpecRecord, LoadRecord, NodeRecord, Objective, Prices,
    QueueRecord, Recorder, Recording, ServiceRecord, WorkloadRecord,
};
use crate::scenario::Scenario;
use crate::scenario::model::{Action, TriggerSource};
use crate::scheduler::Scheduler;
use crate::sim::{EventQueue, SimTime, Streams};
use crate::units::Millicores;
use crate::workload::queue::spec::Acknowledge;
use crate::workload::spec::Balancing;

/// Look-ups between the scenario's lists, made once.
#[derive(Debug, Clone)]
pub(super) struct Links {
    service_of: Vec<Option<usize>>,
    load_of: Vec<Option<usize>>,
    startup_cpu: Vec<Millicores>,
    /// The pods that were or are clients, per load, in the order of their numbers.
    pub(super) clients: Vec<Vec<PodId>>,
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
        let startups = scenario.workloads.iter().map(|one| one.startup.startup_cpu);
        Self {
            service_of,
            load_of,
            startup_cpu: startups.collect(),
            clients: vec![Vec::new(); scenario.loads.len()],
        }
    }

    /// The service that a workload's pods serve.
    pub(super) fn service_of(&self, workload: WorkloadId) -> Option<usize> {
        self.service_of.get(workload.index()).copied().flatten()
    }

    /// The load whose clients are a Job's pods.
    pub(super) fn load_of(&self, workload: WorkloadId) -> Option<usize> {
        self.load_of.get(workload.index()).copied().flatten()
    }

    /// CPU that an application burns while it starts.
    pub(super) fn startup_cpu(&self, workload: WorkloadId) -> Millicores {
        self.startup_cpu
            .get(workload.index())
            .copied()
            .unwrap_or_default()
    }
}

/// Which pods the Services that lead to simulated ones select; without a Service it is the
/// workload's own pods that are meant.
fn select_endpoints(endpoints: &mut endpoints::Controller, scenario: &Scenario) {
    for service in &scenario.services {
        let of_services = service.selectors.iter().cloned();
        let mut selectors: Vec<LabelSelector> = of_services.map(Into::into).collect();
        let of = &scenario.workloads[service.workload];
        let workload = WorkloadId(service.workload as u32);
        if !selectors.is_empty() {
            endpoints.host(workload, of.namespace.as_str().into(), selectors.clone());
        }
        if selectors.is_empty() {
            selectors.push(of.selector.clone());
        }
        let by_kube_proxy = service.balancing == Balancing::RandomPerConnection;
        endpoints.select(workload, selectors, by_kube_proxy);
    }
}

/// Whether a command may give pods other labels, and so other Services.
fn relabels_pods(action: &Action) -> bool {
    let is_pod = |kind: &str| kind == "Pod";
    let targets = match &action.command.command {
        Command::Label(metadata) => &metadata.targets,
        Command::Patch(patch) => &patch.targets,
        Command::Apply(_) | Command::Replace(_) => {
            let mut documents = action.documents.iter();
            return documents.any(|one| one["kind"].as_str().is_some_and(is_pod));
        }
        _ => return false,
    };
    match targets {
        Targets::Named(all) => all.iter().any(|one| is_pod(one.kind.kind)),
        Targets::Selected(all) => all.kinds.iter().any(|kind| is_pod(kind.kind)),
        Targets::Files(_) => {
            let mut documents = action.documents.iter();
            documents.any(|one| one["kind"].as_str().is_some_and(is_pod))
        }
    }
}

/// A metric's label.
pub(super) fn metric_name(metric: &MetricSpec) -> String {
    label(metric).0
}

/// A metric's label and target in its own unit.
fn label(metric: &MetricSpec) -> (String, f64) {
    let resource_target = |target: &ResourceTarget| match target {
        ResourceTarget::Utilization(percent) => f64::from(*percent),
        ResourceTarget::AverageValue(value) => *value as f64 / 1000.0,
    };
    let value_target = |target: &ValueTarget| match target {
        ValueTarget::Value(value) | ValueTarget::AverageValue(value) => *value as f64 / 1000.0,
    };
    match metric {
        MetricSpec::Resource { resource, target } => {
            (resource.to_string(), resource_target(target))
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => (format!("{container}/{resource}"), resource_target(target)),
        MetricSpec::Unmeasured {
            resource,
            container,
            target,
        } => {
            let resource = match container {
                None => resource.clone(),
                Some(container) => format!("{container}/{resource}"),
            };
            (resource, resource_target(target))
        }
        MetricSpec::Untargeted { name, target, .. } => {
            let given = target.value.or(target.average_value).unwrap_or(0);
            (name.clone(), given as f64 / 1000.0)
        }
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

/// The tolerance of scaling up: of the spec, or else the controller's flag.
fn tolerance_up(spec: &HpaSpec, config: &Config) -> f64 {
    let own = spec.behavior.as_ref().and_then(|b| b.scale_up.tolerance);
    own.filter(|_| config.configurable_tolerance)
        .unwrap_or(config.tolerance)
}

/// The tolerance of scaling down, likewise.
fn tolerance_down(spec: &HpaSpec, config: &Config) -> f64 {
    let own = spec.behavior.as_ref().and_then(|b| b.scale_down.tolerance);
    own.filter(|_| config.configurable_tolerance)
        .unwrap_or(config.tolerance)
}

/// The class of machines that a template asks for.
pub(super) fn class_of(template: &PodTemplate) -> ComputeClass {
    let asked = template.node_selector.get(CLASS_LABEL);
    ComputeClass::from_label(asked.map(|class| &**class))
}

/// What GKE Autopilot adds to a pod for containers that request neither CPU nor memory.
pub(super) fn unstated(template: &PodTemplate, is_daemon_set: bool) -> (f64, f64) {
    let (cores, gib) = if is_daemon_set {
        DAEMON_SET_DEFAULT
    } else {
        CONTAINER_DEFAULT
    };
    let states_nothing = |one: &&crate::api::ContainerSpec| {
        let asked = one.resources();
        asked.cpu_request.is_none() && asked.memory_request.is_none()
    };
    let count = template.lasting().filter(states_nothing).count() as f64;
    (cores * count, gib * count)
}

/// A workload's node selector as text, if no node satisfies it.
fn unmet_selector(workload: &WorkloadSpec, store: &Store) -> Option<String> {
    let wanted = &workload.template.node_selector;
    let met = store
        .nodes()
        .any(|(_, node)| crate::api::matches(wanted, node.labels()));
    (!met && !wanted.is_empty()).then(|| {
        let pairs: Vec<String> = wanted
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(", ")
    })
}

/// What the recording has of an HPA's spec.
pub(super) fn tell_spec(record: &mut HpaRecord, spec: &HpaSpec, config: &Config, since: SimTime) {
    let (names, targets): (Vec<_>, Vec<_>) = spec.metrics.iter().map(label).unzip();
    record.bounds = (spec.min_replicas, spec.max_replicas);
    record.cpu_target = cpu_target(spec);
    record.tolerance = tolerance_up(spec, config);
    record.tolerance_down = tolerance_down(spec, config);
    let curves = &mut record.metric_values;
    curves.resize(
        curves.len().max(names.len()),
        crate::record::Curve::default(),
    );
    record.metric_names = names;
    record.specs.push(HpaSpecRecord {
        since,
        bounds: record.bounds,
        cpu_target: record.cpu_target,
        tolerance: (record.tolerance, record.tolerance_down),
        metric_targets: targets.clone(),
        ..HpaSpecRecord::default()
    });
    record.metric_targets = targets;
}

/// The record of a node that is launched.
pub(super) fn node_record(name: &str, group: &NodeGroupSpec, started: SimTime) -> NodeRecord {
    NodeRecord {
        name: name.to_owned(),
        group: group.name.clone(),
        started,
        ended: None,
        instance_type: group.instance_type.clone(),
        price_per_hour: group.price_per_hour.0,
        prices: group.prices.as_slice().into(),
        list_price: group.list_price.0,
        spot: group.spot,
        cpu: group.allocatable_cpu.cores(),
        memory: group.allocatable_memory.gib(),
        system: (group.daemonset_cpu.cores(), group.daemonset_memory.gib()),
        refunded: false,
    }
}

/// What things cost, as the recorder has it.
fn prices(scenario: &Scenario) -> Prices {
    Prices {
        cpu_hour: scenario.pricing.cpu_hour.0,
        gib_hour: scenario.pricing.gib_hour.0,
        classes: (scenario.pricing.classes).map(|class| class.map(|(core, gib)| (core.0, gib.0))),
        pods: match scenario.pricing.pods {
            PodBilling::AsRequested => PodSizes::AsRequested,
            PodBilling::Fargate => PodSizes::Fargate,
            PodBilling::Autopilot => PodSizes::Autopilot,
            PodBilling::AutopilotBursting => PodSizes::AutopilotBursting,
        },
        minimum_seconds: scenario.pricing.minimum_seconds,
        cluster_hour: scenario.pricing.cluster_hour.0,
        node_minimum_seconds: scenario.pricing.node_minimum_seconds,
        credit: scenario.pricing.credit.0,
        idle: match scenario.pricing.idle {
            IdlePayer::Separate => IdleShare::Separate,
            IdlePayer::Weighted => IdleShare::Weighted,
            IdlePayer::Even => IdleShare::Even,
        },
        ..Prices::default()
    }
}

/// A commitment's record.
fn commitment(spec: &CommitmentSpec) -> Commitment {
    Commitment {
        name: spec.name.clone(),
        from: spec.from,
        until: spec.until,
        terms: match &spec.terms {
            CommitmentTerms::Group { name, count, price } => Terms::Instances {
                covers: Covers::Group(name.as_str().into()),
                count: *count,
                price: price.0,
            },
            CommitmentTerms::InstanceType { name, count, price } => Terms::Instances {
                covers: Covers::InstanceType(name.as_str().into()),
                count: *count,
                price: price.0,
            },
            CommitmentTerms::Reservation { name, count, price } => Terms::Reservation {
                instance_type: name.as_str().into(),
                count: *count,
                price: price.0,
            },
            CommitmentTerms::Spend { rate, discount } => Terms::Spend {
                rate: rate.0,
                discount: *discount,
            },
        },
    }
}

/// The request engine, in whose nodes groups of pods weigh as the runtime has it.
fn traffic(scenario: &Scenario, streams: &Streams) -> Traffic {
    let Scenario {
        services,
        loads,
        queues,
        ..
    } = scenario;
    let mut made = Traffic::with_queues(services, loads, queues, streams);
    made.set_group_weight(match scenario.controllers.cluster.cpu_weight_model {
        CpuWeightModel::Shares => |request| cpu_weight(Some(request), CpuWeightModel::Shares),
        CpuWeightModel::V2Old => |request| cpu_weight(Some(request), CpuWeightModel::V2Old),
        CpuWeightModel::V2New => |request| cpu_weight(Some(request), CpuWeightModel::V2New),
    });
    made
}

/// The metrics that the scenario declares, then the sources of triggers.
fn served(scenario: &Scenario) -> Vec<CustomMetricSpec> {
    let sources = scenario.trigger_sources.iter().map(TriggerSource::metric);
    let metrics = scenario.custom_metrics.iter().cloned();
    metrics.chain(sources).collect()
}

/// CPU that a pod of a workload uses without requests, in cores.
fn background(scenario: &Scenario, workload: usize) -> f64 {
    let mut services = scenario.services.iter();
    let service = services.find(|service| service.workload == workload);
    let serving = service.map(|service| service.container);
    let lasting = scenario.workloads[workload].template.lasting().enumerate();
    let others = lasting.filter(|(place, _)| Some(*place) != serving);
    let others: f64 = others.map(|(_, one)| one.idle_cpu.cores()).sum();
    others + service.map_or(0.0, |service| service.background_cpu.cores())
}

/// Whether some service limits the rate of its requests.
fn limits_rates(scenario: &Scenario) -> bool {
    let mut services = scenario.services.iter();
    services.any(|service| service.concurrency.rate_limit.is_some())
}

/// The frame of the recording: names and everything that does not change.
fn frame(scenario: &Scenario, store: &Store) -> Recording {
    let mut absent = Vec::new();
    let hpas = scenario.hpas.iter().map(|hpa| {
        let workload = hpa.workload.unwrap_or_else(|| {
            // A target that is not there has no pods.
            absent.push(WorkloadRecord {
                kind: hpa.target.kind.clone().into(),
                namespace: hpa.namespace.as_str().into(),
                name: hpa.target.name.clone(),
                ..WorkloadRecord::default()
            });
            scenario.workloads.len() + absent.len() - 1
        });
        let mut record = HpaRecord {
            namespace: hpa.namespace.as_str().into(),
            name: hpa.name.clone(),
            workload,
            holdable: hpa.workload.and_then(|workload| {
                let template = &scenario.workloads[workload].template;
                super::holdable::holdable(template, scenario)
            }),
            ..HpaRecord::default()
        };
        let config = &scenario.controllers.hpa;
        tell_spec(&mut record, &hpa.spec, config, SimTime::ZERO);
        record.load_steps = load_steps(scenario, workload, &hpa.spec);
        record
    });
    let hpas: Vec<HpaRecord> = hpas.collect();
    let workloads = scenario
        .workloads
        .iter()
        .enumerate()
        .map(|(index, workload)| WorkloadRecord {
            kind: workload.kind.name().into(),
            namespace: workload.namespace.as_str().into(),
            name: workload.name.clone(),
            cpu_request: workload.template.lasting_requests().cpu.cores(),
            cpu_background: background(scenario, index),
            unmet_selector: unmet_selector(workload, store),
            class: class_of(&workload.template),
            unstated: unstated(&workload.template, workload.kind.name() == "DaemonSet"),
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
    let queues = scenario.queues.iter().map(|queue| QueueRecord {
        name: queue.name.clone(),
        kind: queue.kind.name(),
        service: queue.service,
        partitions: queue.kind.partitions(),
        early: queue.worker.acknowledge == Acknowledge::Early,
        ..QueueRecord::default()
    });
    let ways = Traffic::ways(&scenario.services);
    let calls = ways.map(|(caller, called)| CallRecord::new(caller, called));
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
    let clock = scenario.controllers.vpa.clock;
    Recording {
        duration: scenario.simulation.duration,
        start: (scenario.simulation.has_calendar).then_some(clock.unix_start),
        warm_up: scenario.simulation.warm_up,
        step: scenario.simulation.step,
        prices: prices(scenario),
        hpas,
        workloads: workloads.chain(absent).collect(),
        services: services.collect(),
        limits_rates: limits_rates(scenario),
        queues: queues.collect(),
        calls: calls.collect(),
        commitments: scenario.commitments.iter().map(commitment).collect(),
        loads: loads.collect(),
        faults: scenario.faults.iter().map(super::faults::record).collect(),
        vpas: vpa::records(scenario),
        ..Recording::default()
    }
}

/// The components of a scenario's control plane, and its kubelets.
fn components(scenario: &Scenario, streams: Streams, statuses: Statuses) -> Components {
    let config = &scenario.controllers.cluster;
    let sync_period = scenario.controllers.hpa.sync_period;
    let startups = scenario.workloads.iter().map(|one| one.startup.clone());
    let mut components = Components {
        pod_control: PodControl::new(streams),
        deployments: deployment::adapter::Controller::new(config, statuses),
        replica_sets: replicaset::Controller::new(config, streams.stream("controller/replicaset")),
        stateful_sets: statefulset::adapter::Controller::new(
            config,
            streams.stream("controller/statefulset"),
        ),
        daemon_sets: daemonset::adapter::Controller::new(
            config,
            streams.stream("controller/daemonset"),
        ),
        jobs: job::Controller::new(config, streams.stream("controller/job")),
        cron_jobs: cronjob::adapter::Controller::new(
            config,
            streams.stream("controller/cronjob"),
            scenario.controllers.vpa.clock.unix_start,
        ),
        autoscalers: podautoscaler::Controller::new(
            config,
            sync_period,
            streams.stream("hpa/resync"),
        ),
        endpoints: endpoints::Controller::new(config),
        garbage_collector: garbage_collector::Controller::new(config),
        node_lifecycle: node_lifecycle::Controller::new(config, streams.of("lease")),
        taint_eviction: taint_eviction::Controller::new(config),
        scheduler: Scheduler::new(config),
        kubelet: Kubelet::new(config, startups.collect()),
    };
    let bandwidths = scenario.node_groups.iter().map(|one| one.image_bandwidth);
    components.kubelet.set_bandwidths(bandwidths.collect());
    components
}

/// Whether somebody may ask for objects as they are: a command, or who has the log of writes kept.
pub(super) fn may_be_looked_at(scenario: &Scenario, detail: Detail, store: &Store) -> bool {
    detail == Detail::Full && (store.log().is_some() || !scenario.actions.is_empty())
}

impl<'s> Simulation<'s> {
    /// The cluster of a scenario with its nodes; its workloads do not exist yet.
    pub(super) fn build(scenario: &'s Scenario, seed: u64, detail: Detail, store: Store) -> Self {
        let streams = Streams::new(seed);
        let prometheus = scenario.prometheus.as_ref();
        let prometheus = prometheus.map(|spec| Box::new(Prometheus::new(spec, scenario, seed)));
        // What nobody sees is not kept.
        let is_asked = prometheus
            .as_ref()
            .is_some_and(|one| one.asks_for_deployments());
        let full = detail == Detail::Full;
        let statuses = if is_asked || may_be_looked_at(scenario, detail, &store) {
            Statuses::All
        } else if full {
            Statuses::Progress
        } else {
            Statuses::None
        };
        let mut components = components(scenario, streams, statuses);
        select_endpoints(&mut components.endpoints, scenario);
        let mut simulation = Self {
            scenario,
            seed,
            queue: EventQueue::default(),
            store,
            draws: PodDraws::default(),
            events: EventSink::new(full),
            components,
            traffic: traffic(scenario, &streams),
            metrics: Pipeline::new(&scenario.controllers.metrics, &streams),
            custom: CustomMetrics::new(&served(scenario)),
            prometheus,
            hpas: Hpas::default(),
            vpas: Vpas::new(scenario),
            keda: Keda::new(scenario, &streams),
            links: Links::new(scenario),
            requests: TemplateRequests::default(),
            pods: Vec::new(),
            former: std::collections::BTreeMap::new(),
            manifests: Manifests::new(scenario),
            drains: Vec::new(),
            watches: Vec::new(),
            watching: 0,
            server_pods: Vec::new(),
            stopped: Vec::new(),
            lent: Vec::new(),
            cloud: Cloud::new(&scenario.node_groups, streams),
            cluster_autoscaler: ClusterAutoscaler::new(scenario, &streams),
            karpenter: Karpenter::new(scenario),
            machines: Vec::new(),
            recorder: Recorder::new(detail, Recording::default()),
            usage: UsageTotals::new(scenario.services.len()),
            stream: streams.stream("hpa/phase"),
            vpa_stream: streams.stream("vpa/phase"),
            records_of: (0..scenario.workloads.len()).collect(),
            counts_told: Vec::new(),
            watched: None,
            clock: SimTime::ZERO,
            handled: 0,
            instant: (SimTime::ZERO, 0),
        };
        simulation.create_world();
        let mut recorder = Recorder::new(detail, frame(scenario, &simulation.store));
        let flags = &scenario.controllers.cluster_autoscaler.options;
        recorder.record_duplicated_events(flags.record_duplicated_events);
        for instance in simulation.cloud.all() {
            let group = &scenario.node_groups[instance.group];
            recorder.node_launched(node_record(&instance.name, group, SimTime::ZERO));
        }
        simulation.recorder = recorder;
        simulation
    }

    /// Creates the objects of time zero and schedules recurring events.
    pub(super) fn start(&mut self) {
        self.traffic.start(&mut self.queue);
        self.metrics.start(&mut self.queue);
        let config = &self.scenario.controllers.cluster;
        let seconds = config.default_tolerations;
        let seconds = seconds.map(|one| one.as_secs_f64() as i64);
        if seconds != [300, 300] {
            let write = Write::DefaultTolerations(seconds);
            self.store.commit(SimTime::ZERO, write);
        }
        if self.scenario.actions.iter().any(relabels_pods) {
            self.traffic.may_lend();
        }
        self.miss_configs_to_come();
        self.start_workloads();
        self.settle(SimTime::ZERO);
        self.bound_memory(SimTime::ZERO);
        self.create_hpas();
        self.create_vpas();
        self.create_scaled_objects();
        self.create_scaled_jobs();
        self.start_hpas();
        self.put_metadata();
        self.settle(SimTime::ZERO);
        self.start_vpas();
        self.plan_actions();
        self.plan_faults();
        self.start_cluster_autoscaler();
        self.start_karpenter();
        self.plan_interruptions();
        self.queue
            .schedule_in(self.scenario.simulation.step, Event::Sample);
        self.custom.settle();
        if !self.custom.services().is_empty() || self.custom.of_queues().next().is_some() {
            self.queue.schedule_in(SAMPLE_PERIOD, Event::Counters);
        }
        self.start_prometheus();
    }
}
