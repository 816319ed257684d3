//! `containers` of `[[service]]`: what the containers use that serve nothing.

use crate::cluster::spec::{ContainerSpec, PodTemplate};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::reader::{Reader, wrong};
use crate::scenario::suggest::advice;

/// Reads `{ NAME = { cpu, memory } }` into the template; the container at `serving` is the
/// service's own.
pub(super) fn containers(
    node: &Node,
    template: &mut PodTemplate,
    serving: usize,
    diagnostics: &mut Diagnostics,
) {
    let Value::Table(entries) = &node.value else {
        let example = "expected a table, for example { proxy = { cpu = \"10m\" } }";
        wrong("containers", node, example.to_owned(), diagnostics);
        return;
    };
    let served_by = template.containers.get(serving).map(|one| one.name.clone());
    for (key, usage) in entries {
        if served_by.as_ref() == Some(&key.name) {
            let title = format!("`{}` is the container that serves", key.name);
            diagnostics
                .error(key.span, title, "not one of the others")
                .help =
                Some("its usage is what `request`, `memory` and `background_cpu` say".to_owned());
        } else if let Some(container) = named(key, template, diagnostics) {
            read(key, usage, container, diagnostics);
        }
    }
}

/// The container of a name; of init containers only a sidecar lasts.
fn named<'a>(
    key: &KeyNode,
    template: &'a mut PodTemplate,
    diagnostics: &mut Diagnostics,
) -> Option<&'a mut ContainerSpec> {
    let names: Vec<String> = template.lasting().map(|one| one.name.clone()).collect();
    if !names.contains(&key.name) {
        let ends = template
            .init_containers
            .iter()
            .any(|one| one.name == key.name);
        if ends {
            let title = format!("`{}` is an init container that ends", key.name);
            diagnostics
                .error(key.span, title, "its usage is not simulated")
                .help = Some("sidecars have `restartPolicy: Always`".to_owned());
        } else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let title = format!("no container `{}` in the pod template", key.name);
            diagnostics.error(key.span, title, "not known here").help =
                Some(advice(&key.name, &names));
        }
        return None;
    }
    let all = template.containers.iter_mut();
    let mut all = all.chain(&mut template.init_containers);
    all.find(|one| one.name == key.name)
}

fn read(key: &KeyNode, node: &Node, container: &mut ContainerSpec, diagnostics: &mut Diagnostics) {
    let what = format!("`containers.{}`", key.name);
    let Some(mut table) = Reader::new(node, &what, diagnostics) else {
        return;
    };
    if let Some(cpu) = table.millicores("cpu", diagnostics) {
        container.idle_cpu = cpu;
    }
    if let Some(memory) = table.bytes("memory", diagnostics) {
        let limit = container.memory_limit.filter(|limit| memory >= *limit);
        if let (Some(limit), Some(node)) = (limit, table.get("memory")) {
            let problem = format!("must be less than the container's limit of {limit}");
            wrong("memory", node, problem, diagnostics);
        }
        container.idle_memory = memory;
    }
    table.finish(&what, diagnostics);
}
