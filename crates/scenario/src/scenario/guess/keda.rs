//! What ScaledObjects and ScaledJobs look at: queues that workloads consume, and a
//! `[[trigger_source]]` for what else is outside of the cluster.

use super::demand::{Range, curve, of_hpa, rounded};
use super::survey::Survey;
use super::{QueueKindGuess, SourceGuess, TriggerGuess};
use crate::autoscaler::hpa::{
    HpaSpec, HpaSpecInput, MetricSpec, Resource, ResourceTarget, ValueTarget,
};
use crate::autoscaler::keda::{
    AuthParams, Broker, Environment, ExternalMetric, MetricSource, MetricTarget, ScaleTrigger,
    ScaledJob, ScaledObject, Scaler, ScalerConfig, VALUE, build,
};
use crate::scenario::loaded::Document;
use crate::scenario::manifest::Manifests;
use crate::scenario::manifest::keda::{environment, pods_of, pods_of_job};
use crate::scenario::node::Node;

/// Types of triggers that look at the clock or at the cluster itself.
const WITHOUT_SOURCE: [&str; 4] = ["cpu", "memory", "cron", "kubernetes-workload"];
/// How the series begin that a cluster's Prometheus has by itself.
const SCRAPED: [&str; 4] = [
    "http_request",
    "container_cpu_",
    "container_memory_",
    "kube_",
];

/// A trigger that looks at something.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    /// Its place among the object's triggers.
    pub(super) place: usize,
    kind: String,
    /// The one queue, list or topic that it looks at.
    pub(super) queue: Option<(QueueKindGuess, String)>,
    /// How much of it each replica takes, or all of them together.
    target: f64,
    is_whole: bool,
    /// Whether the cluster's Prometheus has what the query asks for.
    is_scraped: bool,
    /// Requests a second are what it asks for.
    is_requests: bool,
}

impl Trigger {
    /// Requests a second that each replica takes, if it asks for them.
    pub(super) fn requests_each(&self) -> Option<f64> {
        (self.is_requests && !self.is_whole).then_some(self.target)
    }
}

/// A ScaledObject or a ScaledJob.
#[derive(Debug, Clone)]
pub(super) struct Scaled {
    /// `scaled_object` or `scaled_job`.
    pub(super) key: &'static str,
    /// Its name, with the namespace where another namespace has it, too.
    pub(super) reference: String,
    /// How texts call it.
    pub(super) who: String,
    namespace: String,
    name: String,
    /// What it scales: kind and name; nothing of a ScaledJob.
    target: Option<(String, String)>,
    /// The bounds; the lower one may be 0.
    pub(super) bounds: (i32, i32),
    pub(super) triggers: Vec<Trigger>,
    /// What its HPA is.
    pub(super) hpa: HpaSpec,
}

impl Scaled {
    /// Whether it scales a workload.
    pub(super) fn scales(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let target = self.target.as_ref();
        self.namespace == namespace
            && target.is_some_and(|(own_kind, own)| own_kind == kind && own == name)
    }

    /// Whether it is the ScaledJob of this name.
    pub(super) fn is_job(&self, namespace: &str, name: &str) -> bool {
        self.target.is_none() && self.namespace == namespace && self.name == name
    }

    /// What a quantity is of which each replica takes so much.
    pub(super) fn range(&self, each: f64) -> Range {
        let mut range = of_hpa(&self.who, &self.hpa, each);
        if self.bounds.0 == 0 {
            range.low = 0.0;
        }
        range
    }
}

/// All of them.
pub(super) fn scaled(manifests: &Manifests, documents: &[Document]) -> Vec<Scaled> {
    let twins = |name: &str, names: &[&str]| names.iter().filter(|one| **one == name).count() > 1;
    let reference = |namespace: &str, name: &str, names: &[&str]| {
        if twins(name, names) {
            format!("{namespace}/{name}")
        } else {
            name.to_owned()
        }
    };
    let objects = manifests.scaled_objects.iter().map(|one| &one.value);
    let names: Vec<&str> = objects.map(|one| one.metadata.name.as_str()).collect();
    let mut all = Vec::new();
    for placed in &manifests.scaled_objects {
        let object = &placed.value;
        let target = &object.spec.scale_target_ref;
        let (_, kind) = target.version_and_kind();
        let namespace = object.metadata.namespace();
        let identity = (kind, namespace, target.name.as_str());
        let pods = (documents.iter()).find_map(|one| pods_of(&one.node, identity));
        let container = &target.env_source_container_name;
        let reference = reference(namespace, &object.metadata.name, &names);
        all.push(of_object(object, reference, pods, container));
    }
    let jobs = manifests.scaled_jobs.iter().map(|one| &one.value);
    let names: Vec<&str> = jobs.map(|one| one.metadata.name.as_str()).collect();
    for placed in &manifests.scaled_jobs {
        let job = &placed.value;
        let pods = pods_of_job(&documents[placed.document].node);
        let reference = reference(job.metadata.namespace(), &job.metadata.name, &names);
        all.push(of_job(job, reference, pods));
    }
    all
}

fn of_object(
    object: &ScaledObject,
    reference: String,
    pods: Option<&Node>,
    container: &str,
) -> Scaled {
    let is_formula = object.modifiers().is_some();
    let namespace = object.metadata.namespace();
    let (triggers, metrics) = triggers(
        &object.spec.triggers,
        namespace,
        is_formula,
        &environment(pods, container).unwrap_or_default(),
    );
    let reference_of = &object.spec.scale_target_ref;
    let (_, kind) = reference_of.version_and_kind();
    let hpa = HpaSpecInput {
        min_replicas: Some(object.hpa_min_replicas()),
        max_replicas: object.hpa_max_replicas(),
        metrics,
        behavior: None,
    };
    Scaled {
        key: "scaled_object",
        who: format!("ScaledObject {}", object.metadata.name),
        reference,
        namespace: namespace.to_owned(),
        name: object.metadata.name.clone(),
        target: Some((kind.to_owned(), reference_of.name.clone())),
        bounds: (
            object.spec.min_replica_count.unwrap_or(0),
            object.hpa_max_replicas(),
        ),
        triggers,
        hpa: hpa.defaulted(),
    }
}

