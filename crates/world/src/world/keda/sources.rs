//! What triggers look at in the world: pods in the store, and what the scenario declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{Kind, PodPhase, Store};
use crate::autoscaler::keda::{
    AuthParams, Broker, Environment, ExternalMetric, Hpa, KafkaPartition, KafkaTopic,
    PrometheusAnswer, RabbitQueue, Reading, ScaleTrigger, Scaler, Sources, WorkloadPod,
};
use crate::kubectl::selector::LabelSelector;
use crate::metrics::CustomMetrics;
use crate::metrics::spec::MetricSource;
use crate::prometheus::promql::Value;
use crate::prometheus::scrape::QueryError;
use crate::scenario::model::{FaultKind, TriggerSource, check_selector, queue_of};
use crate::scenario::{Admission, Scenario, read_object};
use crate::sim::SimTime;
use crate::workload::queue::{PartitionReading, Readings};
use crate::world::prometheus::Prometheus;
use crate::world::traffic::Traffic;

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
    /// Whether the target is there.
    pub(super) target: Result<(), String>,
    pub(super) environment: Result<Environment, String>,
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

    /// What a scaler says that gets no answer.
    fn nobody(&self, scaler: &Scaler) -> String {
        let clock = self.scenario.controllers.vpa.clock;
        scaler.unanswered(&clock.print(self.now))
    }

    /// Whether a fault or the scenario leaves a scaler without a source.
    fn is_served(&self, trigger: usize, scaler: &Scaler) -> bool {
        let is_there = || {
            self.declared(trigger).is_some() || queue_of(&self.scenario.queues, scaler).is_some()
        };
        !self.is_silent(trigger) && is_there()
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
        let selector = LabelSelector::parse(selector)
            .map_err(|why| format!("error inspecting kubernetes workload: {why}"))?;
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
            return Err(self.nobody(scaler));
        };
        if let Some(selector) = scaler.pod_selector() {
            return self.pods(selector).map(Reading::Workload);
        }
        if self.is_silent(trigger) {
            return Err(self.nobody(scaler));
        }
        if of.kind == "prometheus" && self.declared(trigger).is_none() {
            let query = of.metadata.get("query").cloned().unwrap_or_default();
            let Some(prometheus) = &mut self.prometheus else {
                return Err(self.nobody(scaler));
            };
            // The time in the query has no fraction of a second.
            let asked = prometheus.ask(&query, self.now.truncate_to_second());
            return Ok(Reading::Prometheus(answer(asked)));
        }
        let Some((place, source)) = self.declared(trigger) else {
            return self.queue(scaler).ok_or_else(|| self.nobody(scaler));
        };
        let value = self.custom.read_at(self.first_source + place, self.now);
        if let Some(horizon) = scaler.horizon() {
            let last = value.ok_or_else(|| self.nobody(scaler))?;
            // The model is not public: what is declared is foreseen as it will be, what is
            // measured as it is.
            let forecast = match source.source {
                MetricSource::Series(_) => self
                    .custom
                    .read_at(self.first_source + place, self.now + horizon),
                _ => None,
            };
            let forecast = forecast.unwrap_or(last);
            return Ok(Reading::Predicted { last, forecast });
        }
        reading(of, source, value, self.now).ok_or_else(|| self.nobody(scaler))
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

    fn environment(&self) -> Result<&BTreeMap<String, String>, String> {
        let environment = self.environment.as_ref();
        environment.map(Environment::known).map_err(Clone::clone)
    }

    fn target(&self) -> Result<(), String> {
        self.target.clone()
    }

    fn open(&self, trigger: usize, scaler: &Scaler) -> Result<(), String> {
        if let Some(selector) = scaler.pod_selector() {
            return check_selector(selector);
        }
        match scaler.unconnected() {
            Some(why) if !self.is_served(trigger, scaler) => Err(why),
            _ => Ok(()),
        }
    }

    fn auth(&self, trigger: &ScaleTrigger) -> AuthParams {
        let environment = self.environment.as_ref();
        let is_hidden = |name: &str| environment.is_ok_and(|known| known.is_hidden(name));
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
            .map_err(|refusal| {
                let kind = "HorizontalPodAutoscaler.autoscaling";
                invalid(kind, &hpa.name, &refusal.causes)
            })
    }
}

