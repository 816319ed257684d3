//! What a command makes of an object: JSON in, JSON out, and the line that kubectl prints.
//!
//! [`patched`] is for the commands that change an object that is there; [`applied`],
//! [`autoscaled`] and [`job_from`] are for those that may bring one. Defaulting, validation and
//! storing are the API server's, and not done here.
//!
//! Upstream: kubectl 1.36 (`pkg/cmd`), apimachinery's `pkg/util/strategicpatch`.

mod apply;
mod create;
mod diff;
mod merge;
mod metadata;
mod node;
mod operations;
mod order;
mod rollout;
mod schema;
mod strategic;
mod subresource;
mod template;

use std::fmt;

use serde_json::Value;

use super::command::{Command, DryRun, Patch, PatchType, RolloutAction, Scale};
use super::kind::Kind;

pub use apply::{LAST_APPLIED, applied, with_last_applied};
pub use create::{autoscaled, job_from, run};
pub use merge::merge;
pub use operations::{check_json, json};

/// What kubectl prints instead of changing an object, on stderr and with exit code 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// As kubectl prints it; several lines for several errors.
    pub text: String,
    /// What the API server knew, but kept to itself.
    pub because: Option<String>,
}

impl Refusal {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            because: None,
        }
    }
}

/// An object after a command, and what kubectl says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The object to store.
    pub object: Value,
    /// What was done to it; `None` if nothing was to do and kubectl keeps silent.
    pub operation: Option<Operation>,
    /// Lines printed before, without line ends.
    pub messages: Vec<Message>,
}

/// A line besides the one of success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// On stdout.
    Out(String),
    /// On stderr.
    Err(String),
}

/// What kubectl says it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `patch`: `patched`, or `patched (no change)` where the object is stored as it was.
    Patched,
    /// `patch --subresource=scale`, which names the Scale.
    PatchedScale,
    /// Any other: `scaled`, `image updated`, `configured`.
    Done(&'static str),
}

impl Change {
    fn done(object: Value, operation: &'static str) -> Self {
        Self {
            object,
            operation: Some(Operation::Done(operation)),
            messages: Vec::new(),
        }
    }

    /// `done` if the object differs from the live one; silence otherwise.
    fn done_if_different(live: &Value, object: Value, operation: &'static str) -> Self {
        let different = *live != object;
        let mut change = Self::done(object, operation);
        change.operation = change.operation.filter(|_| different);
        change
    }

    /// The line of success. `stored_differs` says whether what was stored, after the API
    /// server's defaulting, differs from what had been there.
    pub fn line(&self, kind: &Kind, stored_differs: bool, dry_run: DryRun) -> Option<String> {
        let kind = match self.operation {
            Some(Operation::PatchedScale) => "scale.autoscaling".to_owned(),
            _ => kind.qualified(),
        };
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        let operation = match self.operation? {
            Operation::Patched | Operation::PatchedScale if stored_differs => "patched",
            Operation::Patched | Operation::PatchedScale => "patched (no change)",
            Operation::Done(operation) => operation,
        };
        let dry = suffix(dry_run);
        Some(format!("{kind}/{name} {operation}{dry}"))
    }
}

fn suffix(dry_run: DryRun) -> &'static str {
    match dry_run {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    }
}

/// The line for an object that was deleted: `pod "x" deleted from neurolake namespace`
/// (kubectl's `pkg/cmd/delete/delete.go`, `PrintObj`). `forced` is `--force`.
pub fn deleted_line(
    kind: &Kind,
    namespace: Option<&str>,
    name: &str,
    forced: bool,
    dry_run: DryRun,
) -> String {
    let operation = if forced { "force deleted" } else { "deleted" };
    let from = namespace.map_or_else(String::new, |namespace| {
        format!(" from {namespace} namespace")
    });
    let dry = suffix(dry_run);
    format!("{} \"{name}\" {operation}{from}{dry}", kind.qualified())
}

/// A line `KIND/NAME OPERATION`, as for objects that were created or replaced.
pub fn line(kind: &Kind, name: &str, operation: &str, dry_run: DryRun) -> String {
    format!("{}/{name} {operation}{}", kind.qualified(), suffix(dry_run))
}

