#![expect(
    clippy::needless_pass_by_value,
    reason = "values are written where they are used"
)]

use serde_json::json;

use super::*;
use crate::kubectl::command::parse;
use crate::kubectl::json::compact;

fn kind(name: &str) -> &'static Kind {
    Kind::named(name).expect("a kind")
}

fn merged(name: &str, live: Value, patch: Value) -> Value {
    strategic(kind(name), &live, &patch).expect("a patch that fits")
}

fn run(text: &str, live: &Value) -> Result<Change, Refusal> {
    let line = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let Some(crate::kubectl::command::Targets::Named(objects)) = line.command.targets() else {
        panic!("{text} names an object");
    };
    patched(&line.command, objects[0].kind, live, "2026-11-26T12:00:00Z")
}

fn deployment(containers: Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

/// New items come before those that only the server has: so upstream merges them.
#[test]
fn containers_and_their_lists_are_merged_by_key() {
    let live = deployment(json!([
        {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}], "args": ["x"],
         "ports": [{"containerPort": 80, "protocol": "TCP"}]},
        {"name": "sidecar", "image": "sidecar:1"},
    ]));
    let patch = deployment(json!([
        {"name": "web", "env": [{"name": "B", "value": "2"}], "args": ["y"],
         "ports": [{"containerPort": 80, "name": "http"}]},
        {"name": "new", "image": "new:1", "resources": {"limits": null}},
    ]));
    let expected = deployment(json!([
        {"name": "web", "image": "web:1", "args": ["y"],
         "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
         "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]},
        {"name": "new", "image": "new:1", "resources": {}},
        {"name": "sidecar", "image": "sidecar:1"},
    ]));
    let patched = merged("deploy", live, patch);
    assert_eq!(patched, expected);
}

#[test]
fn directives_delete_replace_and_order() {
    let live = || deployment(json!([{"name": "a", "image": "1"}, {"name": "b"}, {"name": "c"}]));
    let containers = |patch: Value| {
        merged("deploy", live(), patch)["spec"]["template"]["spec"]["containers"].clone()
    };
    assert_eq!(
        containers(deployment(json!([{"name": "b", "$patch": "delete"}]))),
        json!([{"name": "a", "image": "1"}, {"name": "c"}])
    );
    assert_eq!(
        containers(deployment(json!([{"$patch": "replace"}, {"name": "d"}]))),
        json!([{"name": "d"}])
    );
    assert_eq!(
        containers(deployment(
            json!([{"name": "a", "$patch": "replace", "x": 1}])
        )),
        json!([])
    );
    let ordered = json!({"spec": {"template": {"spec": {
        "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}, {"name": "a"}],
        "containers": [{"name": "d"}, {"name": "a", "image": "2"}],
    }}}});
    assert_eq!(
        containers(ordered),
        json!([{"name": "d"}, {"name": "b"}, {"name": "c"}, {"name": "a", "image": "2"}])
    );
    let strategy =
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let retained = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    assert_eq!(
        merged("deploy", strategy.clone(), retained),
        json!({"spec": {"strategy": {"type": "Recreate"}}})
    );
    let whole = json!({"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}});
    assert_eq!(
        merged("deploy", strategy, whole),
        json!({"spec": {"strategy": {"type": "Recreate"}}})
    );
    assert_eq!(
        merged(
            "cm",
            json!({"metadata": {"finalizers": ["a", "b"]}}),
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["b", "c"]}})
        ),
        json!({"metadata": {"finalizers": ["b", "c"]}})
    );
}

#[test]
fn lists_without_a_key_are_replaced() {
    let hpa = |metrics: Value| json!({"spec": {"minReplicas": 2, "metrics": metrics}});
    let live = hpa(json!([{"type": "Resource"}, {"type": "Pods"}]));
    let patch = json!({"spec": {"metrics": [{"type": "External"}]}});
    assert_eq!(
        merged("hpa", live, patch),
        hpa(json!([{"type": "External"}]))
    );
}

#[test]
fn patches_that_contradict_themselves_are_refused() {
    let live = deployment(json!([{"name": "a"}]));
    let refused = |patch: Value| {
        let refusal = strategic(kind("deploy"), &live, &patch).expect_err("a refusal");
        refusal.text
    };
    assert_eq!(
        refused(deployment(json!([{"image": "x"}]))),
        "Error from server: map: {\"image\":\"x\"} does not contain declared merge key: name"
    );
    assert_eq!(
        refused(json!({"spec": {"$retainKeys": ["a"], "b": 1}})),
        "Error from server: invalid patch format of retainKeys"
    );
    let custom = strategic(kind("vpa"), &live, &json!({})).expect_err("a refusal");
    assert!(custom.text.starts_with(
        "error: application/strategic-merge-patch+json is not supported by autoscaling.k8s.io/v1, \
         Kind=VerticalPodAutoscaler: the body of the request was in an unknown format"
    ));
}

