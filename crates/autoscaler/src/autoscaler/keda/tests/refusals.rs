//! What is refused while scalers are built, in upstream's words.

use super::*;

fn refusal(trigger: &Value) -> String {
    built(trigger).map(|_| ()).expect_err(&trigger.to_string())
}

fn refuses(kind: &str, metadata: Value, message: &str) {
    let refused = refusal(&json!({ "type": kind, "metadata": metadata }));
    assert!(
        refused.ends_with(message),
        "{refused}\n  should end with\n{message}"
    );
}

#[test]
fn cron() {
    let cron = |key: &str, value: &str| {
        let mut metadata = json!({
            "timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "3",
        });
        metadata[key] = value.into();
        metadata
    };
    refuses(
        "cron",
        cron("desiredReplicas", "0"),
        "no desiredReplicas specified",
    );
    refuses(
        "cron",
        cron("end", "0 8 * * *"),
        "start and end can not have exactly same time input",
    );
    refuses(
        "cron",
        cron("start", "0 25 * * *"),
        "error parsing start schedule: end of range (25) above maximum (23): 25",
    );
    refuses(
        "cron",
        json!({ "timezone": "UTC" }),
        "missing required parameter \"start\" in [triggerMetadata]\n\
         missing required parameter \"end\" in [triggerMetadata]\n\
         missing required parameter \"desiredReplicas\" in [triggerMetadata]\n\
         error parsing start schedule: empty spec string",
    );
    // A time zone is looked up at each fetch only.
    let mut mars = built(&json!({ "type": "cron", "metadata": cron("timezone", "Mars/Olympus") }))
        .expect("the zone is not checked");
    assert_eq!(
        mars.measure("m", &Reading::None, 0),
        Err("unable to load timezone: unknown time zone Mars/Olympus".to_owned())
    );
}

#[test]
fn cpu_and_memory() {
    let cpu = |metric_type: &str, metadata: Value| {
        refusal(&json!({ "type": "cpu", "metricType": metric_type, "metadata": metadata }))
    };
    for metric_type in ["", "Value"] {
        assert_eq!(
            cpu(metric_type, json!({ "value": "50" })),
            format!(
                "error parsing cpu metadata: unknown metric type: {metric_type}, allowed values \
                 are 'Utilization' or 'AverageValue'"
            )
        );
    }
    assert!(cpu("Utilization", json!({ "value": "7.5" })).contains("ParseInt"));
    assert!(
        cpu(
            "Utilization",
            json!({ "value": "50", "type": "Utilization" })
        )
        .contains("DEPRECATED")
    );
    assert!(cpu("AverageValue", json!({ "value": "much" })).contains("much"));
}

#[test]
fn utilization_is_for_cpu_and_memory() {
    let words = "'Utilization' metric type is unsupported for external metrics, allowed values \
                 are 'Value' or 'AverageValue'";
    let refused = refusal(&prometheus(json!({ "metricType": "Utilization" })));
    assert_eq!(
        refused,
        format!("error getting scaler metric type: {words}")
    );
    let external = json!({ "type": "external", "metricType": "Utilization", "metadata": {} });
    let refused = refusal(&external);
    assert_eq!(
        refused,
        format!("error getting external scaler metric type: {words}")
    );
}

#[test]
fn cached_metrics_and_double_names() {
    for kind in ["cpu", "memory", "cron"] {
        let trigger = scale_trigger(&json!({ "type": kind, "useCachedMetrics": true }));
        assert_eq!(
            validate_triggers(&[trigger]),
            Err(format!(
                "property \"useCachedMetrics\" is not supported for \"{kind}\" scaler"
            ))
        );
    }
    let named = scale_trigger(&json!({ "type": "kafka", "name": "a" }));
    assert_eq!(
        validate_triggers(&[named.clone(), named]),
        Err(
            "triggerName \"a\" is defined multiple times in the ScaledObject/ScaledJob, but it \
             must be unique"
                .to_owned()
        )
    );
    assert!(validate_triggers(&[]).is_err());
}

#[test]
fn prometheus_without_threshold_even_with_a_formula() {
    let trigger =
        json!({ "type": "prometheus", "metadata": { "serverAddress": "p", "query": "q" } });
    let refused = built_with(&trigger, &AuthParams::default(), true).expect_err("no threshold");
    assert_eq!(
        refused,
        "error parsing prometheus metadata: error parsing prometheus metadata: \
         missing required parameter \"threshold\" in [triggerMetadata]"
    );
    let refused = refusal(&prometheus(
        json!({ "metadata": { "authModes": "bearer" } }),
    ));
    assert!(refused.ends_with("bearer token=<empty> is required when bearer auth is enabled"));
    let refused = refusal(&prometheus(
        json!({ "metadata": { "authModes": "bearer,basic" } }),
    ));
    assert!(refused.contains("must contain only one of"));
}

