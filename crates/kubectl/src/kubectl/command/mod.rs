//! Command lines as people type them: `kubectl scale deploy/web --replicas=3 -n shop`.
//!
//! [`parse`] takes one kubectl command, with its here-document if its manifest is `-`, and gives it
//! typed. Errors point at the word that is wrong or not simulated. Flags have kubectl's own
//! spellings, defaults and meanings.
//!
//! Upstream: kubectl's `pkg/cmd/*`, cli-runtime's `pkg/resource/builder.go`.

mod arguments;
mod config;
mod files;
mod flags;
mod metadata;
mod model;
mod nodes;
mod patch;
mod read;
mod remove;
mod rollout;
mod run;
mod scale;
mod set;
mod suggest;
mod targets;
mod words;

use std::ops::Range;

pub use files::eviction_options;
pub use model::*;

use crate::kubectl::jsonpath::JsonPath;
use flags::{
    ALL, Args, CHUNKS, FIELDS, FILES, Flag, GLOBAL, LABELS, NAMESPACES, WRITES, gather, invalid,
    takes_next,
};
use suggest::advice;
use words::{HereDocument, Word};

/// What is wrong with a command line, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The bytes of the text that it is about.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl ParseError {
    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a subcommand's parser works on.
struct Line {
    args: Args,
    input: Option<HereDocument>,
    /// The command's own words, for errors about what is missing.
    command: Word,
}

impl Line {
    fn missing(&self, message: impl Into<String>) -> ParseError {
        self.command.wrong(message)
    }
}

type Parser = fn(&Line) -> Result<Command, ParseError>;

/// A command: its words, its flags, its parser.
type Row = (&'static [&'static str], &'static [&'static [Flag]], Parser);

const COMMANDS: &[Row] = &[
    (&["apply"], &[FILES, WRITES, files::APPLY], files::apply),
    (&["create"], &[FILES, WRITES, files::CREATE], files::create),
    (
        &["create", "job"],
        &[WRITES, files::CREATE_JOB],
        files::create_job,
    ),
    (
        &["create", "configmap"],
        &[WRITES, config::CREATE_CONFIG],
        config::create_config_map,
    ),
    (
        &["create", "cm"],
        &[WRITES, config::CREATE_CONFIG],
        config::create_config_map,
    ),
    (
        &["create", "secret"],
        &[WRITES, config::CREATE_CONFIG],
        config::create_secret,
    ),
    (
        &["replace"],
        &[FILES, WRITES, files::REPLACE],
        files::replace,
    ),
    (&["run"], &[WRITES, run::RUN], run::run),
    (
        &["delete"],
        &[
            FILES,
            ALL,
            LABELS,
            FIELDS,
            NAMESPACES,
            WRITES,
            remove::DELETE,
        ],
        remove::delete,
    ),
    (&["patch"], &[FILES, WRITES, patch::PATCH], patch::patch),
    (
        &["scale"],
        &[FILES, ALL, LABELS, WRITES, scale::SCALE],
        scale::scale,
    ),
    (
        &["autoscale"],
        &[FILES, WRITES, scale::AUTOSCALE],
        scale::autoscale,
    ),
    (
        &["set", "image"],
        &[FILES, ALL, LABELS, WRITES, set::IMAGE],
        set::image,
    ),
    (
        &["set", "env"],
        &[FILES, ALL, LABELS, WRITES, set::ENV],
        set::env,
    ),
    (
        &["set", "resources"],
        &[FILES, ALL, LABELS, WRITES, set::RESOURCES],
        set::resources,
    ),
    (
        &["rollout", "restart"],
        &[FILES, LABELS, WRITES],
        rollout::restart,
    ),
    (
        &["rollout", "undo"],
        &[FILES, LABELS, WRITES, rollout::UNDO],
        rollout::undo,
    ),
    (
        &["rollout", "pause"],
        &[FILES, LABELS, WRITES],
        rollout::pause,
    ),
    (
        &["rollout", "resume"],
        &[FILES, LABELS, WRITES],
        rollout::resume,
    ),
    (
        &["rollout", "status"],
        &[FILES, LABELS, rollout::STATUS],
        rollout::status,
    ),
    (
        &["rollout", "history"],
        &[FILES, LABELS, WRITES, rollout::HISTORY],
        rollout::history,
    ),
    (
        &["label"],
        &[
            FILES,
            ALL,
            LABELS,
            FIELDS,
            NAMESPACES,
            WRITES,
            metadata::METADATA,
        ],
        metadata::label,
    ),
    (
        &["annotate"],
        &[
            FILES,
            ALL,
            LABELS,
            FIELDS,
            NAMESPACES,
            WRITES,
            metadata::METADATA,
        ],
        metadata::annotate,
    ),
    (&["cordon"], &[WRITES, nodes::CORDON], nodes::cordon),
    (&["uncordon"], &[WRITES, nodes::CORDON], nodes::uncordon),
    (&["drain"], &[WRITES, nodes::DRAIN], nodes::drain),
    (&["taint"], &[WRITES, nodes::TAINT], nodes::taint),
    (
        &["wait"],
        &[FILES, ALL, LABELS, FIELDS, NAMESPACES, WRITES, read::WAIT],
        read::wait,
    ),
    (
        &["get"],
        &[FILES, LABELS, FIELDS, NAMESPACES, CHUNKS, read::GET],
        read::get,
    ),
    (
        &["describe"],
        &[FILES, LABELS, NAMESPACES, CHUNKS, read::DESCRIBE],
        read::describe,
    ),
    (&["top", "pods"], read::TOP_PODS, read::top_pods),
    (&["top", "pod"], read::TOP_PODS, read::top_pods),
    (&["top", "po"], read::TOP_PODS, read::top_pods),
    (&["top", "nodes"], read::TOP_NODES, read::top_nodes),
    (&["top", "node"], read::TOP_NODES, read::top_nodes),
    (&["top", "no"], read::TOP_NODES, read::top_nodes),
];

