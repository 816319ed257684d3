//! What triggers look at in the world: pods in the store, and what the scenario declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::api::{Kind, PodPhase, Store};
use crate::autoscaler::keda::{
    AuthParams, Broker, ExternalMetric, Hpa, KafkaPartition, KafkaTopic, PrometheusAnswer,
    RabbitQueue, Reading, ScaleTrigger, Scaler, Sources, WorkloadPod,
};
use crate::kubectl::selector::LabelSelector;
use crate::metrics::CustomMetrics;
use crate::prometheus::promql::Value;
use crate::prometheus::scrape::QueryError;
use crate::scenario::model::{FaultKind, TriggerSource, queue_of};
use crate::scenario::{Admission, Scenario, read_object};
use crate::sim::SimTime;
use crate::workload::queue::{PartitionReading, Readings};
use crate::world::prometheus::Prometheus;
use crate::world::traffic::Traffic;

/// What a scaler says of a source that is not there.
const NOBODY: &str = "dial tcp: connect: connection refused";

/// The environment of a container.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    known: BTreeMap<String, String>,
    /// Variables from Secrets and ConfigMaps.
    hidden: Vec<String>,
}

impl Environment {
    /// That of a container of this name in a pod's spec; of the first if no name is given.
    pub(super) fn read(pods: Option<&Json>, container: &str) -> Self {
        let containers = pods.and_then(|pods| pods["containers"].as_array());
        let is_named = |one: &&Json| container.is_empty() || one["name"] == *container;
        let found = containers.and_then(|all| all.iter().find(is_named));
        let variables = found.and_then(|one| one["env"].as_array());
        let mut environment = Self::default();
        for variable in variables.into_iter().flatten() {
            let Some(name) = variable["name"].as_str() else {
                continue;
            };
            match (&variable["value"], &variable["valueFrom"]) {
                (Json::String(value), _) => {
                    environment.known.insert(name.to_owned(), value.clone());
                }
                (_, Json::Object(_)) => environment.hidden.push(name.to_owned()),
                _ => {}
            }
        }
        environment
    }
}

/// The sources of one object's triggers at an instant.
pub(super) struct WorldSources<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) store: &'a Store,
    pub(super) custom: &'a CustomMetrics,
    pub(super) traffic: &'a Traffic,
    /// The Prometheus of the cluster, if there is one that answers.
    pub(super) prometheus: Option<&'a mut Prometheus>,
    /// Where the declared sources begin among the custom metrics.
    pub(super) first_source: usize,
    pub(super) kind: &'static str,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) triggers: Vec<ScaleTrigger>,
    pub(super) environment: Environment,
    pub(super) admission: &'a Admission,
    pub(super) now: SimTime,
}

impl WorldSources<'_> {
    /// The declared source of a trigger, and its place.
    fn declared(&self, trigger: usize) -> Option<(usize, &TriggerSource)> {
        let mut all = self.scenario.trigger_sources.iter().enumerate();
        all.find(|(_, source)| {
            let of = &source.of;
            of.kind == self.kind
                && of.trigger == trigger
                && *of.namespace == *self.namespace
                && *of.name == *self.name
        })
    }

    /// Whether a fault keeps a trigger's source from answering.
    fn is_silent(&self, trigger: usize) -> bool {
        let of = (self.kind, &*self.namespace, &*self.name);
        is_silent(self.scenario, of, trigger, self.now)
    }

    /// What the broker of a simulated queue answers.
    fn queue(&self, scaler: &Scaler) -> Option<Reading> {
        let (broker, name) = scaler.queue()?;
        let index = queue_of(&self.scenario.queues, scaler)?;
        Some(of_queue(
            broker,
            name,
            &self.traffic.queue(index, self.now)?,
        ))
    }

    /// The pods that a selector selects in the object's namespace.
    fn pods(&self, selector: &str) -> Result<Vec<WorkloadPod>, String> {
        let selector = LabelSelector::parse(selector)?;
        let mut found = Vec::new();
        for (_, pod) in self.store.pods() {
            if pod.removed || *pod.meta.namespace != *self.namespace {
                continue;
            }
            if selector.matches_labels(&pod.meta.labels) {
                let node = pod.node.and_then(|node| self.store.find_node(node));
                found.push(WorkloadPod {
                    terminated: matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed),
                    node: node.map_or_else(String::new, |node| node.name().to_owned()),
                });
            }
        }
        Ok(found)
    }
}

