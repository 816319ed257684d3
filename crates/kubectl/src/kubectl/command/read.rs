//! `get`, `describe`, `top`, `wait`: commands that change nothing.
//!
//! Upstream: kubectl's `pkg/cmd/get`, `describe`, `top`, `wait`.

use crate::kubectl::jsonpath::JsonPath;
use crate::kubectl::kind::Kind;
use crate::sim::SimDuration;

use super::flags::{FIELDS, Flag, LABELS, NAMESPACES, invalid};
use super::targets::{KindAlone, of_words, targets};
use super::words::Word;
use super::{Command, Describe, Get, Line, ParseError, Targets, Top, TopSort, Wait, WaitFor};

pub(super) const GET: &[Flag] = &[
    Flag::value("output").short('o'),
    Flag::switch("watch").short('w'),
    Flag::switch("watch-only"),
    Flag::switch("no-headers"),
    Flag::switch("show-labels"),
    Flag::switch("show-kind"),
    Flag::value("label-columns").short('L'),
    Flag::value("sort-by"),
    Flag::switch("ignore-not-found"),
    Flag::switch("server-print").ignored(),
    Flag::switch("show-managed-fields").ignored(),
    Flag::switch("allow-missing-template-keys").ignored(),
    Flag::switch("output-watch-events").refused(),
    Flag::value("subresource").refused(),
    Flag::value("template").refused(),
    Flag::value("raw").refused(),
];

pub(super) const DESCRIBE: &[Flag] = &[Flag::switch("show-events")];

pub(super) const TOP_PODS: &[&[Flag]] = &[
    LABELS,
    FIELDS,
    NAMESPACES,
    TOP,
    &[Flag::switch("containers"), Flag::switch("sum")],
];

pub(super) const TOP_NODES: &[&[Flag]] = &[LABELS, TOP, &[Flag::switch("show-capacity")]];

const TOP: &[Flag] = &[
    Flag::value("sort-by"),
    Flag::switch("no-headers"),
    Flag::switch("show-swap").refused(),
    Flag::switch("use-protocol-buffers").ignored(),
];

pub(super) const WAIT: &[Flag] = &[Flag::value("for"), Flag::value("timeout")];

pub(super) fn get(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::All)?;
    let watch_only = args.switch("watch-only")?;
    let watch = args.switch("watch")? || watch_only;
    let several = several_kinds(&targets);
    if let Some(word) = args.last("sort-by").filter(|_| watch) {
        return Err(word.wrong("--watch and --sort-by cannot be used together"));
    }
    if watch && several {
        return Err(line
            .missing("you may only specify a single resource type when watching several objects"));
    }
    Ok(Command::Get(Get {
        show_kind: args.switch("show-kind")? || several,
        targets,
        watch,
        watch_only,
        no_headers: args.switch("no-headers")?,
        show_labels: args.switch("show-labels")?,
        label_columns: args
            .all("label-columns")
            .flat_map(|word| word.text.split(','))
            .map(str::to_owned)
            .collect(),
        sort_by: args.text("sort-by"),
        ignore_not_found: args.switch("ignore-not-found")?,
    }))
}

fn several_kinds(targets: &Targets) -> bool {
    match targets {
        Targets::Files(_) => false,
        Targets::Named(objects) => objects.windows(2).any(|pair| pair[0].kind != pair[1].kind),
        Targets::Selected(selection) => selection.kinds.len() > 1,
    }
}

pub(super) fn describe(line: &Line) -> Result<Command, ParseError> {
    Ok(Command::Describe(Describe {
        targets: targets(line, KindAlone::All)?,
        show_events: match line.args.last("show-events") {
            None => None,
            Some(_) => Some(line.args.switch("show-events")?),
        },
        by_prefix: line.args.words.len() == 2 && !line.args.words[0].text.contains('/'),
    }))
}

pub(super) fn top_pods(line: &Line) -> Result<Command, ParseError> {
    top(line, "Pod")
}

pub(super) fn top_nodes(line: &Line) -> Result<Command, ParseError> {
    top(line, "Node")
}

