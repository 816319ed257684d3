//! Values and activity of scalers, from raw readings.

use super::*;

fn measure(trigger: &Value, reading: &Reading) -> Result<(Vec<f64>, bool), String> {
    let mut scaler = built(trigger)?;
    let (values, active) = scaler.measure("m", reading, 0)?;
    Ok((
        values.iter().map(|value| value.value.as_f64()).collect(),
        active,
    ))
}

fn name(trigger: &Value) -> String {
    let specs = built(trigger).expect("a scaler").metric_specs(&[]);
    specs[0]
        .external_name()
        .expect("an external metric")
        .to_owned()
}

#[test]
fn prometheus_answers() {
    let strict = prometheus(json!({ "metadata": { "ignoreNullValues": "false" } }));
    let lenient = prometheus(json!({ "metadata": { "activationThreshold": "-1" } }));
    let reading = |answer: PrometheusAnswer| Reading::Prometheus(answer);
    for answer in [PrometheusAnswer::Empty, PrometheusAnswer::EmptyValue] {
        assert_eq!(
            measure(&lenient, &reading(answer.clone())),
            Ok((vec![0.0], true))
        );
        assert!(measure(&strict, &reading(answer)).is_err_and(|e| e.contains("may be lost")));
    }
    let infinite = reading(PrometheusAnswer::Value(f64::NEG_INFINITY));
    assert_eq!(measure(&lenient, &infinite), Ok((vec![0.0], true)));
    assert_eq!(
        measure(&strict, &infinite),
        Err("prometheus query returns -Inf".to_owned())
    );
    let negative = reading(PrometheusAnswer::Value(-0.5));
    assert_eq!(
        measure(&lenient, &negative),
        Ok((vec![0.0], true)),
        "activity is raw"
    );
    assert_eq!(
        measure(&lenient, &reading(PrometheusAnswer::Status(503))),
        Err("prometheus query api returned error. status: 503".to_owned())
    );
    assert_eq!(
        measure(&lenient, &reading(PrometheusAnswer::Several)),
        Err("prometheus query q returned multiple elements".to_owned())
    );
    assert!(measure(&lenient, &Reading::Redis(1)).is_err());
}

#[test]
fn several_rabbit_queues_are_summed_averaged_or_the_largest() {
    let queue = |ready, unacknowledged, publish_rate, deliver_get_rate| RabbitQueue {
        ready,
        unacknowledged,
        publish_rate,
        deliver_get_rate,
    };
    let queues = Reading::RabbitMq(vec![queue(3, 2, 1.0, 4.0), queue(1, 1, 2.0, 1.0)]);
    let rabbit = |more: Value| {
        let mut metadata = json!({ "queueName": "q", "host": "http://h/v", "useRegex": "true" });
        merge(&mut metadata, &more);
        json!({ "type": "rabbitmq", "metadata": metadata })
    };
    let value = |more| measure(&rabbit(more), &queues).map(|(values, _)| values[0]);
    assert_eq!(value(json!({})), Ok(7.0));
    assert_eq!(value(json!({ "excludeUnacknowledged": "true" })), Ok(4.0));
    assert_eq!(
        value(json!({ "operation": "avg" })),
        Ok(3.0),
        "7 / 2 in whole numbers"
    );
    assert_eq!(value(json!({ "operation": "max" })), Ok(5.0));
    let rate = json!({ "operation": "avg", "mode": "MessageRate", "value": "1" });
    assert_eq!(value(rate), Ok(1.5));
    assert_eq!(
        value(json!({ "operation": "min" })),
        Err(
            "error inspecting RabbitMQ: operation mode min must be one of sum, avg, max".to_owned()
        )
    );
    let amqp = rabbit(json!({ "host": "amqp://h/v", "useRegex": "false" }));
    let one = Reading::RabbitMq(vec![queue(3, 2, 1.0, 4.0)]);
    assert_eq!(
        measure(&amqp, &one),
        Ok((vec![3.0], true)),
        "ready messages only"
    );
}

#[test]
fn expected_consumption_time_without_deliveries_is_active() {
    let metadata = json!({ "queueName": "q", "host": "http://h/v", "value": "1",
        "mode": "ExpectedQueueConsumptionTime", "activationValue": "7" });
    let trigger = json!({ "type": "rabbitmq", "metadata": metadata });
    let nothing = Reading::RabbitMq(vec![RabbitQueue::default()]);
    assert_eq!(measure(&trigger, &nothing), Ok((vec![7.0], true)));
}