/// Commands of kubectl that would do nothing here.
const NOT_SIMULATED: &[&str] = &[
    "alpha",
    "api-resources",
    "api-versions",
    "attach",
    "auth",
    "certificate",
    "cluster-info",
    "completion",
    "config",
    "cp",
    "debug",
    "diff",
    "edit",
    "events",
    "exec",
    "explain",
    "expose",
    "kustomize",
    "kuberc",
    "logs",
    "options",
    "plugin",
    "port-forward",
    "proxy",
    "version",
];

/// Parses one kubectl command.
pub fn parse(text: &str) -> Result<CommandLine, ParseError> {
    let line = words::split(text)?;
    let empty = Word {
        text: String::new(),
        range: 0..text.len(),
    };
    let example = "write for example `kubectl scale deployment/web --replicas=3`";
    let (tool, rest) = line
        .words
        .split_first()
        .ok_or_else(|| empty.wrong("the command is empty").with_help(example))?;
    if !matches!(tool.text.as_str(), "kubectl" | "k") {
        return Err(tool
            .wrong(format!("`{}` is not kubectl", tool.text))
            .with_help(example));
    }
    let (row, command, rest) = command_of(text, tool, rest)?;
    let known: Vec<&[Flag]> = [GLOBAL].into_iter().chain(row.1.iter().copied()).collect();
    let args = gather(text, &rest, &known)?;
    let line = Line {
        args,
        input: line.input,
        command,
    };
    let command = (row.2)(&line)?;
    if let Some(input) = line.input.as_ref().filter(|_| !reads_input(&command)) {
        return Err(ParseError {
            range: input.range.clone(),
            message: "nothing reads this here-document".to_owned(),
            help: Some("name it with `-f -`".to_owned()),
        });
    }
    Ok(CommandLine {
        namespace: line.args.text("namespace"),
        all_namespaces: line.args.switch("all-namespaces")?,
        dry_run: dry_run(&line.args)?,
        output: output(&line.args)?,
        command,
    })
}

/// The row of the command, its words as one, and the words that are left for it. Flags may
/// stand before the command's words.
fn command_of(
    text: &str,
    tool: &Word,
    rest: &[Word],
) -> Result<(&'static Row, Word, Vec<Word>), ParseError> {
    let mut found: Vec<usize> = Vec::new();
    let mut at = 0;
    while found.len() < 2 && at < rest.len() {
        let word = &rest[at].text;
        if word.starts_with('-') && found.is_empty() {
            // Only global flags can stand here.
            at += 1 + usize::from(takes_next(word));
            continue;
        }
        if word.starts_with('-') {
            break;
        }
        found.push(at);
        at += 1;
    }
    let named: Vec<&str> = found.iter().map(|at| rest[*at].text.as_str()).collect();
    let first = found.first().map(|at| &rest[*at]).ok_or_else(|| {
        let names: Vec<&str> = first_words().collect();
        tool.wrong("a command is missing")
            .with_help(advice("", &names))
    })?;
    let matching = |length: usize| {
        COMMANDS
            .iter()
            .find(|row| named.get(..length) == Some(row.0))
    };
    let Some(row) = matching(2).or_else(|| matching(1)) else {
        return Err(unknown_command(first, found.get(1).map(|at| &rest[*at])));
    };
    // `create KIND` other than those of the table; `create` itself takes nothing but files.
    if row.0 == ["create"] && found.len() == 2 {
        return Err(unknown_command(first, Some(&rest[found[1]])));
    }
    let used = &found[..row.0.len()];
    let last = &rest[*used.last().unwrap_or(&0)];
    let range = first.range.start..last.range.end;
    let left = rest.iter().enumerate();
    let left = left.filter(|(at, _)| !used.contains(at));
    Ok((
        row,
        Word {
            text: text[range.clone()].to_owned(),
            range,
        },
        left.map(|(_, word)| word.clone()).collect(),
    ))
}

