//! Sources that nobody answers at, and targets that are not there.

use super::*;

fn redis() -> Value {
    json!({
        "type": "redis",
        "metadata": { "address": "redis:6379", "listName": "jobs", "listLength": "10" },
    })
}

fn with_fallback(failure_threshold: i32) -> ScaledObject {
    object(json!({
        "triggers": [redis()],
        "minReplicaCount": 1,
        "fallback": { "failureThreshold": failure_threshold, "replicas": 4 },
    }))
}

const DOWN: &str = "connection to redis failed: dial tcp: connect: connection refused";

#[test]
fn a_scaler_that_connects_when_built_counts_one_failure_and_never_falls_back() {
    let mut rig = Rig::new(with_fallback(1), 2, Fake::with([Some(20.0)]));
    rig.reconcile();
    rig.poll_at(0);
    rig.sources.values.insert(0, None);
    let first = rig.poll_at(30);
    assert!(messages(&first).contains(&("KEDAScalerFailed", DOWN.to_owned())));
    let failures = |rig: &Rig| rig.state.status().health["s0-redis-jobs"].failures;
    assert_eq!(failures(&rig), 1);
    for poll in 2..6 {
        let later = rig.poll_at(30 * poll);
        let error = format!("error getting scalers cache {DOWN}");
        assert_eq!(later.error, Some(error));
        assert_eq!(messages(&later), [("KEDAScalerFailed", DOWN.to_owned())]);
        let error = format!("error getting scalers {DOWN}");
        assert_eq!(rig.fetch("s0-redis-jobs"), Err(error));
    }
    assert_eq!(failures(&rig), 1);
    assert_ne!(rig.condition(ConditionType::Fallback).0, "True");
    rig.sources.values.insert(0, Some(20.0));
    assert_eq!(rig.poll_at(180).error, None);
    assert_eq!(failures(&rig), 0);
}

#[test]
fn with_a_threshold_of_zero_the_first_failure_falls_back_and_nothing_ends_it() {
    let mut rig = Rig::new(with_fallback(0), 2, Fake::with([Some(20.0)]));
    rig.reconcile();
    rig.poll_at(0);
    rig.sources.values.insert(0, None);
    rig.poll_at(30);
    assert_eq!(rig.condition(ConditionType::Fallback).0, "True");
    // That poll was no error: the scalers stay, and so does the fallback.
    assert_eq!(rig.poll_at(60).error, None);
    assert_eq!(rig.fetch("s0-redis-jobs"), Ok(vec![40.0]));
}

#[test]
fn an_object_made_in_an_outage_has_no_hpa_and_is_not_ready() {
    let mut rig = Rig::new(with_fallback(1), 2, Fake::with([None]));
    let decision = rig.reconcile();
    assert!(decision.hpa.is_empty() && !decision.start_loop);
    let message = format!("failed to ensure HPA is correctly created for ScaledObject: {DOWN}");
    assert_eq!(decision.error, Some(message.clone()));
    assert_eq!(
        rig.condition(ConditionType::Ready),
        ("False", "ScaledObjectCheckFailed".to_owned(), message)
    );
}

#[test]
fn each_scaler_has_its_own_words() {
    let words = |kind: &str, metadata: Value| {
        let scaler = built(&json!({ "type": kind, "metadata": metadata })).expect("a scaler");
        scaler
            .unconnected()
            .unwrap_or_else(|| scaler.unanswered("2026-01-01T00:00:30Z"))
    };
    let refused = "dial tcp: connect: connection refused";
    let rabbit = |host: &str| {
        let metadata = json!({ "host": host, "queueName": "a b", "mode": "QueueLength",
            "value": "5" });
        words("rabbitmq", metadata)
    };
    assert_eq!(
        rabbit("http://guest:guest@mq:15672/"),
        format!(
            "error inspecting RabbitMQ: Get \"http://user:password@mq:15672/api/queues/%2F/a+b\": \
             {refused}"
        )
    );
    assert_eq!(
        rabbit("https://mq/below/shop"),
        format!(
            "error inspecting RabbitMQ: Get \"https://mq/below/api/queues/shop/a+b\": {refused}"
        )
    );
    assert_eq!(
        rabbit("amqp://mq:5672/"),
        format!("error establishing connection to RabbitMQ: {refused}")
    );
    assert_eq!(
        words(
            "prometheus",
            json!({ "serverAddress": "http://p:9090", "query": "sum(up)",
            "threshold": "1", "namespace": "apps" })
        ),
        format!(
            "Get \"http://p:9090/api/v1/query?query=sum%28up%29&time=2026-01-01T00:00:30Z\
             &namespace=apps\": {refused}"
        )
    );
    assert_eq!(
        words(
            "metrics-api",
            json!({ "url": "http://me:secret@api/n", "valueLocation": "n",
            "targetValue": "5" })
        ),
        format!("error requesting metrics endpoint: Get \"http://me:***@api/n\": {refused}")
    );
    assert_eq!(
        words(
            "kafka",
            json!({ "bootstrapServers": "k:9092", "consumerGroup": "g", "topic": "t" })
        ),
        format!(
            "error creating kafka client: kafka: client has run out of available brokers to talk \
             to: {refused}"
        )
    );
    assert_eq!(
        words(
            "redis-sentinel-streams",
            json!({ "addresses": "r:1", "sentinelMaster": "m",
            "stream": "s", "consumerGroup": "g" })
        ),
        format!("connection to redis sentinel failed: {refused}")
    );
}

#[test]
fn a_target_that_is_not_there_is_told_twice() {
    let spec = json!({ "triggers": [prometheus(json!({}))] });
    let not_found = "deployments.apps \"web\" not found";
    let unknown = "no matches for kind \"Rollout\" in version \"argoproj.io/v1alpha1\"";
    let no_scale = "the server could not find the requested resource";
    for (missing, reason, first) in [
        (
            NoTarget::NotFound(not_found.to_owned()),
            "ScaledObjectCheckFailed",
            "Target resource doesn't exist",
        ),
        (
            NoTarget::UnknownKind(unknown.to_owned()),
            "ScaledObjectUpdateFailed",
            unknown,
        ),
        (
            NoTarget::NoScale(no_scale.to_owned()),
            "ScaledObjectCheckFailed",
            "Target resource doesn't expose /scale subresource",
        ),
    ] {
        let mut rig = Rig::new(object(spec.clone()), 1, Fake::with([Some(1.0)]));
        let words = missing.words().to_owned();
        rig.target.missing = Some(missing);
        let what = "ScaledObject doesn't have correct scaleTargetRef specification";
        assert_eq!(
            messages(&rig.reconcile()),
            [
                (reason, first.to_owned()),
                ("ScaledObjectCheckFailed", format!("{what}: {words}")),
            ]
        );
    }
}

#[test]
fn without_a_target_no_scaler_is_built() {
    let mut rig = Rig::new(
        object(json!({ "triggers": [prometheus(json!({}))] })),
        1,
        Fake::with([Some(1.0)]),
    );
    rig.reconcile();
    let gone = "Deployment.apps \"web\" not found";
    rig.sources.target = Err(gone.to_owned());
    // What is cached serves on, until a failure drops it.
    assert_eq!(rig.poll_at(0).error, None);
    rig.sources.values.insert(0, None);
    rig.poll_at(30);
    let error = format!("error getting scalers cache {gone}");
    assert_eq!(rig.poll_at(60).error, Some(error));
}
