//! Volumes of a pod's spec.
//!
//! Upstream: `describeVolumes`. Kinds of volumes that scenarios have no use for are described by
//! the name of their field alone.

use serde_json::Value;

use super::super::cells::{items, quantity, text};
use super::writer::Writer;

pub(super) fn volumes(spec: &Value, space: &str, writer: &mut Writer) {
    let all = items(spec, &["volumes"]);
    if all.is_empty() {
        writer.write(0, &format!("{space}Volumes:\t<none>\n"));
        return;
    }
    writer.write(0, &format!("{space}Volumes:\n"));
    let indent = if space.is_empty() { "" } else { " " };
    for volume in all {
        let name = volume["name"].as_str().unwrap_or_default();
        writer.write(1, &format!("{indent}{name}:\n"));
        let mut sources = volume.as_object().into_iter().flatten();
        match sources.find(|(field, _)| *field != "name") {
            Some((field, source)) => self::source(field, source, writer),
            None => writer.write(1, "<unknown>\n"),
        }
    }
}

fn source(field: &str, source: &Value, writer: &mut Writer) {
    let of = |field: &str| text(source, &[field]).unwrap_or_default();
    let optional = source["optional"] == true;
    let mut line = |title: &str, value: &str| writer.write(2, &format!("{title}:\t{value}\n"));
    match field {
        "hostPath" => {
            line("Type", "HostPath (bare host directory volume)");
            line("Path", of("path"));
            line("HostPathType", source["type"].as_str().unwrap_or("<none>"));
        }
        "emptyDir" => {
            let limit = quantity(&source["sizeLimit"]);
            line(
                "Type",
                "EmptyDir (a temporary directory that shares a pod's lifetime)",
            );
            line("Medium", of("medium"));
            line("SizeLimit", limit.as_deref().unwrap_or("<unset>"));
        }
        "secret" => {
            line("Type", "Secret (a volume populated by a Secret)");
            line("SecretName", of("secretName"));
            line("Optional", &optional.to_string());
        }
        "configMap" => {
            line("Type", "ConfigMap (a volume populated by a ConfigMap)");
            line("Name", of("name"));
            line("Optional", &optional.to_string());
        }
        "persistentVolumeClaim" => {
            line(
                "Type",
                "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same \
                 namespace)",
            );
            line("ClaimName", of("claimName"));
            line("ReadOnly", &(source["readOnly"] == true).to_string());
        }
        "projected" => {
            line(
                "Type",
                "Projected (a volume that contains injected data from multiple sources)",
            );
            for one in items(source, &["sources"]) {
                projected(one, &mut line);
            }
        }
        other => line("Type", other),
    }
}

/// One source of a projected volume.
fn projected(source: &Value, line: &mut impl FnMut(&str, &str)) {
    for (field, title) in [("secret", "SecretName"), ("configMap", "ConfigMapName")] {
        if let Some(one) = source.get(field) {
            line(title, one["name"].as_str().unwrap_or_default());
            line("Optional", &(one["optional"] == true).to_string());
        }
    }
    if source.get("downwardAPI").is_some() {
        line("DownwardAPI", "true");
    }
    if let Some(token) = source.get("serviceAccountToken") {
        let seconds = token["expirationSeconds"].as_i64().unwrap_or(3600);
        line("TokenExpirationSeconds", &seconds.to_string());
    }
}
