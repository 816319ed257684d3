//! The ReplicaSets of a Deployment: the one of its template, and those before.
//!
//! Upstream: deploymentutil's `GetAllReplicaSetsInChunks`, `FindNewReplicaSet`.

use serde_json::Value;

use super::super::cells::{number, text};
use super::template::owner;
use super::writer::Writer;

pub(super) fn describe(deployment: &Value, replica_sets: &[Value], writer: &mut Writer) {
    let uid = &deployment["metadata"]["uid"];
    let own = |set: &&Value| owner(set).is_some_and(|owner| owner["uid"] == *uid);
    let mut own: Vec<&Value> = replica_sets.iter().filter(own).collect();
    if own.is_empty() {
        return;
    }
    let of = |set: &Value, field: &str| {
        text(set, &["metadata", field])
            .unwrap_or_default()
            .to_owned()
    };
    own.sort_by_cached_key(|set| (of(set, "creationTimestamp"), of(set, "name")));
    // The oldest of an equal template is the new one.
    let template = without_hash(&deployment["spec"]["template"]);
    let new = own
        .iter()
        .position(|set| without_hash(&set["spec"]["template"]) == template);
    let new = new.map(|place| own.remove(place));
    let line = |sets: &[&Value]| {
        let sets = sets.iter().map(|set| {
            let name = of(set, "name");
            let created = number(set, &["status", "replicas"]);
            let asked = number(set, &["spec", "replicas"]);
            format!("{name} ({created}/{asked} replicas created)")
        });
        let sets: Vec<String> = sets.collect();
        if sets.is_empty() {
            "<none>".to_owned()
        } else {
            sets.join(", ")
        }
    };
    writer.write(0, &format!("OldReplicaSets:\t{}\n", line(&own)));
    let new: Vec<&Value> = new.into_iter().collect();
    writer.write(0, &format!("NewReplicaSet:\t{}\n", line(&new)));
}

/// A pod template without the label by which pods of one template are told from others.
fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    template
}
