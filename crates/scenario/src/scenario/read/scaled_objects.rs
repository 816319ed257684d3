//! ScaledObjects and ScaledJobs against what they scale and look at: what KEDA's admission
//! webhook refuses is an error, what its operator finds wrong later a warning.

use super::known::Known;
use super::target::Seeker;
use super::trigger_sources::needs_source;
use crate::autoscaler::hpa::KubernetesVersion;
use crate::autoscaler::keda::{
    AuthParams, Environment, ExistingHpa, ExternalMetric, MetricSpec, ScaleTrigger, ScaledObject,
    Scaler, ScalerConfig, TargetContainer, TargetPods, admit, build, hpa_metrics, new_hpa,
    not_simulated, validate_triggers,
};
use crate::cluster::spec::ContainerSpec;
use crate::prometheus::promql::Query;
use crate::scenario::admission::Admission;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::{Context, keda};
use crate::scenario::model::{
    CrossVersionObjectReference, TriggerRef, TriggerSource, check_selector, queue_of,
};
use crate::scenario::object::read_object;
use crate::units::{Bytes, Millicores};
use crate::workload::queue::spec::QueueSpec;

/// Where the fields are that a refusal of the webhook is about, by how it begins.
const PLACES: [(&str, &str); 10] = [
    ("no matches for kind", "spec.scaleTargetRef.kind"),
    ("the workload", "spec.scaleTargetRef.name"),
    (
        "the HPA",
        "spec.advanced.horizontalPodAutoscalerConfig.name",
    ),
    (
        "the existing hpa",
        "spec.advanced.horizontalPodAutoscalerConfig.name",
    ),
    ("MinReplicaCount", "spec.minReplicaCount"),
    ("IdleReplicaCount", "spec.idleReplicaCount"),
    ("FailureThreshold", "spec.fallback"),
    ("at least one trigger", "spec.fallback"),
    ("scaledobject name", "metadata.name"),
    ("error ScalingModifiers", "spec.advanced.scalingModifiers"),
];

/// What the sources of a scenario are, and what its objects are checked with.
#[derive(Clone, Copy)]
struct Around<'a> {
    known: &'a Known<'a>,
    sources: &'a [TriggerSource],
    queues: &'a [QueueSpec],
    admission: &'a Admission,
}

pub(super) fn check(
    known: &Known<'_>,
    (sources, queues): (&[TriggerSource], &[QueueSpec]),
    admission: &Admission,
    diagnostics: &mut Diagnostics,
) {
    let around = Around {
        known,
        sources,
        queues,
        admission,
    };
    for placed in &known.manifests.scaled_objects {
        let context = &mut Context {
            document: &known.parsed.documents[placed.document].node,
            diagnostics,
        };
        check_object(&placed.value, around, context);
    }
    for placed in &known.manifests.scaled_jobs {
        let job = &placed.value;
        let context = &mut Context {
            document: &known.parsed.documents[placed.document].node,
            diagnostics,
        };
        let of = TriggerRef {
            kind: "ScaledJob",
            namespace: job.metadata.namespace.clone(),
            name: job.metadata.name.clone(),
            trigger: 0,
        };
        // The schema has refused a list without triggers.
        if let Err(why) = validate_triggers(&job.spec.triggers)
            && !job.spec.triggers.is_empty()
        {
            let webhook = "admission webhook \"vscaledjob.kb.io\" denied the request";
            context.error("spec.triggers", format!("{webhook}: {why}"), None);
            continue;
        }
        let pods = keda::pods_of_job(context.document);
        let environment = keda::environment(pods, &job.spec.env_source_container_name);
        check_triggers(
            &of,
            &job.spec.triggers,
            (&environment, false),
            around,
            context,
        );
    }
}