/// What a command makes of an object that is there. `now` is the time in RFC 3339, which
/// `rollout restart` writes down.
///
/// Commands that change no object, or need more than the object (`drain`, `rollout undo`), give
/// it back as it is, with nothing done.
pub fn patched(command: &Command, kind: &Kind, live: &Value, now: &str) -> Result<Change, Refusal> {
    match command {
        Command::Patch(command) => patch(command, kind, live),
        Command::Scale(command) => scale(command, live),
        Command::SetImage(command) => template::set_image(command, kind, live),
        Command::SetEnv(command) => template::set_env(command, kind, live),
        Command::SetResources(command) => template::set_resources(command, kind, live),
        Command::Rollout(command) => match command.action {
            RolloutAction::Restart => rollout::restart(kind, live, now),
            RolloutAction::Pause => rollout::pause(kind, live),
            RolloutAction::Resume => rollout::resume(kind, live),
            _ => Ok(untouched(live)),
        },
        Command::Label(command) => metadata::label(command, live),
        Command::Annotate(command) => metadata::annotate(command, live),
        Command::Cordon(_) => Ok(node::cordon(live)),
        Command::Uncordon(_) => Ok(node::uncordon(live)),
        Command::Taint(command) => node::taint(command, live),
        _ => Ok(untouched(live)),
    }
}

fn untouched(live: &Value) -> Change {
    Change {
        object: live.clone(),
        operation: None,
        messages: Vec::new(),
    }
}

fn patch(command: &Patch, kind: &Kind, live: &Value) -> Result<Change, Refusal> {
    let apply = |object: &Value, kind: &Kind| match command.patch_type {
        PatchType::Json => json(object, &command.patch),
        PatchType::Merge => Ok(merge(object, &command.patch)),
        PatchType::Strategic => strategic(kind, object, &command.patch),
    };
    match command.subresource {
        None => Ok(Change {
            object: apply(live, kind)?,
            operation: Some(Operation::Patched),
            messages: Vec::new(),
        }),
        Some(part) => subresource::patch(part, kind, live, apply),
    }
}

/// Applies a strategic merge patch to an object of a kind.
pub fn strategic(kind: &Kind, live: &Value, patch: &Value) -> Result<Value, Refusal> {
    if !kind.built_in {
        let media_type = PatchType::Strategic.media_type();
        return Err(Refusal::new(format!(
            "error: {media_type} is not supported by {}, Kind={}: the body of the request was in \
             an unknown format - accepted media types include: application/json-patch+json, \
             application/merge-patch+json, application/apply-patch+yaml",
            kind.api_version(),
            kind.kind,
        )));
    }
    strategic::strategic(live, patch, schema::of_kind(kind.kind))
        .map_err(|error| Refusal::new(format!("Error from server: {error}")))
}

/// Brings the items that a patch names to the front of their lists, as kustomize's merge does.
pub fn first_as_patched(kind: &Kind, object: &mut Value, patch: &Value) {
    order::first_as_patched(object, patch, schema::of_kind(kind.kind));
}

/// `scale` (`pkg/scale/scale.go`, `ScaleSimple`).
fn scale(command: &Scale, live: &Value) -> Result<Change, Refusal> {
    let current = live["spec"]["replicas"].as_i64().unwrap_or_default();
    if let Some(expected) = command.current_replicas
        && i64::from(expected) != current
    {
        return Err(Refusal::new(format!(
            "error: Expected replicas to be {expected}, was {current}"
        )));
    }
    let mut object = live.clone();
    object["spec"]["replicas"] = command.replicas.into();
    Ok(Change::done(object, "scaled"))
}

/// The object of a field, made if it is not there.
fn object_at<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut serde_json::Map<String, Value> {
    let at = path.iter().fold(value, |at, name| &mut at[*name]);
    if !at.is_object() {
        *at = Value::Object(serde_json::Map::new());
    }
    match at {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object"),
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Out(line) | Self::Err(line)) = self;
        f.write_str(line)
    }
}

#[cfg(test)]
mod tests;
