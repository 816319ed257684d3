//! Containers, with how they stand if that is known.
//!
//! Upstream: `describeContainers`.

use serde_json::Value;

use super::super::cells::{items, quantity, text};
use super::date::date_at;
use super::probe;
use super::writer::Writer;

/// Containers under a title. `statuses` are those of a pod's; without them they are a template's,
/// which stands further in. `pod` is where fields of the pod are looked up.
pub(super) fn describe(
    title: &str,
    containers: &[Value],
    statuses: Option<&[Value]>,
    pod: Option<&Value>,
    writer: &mut Writer,
) {
    let (space, indent) = match statuses {
        Some(_) => ("", ""),
        None => ("  ", " "),
    };
    let none = if containers.is_empty() { " <none>" } else { "" };
    writer.write(0, &format!("{space}{title}:{none}\n"));
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default();
        let mut known = statuses.into_iter().flatten();
        let status = known.find(|status| status["name"] == *name);
        writer.write(1, &format!("{indent}{name}:\n"));
        basics(container, status, writer);
        lines("Command", items(container, &["command"]), writer);
        lines("Args", items(container, &["args"]), writer);
        if let Some(status) = status {
            state("State", &status["state"], writer);
            if !status["lastState"]["terminated"].is_null() {
                state("Last State", &status["lastState"], writer);
            }
            let ready = if status["ready"] == true {
                "True"
            } else {
                "False"
            };
            writer.write(2, &format!("Ready:\t{ready}\n"));
            let restarts = status["restartCount"].as_i64().unwrap_or(0);
            writer.write(2, &format!("Restart Count:\t{restarts}\n"));
        }
        resources(&container["resources"], 2, writer);
        for (title, field) in [
            ("Liveness", "livenessProbe"),
            ("Readiness", "readinessProbe"),
            ("Startup", "startupProbe"),
        ] {
            if !container[field].is_null() {
                let probe = probe::text_of(&container[field]);
                writer.write(2, &format!("{title}:\t{probe}\n"));
            }
        }
        environment(container, pod, writer);
        mounts(container, writer);
    }
}

fn basics(container: &Value, status: Option<&Value>, writer: &mut Writer) {
    let of = |field: &str| status.map(|status| status[field].as_str().unwrap_or_default());
    if let Some(id) = of("containerID") {
        writer.write(2, &format!("Container ID:\t{id}\n"));
    }
    let image = container["image"].as_str().unwrap_or_default();
    writer.write(2, &format!("Image:\t{image}\n"));
    if let Some(id) = of("imageID") {
        writer.write(2, &format!("Image ID:\t{id}\n"));
    }
    for (one, many, field) in [
        ("Port", "Ports", "containerPort"),
        ("Host Port", "Host Ports", "hostPort"),
    ] {
        let port = |port: &Value| {
            let number = port[field].as_i64().unwrap_or(0);
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["name"].as_str().filter(|name| !name.is_empty()) {
                Some(name) => format!("{number}/{protocol} ({name})"),
                None => format!("{number}/{protocol}"),
            }
        };
        let ports: Vec<String> = items(container, &["ports"]).iter().map(port).collect();
        match ports.as_slice() {
            [] => writer.write(2, &format!("{one}:\t<none>\n")),
            [port] => writer.write(2, &format!("{one}:\t{port}\n")),
            ports => writer.write(2, &format!("{many}:\t{}\n", ports.join(", "))),
        }
    }
}

/// A command's words, those of several lines in as many.
fn lines(title: &str, words: &[Value], writer: &mut Writer) {
    if words.is_empty() {
        return;
    }
    writer.write(2, &format!("{title}:\n"));
    let words = words.iter().filter_map(Value::as_str);
    for line in words.flat_map(|word| word.split('\n')) {
        writer.write(3, &format!("{line}\n"));
    }
}

/// Limits and requests.
pub(super) fn resources(resources: &Value, level: usize, writer: &mut Writer) {
    for (title, field) in [("Limits", "limits"), ("Requests", "requests")] {
        let amounts = sorted(&resources[field]);
        if !amounts.is_empty() {
            writer.write(level, &format!("{title}:\n"));
        }
        for (name, amount) in amounts {
            let amount = quantity(amount).unwrap_or_default();
            writer.write(level + 1, &format!("{name}:\t{amount}\n"));
        }
    }
}

/// The fields of an object in the order of their names.
pub(super) fn sorted(object: &Value) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = object.as_object().into_iter().flatten().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

fn state(title: &str, state: &Value, writer: &mut Writer) {
    if !state["running"].is_null() {
        let since = date_at(state, &["running", "startedAt"]);
        writer.write(2, &format!("{title}:\tRunning\n"));
        writer.write(3, &format!("Started:\t{since}\n"));
        return;
    }
    let ended = &state["terminated"];
    if ended.is_null() {
        writer.write(2, &format!("{title}:\tWaiting\n"));
        writer.given(3, "Reason", text(state, &["waiting", "reason"]));
        return;
    }
    writer.write(2, &format!("{title}:\tTerminated\n"));
    writer.given(3, "Reason", ended["reason"].as_str());
    writer.given(3, "Message", ended["message"].as_str());
    let code = ended["exitCode"].as_i64().unwrap_or(0);
    writer.write(3, &format!("Exit Code:\t{code}\n"));
    if let Some(signal) = ended["signal"].as_i64().filter(|signal| *signal > 0) {
        writer.write(3, &format!("Signal:\t{signal}\n"));
    }
    for (title, field) in [("Started", "startedAt"), ("Finished", "finishedAt")] {
        writer.write(3, &format!("{title}:\t{}\n", date_at(ended, &[field])));
    }
}