fn kafka(more: Value) -> Value {
    let mut metadata = json!({ "bootstrapServers": "b", "consumerGroup": "g", "topic": "t" });
    merge(&mut metadata, &more);
    json!({ "type": "kafka", "metadata": metadata })
}

fn topic(offsets: &[(i64, i64)]) -> KafkaTopic {
    let partition = |(id, (latest, committed)): (usize, &(i64, i64))| KafkaPartition {
        id: id as i32,
        latest: *latest,
        committed: *committed,
    };
    KafkaTopic {
        name: "t".to_owned(),
        partitions: offsets.iter().enumerate().map(partition).collect(),
    }
}

#[test]
fn kafka_partitions() {
    let reading = Reading::Kafka(vec![topic(&[(10, -1), (30, 5), (8, 8), (4, 1)])]);
    let value = |more| measure(&kafka(more), &reading);
    assert_eq!(
        value(json!({ "allowIdleConsumers": "true" })),
        Ok((vec![29.0], true))
    );
    let earliest = json!({ "offsetResetPolicy": "earliest" });
    assert_eq!(value(earliest), Ok((vec![38.0], true)));
    let to_zero = json!({ "offsetResetPolicy": "earliest", "scaleToZeroOnInvalidOffset": "true" });
    assert_eq!(value(to_zero), Ok((vec![28.0], true)));
    let limited = json!({ "partitionLimitation": "2-3", "activationLagThreshold": "3" });
    assert_eq!(value(limited), Ok((vec![3.0], false)));
    assert_eq!(
        value(json!({ "partitionLimitation": "9" })),
        Err("expected at least one active partition within the topic 't'".to_owned())
    );
    // Four partitions take four consumers of one each; divisors are 1, 2 and 4.
    assert_eq!(value(json!({ "lagThreshold": "1" })), Ok((vec![4.0], true)));
    let even = json!({ "lagThreshold": "12", "ensureEvenDistributionOfPartitions": "true" });
    assert_eq!(value(even), Ok((vec![48.0], true)));
    let with_lag = json!({ "lagThreshold": "1", "limitToPartitionsWithLag": "true" });
    assert_eq!(value(with_lag), Ok((vec![3.0], true)));
}

#[test]
fn persistent_lag_counts_for_activity_only() {
    let mut scaler = built(&kafka(json!({ "excludePersistentLag": "true" }))).expect("a scaler");
    let mut value = |latest, committed| {
        let reading = Reading::Kafka(vec![topic(&[(latest, committed)])]);
        let (values, active) = scaler.measure("m", &reading, 0).expect("a value");
        (values[0].value.as_f64(), active)
    };
    assert_eq!(value(9, 4), (5.0, true));
    assert_eq!(value(9, 4), (0.0, true));
    assert_eq!(value(9, 7), (2.0, true));
    assert_eq!(value(7, 7), (0.0, false));
}

#[test]
fn redis_tells_how_much_its_key_holds() {
    // A list, a set or a hash: the script counts what is there.
    let list = |more: Value| {
        let mut metadata = json!({ "listName": "a/b", "address": "r:1" });
        merge(&mut metadata, &more);
        json!({ "type": "redis", "metadata": metadata })
    };
    let plain = list(json!({}));
    assert_eq!(name(&plain), "s0-redis-a-b");
    let specs = built(&plain).expect("a scaler").metric_specs(&[]);
    assert_eq!(specs[0].target.amount.expect("an amount").value(), 5);
    assert_eq!(measure(&plain, &Reading::Redis(7)), Ok((vec![7.0], true)));
    assert_eq!(measure(&plain, &Reading::Redis(0)), Ok((vec![0.0], false)));
    let active = list(json!({ "activationListLength": "7" }));
    assert_eq!(measure(&active, &Reading::Redis(7)), Ok((vec![7.0], false)));
}