/// The API server's words, which `kubectl` does not print as they are.
pub(super) fn invalid(kind: &str, name: &str, causes: &[String]) -> String {
    let causes = match causes {
        [cause] => cause.clone(),
        causes => format!("[{}]", causes.join(", ")),
    };
    format!("{kind} \"{name}\" is invalid: {causes}")
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

/// What Go's JSON decoder says of a scalar or a text.
const NO_SERIES: &str = "json: cannot unmarshal number into Go struct field .data.result of type \
     struct { Metric struct {} \"json:\\\"metric\\\"\"; Value []interface {} \
     \"json:\\\"value\\\"\" }";

/// What KEDA makes of Prometheus' answer to a query.
fn answer(asked: Result<Value, QueryError>) -> PrometheusAnswer {
    match asked {
        // A query that cannot be read is answered with status 400, one that fails with 422.
        Err(QueryError::Parse(_)) => PrometheusAnswer::Status(400),
        Err(_) => PrometheusAnswer::Status(422),
        // One series has `values`, but no `value`.
        Ok(Value::Matrix(series)) => match series.len() {
            0 => PrometheusAnswer::Empty,
            1 => PrometheusAnswer::EmptyValue,
            _ => PrometheusAnswer::Several,
        },
        // A time and a value in the place of series.
        Ok(Value::Scalar(_) | Value::Text(_)) => PrometheusAnswer::Failed(NO_SERIES.to_owned()),
        Ok(Value::Vector(samples)) => match samples.as_slice() {
            [] => PrometheusAnswer::Empty,
            [one] => PrometheusAnswer::Value(one.value),
            _ => PrometheusAnswer::Several,
        },
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

/// A declared number as the answer of a trigger's source; none if there is no number.
fn reading(
    trigger: &ScaleTrigger,
    source: &TriggerSource,
    value: Option<f64>,
    now: SimTime,
) -> Option<Reading> {
    let kind = trigger.kind.as_str();
    if kind == "prometheus" {
        let answer = value.map_or(PrometheusAnswer::Empty, PrometheusAnswer::Value);
        return Some(Reading::Prometheus(answer));
    }
    let value = value?;
    let count = value.round() as i64;
    Some(match kind {
        "redis" | "redis-cluster" | "redis-sentinel" => Reading::Redis(count),
        "redis-streams" | "redis-cluster-streams" | "redis-sentinel-streams" => {
            Reading::RedisStream(count)
        }
        "aws-sqs-queue" => Reading::Sqs {
            visible: count,
            in_flight: 0,
            delayed: 0,
        },
        "rabbitmq" => Reading::RabbitMq(vec![rabbit_queue(trigger, value)]),
        "kafka" => {
            let topic = trigger.metadata.get("topic").cloned();
            Reading::Kafka(vec![KafkaTopic {
                name: topic.unwrap_or_default(),
                partitions: partitions(count, source.partitions, now),
            }])
        }
        "metrics-api" => Reading::MetricsApi(value),
        _ => Reading::External {
            values: vec![value],
            active: value > source.external.activation,
        },
    })
}

/// A queue of which a trigger's mode measures this.
fn rabbit_queue(trigger: &ScaleTrigger, value: f64) -> RabbitQueue {
    let empty = RabbitQueue::default();
    let mode = trigger.metadata.get("mode").map(String::as_str);
    match mode {
        Some("DeliverGetRate") => RabbitQueue {
            deliver_get_rate: value,
            ..empty
        },
        // What is published for each message that is delivered.
        Some("PublishedToDeliveredRatio") => RabbitQueue {
            publish_rate: value,
            deliver_get_rate: 1.0,
            ..empty
        },
        // No messages yet, and as many more each second as that many seconds take away.
        Some("ExpectedQueueConsumptionTime") => RabbitQueue {
            publish_rate: value + 1.0,
            deliver_get_rate: 1.0,
            ..empty
        },
        _ => RabbitQueue {
            ready: value.round() as i64,
            publish_rate: value,
            ..empty
        },
    }
}

/// A lag over the partitions of a topic, as even as can be. The consumers are at work: what they
/// have committed is never what it was before.
fn partitions(lag: i64, count: u32, now: SimTime) -> Vec<KafkaPartition> {
    let count = i64::from(count.max(1));
    let committed = now.0.max(0);
    let partition = |id: i64| KafkaPartition {
        id: id as i32,
        latest: committed + lag / count + i64::from(id < lag % count),
        committed,
    };
    (0..count).map(partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_spread_over_the_partitions() {
        let all = partitions(8, 3, SimTime::from_secs(5));
        let lags: Vec<i64> = all.iter().map(|one| one.latest - one.committed).collect();
        assert_eq!(lags, [3, 3, 2]);
    }
}
