//! `rabbitmq`: length, rates and ratios of queues.

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{AuthParams, Param, Params, ScalerConfig, Source};
use super::url;
use crate::sim::SimDuration;

/// A queue's numbers. Rates are per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RabbitQueue {
    /// Messages ready for delivery.
    pub ready: i64,
    /// Messages delivered and not acknowledged.
    pub unacknowledged: i64,
    /// Messages published.
    pub publish_rate: f64,
    /// Messages delivered or fetched.
    pub deliver_get_rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    QueueLength,
    MessageRate,
    DeliverGetRate,
    PublishedToDeliveredRatio,
    ExpectedQueueConsumptionTime,
}

const MODES: [(&str, Mode); 5] = [
    ("QueueLength", Mode::QueueLength),
    ("MessageRate", Mode::MessageRate),
    ("DeliverGetRate", Mode::DeliverGetRate),
    ("PublishedToDeliveredRatio", Mode::PublishedToDeliveredRatio),
    (
        "ExpectedQueueConsumptionTime",
        Mode::ExpectedQueueConsumptionTime,
    ),
];

/// A queue and what is measured of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RabbitMq {
    queue_name: String,
    mode: Mode,
    value: f64,
    activation_value: f64,
    over_http: bool,
    use_regex: bool,
    exclude_unacknowledged: bool,
    operation: String,
}

impl RabbitMq {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        const WHAT: &str = "error parsing RabbitMQ metadata";
        parse(config).map_err(|error| format!("{WHAT}: {WHAT}: {error}"))
    }

    /// Its queue, unless its name is a pattern of several.
    pub(super) fn queue(&self) -> Option<&str> {
        (!self.use_regex).then_some(&*self.queue_name)
    }

    pub(super) const fn is_over_http(&self) -> bool {
        self.over_http
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = format!("rabbitmq-{}", url::query_escape(&self.queue_name));
        let target = MetricTarget::milli(kind, self.value);
        MetricSpec::external(index, &normalize(&name), target)
    }

    pub(super) fn measure(&self, queues: &[RabbitQueue]) -> Result<(f64, bool), String> {
        let [messages, ready, publish, deliver] = self.compose(queues)?;
        // AMQP tells of ready messages only, and of no rates.
        let (messages, publish, deliver) = match (self.over_http, self.exclude_unacknowledged) {
            (false, _) => (ready, 0.0, 0.0),
            (true, true) => (ready, publish, deliver),
            (true, false) => (messages, publish, deliver),
        };
        let activation = self.activation_value;
        Ok(match self.mode {
            Mode::QueueLength => (messages, messages > activation),
            Mode::MessageRate => (publish, publish > activation || messages > activation),
            Mode::DeliverGetRate => (deliver, deliver > activation),
            Mode::PublishedToDeliveredRatio => {
                let stuck = publish > 0.0 && deliver == 0.0;
                let ratio = if stuck {
                    activation
                } else if publish > 0.0 && deliver > 0.0 {
                    publish / deliver
                } else {
                    0.0
                };
                (ratio, ratio > activation || stuck)
            }
            Mode::ExpectedQueueConsumptionTime => {
                let time = if deliver == 0.0 {
                    activation
                } else {
                    (publish - deliver) / deliver + messages / deliver
                };
                (time, time > activation || deliver == 0.0)
            }
        })
    }

    /// All messages, ready ones and rates; of several queues their sum, average or maximum.
    fn compose(&self, queues: &[RabbitQueue]) -> Result<[f64; 4], String> {
        let numbers = |queue: &RabbitQueue| {
            let messages = queue.ready + queue.unacknowledged;
            (
                messages,
                queue.ready,
                queue.publish_rate,
                queue.deliver_get_rate,
            )
        };
        if !self.use_regex {
            let (messages, ready, publish, deliver) =
                queues.first().map(numbers).unwrap_or_default();
            return Ok([messages as f64, ready as f64, publish, deliver]);
        }
        let mut all = (0_i64, 0_i64, 0.0_f64, 0.0_f64);
        for (messages, ready, publish, deliver) in queues.iter().map(numbers) {
            all = if self.operation == "max" {
                (
                    all.0.max(messages),
                    all.1.max(ready),
                    all.2.max(publish),
                    all.3.max(deliver),
                )
            } else {
                (
                    all.0 + messages,
                    all.1 + ready,
                    all.2 + publish,
                    all.3 + deliver,
                )
            };
        }
        let count = queues.len() as i64;
        match self.operation.as_str() {
            _ if count == 0 => {}
            "sum" | "max" => {}
            "avg" => {
                let rate = count as f64;
                all = (all.0 / count, all.1 / count, all.2 / rate, all.3 / rate);
            }
            other => {
                return Err(format!(
                    "error inspecting RabbitMQ: operation mode {other} must be one of sum, avg, max"
                ));
            }
        }
        Ok([all.0 as f64, all.1 as f64, all.2, all.3])
    }
}

