//! `set image`, `set env`, `set resources`: changes of a pod template.
//!
//! Upstream: kubectl's `pkg/cmd/set`.

use super::arguments::{Change, objects_and_pairs, removed, set};
use super::flags::Flag;
use super::scale::amounts;
use super::targets::{KindAlone, object_ref, of_words, only, targets};
use super::{Command, EnvSource, Line, ParseError, SetEnv, SetImage, SetResources};

pub(super) const IMAGE: &[Flag] = &[Flag::switch("local").refused()];

pub(super) const ENV: &[Flag] = &[
    Flag::value("containers").short('c'),
    Flag::value("env").short('e'),
    Flag::switch("overwrite"),
    Flag::value("from"),
    Flag::value("prefix"),
    Flag::value("keys"),
    Flag::switch("list"),
    Flag::switch("resolve").refused(),
    Flag::switch("local").refused(),
];

pub(super) const RESOURCES: &[Flag] = &[
    Flag::value("containers").short('c'),
    Flag::value("limits"),
    Flag::value("requests"),
    Flag::switch("local").refused(),
];

const WITH_PODS: &[&str] = &[
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
];
const WHAT: &str = "has no pod template";

pub(super) fn image(line: &Line) -> Result<Command, ParseError> {
    let (objects, pairs) = objects_and_pairs(&line.args.words, "image")?;
    let targets = of_words(line, objects, KindAlone::Refused)?;
    only(line, &targets, WITH_PODS, WHAT)?;
    for pair in &pairs {
        if let Change::Remove(word, _) = pair {
            return Err(word.wrong(format!("invalid image format: {}", word.text)));
        }
    }
    let images = set(&pairs);
    if images.is_empty() {
        return Err(line
            .missing("at least one image update is required")
            .with_help("write for example `web=shop/web:2.0`"));
    }
    if images.len() > 1 && images.iter().any(|(container, _)| container == "*") {
        return Err(line.missing(
            "all containers are already specified by *, but saw more than one \
             container_name=container_image pairs",
        ));
    }
    Ok(Command::SetImage(SetImage { targets, images }))
}

pub(super) fn env(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let (objects, mut pairs) = objects_and_pairs(&args.words, "environment")?;
    let targets = of_words(line, objects, KindAlone::Refused)?;
    only(line, &targets, WITH_PODS, WHAT)?;
    for word in args.all("env") {
        let Some((key, value)) = word.text.split_once('=') else {
            return Err(word.wrong(format!("unknown environment variable: {}", word.text)));
        };
        pairs.insert(0, Change::Set(word, key, value));
    }
    for pair in &pairs {
        if let Change::Set(word, key, _) = pair {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let digit = key.starts_with(|c: char| c.is_ascii_digit());
            if digit || key.is_empty() || !key.chars().all(fits) {
                return Err(word.wrong(format!("\"{key}\" is not a valid key name")));
            }
        }
    }
    let list = args.switch_or("list", false)?;
    let from = env_source(line)?;
    if pairs.is_empty() && !list && from.is_none() {
        return Err(line
            .missing("at least one environment variable must be provided")
            .with_help("write for example `LOG_LEVEL=debug`, or `LOG_LEVEL-` to remove it"));
    }
    let prefix = args.text("prefix").unwrap_or_default();
    Ok(Command::SetEnv(SetEnv {
        targets,
        set: set(&pairs)
            .into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect(),
        from,
        remove: removed(&pairs, "the same environment variable")?,
        containers: args.text("containers").unwrap_or_else(|| "*".to_owned()),
        overwrite: args.switch_or("overwrite", true)?,
        list,
    }))
}

/// `--from` with `--keys` and `--prefix`.
fn env_source(line: &Line) -> Result<Option<EnvSource>, ParseError> {
    let args = &line.args;
    let keys = args.all("keys").flat_map(|word| word.text.split(','));
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let Some(word) = args.last("from") else {
        let Some(word) = args.last("keys") else {
            return Ok(None);
        };
        return Err(word
            .wrong("when specifying --keys, a configmap or secret must be provided with --from"));
    };
    let object = object_ref(word)?;
    if !matches!(object.kind.kind, "ConfigMap" | "Secret") {
        return Err(word
            .wrong("unsupported resource specified in --from")
            .with_help("write `configmap/NAME` or `secret/NAME`"));
    }
    Ok(Some(EnvSource {
        object,
        prefix: args.text("prefix").unwrap_or_default(),
        keys,
        found: None,
    }))
}

pub(super) fn resources(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    only(line, &targets, WITH_PODS, WHAT)?;
    let read = |flag: &str| {
        let word = args.last(flag);
        word.map_or(Ok(Vec::new()), |word| amounts(word, flag))
    };
    let (limits, requests) = (read("limits")?, read("requests")?);
    if limits.is_empty() && requests.is_empty() {
        return Err(line.missing(
            "you must specify an update to requests or limits (in the form of \
             --requests/--limits)",
        ));
    }
    Ok(Command::SetResources(SetResources {
        targets,
        containers: args.text("containers").unwrap_or_else(|| "*".to_owned()),
        limits,
        requests,
    }))
}
