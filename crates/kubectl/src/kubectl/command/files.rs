//! `apply`, `create`, `replace`: commands that bring manifests.

use serde_json::Value;

use super::flags::Flag;
use super::targets::{files, object_ref};
use super::words::Word;
use super::{Command, CreateJob, Evict, EvictionOptions, File, Line, ParseError, Replace};
use crate::kubectl::yaml;

pub(super) const APPLY: &[Flag] = &[
    Flag::switch("overwrite").ignored(),
    Flag::switch("openapi-patch").ignored(),
    Flag::switch("wait").ignored(),
    Flag::value("timeout").ignored(),
    Flag::value("grace-period").ignored(),
    Flag::optional("cascade", "background").ignored(),
    Flag::switch("force").refused(),
    Flag::switch("server-side").refused(),
    Flag::switch("force-conflicts").refused(),
    Flag::switch("prune").refused(),
    Flag::value("selector").short('l').refused(),
    Flag::switch("all").refused(),
];

pub(super) const CREATE: &[Flag] = &[
    Flag::value("raw"),
    Flag::switch("save-config").refused(),
    Flag::switch("edit").refused(),
    Flag::value("selector").short('l').refused(),
];

pub(super) const CREATE_JOB: &[Flag] = &[
    Flag::value("from"),
    Flag::value("image").refused(),
    Flag::switch("save-config").refused(),
];

pub(super) const REPLACE: &[Flag] = &[
    Flag::switch("force"),
    Flag::value("grace-period").ignored(),
    Flag::value("timeout").ignored(),
    Flag::optional("cascade", "background").ignored(),
    Flag::switch("wait").ignored(),
    Flag::switch("save-config").refused(),
];

/// The manifests, and nothing else.
fn manifests(line: &Line) -> Result<Vec<File>, ParseError> {
    if let Some(word) = line.args.words.first() {
        return Err(word
            .wrong(format!("Unexpected args: [{}]", word.text))
            .with_help("manifests are named with `-f FILE`"));
    }
    let files = files(line)?;
    if files.is_empty() {
        return Err(line
            .missing("must specify one of -f and -k")
            .with_help("name a manifest with `-f FILE`"));
    }
    Ok(files)
}

pub(super) fn apply(line: &Line) -> Result<Command, ParseError> {
    manifests(line).map(Command::Apply)
}

pub(super) fn create(line: &Line) -> Result<Command, ParseError> {
    match line.args.last("raw") {
        Some(path) => evict(line, path).map(Command::Evict),
        None => manifests(line).map(Command::Create),
    }
}

/// What is posted to a path: an Eviction, and nothing else.
fn evict(line: &Line, path: &Word) -> Result<Evict, ParseError> {
    let parts: Vec<&str> = path.text.split('/').collect();
    let [
        "",
        "api",
        "v1",
        "namespaces",
        namespace,
        "pods",
        pod,
        "eviction",
    ] = parts.as_slice()
    else {
        let help = "known here: /api/v1/namespaces/NAMESPACE/pods/POD/eviction";
        let wrong = path.wrong("posting to this path is not simulated");
        return Err(wrong.with_help(help));
    };
    let mut files = manifests(line)?;
    let mut options = EvictionOptions::default();
    if let [File::Here { text, range }] = files.as_slice() {
        let wrong = |message: String| ParseError {
            range: range.clone(),
            message,
            help: None,
        };
        let object = yaml::read(text).map_err(&wrong)?;
        options = eviction_options(&object, pod).map_err(wrong)?;
        files.clear();
    } else if files.len() > 1 {
        return Err(line
            .missing("--raw can only use a single local file or stdin")
            .with_help("name one file with an Eviction"));
    }
    Ok(Evict {
        namespace: (*namespace).to_owned(),
        pod: (*pod).to_owned(),
        files,
        options,
    })
}

/// What an Eviction asks for that is posted to a pod; the error says what is wrong with it.
pub fn eviction_options(object: &Value, pod: &str) -> Result<EvictionOptions, String> {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    if object["kind"] != "Eviction" || !matches!(version, "policy/v1" | "policy/v1beta1") {
        return Err("an Eviction of policy/v1 is expected".to_owned());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if !name.is_empty() && name != pod {
        return Err("name in URL does not match name in Eviction object".to_owned());
    }
    let options = &object["deleteOptions"];
    let dry_run = options["dryRun"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(other) = dry_run.iter().find(|one| **one != "All") {
        return Err(format!(
            "deleteOptions.dryRun: Unsupported value: {other}: supported values: \"All\""
        ));
    }
    let condition = |field: &str| options["preconditions"][field].as_str().map(str::to_owned);
    Ok(EvictionOptions {
        grace_period: options["gracePeriodSeconds"].as_i64(),
        dry_run: !dry_run.is_empty(),
        uid: condition("uid").filter(|uid| !uid.is_empty()),
        resource_version: condition("resourceVersion"),
    })
}

pub(super) fn create_job(line: &Line) -> Result<Command, ParseError> {
    let words = &line.args.words;
    let name = words
        .first()
        .ok_or_else(|| line.missing("NAME is required, but got 0"))?;
    if let Some(more) = words.get(1) {
        return Err(more
            .wrong("exactly one NAME is required")
            .with_help("a command of the job's own is not simulated"));
    }
    let from = line.args.last("from").ok_or_else(|| {
        line.missing("either --image or --from must be specified")
            .with_help("name the CronJob with `--from=cronjob/NAME`")
    })?;
    let cron_job = object_ref(from)?;
    if cron_job.kind.kind != "CronJob" {
        return Err(from.wrong("from must be an existing cronjob"));
    }
    Ok(Command::CreateJob(CreateJob {
        name: name.text.clone(),
        cron_job,
    }))
}

pub(super) fn replace(line: &Line) -> Result<Command, ParseError> {
    Ok(Command::Replace(Replace {
        files: manifests(line)?,
        force: line.args.switch("force")?,
    }))
}
