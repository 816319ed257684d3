//! The admission webhook.

use super::*;

fn cpu_only(more: Value) -> ScaledObject {
    let cpu = json!({ "type": "cpu", "metricType": "Utilization", "metadata": { "value": "50" } });
    let mut spec = json!({ "triggers": [cpu] });
    merge(&mut spec, &more);
    object(spec)
}

fn plain() -> ScaledObject {
    object(json!({ "triggers": [prometheus(json!({}))] }))
}

fn refusal(object: &ScaledObject) -> String {
    admit(object, &[], &[], &TargetPods::Unchecked).expect_err("a refusal")
}

#[test]
fn a_workload_has_one_scaled_object() {
    let mut other = plain();
    other.metadata.name = "other".to_owned();
    assert_eq!(
        admit(
            &plain(),
            std::slice::from_ref(&other),
            &[],
            &TargetPods::Unchecked
        ),
        Err(
            "the workload 'web' of type 'apps/v1.Deployment' is already managed by the \
             ScaledObject 'other'"
                .to_owned()
        )
    );
    other.spec.scale_target_ref.name = "api".to_owned();
    let config = json!({ "horizontalPodAutoscalerConfig": { "name": "keda-hpa-so" } });
    other.spec.advanced = serde_json::from_value(config).expect("advanced");
    assert_eq!(
        admit(&plain(), &[other, plain()], &[], &TargetPods::Unchecked),
        Err("the HPA 'keda-hpa-so' is already managed by the ScaledObject 'other'".to_owned())
    );
}

#[test]
fn another_scaled_object_has_to_have_a_kind_that_is_served() {
    let mut other = plain();
    other.metadata.name = "other".to_owned();
    other.spec.scale_target_ref.name = "api".to_owned();
    other.spec.scale_target_ref.kind = "Deploymnt".to_owned();
    let words = "no matches for kind \"Deploymnt\" in version \"apps/v1\"";
    assert_eq!(
        admit(&plain(), &[other], &[], &TargetPods::Unchecked),
        Err(words.to_owned())
    );
}

#[test]
fn an_existing_hpa_is_handed_over_by_name() {
    let existing = ExistingHpa {
        name: "mine".to_owned(),
        target_kind: "apps/v1.Deployment".to_owned(),
        target_name: "web".to_owned(),
        ..ExistingHpa::default()
    };
    let with = |object: &ScaledObject, hpa: &ExistingHpa| {
        admit(
            object,
            &[],
            std::slice::from_ref(hpa),
            &TargetPods::Unchecked,
        )
    };
    let mut object = plain();
    assert_eq!(
        with(&object, &existing),
        Err(
            "the workload 'web' of type 'apps/v1.Deployment' is already managed by the hpa \
             'mine'"
                .to_owned()
        )
    );
    let unchecked = ExistingHpa {
        unchecked: true,
        ..existing.clone()
    };
    assert_eq!(with(&object, &unchecked), Ok(Vec::new()));
    let owned = ExistingHpa {
        owner: Some("so".to_owned()),
        ..existing.clone()
    };
    assert_eq!(with(&object, &owned), Ok(Vec::new()));
    let transfer = (TRANSFER_HPA_OWNERSHIP.to_owned(), "true".to_owned());
    object.metadata.annotations = Some([transfer].into());
    assert!(
        with(&object, &existing).is_err_and(|error| error.contains("must be specified by name"))
    );
    let config = json!({ "horizontalPodAutoscalerConfig": { "name": "mine" } });
    object.spec.advanced = serde_json::from_value(config).expect("advanced");
    assert_eq!(with(&object, &existing), Ok(Vec::new()));
}

#[test]
fn kinds_that_no_cluster_has_are_refused() {
    let mut object = plain();
    object.spec.scale_target_ref.kind = "Deploymnt".to_owned();
    let words = Err("no matches for kind \"Deploymnt\" in version \"apps/v1\"".to_owned());
    assert_eq!(admit(&object, &[], &[], &TargetPods::Unchecked), words);
    // The target of any HPA of the namespace is looked up, too.
    let mut hpa = ExistingHpa {
        name: "other".to_owned(),
        target_kind: "apps/v1.Deploymnt".to_owned(),
        target_name: "api".to_owned(),
        ..ExistingHpa::default()
    };
    let with = |hpa: &ExistingHpa| {
        let hpas = std::slice::from_ref(hpa);
        admit(&plain(), &[], hpas, &TargetPods::Unchecked)
    };
    assert_eq!(with(&hpa), words);
    hpa.unchecked = true;
    assert_eq!(with(&hpa), Ok(Vec::new()));
}

