//! Reconciles: pauses, HPAs that come and go, and what starts a loop.

use super::*;

fn plain(more: Value) -> ScaledObject {
    let mut spec = json!({ "triggers": [prometheus(json!({}))] });
    merge(&mut spec, &more);
    object(spec)
}

#[test]
fn the_first_one_creates_the_hpa_and_starts_the_loop() {
    let mut rig = Rig::new(plain(json!({})), 3, Fake::with([Some(1.0)]));
    let first = rig.reconcile();
    assert_eq!(
        messages(&first),
        [
            (
                "KEDAScalersStarted",
                "Scaler prometheus is built".to_owned()
            ),
            ("KEDAScalersStarted", "Started scalers watch".to_owned()),
            (
                "ScaledObjectReady",
                "ScaledObject is ready for scaling".to_owned()
            ),
        ]
    );
    let status = rig.state.status();
    assert_eq!(status.scale_target_kind, "apps/v1.Deployment");
    assert_eq!(status.original_replica_count, Some(3));
    assert_eq!(status.hpa_name, "keda-hpa-so");
    assert_eq!(status.triggers_types, "prometheus");
    assert_eq!(
        rig.state.polling_interval(),
        crate::sim::SimDuration::from_secs(30)
    );
    let again = rig.reconcile();
    assert!(again.hpa.is_empty() && !again.start_loop && again.events.is_empty());
}

#[test]
fn annotations_write_the_hpa_and_only_a_new_generation_restarts_the_loop() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::with([Some(1.0)]));
    rig.reconcile();
    rig.annotate("note", Some("x"));
    let noted = rig.reconcile();
    assert!(matches!(noted.hpa.as_slice(), [HpaChange::Update(_)]));
    assert!(!noted.start_loop);
    let mut changed = rig.state.object().clone();
    changed.spec.max_replica_count = Some(7);
    changed.metadata.generation += 1;
    rig.state.set_object(changed);
    let changed = rig.reconcile();
    assert!(
        matches!(changed.hpa.as_slice(), [HpaChange::Update(hpa)] if hpa.spec["maxReplicas"] == 7)
    );
    assert!(changed.start_loop);
}

#[test]
fn pause_values() {
    for (value, paused) in [
        ("true", true),
        ("", true),
        ("maybe", true),
        ("1", true),
        ("0", false),
        ("f", false),
        ("F", false),
        ("false", false),
        ("FALSE", false),
    ] {
        let mut rig = Rig::new(plain(json!({})), 1, Fake::default());
        rig.annotate(PAUSED, Some(value));
        assert_eq!(rig.state.object().is_paused(), paused, "{value:?}");
        rig.annotate(PAUSED, None);
        rig.annotate(PAUSED_SCALE_IN, Some(value));
        assert_eq!(rig.state.object().pauses_scale_in(), paused, "{value:?}");
    }
}

#[test]
fn nobody_can_be_paused_below_zero_replicas() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::with([Some(1.0)]));
    rig.reconcile();
    rig.annotate(PAUSED_REPLICAS, Some("-5"));
    let refused = rig.reconcile();
    assert_eq!(refused.set_replicas, None);
    let why = "failed to scale target to paused replica count: failed to scale target to paused \
               replica count: Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: \
               -5: must be greater than or equal to 0";
    assert_eq!(refused.error.as_deref(), Some(why));
    let ready = rig.condition(ConditionType::Ready);
    assert_eq!((ready.0, ready.2.as_str()), ("False", why));
}