/// The fields as written, before they are validated.
struct Raw {
    mode: String,
    queue_length: f64,
    value: f64,
    protocol: String,
    host: String,
    page_size: i64,
    timeout: SimDuration,
    use_regex: bool,
    exclude_unacknowledged: bool,
    tls: String,
    secret_host: bool,
}

fn parse(config: ScalerConfig) -> Result<RabbitMq, String> {
    let mut params = Params::new(config);
    let host_order: &[Source] = &[
        Source::TriggerMetadata,
        Source::AuthParams,
        Source::ResolvedEnv,
    ];
    let both: &[Source] = &[Source::TriggerMetadata, Source::AuthParams];
    let queue_name = params.read(Param::new(&["queueName"]));
    let mode = params.read(Param::new(&["mode"]).or("Unknown"));
    let queue_length = params.read(Param::new(&["queueLength"]).optional());
    let value = params.read(Param::new(&["value"]).optional());
    let activation_value = params.read(Param::new(&["activationValue"]).optional());
    let host: String = params.read(Param::new(&["host"]).from(host_order));
    let protocol = params.read(Param::new(&["protocol"]).from(both).or("auto"));
    let _: String = params.read(Param::new(&["vhostName"]).from(both).optional());
    let use_regex = params.read(Param::new(&["useRegex"]).optional());
    let exclude_unacknowledged = params.read(Param::new(&["excludeUnacknowledged"]).optional());
    let page_size = params.read(Param::new(&["pageSize"]).or("100"));
    let operation = params.read(Param::new(&["operation"]).or("sum"));
    let timeout = params.read(Param::new(&["timeout"]).optional());
    let tls = params.read(
        Param::new(&["tls"])
            .from(&[Source::AuthParams])
            .or("disable"),
    );
    let _: bool = params.read(Param::new(&["unsafeSsl"]).optional());
    let raw = Raw {
        mode,
        queue_length,
        value,
        protocol,
        secret_host: host.is_empty() && *config.auth == AuthParams::Unknown,
        host,
        page_size,
        timeout,
        use_regex,
        exclude_unacknowledged,
        tls,
    };
    let validated = validate(&raw, &params);
    match validated {
        Ok((over_http, mode, value)) => {
            params.finish(Ok(()))?;
            Ok(RabbitMq {
                queue_name,
                mode,
                value,
                activation_value,
                over_http,
                use_regex,
                exclude_unacknowledged,
                operation,
            })
        }
        Err(error) => Err(params.finish(Err(error)).err().unwrap_or_default()),
    }
}

