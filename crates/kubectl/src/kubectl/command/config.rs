//! `create configmap` and `create secret generic`: manifests of their own.
//!
//! Upstream: kubectl's `pkg/cmd/create/create_configmap.go`, `create_secret.go`,
//! `pkg/cmd/util/env_file.go`.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::flags::Flag;
use super::words::Word;
use super::{Command, Config, Content, File, Line, Origin, ParseError, Source};

pub(super) const CREATE_CONFIG: &[Flag] = &[
    Flag::value("from-literal"),
    Flag::value("from-file"),
    Flag::value("from-env-file"),
    Flag::switch("append-hash").refused(),
    Flag::switch("save-config").refused(),
    Flag::value("type"),
];

pub(super) fn create_config_map(line: &Line) -> Result<Command, ParseError> {
    let name = only_name(line, &line.args.words)?;
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name.text },
    });
    made(line, object)
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
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name.text },
        "type": line.args.text("type").unwrap_or_else(|| "Opaque".to_owned()),
    });
    made(line, object)
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

/// The object as if it stood behind the command, once its files are read.
fn made(line: &Line, object: Value) -> Result<Command, ParseError> {
    let [files, literals, env_files] = ["from-file", "from-literal", "from-env-file"];
    if let (Some(word), true) = (
        line.args.last(env_files),
        line.args.last(files).is_some() || line.args.last(literals).is_some(),
    ) {
        return Err(word.wrong("from-env-file cannot be combined with from-file or from-literal"));
    }
    let mut sources = Vec::new();
    let mut add = |word: &Word, from: Origin| {
        let range = word.range.clone();
        sources.push(Source { from, range });
    };
    for word in line.args.all(files) {
        add(word, of_file(word)?);
    }
    for word in line.args.all(literals) {
        let text = &word.text;
        let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| {
            word.wrong(format!("invalid literal source {text}, expected key=value"))
        })?;
        add(word, Origin::Literal(key.to_owned(), value.to_owned()));
    }
    for word in line.args.all(env_files) {
        add(word, Origin::EnvFile(word.text.clone()));
    }
    let config = Config {
        object,
        sources,
        range: line.command.range.clone(),
    };
    if config.paths().next().is_some() {
        return Ok(Command::Create(vec![File::Config(config)]));
    }
    let text = config.complete(&|_| None)?.to_string();
    let range = config.range;
    Ok(Command::Create(vec![File::Here { text, range }]))
}

/// `--from-file=PATH` or `KEY=PATH` (`ParseFileSource`).
fn of_file(word: &Word) -> Result<Origin, ParseError> {
    let text = &word.text;
    let of = |key: &str, path: &str| Origin::File {
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
        path: path.to_owned(),
    };
    match text.split('=').collect::<Vec<&str>>()[..] {
        [path] => Ok(of("", path)),
        ["", path] => Err(word.wrong(format!("key name for file path {path} missing"))),
        [key, ""] => Err(word.wrong(format!("file path for key name {key} missing"))),
        [key, path] => Ok(of(key, path)),
        _ => Err(word.wrong("key names or file paths cannot contain '='")),
    }
}

/// A ConfigMap or a Secret that is being filled.
struct Filled<'a> {
    kind: &'a str,
    name: &'a str,
    texts: serde_json::Map<String, Value>,
    codes: serde_json::Map<String, Value>,
}

