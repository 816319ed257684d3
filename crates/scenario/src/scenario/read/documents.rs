//! The documents of the manifests, as they are after values were set.

use std::sync::Arc;

use crate::scenario::loaded::{Document as Stored, Parsed};
use crate::scenario::manifest::{Manifests, is_simulated_object, version_and_kind};
use crate::scenario::model::{Document, HpaObject, ObjectIndex, VpaObject};
use crate::scenario::node::Node;

/// All of them, with what was read from each.
pub(super) fn documents(
    parsed: &Parsed,
    manifests: &Manifests,
    hpas: &[HpaObject],
    vpas: &[VpaObject],
) -> Vec<Document> {
    let document = |stored: &Stored| {
        let node: &Node = &stored.node;
        let (version, kind) = version_and_kind(node);
        let metadata = |key: &str| node.get("metadata").and_then(|m| m.get(key));
        let text = |key: &str| metadata(key).and_then(Node::text).unwrap_or_default();
        Document {
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: text("namespace").to_owned(),
            name: text("name").to_owned(),
            object: is_simulated_object(node).then_some(ObjectIndex::Other),
            value: Arc::clone(stored.json()),
        }
    };
    let mut made: Vec<Document> = parsed.documents.iter().map(document).collect();
    let mut point = |document: Option<usize>, object: ObjectIndex| {
        if let Some(document) = document.and_then(|document| made.get_mut(document)) {
            document.object = Some(object);
        }
    };
    for (index, workload) in manifests.workloads.iter().enumerate() {
        point(Some(workload.document), ObjectIndex::Workload(index));
    }
    for (index, pdb) in manifests.pdbs.iter().enumerate() {
        point(Some(pdb.document), ObjectIndex::Pdb(index));
    }
    for (index, hpa) in hpas.iter().enumerate() {
        point(hpa.document, ObjectIndex::Hpa(index));
    }
    for (index, vpa) in vpas.iter().enumerate() {
        point(vpa.document, ObjectIndex::Vpa(index));
    }
    made
}