fn first_words() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    COMMANDS.iter().filter_map(move |row| {
        let new = row.0[0] != last;
        last = row.0[0];
        new.then_some(last)
    })
}

fn unknown_command(first: &Word, second: Option<&Word>) -> ParseError {
    let subcommands: Vec<&str> = COMMANDS
        .iter()
        .filter(|row| row.0[0] == first.text)
        .filter_map(|row| row.0.get(1).copied())
        .collect();
    if !subcommands.is_empty() {
        let known = format!("`{}` goes on with: {}", first.text, subcommands.join(", "));
        return match second {
            Some(second) => {
                let help = suggest::nearest(&second.text, subcommands.iter().copied())
                    .map_or(known, |name| format!("did you mean `{name}`?"));
                second
                    .wrong(format!("`{} {}` is not simulated", first.text, second.text))
                    .with_help(help)
            }
            None => first
                .wrong(format!("`{}` alone does nothing", first.text))
                .with_help(known),
        };
    }
    let names: Vec<&str> = first_words().collect();
    if NOT_SIMULATED.contains(&first.text.as_str()) {
        return first
            .wrong(format!("`kubectl {}` is not simulated", first.text))
            .with_help(format!("known here: {}", names.join(", ")));
    }
    first
        .wrong(format!(
            "unknown command \"{}\" for \"kubectl\"",
            first.text
        ))
        .with_help(advice(&first.text, &names))
}

fn reads_input(command: &Command) -> bool {
    let here = |files: &[File]| files.iter().any(|file| matches!(file, File::Here { .. }));
    match command {
        Command::Apply(files) | Command::Create(files) => here(files),
        Command::Replace(replace) => here(&replace.files),
        Command::Evict(evict) => evict.files.is_empty(),
        command => matches!(command.targets(), Some(Targets::Files(files)) if here(files)),
    }
}

impl Command {
    /// The objects that it is about, if it names any; those of `apply`, `create` and `replace`
    /// are in files.
    pub fn targets(&self) -> Option<&Targets> {
        Some(match self {
            Self::Apply(_)
            | Self::Create(_)
            | Self::CreateJob(_)
            | Self::Evict(_)
            | Self::Replace(_)
            | Self::Run(_) => return None,
            Self::Delete(delete) => &delete.targets,
            Self::Patch(patch) => &patch.targets,
            Self::Scale(scale) => &scale.targets,
            Self::Autoscale(autoscale) => &autoscale.targets,
            Self::SetImage(set) => &set.targets,
            Self::SetEnv(set) => &set.targets,
            Self::SetResources(set) => &set.targets,
            Self::Rollout(rollout) => &rollout.targets,
            Self::Label(metadata) | Self::Annotate(metadata) => &metadata.targets,
            Self::Cordon(nodes) | Self::Uncordon(nodes) => nodes,
            Self::Drain(drain) => &drain.nodes,
            Self::Taint(taint) => &taint.nodes,
            Self::Wait(wait) => &wait.targets,
            Self::Get(get) => &get.targets,
            Self::Describe(describe) => &describe.targets,
            Self::Top(top) => &top.targets,
        })
    }
}

fn dry_run(args: &Args) -> Result<DryRun, ParseError> {
    let Some(word) = args.last("dry-run") else {
        return Ok(DryRun::None);
    };
    match word.text.as_str() {
        "none" => Ok(DryRun::None),
        "client" => Ok(DryRun::Client),
        "server" => Ok(DryRun::Server),
        _ => Err(invalid(word, "dry-run", "`none`, `client` or `server`")),
    }
}

fn output(args: &Args) -> Result<Option<Output>, ParseError> {
    let Some(word) = args.last("output") else {
        return Ok(None);
    };
    if let Some(template) = word.text.strip_prefix("jsonpath=") {
        return match JsonPath::parse(template) {
            Ok(path) => Ok(Some(Output::JsonPath(path))),
            Err(error) => Err(word.wrong(format!("error parsing jsonpath {template}, {error}"))),
        };
    }
    match word.text.as_str() {
        "wide" => Ok(Some(Output::Wide)),
        "yaml" => Ok(Some(Output::Yaml)),
        "json" => Ok(Some(Output::Json)),
        "name" => Ok(Some(Output::Name)),
        _ => {
            let known = "`wide`, `yaml`, `json`, `name` or `jsonpath=…`";
            Err(invalid(word, "output", known))
        }
    }
}

#[cfg(test)]
mod tests;
