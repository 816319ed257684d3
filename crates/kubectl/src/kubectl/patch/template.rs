//! `set image`, `set env`, `set resources`: changes of the containers of a pod template.
//!
//! Upstream: kubectl's `pkg/cmd/set`.

use serde_json::{Value, json};

use super::{Change, Message, Refusal, object_at};
use crate::kubectl::command::{SetEnv, SetImage, SetResources};
use crate::kubectl::kind::Kind;

/// Where the pod's spec is in objects of a kind.
fn pod_spec<'a>(kind: &Kind, object: &'a mut Value) -> &'a mut Value {
    let path: &[&str] = match kind.kind {
        "Pod" => &["spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    };
    path.iter().fold(object, |at, name| &mut at[*name])
}

/// Calls a function for each container that a pattern names, and says how many there are.
/// Containers come before init containers.
fn each_container(
    kind: &Kind,
    object: &mut Value,
    pattern: &str,
    mut change: impl FnMut(&mut Value) -> Result<(), Refusal>,
) -> Result<usize, Refusal> {
    let spec = pod_spec(kind, object);
    let mut count = 0;
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default();
            if matches(name, pattern) {
                count += 1;
                change(container)?;
            }
        }
    }
    Ok(count)
}

/// Names with `*` for any letters (`selectString`).
fn matches(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

pub(super) fn set_image(command: &SetImage, kind: &Kind, live: &Value) -> Result<Change, Refusal> {
    let mut object = live.clone();
    let mut missing = Vec::new();
    for (container, image) in &command.images {
        let found = each_container(kind, &mut object, container, |found| {
            found["image"] = json!(image);
            Ok(())
        })?;
        if found == 0 {
            missing.push(format!(
                "error: unable to find container named \"{container}\""
            ));
        }
    }
    if !missing.is_empty() {
        return Err(Refusal::new(missing.join("\n")));
    }
    Ok(Change::done_if_different(live, object, "image updated"))
}

pub(super) fn set_resources(
    command: &SetResources,
    kind: &Kind,
    live: &Value,
) -> Result<Change, Refusal> {
    let mut object = live.clone();
    let found = each_container(kind, &mut object, &command.containers, |container| {
        for (field, amounts) in [("limits", &command.limits), ("requests", &command.requests)] {
            if !amounts.is_empty() {
                let field = object_at(container, &["resources", field]);
                for (name, amount) in amounts {
                    field.insert(name.clone(), json!(amount.to_string()));
                }
            }
        }
        Ok(())
    })?;
    if found == 0 {
        return Err(Refusal::new(format!(
            "error: unable to find container named {}",
            command.containers
        )));
    }
    let operation = "resource requirements updated";
    Ok(Change::done_if_different(live, object, operation))
}

pub(super) fn set_env(command: &SetEnv, kind: &Kind, live: &Value) -> Result<Change, Refusal> {
    let mut object = live.clone();
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    let mut listed = Vec::new();
    let found = each_container(kind, &mut object, &command.containers, |container| {
        let before = container["env"].as_array().cloned().unwrap_or_default();
        let env = update_env(&before, command)
            .map_err(|error| Refusal::new(format!("error: {}/{name} {error}", kind.plural)))?;
        if command.list {
            let of = container["name"].as_str().unwrap_or_default();
            listed.push(format!("# {} {name}, container {of}", kind.kind));
            listed.extend(env.iter().map(shown));
        }
        match container.as_object_mut() {
            Some(container) if env.is_empty() => {
                container.shift_remove("env");
            }
            _ => container["env"] = Value::Array(env),
        }
        Ok(())
    })?;
    let mut change = if command.list {
        let mut change = super::untouched(live);
        change.messages = listed.into_iter().map(Message::Out).collect();
        change
    } else {
        Change::done_if_different(live, object, "env updated")
    };
    if found == 0 {
        change.messages.push(Message::Err(format!(
            "Warning: {kind}/{name} does not have any containers matching \"{}\"",
            command.containers
        )));
    }
    Ok(change)
}

/// A variable as `--list` shows it (`GetEnvVarRefString`).
fn shown(variable: &Value) -> String {
    let text = |of: &Value, field: &str| of[field].as_str().unwrap_or_default().to_owned();
    let name = text(variable, "name");
    let source = &variable["valueFrom"];
    if !source.is_object() {
        return format!("{name}={}", text(variable, "value"));
    }
    let key =
        |kind: &str, of: &Value| format!("{kind} {}, key {}", text(of, "name"), text(of, "key"));
    let from = if let Some(of) = source.get("configMapKeyRef") {
        key("configmap", of)
    } else if let Some(of) = source.get("secretKeyRef") {
        key("secret", of)
    } else if let Some(of) = source.get("fieldRef") {
        format!("field path {}", text(of, "fieldPath"))
    } else if let Some(of) = source.get("resourceFieldRef") {
        let container = text(of, "containerName");
        let slash = if container.is_empty() { "" } else { "/" };
        format!("resource field {container}{slash}{}", text(of, "resource"))
    } else {
        "invalid valueFrom".to_owned()
    };
    format!("# {name} from {from}")
}

/// Variables that are there keep their places, new ones follow (`updateEnv`).
fn update_env(before: &[Value], command: &SetEnv) -> Result<Vec<Value>, String> {
    let mut set = wanted(command);
    let mut env = Vec::new();
    for known in before {
        let name = known["name"].as_str().unwrap_or_default();
        if command.remove.iter().any(|removed| removed == name) {
            continue;
        }
        let Some(at) = set.iter().position(|set| set["name"] == *name) else {
            // A second variable of a name that was set goes.
            if !wanted(command).iter().any(|set| set["name"] == *name) {
                env.push(known.clone());
            }
            continue;
        };
        let variable = set.remove(at);
        let value = variable["value"].as_str().unwrap_or_default();
        let current = known["value"].as_str().unwrap_or_default();
        if !command.overwrite && current != value {
            return Err(format!(
                "'{name}' already has a value ({current}), and --overwrite is false"
            ));
        }
        env.push(variable);
    }
    env.extend(set);
    Ok(env)
}

/// The variables that a command sets: those typed, then those of `--from`. Of a name the last
/// counts.
fn wanted(command: &SetEnv) -> Vec<Value> {
    let typed = command.set.iter().map(|(name, value)| {
        if value.is_empty() {
            json!({ "name": name })
        } else {
            json!({ "name": name, "value": value })
        }
    });
    let from = command.from.iter().flat_map(|from| {
        let field = match from.object.kind.kind {
            "Secret" => "secretKeyRef",
            _ => "configMapKeyRef",
        };
        from.taken().map(move |(key, name)| {
            let source = json!({ field: { "key": key, "name": from.object.name } });
            json!({ "name": format!("{}{name}", from.prefix), "valueFrom": source })
        })
    });
    let mut all: Vec<Value> = Vec::new();
    for variable in typed.chain(from) {
        all.retain(|known| known["name"] != variable["name"]);
        all.push(variable);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_of_containers() {
        for (name, pattern, fits) in [
            ("web", "*", true),
            ("web", "web", true),
            ("web", "we", false),
            ("web-a", "web*", true),
            ("a-web", "*web", true),
            ("a-web-b", "a*web*b", true),
            ("a-web-b", "a*b*web", false),
        ] {
            assert_eq!(matches(name, pattern), fits, "{name} {pattern}");
        }
    }
}
