//! The manifests that the commands of `[[action]]` name with `-f`, read once each.

use super::files::Files;
use super::items;
use crate::kubectl::command::{self, Command, Content, File, Targets};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::version_and_kind;
use crate::scenario::node::{KeyNode, Node, Span, Value};
use crate::scenario::quoted::Quoted;
use crate::scenario::source::load_manifest;
use crate::scenario::yaml;

/// What kubectl takes of a folder.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The manifests that a command names.
pub(in crate::scenario) fn files_of(command: &Command) -> &[File] {
    match command {
        Command::Apply(files) | Command::Create(files) => files,
        Command::Replace(replace) => &replace.files,
        Command::Evict(evict) => &evict.files,
        other => match targets_of(other) {
            Some(Targets::Files(files)) => files,
            _ => &[],
        },
    }
}

/// The objects that a command names.
pub(in crate::scenario) fn targets_of(command: &Command) -> Option<&Targets> {
    Some(match command {
        Command::Apply(_)
        | Command::Create(_)
        | Command::CreateJob(_)
        | Command::Evict(_)
        | Command::Replace(_)
        | Command::Run(_) => return None,
        Command::Delete(one) => &one.targets,
        Command::Patch(one) => &one.targets,
        Command::Scale(one) => &one.targets,
        Command::Autoscale(one) => &one.targets,
        Command::SetImage(one) => &one.targets,
        Command::SetEnv(one) => &one.targets,
        Command::SetResources(one) => &one.targets,
        Command::Rollout(one) => &one.targets,
        Command::Label(one) | Command::Annotate(one) => &one.targets,
        Command::Cordon(targets) | Command::Uncordon(targets) => targets,
        Command::Drain(one) => &one.nodes,
        Command::Taint(one) => &one.nodes,
        Command::Wait(one) => &one.targets,
        Command::Get(one) => &one.targets,
        Command::Describe(one) => &one.targets,
        Command::Top(one) => &one.targets,
    })
}

impl Files<'_> {
    pub(super) fn read_actions(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        for item in items(scenario, "action") {
            let Some(node) = item.get("kubectl") else {
                continue;
            };
            // What is wrong with the command is told when the scenario is built.
            let Some(text) = node.text() else { continue };
            let Ok(line) = command::parse(text) else {
                continue;
            };
            let source = diagnostics.files[node.span.file].text.clone();
            let quoted = Quoted::new(&source, node.span, text);
            for file in files_of(&line.command) {
                if let File::Config(config) = file {
                    for (path, range) in config.paths() {
                        self.read_content(path, quoted.at(range), diagnostics);
                    }
                }
                if let File::Path {
                    path,
                    range,
                    recursive,
                } = file
                    && !self.actions.contains_key(path)
                {
                    let read = self.read_action(path, *recursive, quoted.at(range), diagnostics);
                    self.actions.insert(path.clone(), read);
                }
            }
        }
    }

    /// Reads what a ConfigMap or a Secret is made of: a file, or the files of a folder.
    fn read_content(&mut self, path: &str, named: Span, diagnostics: &mut Diagnostics) {
        // As much as the API server lets a ConfigMap or a Secret hold.
        const MOST: u64 = 1 << 20;
        if self.contents.contains_key(path) {
            return;
        }
        let full = self.full(path);
        let folder = full.trim_end_matches('/');
        let content = match self.provider.read(&full, MOST) {
            Ok(bytes) => Ok(Content::File(bytes)),
            Err(why) => {
                let found = self.provider.glob(&format!("{folder}/*"));
                let files = found.unwrap_or_default().into_iter().filter_map(|path| {
                    let bytes = self.provider.read(&path, MOST).ok()?;
                    let name = path.rsplit('/').next().unwrap_or_default();
                    Some((name.to_owned(), bytes))
                });
                let files: Vec<(String, Vec<u8>)> = files.collect();
                if files.is_empty() {
                    Err(why)
                } else {
                    Ok(Content::Folder(files))
                }
            }
        };
        let size: usize = match &content {
            Ok(Content::File(bytes)) => bytes.len(),
            Ok(Content::Folder(files)) => files.iter().map(|(_, bytes)| bytes.len()).sum(),
            Err(why) => {
                let title = format!("error reading {path}: {why}");
                diagnostics.error(named, title, "named here");
                return;
            }
        };
        if size as u64 > MOST {
            let title = format!("{path} is too long");
            let label = "a ConfigMap or a Secret holds 1048576 bytes at most";
            diagnostics.error(named, title, label);
            return;
        }
        self.named.insert(path.to_owned());
        self.contents
            .extend(content.ok().map(|one| (path.to_owned(), one)));
    }

    /// The documents of a file or a folder.
    fn read_action(
        &mut self,
        path: &str,
        recursive: bool,
        named: Span,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Node> {
        if path.starts_with("http://") || path.starts_with("https://") {
            let title = "addresses are not fetched";
            diagnostics.error(named, title, "named here").help =
                Some("save the manifest beside the scenario".to_owned());
            return Vec::new();
        }
        let full = self.full(path);
        let folder = full.trim_end_matches('/');
        let below = if recursive { "/**/*." } else { "/*." };
        let patterns = ENDINGS.map(|ending| format!("{folder}{below}{ending}"));
        let found = patterns
            .iter()
            .filter_map(|one| self.provider.glob(one).ok());
        let mut paths: Vec<String> = found.flatten().collect();
        paths.sort();
        if paths.is_empty() {
            paths.push(full);
        }
        let mut documents = Vec::new();
        for path in paths {
            if let Some(file) = load_manifest(self.provider, &path, Some(named), diagnostics) {
                let parsed = yaml::parse(file, diagnostics).documents;
                for one in parsed {
                    take_apart(one, &mut documents);
                }
            }
        }
        documents
    }
}

/// Keeps a document; of a List its items. Those of a list of one kind, such as DeploymentList,
/// need not name it.
pub(in crate::scenario) fn take_apart(node: Node, documents: &mut Vec<Node>) {
    let (version, kind) = version_and_kind(&node);
    let of_kind = kind.strip_suffix("List");
    match (node.get("items"), of_kind) {
        (Some(list), Some(of_kind)) => {
            for item in list.items() {
                let mut item = item.clone();
                if !of_kind.is_empty() {
                    name_kind(&mut item, version, of_kind);
                }
                take_apart(item, documents);
            }
        }
        _ => documents.push(node),
    }
}

fn name_kind(item: &mut Node, version: &str, kind: &str) {
    let span = item.span.first();
    for (name, text) in [("kind", kind), ("apiVersion", version)] {
        if item.get(name).is_none()
            && let Value::Table(entries) = &mut item.value
        {
            let key = KeyNode {
                span,
                name: name.to_owned(),
            };
            let value = Value::Text(text.to_owned());
            entries.insert(0, (key, Node { span, value }));
        }
    }
}