#[test]
fn predictkube_takes_the_larger_of_what_is_and_what_will_be() {
    let trigger = json!({
        "type": "predictkube",
        "metadata": {
            "prometheusAddress": "http://p:9090", "query": "q", "predictHorizon": "2m30s",
            "queryStep": "1m", "historyTimeWindow": "7d", "threshold": "10",
            "activationThreshold": "3",
        },
        "authenticationRef": { "name": "key" },
    });
    let auth = AuthParams::Unknown;
    let trigger: ScaleTrigger = serde_json::from_value(trigger).expect("a trigger");
    let mut scaler = build(ScalerConfig {
        namespace: "default",
        trigger: &trigger,
        index: 0,
        as_metric_source: false,
        environment: &BTreeMap::new(),
        auth: &auth,
    })
    .expect("a scaler");
    // Whole steps.
    assert_eq!(
        scaler.horizon(),
        Some(crate::sim::SimDuration::from_secs(120))
    );
    let specs = scaler.metric_specs(&[]);
    assert_eq!(
        specs[0].external_name(),
        Some("s0-predictkube-predictkube_metric")
    );
    let mut measured = |last, forecast| {
        let (values, active) = scaler
            .measure("m", &Reading::Predicted { last, forecast }, 0)
            .expect("values");
        let values: Vec<f64> = values.iter().map(|one| one.value.as_f64()).collect();
        (values, active)
    };
    assert_eq!(measured(5.0, 40.0), (vec![40.0], true));
    assert_eq!(measured(5.0, 2.0), (vec![5.0], true));
    assert_eq!(measured(3.0, 40.0), (vec![40.0], false));
    assert_eq!(measured(0.0, 0.0), (vec![], false));
}

#[test]
fn streams_workloads_and_apis() {
    let stream = |more: Value| {
        let mut metadata = json!({ "stream": "a.b", "address": "r:1", "activationLagCount": "2" });
        merge(&mut metadata, &more);
        json!({ "type": "redis-streams", "metadata": metadata })
    };
    assert_eq!(name(&stream(json!({}))), "s0-redis-streams-a-b");
    assert_eq!(
        measure(&stream(json!({})), &Reading::RedisStream(2)),
        Ok((vec![2.0], false))
    );
    let target = |more| {
        let specs = built(&stream(more)).expect("a scaler").metric_specs(&[]);
        specs[0].target.amount.expect("an amount").value()
    };
    assert_eq!(target(json!({ "streamLength": "7" })), 7);
    assert_eq!(
        target(json!({ "consumerGroup": "g", "pendingEntriesCount": "8" })),
        8
    );
    assert_eq!(target(json!({ "consumerGroup": "g", "lagCount": "9" })), 9);

    let pod = |node: &str, terminated| WorkloadPod {
        terminated,
        node: node.to_owned(),
    };
    let pods = Reading::Workload(vec![
        pod("a", false),
        pod("a", false),
        pod("", false),
        pod("b", true),
    ]);
    let workload = |group: &str| {
        json!({ "type": "kubernetes-workload",
                "metadata": { "podSelector": "x", "value": "0.5", "groupByNode": group } })
    };
    assert_eq!(measure(&workload("false"), &pods), Ok((vec![3.0], true)));
    assert_eq!(measure(&workload("true"), &pods), Ok((vec![1.0], true)));
    assert_eq!(name(&workload("false")), "s0-workload-apps");

    let api = json!({ "type": "metrics-api", "metadata": { "url": "u", "valueLocation": "a.b",
                      "targetValue": "2.5", "activationTargetValue": "3" } });
    assert_eq!(name(&api), "s0-metric-api-a-b");
    assert_eq!(
        measure(&api, &Reading::MetricsApi(3.25)),
        Ok((vec![3.25], true))
    );
}

#[test]
fn a_topic_is_not_needed_for_a_name() {
    let group = json!({ "type": "kafka",
        "metadata": { "bootstrapServers": "b", "consumerGroup": "g.h" } });
    assert_eq!(name(&group), "s0-kafka-g-h-topics");
    let cron = json!({ "type": "cron", "metadata": { "timezone": "Etc/UTC", "start": "*/5 1,2 ? * *",
                       "end": "0 3 * * *", "desiredReplicas": "1" } });
    assert_eq!(name(&cron), "s0-cron-Etc-UTC-xSl51Cm2Qmxx-03xxx");
}

#[test]
fn a_schedule_that_never_comes_is_long_past() {
    let cron = |start: &str, end: &str| {
        let metadata =
            json!({ "timezone": "UTC", "start": start, "end": end, "desiredReplicas": "2" });
        measure(
            &json!({ "type": "cron", "metadata": metadata }),
            &Reading::None,
        )
    };
    assert_eq!(cron("0 0 31 2 *", "0 0 1 1 *"), Ok((vec![2.0], true)));
    assert_eq!(cron("0 0 1 1 *", "0 0 31 2 *"), Ok((vec![0.0], false)));
}