/// The object that a first `apply` creates, after some time in the cluster.
fn live_of(manifest: &Value, kind: &Kind) -> Value {
    let created = applied(kind, manifest, None).expect("an object");
    assert_eq!(created.operation, Some(Operation::Done("created")));
    created.object
}

#[test]
fn applying_again_removes_what_left_the_manifest_and_keeps_what_others_set() {
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "front"}},
        "spec": {"replicas": 3, "strategy": {"type": "Recreate"}, "template": {"spec": {
            "containers": [
                {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B"}]},
                {"name": "old", "image": "old:1"},
            ]}}},
    });
    let deploy = kind("deploy");
    let mut live = live_of(&manifest, deploy);
    let annotation = &live["metadata"]["annotations"][LAST_APPLIED];
    let mut with_annotations = manifest.clone();
    with_annotations["metadata"]["annotations"] = json!({});
    assert_eq!(*annotation, format!("{}\n", compact(&with_annotations)));
    // Others scale it, default a field and inject a container.
    live["spec"]["replicas"] = json!(7);
    live["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
    let containers = live["spec"]["template"]["spec"]["containers"].as_array_mut();
    containers
        .expect("containers")
        .insert(1, json!({"name": "injected"}));

    let again = applied(deploy, &manifest, Some(&live)).expect("an object");
    assert_eq!(again.operation, Some(Operation::Done("configured")));
    assert_eq!(again.object["spec"]["replicas"], 3);

    let mut next = manifest.clone();
    next["spec"]
        .as_object_mut()
        .expect("a spec")
        .shift_remove("replicas");
    next["metadata"]["labels"] = json!({});
    next["spec"]["template"]["spec"]["containers"] = json!([
        {"name": "new", "image": "new:1"},
        {"name": "web", "image": "web:2", "env": [{"name": "B"}]},
    ]);
    let changed = applied(deploy, &next, Some(&live))
        .expect("an object")
        .object;
    assert_eq!(changed["spec"].get("replicas"), None);
    assert_eq!(changed["metadata"]["labels"], json!({}));
    assert_eq!(
        changed["spec"]["template"]["spec"],
        json!({"dnsPolicy": "ClusterFirst", "containers": [
            {"name": "new", "image": "new:1"},
            {"name": "web", "image": "web:2", "env": [{"name": "B"}]},
            {"name": "injected"},
        ]})
    );
    // The injected container makes the order of the lists differ, which upstream patches.
    let again = applied(deploy, &next, Some(&changed)).expect("an object");
    assert_eq!(again.operation, Some(Operation::Done("configured")));
    assert_eq!(again.object, changed);
    let mut alone = changed;
    let containers = alone["spec"]["template"]["spec"]["containers"].as_array_mut();
    containers.expect("containers").pop();
    let same = applied(deploy, &next, Some(&alone)).expect("an object");
    assert_eq!(same.operation, Some(Operation::Done("unchanged")));
    assert_eq!(same.object, alone);
}

#[test]
fn custom_resources_are_applied_as_wholes() {
    let vpa = kind("vpa");
    let manifest = |containers: Value, mode: Value| {
        let mut manifest = json!({
            "apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"resourcePolicy": {"containerPolicies": containers}},
        });
        if !mode.is_null() {
            manifest["spec"]["updatePolicy"] = json!({"updateMode": mode});
        }
        manifest
    };
    let first = manifest(json!([{"containerName": "a"}]), json!("Off"));
    let mut live = live_of(&first, vpa);
    live["status"] = json!({"conditions": []});
    let again = applied(vpa, &first, Some(&live)).expect("an object");
    assert_eq!(again.operation, Some(Operation::Done("unchanged")));
    let next = manifest(json!([{"containerName": "b"}]), Value::Null);
    let changed = applied(vpa, &next, Some(&live)).expect("an object");
    assert_eq!(changed.operation, Some(Operation::Done("configured")));
    assert_eq!(
        changed.object["spec"],
        json!({"resourcePolicy": {"containerPolicies": [{"containerName": "b"}]}})
    );
    assert_eq!(changed.object["status"], json!({"conditions": []}));
}

