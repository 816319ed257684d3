//! `cordon`, `uncordon`, `drain`, `taint`: commands about nodes.
//!
//! Upstream: kubectl's `pkg/cmd/drain/drain.go`, `pkg/cmd/taint`.

use crate::kubectl::kind::Kind;
use crate::kubectl::selector::{FieldSelector, LabelSelector, is_label_value, is_qualified_name};
use crate::sim::SimDuration;

use super::flags::Flag;
use super::targets::{KindAlone, kind_of, label_selector, of_words};
use super::words::Word;
use super::{
    Command, Drain, Line, ObjectRef, ParseError, Selection, Taint, TaintEffect, TaintNodes, Targets,
};

pub(super) const CORDON: &[Flag] = &[Flag::value("selector").short('l')];

pub(super) const DRAIN: &[Flag] = &[
    Flag::value("selector").short('l'),
    Flag::switch("ignore-daemonsets"),
    Flag::switch("delete-emptydir-data"),
    Flag::switch("force"),
    Flag::switch("disable-eviction"),
    Flag::value("grace-period"),
    Flag::value("timeout"),
    Flag::value("pod-selector"),
    Flag::value("skip-wait-for-delete-timeout"),
    Flag::value("chunk-size").ignored(),
];

pub(super) const TAINT: &[Flag] = &[
    Flag::value("selector").short('l'),
    Flag::switch("all"),
    Flag::switch("overwrite"),
];

/// Words that are names of nodes, or `-l`.
fn nodes(line: &Line) -> Result<Targets, ParseError> {
    let node = Kind::of_kind("Node").ok_or_else(|| line.missing("nodes are not known"))?;
    let words = &line.args.words;
    match (words.first(), line.args.last("selector")) {
        (Some(_), Some(selector)) => {
            Err(selector.wrong("cannot specify both a node name and a --selector option"))
        }
        (None, None) => Err(line
            .missing("the nodes are missing")
            .with_help("name them, or give `-l SELECTOR`")),
        (None, Some(selector)) => Ok(Targets::Selected(Selection {
            kinds: vec![node],
            labels: label_selector(selector)?,
            fields: FieldSelector::default(),
        })),
        (Some(_), None) => words
            .iter()
            .map(|word| named_node(node, word))
            .collect::<Result<_, _>>()
            .map(Targets::Named),
    }
}

fn named_node(node: &'static Kind, word: &Word) -> Result<ObjectRef, ParseError> {
    let name = match word.text.split_once('/') {
        None => word.text.as_str(),
        Some((kind, name)) if Kind::named(kind) == Some(node) => name,
        Some(_) => {
            return Err(word.wrong(format!(
                "expected resource of type node, got {:?}",
                word.text
            )));
        }
    };
    Ok(ObjectRef {
        kind: node,
        name: name.to_owned(),
        range: word.range.clone(),
    })
}

pub(super) fn cordon(line: &Line) -> Result<Command, ParseError> {
    nodes(line).map(Command::Cordon)
}

pub(super) fn uncordon(line: &Line) -> Result<Command, ParseError> {
    nodes(line).map(Command::Uncordon)
}

pub(super) fn drain(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let grace = args
        .integer("grace-period")?
        .filter(|seconds| *seconds >= 0);
    let skip = args.integer("skip-wait-for-delete-timeout")?;
    Ok(Command::Drain(Drain {
        nodes: nodes(line)?,
        ignore_daemon_sets: args.switch("ignore-daemonsets")?,
        delete_empty_dir_data: args.switch("delete-emptydir-data")?,
        force: args.switch("force")?,
        disable_eviction: args.switch("disable-eviction")?,
        grace_period: grace.map(i64::from),
        timeout: args.duration("timeout")?.filter(|span| span.0 > 0),
        pods: match args.last("pod-selector") {
            Some(word) => label_selector(word)?,
            None => LabelSelector::default(),
        },
        skip_wait_for_delete: skip
            .filter(|seconds| *seconds > 0)
            .map(|seconds| SimDuration::from_secs(i64::from(seconds))),
    }))
}