fn check_object(object: &ScaledObject, around: Around<'_>, context: &mut Context<'_>) {
    let known = around.known;
    let (name, namespace) = (&object.metadata.name, &object.metadata.namespace);
    let reference = &object.spec.scale_target_ref;
    let (api_version, kind) = reference.version_and_kind();
    let target = CrossVersionObjectReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: reference.name.clone(),
    };
    let who = format!("ScaledObject {name}");
    let seeker = Seeker {
        who: &who,
        namespace,
        target: &target,
        path: "spec.scaleTargetRef",
        does: "scales",
        outcome: "it is not ready and scales nothing",
        by_scale: true,
        release: KubernetesVersion::default(),
    };
    let workload = seeker.find(known, context);
    let containers = workload.map(|workload| {
        let containers = known.workloads[workload].template.containers.iter();
        containers.map(target_container).collect::<Vec<_>>()
    });
    let pods = match (api_version, kind, &containers) {
        ("apps/v1", "Deployment" | "StatefulSet", Some(containers)) => TargetPods::Of(containers),
        ("apps/v1", "Deployment" | "StatefulSet", None) if known.parsed.complete => {
            TargetPods::Missing(format!("{kind}.apps \"{}\" not found", reference.name))
        }
        _ => TargetPods::Unchecked,
    };
    let refused = admit(object, &others(object, known), &hpas(object, known), &pods);
    match refused {
        // The schema has refused this.
        Err(why) if why.starts_with("MinReplicaCount=") => return,
        Err(why) => {
            tell_refusal(&why, kind, context);
            return;
        }
        Ok(warnings) => {
            for warning in warnings {
                let (field, what) = if warning.starts_with("Polling") {
                    (
                        "spec.pollingInterval",
                        "nothing polls for a target that never is at 0",
                    )
                } else {
                    (
                        "spec.cooldownPeriod",
                        "a target that never is at 0 needs no cooldown",
                    )
                };
                context.warning(field, warning, what);
            }
        }
    }
    let pods = workload.and_then(|workload| {
        let spec = &known.workloads[workload];
        let identity = (
            spec.kind.name(),
            spec.namespace.as_str(),
            spec.name.as_str(),
        );
        let mut documents = known.parsed.documents.iter();
        documents.find_map(|one| keda::pods_of(&one.node, identity))
    });
    let environment = keda::environment(pods, &reference.env_source_container_name);
    let of = TriggerRef {
        kind: "ScaledObject",
        namespace: namespace.clone(),
        name: name.clone(),
        trigger: 0,
    };
    let as_metric_source = object.modifiers().is_some();
    let triggers = &object.spec.triggers;
    let specs = check_triggers(
        &of,
        triggers,
        (&environment, as_metric_source),
        around,
        context,
    );
    if let Some(specs) = specs {
        check_hpa(object, specs, around.admission, context);
    }
}

/// Reports why the webhook refuses a ScaledObject of this kind of target.
fn tell_refusal(why: &str, kind: &str, context: &mut Context<'_>) {
    if let Some(fault) = not_simulated(why) {
        let title = format!("this formula cannot be simulated: {fault}");
        let path = "spec.advanced.scalingModifiers.formula";
        let help = "write it with numbers, booleans and arrays of them";
        context.error(path, title, Some(help));
        return;
    }
    let place = PLACES.iter().find(|(begins, _)| why.starts_with(begins));
    let mut path = place.map_or("spec.triggers", |(_, path)| path);
    // An HPA's kind is looked up, too.
    if why.starts_with("no matches") && !why.contains(&format!("\"{kind}\"")) {
        path = "metadata.name";
    }
    let title = format!("admission webhook \"vscaledobject.kb.io\" denied the request: {why}");
    context.error(path, title, None);
}

/// The HPA that KEDA would make has to be one that the API server takes.
fn check_hpa(
    object: &ScaledObject,
    specs: Vec<MetricSpec>,
    admission: &Admission,
    context: &mut Context<'_>,
) {
    let title = "KEDA's operator cannot make the HPA: the ScaledObject is not ready";
    match hpa_metrics(object, specs) {
        Err(why) => context.warning(
            "spec.triggers",
            format!("{title}: {why}"),
            "it scales nothing",
        ),
        Ok(metrics) => {
            let hpa = new_hpa(object, &metrics.specs).manifest();
            if let Err(refusal) = read_object(&hpa, admission) {
                let path = "spec.advanced.horizontalPodAutoscalerConfig.behavior";
                context.warning(path, format!("{title}: {refusal}"), "it scales nothing");
            }
        }
    }
}

/// The other ScaledObjects of the namespace.
fn others(object: &ScaledObject, known: &Known<'_>) -> Vec<ScaledObject> {
    let all = known.manifests.scaled_objects.iter().map(|one| &one.value);
    let namespace = &object.metadata.namespace;
    all.filter(|other| other.metadata.namespace == *namespace)
        .cloned()
        .collect()
}

/// The HPAs of the namespace.
fn hpas(object: &ScaledObject, known: &Known<'_>) -> Vec<ExistingHpa> {
    let all = known.manifests.hpas.iter();
    let own = all.filter(|hpa| hpa.value.namespace == object.metadata.namespace);
    own.map(|hpa| {
        let node = &known.parsed.documents[hpa.document].node;
        let target = &hpa.value.target;
        ExistingHpa {
            name: hpa.value.name.clone(),
            target_kind: format!("{}.{}", target.api_version, target.kind),
            target_name: target.name.clone(),
            owner: None,
            unchecked: keda::is_unchecked(node),
        }
    })
    .collect()
}

fn target_container(container: &ContainerSpec) -> TargetContainer {
    TargetContainer {
        name: container.name.clone(),
        has_cpu: container.cpu_request.max(container.cpu_limit) > Some(Millicores(0)),
        has_memory: container.memory_request.max(container.memory_limit) > Some(Bytes(0)),
    }
}