#[test]
fn resources_need_requests_and_cannot_go_to_zero() {
    let container = |has_cpu| TargetContainer {
        name: "main".to_owned(),
        has_cpu,
        has_memory: false,
    };
    let with = |object: &ScaledObject, has_cpu| {
        admit(object, &[], &[], &TargetPods::Of(&[container(has_cpu)]))
    };
    assert_eq!(
        with(&cpu_only(json!({ "minReplicaCount": 1 })), false),
        Err(
            "the scaledobject has a cpu trigger but the container main doesn't have the cpu \
             request defined"
                .to_owned()
        )
    );
    assert_eq!(
        with(&cpu_only(json!({})), true),
        Err(
            "scaledobject has only cpu/memory triggers AND minReplica is 0 (scale to zero doesn't \
             work in this case)"
                .to_owned()
        )
    );
    assert_eq!(
        with(&cpu_only(json!({ "minReplicaCount": 1 })), true),
        Ok(Vec::new())
    );
}

#[test]
fn fallbacks_formulas_and_names() {
    let mut object = plain();
    object.spec.fallback = Some(Fallback {
        failure_threshold: -1,
        replicas: 2,
        behavior: FallbackBehavior::Static,
    });
    assert_eq!(
        refusal(&object),
        "FailureThreshold=-1 & Replicas=2 must both be greater than or equal to 0"
    );
    let fallback = json!({ "failureThreshold": 1, "replicas": 2 });
    assert!(
        refusal(&cpu_only(json!({ "fallback": fallback }))).starts_with("at least one trigger")
    );
    let fallback = json!({ "failureThreshold": 1, "replicas": 2, "behavior": "scalingModifiers" });
    let triggers = json!([prometheus(json!({}))]);
    assert_eq!(
        refusal(&super::object(
            json!({ "triggers": triggers, "fallback": fallback })
        )),
        "scalingModifiers fallback behavior requires scalingModifiers.formula to be defined"
    );
    let target_only = json!({ "triggers": triggers,
        "advanced": { "scalingModifiers": { "target": "5" } } });
    assert_eq!(
        refusal(&super::object(target_only)),
        "error ScalingModifiers.Formula is mandatory"
    );
    let mut long = plain();
    long.metadata.name = "x".repeat(64);
    assert!(refusal(&long).starts_with("scaledobject name"));
    long.metadata.name = "x".repeat(60);
    assert!(refusal(&long).starts_with("HPA name \"keda-hpa-xxx"));
}

#[test]
fn periods_that_do_nothing_are_warned_of() {
    let warned = |more: Value| {
        let mut spec = json!({ "triggers": [prometheus(json!({}))], "minReplicaCount": 1 });
        merge(&mut spec, &more);
        admit(&object(spec), &[], &[], &TargetPods::Unchecked)
            .expect("admitted")
            .len()
    };
    assert_eq!(warned(json!({})), 0);
    assert_eq!(
        warned(json!({ "pollingInterval": 5, "cooldownPeriod": 5 })),
        2
    );
    assert_eq!(
        warned(json!({ "pollingInterval": 5, "idleReplicaCount": 0 })),
        0
    );
    let cached = json!([prometheus(json!({ "useCachedMetrics": true }))]);
    assert_eq!(
        warned(json!({ "pollingInterval": 5, "triggers": cached })),
        0
    );
}

#[test]
fn resources_of_a_target_that_is_not_there_cannot_be_checked() {
    let missing = TargetPods::Missing("Deployment.apps \"web\" not found".to_owned());
    assert_eq!(
        admit(
            &cpu_only(json!({ "minReplicaCount": 1 })),
            &[],
            &[],
            &missing
        ),
        Err("Deployment.apps \"web\" not found".to_owned())
    );
    assert_eq!(admit(&plain(), &[], &[], &missing), Ok(Vec::new()));
    let anything = cpu_only(json!({}));
    assert_eq!(
        admit(&anything, &[], &[], &TargetPods::Unchecked),
        Ok(Vec::new())
    );
}
