//! `summary.csv`, `summary.json`, `scaling_steps.csv`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::number::{float, rounded};
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
    let mut rows = csv::Writer::from_writer(out);
    let names = summary.values.iter().map(|(name, _)| name.as_str());
    rows.write_record(["scenario", "seed"].into_iter().chain(names))?;
    let mut row = vec![name.to_owned(), seed.to_string()];
    row.extend(
        summary
            .values
            .iter()
            .map(|(_, value)| float(*value, DECIMALS)),
    );
    rows.write_record(row)?;
    rows.flush()
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
    let all = json!({
        "schema": SCHEMA,
        "nlsim": env!("CARGO_PKG_VERSION"),
        "kubernetes": provenance.kubernetes,
        "scenario": provenance.scenario,
        "seed": provenance.seed,
        "metrics": metrics,
        "findings": findings,
        "made_of": made_of(provenance),
    });
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
    let text = rounded(value, DECIMALS);
    if let Ok(whole) = text.parse::<i64>() {
        return json!(whole);
    }
    text.parse::<f64>()
        .map_or(Value::Null, |value| json!(value))
}

/// Writes a row per load step: how long scaling took, and where the time went.
pub fn write_scaling_steps(summary: &Summary, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(SCALING_STEPS.header(&[]))?;
    for hpa in &summary.hpas {
        let object = [hpa.namespace.to_string(), hpa.name.clone()];
        for step in &hpa.steps {
            rows.write_record(object.clone().into_iter().chain(step_row(step)))?;
        }
    }
    rows.flush()
}

fn step_row(step: &ScalingStep) -> Vec<String> {
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| float(value, 3));
    let latency = &step.latency;
    let mut row = vec![
        float(step.time, 3),
        rounded(step.from, 0),
        rounded(step.demand, 0),
        optional(latency.first_decision),
        optional(latency.full_decision),
        optional(latency.ready),
        optional(latency.recover),
        rounded(latency.overshoot, 0),
    ];
    match &step.stages {
        Some(stages) => row.extend(stages.named().iter().map(|(_, length)| float(*length, 3))),
        None => row.extend(std::iter::repeat_n(
            String::new(),
            Stages::default().named().len(),
        )),
    }
    row
}
