//! Polls: activity, fallback, caches and what is told of them.

use super::handler::Copy;
use super::status::HealthStatus;
use super::*;

fn with_fallback_of(threshold: i32, more: Value) -> ScaledObject {
    object(json!({
        "triggers": [prometheus(more)],
        "fallback": { "failureThreshold": threshold, "replicas": 4 },
    }))
}

fn started(object: ScaledObject, replicas: i32, sources: Fake) -> Rig {
    let mut rig = Rig::new(object, replicas, sources);
    let decision = rig.reconcile();
    assert!(decision.start_loop, "{:?}", decision.error);
    rig
}

#[test]
fn up_from_zero_and_down_after_the_cooldown() {
    let spec = json!({ "triggers": [prometheus(json!({}))], "cooldownPeriod": 60 });
    let mut rig = started(object(spec), 0, Fake::with([Some(5.0)]));
    let up = rig.poll_at(10);
    assert_eq!(up.set_replicas, Some(1));
    assert_eq!(
        messages(&up),
        [(
            "KEDAScaleTargetActivated",
            "Scaled apps/v1.Deployment default/web from 0 to 1, triggered by s0-prometheus"
                .to_owned()
        )]
    );
    assert_eq!(
        rig.condition(ConditionType::Active).2,
        "Scaling is performed because triggers are active"
    );
    rig.sources.values.insert(0, Some(0.0));
    assert_eq!(rig.poll_at(40).set_replicas, None);
    assert_eq!(
        rig.condition(ConditionType::Active),
        (
            "False",
            "ScalerCooldown".to_owned(),
            "Scaler cooling down because triggers are not active".to_owned()
        )
    );
    let down = rig.poll_at(70);
    assert_eq!(
        down.set_replicas,
        Some(0),
        "70.1 is after the whole second 10 + 60"
    );
    assert_eq!(
        messages(&down),
        [(
            "KEDAScaleTargetDeactivated",
            "Deactivated apps/v1.Deployment default/web from 1 to 0".to_owned()
        )]
    );
}

#[test]
fn a_scale_that_cannot_be_written_or_read() {
    let spec = json!({ "triggers": [prometheus(json!({}))] });
    let mut rig = started(object(spec), 0, Fake::with([Some(5.0)]));
    rig.target.write_error = Some("conflict".to_owned());
    let refused = rig.poll_at(10);
    assert_eq!(refused.set_replicas, None);
    assert_eq!(
        messages(&refused),
        [(
            "KEDAScaleTargetActivationFailed",
            "Failed to scale apps/v1.Deployment default/web from 0 to 1".to_owned()
        )]
    );
    assert_eq!(rig.state.status().last_active_time, None);
    rig.target.replicas = Err("not found".to_owned());
    let unread = rig.poll_at(40);
    assert_eq!(
        unread.error.as_deref(),
        Some("error getting current replicas count for ScaleTarget: not found")
    );
    assert_eq!(
        rig.condition(ConditionType::Ready).1,
        "ErrorGettingCurrentReplicas"
    );
}

#[test]
fn only_a_second_failure_counts_and_the_scalers_are_built_anew() {
    let mut rig = started(with_fallback_of(1, json!({})), 1, Fake::with([None]));
    let first = rig.poll_at(0);
    assert_eq!(
        rig.sources.reads[&0], 2,
        "each failing fetch is retried once"
    );
    let told = messages(&first);
    assert!(
        told.contains(&("KEDAScalerFailed", "connection refused".to_owned())),
        "{told:?}"
    );
    assert_eq!(rig.state.status().health["s0-prometheus"].failures, 1);
    let second = rig.poll_at(30);
    let told = messages(&second);
    assert!(told.contains(&(
        "KEDAScalersStarted",
        "Scaler prometheus is built".to_owned()
    )));
    assert!(told.contains(&(
        "ScaledObjectFallbackActivated",
        "ScaledObject fallback is active".to_owned()
    )));
    assert_eq!(
        rig.condition(ConditionType::Fallback),
        (
            "True",
            "FallbackExists".to_owned(),
            "At least one trigger is falling back on this scaled object".to_owned()
        )
    );
    assert_eq!(
        rig.fetch("s0-prometheus"),
        Ok(vec![40.0]),
        "the threshold times four replicas"
    );
    rig.sources.values.insert(0, Some(1.0));
    let third = rig.poll_at(60);
    assert!(messages(&third).contains(&(
        "ScaledObjectFallbackDeactivated",
        "ScaledObject fallback is no longer active".to_owned()
    )));
}