fn of_job(job: &ScaledJob, reference: String, pods: Option<&Node>) -> Scaled {
    let namespace = job.metadata.namespace();
    let environment = environment(pods, &job.spec.env_source_container_name).unwrap_or_default();
    let (triggers, metrics) = triggers(&job.spec.triggers, namespace, false, &environment);
    let bounds = (
        job.spec.min_replica_count.unwrap_or(0),
        job.spec.max_replica_count.unwrap_or(100),
    );
    let hpa = HpaSpecInput {
        min_replicas: Some(bounds.0.max(1)),
        max_replicas: bounds.1,
        metrics,
        behavior: None,
    };
    Scaled {
        key: "scaled_job",
        who: format!("ScaledJob {}", job.metadata.name),
        reference,
        namespace: namespace.to_owned(),
        name: job.metadata.name.clone(),
        target: None,
        bounds,
        triggers,
        hpa: hpa.defaulted(),
    }
}

/// Triggers that look outside, and the metrics of all of them. What cannot be built is left out:
/// a warning tells why.
fn triggers(
    all: &[ScaleTrigger],
    namespace: &str,
    as_metric_source: bool,
    environment: &Environment,
) -> (Vec<Trigger>, Vec<MetricSpec>) {
    let (mut made, mut metrics) = (Vec::new(), Vec::new());
    for (index, trigger) in all.iter().enumerate() {
        let secret = trigger.is_secret(|name| environment.is_hidden(name));
        let auth = if secret {
            AuthParams::Unknown
        } else {
            AuthParams::default()
        };
        let built = build(ScalerConfig {
            namespace,
            trigger,
            index,
            as_metric_source,
            environment: environment.known(),
            auth: &auth,
        });
        let Ok(scaler) = built else { continue };
        let external = ExternalMetric {
            name: "declared".to_owned(),
            target_size: 0,
            target_size_float: 1.0,
        };
        let specs = scaler.metric_specs(&[external]);
        let Some(spec) = specs.first() else { continue };
        metrics.push(of_hpa_metric(&spec.source, &spec.target));
        if !WITHOUT_SOURCE.contains(&trigger.kind.as_str()) {
            made.push(one(trigger, index, &scaler, &spec.target));
        }
    }
    (made, metrics)
}

fn one(trigger: &ScaleTrigger, place: usize, scaler: &Scaler, target: &MetricTarget) -> Trigger {
    let queue = scaler.queue().map(|(broker, name)| {
        let kind = match broker {
            Broker::RabbitMq => QueueKindGuess::RabbitMq,
            Broker::Redis => QueueKindGuess::Redis,
            Broker::Sqs => QueueKindGuess::Sqs,
            Broker::Kafka => QueueKindGuess::Kafka,
        };
        (kind, name.to_owned())
    });
    let query = trigger.metadata.get("query").map_or("", String::as_str);
    let is_query = trigger.kind == "prometheus";
    Trigger {
        place,
        kind: trigger.kind.clone(),
        queue,
        target: target.approximate,
        is_whole: target.kind == VALUE,
        is_scraped: is_query && SCRAPED.iter().any(|begin| query.contains(begin)),
        is_requests: is_query && query.contains("http_requests_total") && query.contains("rate"),
    }
}

/// A metric as the guess of a load reads it.
fn of_hpa_metric(source: &MetricSource, target: &MetricTarget) -> MetricSpec {
    let milli = (target.approximate * 1000.0) as i64;
    let of_resource = |name: &str| match name {
        "cpu" => Resource::Cpu,
        _ => Resource::Memory,
    };
    let amount = || match target.average_utilization {
        Some(percent) => ResourceTarget::Utilization(percent),
        None => ResourceTarget::AverageValue(milli),
    };
    match source {
        MetricSource::Resource { resource } => MetricSpec::Resource {
            resource: of_resource(resource),
            target: amount(),
        },
        MetricSource::ContainerResource {
            resource,
            container,
        } => MetricSpec::ContainerResource {
            resource: of_resource(resource),
            container: container.clone(),
            target: amount(),
        },
        MetricSource::External { name } => MetricSpec::External {
            name: name.clone(),
            selector: None,
            target: if target.kind == VALUE {
                ValueTarget::Value(milli)
            } else {
                ValueTarget::AverageValue(milli)
            },
        },
    }
}

/// Sources of the triggers that nothing simulated answers.
pub(super) fn sources(survey: &Survey) -> Vec<TriggerGuess> {
    let mut made = Vec::new();
    for scaled in &survey.scaled {
        for trigger in &scaled.triggers {
            if trigger.is_scraped || survey.consumes(trigger) {
                continue;
            }
            let mut points = if trigger.is_whole {
                curve(0.6 * trigger.target, 1.3 * trigger.target)
            } else {
                let range = scaled.range(trigger.target);
                curve(range.low, range.high)
            };
            if scaled.bounds.0 == 0 {
                let last = points.len() - 1;
                (points[0].1, points[last].1) = (0.0, 0.0);
            }
            made.push(TriggerGuess {
                key: scaled.key,
                object: scaled.reference.clone(),
                who: scaled.who.clone(),
                trigger: trigger.place,
                kind: trigger.kind.clone(),
                source: SourceGuess::Series(rounded(points)),
            });
        }
    }
    made
}
