//! `decisions.csv`: how each sync of an HPA came to its number.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::DECISIONS;
use crate::record::{MetricRecord, Recording};

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
    for (decision, metrics) in recording.decisions.with_metrics() {
        let hpa = &recording.hpas[decision.hpa];
        rows.seconds(decision.time);
        rows.text(&hpa.namespace);
        rows.text(&hpa.name);
        rows.text(&objects[decision.hpa]);
        rows.int(decision.current);
        for name in &names {
            let metric = metrics.clone().find(|metric| metric.name == *name);
            part(&mut rows, metric.as_ref());
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
        rows.end()?;
    }
    rows.finish()
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