#[test]
fn cached_scalers_keep_the_triggers_they_were_built_of() {
    let spec = |triggers: Vec<Value>, more: Value| {
        let mut spec = json!({ "triggers": triggers });
        merge(&mut spec, &more);
        object(spec)
    };
    let second = json!({ "metadata": { "query": "r", "threshold": "20" } });
    let two = vec![prometheus(json!({})), prometheus(second)];
    let fallback = json!({ "fallback": { "failureThreshold": 3, "replicas": 4 } });
    let mut rig = started(spec(two, fallback), 1, Fake::with([Some(5.0), Some(6.0)]));
    let impossible = json!({ "minReplicaCount": 9, "maxReplicaCount": 2 });
    let mut changed = spec(vec![prometheus(json!({}))], impossible);
    changed.metadata.generation = 2;
    rig.state.set_object(changed);
    let decision = rig.reconcile();
    assert!(decision.error.is_some(), "the scalers stay as they are");
    assert_eq!(rig.fetch("s0-prometheus"), Ok(vec![5.0]));
    assert_eq!(rig.fetch("s1-prometheus"), Ok(vec![6.0]));
    // A retry builds the second scaler of its own trigger, which the object has no more.
    rig.sources.values.insert(1, None);
    assert!(rig.fetch("s1-prometheus").is_err());
    assert_eq!(rig.sources.reads[&1], 3);
}

#[test]
fn a_patch_of_the_health_holds_what_has_changed() {
    let mut rig = started(with_fallback_of(5, json!({})), 1, Fake::with([None]));
    rig.poll_at(0);
    rig.poll_at(30);
    assert_eq!(rig.state.status().health["s0-prometheus"].failures, 2);
    let mut copy = rig.state.copy();
    let before = copy.status.clone();
    // Somebody else counts on; this copy has seen no change and writes none.
    let at_server = rig.state.status.health.get_mut("s0-prometheus");
    at_server.expect("it fails").failures = 7;
    rig.state.patch_status(&mut copy, "s0-prometheus", &before);
    assert_eq!(copy.status, before, "nothing was sent, nothing read back");
    // Only the number changes, then only the word.
    let health = |failures, failing| HealthStatus { failures, failing };
    let mut patch = |copy: &mut Copy, from: HealthStatus, to: HealthStatus| {
        let name = "s0-prometheus";
        copy.status.health.insert(name.to_owned(), from);
        let before = copy.status.clone();
        copy.status.health.insert(name.to_owned(), to);
        rig.state.patch_status(copy, name, &before);
        rig.state.status().health[name]
    };
    let got = patch(&mut copy, health(2, false), health(3, false));
    assert_eq!(got, health(3, true));
    let got = patch(&mut copy, health(9, true), health(9, false));
    assert_eq!(got, health(3, false));
}

#[test]
fn polls_and_fetches_add_up_below_the_threshold() {
    let mut rig = started(with_fallback_of(3, json!({})), 1, Fake::with([None]));
    rig.poll_at(0);
    for count in 2..=3 {
        assert!(rig.fetch("s0-prometheus").is_err());
        assert_eq!(rig.state.status().health["s0-prometheus"].failures, count);
    }
    rig.poll_at(30);
    assert_eq!(rig.state.status().health["s0-prometheus"].failures, 4);
}

#[test]
fn without_a_valid_fallback_no_health_is_kept() {
    let spec = json!({ "triggers": [prometheus(json!({}))] });
    let mut rig = started(object(spec), 1, Fake::with([None]));
    rig.poll_at(0);
    assert!(rig.state.status().health.is_empty());
    assert_eq!(rig.condition(ConditionType::Ready).1, "TriggerError");
    assert_eq!(
        rig.fetch("s0-prometheus"),
        Err("metric:s0-prometheus encountered error".to_owned())
    );
    assert_eq!(
        rig.fetch("s9-other"),
        Err("no matching metrics found for s9-other".to_owned())
    );
}

#[test]
fn a_value_target_falls_back_by_ready_replicas() {
    let mut rig = started(
        with_fallback_of(0, json!({ "metricType": "Value" })),
        8,
        Fake::with([None]),
    );
    rig.target = Target::with_replicas(8, 2);
    assert_eq!(rig.fetch("s0-prometheus"), Ok(vec![20.0]));
    rig.target = Target::with_replicas(8, 0);
    assert!(rig.fetch("s0-prometheus").is_err());
}

#[test]
fn a_cached_metric_is_the_polls_after_its_fallback() {
    let cached = json!({ "useCachedMetrics": true });
    let mut rig = started(with_fallback_of(0, cached), 1, Fake::with([Some(7.0)]));
    assert_eq!(
        rig.fetch("s0-prometheus"),
        Ok(vec![7.0]),
        "live before the first poll"
    );
    rig.poll_at(0);
    rig.sources.values.insert(0, Some(9.0));
    let reads = rig.sources.reads[&0];
    assert_eq!(rig.fetch("s0-prometheus"), Ok(vec![7.0]));
    assert_eq!(rig.sources.reads[&0], reads, "nothing is read");
    rig.sources.values.insert(0, None);
    rig.poll_at(30);
    assert_eq!(rig.state.status().health["s0-prometheus"].failures, 1);
    assert_eq!(
        rig.fetch("s0-prometheus"),
        Ok(vec![40.0]),
        "the fallback's value"
    );
    // The record has no error, and the copy beside the scalers never saw one: nothing to write.
    assert_eq!(rig.state.status().health["s0-prometheus"].failures, 1);
}