#[test]
fn a_disruption_budget_is_configured_every_time() {
    let pdb = kind("pdb");
    let manifest = json!({"metadata": {"name": "x"}, "spec": {"maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "x"}}}});
    let live = live_of(&manifest, pdb);
    let again = applied(pdb, &manifest, Some(&live)).expect("an object");
    assert_eq!(again.operation, Some(Operation::Done("configured")));
    assert_eq!(again.object, live);
}

#[test]
fn objects_that_were_not_applied_before_get_the_annotation() {
    let manifest = json!({"metadata": {"name": "x"}, "spec": {"replicas": 2}});
    let live = json!({"metadata": {"name": "x"}, "spec": {"replicas": 2, "paused": true}});
    let change = applied(kind("deploy"), &manifest, Some(&live)).expect("an object");
    assert_eq!(change.operation, Some(Operation::Done("configured")));
    assert_eq!(change.object["spec"], live["spec"]);
    let [Message::Err(warning)] = change.messages.as_slice() else {
        panic!("a warning: {:?}", change.messages);
    };
    assert!(warning.starts_with("Warning: resource deployments/x is missing the kubectl."));
}

#[test]
fn variables_keep_their_places() {
    let live = json!({"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [
        {"name": "web", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
    ]}}}});
    let env = |text: &str| {
        run(text, &live)
            .map(|change| change.object["spec"]["template"]["spec"]["containers"][0]["env"].clone())
    };
    assert_eq!(
        env("kubectl set env deploy/x C=3 A=9 B-"),
        Ok(json!([{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]))
    );
    let refusal = env("kubectl set env deploy/x A=9 --overwrite=false").expect_err("a refusal");
    assert_eq!(
        refusal.text,
        "error: deployments/x 'A' already has a value (1), and --overwrite is false"
    );
    let silent = run("kubectl set env deploy/x A=9 -c api", &live).expect("no refusal");
    assert_eq!(silent.operation, None);
    assert_eq!(
        silent.messages,
        [Message::Err(
            "Warning: Deployment/x does not have any containers matching \"api\"".into()
        )]
    );
}

#[test]
fn labels_say_what_became_of_them() {
    let live = json!({"metadata": {"name": "d1", "labels": {"a": "1", "b": "2"}}});
    let line = |text: &str| {
        let change = run(text, &live)?;
        let mut lines: Vec<String> = change.messages.iter().map(ToString::to_string).collect();
        lines.extend(change.line(kind("node"), true, DryRun::None));
        Ok::<_, Refusal>(lines.join("\n"))
    };
    assert_eq!(
        line("kubectl label node d1 c=3").as_deref(),
        Ok("node/d1 labeled")
    );
    assert_eq!(
        line("kubectl label node d1 a=1").as_deref(),
        Ok("node/d1 not labeled")
    );
    assert_eq!(
        line("kubectl label node d1 a-").as_deref(),
        Ok("node/d1 unlabeled")
    );
    assert_eq!(
        line("kubectl label node d1 a- c=3").as_deref(),
        Ok("node/d1 modified")
    );
    assert_eq!(
        line("kubectl label node d1 z-").as_deref(),
        Ok("label \"z\" not found.\nnode/d1 not labeled")
    );
    assert_eq!(
        line("kubectl label node d1 a=9 b=2").map_err(|refusal| refusal.text),
        Err("error: 'a' already has a value (1), and --overwrite is false".to_owned())
    );
    assert_eq!(
        line("kubectl annotate node d1 x=y").as_deref(),
        Ok("node/d1 annotated")
    );
}

#[test]
fn a_scale_is_patched_for_itself() {
    let live = json!({"metadata": {"name": "x"}, "spec": {"replicas": 3, "paused": true}});
    let text = "kubectl patch deploy x --subresource=scale --type=merge -p '{\"spec\":{\"replicas\":2,\"paused\":false}}'";
    let change = run(text, &live).expect("a change");
    assert_eq!(
        change.object["spec"],
        json!({"replicas": 2, "paused": true})
    );
    assert_eq!(
        change.line(kind("deploy"), true, DryRun::Server).as_deref(),
        Some("scale.autoscaling/x patched (server dry run)")
    );
}

#[test]
fn taints_are_replaced_only_if_told() {
    let live = json!({"metadata": {"name": "d1"}, "spec": {"taints": [
        {"key": "a", "effect": "NoSchedule", "value": "1"}, {"key": "a", "effect": "NoExecute"},
    ]}});
    let taints = |text: &str| {
        run(text, &live).map(|change| (change.object["spec"]["taints"].clone(), change.operation))
    };
    assert_eq!(
        taints("kubectl taint node d1 a=2:NoSchedule --overwrite"),
        Ok((
            json!([{"effect": "NoSchedule", "key": "a", "value": "2"}, {"key": "a", "effect": "NoExecute"}]),
            Some(Operation::Done("modified"))
        ))
    );
    assert_eq!(
        taints("kubectl taint node d1 a-"),
        Ok((Value::Null, Some(Operation::Done("untainted"))))
    );
    assert_eq!(
        taints("kubectl taint node d1 b:NoExecute-").map_err(|refusal| refusal.text),
        Err("error: taint \"b:NoExecute\" not found".to_owned())
    );
}

#[test]
fn deletions_are_told_with_their_namespace() {
    let pod = deleted_line(kind("po"), Some("shop"), "x", false, DryRun::None);
    assert_eq!(pod, "pod \"x\" deleted from shop namespace");
    let node = deleted_line(kind("no"), None, "n3", true, DryRun::Client);
    assert_eq!(node, "node \"n3\" force deleted (dry run)");
}
