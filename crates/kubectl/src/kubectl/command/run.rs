//! `run`: a pod of one container.
//!
//! Upstream: kubectl's `pkg/cmd/run/run.go`.

use serde_json::{Map, Value, json};

use super::flags::{Args, Flag};
use super::{Attached, Command, Line, ParseError, PatchType, Run};
use crate::kubectl::patch::check_json;
use crate::kubectl::yaml;

pub(super) const RUN: &[Flag] = &[
    Flag::value("annotations"),
    Flag::switch("attach"),
    Flag::switch("command"),
    Flag::value("detach-keys").ignored(),
    Flag::value("env"),
    Flag::switch("expose"),
    Flag::value("image"),
    Flag::value("image-pull-policy"),
    Flag::value("labels").short('l'),
    Flag::switch("leave-stdin-open"),
    Flag::value("override-type"),
    Flag::value("overrides"),
    Flag::value("pod-running-timeout").ignored(),
    Flag::value("port"),
    Flag::switch("privileged"),
    Flag::switch("quiet").short('q').ignored(),
    Flag::value("restart"),
    Flag::switch("rm"),
    Flag::switch("save-config").refused(),
    Flag::switch("stdin").short('i'),
    Flag::switch("tty").short('t'),
];

pub(super) fn run(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let Some((name, words)) = args.words.split_first() else {
        return Err(line.missing("NAME is required for run"));
    };
    let image = args.text("image").filter(|image| !image.is_empty());
    let image = image.ok_or_else(|| {
        line.missing("--image is required")
            .with_help("write for example `--image=busybox:1.36`")
    })?;
    let own_labels = labels(args)?;
    let of_pod = own_labels
        .clone()
        .unwrap_or_else(|| json!({ "run": name.text }));
    let mut container = json!({ "image": image, "name": name.text });
    let policies = ["Always", "IfNotPresent", "Never"];
    if let Some(policy) = one_of(args, "image-pull-policy", "image pull policy", policies)? {
        container["imagePullPolicy"] = policy.into();
    }
    let env = variables(args)?;
    if !env.is_empty() {
        container["env"] = Value::Array(env);
    }
    let port = args.integer("port")?;
    if let Some(port) = port {
        container["ports"] = json!([{ "containerPort": port }]);
    }
    if args.switch("privileged")? {
        container["securityContext"] = json!({ "privileged": true });
    }
    if !words.is_empty() {
        let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let is_command = args.switch("command")?;
        container[if is_command { "command" } else { "args" }] = json!(words);
    }
    let attached = attached(line, &mut container)?;
    let policies = ["Always", "OnFailure", "Never"];
    let restart = one_of(args, "restart", "restart policy", policies)?;
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "labels": of_pod, "name": name.text },
        "spec": {
            "containers": [container],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": restart.unwrap_or("Always"),
        },
    });
    let annotations = pairs(args, "annotations", "invalid annotation format")?;
    if !annotations.is_empty() {
        pod["metadata"]["annotations"] = Value::Object(annotations);
    }
    let service = match (args.switch("expose")?, port) {
        (false, _) => None,
        (true, None) => return Err(line.missing("--port must be set when exposing a service")),
        (true, Some(port)) => {
            let mut metadata = json!({ "name": name.text });
            if let Some(labels) = own_labels {
                metadata["labels"] = labels;
            }
            Some(json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {
                    "ports": [{ "port": port, "protocol": "TCP", "targetPort": port }],
                    "selector": of_pod,
                },
            }))
        }
    };
    Ok(Command::Run(Run {
        name: name.text.clone(),
        pod,
        service,
        overrides: overrides(args)?,
        attached,
    }))
}

/// Whether it stays with the pod, and what that says of the container.
fn attached(line: &Line, container: &mut Value) -> Result<Option<Attached>, ParseError> {
    let args = &line.args;
    let (stdin, tty) = (args.switch("stdin")?, args.switch("tty")?);
    let (attach, remove) = (args.switch("attach")? || stdin, args.switch("rm")?);
    if tty && !stdin {
        return Err(line.missing("-i/--stdin is required for containers with -t/--tty=true"));
    }
    if remove && !attach {
        return Err(line.missing("--rm should only be used for attached containers"));
    }
    if attach && args.last("dry-run").is_some_and(|word| word.text != "none") {
        return Err(line.missing(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        ));
    }
    if stdin {
        container["stdin"] = true.into();
        if !args.switch("leave-stdin-open")? {
            container["stdinOnce"] = true.into();
        }
    }
    if tty {
        container["tty"] = true.into();
    }
    let prompts = stdin && tty;
    Ok(attach.then_some(Attached { remove, prompts }))
}

/// A value that is one of a few.
fn one_of<'a>(
    args: &Args,
    flag: &str,
    what: &str,
    known: [&'a str; 3],
) -> Result<Option<&'a str>, ParseError> {
    let Some(word) = args.last(flag).filter(|word| !word.text.is_empty()) else {
        return Ok(None);
    };
    let found = known.into_iter().find(|one| *one == word.text);
    found.map(Some).ok_or_else(|| {
        let known = known.join(", ");
        word.wrong(format!(
            "invalid {what}: {}, valid values are: {known}",
            word.text
        ))
    })
}

/// `--labels=app=web,tier=front` (`parseLabels`).
fn labels(args: &Args) -> Result<Option<Value>, ParseError> {
    let Some(word) = args.last("labels").filter(|word| !word.text.is_empty()) else {
        return Ok(None);
    };
    let mut labels = Map::new();
    for pair in word.text.split(',') {
        let Some((key, value)) = pair.split_once('=').filter(|(_, v)| !v.contains('=')) else {
            return Err(word.wrong(format!("unexpected label spec: {pair}")));
        };
        if key.is_empty() {
            return Err(word.wrong("unexpected empty label key"));
        }
        labels.insert(key.to_owned(), value.into());
    }
    Ok(Some(Value::Object(labels)))
}

/// `--env=NAME=VALUE`, each (`parseEnvs`).
fn variables(args: &Args) -> Result<Vec<Value>, ParseError> {
    let all = pairs(args, "env", "invalid env")?.into_iter();
    Ok(all
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect())
}

fn pairs(args: &Args, flag: &str, wrong: &str) -> Result<Map<String, Value>, ParseError> {
    let mut found = Map::new();
    for word in args.all(flag) {
        let pair = word.text.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| word.wrong(format!("{wrong}: {}", word.text)))?;
        found.insert(key.to_owned(), value.into());
    }
    Ok(found)
}

/// `--overrides`, and how they are merged.
fn overrides(args: &Args) -> Result<Option<(PatchType, Value)>, ParseError> {
    let patch_type = match args.last("override-type") {
        None => PatchType::Merge,
        Some(word) => match word.text.as_str() {
            "json" => PatchType::Json,
            "merge" => PatchType::Merge,
            "strategic" => PatchType::Strategic,
            other => {
                let words = format!("invalid override type: {other}");
                return Err(word.wrong(words).with_help("json, merge or strategic"));
            }
        },
    };
    let Some(word) = args.last("overrides") else {
        return Ok(None);
    };
    let value = yaml::read(&word.text)
        .map_err(|error| word.wrong(format!("unable to parse {:?}: {error}", word.text)))?;
    let fits = match patch_type {
        PatchType::Json => check_json(&value),
        _ if value.is_object() => Ok(()),
        _ => Err("it holds no fields".to_owned()),
    };
    fits.map_err(|error| word.wrong(format!("these are no overrides: {error}")))?;
    Ok(Some((patch_type, value)))
}