#[test]
fn a_cached_error_stays_until_the_next_poll() {
    let cached = json!({ "useCachedMetrics": true });
    let mut rig = started(with_fallback_of(5, cached), 1, Fake::with([None]));
    rig.poll_at(0);
    rig.sources.values.insert(0, Some(1.0));
    assert!(rig.fetch("s0-prometheus").is_err());
    rig.poll_at(30);
    assert_eq!(rig.fetch("s0-prometheus"), Ok(vec![1.0]));
}

#[test]
fn nothing_happens_if_scalers_cannot_be_built() {
    let spec = json!({ "triggers": [json!({ "type": "rabbitmq",
        "metadata": { "queueName": "q", "hostFromEnv": "HOST" } })] });
    let mut sources = Fake::with([None]);
    sources
        .environment
        .insert("HOST".to_owned(), "http://h/v".to_owned());
    let mut rig = started(object(spec), 3, sources);
    rig.poll_at(0);
    let before = rig.state.status().clone();
    rig.sources.environment.clear();
    // A failing fetch needs a new scaler, whose host is gone.
    rig.poll_at(30);
    let broken = rig.poll_at(60);
    assert!(
        broken
            .error
            .is_some_and(|error| error.starts_with("error getting scalers cache"))
    );
    assert_eq!(broken.set_replicas, None);
    assert_eq!(rig.state.status().conditions, before.conditions);
}

#[test]
fn cpu_and_memory_alone_are_always_active() {
    let cpu = json!({ "type": "cpu", "metricType": "Utilization", "metadata": { "value": "50" } });
    let mut rig = started(
        object(json!({ "triggers": [cpu.clone()] })),
        1,
        Fake::default(),
    );
    assert_eq!(rig.poll_at(0).set_replicas, None);
    assert_eq!(rig.condition(ConditionType::Active).0, "True");
    let both = json!({ "triggers": [cpu, prometheus(json!({}))] });
    let mut rig = started(object(both), 1, Fake::with([None, Some(0.0)]));
    assert_eq!(
        rig.poll_at(0).set_replicas,
        Some(0),
        "a trigger that is not active decides"
    );
}

#[test]
fn a_nil_inside_a_formula_makes_the_poll_inactive_without_an_error() {
    let mut rig = started(
        object(json!({
            "triggers": [prometheus(json!({ "name": "a" })), prometheus(json!({ "name": "b" }))],
            "fallback": { "failureThreshold": 0, "replicas": 3, "behavior": "scalingModifiers" },
            "advanced": { "scalingModifiers": { "formula": "(a ?? 1) + b", "target": "5" } },
            "cooldownPeriod": 0,
        })),
        2,
        Fake::with([Some(5.0), None]),
    );
    assert_eq!(
        rig.fetch(COMPOSITE_METRIC),
        Ok(Vec::new()),
        "no value is an error to the HPA"
    );
    assert_eq!(rig.poll_at(30).set_replicas, Some(0));
    assert_eq!(rig.condition(ConditionType::Ready).0, "True");
}

#[test]
fn a_push_scaler_activates_between_polls() {
    let push = json!({ "type": "external-push", "metadata": { "scalerAddress": "s:1" } });
    let mut sources = Fake::with([Some(0.0), Some(0.0)]);
    sources.external = vec![ExternalMetric {
        name: "depth".to_owned(),
        target_size: 1,
        target_size_float: 0.0,
    }];
    let mut rig = started(
        object(json!({ "triggers": [prometheus(json!({})), push] })),
        0,
        sources,
    );
    rig.poll_at(0);
    rig.now = SimTime::from_secs(7);
    let pushed = rig.act(|state, around| state.push_activated(1, around));
    assert_eq!(pushed.set_replicas, Some(1));
    let activity = &rig.state.status().triggers_activity;
    assert_eq!(
        (activity["s0-prometheus"], activity["s1-depth"]),
        (false, true)
    );
    let unknown = rig.act(|state, around| state.push_activated(5, around));
    assert_eq!(unknown, Decision::default());
}

#[test]
fn the_hpas_health_is_mirrored() {
    let spec = json!({ "triggers": [prometheus(json!({}))] });
    let mut rig = started(object(spec), 1, Fake::with([Some(5.0)]));
    let mut health = |active: bool, reason: &str| {
        let decision = rig.state.poll(&mut Surroundings {
            now: rig.now,
            target: &rig.target,
            sources: &mut rig.sources,
            hpa_health: Some(HpaHealth {
                scaling_active: active,
                reason: reason.to_owned(),
                message: "m".to_owned(),
            }),
        });
        assert_eq!(decision.error, None);
        rig.condition(ConditionType::HpaActive)
    };
    let words =
        |status, reason: &str, message: &str| (status, reason.to_owned(), message.to_owned());
    assert_eq!(
        health(true, ""),
        words("True", "HPAActive", "HPA is actively scaling")
    );
    assert_eq!(
        health(false, "ScalingDisabled"),
        words("True", "ScalingDisabled", "m")
    );
    assert_eq!(
        health(false, "FailedGetExternalMetric"),
        words(
            "False",
            "FailedGetExternalMetric",
            "HPA is not actively scaling: m"
        )
    );
    assert_eq!(health(false, "").1, "HPAMetricsUnavailable");
}