impl Sources for WorldSources<'_> {
    fn read(&mut self, trigger: usize, scaler: &Scaler, _: &str) -> Result<Reading, String> {
        let Some(of) = self.triggers.get(trigger) else {
            return Err(NOBODY.to_owned());
        };
        if of.kind == "kubernetes-workload" {
            let selector = of.metadata.get("podSelector").map_or("", String::as_str);
            return self.pods(selector).map(Reading::Workload);
        }
        if self.is_silent(trigger) {
            return Err(NOBODY.to_owned());
        }
        if of.kind == "prometheus" && self.declared(trigger).is_none() {
            let query = of.metadata.get("query").cloned().unwrap_or_default();
            let prometheus = self.prometheus.as_mut().ok_or_else(|| NOBODY.to_owned())?;
            return Ok(Reading::Prometheus(answer(
                prometheus.ask(&query, self.now),
            )));
        }
        let Some((place, source)) = self.declared(trigger) else {
            return self.queue(scaler).ok_or_else(|| NOBODY.to_owned());
        };
        let value = self.custom.read_at(self.first_source + place, self.now);
        reading(of, source, value)
    }

    fn external_metrics(&mut self, trigger: usize) -> Vec<ExternalMetric> {
        let declared = self.declared(trigger).filter(|_| !self.is_silent(trigger));
        let metric = |(_, source): (usize, &TriggerSource)| ExternalMetric {
            name: source.external.metric.clone(),
            target_size: 0,
            target_size_float: source.external.target,
        };
        declared.map(metric).into_iter().collect()
    }

    fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment.known
    }

    fn auth(&self, trigger: &ScaleTrigger) -> AuthParams {
        let is_hidden = |name: &str| self.environment.hidden.iter().any(|one| one == name);
        if trigger.is_secret(is_hidden) {
            AuthParams::Unknown
        } else {
            AuthParams::default()
        }
    }

    fn admit_hpa(&self, hpa: &Hpa, creates: bool) -> Result<(), String> {
        let kind = Kind::HorizontalPodAutoscaler;
        let found = self.store.find(kind, &hpa.namespace, &hpa.name);
        if creates && found.is_some() {
            let name = &hpa.name;
            return Err(format!(
                "horizontalpodautoscalers.autoscaling \"{name}\" already exists"
            ));
        }
        read_object(&hpa.manifest(), self.admission)
            .map(|_| ())
            .map_err(|refusal| invalid(&hpa.name, &refusal.causes))
    }
}

/// The API server's words, which `kubectl` does not print as they are.
fn invalid(name: &str, causes: &[String]) -> String {
    let causes = match causes {
        [cause] => cause.clone(),
        causes => format!("[{}]", causes.join(", ")),
    };
    format!("HorizontalPodAutoscaler.autoscaling \"{name}\" is invalid: {causes}")
}

/// Whether a fault keeps the source of a trigger of this kind, namespace and name from answering.
pub(super) fn is_silent(
    scenario: &Scenario,
    (kind, namespace, name): (&str, &str, &str),
    trigger: usize,
    now: SimTime,
) -> bool {
    scenario.faults.iter().any(|fault| {
        let lasts = fault.at <= now && fault.until.is_none_or(|until| now < until);
        match &fault.kind {
            FaultKind::Trigger(of) => {
                lasts
                    && of.kind == kind
                    && *of.namespace == *namespace
                    && *of.name == *name
                    && of.trigger.is_none_or(|one| one == trigger)
            }
            _ => false,
        }
    })
}

/// What KEDA makes of Prometheus' answer to a query.
fn answer(asked: Result<Value, QueryError>) -> PrometheusAnswer {
    match asked {
        // A query that cannot be read is answered with status 400, one that fails with 422.
        Err(QueryError::Parse(_)) => PrometheusAnswer::Status(400),
        Err(_) => PrometheusAnswer::Status(422),
        Ok(Value::Scalar(value)) => PrometheusAnswer::Value(value),
        Ok(Value::Vector(samples)) => match samples.as_slice() {
            [] => PrometheusAnswer::Empty,
            [one] => PrometheusAnswer::Value(one.value),
            _ => PrometheusAnswer::Several,
        },
        Ok(_) => PrometheusAnswer::Failed("the answer is no instant vector".to_owned()),
    }
}

