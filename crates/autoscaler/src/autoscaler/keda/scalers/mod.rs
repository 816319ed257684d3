//! Scalers: what a trigger's metadata means, which metrics it gives and what a raw reading of
//! its source is worth.
//!
//! Nothing here talks to a source; who simulates one hands in a [`Reading`].

mod auth;
mod cpu_memory;
mod cron;
mod external;
mod kafka;
mod kafka_lag;
mod kubernetes_workload;
mod metrics_api;
mod outage;
mod predictkube;
mod prometheus;
mod rabbitmq;
mod redis;
mod redis_streams;
mod sqs;
mod url;

pub use external::ExternalMetric;
pub use kafka_lag::{KafkaPartition, KafkaTopic};
pub use kubernetes_workload::WorkloadPod;
pub use prometheus::PrometheusAnswer;
pub use rabbitmq::RabbitQueue;

use super::metric::{AVERAGE_VALUE, Amount, MetricSpec, MetricValue, UTILIZATION};
use super::typed_config::ScalerConfig;
use crate::sim::SimDuration;

/// What a source answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Prometheus' answer to the instant query.
    Prometheus(PrometheusAnswer),
    /// The length of a Redis list, or of whatever the key is.
    Redis(i64),
    /// Entries of a Redis stream: pending, behind, or all of them.
    RedisStream(i64),
    /// An SQS queue's approximate numbers of messages.
    Sqs {
        /// Messages that can be received.
        visible: i64,
        /// Messages received and not yet deleted.
        in_flight: i64,
        /// Messages that become visible later.
        delayed: i64,
    },
    /// The queue; several with `useRegex`.
    RabbitMq(Vec<RabbitQueue>),
    /// The topics of a consumer group.
    Kafka(Vec<KafkaTopic>),
    /// Values of an external scaler's metric and its `IsActive`.
    External {
        /// The values.
        values: Vec<f64>,
        /// Whether the scaler is active.
        active: bool,
    },
    /// The pods that the selector selects.
    Workload(Vec<WorkloadPod>),
    /// The number at the API's value location.
    MetricsApi(f64),
    /// The newest observation of a query, and what the model predicts.
    Predicted {
        /// The observation.
        last: f64,
        /// The prediction, a horizon ahead.
        forecast: f64,
    },
    /// Nothing: the clock and the pods' usage need no source.
    None,
}

/// What holds a queue that a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    /// A queue of RabbitMQ.
    RabbitMq,
    /// A list of Redis.
    Redis,
    /// A queue of SQS.
    Sqs,
    /// A topic of Kafka.
    Kafka,
}

/// Value or values and whether the trigger is active.
pub type Measured = (Vec<MetricValue>, bool);

/// A scaler that has been built.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    index: usize,
    metric_type: String,
    kind: Kind,
    remote: outage::Remote,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    CpuMemory(cpu_memory::CpuMemory),
    Cron(cron::Cron),
    External(external::External),
    Kafka(kafka::Kafka),
    KubernetesWorkload(kubernetes_workload::KubernetesWorkload),
    MetricsApi(metrics_api::MetricsApi),
    PredictKube(predictkube::PredictKube),
    Prometheus(prometheus::Prometheus),
    RabbitMq(rabbitmq::RabbitMq),
    Redis(redis::Redis),
    RedisStreams(redis_streams::RedisStreams),
    Sqs(sqs::Sqs),
}

/// Scalers that KEDA has and this simulator has not.
const NOT_SIMULATED: &[&str] = &[
    "activemq",
    "apache-kafka",
    "arangodb",
    "artemis-queue",
    "aws-cloudwatch",
    "aws-dynamodb",
    "aws-dynamodb-streams",
    "aws-kinesis-stream",
    "azure-app-insights",
    "azure-blob",
    "azure-data-explorer",
    "azure-eventhub",
    "azure-log-analytics",
    "azure-monitor",
    "azure-pipelines",
    "azure-queue",
    "azure-servicebus",
    "beanstalkd",
    "cassandra",
    "couchdb",
    "datadog",
    "dynatrace",
    "elastic-forecast",
    "elasticsearch",
    "etcd",
    "forgejo-runner",
    "gcp-cloudtasks",
    "gcp-pubsub",
    "gcp-stackdriver",
    "gcp-storage",
    "github-runner",
    "graphite",
    "huawei-cloudeye",
    "ibmmq",
    "influxdb",
    "kubernetes-resource",
    "liiklus",
    "loki",
    "mongodb",
    "mssql",
    "mysql",
    "nats-jetstream",
    "new-relic",
    "nsq",
    "opensearch",
    "openstack-metric",
    "openstack-swift",
    "postgresql",
    "pulsar",
    "selenium-grid",
    "solace-direct-messaging",
    "solace-event-queue",
    "solarwinds",
    "solr",
    "splunk",
    "splunk-observability",
    "sumologic",
    "temporal",
];

