//! ConfigMaps and Secrets.
//!
//! Upstream: `ConfigMapDescriber`, `describeSecret`.

use serde_json::Value;

use super::writer::Writer;

/// The fields of a map in the order of their names.
fn sorted(of: &Value) -> Vec<(&String, &Value)> {
    let mut all: Vec<(&String, &Value)> = of.as_object().into_iter().flatten().collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    all
}

pub(super) fn config_map(map: &Value, writer: &mut Writer) {
    writer.metadata(map);
    writer.write(0, "\nData\n====\n");
    for (key, text) in sorted(&map["data"]) {
        let text = text.as_str().unwrap_or_default();
        writer.write(0, &format!("{key}:\n----\n{text}\n\n"));
    }
    writer.write(0, "\nBinaryData\n====\n");
    for (key, code) in sorted(&map["binaryData"]) {
        let bytes = decoded(code.as_str().unwrap_or_default());
        writer.write(0, &format!("{key}: {bytes} bytes\n"));
    }
    writer.write(0, "\n");
}

pub(super) fn secret(secret: &Value, writer: &mut Writer) {
    writer.metadata(secret);
    let kind = secret["type"].as_str().unwrap_or("Opaque");
    writer.write(0, &format!("\nType:\t{kind}\n"));
    writer.write(0, "\nData\n====\n");
    for (key, code) in sorted(&secret["data"]) {
        let bytes = decoded(code.as_str().unwrap_or_default());
        writer.write(0, &format!("{key}:\t{bytes} bytes\n"));
    }
    // What was written as text.
    for (key, text) in sorted(&secret["stringData"]) {
        let bytes = text.as_str().unwrap_or_default().len();
        writer.write(0, &format!("{key}:\t{bytes} bytes\n"));
    }
}

/// How many bytes a text in base64 stands for.
fn decoded(code: &str) -> usize {
    let letters = code
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    letters.count() * 3 / 4
}
