//! `kubectl set env --from`: what the manifests tell of the ConfigMap or Secret.

use super::Known;
use crate::kubectl::command::{Command, CommandLine, SetEnv};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::version_and_kind;
use crate::scenario::node::Value;
use crate::scenario::quoted::Quoted;

/// Fills in which keys the ConfigMap or Secret of `set env --from` has, as the manifests hold it.
pub(super) fn find_source(
    line: &mut CommandLine,
    known: &Known<'_>,
    quoted: &Quoted,
    diagnostics: &mut Diagnostics,
) {
    let Command::SetEnv(SetEnv {
        from: Some(from), ..
    }) = &mut line.command
    else {
        return;
    };
    let (kind, name) = (from.object.kind.kind, &from.object.name);
    let namespace = line.namespace.as_deref().unwrap_or_default();
    let mut documents = known.parsed.documents.iter().map(|one| &one.node);
    let found = documents.find(|node| {
        let metadata = |key| node.get("metadata").and_then(|m| m.get(key)?.text());
        version_and_kind(node) == ("v1", kind)
            && metadata("name") == Some(name)
            && metadata("namespace").unwrap_or_default() == namespace
    });
    let Some(found) = found else {
        let title = format!("there is no {kind} {name}");
        let label = "the command fails, and changes nothing";
        diagnostics.warning(quoted.at(&from.object.range), title, label);
        return;
    };
    let mut keys: Vec<String> = Vec::new();
    for field in ["data", "stringData"] {
        if let Some(Value::Table(entries)) = found.get(field).map(|node| &node.value) {
            keys.extend(entries.iter().map(|(key, _)| key.name.clone()));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    from.found = Some(keys);
}
