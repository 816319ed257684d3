//! `[[action]]`: kubectl commands that are typed during the run.

mod documents;
mod env;
mod exist;
mod loads;

use super::known::Known;
use crate::cluster::spec::NodeGroupSpec;
use crate::kubectl::command::{self, Cascade, Command, Targets};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch;
use crate::scenario::Admission;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::{namespace_of, targets_of};
use crate::scenario::manifest::SIMULATED;
use crate::scenario::model::{ADOPTERS, Action};
use crate::scenario::node::{Node, Span};
use crate::scenario::object::read_object;
use crate::scenario::quoted::Quoted;
use crate::scenario::reader::{Reader, expected, wrong};
use crate::sim::SimTime;

use documents::documents;
use exist::Existing;
pub(super) use loads::loads_of_commands;

/// A command with the places of its parts.
struct Typed {
    action: Action,
    quoted: Quoted,
    /// Where each document stands.
    places: Vec<Span>,
}

pub(super) fn actions(
    root: &mut Reader<'_>,
    known: &Known<'_>,
    node_groups: &[NodeGroupSpec],
    admission: &Admission,
    end: Option<SimTime>,
    diagnostics: &mut Diagnostics,
) -> Vec<Action> {
    let mut made = Vec::new();
    for item in root.list("action", diagnostics) {
        if let Some(mut table) = Reader::new(item, "`action`", diagnostics) {
            made.extend(action(&mut table, known, admission, end, diagnostics));
            table.finish("`action`", diagnostics);
        }
    }
    // Of the same time the first in the file is typed first.
    made.sort_by_key(|typed| typed.action.at);
    let mut existing = Existing::new(known, node_groups);
    for typed in &made {
        existing.follow(typed, diagnostics);
    }
    made.into_iter().map(|typed| typed.action).collect()
}

fn action(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    admission: &Admission,
    end: Option<SimTime>,
    diagnostics: &mut Diagnostics,
) -> Option<Typed> {
    let at = begin(table, "`action`", end, diagnostics);
    let Some(node) = table.get("kubectl") else {
        let example = "kubectl = \"kubectl scale deployment/web --replicas=3\"";
        table.missing("kubectl", "`action`", example, diagnostics);
        return None;
    };
    let (text, quoted) = typed(node, diagnostics)?;
    let line = command::parse(text).map_err(|problem| {
        let place = quoted.at(&problem.range);
        diagnostics
            .error(place, problem.message, "in this command")
            .help = problem.help;
    });
    let mut command = line.ok()?;
    check_kinds(&command.command, &quoted, diagnostics);
    check_orphans(&command.command, &quoted, diagnostics);
    check_run(&command.command, admission, &quoted, diagnostics);
    let stated = command.namespace.clone();
    let namespace = namespace_of(&known.parsed.scenario);
    let (documents, places) = documents(
        &command.command,
        (stated.as_deref(), namespace),
        (known.parsed, admission),
        &quoted,
        diagnostics,
    );
    if !command.all_namespaces {
        command
            .namespace
            .get_or_insert_with(|| namespace.to_owned());
    }
    env::find_source(&mut command, known, &quoted, diagnostics);
    let action = Action {
        at: at?,
        command,
        documents,
        text: text.to_owned(),
        place: node.span,
    };
    Some(Typed {
        action,
        quoted,
        places,
    })
}

/// The command's text, and where its parts stand.
fn typed<'a>(node: &'a Node, diagnostics: &mut Diagnostics) -> Option<(&'a str, Quoted)> {
    let Some(text) = node.text() else {
        let label = expected("a command line as a string", node);
        wrong("kubectl", node, label, diagnostics);
        return None;
    };
    let file = diagnostics.files.get(node.span.file);
    let source = file.map_or("", |file| &file.text);
    Some((text, Quoted::new(source, node.span, text)))
}

/// `at`, which has to be within the run.
pub(super) fn begin(
    table: &mut Reader<'_>,
    what: &str,
    end: Option<SimTime>,
    diagnostics: &mut Diagnostics,
) -> Option<SimTime> {
    if table.get("at").is_none() {
        table.missing("at", what, "at = \"30m\"", diagnostics);
    }
    let at = table.time("at", diagnostics)?;
    if let (Some(end), Some(node)) = (end, table.get("at"))
        && at > end
    {
        let title = format!("{at} is after the end of the run");
        diagnostics.error(node.span, title, format!("the run ends at {end}"));
        return None;
    }
    Some(at)
}

/// What the API server would say of the pod that a command makes.
fn check_run(
    command: &Command,
    admission: &Admission,
    quoted: &Quoted,
    diagnostics: &mut Diagnostics,
) {
    let Command::Run(run) = command else { return };
    let objects = match patch::run(run, "default") {
        Ok(objects) => objects,
        Err(refusal) => {
            diagnostics.error(quoted.whole(), refusal.text, "in this command");
            return;
        }
    };
    for object in objects {
        if let Err(refusal) = read_object(&object, admission) {
            diagnostics.error(quoted.whole(), refusal.to_string(), "in this command");
        }
    }
}

/// Refuses to leave behind what would have to be adopted.
fn check_orphans(command: &Command, quoted: &Quoted, diagnostics: &mut Diagnostics) {
    if let Command::Delete(delete) = command
        && delete.cascade == Cascade::Orphan
        && let Targets::Named(objects) = &delete.targets
    {
        let mut adopting = objects.iter();
        if let Some(object) = adopting.find(|one| ADOPTERS.contains(&one.kind.kind)) {
            let kind = object.kind.kind;
            let title = format!("--cascade=orphan is not simulated for a {kind}");
            let label = "nobody would adopt what it leaves behind";
            diagnostics.error(quoted.at(&object.range), title, label);
        }
    }
}

/// Refuses commands about kinds that are not simulated.
fn check_kinds(command: &Command, quoted: &Quoted, diagnostics: &mut Diagnostics) {
    // Events can be looked at, and nothing else, and so can what is made of Services; NodeClaims also
    // be deleted.
    let gets = matches!(command, Command::Get(_));
    let shows = matches!(command, Command::Describe(_) | Command::Wait(_));
    let deletes = matches!(command, Command::Delete(_));
    let is_simulated = |kind: &Kind| match kind.kind {
        "Event" => gets,
        "Endpoints" | "EndpointSlice" => gets || matches!(command, Command::Describe(_)),
        "NodeClaim" => gets || shows || deletes,
        other => SIMULATED.contains(&other),
    };
    let mut refuse = |kind: &Kind, place: Span| {
        let title = format!("{} is not simulated", kind.kind);
        diagnostics.error(place, title, "of this kind").help =
            Some(format!("simulated are {}", SIMULATED.join(", ")));
    };
    if let Command::CreateJob(create) = command {
        let from = &create.cron_job;
        if !is_simulated(from.kind) {
            refuse(from.kind, quoted.at(&from.range));
        }
    }
    match targets_of(command) {
        Some(Targets::Named(objects)) => {
            for object in objects.iter().filter(|one| !is_simulated(one.kind)) {
                refuse(object.kind, quoted.at(&object.range));
            }
        }
        // `all` stands for many kinds, some of which are.
        Some(Targets::Selected(selection)) if !selection.kinds.iter().any(|k| is_simulated(k)) => {
            if let Some(kind) = selection.kinds.first() {
                refuse(kind, quoted.whole());
            }
        }
        _ => {}
    }
}