/// `buildScaler`.
pub fn build(config: ScalerConfig) -> Result<Scaler, String> {
    let trigger = config.trigger;
    let named = |what: &str| {
        metric_target_type(&trigger.metric_type)
            .map_err(|error| format!("error getting {what} metric type: {error}"))
    };
    let metric_type = match trigger.kind.as_str() {
        "cpu" | "memory" => Ok(String::new()),
        "external" | "external-push" => named("external scaler"),
        _ => named("scaler"),
    };
    let kind = match trigger.kind.as_str() {
        "cpu" | "memory" => Kind::CpuMemory(cpu_memory::CpuMemory::build(config)?),
        known if NOT_SIMULATED.contains(&known) => {
            return Err(format!("scalers of type {known} are not simulated"));
        }
        other => simulated(other, config, metric_type.as_ref().map_err(Clone::clone))?,
    };
    let over_http = matches!(&kind, Kind::RabbitMq(scaler) if scaler.is_over_http());
    Ok(Scaler {
        index: config.index,
        metric_type: metric_type?,
        kind,
        remote: outage::Remote::of(config, over_http),
    })
}

fn simulated(
    kind: &str,
    config: ScalerConfig,
    metric_type: Result<&String, String>,
) -> Result<Kind, String> {
    // The metric type is looked at first, but for an unknown scaler not at all.
    let first =
        |kind: fn(ScalerConfig) -> Result<Kind, String>| metric_type.and_then(|_| kind(config));
    match kind {
        "cron" => first(|config| cron::Cron::build(config).map(Kind::Cron)),
        "external" => first(|config| external::External::build(config, false).map(Kind::External)),
        "external-push" => {
            first(|config| external::External::build(config, true).map(Kind::External))
        }
        "kafka" => first(|config| kafka::Kafka::build(config).map(Kind::Kafka)),
        "kubernetes-workload" => first(|config| {
            kubernetes_workload::KubernetesWorkload::build(config).map(Kind::KubernetesWorkload)
        }),
        "metrics-api" => {
            first(|config| metrics_api::MetricsApi::build(config).map(Kind::MetricsApi))
        }
        "predictkube" => {
            first(|config| predictkube::PredictKube::build(config).map(Kind::PredictKube))
        }
        "prometheus" => first(|config| prometheus::Prometheus::build(config).map(Kind::Prometheus)),
        "rabbitmq" => first(|config| rabbitmq::RabbitMq::build(config).map(Kind::RabbitMq)),
        "redis" | "redis-cluster" | "redis-sentinel" => {
            first(|config| redis::Redis::build(config).map(Kind::Redis))
        }
        "redis-streams" | "redis-cluster-streams" | "redis-sentinel-streams" => {
            first(|config| redis_streams::RedisStreams::build(config).map(Kind::RedisStreams))
        }
        "aws-sqs-queue" => first(|config| sqs::Sqs::build(config).map(Kind::Sqs)),
        _ => Err(format!("no scaler found for type: {kind}")),
    }
}

/// `GetMetricTargetType`.
fn metric_target_type(given: &str) -> Result<String, String> {
    match given {
        UTILIZATION => Err(
            "'Utilization' metric type is unsupported for external metrics, allowed values are \
             'Value' or 'AverageValue'"
                .to_owned(),
        ),
        "" => Ok(AVERAGE_VALUE.to_owned()),
        other => Ok(other.to_owned()),
    }
}

impl Scaler {
    /// The position of its trigger.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Whether it can activate the target between polls.
    pub const fn is_push(&self) -> bool {
        matches!(&self.kind, Kind::External(external) if external.is_push())
    }

    /// Whether its metrics are named by the source itself.
    pub const fn is_external(&self) -> bool {
        matches!(self.kind, Kind::External(_))
    }

    /// The one queue, list or topic that it looks at, by its name.
    pub fn queue(&self) -> Option<(Broker, &str)> {
        let (broker, name) = match &self.kind {
            Kind::RabbitMq(scaler) => (Broker::RabbitMq, scaler.queue()?),
            Kind::Redis(scaler) => (Broker::Redis, scaler.list()),
            Kind::Sqs(scaler) => (Broker::Sqs, scaler.queue()),
            Kind::Kafka(scaler) => (Broker::Kafka, scaler.topic()),
            _ => return None,
        };
        Some((broker, name)).filter(|(_, name)| !name.is_empty())
    }

    /// Which pods a `kubernetes-workload` counts.
    pub fn pod_selector(&self) -> Option<&str> {
        match &self.kind {
            Kind::KubernetesWorkload(scaler) => Some(scaler.pod_selector()),
            _ => None,
        }
    }

