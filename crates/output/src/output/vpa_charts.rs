//! Charts of VPAs: what containers use, request and are recommended.

use std::fmt::Write;

use super::chart::{Mark, MarkKind, Points, ResourcePanel, Unit, UsageChart};
use super::charts::{Named, drawing, load_spans, service_of};
use crate::analysis::{Summary, VpaFigures};
use crate::record::{
    Amounts, DisruptionKind, Labels, Recording, VpaBand, VpaContainerRecord, VpaRecord, VpaRow,
};

/// Points of a line at most: more than that cannot be told apart.
const MOST_POINTS: usize = 1500;

/// A chart per container.
pub(super) fn usage_charts<'a>(
    name: &'a str,
    recording: &'a Recording,
    summary: &'a Summary,
    is_shown: &[bool],
    charts: &mut Named<'a>,
) {
    let vpas = recording.vpas.iter().zip(&summary.vpas);
    let is_shown = |vpa: &VpaRecord| is_shown.get(vpa.workload).is_none_or(|shown| *shown);
    for (vpa, figures) in vpas.filter(|(vpa, _)| is_shown(vpa)) {
        for container in vpa.containers.iter().filter(|one| !one.rows.is_empty()) {
            let file = format!("vpa-{}-{}", figures.label, container.name);
            let labels = &summary.labels;
            let chart =
                drawing(move || usage_chart(name, recording, labels, (vpa, figures), container));
            charts.push((file, chart));
        }
    }
}

fn usage_chart(
    name: &str,
    recording: &Recording,
    labels: &Labels,
    (vpa, figures): (&VpaRecord, &VpaFigures),
    container: &VpaContainerRecord,
) -> UsageChart {
    let disruptions = figures.disruptions;
    let counts = [
        (disruptions.evictions, "evictions"),
        (disruptions.evictions_refused, "refused"),
        (disruptions.resizes, "resizes"),
        (disruptions.oom_kills, "OOM kills"),
    ];
    let mut subtitle = format!("{}, mode {}", labels.workloads[vpa.workload], vpa.mode);
    for (count, what) in counts {
        if count > 0 {
            // Writing to a string cannot fail.
            let _ = write!(subtitle, " · {count} {what}");
        }
    }
    UsageChart {
        title: format!(
            "{name}: container {} under {}",
            container.name, figures.label
        ),
        subtitle,
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
        resources: vec![
            panel("CPU of a pod", Unit::Cores, container, |amounts| {
                amounts.cpu
            }),
            panel("Memory of a pod", Unit::Bytes, container, |amounts| {
                amounts.memory
            }),
        ],
        marks: marks(recording, vpa.workload),
        load_spans: load_spans(recording, service_of(recording, vpa.workload)),
    }
}

fn panel(
    name: &str,
    unit: Unit,
    container: &VpaContainerRecord,
    of: fn(&Amounts) -> Option<f64>,
) -> ResourcePanel {
    let rows = &container.rows;
    let points = |amounts: fn(&VpaRow) -> &Amounts| -> Points {
        let all = rows.iter();
        all.filter_map(|row| Some((row.time.as_secs_f64(), of(amounts(row))?)))
            .collect()
    };
    let band = |row: &VpaRow| {
        let VpaBand {
            lower,
            target,
            upper,
            ..
        } = row.recommendation?;
        let bounds = [of(&lower)?, of(&target)?, of(&upper)?];
        Some((row.time.as_secs_f64(), bounds))
    };
    let mut recommendation: Vec<(f64, [f64; 3])> = rows.iter().filter_map(band).collect();
    recommendation.dedup_by(|later, earlier| later.1 == earlier.1);
    ResourcePanel {
        name: name.to_owned(),
        unit,
        usage: vec![
            (
                "usage, largest".to_owned(),
                highest(&points(|row| &row.usage_max)),
            ),
            (
                "usage, median".to_owned(),
                highest(&points(|row| &row.usage_p50)),
            ),
        ],
        request: steps(points(|row| &row.request)),
        limit: steps(points(|row| &row.limit)),
        recommendation: thinned(&recommendation),
    }
}

/// A step curve: only its changes.
fn steps(mut points: Points) -> Points {
    points.dedup_by(|later, earlier| later.1 == earlier.1);
    points
}

/// Of each group of neighbours the highest, so that peaks stay.
fn highest(points: &Points) -> Points {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    let top = |group: &[(f64, f64)]| group.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
    points.chunks(size).filter_map(top).collect()
}

/// Every n-th step, and the last one.
fn thinned(steps: &[(f64, [f64; 3])]) -> Vec<(f64, [f64; 3])> {
    let size = steps.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<_> = steps.iter().copied().step_by(size).collect();
    if let Some(last) = steps.last()
        && kept.last() != Some(last)
    {
        kept.push(*last);
    }
    kept
}

fn marks(recording: &Recording, workload: usize) -> Vec<Mark> {
    let of = recording
        .disruptions
        .iter()
        .filter(|one| one.workload == workload);
    let mut marks: Vec<Mark> = Vec::new();
    for one in of {
        let (kind, what) = match one.kind {
            DisruptionKind::Eviction => (MarkKind::Evicted, "evicted"),
            DisruptionKind::EvictionRefused => (MarkKind::EvictionRefused, "eviction refused"),
            DisruptionKind::Resize => (MarkKind::Resized, "resized in place"),
            DisruptionKind::OomKill => (MarkKind::OomKilled, "OOM killed"),
            DisruptionKind::NodePressure => (MarkKind::Evicted, "evicted by its node"),
        };
        marks.push(Mark {
            time: one.time.as_secs_f64(),
            kind,
            label: String::new(),
            tooltip: format!("{what} at {}", one.time),
        });
    }
    marks
}
