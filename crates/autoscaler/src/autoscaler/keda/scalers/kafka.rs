//! `kafka`: how far a consumer group is behind.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig, Source};
use super::kafka_lag::{KafkaTopic, LagRules, total_lag};

/// Partitions in ranges, as they are written.
type Partitions = Vec<RangeInclusive<i32>>;

/// A consumer group, its topic and the rules of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kafka {
    topic: String,
    consumer_group: String,
    activation_lag_threshold: i64,
    partitions: Option<Partitions>,
    rules: LagRules,
    /// Committed offsets of the last call, by topic and partition.
    previous: BTreeMap<(String, i32), i64>,
}

impl Kafka {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        parse(config).map_err(|error| format!("error parsing kafka metadata: {error}"))
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = if self.topic.is_empty() {
            format!("kafka-{}-topics", self.consumer_group)
        } else {
            format!("kafka-{}", self.topic)
        };
        let target = MetricTarget::whole(kind, self.rules.lag_threshold);
        MetricSpec::external(index, &normalize(&name), target)
    }

    pub(super) fn measure(&mut self, topics: &[KafkaTopic]) -> Result<(f64, bool), String> {
        let mut counted = Vec::new();
        for topic in topics {
            if !self.topic.is_empty() && topic.name != self.topic {
                continue;
            }
            let mut topic = topic.clone();
            if let Some(wanted) = &self.partitions {
                topic
                    .partitions
                    .retain(|partition| wanted.iter().any(|range| range.contains(&partition.id)));
            }
            if topic.partitions.is_empty() {
                return Err(format!(
                    "expected at least one active partition within the topic '{}'",
                    topic.name
                ));
            }
            counted.push(topic);
        }
        if !self.topic.is_empty() && counted.is_empty() {
            return Err("expected only 1 topic metadata, got 0".to_owned());
        }
        let (lag, with_persistent) = total_lag(&self.rules, &counted, &mut self.previous);
        Ok((lag as f64, with_persistent > self.activation_lag_threshold))
    }
}

fn parse(config: ScalerConfig) -> Result<Kafka, String> {
    let environment: &[Source] = &[Source::TriggerMetadata, Source::ResolvedEnv];
    let both: &[Source] = &[Source::TriggerMetadata, Source::AuthParams];
    let mut params = Params::new(config);
    let _: Vec<String> = params.read(Param::new(&["bootstrapServers"]).from(environment));
    let consumer_group = params.read(Param::new(&["consumerGroup"]).from(environment));
    let topic: String = params.read(Param::new(&["topic"]).from(environment).optional());
    let limitation: String = params.read(Param::new(&["partitionLimitation"]).optional());
    let lag_threshold = params.read(Param::new(&["lagThreshold"]).or("10"));
    let activation_lag_threshold = params.read(Param::new(&["activationLagThreshold"]).or("0"));
    let policies: &[&str] = &["latest", "earliest"];
    let policy = Param::new(&["offsetResetPolicy"])
        .or("latest")
        .one_of(policies);
    let policy: String = params.read(policy);
    let mut flag = |name: &str| -> bool { params.read(Param::new(&[name]).or("false")) };
    let rules = LagRules {
        lag_threshold,
        earliest: policy == "earliest",
        allow_idle_consumers: flag("allowIdleConsumers"),
        exclude_persistent_lag: flag("excludePersistentLag"),
        scale_to_zero_on_invalid_offset: flag("scaleToZeroOnInvalidOffset"),
        limit_to_partitions_with_lag: flag("limitToPartitionsWithLag"),
        ensure_even_distribution_of_partitions: flag("ensureEvenDistributionOfPartitions"),
    };
    let version: String = params.read(Param::new(&["version"]).optional());
    let switch: &[&str] = &["enable", "disable"];
    let tls = Param::new(&["tls"]).from(both).or("disable").one_of(switch);
    let tls: String = params.read(tls);
    let _: bool = params.read(Param::new(&["unsafeSsl"]).or("false"));
    let mechanisms: &[&str] = &[
        "none",
        "plaintext",
        "scram_sha256",
        "scram_sha512",
        "oauthbearer",
        "gssapi",
    ];
    let sasl = Param::new(&["sasl"])
        .from(both)
        .optional()
        .one_of(mechanisms);
    let sasl: String = params.read(sasl);
    let providers: &[&str] = &["bearer", "aws_msk_iam"];
    let provider = Param::new(&["saslTokenProvider"])
        .from(both)
        .optional()
        .one_of(providers);
    let provider: String = params.read(provider);
    let no_fast = Param::new(&["kerberosDisableFAST"])
        .from(&[Source::AuthParams])
        .or("false");
    let _: bool = params.read(no_fast);
    let partitions = validate(&rules, activation_lag_threshold, &limitation, &topic)
        .and_then(|partitions| secrets(&params, &tls, &sasl, &provider).map(|()| partitions));
    let partitions = match partitions {
        Ok(partitions) => params.finish(Ok(())).map(|()| partitions),
        Err(error) => Err(params.finish(Err(error)).err().unwrap_or_default()),
    }
    .map_err(|error| format!("error parsing kafka metadata: {error}"))?;
    if !version.is_empty() && !is_version(&version) {
        return Err(format!(
            "error parsing kafka version: invalid version `{version}`"
        ));
    }
    Ok(Kafka {
        topic,
        consumer_group,
        activation_lag_threshold,
        partitions,
        rules,
        previous: BTreeMap::new(),
    })
}

