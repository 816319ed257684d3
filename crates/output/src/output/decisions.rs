//! `decisions.csv`: how each sync of an HPA came to its number.

use std::io::{self, Write};

use super::lasting::Lasting;
use super::rows::Rows;
use super::schema::DECISIONS;
use crate::record::{DecisionRecord, MetricRecord, Recording};

/// Different outcomes whose cells are remembered, by the last bits of their numbers.
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
    let mut of_outcomes: Vec<(u32, Vec<u8>)> = vec![(u32::MAX, Vec::new()); REMEMBERED];
    let mut reasons = Lasting::default();
    for sync in recording.decisions.syncs() {
        rows.seconds(sync.time);
        let hpa = sync.hpa as usize;
        let known = &mut of_hpas[hpa];
        if known.is_empty() {
            let (place, object) = (rows.place(), &objects[hpa]);
            let hpa = &recording.hpas[hpa];
            rows.text(&hpa.namespace);
            rows.text(&hpa.name);
            rows.text(object);
            known.extend_from_slice(rows.since(place));
        } else {
            rows.again(known);
        }
        let (known, cells) = &mut of_outcomes[sync.outcome as usize % REMEMBERED];
        if *known == sync.outcome {
            rows.again(cells);
        } else {
            let place = rows.place();
            let (decision, metrics) = recording.decisions.at(sync);
            outcome(&mut rows, &names, &decision, &metrics);
            let [able, active, limited] = decision.conditions;
            reasons.write(&mut rows, [decision.reason, able, active, limited]);
            *known = sync.outcome;
            cells.clear();
            cells.extend_from_slice(rows.since(place));
        }
        rows.end()?;
    }
    rows.finish()
}

/// The numbers that a decision came to.
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