/// A queue's readings as its broker tells them.
fn of_queue(broker: Broker, name: &str, queue: &Readings) -> Reading {
    let (ready, held) = (queue.ready as i64, queue.unacked as i64);
    match broker {
        Broker::RabbitMq => Reading::RabbitMq(vec![RabbitQueue {
            ready,
            unacknowledged: held,
            publish_rate: queue.publish_rate,
            deliver_get_rate: queue.deliver_rate,
        }]),
        Broker::Redis => Reading::Redis(ready),
        Broker::Sqs => Reading::Sqs {
            visible: ready,
            in_flight: held,
            delayed: queue.delayed as i64,
        },
        Broker::Kafka => {
            let partitions = (0..).zip(&queue.partitions);
            let partition = |(id, one): (i32, &PartitionReading)| KafkaPartition {
                id,
                latest: one.latest as i64,
                committed: one.committed.map_or(-1, |offset| offset as i64),
            };
            Reading::Kafka(vec![KafkaTopic {
                name: name.to_owned(),
                partitions: partitions.map(partition).collect(),
            }])
        }
    }
}

/// A declared number as the answer of a trigger's source.
fn reading(
    trigger: &ScaleTrigger,
    source: &TriggerSource,
    value: Option<f64>,
) -> Result<Reading, String> {
    let kind = trigger.kind.as_str();
    if kind == "prometheus" {
        let answer = value.map_or(PrometheusAnswer::Empty, PrometheusAnswer::Value);
        return Ok(Reading::Prometheus(answer));
    }
    let value = value.ok_or_else(|| NOBODY.to_owned())?;
    let count = value.round() as i64;
    Ok(match kind {
        "redis" | "redis-cluster" | "redis-sentinel" => Reading::Redis(count),
        "redis-streams" | "redis-cluster-streams" | "redis-sentinel-streams" => {
            Reading::RedisStream(count)
        }
        "aws-sqs-queue" => Reading::Sqs {
            visible: count,
            in_flight: 0,
            delayed: 0,
        },
        "rabbitmq" => Reading::RabbitMq(vec![RabbitQueue {
            ready: count,
            unacknowledged: 0,
            publish_rate: value,
            deliver_get_rate: 0.0,
        }]),
        "kafka" => {
            let topic = trigger.metadata.get("topic").cloned();
            Reading::Kafka(vec![KafkaTopic {
                name: topic.unwrap_or_default(),
                partitions: partitions(count, source.partitions),
            }])
        }
        "metrics-api" => Reading::MetricsApi(value),
        _ => Reading::External {
            values: vec![value],
            active: value > source.external.activation,
        },
    })
}

/// A lag over the partitions of a topic, as even as can be.
fn partitions(lag: i64, count: u32) -> Vec<KafkaPartition> {
    let count = i64::from(count.max(1));
    let partition = |id: i64| KafkaPartition {
        id: id as i32,
        latest: lag / count + i64::from(id < lag % count),
        committed: 0,
    };
    (0..count).map(partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_spread_over_the_partitions() {
        let lags: Vec<i64> = partitions(8, 3).iter().map(|one| one.latest).collect();
        assert_eq!(lags, [3, 3, 2]);
    }

    #[test]
    fn variables_from_secrets_are_hidden() {
        let pods = serde_json::json!({ "containers": [
            { "name": "a", "env": [{ "name": "X", "value": "1" }] },
            { "name": "b", "env": [
                { "name": "X", "value": "2" },
                { "name": "Y", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
            ] },
        ]});
        assert_eq!(Environment::read(Some(&pods), "").known["X"], "1");
        let named = Environment::read(Some(&pods), "b");
        assert_eq!(
            (named.known["X"].as_str(), named.hidden.as_slice()),
            ("2", &["Y".to_owned()][..])
        );
    }
}
