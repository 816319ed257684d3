//! `decisions.csv`: how each sync of an HPA came to its number.

use std::io::{self, Write};

use super::number::{float, optional, seconds};
use super::schema::DECISIONS;
use crate::record::{MetricRecord, Recording};

/// Writes a row per sync: the number before, each metric's part, the number after each
/// correction, and why. A metric's columns begin with its name.
pub fn write_decisions(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for name in recording.hpas.iter().flat_map(|hpa| &hpa.metric_names) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(DECISIONS.header(&names))?;
    for decision in &recording.decisions {
        let hpa = &recording.hpas[decision.hpa];
        let mut row = vec![
            seconds(decision.time),
            hpa.namespace.to_string(),
            hpa.name.clone(),
            recording.workloads[hpa.workload].object(),
            decision.current.to_string(),
        ];
        for name in &names {
            let metric = decision.metrics.iter().find(|metric| metric.name == *name);
            match metric {
                Some(metric) => row.extend(part(metric)),
                None => row.extend(std::iter::repeat_n(
                    String::new(),
                    DECISIONS.per_metric.len(),
                )),
            }
        }
        row.extend([
            optional(decision.raw),
            optional(decision.stabilized),
            optional(decision.limited),
            decision.desired.to_string(),
            decision.written.to_string(),
            decision.reason.clone(),
        ]);
        row.extend(decision.conditions.map(str::to_owned));
        rows.write_record(row)?;
    }
    rows.flush()
}

fn part(metric: &MetricRecord) -> [String; DECISIONS.per_metric.len()] {
    let pods = |place: usize| optional(metric.pods.map(|pods| pods[place]));
    let number = |value: Option<f64>| value.map_or(String::new(), |value| float(value, 6));
    [
        number(metric.value),
        float(metric.target, 6),
        number(metric.ratio),
        number(metric.adjusted_ratio),
        pods(0),
        pods(1),
        pods(2),
        pods(3),
        optional(metric.proposal),
        metric.error.clone().unwrap_or_default(),
    ]
}
