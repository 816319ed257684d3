//! `vpa.csv`: a row per pass of the recommender and container; `vpa-checkpoints.json`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::rows::Rows;
use super::schema::VPAS;
use crate::record::{Amounts, Recording, VpaRow};

/// Writes the rows of all VPAs; amounts that do not exist are empty.
pub fn write_vpas(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &VPAS.header(&[]))?;
    for vpa in &recording.vpas {
        let object = recording.workloads[vpa.workload].object();
        let most = vpa
            .containers
            .iter()
            .map(|container| container.rows.len())
            .max();
        for place in 0..most.unwrap_or(0) {
            for container in &vpa.containers {
                if let Some(row) = container.rows.get(place) {
                    rows.seconds(row.time);
                    rows.text(&vpa.namespace);
                    rows.text(&vpa.name);
                    rows.text(&object);
                    rows.text(&container.name);
                    amounts(&mut rows, row);
                    rows.end()?;
                }
            }
        }
    }
    rows.finish()
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

fn amounts(rows: &mut Rows<impl Write>, row: &VpaRow) {
    let band = row.recommendation.unwrap_or_default();
    let amounts: [&Amounts; 9] = [
        &band.lower,
        &band.target,
        &band.upper,
        &band.uncapped,
        &row.request,
        &row.limit,
        &row.usage_p50,
        &row.usage_p95,
        &row.usage_max,
    ];
    rows.int(row.running);
    for one in amounts {
        rows.float(one.cpu.unwrap_or(f64::NAN), 4);
    }
    for one in amounts {
        rows.rounded(one.memory.unwrap_or(f64::NAN));
    }
}