/// Warns of triggers that cannot be built or that have no source. Gives the metrics of all
/// triggers if they can be built.
fn check_triggers(
    of: &TriggerRef,
    triggers: &[ScaleTrigger],
    (environment, as_metric_source): (&Result<Environment, String>, bool),
    around: Around<'_>,
    context: &mut Context<'_>,
) -> Option<Vec<MetricSpec>> {
    let mut specs = Some(Vec::new());
    for (index, trigger) in triggers.iter().enumerate() {
        let path = format!("spec.triggers[{index}]");
        warn_of_authentication(trigger, &of.namespace, around.known, &path, context);
        let is_hidden = |name: &str| {
            environment
                .as_ref()
                .is_ok_and(|known| known.is_hidden(name))
        };
        let secret = trigger.is_secret(is_hidden);
        let auth = if secret {
            AuthParams::Unknown
        } else {
            AuthParams::default()
        };
        let resolving = |why: &String| format!("error resolving secrets for ScaleTarget: {why}");
        let built = environment.as_ref().map_err(resolving).and_then(|known| {
            build(ScalerConfig {
                namespace: &of.namespace,
                trigger,
                index,
                as_metric_source,
                environment: known.known(),
                auth: &auth,
            })
        });
        let built = built.and_then(|scaler| {
            let selector = scaler.pod_selector().map_or(Ok(()), check_selector);
            selector.map(|()| scaler)
        });
        let source = around.sources.iter().find(|one| {
            (one.of.kind, &one.of.namespace, &one.of.name, one.of.trigger)
                == (of.kind, &of.namespace, &of.name, index)
        });
        match built {
            Err(why) => {
                let title = format!("KEDA's operator cannot build this trigger: {why}");
                let help = format!("the {} is not ready and scales nothing", of.kind);
                context.warning(&format!("{path}.type"), title, &help);
                specs = None;
            }
            Ok(scaler) => {
                // A trigger of this type brings a Prometheus.
                let is_served = source.is_some()
                    || trigger.kind == "prometheus"
                    || queue_of(around.queues, &scaler).is_some();
                if !is_served && needs_source(trigger) {
                    let connects = scaler.unconnected().is_some();
                    warn_of_source(of, (trigger, connects), index, &path, context);
                }
                if trigger.kind == "prometheus" && source.is_none() {
                    check_query(trigger, &path, context);
                }
                if let Some(specs) = &mut specs {
                    specs.extend(metrics(&scaler, source));
                }
            }
        }
    }
    specs
}

fn metrics(scaler: &Scaler, source: Option<&TriggerSource>) -> Vec<MetricSpec> {
    let external = source.map_or_else(ExternalMetric::default, |source| ExternalMetric {
        name: source.external.metric.clone(),
        target_size: 0,
        target_size_float: source.external.target,
    });
    scaler.metric_specs(&[external])
}

fn warn_of_source(
    of: &TriggerRef,
    (trigger, connects): (&ScaleTrigger, bool),
    index: usize,
    path: &str,
    context: &mut Context<'_>,
) {
    let outcome = if connects {
        "KEDA's operator cannot build it"
    } else {
        "it fails at every poll"
    };
    let title = format!(
        "nothing answers this trigger of type {}: {outcome}",
        trigger.kind
    );
    let key = if of.kind == "ScaledJob" {
        "scaled_job"
    } else {
        "scaled_object"
    };
    let has_queue =
        ["rabbitmq", "redis", "aws-sqs-queue", "kafka"].contains(&trigger.kind.as_str());
    let queue = if has_queue {
        ", or the `[[queue]]` that it names"
    } else {
        ""
    };
    let help = format!(
        "add `[[trigger_source]]` with `{key} = \"{}\"`, `trigger = {index}` and a `series` to the scenario{}",
        of.name, queue
    );
    context.warning(&format!("{path}.type"), title, &help);
}

/// A query that is answered with an error.
fn check_query(trigger: &ScaleTrigger, path: &str, context: &mut Context<'_>) {
    let query = trigger.metadata.get("query").map_or("", String::as_str);
    if let Err(why) = Query::parse(query) {
        let title = format!("this query cannot be evaluated: {why}");
        let help = "the trigger fails at every poll";
        context.warning(&format!("{path}.metadata.query"), title, help);
    }
}

/// An authentication that is not there leaves its parameters out.
fn warn_of_authentication(
    trigger: &ScaleTrigger,
    namespace: &str,
    known: &Known<'_>,
    path: &str,
    context: &mut Context<'_>,
) {
    let Some(reference) = &trigger.authentication_ref else {
        return;
    };
    let of_the_cluster = reference.kind == "ClusterTriggerAuthentication";
    let namespace = if of_the_cluster { "" } else { namespace };
    let mut all = known.manifests.trigger_authentications.iter();
    let is_there = all.any(|one| one.name == reference.name && one.namespace == namespace);
    if !is_there && known.parsed.complete {
        let kind = if of_the_cluster {
            "ClusterTriggerAuthentication"
        } else {
            "TriggerAuthentication"
        };
        let title = format!("no {kind} {} among the manifests", reference.name);
        let help = "it is taken for one that gives what the trigger needs";
        context.warning(&format!("{path}.authenticationRef.name"), title, help);
    }
}
