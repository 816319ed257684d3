//! `extended_resources` of `[[node_group]]`.

use crate::cluster::spec::Extended;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Value;
use crate::scenario::reader::{Reader, count, expected, wrong};

/// What a node has besides CPU and memory: a table of names and whole numbers.
pub(super) fn extended_resources(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Extended {
    const KEY: &str = "extended_resources";
    let Some(node) = table.get(KEY) else {
        return Extended::new();
    };
    let Value::Table(entries) = &node.value else {
        let problem = expected("a table such as `{ \"nvidia.com/gpu\" = 4 }`", node);
        wrong(KEY, node, problem, diagnostics);
        return Extended::new();
    };
    let mut made = Extended::new();
    for (name, value) in entries {
        let own = matches!(
            name.name.as_str(),
            "cpu" | "memory" | "pods" | "ephemeral-storage"
        );
        match count(value) {
            _ if own => {
                let problem = "this is no extended resource; it has a key of its own".to_owned();
                wrong(&name.name, value, problem, diagnostics);
            }
            Ok(amount) => {
                made.insert(name.name.clone(), i64::from(amount));
            }
            Err(problem) => wrong(&name.name, value, problem, diagnostics),
        }
    }
    made
}
