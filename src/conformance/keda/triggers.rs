//! Kind `keda_triggers`: metrics and values of scalers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::table::{difference, null_as_empty, rows};
use super::super::{ReplayError, Report};
use super::agree;
use crate::autoscaler::keda::{
    AuthParams, KafkaPartition, KafkaTopic, MetricSource, MetricSpec, PrometheusAnswer,
    RabbitQueue, Reading, ScaleTrigger, ScalerConfig, build,
};
use crate::units::Quantity;

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    trigger_index: usize,
    metric_type: String,
    metadata: BTreeMap<String, String>,
    input: Input,
    expected_hpa_metric: HpaMetric,
    expected_value: Option<f64>,
    expected_active: Option<bool>,
    expected_error: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Input {
    result: String,
    value: Option<String>,
    list_length: i64,
    visible: i64,
    not_visible_in_flight: i64,
    delayed: i64,
    messages: i64,
    publish_rate: f64,
    deliver_get_rate: f64,
    #[serde(deserialize_with = "null_as_empty")]
    expected_of_earlier_polls: Vec<Earlier>,
    polls: Vec<Offsets>,
}

#[derive(Debug, Deserialize)]
struct Earlier {
    active: bool,
    value: f64,
}

#[derive(Debug, Deserialize)]
struct Offsets {
    consumer_offsets: Vec<i64>,
    latest_offsets: Vec<i64>,
}

#[derive(Debug, Deserialize, PartialEq, Default, Clone)]
#[serde(default)]
struct HpaMetric {
    #[serde(rename = "hpa_metric_type")]
    source: String,
    metric_name: Option<String>,
    resource: Option<String>,
    container: Option<String>,
    target_type: String,
    target_value: Option<f64>,
    target_average_value: Option<f64>,
    target_average_utilization: Option<i32>,
}

/// Everything that is compared.
#[derive(Debug, PartialEq, Default)]
struct Answer {
    metric: HpaMetric,
    measured: Vec<(Option<f64>, Option<bool>)>,
    error: bool,
}

/// Replays every trigger.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in rows::<Case>(text)? {
        report.cases += 1;
        let place = case.id.clone();
        let input = (&case.metadata, &case.input);
        report.step(match case.run() {
            Ok(mut got) => {
                let expected = case.expected();
                for (expected, got) in expected.measured.iter().zip(&mut got.measured) {
                    if agree(expected.0, got.0) {
                        got.0 = expected.0;
                    }
                }
                difference(place, &expected, &got, &input)
            }
            Err(error) => difference(place, &String::new(), &error, &input),
        });
    }
    Ok(report)
}

impl Case {
    fn expected(&self) -> Answer {
        let earlier = self.input.expected_of_earlier_polls.iter();
        let mut measured: Vec<_> = earlier
            .map(|earlier| (Some(earlier.value), Some(earlier.active)))
            .collect();
        measured.push((self.expected_value, self.expected_active));
        Answer {
            metric: self.expected_hpa_metric.clone(),
            measured,
            error: self.expected_error.is_some(),
        }
    }

    fn run(&self) -> Result<Answer, String> {
        // What the recording leaves out because it never matters.
        let mut metadata = self.metadata.clone();
        let mut also = |key: &str, value: &str| {
            metadata
                .entry(key.to_owned())
                .or_insert_with(|| value.to_owned());
        };
        also("serverAddress", "http://prometheus");
        also("query", "up");
        also("address", "redis:6379");
        also("awsRegion", "eu-west-1");
        also("identityOwner", "operator");
        also("host", "http://rabbitmq/vhost");
        also("bootstrapServers", "kafka:9092");
        let trigger = ScaleTrigger {
            kind: self.kind.clone(),
            metadata,
            metric_type: self.metric_type.clone(),
            ..ScaleTrigger::default()
        };
        let mut scaler = build(ScalerConfig {
            namespace: "default",
            trigger: &trigger,
            index: self.trigger_index,
            as_metric_source: false,
            environment: &BTreeMap::new(),
            auth: &AuthParams::default(),
        })?;
        let specs = scaler.metric_specs(&[]);
        let spec = specs.first().ok_or("no metric")?;
        let mut answer = Answer {
            metric: hpa_metric(spec),
            ..Answer::default()
        };
        let name = spec.external_name().unwrap_or_default();
        for reading in self.readings() {
            let measured = scaler.measure(name, &reading, 0);
            answer.error = measured.is_err();
            answer
                .measured
                .push(measured.map_or((None, None), |(values, active)| {
                    let value = values.first().map(|value| value.value.as_f64());
                    (value, Some(active))
                }));
        }
        Ok(answer)
    }

    fn readings(&self) -> Vec<Reading> {
        let input = &self.input;
        let one = match self.kind.as_str() {
            "prometheus" => Reading::Prometheus(self.prometheus()),
            "redis" => Reading::Redis(input.list_length),
            "aws-sqs-queue" => Reading::Sqs {
                visible: input.visible,
                in_flight: input.not_visible_in_flight,
                delayed: input.delayed,
            },
            "rabbitmq" => Reading::RabbitMq(vec![RabbitQueue {
                ready: input.messages,
                unacknowledged: 0,
                publish_rate: input.publish_rate,
                deliver_get_rate: input.deliver_get_rate,
            }]),
            "kafka" => {
                let topics =
                    |offsets: &Offsets| Reading::Kafka(vec![offsets.topic(&self.metadata)]);
                return input.polls.iter().map(topics).collect();
            }
            _ => Reading::None,
        };
        vec![one]
    }

    fn prometheus(&self) -> PrometheusAnswer {
        match self.input.result.as_str() {
            "empty" => PrometheusAnswer::Empty,
            "two_series" => PrometheusAnswer::Several,
            "single" => match self.input.value.as_deref().map(str::parse) {
                Some(Ok(value)) => PrometheusAnswer::Value(value),
                _ => PrometheusAnswer::Failed("not a number".to_owned()),
            },
            "empty_value" | "empty_value_list" => PrometheusAnswer::EmptyValue,
            other => match other.strip_prefix("http_").map(str::parse) {
                Some(Ok(status)) => PrometheusAnswer::Status(status),
                _ => PrometheusAnswer::Failed(other.to_owned()),
            },
        }
    }
}

impl Offsets {
    fn topic(&self, metadata: &BTreeMap<String, String>) -> KafkaTopic {
        let partitions = self
            .latest_offsets
            .iter()
            .zip(&self.consumer_offsets)
            .enumerate();
        KafkaTopic {
            name: metadata.get("topic").cloned().unwrap_or_default(),
            partitions: partitions
                .map(|(id, (latest, committed))| KafkaPartition {
                    id: id as i32,
                    latest: *latest,
                    committed: *committed,
                })
                .collect(),
        }
    }
}

fn hpa_metric(spec: &MetricSpec) -> HpaMetric {
    let target = &spec.target;
    let amount = target.amount.map(Quantity::as_f64);
    let average = target.kind == "AverageValue";
    let mut metric = HpaMetric {
        source: spec.kind().to_owned(),
        target_type: target.kind.clone(),
        target_value: amount.filter(|_| !average),
        target_average_value: amount.filter(|_| average),
        target_average_utilization: target.average_utilization,
        ..HpaMetric::default()
    };
    match &spec.source {
        MetricSource::External { name } => metric.metric_name = Some(name.clone()),
        MetricSource::Resource { resource } => metric.resource = Some(resource.clone()),
        MetricSource::ContainerResource {
            resource,
            container,
        } => {
            metric.resource = Some(resource.clone());
            metric.container = Some(container.clone());
        }
    }
    metric
}
