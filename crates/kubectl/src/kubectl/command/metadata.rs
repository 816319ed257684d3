//! `label` and `annotate`.
//!
//! Upstream: kubectl's `pkg/cmd/label/label.go`, `pkg/cmd/annotate/annotate.go`.

use crate::kubectl::selector::{is_label_value, is_qualified_name};

use super::arguments::{Change, objects_and_pairs, removed, set};
use super::flags::Flag;
use super::targets::{KindAlone, of_words};
use super::{Command, Line, Metadata, ParseError};

pub(super) const METADATA: &[Flag] = &[
    Flag::switch("overwrite"),
    Flag::switch("list"),
    Flag::switch("local").refused(),
    Flag::value("resource-version").refused(),
];

pub(super) fn label(line: &Line) -> Result<Command, ParseError> {
    let (objects, pairs) = objects_and_pairs(&line.args.words, "label")?;
    for pair in &pairs {
        let Change::Set(word, _, value) = pair else {
            continue;
        };
        if value.contains('=') {
            return Err(word.wrong(format!("invalid label spec: {}", word.text)));
        }
        if !is_label_value(value) {
            return Err(word
                .wrong(format!("invalid label value: \"{}\"", word.text))
                .with_help("values have at most 63 letters, digits, `-`, `_` and `.`"));
        }
    }
    metadata(line, objects, &pairs, "label").map(Command::Label)
}

pub(super) fn annotate(line: &Line) -> Result<Command, ParseError> {
    let (objects, pairs) = objects_and_pairs(&line.args.words, "annotation")?;
    metadata(line, objects, &pairs, "annotation").map(Command::Annotate)
}

fn metadata(
    line: &Line,
    objects: &[super::words::Word],
    pairs: &[Change<'_>],
    what: &str,
) -> Result<Metadata, ParseError> {
    for pair in pairs {
        let (Change::Set(word, key, _) | Change::Remove(word, key)) = pair;
        if !is_qualified_name(key) {
            return Err(word.wrong(format!("`{key}` cannot be the key of a {what}")));
        }
    }
    let list = line.args.switch("list")?;
    if pairs.is_empty() && !list {
        return Err(line
            .missing(format!("at least one {what} update is required"))
            .with_help("write `KEY=VALUE`, or `KEY-` to remove it"));
    }
    Ok(Metadata {
        targets: of_words(line, objects, KindAlone::Refused)?,
        set: set(pairs),
        remove: removed(pairs, &format!("a {what}"))?,
        overwrite: line.args.switch("overwrite")?,
        list,
    })
}