/// Variables and where they come from.
fn environment(container: &Value, pod: Option<&Value>, writer: &mut Writer) {
    let from = items(container, &["envFrom"]);
    if !from.is_empty() {
        writer.write(2, "Environment Variables from:\n");
    }
    for one in from {
        let kinds = [("ConfigMap", "configMapRef"), ("Secret", "secretRef")];
        let source = kinds.into_iter().find(|(_, field)| !one[field].is_null());
        let (kind, source) = source.map_or(("", &Value::Null), |(kind, at)| (kind, &one[at]));
        let name = source["name"].as_str().unwrap_or_default();
        let prefix = match one["prefix"].as_str().filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!(" with prefix '{prefix}'"),
            None => String::new(),
        };
        let optional = source["optional"] == true;
        writer.write(
            3,
            &format!("{name}\t{kind}{prefix}\tOptional: {optional}\n"),
        );
    }
    let variables = items(container, &["env"]);
    if variables.is_empty() {
        writer.write(2, "Environment:\t<none>\n");
        return;
    }
    writer.write(2, "Environment:\n");
    for variable in variables {
        let name = variable["name"].as_str().unwrap_or_default();
        let source = &variable["valueFrom"];
        if source.is_object() {
            if let Some(value) = value_from(source, container, pod) {
                writer.write(3, &format!("{name}:\t{value}\n"));
            }
            continue;
        }
        let value = variable["value"].as_str().unwrap_or_default();
        for (at, line) in value.split('\n').enumerate() {
            let before = if at == 0 {
                format!("{name}:")
            } else {
                String::new()
            };
            writer.write(3, &format!("{before}\t{line}\n"));
        }
    }
}

fn value_from(source: &Value, container: &Value, pod: Option<&Value>) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = |of: &Value| (text(&of["key"]), text(&of["name"]), of["optional"] == true);
    if let Some(field) = source.get("fieldRef") {
        let (version, path) = (
            field["apiVersion"].as_str().unwrap_or("v1"),
            &field["fieldPath"],
        );
        let path = path.as_str().unwrap_or_default();
        let value = pod.map(|pod| field_of(pod, path)).unwrap_or_default();
        return Some(format!("{value} ({version}:{path})"));
    }
    if let Some(field) = source.get("resourceFieldRef") {
        let resource = text(&field["resource"]);
        let value = resource_of(container, &resource, field["divisor"].as_str());
        let is_limit = matches!(resource.as_str(), "limits.cpu" | "limits.memory");
        let value = match value.as_str() {
            "0" if is_limit => "node allocatable".to_owned(),
            _ => value,
        };
        return Some(format!("{value} ({resource})"));
    }
    if let Some(of) = source.get("secretKeyRef") {
        let (key, name, optional) = key(of);
        return Some(format!(
            "<set to the key '{key}' in secret '{name}'>\tOptional: {optional}"
        ));
    }
    let of = source.get("configMapKeyRef")?;
    let (key, name, optional) = key(of);
    Some(format!(
        "<set to the key '{key}' of config map '{name}'>\tOptional: {optional}"
    ))
}

/// A field of the pod by its path, as `metadata.labels['app']`.
fn field_of(pod: &Value, path: &str) -> String {
    if let Some((map, key)) = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"))
    {
        let map: Vec<&str> = map.split('.').collect();
        let map = map.iter().try_fold(pod, |at, name| at.get(name));
        let value = map.and_then(|map| map[key].as_str());
        return value.unwrap_or_default().to_owned();
    }
    let path: Vec<&str> = path.split('.').collect();
    text(pod, &path).unwrap_or_default().to_owned()
}

/// `limits.cpu` of a container, in units of the divisor, rounded up.
fn resource_of(container: &Value, resource: &str, divisor: Option<&str>) -> String {
    use crate::units::Quantity;
    let Some((list, name)) = resource.split_once('.') else {
        return String::new();
    };
    let amount = |text: &str| text.parse::<Quantity>().ok().map(Quantity::nanos);
    let written = quantity(&container["resources"][list][name]);
    let asked = written.and_then(|text| amount(&text)).unwrap_or(0);
    let unit = divisor.and_then(amount).filter(|unit| *unit > 0);
    let unit = unit.unwrap_or(1_000_000_000);
    ((asked + unit - 1) / unit).to_string()
}

fn mounts(container: &Value, writer: &mut Writer) {
    let mut mounts: Vec<&Value> = items(container, &["volumeMounts"]).iter().collect();
    let none = if mounts.is_empty() { "\t<none>" } else { "" };
    writer.write(2, &format!("Mounts:{none}\n"));
    let of = |mount: &Value, field: &str| mount[field].as_str().unwrap_or_default().to_owned();
    mounts.sort_by_cached_key(|mount| of(mount, "mountPath"));
    for mount in mounts {
        let access = if mount["readOnly"] == true {
            "ro"
        } else {
            "rw"
        };
        let part = of(mount, "subPath");
        let flags = if part.is_empty() {
            access.to_owned()
        } else {
            format!("{access},path={part:?}")
        };
        let (path, name) = (of(mount, "mountPath"), of(mount, "name"));
        writer.write(3, &format!("{path} from {name} ({flags})\n"));
    }
}