pub(super) fn taint(line: &Line) -> Result<Command, ParseError> {
    let is_taint = |word: &Word| word.text.contains(['=', ':']) || word.text.ends_with('-');
    let words = &line.args.words;
    let first = words.iter().position(is_taint).unwrap_or(words.len());
    let (objects, taints) = words.split_at(first);
    if let Some(word) = taints.iter().find(|word| !is_taint(word)) {
        return Err(word.wrong(format!(
            "all resources must be specified before taint changes: {}",
            word.text
        )));
    }
    if let Some(kind) = objects.first()
        && kind_of(kind)?.kind != "Node"
    {
        return Err(kind.wrong(format!(
            "invalid resource type {}, only node types are supported",
            kind.text
        )));
    }
    if taints.is_empty() {
        return Err(line
            .missing("at least one taint update is required")
            .with_help("write `KEY=VALUE:EFFECT`, or `KEY-` to remove it"));
    }
    let (mut add, mut remove): (Vec<Taint>, Vec<_>) = (Vec::new(), Vec::new());
    for word in taints {
        if let Some(text) = word.text.strip_suffix('-') {
            let (key, _, effect) = parts(word, text)?;
            remove.push((word, key.to_owned(), effect));
            continue;
        }
        let (key, value, effect) = parts(word, &word.text)?;
        let effect = effect.ok_or_else(|| {
            let message = format!("invalid taint spec: {}", word.text);
            word.wrong(message).with_help("write `KEY=VALUE:EFFECT`")
        })?;
        if add
            .iter()
            .any(|taint| taint.key == key && taint.effect == effect)
        {
            return Err(word.wrong("duplicated taints with the same key and effect"));
        }
        add.push(Taint {
            key: key.to_owned(),
            value: value.to_owned(),
            effect,
        });
    }
    for (word, key, effect) in &remove {
        let same = |taint: &Taint| taint.key == *key && effect.is_none_or(|e| e == taint.effect);
        if add.iter().any(same) {
            let effect = effect.map_or("", TaintEffect::as_str);
            return Err(word.wrong(format!(
                "can not both modify and remove the following taint(s) in the same command: \
                 {key}={effect}"
            )));
        }
    }
    Ok(Command::Taint(TaintNodes {
        nodes: of_words(line, objects, KindAlone::Refused)?,
        add,
        remove: remove
            .into_iter()
            .map(|(_, key, effect)| (key, effect))
            .collect(),
        overwrite: line.args.switch("overwrite")?,
    }))
}

/// Key, value and effect of `KEY[=VALUE][:EFFECT]` (`parseTaint`).
fn parts<'a>(
    word: &Word,
    text: &'a str,
) -> Result<(&'a str, &'a str, Option<TaintEffect>), ParseError> {
    let wrong = || word.wrong(format!("invalid taint spec: {}", word.text));
    let (pair, effect) = match text.split_once(':') {
        None => (text, None),
        Some((pair, effect)) => {
            let effect = match effect {
                "NoSchedule" => TaintEffect::NoSchedule,
                "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
                "NoExecute" => TaintEffect::NoExecute,
                other => {
                    let message =
                        format!("invalid taint effect: {other}, unsupported taint effect");
                    return Err(word
                        .wrong(message)
                        .with_help("effects: NoSchedule, PreferNoSchedule, NoExecute"));
                }
            };
            (pair, Some(effect))
        }
    };
    // Without an effect the whole is a key.
    let (key, value) = pair
        .split_once('=')
        .filter(|_| effect.is_some())
        .unwrap_or((pair, ""));
    if !is_qualified_name(key) || !is_label_value(value) {
        return Err(wrong());
    }
    Ok((key, value, effect))
}