    /// How far ahead it asks a model, if it does.
    pub const fn horizon(&self) -> Option<SimDuration> {
        match &self.kind {
            Kind::PredictKube(scaler) => Some(scaler.horizon()),
            _ => None,
        }
    }

    /// Why it cannot be built while nobody answers at its source; none if it does not connect
    /// before it fetches.
    pub fn unconnected(&self) -> Option<String> {
        self.remote.unconnected()
    }

    /// What a fetch fails with if nobody answers at its source; `time` is now, in RFC 3339.
    pub fn unanswered(&self, time: &str) -> String {
        self.remote.unanswered(time)
    }

    /// Whether a source must be asked.
    pub const fn needs_reading(&self) -> bool {
        !matches!(self.kind, Kind::CpuMemory(_) | Kind::Cron(_))
    }

    /// Its name in messages when the trigger has none: the Go type.
    pub const fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::CpuMemory(_) => "cpuMemoryScaler",
            Kind::Cron(_) => "cronScaler",
            Kind::External(external) if external.is_push() => "externalPushScaler",
            Kind::External(_) => "externalScaler",
            Kind::Kafka(_) => "kafkaScaler",
            Kind::KubernetesWorkload(_) => "kubernetesWorkloadScaler",
            Kind::MetricsApi(_) => "metricsAPIScaler",
            Kind::PredictKube(_) => "PredictKubeScaler",
            Kind::Prometheus(_) => "prometheusScaler",
            Kind::RabbitMq(_) => "rabbitMQScaler",
            Kind::Redis(_) => "redisScaler",
            Kind::RedisStreams(_) => "redisStreamsScaler",
            Kind::Sqs(_) => "awsSqsQueueScaler",
        }
    }

    /// `GetMetricSpecForScaling`. `external` is what an external scaler's `GetMetricSpec` answers.
    pub fn metric_specs(&self, external: &[ExternalMetric]) -> Vec<MetricSpec> {
        let (index, kind) = (self.index, self.metric_type.as_str());
        match &self.kind {
            Kind::CpuMemory(scaler) => vec![scaler.metric_spec()],
            Kind::Cron(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::External(_) => external::metric_specs(index, kind, external),
            Kind::Kafka(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::KubernetesWorkload(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::MetricsApi(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::PredictKube(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::Prometheus(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::RabbitMq(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::Redis(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::RedisStreams(scaler) => vec![scaler.metric_spec(index, kind)],
            Kind::Sqs(scaler) => vec![scaler.metric_spec(index, kind)],
        }
    }

    /// `GetMetricsAndActivity`: what the reading is worth at this time, in whole seconds since
    /// 1970. A Kafka scaler remembers offsets from call to call.
    pub fn measure(
        &mut self,
        metric: &str,
        reading: &Reading,
        unix_time: i64,
    ) -> Result<Measured, String> {
        let (value, active) = match (&mut self.kind, reading) {
            (Kind::CpuMemory(_), _) => return Ok((Vec::new(), true)),
            (Kind::External(_), Reading::External { values, active }) => {
                let value = |value: &f64| measured(metric, *value);
                return Ok((values.iter().map(value).collect(), *active));
            }
            (Kind::Cron(scaler), _) => scaler.measure(unix_time)?,
            (Kind::Kafka(scaler), Reading::Kafka(topics)) => scaler.measure(topics)?,
            (Kind::KubernetesWorkload(scaler), Reading::Workload(pods)) => scaler.measure(pods),
            (Kind::MetricsApi(scaler), Reading::MetricsApi(value)) => scaler.measure(*value),
            (Kind::PredictKube(scaler), Reading::Predicted { last, forecast }) => {
                match scaler.measure(*last, *forecast) {
                    Some(measured) => measured,
                    None => return Ok((Vec::new(), false)),
                }
            }
            (Kind::Prometheus(scaler), Reading::Prometheus(answer)) => scaler.measure(answer)?,
            (Kind::RabbitMq(scaler), Reading::RabbitMq(queues)) => scaler.measure(queues)?,
            (Kind::Redis(scaler), Reading::Redis(length)) => scaler.measure(*length),
            (Kind::RedisStreams(scaler), Reading::RedisStream(count)) => scaler.measure(*count),
            (
                Kind::Sqs(scaler),
                Reading::Sqs {
                    visible,
                    in_flight,
                    delayed,
                },
            ) => scaler.measure(*visible, *in_flight, *delayed),
            _ => return Err(format!("no reading for a {}", self.type_name())),
        };
        Ok((vec![measured(metric, value)], active))
    }
}

fn measured(metric: &str, value: f64) -> MetricValue {
    MetricValue {
        name: metric.to_owned(),
        value: Amount::from_f64(value),
    }
}