/// Whether the protocol is HTTP, the mode and its target.
fn validate(raw: &Raw, params: &Params) -> Result<(bool, Mode, f64), String> {
    let protocol = raw.protocol.as_str();
    if !matches!(protocol, "amqp" | "http" | "auto") {
        return Err(format!(
            "the protocol has to be either `amqp`, `http`, or `auto` but is `{protocol}`"
        ));
    }
    if !matches!(raw.tls.as_str(), "enable" | "disable") {
        return Err(format!("incorrect value for TLS given: {}", raw.tls));
    }
    let secret: &[Source] = &[Source::AuthParams];
    let user: &[Source] = &[Source::AuthParams, Source::ResolvedEnv];
    let found = |name: &str, order| params.find(Param::new(&[name]).from(order)).is_some();
    let given = |name: &str, order| {
        params.may_be_secret(Param::new(&[name]).from(order)) || found(name, order)
    };
    if given("cert", secret) != given("key", secret) {
        return Err("both key and certificate must be provided".to_owned());
    }
    if raw.page_size < 1 {
        return Err("pageSize should be 1 or greater".to_owned());
    }
    if given("username", user) != given("password", user) {
        return Err("username and password must be given together".to_owned());
    }
    let protocol = match protocol {
        // A host in a secret that cannot be read: the protocol that allows everything.
        "auto" if raw.secret_host => "http",
        "auto" => {
            let (scheme, _) = url::scheme(&raw.host)
                .map_err(|error| format!("can't parse host to find protocol: {error}"))?;
            match scheme.as_str() {
                "amqp" | "amqps" => "amqp",
                "http" | "https" => "http",
                other => return Err(format!("unknown host URL scheme: `{other}`")),
            }
        }
        given => given,
    };
    let over_http = protocol == "http";
    let workload_identity = found("workloadIdentityResource", secret);
    if !over_http && workload_identity {
        return Err(
            "workload identity is not supported for the AMQP protocol at the moment".to_owned(),
        );
    }
    let oauth = ["oauthTokenURI", "clientID", "clientSecret"];
    if oauth.iter().any(|name| found(name, secret)) {
        let fault = if !oauth.iter().all(|name| given(name, secret)) {
            "OAuth2 requires tokenUrl clientId and clientSecret to be configured in \
             TriggerAuthentication"
        } else if !over_http {
            "OAuth2 authentication is only supported with HTTP protocol, not AMQP"
        } else if found("username", user) || workload_identity {
            "OAuth2 authentication cannot be combined with username/password authentication or \
             Azure Workload Identity"
        } else {
            ""
        };
        if !fault.is_empty() {
            return Err(fault.to_owned());
        }
    }
    if raw.use_regex && !over_http {
        return Err("configure useRegex=true only with HTTP protocol".to_owned());
    }
    if raw.exclude_unacknowledged && !over_http {
        return Err("configure excludeUnacknowledged=true only with HTTP protocol".to_owned());
    }
    let (mode, value) = trigger(raw, protocol)?;
    Ok((over_http, mode, value))
}

fn trigger(raw: &Raw, protocol: &str) -> Result<(Mode, f64), String> {
    let no_mode = raw.mode == "Unknown";
    if raw.queue_length == 0.0 && no_mode && raw.value == 0.0 {
        return Ok((Mode::QueueLength, 20.0));
    }
    if raw.queue_length != 0.0 {
        return if no_mode && raw.value == 0.0 {
            Ok((Mode::QueueLength, raw.queue_length))
        } else {
            Err("queueLength is deprecated; use mode and value".to_owned())
        };
    }
    if no_mode {
        return Err("mode must be specified".to_owned());
    }
    if raw.value == 0.0 {
        return Err("value must be specified".to_owned());
    }
    let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == raw.mode) else {
        return Err(format!(
            "trigger mode {} must be one of QueueLength, MessageRate, DeliverGetRate, \
             PublishedToDeliveredRatio or ExpectedQueueConsumptionTime",
            raw.mode
        ));
    };
    if *mode != Mode::QueueLength && protocol != "http" {
        return Err(format!(
            "protocol {protocol} not supported; must be HTTP to use trigger mode {}",
            raw.mode
        ));
    }
    if protocol == "amqp" && raw.timeout != SimDuration::ZERO {
        return Err(format!(
            "AMQP protocol doesn't support custom timeouts: {}",
            raw.timeout.0
        ));
    }
    Ok((*mode, raw.value))
}
