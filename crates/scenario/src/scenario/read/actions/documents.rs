//! The manifests that a command names: files that were read, and here-documents.

use std::ops::Range;

use crate::kubectl::command::{Command, File, eviction_options};
use crate::scenario::Admission;
use crate::scenario::diagnostic::{Diagnostics, SourceFile};
use crate::scenario::loaded::{Parsed, complete_document, files_of, take_apart};
use crate::scenario::manifest::{
    Context, Others, Written, is_object, read_document, version_and_kind,
};
use crate::scenario::node::{Node, Span};
use crate::scenario::object::{complete, to_json};
use crate::scenario::quoted::Quoted;
use crate::scenario::read::priorities;
use crate::scenario::yaml;

/// The objects of simulated kinds, checked, each with where it stands.
pub(super) fn documents(
    command: &Command,
    (stated, default): (Option<&str>, &str),
    (parsed, admission): (&Parsed, &Admission),
    quoted: &Quoted,
    diagnostics: &mut Diagnostics,
) -> (Vec<serde_json::Value>, Vec<Span>) {
    let mut nodes = Vec::new();
    for file in files_of(command) {
        match file {
            File::Path { path, range, .. } => {
                if let Some(read) = parsed.actions.get(path) {
                    nodes.extend(read.iter().cloned());
                } else {
                    let title = format!("{path} was not read");
                    let label = "files are read before values are set";
                    diagnostics.error(quoted.at(range), title, label).help =
                        Some("name the file in the scenario itself".to_owned());
                }
            }
            File::Here { text, range } => {
                nodes.extend(here_document(text, range, quoted, diagnostics));
            }
            File::Config(config) => match config.complete(&|path| parsed.contents.get(path)) {
                Ok(object) => {
                    let text = object.to_string();
                    nodes.extend(here_document(&text, &config.range, quoted, diagnostics));
                }
                // That a file could not be read is told already.
                Err(_)
                    if config
                        .paths()
                        .any(|(path, _)| !parsed.contents.contains_key(path)) => {}
                Err(wrong) => {
                    let span = quoted.at(&wrong.range);
                    diagnostics.error(span, wrong.message, "kubectl refuses this");
                }
            },
        }
    }
    let (mut made, mut places) = (Vec::new(), Vec::new());
    if let Command::Evict(evict) = command {
        for node in &nodes {
            let value = to_json(node);
            if let Err(wrong) = eviction_options(&value, &evict.pod) {
                diagnostics.error(node.span.first(), wrong, "this is posted to the pod");
            }
            made.push(value);
            places.push(node.span.first());
        }
        return (made, places);
    }
    let mut admission = admission.clone();
    let mut others = Others::default();
    let mut first = parsed.documents.iter();
    let has_node_pools =
        first.any(|one| version_and_kind(&one.node) == ("karpenter.sh/v1", "NodePool"));
    for mut node in nodes {
        if !is_object(&node, diagnostics) {
            continue;
        }
        check_namespace(&node, stated, diagnostics);
        if matches!(command, Command::Apply(_)) {
            check_name(&node, diagnostics);
        }
        complete_document(&mut node, stated.unwrap_or(default), diagnostics);
        let context = &mut Context {
            document: &node,
            diagnostics,
        };
        let Ok(written) = read_document(context) else {
            others.add(&node, diagnostics);
            continue;
        };
        if let Some(written) = written {
            if let Written::PriorityExpander(map) = &written {
                priorities::warn(&node, map, context.diagnostics);
            }
            if matches!(written, Written::NodePool(_) | Written::NodeClass(_)) && !has_node_pools {
                let title = "Karpenter does not run: this changes nothing";
                let label = "it runs if a NodePool is among the manifests at the start";
                context.diagnostics.warning(node.span.first(), title, label);
            }
            // What stands before in the same file is there already.
            admission.put(&complete(written, &admission, context));
            places.push(name_of(&node));
            made.push(to_json(&node));
        }
    }
    others.warn(diagnostics);
    (made, places)
}

/// Where an object's name stands.
fn name_of(node: &Node) -> Span {
    let name = node.get("metadata").and_then(|m| m.get("name"));
    name.map_or(node.span.first(), |name| name.span)
}

/// Parses a here-document; its places are those within the scenario.
fn here_document(
    text: &str,
    range: &Range<usize>,
    quoted: &Quoted,
    diagnostics: &mut Diagnostics,
) -> Vec<Node> {
    // It is parsed as a file of its own, which is taken away again.
    let (file, first) = (diagnostics.files.len(), diagnostics.list.len());
    diagnostics.files.push(SourceFile {
        path: String::new(),
        text: text.into(),
    });
    let parsed = yaml::parse(file, diagnostics).documents;
    diagnostics.files.truncate(file);
    // A shell may have changed it, for example by removing blanks.
    let as_typed = range.len() == text.len();
    let moved = |span: Span| {
        if as_typed {
            quoted.at(&(range.start + span.start..range.start + span.end))
        } else {
            quoted.at(range)
        }
    };
    for problem in &mut diagnostics.list[first..] {
        problem.span = problem.span.map(moved);
    }
    let mut nodes = Vec::new();
    for mut node in parsed {
        node.move_places(&moved);
        take_apart(node, &mut nodes);
    }
    nodes
}

/// What `apply` changes has to have a name.
fn check_name(node: &Node, diagnostics: &mut Diagnostics) {
    let of = |key: &str| node.get("metadata").and_then(|metadata| metadata.get(key));
    if let (None, Some(generated)) = (of("name"), of("generateName"))
        && let Some(text) = generated.text().filter(|text| !text.is_empty())
    {
        let title = format!("from {text}: cannot use generate name with apply");
        diagnostics
            .error(generated.span, title, "kubectl refuses this")
            .help = Some("use `kubectl create`, or give a `name`".to_owned());
    }
}

/// kubectl refuses a `-n` that contradicts the object.
fn check_namespace(node: &Node, stated: Option<&str>, diagnostics: &mut Diagnostics) {
    let own = node.get("metadata").and_then(|m| m.get("namespace"));
    if let (Some(own), Some(stated)) = (own, stated)
        && let Some(text) = own.text().filter(|text| *text != stated)
    {
        let title = format!(
            "the namespace from the provided object \"{text}\" does not match the namespace \"{stated}\""
        );
        diagnostics
            .error(own.span, title, "kubectl refuses this")
            .help = Some(format!(
            "You must pass '--namespace={text}' to perform this operation."
        ));
    }
}