#[test]
fn pausing_and_going_on() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::with([Some(1.0)]));
    rig.reconcile();
    rig.annotate(PAUSED, Some("true"));
    rig.annotate(PAUSED_REPLICAS, Some("5"));
    let paused = rig.reconcile();
    assert_eq!(paused.hpa, [HpaChange::Delete("keda-hpa-so".to_owned())]);
    assert_eq!(paused.set_replicas, Some(5));
    assert!(paused.stop_loop && !rig.state.is_polling());
    assert_eq!(
        messages(&paused),
        [
            ("ScaledObjectPaused", "ScaledObject is paused".to_owned()),
            ("KEDAScalersStopped", "Stopped scalers watch".to_owned()),
        ]
    );
    assert_eq!(rig.state.status().paused_replica_count, Some(5));
    assert_eq!(
        rig.condition(ConditionType::Ready).2,
        "ScaledObject is paused"
    );
    // What others set stays until something changes.
    rig.target = Target::with_replicas(9, 9);
    assert_eq!(rig.poll_at(30), Decision::default());
    rig.annotate(PAUSED, None);
    rig.annotate(PAUSED_REPLICAS, None);
    let unpaused = rig.reconcile();
    assert!(matches!(unpaused.hpa.as_slice(), [HpaChange::Create(_)]));
    assert!(unpaused.start_loop);
    assert_eq!(
        rig.condition(ConditionType::Paused),
        (
            "False",
            "ScaledObjectUnpaused".to_owned(),
            "pause annotation removed for ScaledObject".to_owned()
        )
    );
    assert_eq!(rig.state.status().paused_replica_count, None);
}

#[test]
fn a_paused_number_that_is_none() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::default());
    rig.annotate(PAUSED_REPLICAS, Some("many"));
    let decision = rig.reconcile();
    assert_eq!(
        decision.error.as_deref(),
        Some(
            "failed to scale target to paused replica count: failed to parse paused replica count: \
             strconv.ParseInt: parsing \"many\": invalid syntax"
        )
    );
    assert_eq!(
        rig.condition(ConditionType::Active).2,
        "ScaledObject check failed"
    );
    assert_eq!(
        rig.condition(ConditionType::Ready).1,
        "ScaledObjectCheckFailed"
    );
}

#[test]
fn one_direction_paused_keeps_the_loop_and_shows_as_paused() {
    let mut rig = Rig::new(
        plain(json!({ "cooldownPeriod": 0 })),
        1,
        Fake::with([Some(0.0)]),
    );
    rig.reconcile();
    rig.annotate(PAUSED_SCALE_IN, Some("true"));
    let paused = rig.reconcile();
    assert!(!paused.stop_loop && matches!(paused.hpa.as_slice(), [HpaChange::Update(_)]));
    assert_eq!(rig.condition(ConditionType::Paused).0, "True");
    assert_eq!(rig.poll_at(30).set_replicas, None, "no way down");
    rig.annotate(PAUSED_SCALE_IN, None);
    rig.annotate(PAUSED_SCALE_OUT, Some("true"));
    rig.reconcile();
    assert_eq!(rig.poll_at(60).set_replicas, Some(0));
    rig.sources.values.insert(0, Some(5.0));
    assert_eq!(rig.poll_at(90).set_replicas, None, "no way up");
    assert_eq!(rig.state.status().last_active_time, None);
    rig.annotate(PAUSED_SCALE_OUT, None);
    rig.annotate(FORCE_ACTIVATION, Some("true"));
    rig.sources.values.insert(0, Some(0.0));
    rig.reconcile();
    let forced = rig.poll_at(120);
    assert_eq!(
        messages(&forced),
        [(
            "KEDAScaleTargetActivated",
            "Scaled apps/v1.Deployment default/web from 0 to 1, caused by forced activation \
             annotation"
                .to_owned()
        )]
    );
}

#[test]
fn a_new_name_replaces_the_hpa() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::with([Some(1.0)]));
    rig.reconcile();
    let mut renamed = rig.state.object().clone();
    renamed.spec.advanced = Some(AdvancedConfig {
        horizontal_pod_autoscaler_config: Some(HpaConfig {
            behavior: None,
            name: "other".to_owned(),
        }),
        ..AdvancedConfig::default()
    });
    renamed.metadata.generation += 1;
    rig.state.set_object(renamed);
    let decision = rig.reconcile();
    assert!(matches!(
        decision.hpa.as_slice(),
        [HpaChange::Delete(old), HpaChange::Create(new)] if old == "keda-hpa-so" && new.name == "other"
    ));
    assert_eq!(rig.state.status().hpa_name, "other");
}