fn validate(
    rules: &LagRules,
    activation_lag_threshold: i64,
    limitation: &str,
    topic: &str,
) -> Result<Option<Partitions>, String> {
    if rules.lag_threshold <= 0 {
        return Err("\"lagThreshold\" must be positive number".to_owned());
    }
    if activation_lag_threshold < 0 {
        return Err("\"activationLagThreshold\" must be a non-negative number".to_owned());
    }
    let partitions = if limitation.is_empty() {
        None
    } else {
        Some(limited_partitions(limitation)?)
    };
    let with_lag = rules.limit_to_partitions_with_lag;
    let evenly = rules.ensure_even_distribution_of_partitions;
    let fault = if rules.allow_idle_consumers && with_lag {
        "allowIdleConsumers and limitToPartitionsWithLag cannot be set simultaneously"
    } else if topic.is_empty() && with_lag {
        "topic must be specified when using limitToPartitionsWithLag"
    } else if with_lag && evenly {
        "limitToPartitionsWithLag and ensureEvenDistributionOfPartitions cannot be set \
         simultaneously"
    } else if topic.is_empty() && evenly {
        "topic must be specified when using ensureEvenDistributionOfPartitions"
    } else {
        return Ok(partitions.filter(|_| !topic.is_empty()));
    };
    Err(fault.to_owned())
}

/// What TLS and SASL need from the TriggerAuthentication.
fn secrets(params: &Params, tls: &str, sasl: &str, provider: &str) -> Result<(), String> {
    let given = |name: &str| {
        let names = [name];
        let param = Param::new(&names).from(&[Source::AuthParams]);
        params.may_be_secret(param) || params.find(param).is_some()
    };
    if tls == "enable" && given("cert") && !given("key") {
        return Err("key must be provided with cert".to_owned());
    }
    if tls == "enable" && given("key") && !given("cert") {
        return Err("cert must be provided with key".to_owned());
    }
    let user = || {
        if !given("username") {
            Err("no username given")
        } else if !given("password") {
            Err("no password given")
        } else {
            Ok(())
        }
    };
    match sasl {
        "plaintext" | "scram_sha256" | "scram_sha512" => user().map_err(str::to_owned),
        "oauthbearer" => {
            let checked = if provider == "aws_msk_iam" {
                if tls != "enable" {
                    Err("TLS is required for AWS MSK authentication")
                } else if params.find(Param::new(&["awsRegion"])).is_none() {
                    Err("no awsRegion given")
                } else {
                    Ok(())
                }
            } else {
                user().and_then(|()| bearer(params, given("oauthTokenEndpointUri")))
            };
            checked.map_err(|fault| {
                format!("error parsing OAuth token provider configuration: {fault}")
            })
        }
        "gssapi" => kerberos(params, given).map_err(str::to_owned),
        _ => Ok(()),
    }
}

fn bearer(params: &Params, has_endpoint: bool) -> Result<(), &'static str> {
    if !has_endpoint {
        return Err("no oauth token endpoint uri given");
    }
    let extensions = Param::new(&["oauthExtensions"]).from(&[Source::AuthParams]);
    let mut extensions = params
        .find(extensions)
        .into_iter()
        .flat_map(|e| e.split(','));
    if extensions.any(|extension| extension.split('=').count() != 2) {
        return Err("invalid OAuthBearer extension, must be of format key=value");
    }
    Ok(())
}

fn kerberos(params: &Params, given: impl Fn(&str) -> bool) -> Result<(), &'static str> {
    // Of secrets that cannot be read nobody knows whether it is one of the two.
    let unknown = params.may_be_secret(Param::new(&[]).from(&[Source::AuthParams]));
    Err(if !given("username") {
        "no username given"
    } else if !unknown && given("password") == given("keytab") {
        "exactly one of 'password' or 'keytab' must be provided for GSSAPI authentication"
    } else if !given("realm") {
        "no realm given"
    } else if !given("kerberosConfig") {
        "no Kerberos configuration file (kerberosConfig) given"
    } else {
        return Ok(());
    })
}

/// `1,2,4-7`.
fn limited_partitions(text: &str) -> Result<Partitions, String> {
    let mut partitions = Vec::new();
    for part in text.split(',').map(str::trim) {
        let invalid = || format!("invalid partition limitation: {part}");
        let number = |text: &str| text.trim().parse::<i32>().map_err(|_| invalid());
        match part.split('-').collect::<Vec<_>>().as_slice() {
            [one] => {
                let one = number(one)?;
                partitions.push(one..=one);
            }
            [from, to] => partitions.push(number(from)?..=number(to)?),
            _ => return Err(format!("invalid partition limitation range: {part}")),
        }
    }
    Ok(partitions)
}

/// Three numbers, or four that begin with 0.
fn is_version(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    parts.iter().all(digits)
        && match parts.len() {
            3 => !parts[0].starts_with('0'),
            4 => parts[0] == "0",
            _ => false,
        }
}