fn top(line: &Line, kind: &str) -> Result<Command, ParseError> {
    let args = &line.args;
    let kind = Kind::of_kind(kind).ok_or_else(|| line.missing("nothing to show"))?;
    if let Some(more) = args.words.get(1) {
        return Err(more.wrong("`top` shows one object, or all of them"));
    }
    let mut words = vec![Word {
        text: kind.singular.to_owned(),
        range: line.command.range.clone(),
    }];
    words.extend(args.words.iter().cloned());
    let sort_by = match args.last("sort-by").map(|word| (word, word.text.as_str())) {
        None => None,
        Some((_, "cpu")) => Some(TopSort::Cpu),
        Some((_, "memory")) => Some(TopSort::Memory),
        Some((word, _)) => return Err(invalid(word, "sort-by", "`cpu` or `memory`")),
    };
    Ok(Command::Top(Top {
        targets: of_words(line, &words, KindAlone::All)?,
        containers: args.switch("containers")?,
        sort_by,
        no_headers: args.switch("no-headers")?,
        sum: args.switch("sum")?,
        show_capacity: args.switch("show-capacity")?,
    }))
}

pub(super) fn wait(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    let conditions: Vec<WaitFor> = args.all("for").map(condition).collect::<Result<_, _>>()?;
    if conditions.is_empty() {
        return Err(line
            .missing("--for is missing")
            .with_help("write for example `--for=condition=Available` or `--for=delete`"));
    }
    Ok(Command::Wait(Wait {
        targets,
        conditions,
        timeout: args
            .duration("timeout")?
            .unwrap_or(SimDuration::from_secs(30)),
    }))
}

/// What one `--for` asks for (`conditionFuncsFor`).
fn condition(word: &Word) -> Result<WaitFor, ParseError> {
    let (what, rest) = word.text.split_once('=').unwrap_or((&word.text, ""));
    Ok(match what.to_lowercase().as_str() {
        "create" => WaitFor::Create,
        "delete" => WaitFor::Delete,
        "condition" if !rest.is_empty() => {
            let (name, status) = rest.split_once('=').unwrap_or((rest, "True"));
            WaitFor::Condition {
                name: name.to_owned(),
                status: status.to_owned(),
            }
        }
        "jsonpath" => return json_path(word, rest),
        _ => {
            let message = format!("unrecognized condition: \"{}\"", word.text);
            let help = "`create`, `delete`, `condition=NAME` or `jsonpath={…}=VALUE`";
            return Err(word.wrong(message).with_help(help));
        }
    })
}

/// `jsonpath=PATH[=VALUE]` (`processJSONPathInput`).
fn json_path(word: &Word, rest: &str) -> Result<WaitFor, ParseError> {
    let wrong = |message: String| {
        let help = "write for example `--for=jsonpath='{.status.readyReplicas}'=3`";
        word.wrong(message).with_help(help)
    };
    // A `==` belongs to the path.
    let (mut parts, mut left) = (vec![String::new()], rest);
    while let Some(at) = left.find('=') {
        let is_double = left[at..].starts_with("==");
        let end = at + if is_double { 2 } else { 0 };
        if let Some(part) = parts.last_mut() {
            part.push_str(&left[..end]);
        }
        left = &left[at + if is_double { 2 } else { 1 }..];
        if !is_double {
            parts.push(String::new());
        }
    }
    if let Some(part) = parts.last_mut() {
        part.push_str(left);
    }
    let (path, value) = match parts.as_slice() {
        [path] => (path, None),
        [path, value] => (path, Some(value.trim_matches(['\'', '"']).to_owned())),
        _ => return Err(wrong("the path and one value are expected".to_owned())),
    };
    if path.is_empty() {
        return Err(wrong("jsonpath expression cannot be empty".to_owned()));
    }
    if value.as_deref() == Some("") {
        return Err(wrong(
            "jsonpath wait has to have a value after equal sign".to_owned(),
        ));
    }
    let path = JsonPath::relaxed(path).map_err(|error| wrong(error.to_string()))?;
    Ok(WaitFor::JsonPath { path, value })
}