impl Filled<'_> {
    /// Adds a key; of a Secret everything is kept as base64, of a ConfigMap what is no text.
    fn add(&mut self, key: &str, bytes: &[u8]) -> Result<(), String> {
        let Self { kind, name, .. } = *self;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_key = !key.is_empty() && key.len() <= 253 && key != "." && !key.starts_with("..");
        if !is_key || !key.chars().all(is_plain) {
            return Err(format!("{key:?} is not a valid key name for a {kind}"));
        }
        for (known, field) in [(&self.texts, "Data"), (&self.codes, "BinaryData")] {
            if known.contains_key(key) {
                let field = if kind == "Secret" { "Data" } else { field };
                return Err(format!(
                    "cannot add key {key:?}, another key by that name already exists in {field} for {kind} {name:?}"
                ));
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if kind == "ConfigMap" => self.texts.insert(key.to_owned(), text.into()),
            _ => {
                let code = BASE64_STANDARD.encode(bytes);
                self.codes.insert(key.to_owned(), code.into())
            }
        };
        Ok(())
    }

    /// Adds the lines of a file of `KEY=VALUE`. One without a value has that of kubectl's own
    /// environment, which is empty here.
    fn add_lines(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = std::str::from_utf8(line).map_err(|_| {
                let number = number + 1;
                format!("env file {path} contains invalid utf8 bytes at line {number}")
            })?;
            let line = if number == 0 {
                line.trim_start_matches('\u{feff}')
            } else {
                line
            };
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let may = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if key.starts_with(|c: char| c.is_ascii_digit()) || !key.chars().all(may) {
                return Err(format!("{key:?} is not a valid key name"));
            }
            self.add(key, value.as_bytes())?;
        }
        Ok(())
    }

    fn add_source(&mut self, from: &Origin, content: Option<&Content>) -> Result<(), String> {
        match (from, content) {
            (Origin::Literal(key, value), _) => self.add(key, value.as_bytes()),
            (Origin::File { path, .. } | Origin::EnvFile(path), None) => {
                Err(format!("error reading {path}: it was not read"))
            }
            (Origin::File { key, path }, Some(Content::File(bytes))) => {
                let last = path.trim_end_matches('/').rsplit('/').next();
                self.add(key.as_deref().or(last).unwrap_or_default(), bytes)
            }
            (Origin::File { key: Some(_), .. }, Some(Content::Folder(_))) => {
                Err("cannot give a key name for a directory path".to_owned())
            }
            (Origin::File { .. }, Some(Content::Folder(files))) => {
                let mut files = files.iter();
                files.try_for_each(|(name, bytes)| self.add(name, bytes))
            }
            (Origin::EnvFile(path), Some(Content::File(bytes))) => self.add_lines(path, bytes),
            (Origin::EnvFile(_), Some(Content::Folder(_))) => {
                let kind = if self.kind == "Secret" {
                    "secret"
                } else {
                    "config"
                };
                Err(format!("env {kind} file cannot be a directory"))
            }
        }
    }
}

impl Config {
    /// The files and folders that it is made of, and where they are named.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &Range<usize>)> {
        self.sources.iter().filter_map(|source| match &source.from {
            Origin::File { path, .. } | Origin::EnvFile(path) => {
                Some((path.as_str(), &source.range))
            }
            Origin::Literal(..) => None,
        })
    }

    /// The object; `read` knows what the paths hold.
    pub fn complete<'a>(
        &self,
        read: &dyn Fn(&str) -> Option<&'a Content>,
    ) -> Result<Value, ParseError> {
        let mut object = self.object.clone();
        let name = self.object["metadata"]["name"].as_str();
        let mut filled = Filled {
            kind: self.object["kind"].as_str().unwrap_or_default(),
            name: name.unwrap_or_default(),
            texts: serde_json::Map::new(),
            codes: serde_json::Map::new(),
        };
        for source in &self.sources {
            let content = match &source.from {
                Origin::File { path, .. } | Origin::EnvFile(path) => read(path),
                Origin::Literal(..) => None,
            };
            let added = filled.add_source(&source.from, content);
            added.map_err(|message| ParseError {
                range: source.range.clone(),
                message,
                help: None,
            })?;
        }
        let is_secret = filled.kind == "Secret";
        let codes = if is_secret { "data" } else { "binaryData" };
        for (field, data) in [("data", filled.texts), (codes, filled.codes)] {
            if !data.is_empty() {
                object[field] = Value::Object(data);
            }
        }
        Ok(object)
    }
}