#[test]
fn rabbitmq() {
    let rabbit = |more: Value| {
        let mut metadata = json!({ "queueName": "q", "host": "amqp://h/v" });
        merge(&mut metadata, &more);
        metadata
    };
    let refuses = |more, message| refuses("rabbitmq", rabbit(more), message);
    refuses(
        json!({ "mode": "Bogus", "value": "1" }),
        "trigger mode Bogus must be one of QueueLength, MessageRate, DeliverGetRate, \
         PublishedToDeliveredRatio or ExpectedQueueConsumptionTime",
    );
    refuses(json!({ "value": "1" }), "mode must be specified");
    refuses(json!({ "mode": "QueueLength" }), "value must be specified");
    refuses(
        json!({ "mode": "QueueLength", "queueLength": "1" }),
        "queueLength is deprecated; use mode and value",
    );
    refuses(
        json!({ "mode": "MessageRate", "value": "1" }),
        "protocol amqp not supported; must be HTTP to use trigger mode MessageRate",
    );
    refuses(
        json!({ "excludeUnacknowledged": "true" }),
        "configure excludeUnacknowledged=true only with HTTP protocol",
    );
    refuses(
        json!({ "useRegex": "true" }),
        "configure useRegex=true only with HTTP protocol",
    );
    refuses(
        json!({ "pageSize": "0" }),
        "pageSize should be 1 or greater",
    );
    refuses(
        json!({ "host": "ftp://h" }),
        "unknown host URL scheme: `ftp`",
    );
    refuses(
        json!({ "protocol": "stomp" }),
        "the protocol has to be either `amqp`, `http`, or `auto` but is `stomp`",
    );
    refuses(
        json!({ "host": "" }),
        "missing required parameter \"host\" in [triggerMetadata authParams resolvedEnv]\n\
         unknown host URL scheme: ``",
    );
    refuses(
        json!({ "mode": "QueueLength", "value": "1", "timeout": "100" }),
        "AMQP protocol doesn't support custom timeouts: 100000000",
    );
    // The environment can name the host.
    let from_env = json!({ "queueName": "q", "hostFromEnv": "QUEUE_HOST", "mode": "MessageRate",
                           "value": "2" });
    built(&json!({ "type": "rabbitmq", "metadata": from_env })).expect("HTTP by its environment");
}

#[test]
fn redis_and_its_streams() {
    let no_address = "no addresses or hosts given. address should be a comma separated list of \
                      host:port or set the host/port values";
    refuses("redis", json!({ "listName": "l" }), no_address);
    refuses("redis-streams", json!({ "stream": "s" }), no_address);
    refuses(
        "redis-cluster",
        json!({ "listName": "l", "hosts": "a,b", "ports": "1" }),
        "not enough hosts or ports given. number of hosts should be equal to the number of ports",
    );
    refuses(
        "redis-sentinel-streams",
        json!({ "address": "a:1" }),
        "missing required parameter \"stream\" in [triggerMetadata]\nmissing redis stream name",
    );
    refuses(
        "redis",
        json!({ "listName": "l", "address": "a:1", "databaseIndex": "1.5" }),
        "unable to unmarshal to field type int: json: cannot unmarshal number 1.5 into Go value \
         of type int",
    );
    refuses(
        "redis",
        json!({ "listName": "l", "address": "a:1", "enableTLS": "maybe" }),
        "EnableTLS parsing error strconv.ParseBool: parsing \"maybe\": invalid syntax",
    );
}

#[test]
fn sqs() {
    let sqs = |url: &str| json!({ "queueURL": url, "awsRegion": "r", "identityOwner": "operator" });
    for url in [
        "https://sqs/orders",
        "https://sqs/1/",
        "https://sqs/1/2/3",
        "arn:aws:sqs:r:1:q",
    ] {
        refuses(
            "aws-sqs-queue",
            sqs(url),
            "cannot get queueName from queueURL",
        );
    }
    refuses(
        "aws-sqs-queue",
        json!({ "queueURL": "q" }),
        "missing required parameter \"awsRegion\" in [triggerMetadata authParams]",
    );
    refuses(
        "aws-sqs-queue",
        json!({ "queueURL": "q", "awsRegion": "r" }),
        "awsAccessKeyID not found",
    );
    built(&json!({ "type": "aws-sqs-queue", "metadata": sqs("orders") })).expect("a plain name");
}

