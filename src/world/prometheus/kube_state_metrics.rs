//! What kube-state-metrics exports: the objects as they are now.

use crate::api::{ObjectId, Pod, PodPhase, Store};
use crate::autoscaler::hpa::{ConditionStatus, Status};
use crate::prometheus::scrape::{Exposed, Head};
use crate::units::Millicores;
use crate::world::Simulation;

const DEPLOYMENT: [&str; 6] = [
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas",
    "kube_deployment_status_replicas_ready",
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_replicas_unavailable",
    "kube_deployment_status_replicas_updated",
];
const AUTOSCALER: [&str; 4] = [
    "kube_horizontalpodautoscaler_spec_min_replicas",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
];
const CONDITION: &str = "kube_horizontalpodautoscaler_status_condition";
const PHASE: &str = "kube_pod_status_phase";
const READY: &str = "kube_pod_status_ready";
const INFO: &str = "kube_pod_info";
const RESTARTS: &str = "kube_pod_container_status_restarts_total";
const REQUESTS: &str = "kube_pod_container_resource_requests";
const LIMITS: &str = "kube_pod_container_resource_limits";

/// The series that there are.
pub(super) const NAMES: [&str; 17] = [
    DEPLOYMENT[0],
    DEPLOYMENT[1],
    DEPLOYMENT[2],
    DEPLOYMENT[3],
    DEPLOYMENT[4],
    DEPLOYMENT[5],
    AUTOSCALER[0],
    AUTOSCALER[1],
    AUTOSCALER[2],
    AUTOSCALER[3],
    CONDITION,
    PHASE,
    READY,
    INFO,
    RESTARTS,
    REQUESTS,
    LIMITS,
];

const POD: [&str; 6] = [PHASE, READY, INFO, RESTARTS, REQUESTS, LIMITS];

/// Which objects anybody asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Families {
    deployments: bool,
    autoscalers: bool,
    pods: bool,
}

impl Families {
    pub(super) fn asked(head: &Head) -> Self {
        let asks = |names: &[&str]| names.iter().any(|name| head.wanted().may_take(name));
        Self {
            deployments: asks(&DEPLOYMENT),
            autoscalers: asks(&AUTOSCALER) || asks(&[CONDITION]),
            pods: asks(&POD),
        }
    }
}

type Out<'o> = &'o mut dyn FnMut(&Exposed);

fn tell(out: Out, name: &str, labels: &[(&str, &str)], value: f64) {
    out(&Exposed {
        name,
        labels,
        value,
        at: None,
    });
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn deployments(store: &Store, out: Out) {
    for workload in store.workloads() {
        let Some(ObjectId::Deployment(id)) = workload.object else {
            continue;
        };
        let Some(one) = store.deployment(id) else {
            continue;
        };
        let labels = [
            ("deployment", &*one.meta.name),
            ("namespace", &*one.meta.namespace),
        ];
        let status = &one.status;
        let values = [
            one.spec.replicas,
            status.replicas,
            status.ready_replicas,
            status.available_replicas,
            status.unavailable_replicas,
            status.updated_replicas,
        ];
        for (name, value) in DEPLOYMENT.into_iter().zip(values) {
            tell(out, name, &labels, f64::from(value));
        }
    }
}

fn autoscaler(name: &str, namespace: &str, bounds: (i32, i32), status: &Status, out: Out) {
    let labels = [("horizontalpodautoscaler", name), ("namespace", namespace)];
    let values = [
        bounds.0,
        bounds.1,
        status.current_replicas,
        status.desired_replicas,
    ];
    for (name, value) in AUTOSCALER.into_iter().zip(values) {
        tell(out, name, &labels, f64::from(value));
    }
    for condition in &status.conditions {
        let kind = condition.kind.to_string();
        let states = [
            ("true", Some(ConditionStatus::True)),
            ("false", Some(ConditionStatus::False)),
            ("unknown", None),
        ];
        for (word, state) in states {
            let [name, namespace] = labels;
            let labels = [
                ("condition", kind.as_str()),
                name,
                namespace,
                ("status", word),
            ];
            tell(
                out,
                CONDITION,
                &labels,
                flag(Some(condition.status) == state),
            );
        }
    }
}

fn pod(one: &Pod, node: &str, out: Out) {
    let ids = [("namespace", &*one.meta.namespace), ("pod", one.name())];
    let [namespace, name] = ids;
    tell(out, INFO, &[namespace, ("node", node), name], 1.0);
    for phase in [
        PodPhase::Pending,
        PodPhase::Succeeded,
        PodPhase::Failed,
        PodPhase::Running,
    ] {
        let labels = [namespace, ("phase", phase.name()), name];
        tell(out, PHASE, &labels, flag(one.phase == phase));
    }
    for (word, holds) in [("true", one.ready), ("false", !one.ready)] {
        tell(
            out,
            READY,
            &[("condition", word), namespace, name],
            flag(holds),
        );
    }
    let containers = one.template.containers.iter().zip(&one.containers);
    for (spec, status) in containers {
        let container = ("container", &*spec.name);
        let restarts = f64::from(status.restarts);
        tell(out, RESTARTS, &[container, namespace, name], restarts);
        let held = &status.resources;
        let amounts = [
            (
                REQUESTS,
                "cpu",
                "core",
                held.cpu_request.map(Millicores::cores),
            ),
            (
                REQUESTS,
                "memory",
                "byte",
                held.memory_request.map(|one| one.0 as f64),
            ),
            (LIMITS, "cpu", "core", held.cpu_limit.map(Millicores::cores)),
            (
                LIMITS,
                "memory",
                "byte",
                held.memory_limit.map(|one| one.0 as f64),
            ),
        ];
        for (metric, resource, unit, amount) in amounts {
            let labels = [
                container,
                namespace,
                ("node", node),
                name,
                ("resource", resource),
                ("unit", unit),
            ];
            if let Some(amount) = amount {
                tell(out, metric, &labels, amount);
            }
        }
    }
}

impl Simulation<'_> {
    /// What kube-state-metrics exports.
    pub(super) fn expose_objects(&self, asked: Families, out: Out) {
        if asked.deployments {
            deployments(&self.store, out);
        }
        if asked.autoscalers {
            for (id, status) in self.hpas.statuses() {
                if let Some(hpa) = self.store.hpa(id) {
                    let bounds = (hpa.spec.min_replicas, hpa.spec.max_replicas);
                    autoscaler(&hpa.meta.name, &hpa.meta.namespace, bounds, status, out);
                }
            }
        }
        if asked.pods {
            for (_, one) in self.store.pods() {
                let node = one.node.and_then(|node| self.store.find_node(node));
                pod(one, node.map_or("", |node| node.name()), out);
            }
        }
    }
}
