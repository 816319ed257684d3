//! `patch`.
//!
//! Upstream: kubectl's `pkg/cmd/patch/patch.go`.

use serde_json::Value;

use crate::kubectl::patch::check_json;
use crate::kubectl::yaml;

use super::flags::{Flag, invalid};
use super::targets::{KindAlone, targets};
use super::words::Word;
use super::{Command, Line, ParseError, Patch, PatchType, Subresource, Targets};

pub(super) const PATCH: &[Flag] = &[
    Flag::value("patch").short('p'),
    Flag::value("type"),
    Flag::value("subresource"),
    Flag::value("patch-file").refused(),
    Flag::switch("local").refused(),
];

pub(super) fn patch(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    let text = args.last("patch").ok_or_else(|| {
        line.missing("must specify --patch or --patch-file containing the contents of the patch")
            .with_help("give it with `-p`, for example `-p '{\"spec\":{\"replicas\":3}}'`")
    })?;
    let patch_type = match args.last("type") {
        None => PatchType::Strategic,
        Some(word) => match word.text.to_lowercase().as_str() {
            "json" => PatchType::Json,
            "merge" => PatchType::Merge,
            "strategic" => PatchType::Strategic,
            _ => {
                let message = format!(
                    "--type must be one of [json merge strategic], not {:?}",
                    word.text
                );
                return Err(word.wrong(message));
            }
        },
    };
    let subresource = match args
        .last("subresource")
        .map(|word| (word, word.text.as_str()))
    {
        None => None,
        Some((_, "scale")) => Some(Subresource::Scale),
        Some((_, "status")) => Some(Subresource::Status),
        Some((_, "resize")) => Some(Subresource::Resize),
        Some((word, _)) => {
            return Err(invalid(
                word,
                "subresource",
                "`scale`, `status` or `resize`",
            ));
        }
    };
    refuse_strategic_on_custom(line, &targets, patch_type)?;
    Ok(Command::Patch(Patch {
        targets,
        patch_type,
        patch: value(text, patch_type)?,
        text: text.text.clone(),
        range: text.range.clone(),
        subresource,
    }))
}

/// JSON or YAML, of the shape that the type asks for.
fn value(word: &Word, patch_type: PatchType) -> Result<Value, ParseError> {
    let quoting = "put the whole patch into single quotes, so that the double quotes in it stay";
    let value = yaml::read(&word.text).map_err(|error| {
        word.wrong(format!("unable to parse {:?}: {error}", word.text))
            .with_help(quoting)
    })?;
    match (patch_type, &value) {
        (PatchType::Json, Value::Array(_)) => {
            check_json(&value)
                .map_err(|error| word.wrong(format!("this is not a JSON patch: {error}")))?;
            Ok(value)
        }
        (PatchType::Json, _) => Err(word.wrong("a JSON patch is a list of operations").with_help(
            "write for example `[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":3}]`, \
             or say `--type=merge`",
        )),
        (_, Value::Object(_)) => Ok(value),
        (_, Value::Array(_)) => Err(word
            .wrong("a list of operations is a JSON patch")
            .with_help("say `--type=json`")),
        _ => Err(word
            .wrong("a patch holds the fields to change")
            .with_help(quoting)),
    }
}

/// Only built-in types know the merge keys of their lists. The API server would answer with 415;
/// here the error comes before the run.
fn refuse_strategic_on_custom(
    line: &Line,
    targets: &Targets,
    patch_type: PatchType,
) -> Result<(), ParseError> {
    let Targets::Named(objects) = targets else {
        return Ok(());
    };
    let custom = objects.iter().find(|object| !object.kind.built_in);
    match custom.filter(|_| patch_type == PatchType::Strategic) {
        None => Ok(()),
        Some(object) => {
            let word = line.args.last("type");
            Err(ParseError {
                range: word.map_or_else(|| object.range.clone(), |word| word.range.clone()),
                message: format!(
                    "a {} is a custom resource, which takes no strategic merge patch",
                    object.kind
                ),
                help: Some("say `--type=merge`".to_owned()),
            })
        }
    }
}
