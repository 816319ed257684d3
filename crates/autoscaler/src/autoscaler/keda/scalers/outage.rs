//! What scalers say while nobody answers at their source's address, and which of them connect
//! when they are built.

use super::super::typed_config::{Param, Params, ScalerConfig, Source};
use super::url::{hide_password, query_escape, request_path, scheme};

/// What the operator's network says.
const REFUSED: &str = "dial tcp: connect: connection refused";

/// How a scaler reaches its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// It has none, or one that always answers.
    Cluster,
    /// A Redis client, which pings when it is made; what it is called.
    Redis(&'static str),
    /// A client of Kafka, which reads the topics when it is made.
    Kafka,
    /// A connection to RabbitMQ, which is made once.
    Amqp,
    /// RabbitMQ's management API.
    Management { url: String },
    /// Prometheus: its query's address before and after the time.
    Prometheus { before: String, after: String },
    /// A Prometheus that PredictKube's client pings when it is made, and asks for the past.
    PredictKube { server: String },
    /// An endpoint with a number.
    MetricsApi { url: String },
    /// SQS.
    Sqs { endpoint: String },
    /// An external scaler.
    Grpc,
}

impl Remote {
    /// That of a trigger; RabbitMQ is reached over HTTP or AMQP.
    pub(super) fn of(config: ScalerConfig, over_http: bool) -> Self {
        let everywhere: &[Source] = &[
            Source::TriggerMetadata,
            Source::AuthParams,
            Source::ResolvedEnv,
        ];
        let params = Params::new(config);
        let find = |name: &str| {
            let found = params.find(Param::new(&[name]).from(everywhere));
            found.unwrap_or_default()
        };
        match config.trigger.kind.as_str() {
            "redis" | "redis-streams" => Self::Redis("redis"),
            "redis-cluster" | "redis-cluster-streams" => Self::Redis("redis cluster"),
            "redis-sentinel" | "redis-sentinel-streams" => Self::Redis("redis sentinel"),
            "kafka" => Self::Kafka,
            "rabbitmq" if over_http => Self::Management {
                url: management(find("host"), find),
            },
            "rabbitmq" => Self::Amqp,
            "prometheus" => {
                let (server, query) = (find("serverAddress"), query_escape(find("query")));
                let mut after = String::new();
                if !find("namespace").is_empty() {
                    after = format!("&namespace={}", find("namespace"));
                }
                for pair in find("queryParameters").split(',') {
                    if let Some((key, value)) = pair.split_once('=') {
                        let (key, value) = (query_escape(key.trim()), query_escape(value.trim()));
                        after = format!("{after}&{key}={value}");
                    }
                }
                Self::Prometheus {
                    before: format!("{}/api/v1/query?query={query}&time=", hide_password(server)),
                    after,
                }
            }
            "predictkube" => Self::PredictKube {
                server: hide_password(find("prometheusAddress").trim_end_matches('/')),
            },
            "metrics-api" => Self::MetricsApi {
                url: hide_password(find("url")),
            },
            "aws-sqs-queue" => {
                let (own, region) = (find("awsEndpoint"), find("awsRegion"));
                let endpoint = if own.is_empty() {
                    format!("https://sqs.{region}.amazonaws.com/")
                } else {
                    format!("{}/", own.trim_end_matches('/'))
                };
                Self::Sqs { endpoint }
            }
            "external" | "external-push" => Self::Grpc,
            _ => Self::Cluster,
        }
    }

    /// Why a scaler cannot be built; none if it does not connect when it is.
    pub(super) fn unconnected(&self) -> Option<String> {
        match self {
            Self::Redis(what) => Some(format!("connection to {what} failed: {REFUSED}")),
            Self::Kafka => Some(format!(
                "error creating kafka client: kafka: client has run out of available brokers to \
                 talk to: {REFUSED}"
            )),
            Self::PredictKube { server } => Some(format!(
                "error create Prometheus client and API objects: Post \"{server}/api/v1/query\": \
                 {REFUSED}"
            )),
            Self::Amqp => Some(format!(
                "error establishing connection to RabbitMQ: {REFUSED}"
            )),
            _ => None,
        }
    }

    /// What a fetch fails with at this time, in RFC 3339.
    pub(super) fn unanswered(&self, time: &str) -> String {
        match self {
            Self::Cluster | Self::Redis(_) | Self::Kafka => REFUSED.to_owned(),
            Self::Amqp => format!("error inspecting RabbitMQ: {REFUSED}"),
            Self::Management { url } => {
                format!("error inspecting RabbitMQ: Get \"{url}\": {REFUSED}")
            }
            Self::Prometheus { before, after } => {
                format!("Get \"{before}{time}{after}\": {REFUSED}")
            }
            Self::PredictKube { server } => {
                format!("Post \"{server}/api/v1/query_range\": {REFUSED}")
            }
            Self::MetricsApi { url } => {
                format!("error requesting metrics endpoint: Get \"{url}\": {REFUSED}")
            }
            Self::Sqs { endpoint } => format!(
                "operation error SQS: GetQueueAttributes, exceeded maximum number of attempts, 3, \
                 https response error StatusCode: 0, RequestID: , request send failed, Post \
                 \"{endpoint}\": {REFUSED}"
            ),
            Self::Grpc => format!(
                "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error \
                 while dialing: {REFUSED}\""
            ),
        }
    }
}

/// The address of a queue in RabbitMQ's management API, users and passwords masked.
fn management<'a>(host: &str, find: impl Fn(&str) -> &'a str) -> String {
    let path = request_path(host).unwrap_or_default();
    let address = host.split('?').next().unwrap_or_default();
    let address = address.strip_suffix(path).unwrap_or(address);
    let mut parts: Vec<&str> = path.split('/').collect();
    let last = parts.pop().unwrap_or_default();
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let below = parts.fold(String::new(), |below, part| format!("{below}/{part}"));
    let vhost = match find("vhostName") {
        "" if last.is_empty() => "%2F".to_owned(),
        "" => last.to_owned(),
        // The root's own name.
        "/" => "%2F".to_owned(),
        name => query_escape(name),
    };
    let (scheme, rest) = scheme(address).unwrap_or_default();
    let server = rest.trim_start_matches('/');
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
    let has_user = rest.contains('@') || !find("username").is_empty();
    let user = if has_user { "user:password@" } else { "" };
    let queue = query_escape(find("queueName"));
    let query = if find("useRegex") == "true" {
        let size = Some(find("pageSize")).filter(|size| !size.is_empty());
        let size = size.unwrap_or("100");
        format!("?page=1&use_regex=true&pagination=false&name={queue}&page_size={size}")
    } else {
        format!("/{queue}")
    };
    format!("{scheme}://{user}{server}{below}/api/queues/{vhost}{query}")
}
