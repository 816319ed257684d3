//! `aws-sqs-queue`: an SQS queue's approximate length.

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{AuthParams, Param, Params, ScalerConfig, Source};
use super::url;

/// A queue and which of its messages count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sqs {
    queue_name: String,
    queue_length: i64,
    activation_queue_length: i64,
    scale_on_in_flight: bool,
    scale_on_delayed: bool,
}

impl Sqs {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        parse(config).map_err(|error| format!("error parsing SQS queue metadata: {error}"))
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue_name
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = normalize(&format!("aws-sqs-{}", self.queue_name));
        MetricSpec::external(index, &name, MetricTarget::whole(kind, self.queue_length))
    }

    pub(super) const fn measure(&self, visible: i64, in_flight: i64, delayed: i64) -> (f64, bool) {
        let mut messages = visible;
        if self.scale_on_in_flight {
            messages += in_flight;
        }
        if self.scale_on_delayed {
            messages += delayed;
        }
        (messages as f64, messages > self.activation_queue_length)
    }
}

fn parse(config: ScalerConfig) -> Result<Sqs, String> {
    let mut params = Params::new(config);
    let queue_length = params.read(Param::new(&["queueLength"]).or("5"));
    let activation_queue_length = params.read(Param::new(&["activationQueueLength"]).or("0"));
    let url_order: &[Source] = &[Source::TriggerMetadata, Source::ResolvedEnv];
    let queue_url: String = params.read(Param::new(&["queueURL"]).from(url_order));
    let region_order: &[Source] = &[Source::TriggerMetadata, Source::AuthParams];
    let _: String = params.read(Param::new(&["awsRegion"]).from(region_order));
    let _: String = params.read(Param::new(&["awsEndpoint"]).optional());
    let scale_on_in_flight = params.read(Param::new(&["scaleOnInFlight"]).or("true"));
    let scale_on_delayed = params.read(Param::new(&["scaleOnDelayed"]).or("false"));
    params
        .finish(Ok(()))
        .map_err(|error| format!("error parsing SQS queue metadata: {error}"))?;
    // Without a path the text is the queue's name.
    let queue_name = match url::request_path(&queue_url) {
        None => queue_url.as_str(),
        Some(path) => match path.split('/').collect::<Vec<_>>().as_slice() {
            [_, _, name] if !name.is_empty() => name,
            _ => return Err("cannot get queueName from queueURL".to_owned()),
        },
    };
    authorize(config)?;
    Ok(Sqs {
        queue_name: queue_name.to_owned(),
        queue_length,
        activation_queue_length,
        scale_on_in_flight,
        scale_on_delayed,
    })
}

/// `GetAwsAuthorization`: unless the operator's own identity is used, keys must be there.
fn authorize(config: ScalerConfig) -> Result<(), String> {
    let metadata = &config.trigger.metadata;
    let AuthParams::Known(auth) = config.auth else {
        return Ok(());
    };
    let owner = metadata.get("identityOwner").map_or("", String::as_str);
    let given = |key: &str| auth.get(key).is_some_and(|value| !value.is_empty());
    if !matches!(owner, "" | "pod") || given("awsRoleArn") {
        return Ok(());
    }
    let from_environment = |key: &str| {
        let variable = metadata.get(&format!("{key}FromEnv"));
        let value = variable.and_then(|variable| config.environment.get(variable));
        value.is_some_and(|value| !value.is_empty())
    };
    if given("awsAccessKeyID") || given("awsAccessKeyId") {
        return if given("awsSecretAccessKey") {
            Ok(())
        } else {
            Err("awsSecretAccessKey not found".to_owned())
        };
    }
    let written = metadata
        .get("awsAccessKeyID")
        .is_some_and(|key| !key.is_empty());
    if !written && !from_environment("awsAccessKeyID") {
        return Err("awsAccessKeyID not found".to_owned());
    }
    if !from_environment("awsSecretAccessKey") {
        return Err("awsSecretAccessKey not found".to_owned());
    }
    Ok(())
}