#[test]
fn kafka() {
    let kafka = |more: Value| {
        let mut metadata = json!({ "bootstrapServers": "b:1", "consumerGroup": "g" });
        merge(&mut metadata, &more);
        metadata
    };
    let refuses = |more, message| refuses("kafka", kafka(more), message);
    refuses(
        json!({ "offsetResetPolicy": "foo" }),
        "parameter \"offsetResetPolicy\" value \"foo\" must be one of [latest earliest]",
    );
    refuses(
        json!({ "version": "abc" }),
        "error parsing kafka version: invalid version `abc`",
    );
    refuses(json!({ "version": "0.11.0" }), "invalid version `0.11.0`");
    refuses(
        json!({ "partitionLimitation": "1,x" }),
        "invalid partition limitation: x",
    );
    refuses(
        json!({ "partitionLimitation": "1-2-3" }),
        "invalid partition limitation range: 1-2-3",
    );
    refuses(
        json!({ "lagThreshold": "0" }),
        "\"lagThreshold\" must be positive number",
    );
    refuses(
        json!({ "activationLagThreshold": "-1" }),
        "\"activationLagThreshold\" must be a non-negative number",
    );
    refuses(
        json!({ "topic": "t", "allowIdleConsumers": "true", "limitToPartitionsWithLag": "true" }),
        "allowIdleConsumers and limitToPartitionsWithLag cannot be set simultaneously",
    );
    refuses(
        json!({ "topic": "t", "limitToPartitionsWithLag": "true",
                "ensureEvenDistributionOfPartitions": "true" }),
        "limitToPartitionsWithLag and ensureEvenDistributionOfPartitions cannot be set \
         simultaneously",
    );
    refuses(
        json!({ "limitToPartitionsWithLag": "true" }),
        "topic must be specified when using limitToPartitionsWithLag",
    );
    refuses(
        json!({ "ensureEvenDistributionOfPartitions": "true" }),
        "topic must be specified when using ensureEvenDistributionOfPartitions",
    );
    refuses(json!({ "sasl": "plaintext" }), "no username given");
    let all = json!({ "type": "kafka", "metadata": kafka(json!({
        "topic": "t", "partitionLimitation": "0-2147483647" })) });
    built(&all).expect("a range takes no room");
}

#[test]
fn the_others() {
    refuses(
        "external",
        json!({}),
        "missing required parameter \"scalerAddress\" in [triggerMetadata]",
    );
    refuses(
        "kubernetes-workload",
        json!({ "podSelector": "app=x" }),
        "value must be a float greater than 0",
    );
    refuses(
        "metrics-api",
        json!({ "url": "http://u", "valueLocation": "v" }),
        "no targetValue given in metadata",
    );
    refuses("nonsense", json!({}), "no scaler found for type: nonsense");
    refuses(
        "azure-queue",
        json!({}),
        "scalers of type azure-queue are not simulated",
    );
    let counted = json!({ "type": "kubernetes-workload", "metadata": { "podSelector": "a" } });
    built_with(&counted, &AuthParams::default(), true).expect("a formula needs no value");
}

#[test]
fn what_secrets_could_give_counts_as_given() {
    let rabbit = json!({ "type": "rabbitmq", "metadata": { "queueName": "q", "mode": "MessageRate",
                         "value": "3" } });
    built_with(&rabbit, &AuthParams::Unknown, false).expect("the host may be a secret");
    let redis = json!({ "type": "redis", "metadata": { "listName": "l" } });
    built_with(&redis, &AuthParams::Unknown, false).expect("the address may be a secret");
    let bearer = prometheus(json!({ "metadata": { "authModes": "bearer" } }));
    built_with(&bearer, &AuthParams::Unknown, false).expect("the token may be a secret");
}

#[test]
fn an_external_scaler_that_names_no_metric_gives_no_hpa() {
    let external = json!({ "type": "external", "metadata": { "scalerAddress": "s:1" } });
    let mut rig = Rig::new(
        object(json!({ "triggers": [external] })),
        1,
        Fake::default(),
    );
    let decision = rig.reconcile();
    assert_eq!(
        decision.error.as_deref(),
        Some(
            "failed to ensure HPA is correctly created for ScaledObject: no metric specs returned \
             from scalers for ScaledObject default/so"
        )
    );
    assert!(decision.hpa.is_empty() && !decision.start_loop);
}

#[test]
fn quantities_are_refused_in_gos_words() {
    let format = "quantities must match the regular expression \
                  '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    for (value, why) in [
        ("abc", format),
        ("1x", format),
        ("1 Gi", format),
        ("1mm", "unable to parse quantity's suffix"),
        ("2KI", format),
        ("m", "unable to parse numeric part of quantity"),
    ] {
        let trigger = json!({
            "type": "cpu", "metricType": "AverageValue", "metadata": { "value": value },
        });
        let words = format!("error parsing cpu metadata: cannot parse '{value}': {why}");
        assert_eq!(refusal(&trigger), words, "{value}");
    }
}
