//! Objects as Kubernetes' JSON, of the shape that `kubectl get -o json` gives.
//!
//! A view is a pure function of the store and the time: folded from the log or live, the same
//! store gives the same text. Counts of pods that no controller writes down (those of
//! ReplicaSets, StatefulSets, Jobs and budgets) are counted anew. What is not simulated is left
//! out: addresses, volumes, probes' handlers, who manages which field.
//!
//! Upstream: the types of `k8s.io/api`, with the defaults that the API server fills in.

mod counts;
mod cron_job;
mod daemon_set;
mod deployment;
mod horizontal_pod_autoscaler;
mod hpa_metric;
mod job;
mod keda;
mod meta;
mod node;
mod pod;
mod pod_conditions;
mod pod_disruption_budget;
mod replica_set;
mod resize;
mod stateful_set;
mod template;
mod vertical_pod_autoscaler;

use serde_json::{Map, Value, json};

pub use counts::{
    DaemonSetCounts, JobCounts, ReplicaSetCounts, StatefulSetCounts, daemon_set_counts, job_counts,
    replica_set_counts, stateful_set_counts,
};
pub use node::taints_of;
pub use pod::{
    ContainerState, container_is_ready, container_state, init_container_is_ready,
    init_container_state, qos_class,
};
pub use pod_conditions::{disruption_reason, true_conditions};
pub use resize::resize_error;
pub use template::pull_policy;

use super::LabelSelector;
use super::meta::{Kind, Labels, ObjectId};
use super::policy::IntOrPercent;
use super::store::Store;
use super::template::PodTemplate;
use crate::autoscaler::vpa::WallClock;
use crate::sim::SimTime;

/// The calendar, and what time it is: some of a status follows from the passing of time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The calendar time of the start.
    pub calendar: WallClock,
    /// The time of the store.
    pub now: SimTime,
}

impl Clock {
    /// A time as `metav1.Time`: RFC 3339 in UTC, whole seconds.
    pub fn print(self, time: SimTime) -> String {
        self.calendar.print(time)
    }

    fn time(self, time: SimTime) -> Value {
        Value::String(self.print(time))
    }

    fn maybe(self, time: Option<SimTime>) -> Value {
        time.map_or(Value::Null, |time| self.time(time))
    }
}

impl Store {
    /// An object as JSON, if it exists.
    pub fn view(&self, id: ObjectId, clock: Clock) -> Option<Value> {
        let object = match id {
            ObjectId::Node(key) => node::view(self.find_node(key)?, self, clock),
            ObjectId::Pod(key) => {
                let there = self.pod(key).filter(|pod| !pod.removed);
                pod::view(there?, self, clock)
            }
            ObjectId::Deployment(key) => deployment::view(self.deployment(key)?, self, clock),
            ObjectId::ReplicaSet(key) => replica_set::view(key, self, clock)?,
            ObjectId::StatefulSet(key) => stateful_set::view(key, self, clock)?,
            ObjectId::DaemonSet(key) => daemon_set::view(key, self, clock)?,
            ObjectId::Job(key) => job::view(key, self, clock)?,
            ObjectId::CronJob(key) => cron_job::view(self.cron_job(key)?, self, clock),
            ObjectId::PodDisruptionBudget(key) => pod_disruption_budget::view(key, self, clock)?,
            ObjectId::HorizontalPodAutoscaler(key) => {
                horizontal_pod_autoscaler::view(self.hpa(key)?, self, clock)
            }
            ObjectId::VerticalPodAutoscaler(key) => {
                vertical_pod_autoscaler::view(self.vpa(key)?, self, clock)
            }
            ObjectId::ScaledObject(key) => {
                keda::scaled_object(self.scaled_object(key)?, self, clock)
            }
            ObjectId::ScaledJob(key) => keda::scaled_job(self.scaled_job(key)?, self, clock),
        };
        Some(tidied(object))
    }

    /// The objects of a kind in the order in which the API server lists them, by namespace and
    /// name; of one namespace if that is given.
    pub fn ids(&self, kind: Kind, namespace: Option<&str>) -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = if kind == Kind::Pod {
            let there = self.pods().filter(|(_, pod)| !pod.removed);
            there.map(|(id, _)| ObjectId::Pod(id)).collect()
        } else {
            self.all(kind).collect()
        };
        let key = |id: &ObjectId| {
            let meta = self.meta(*id);
            meta.map(|meta| (meta.namespace.clone(), meta.name.clone()))
        };
        ids.retain(|id| {
            namespace.is_none_or(|wanted| key(id).is_some_and(|(own, _)| *own == *wanted))
        });
        ids.sort_by_cached_key(key);
        ids
    }

    /// The objects of a kind as JSON, in the order of [`Store::ids`].
    pub fn list(&self, kind: Kind, namespace: Option<&str>, clock: Clock) -> Vec<Value> {
        let ids = self.ids(kind, namespace).into_iter();
        ids.filter_map(|id| self.view(id, clock)).collect()
    }
}

/// A pod template as JSON, `spec.template` of the workload of a kind that has it.
pub fn pod_template(of: &PodTemplate) -> Value {
    tidied(template::template(of, &of.labels))
}

/// Fields that the API server prints even where they are null.
const NULLS: [&str; 2] = ["lastProbeTime", "currentMetrics"];

/// An object without its empty fields, every key in its place: the API server's `omitempty`,
/// and the order in which kubectl prints.
fn tidied(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter();
            let kept = kept.filter(|(key, value)| !value.is_null() || NULLS.contains(&&**key));
            let mut kept: Map<String, Value> =
                kept.map(|(key, value)| (key, tidied(value))).collect();
            kept.sort_keys();
            Value::Object(kept)
        }
        Value::Array(items) => items.into_iter().map(tidied).collect(),
        other => other,
    }
}

/// A number that is left out where it is 0.
fn count(number: i32) -> Value {
    if number == 0 {
        Value::Null
    } else {
        number.into()
    }
}

/// Labels or annotations, left out where there are none.
fn labels(of: &Labels) -> Value {
    if of.is_empty() {
        return Value::Null;
    }
    let pairs = of.iter();
    pairs
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect()
}

/// A label selector.
fn selector(of: &LabelSelector) -> Value {
    let expressions = of.expressions.iter().map(|one| {
        json!({"key": one.key, "operator": one.operator.name(), "values": texts(&one.values)})
    });
    json!({"matchExpressions": list(expressions.collect()), "matchLabels": labels(&of.labels)})
}

/// Texts, left out where there are none.
fn texts(of: &[String]) -> Value {
    list(of.iter().map(|text| Value::from(text.as_str())).collect())
}

/// A list, left out where it is empty.
fn list(items: Vec<Value>) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        Value::Array(items)
    }
}

/// A number of pods or a percentage.
fn int_or_percent(value: IntOrPercent) -> Value {
    match value {
        IntOrPercent::Int(number) => number.into(),
        IntOrPercent::Percent(percent) => format!("{percent}%").into(),
    }
}

/// `True` or `False`.
fn truth(holds: bool) -> Value {
    Value::from(if holds { "True" } else { "False" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_go_and_keys_are_in_order() {
        let object =
            json!({"b": null, "a": {"d": 1, "c": [{"f": null, "e": 0}]}, "currentMetrics": null});
        let text = tidied(object).to_string();
        assert_eq!(text, r#"{"a":{"c":[{"e":0}],"d":1},"currentMetrics":null}"#);
    }
}
