//! `decisions.csv`: how each sync of an HPA came to its number.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::rows::Rows;
use super::schema::DECISIONS;
use crate::record::{DecisionRecord, MetricRecord, Recording};

/// Different outcomes whose cells are remembered.
const REMEMBERED: usize = 4096;

/// Writes a row per sync: the number before, each metric's part, the number after each
/// correction, and why. A metric's columns begin with its name,
/// those of a model that predicts with `model.` and its name.
pub fn write_decisions(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    let metrics = recording.hpas.iter().flat_map(|hpa| {
        let models = hpa.forecasts.iter().map(|one| &one.model);
        hpa.metric_names.iter().chain(models).map(String::as_str)
    });
    for name in metrics {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut rows = Rows::new(out, &DECISIONS.header(&names))?;
    let object = |workload: usize| recording.workloads[workload].object();
    let objects: Vec<String> = (recording.hpas.iter())
        .map(|hpa| object(hpa.workload))
        .collect();
    // Cells of each HPA, and of what decisions came to: most come to what another one came to.
    let mut of_hpas: Vec<Vec<u8>> = vec![Vec::new(); recording.hpas.len()];
    let mut of_outcomes: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for (number, decision, metrics) in recording.decisions.with_outcomes() {
        rows.seconds(decision.time);
        let known = &mut of_hpas[decision.hpa];
        if known.is_empty() {
            let (place, hpa) = (rows.place(), &recording.hpas[decision.hpa]);
            rows.text(&hpa.namespace);
            rows.text(&hpa.name);
            rows.text(&objects[decision.hpa]);
            known.extend_from_slice(rows.since(place));
        } else {
            rows.again(known);
        }
        if let Some(cells) = of_outcomes.get(&number) {
            rows.again(cells);
        } else {
            let place = rows.place();
            outcome(&mut rows, &names, &decision, &metrics);
            if of_outcomes.len() >= REMEMBERED {
                of_outcomes.clear();
            }
            of_outcomes.insert(number, rows.since(place).to_vec());
        }
        rows.end()?;
    }
    rows.finish()
}

/// What a decision came to.
fn outcome<'a>(
    rows: &mut Rows<impl Write>,
    names: &[&str],
    decision: &DecisionRecord,
    metrics: &(impl Iterator<Item = MetricRecord<'a>> + Clone),
) {
    rows.int(decision.current);
    for name in names {
        let metric = metrics.clone().find(|metric| metric.name == *name);
        part(rows, metric.as_ref());
    }
    rows.optional(decision.raw);
    rows.optional(decision.stabilized);
    rows.optional(decision.limited);
    rows.int(decision.desired);
    rows.bool(decision.written);
    rows.text(decision.reason);
    for reason in decision.conditions {
        rows.text(reason);
    }
}

/// The columns of a metric, which are empty if the decision did not look at it.
fn part(rows: &mut Rows<impl Write>, metric: Option<&MetricRecord>) {
    let Some(metric) = metric else {
        for _ in DECISIONS.per_metric {
            rows.empty();
        }
        return;
    };
    for value in [
        metric.value,
        Some(metric.target),
        metric.ratio,
        metric.adjusted_ratio,
    ] {
        rows.float(value.unwrap_or(f64::NAN), 6);
    }
    for place in 0..4 {
        rows.optional(metric.pods.map(|pods| pods[place]));
    }
    rows.optional(metric.proposal);
    rows.text(metric.error.unwrap_or_default());
}
