//! `create configmap` and `create secret generic`: manifests of their own.
//!
//! Upstream: kubectl's `pkg/cmd/create/create_configmap.go`, `create_secret.go`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::flags::Flag;
use super::words::Word;
use super::{Command, File, Line, ParseError};

pub(super) const CREATE_CONFIG: &[Flag] = &[
    Flag::value("from-literal"),
    Flag::value("from-file").refused(),
    Flag::value("from-env-file").refused(),
    Flag::switch("append-hash").refused(),
    Flag::switch("save-config").refused(),
    Flag::value("type"),
];

pub(super) fn create_config_map(line: &Line) -> Result<Command, ParseError> {
    let name = only_name(line, &line.args.words)?;
    let data = literals(line, ("ConfigMap", &name.text))?;
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name.text },
    });
    if !data.is_empty() {
        object["data"] = Value::Object(data);
    }
    Ok(made(line, &object))
}

pub(super) fn create_secret(line: &Line) -> Result<Command, ParseError> {
    let words = &line.args.words;
    let Some((kind, words)) = words.split_first() else {
        return Err(
            line.missing("Create a secret with specified type: `create secret generic NAME`")
        );
    };
    if kind.text != "generic" {
        return Err(kind
            .wrong(format!("a secret of type `{}` is not simulated", kind.text))
            .with_help("`create secret generic NAME --from-literal=KEY=VALUE` is"));
    }
    let name = only_name(line, words)?;
    let data = literals(line, ("Secret", &name.text))?;
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name.text },
        "type": line.args.text("type").unwrap_or_else(|| "Opaque".to_owned()),
    });
    if !data.is_empty() {
        let texts = data.into_iter().map(|(key, text)| {
            let code = BASE64_STANDARD.encode(text.as_str().unwrap_or_default());
            (key, code.into())
        });
        object["data"] = Value::Object(texts.collect());
    }
    Ok(made(line, &object))
}

/// The object as if it stood behind the command.
fn made(line: &Line, object: &Value) -> Command {
    Command::Create(vec![File::Here {
        text: object.to_string(),
        range: line.command.range.clone(),
    }])
}

fn only_name<'a>(line: &Line, words: &'a [Word]) -> Result<&'a Word, ParseError> {
    match words {
        [name] => Ok(name),
        [] => Err(line.missing("exactly one NAME is required, got 0")),
        [_, more, ..] => {
            let count = words.len();
            Err(more.wrong(format!("exactly one NAME is required, got {count}")))
        }
    }
}

/// `--from-literal=KEY=VALUE`, each (`ParseLiteralSource`).
fn literals(line: &Line, (kind, name): (&str, &str)) -> Result<Map<String, Value>, ParseError> {
    let mut data = Map::new();
    for word in line.args.all("from-literal") {
        let text = &word.text;
        let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| {
            word.wrong(format!("invalid literal source {text}, expected key=value"))
        })?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !key.chars().all(is_plain) {
            return Err(word.wrong(format!("{key:?} is not a valid key name for a {kind}")));
        }
        // As the shell hands it over, and kubectl takes quotes off once more.
        let quotes = |quote: char| {
            let inner = value
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            inner.filter(|_| value.len() > 1)
        };
        let value = quotes('"').or_else(|| quotes('\'')).unwrap_or(value);
        if data.insert(key.to_owned(), value.into()).is_some() {
            return Err(word.wrong(format!(
                "cannot add key {key:?}, another key by that name already exists in Data for {kind} {name:?}"
            )));
        }
    }
    Ok(data)
}