#[test]
fn an_hpa_of_somebody_else_under_its_name_is_written_over() {
    let mut rig = Rig::new(plain(json!({})), 1, Fake::with([Some(1.0)]));
    rig.state.set_found_hpa(Some(Hpa {
        name: "keda-hpa-so".to_owned(),
        namespace: "default".to_owned(),
        labels: BTreeMap::new(),
        annotations: None,
        owner: String::new(),
        spec: json!({ "maxReplicas": 2 }),
    }));
    let adopted = rig.reconcile();
    assert!(matches!(adopted.hpa.as_slice(), [HpaChange::Update(hpa)] if hpa.owner == "so"));
    assert!(adopted.start_loop, "its generation is new");
    rig.state.set_found_hpa(None);
    let recreated = rig.reconcile();
    assert!(matches!(recreated.hpa.as_slice(), [HpaChange::Create(_)]));
    assert!(recreated.start_loop);
}

#[test]
fn checks_stop_at_the_first_fault() {
    let fault = |object: ScaledObject| {
        let mut rig = Rig::new(object, 1, Fake::default());
        rig.reconcile().error.expect("a fault")
    };
    let mut unnamed = plain(json!({}));
    unnamed.spec.scale_target_ref.name.clear();
    assert_eq!(
        fault(unnamed),
        "ScaledObject doesn't have correct scaleTargetRef specification: \
         ScaledObject.spec.scaleTargetRef.name is missing"
    );
    assert_eq!(
        fault(plain(
            json!({ "minReplicaCount": 3, "maxReplicaCount": 2, "triggers": [] })
        )),
        "ScaledObject doesn't have correct Idle/Min/Max Replica Counts specification: \
         MinReplicaCount=3 must be less than MaxReplicaCount=2"
    );
    assert_eq!(
        fault(plain(json!({ "triggers": [] }))),
        "ScaledObject doesn't have correct triggers specification: no triggers defined in the \
         ScaledObject/ScaledJob"
    );
    let mut rig = Rig::new(plain(json!({})), 1, Fake::default());
    rig.target.replicas = Err("deployments.apps \"web\" not found".to_owned());
    assert!(
        rig.reconcile()
            .error
            .is_some_and(|error| error.ends_with("not found"))
    );
}

#[test]
fn deletion_can_put_the_first_replicas_back() {
    let advanced = json!({ "restoreToOriginalReplicaCount": true });
    let mut rig = Rig::new(
        plain(json!({ "advanced": advanced })),
        6,
        Fake::with([Some(1.0)]),
    );
    rig.reconcile();
    rig.target = Target::with_replicas(2, 2);
    let deleted = rig.act(|state, _| state.finalize());
    assert_eq!(deleted.set_replicas, Some(6));
    assert_eq!(
        messages(&deleted),
        [
            ("KEDAScalersStopped", "Stopped scalers watch".to_owned()),
            ("ScaledObjectDeleted", "ScaledObject was deleted".to_owned()),
        ]
    );
    let mut rig = Rig::new(plain(json!({})), 6, Fake::with([Some(1.0)]));
    rig.reconcile();
    assert_eq!(rig.act(|state, _| state.finalize()).set_replicas, None);
}

#[test]
fn unknown_fields_are_ignored_and_null_is_nothing() {
    let value = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "metadata": { "name": "so", "labels": null, "annotations": null, "uid": "x" },
        "spec": {
            "scaleTargetRef": { "name": "web", "kind": "StatefulSet" },
            "triggers": [{ "type": "cpu", "metadata": { "value": "5" }, "later": 1 }],
            "fallback": { "failureThreshold": 1, "replicas": 2, "behavior": "" },
            "advanced": { "scalingModifiers": null },
        },
    });
    let object = ScaledObject::from_value(&value).expect("tolerated");
    assert_eq!(object.spec.scale_target_ref.gvk(), "apps/v1.StatefulSet");
    assert_eq!(
        object.spec.fallback.map(|fallback| fallback.behavior),
        Some(FallbackBehavior::Static)
    );
    let wrong = json!({ "spec": { "triggers": [{ "type": "cpu", "metadata": { "value": 5 } }] } });
    assert!(
        ScaledObject::from_value(&wrong).is_err(),
        "metadata are texts"
    );
}
