//! The hashes of recorded pod templates.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::build;
use crate::common::golden;

const SCENARIO: &str = "name = \"hashes\"\nmanifests = [\"plane.yaml\"]\nsimulation.duration = \"1s\"\n\
                        node_group = [{count = 1, cpu = \"4\", memory = \"16Gi\"}]\n";

/// What the API server completes: users leave it out.
fn without_defaults(template: &mut Value) {
    let spec = template["spec"].as_object_mut().expect("a spec");
    spec.retain(|field, value| {
        let is_default = match field.as_str() {
            "restartPolicy" => *value == "Always",
            "schedulerName" => *value == "default-scheduler",
            "securityContext" => *value == json!({}),
            "terminationGracePeriodSeconds" => *value == 30,
            _ => false,
        };
        !is_default
    });
    let containers = spec["containers"].as_array_mut().expect("containers");
    for container in containers {
        let container = container.as_object_mut().expect("a container");
        container.remove("imagePullPolicy");
        container.remove("terminationMessagePath");
        container.remove("terminationMessagePolicy");
        for number in ["failureThreshold", "successThreshold", "timeoutSeconds"] {
            if let Some(probe) = container.get_mut("readinessProbe") {
                probe.as_object_mut().expect("a probe").remove(number);
            }
        }
    }
}

fn hash(kind: &str, template: &Value) -> String {
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": template["metadata"]["labels"]},
            "template": template,
        },
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = "web".into();
    }
    let mut documents = vec![object.to_string()];
    if let Some(class) = template["spec"]["priorityClassName"].as_str() {
        let class = json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": class},
            "value": 100,
        });
        documents.push(class.to_string());
    }
    let scenario = build(SCENARIO, &documents.join("\n---\n"));
    let whole = &scenario.workloads[0].template.whole;
    let hash = match kind {
        "StatefulSet" => whole.revision_hash(),
        _ => whole.template_hash(),
    };
    hash.expect("a template of a manifest").to_owned()
}

/// 110 templates of ReplicaSets, and 30 ControllerRevisions, with and without what the API server
/// has completed.
#[test]
fn templates_have_the_hashes_that_a_real_cluster_gave_them() {
    let recorded = golden("plane/templates.jsonl.gz");
    let mut same: BTreeMap<String, usize> = BTreeMap::new();
    for line in recorded.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let kind = line["kind"].as_str().expect("a kind");
        let mut template = line["template"].clone();
        assert_eq!(hash(kind, &template), line["hash"], "{template}");
        without_defaults(&mut template);
        assert_eq!(hash(kind, &template), line["hash"], "{template}");
        *same.entry(kind.to_owned()).or_default() += 1;
    }
    let expected = [("DaemonSet", 10), ("Deployment", 110), ("StatefulSet", 20)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(same, BTreeMap::from(expected));
}
