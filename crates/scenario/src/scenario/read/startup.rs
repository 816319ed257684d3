//! `startup`: how long the pods of a workload take to come and go.

use super::dist;
use crate::cluster::spec::StartupSpec;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, wrong};
use crate::sim::Dist;

/// Longer than any run, in seconds.
const NEVER: f64 = 1e9;

/// Reads `startup` into what holds by default.
pub(super) fn startup(node: &Node, spec: &mut StartupSpec, diagnostics: &mut Diagnostics) {
    let Some(mut table) = Reader::new(node, "`startup`", diagnostics) else {
        return;
    };
    lengths(&mut table, spec, diagnostics);
    if let Some(cpu) = table.millicores("cpu", diagnostics) {
        spec.startup_cpu = cpu;
    }
    let images = table.get("images");
    table.finish("`startup`", diagnostics);
    let Some(node) = images else { return };
    let Value::Table(entries) = &node.value else {
        let example = "expected a table, for example { \"api:2\" = { ready = \"never\" } }";
        wrong("images", node, example.to_owned(), diagnostics);
        return;
    };
    for (image, node) in entries {
        let what = format!("`startup.images.\"{}\"`", image.name);
        let mut own = StartupSpec {
            images: Vec::new(),
            ..spec.clone()
        };
        if let Some(mut table) = Reader::new(node, &what, diagnostics) {
            lengths(&mut table, &mut own, diagnostics);
            table.finish(&what, diagnostics);
            spec.images.push((image.name.clone(), own));
        }
    }
}

fn lengths(table: &mut Reader<'_>, spec: &mut StartupSpec, diagnostics: &mut Diagnostics) {
    if table.get("ready").and_then(Node::text) == Some("never") {
        spec.ready = Dist::Constant(NEVER);
    } else if let Some(dist) = dist::seconds(table, "ready", diagnostics) {
        spec.ready = dist;
    }
    let size = table.bytes("image_size", diagnostics);
    if size.is_some() && table.get("image_pull").is_some() {
        let title = "`image_size` does not go with `image_pull`";
        let label = "the pull is as long as its size takes";
        diagnostics.error(table.key_span("image_size"), title, label);
    }
    // Of an image with a length of its own the size says nothing.
    spec.image_size = match table.get("image_pull") {
        Some(_) => size,
        None => size.or(spec.image_size),
    };
    for (key, target) in [
        ("image_pull", &mut spec.image_pull),
        ("container_start", &mut spec.container_start),
        ("shutdown", &mut spec.shutdown),
    ] {
        if let Some(dist) = dist::seconds(table, key, diagnostics) {
            *target = dist;
        }
    }
}
