//! `vpa.csv`: a row per pass of the recommender and container; `vpa-checkpoints.json`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::number::{float, rounded, seconds};
use super::schema::VPAS;
use crate::record::{Amounts, Recording, VpaRecord, VpaRow};

/// Writes the rows of all VPAs; amounts that do not exist are empty.
pub fn write_vpas(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(VPAS.header(&[]))?;
    for vpa in &recording.vpas {
        let most = vpa
            .containers
            .iter()
            .map(|container| container.rows.len())
            .max();
        for place in 0..most.unwrap_or(0) {
            for container in &vpa.containers {
                if let Some(row) = container.rows.get(place) {
                    rows.write_record(cells(recording, vpa, &container.name, row))?;
                }
            }
        }
    }
    rows.flush()
}

/// Writes what the recommenders knew at the end as a `List`, which `[[vpa_history]]` reads.
pub fn write_vpa_checkpoints(recording: &Recording, mut out: impl Write) -> io::Result<()> {
    let items: Vec<&Value> = (recording.vpas.iter())
        .flat_map(|vpa| &vpa.checkpoints)
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    serde_json::to_writer_pretty(&mut out, &list)?;
    writeln!(out)
}

fn cells(recording: &Recording, vpa: &VpaRecord, container: &str, row: &VpaRow) -> Vec<String> {
    let band = row.recommendation.unwrap_or_default();
    let amounts = [
        band.lower,
        band.target,
        band.upper,
        band.uncapped,
        row.request,
        row.limit,
        row.usage_p50,
        row.usage_p95,
        row.usage_max,
    ];
    let cpu = |amounts: &Amounts| float(amounts.cpu.unwrap_or(f64::NAN), 4);
    let memory = |amounts: &Amounts| rounded(amounts.memory.unwrap_or(f64::NAN), 0);
    let mut cells = vec![
        seconds(row.time),
        vpa.namespace.to_string(),
        vpa.name.clone(),
        recording.workloads[vpa.workload].object(),
        container.to_owned(),
        row.running.to_string(),
    ];
    cells.extend(amounts.iter().map(cpu));
    cells.extend(amounts.iter().map(memory));
    cells
}
