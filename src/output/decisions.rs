//! `decisions.csv`: how each sync of an HPA came to its number.

use std::io::{self, Write};

use super::number::{optional, rounded, seconds};
use crate::record::{MetricRecord, Recording};

const PER_METRIC: [&str; 10] = [
    "value",
    "target",
    "ratio",
    "adjusted_ratio",
    "ready_pods",
    "unready_pods",
    "missing_pods",
    "ignored_pods",
    "proposal",
    "error",
];

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
    rows.write_record(header(&names))?;
    for decision in &recording.decisions {
        let mut row = vec![
            seconds(decision.time),
            recording.hpas[decision.hpa].namespace.to_string(),
            recording.hpas[decision.hpa].name.clone(),
            decision.current.to_string(),
        ];
        for name in &names {
            let metric = decision.metrics.iter().find(|metric| metric.name == *name);
            match metric {
                Some(metric) => row.extend(part(metric)),
                None => row.extend(std::iter::repeat_n(String::new(), PER_METRIC.len())),
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

fn header(names: &[&str]) -> Vec<String> {
    let mut header: Vec<String> = ["time_s", "namespace", "hpa", "current"]
        .map(str::to_owned)
        .into();
    for name in names {
        header.extend(PER_METRIC.map(|column| format!("{name}.{column}")));
    }
    let rest = [
        "raw",
        "stabilized",
        "limited",
        "desired",
        "written",
        "reason",
        "able_to_scale",
        "scaling_active",
        "scaling_limited",
    ];
    header.extend(rest.map(str::to_owned));
    header
}

fn part(metric: &MetricRecord) -> [String; PER_METRIC.len()] {
    let pods = |place: usize| optional(metric.pods.map(|pods| pods[place]));
    let number = |value: Option<f64>| value.map_or(String::new(), |value| rounded(value, 6));
    [
        number(metric.value),
        rounded(metric.target, 6),
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
