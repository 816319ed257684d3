//! `summary.csv`, `summary.json`, `scaling_steps.csv`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::number::rounded;
use super::rows::Rows;
use super::schema::SCALING_STEPS;
use crate::analysis::{ScalingStep, Stages, Summary};
use crate::record::{Provenance, SCHEMA, SourceText};

/// Decimals of figures in files.
const DECIMALS: usize = 6;

/// Writes one row: scenario, seed and every figure.
pub fn write_summary_csv(
    name: &str,
    seed: u64,
    summary: &Summary,
    out: impl Write,
) -> io::Result<()> {
    let mut rows = Rows::headless(out);
    rows.text("scenario");
    rows.text("seed");
    for (figure, _) in &summary.values {
        rows.text(figure);
    }
    rows.end()?;
    rows.text(name);
    rows.count(seed);
    for (_, value) in &summary.values {
        rows.float(*value, DECIMALS);
    }
    rows.end()?;
    rows.finish()
}

/// Writes the figures and how they were made as one object; figures that do not exist are null.
pub fn write_summary_json(
    provenance: &Provenance,
    summary: &Summary,
    mut out: impl Write,
) -> io::Result<()> {
    let metrics: Map<String, Value> = (summary.values.iter())
        .map(|(name, value)| (name.clone(), number(*value)))
        .collect();
    let findings: Vec<Value> = (summary.findings.iter())
        .map(|finding| {
            json!({
                "severity": finding.severity.name(),
                "subject": finding.subject,
                "text": finding.text,
            })
        })
        .collect();
    let mut all = json!({
        "schema": SCHEMA,
        "nlsim": env!("CARGO_PKG_VERSION"),
        "kubernetes": provenance.kubernetes,
        "scenario": provenance.scenario,
        "seed": provenance.seed,
        "metrics": null,
        "findings": findings,
        "made_of": null,
    });
    // What is named in the macro is copied.
    all["metrics"] = Value::Object(metrics);
    all["made_of"] = made_of(provenance);
    serde_json::to_writer_pretty(&mut out, &all)?;
    writeln!(out)
}

/// The files as they were read, and what was replaced in them.
fn made_of(provenance: &Provenance) -> Value {
    let file = |file: &SourceText| {
        json!({
            "path": file.path,
            "bytes": file.bytes,
            "fnv1a": format!("{:016x}", file.fnv1a),
            "text": file.text.as_deref(),
        })
    };
    let set = |(path, value): &(String, String)| json!({ "path": path, "value": value });
    json!({
        "files": provenance.files.iter().map(file).collect::<Vec<_>>(),
        "set": provenance.set.iter().map(set).collect::<Vec<_>>(),
    })
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return json!(value as i64);
    }
    let text = rounded(value, DECIMALS);
    if let Ok(whole) = text.parse::<i64>() {
        return json!(whole);
    }
    text.parse::<f64>()
        .map_or(Value::Null, |value| json!(value))
}

/// Writes a row per load step: how long scaling took, and where the time went.
pub fn write_scaling_steps(summary: &Summary, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &SCALING_STEPS.header(&[]))?;
    for hpa in &summary.hpas {
        for step in &hpa.steps {
            rows.text(&hpa.namespace);
            rows.text(&hpa.name);
            step_row(&mut rows, step);
            rows.end()?;
        }
    }
    rows.finish()
}

fn step_row(rows: &mut Rows<impl Write>, step: &ScalingStep) {
    let latency = &step.latency;
    rows.float(step.time, 3);
    rows.rounded(step.from);
    rows.rounded(step.demand);
    for length in [
        latency.first_decision,
        latency.full_decision,
        latency.ready,
        latency.recover,
    ] {
        rows.float(length.unwrap_or(f64::NAN), 3);
    }
    rows.rounded(latency.overshoot);
    let named = step.stages.as_ref().map(Stages::named);
    let lengths = named.map_or([f64::NAN; 6], |named| named.map(|(_, length)| length));
    for length in lengths {
        rows.float(length, 3);
    }
}
