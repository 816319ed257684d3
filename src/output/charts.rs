//! `charts/`: a recording as pictures.

use super::chart::{
    Chart, ChartError, CostChart, CostSeries, LatencyChart, LatencySlo, LatencyWindow, LoadSpan,
    Mark, MarkKind, MetricPanel, PodStates, PodStatesChart, Points, ReplicasChart, Unit,
};
use rayon::prelude::*;

use super::file_names::FileNames;
use super::folder::{FolderError, OutputFolder};
use super::vpa_charts::usage_charts;
use crate::analysis::{HpaFigures, ServiceFigures, Summary, steps};
use crate::record::{HpaRecord, Labels, LoadRecord, Recording};
use crate::sim::{SimDuration, SimTime};
use crate::units::Usd;

/// Charts, and what their files are called.
pub(super) type Named = Vec<(String, Box<dyn Chart + Send + Sync>)>;

/// Charts that are drawn before they are written: as many are kept in memory, and an
/// interruption waits for as many.
const DRAWN_AT_ONCE: usize = 16;

/// Loads that a chart shows one by one. More are hard to tell apart, and each is painted over
/// the whole chart.
const MOST_SPANS: usize = 12;

/// Draws every chart of a run as SVG and PNG.
pub fn write_charts(
    folder: &OutputFolder,
    name: &str,
    recording: &Recording,
    summary: &Summary,
) -> Result<(), FolderError> {
    let mut charts: Named = Vec::new();
    let labels = &summary.labels;
    for (hpa, figures) in recording.hpas.iter().zip(&summary.hpas) {
        let chart = replicas(name, recording, labels, (hpa, figures));
        charts.push((format!("replicas-{}", figures.label), Box::new(chart)));
    }
    for (index, workload) in recording.workloads.iter().enumerate() {
        if !workload.is_load {
            let chart = pods(name, recording, labels, index);
            let file = without_kind(&labels.workloads, index);
            charts.push((format!("pods-{file}"), Box::new(chart)));
        }
    }
    let services =
        (0..recording.services.len()).filter(|s| !recording.services[*s].windows.is_empty());
    for service in services {
        let chart = latency(name, recording, service, &summary.services[service]);
        charts.push((
            format!("latency-{}", labels.services[service]),
            Box::new(chart),
        ));
    }
    usage_charts(name, recording, summary, &mut charts);
    charts.push(("cost".to_owned(), Box::new(cost(name, recording, summary))));
    draw(folder, &charts)
}

/// A workload's label without its kind, if that is no other one's.
fn without_kind(labels: &[String], workload: usize) -> &str {
    let bare = |label: &'_ String| label.find('/').map_or(0, |slash| slash + 1);
    let own = &labels[workload][bare(&labels[workload])..];
    let same = labels.iter().filter(|label| label[bare(label)..] == *own);
    if same.count() == 1 {
        own
    } else {
        &labels[workload]
    }
}

/// Draws the charts in both formats, several at a time, and writes them in order.
pub(super) fn draw(folder: &OutputFolder, charts: &Named) -> Result<(), FolderError> {
    let both = |(_, chart): &(String, Box<dyn Chart + Send + Sync>)| (chart.svg(), chart.png());
    let refused = |error: ChartError| std::io::Error::other(error.to_string());
    let mut names = FileNames::default();
    for some in charts.chunks(DRAWN_AT_ONCE) {
        let drawn: Vec<_> = some.par_iter().map(both).collect();
        for ((called, _), (svg, png)) in some.iter().zip(drawn) {
            let name = names.give(called);
            folder.write(&format!("charts/{name}.svg"), |out| {
                out.write_all(svg.map_err(refused)?.as_bytes())
            })?;
            folder.write(&format!("charts/{name}.png"), |out| {
                out.write_all(&png.map_err(refused)?)
            })?;
        }
    }
    Ok(())
}

pub(super) fn load_spans(recording: &Recording, service: Option<usize>) -> Vec<LoadSpan> {
    let end = recording.duration.as_secs_f64();
    let of = recording
        .loads
        .iter()
        .filter(|load| service.is_none_or(|s| load.service == s));
    let from = |load: &LoadRecord| load.started.as_secs_f64();
    let to = |load: &LoadRecord| load.ended.map_or(end, SimTime::as_secs_f64);
    if of.clone().nth(MOST_SPANS).is_some() {
        return merged(of.map(|load| (from(load), to(load))).collect());
    }
    of.map(|load| LoadSpan {
        from: from(load),
        to: to(load),
        label: load.name.clone(),
    })
    .collect()
}

/// Spans that overlap as one, which says how many they are.
fn merged(mut spans: Vec<(f64, f64)>) -> Vec<LoadSpan> {
    spans.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut together: Vec<(f64, f64, usize)> = Vec::new();
    for (from, to) in spans {
        match together.last_mut() {
            Some((_, end, count)) if from <= *end => {
                *end = end.max(to);
                *count += 1;
            }
            _ => together.push((from, to, 1)),
        }
    }
    let span = |(from, to, count)| LoadSpan {
        from,
        to,
        label: format!("{count} loads"),
    };
    together.into_iter().map(span).collect()
}

pub(super) fn service_of(recording: &Recording, workload: usize) -> Option<usize> {
    recording
        .services
        .iter()
        .position(|service| service.workload == workload)
}

fn replicas(
    name: &str,
    recording: &Recording,
    labels: &Labels,
    (hpa, figures): (&HpaRecord, &HpaFigures),
) -> ReplicasChart {
    let workload = &recording.workloads[hpa.workload];
    let service = service_of(recording, hpa.workload);
    let subtitle = format!(
        "{}, {} to {} replicas · {} scale-ups, {} scale-downs, {} flaps · short of demand {:.1} % of the time",
        labels.workloads[hpa.workload],
        hpa.bounds.0,
        hpa.bounds.1,
        figures.flapping.ups,
        figures.flapping.downs,
        figures.flapping.flaps,
        figures.elasticity.tau_u_pct,
    );
    ReplicasChart {
        title: format!("{name}: {}", figures.label),
        subtitle,
        duration: recording.duration.as_secs_f64(),
        desired: steps::of(&hpa.desired, f64::from),
        needed: figures.needed.clone(),
        current: steps::of(&workload.counts, |counts| {
            f64::from(counts.pending + counts.starting + counts.running + counts.ready)
        }),
        ready: steps::of(&workload.counts, |counts| f64::from(counts.ready)),
        bounds: Some((f64::from(hpa.bounds.0), f64::from(hpa.bounds.1))),
        metrics: metric_panels(recording, hpa, service),
        events: marks(recording, hpa, &figures.label),
        load_spans: load_spans(recording, service),
    }
}

/// The offered load, and each metric as the HPA saw it.
fn metric_panels(
    recording: &Recording,
    hpa: &HpaRecord,
    service: Option<usize>,
) -> Vec<MetricPanel> {
    let mut panels = Vec::new();
    if let Some(service) = service {
        let samples = &recording.services[service].samples;
        let start = |time: crate::sim::SimTime| {
            (time.as_secs_f64() - recording.step.as_secs_f64()).max(0.0)
        };
        panels.push(MetricPanel {
            name: "offered load".to_owned(),
            unit: Unit::Cores,
            points: samples
                .iter()
                .map(|s| (start(s.time), s.cpu_offered))
                .collect(),
            ..MetricPanel::default()
        });
    }
    for ((metric, values), target) in
        (hpa.metric_names.iter().zip(&hpa.metric_values)).zip(&hpa.metric_targets)
    {
        // CPU and memory of an HPA are percentages unless its target is an amount.
        let percent = matches!(metric.as_str(), "cpu" | "memory")
            && *target <= 1000.0
            && target.fract() == 0.0;
        panels.push(MetricPanel {
            name: metric.clone(),
            unit: if percent { Unit::Percent } else { Unit::Number },
            points: steps::of(values, |value| value),
            target: Some(*target),
            tolerance: hpa.tolerance,
        });
    }
    panels
}

/// What the HPA and people did, by time.
fn marks(recording: &Recording, hpa: &HpaRecord, label: &str) -> Vec<Mark> {
    let commands = recording.actions.iter().map(|action| Mark {
        time: action.time.as_secs_f64(),
        kind: MarkKind::Command,
        label: verb(&action.command),
        tooltip: format!("{} at {}", action.command, action.time),
    });
    let mut marks = scale_marks(hpa, label);
    marks.extend(commands);
    marks.sort_by(|a, b| a.time.total_cmp(&b.time));
    marks
}

/// The first words of a kubectl command: what it does, to what kind.
fn verb(command: &str) -> String {
    let words = command.split_whitespace().skip(1);
    let words: Vec<&str> = words.take(2).collect();
    words.join(" ")
}

fn scale_marks(hpa: &HpaRecord, label: &str) -> Vec<Mark> {
    let change = |pair: &[(SimTime, i32)]| {
        let ((_, from), (time, to)) = (pair[0], pair[1]);
        Mark {
            time: time.as_secs_f64(),
            kind: if to > from {
                MarkKind::ScaledUp
            } else {
                MarkKind::ScaledDown
            },
            label: format!("{from}→{to}"),
            tooltip: format!("{label} at {time}: {from} to {to} replicas"),
        }
    };
    hpa.desired.steps().windows(2).map(change).collect()
}

fn pods(name: &str, recording: &Recording, labels: &Labels, index: usize) -> PodStatesChart {
    let workload = &recording.workloads[index];
    let states = workload.counts.steps().iter().map(|(time, counts)| {
        let states = PodStates {
            pending: f64::from(counts.pending),
            starting: f64::from(counts.starting),
            running_not_ready: f64::from(counts.running),
            ready: f64::from(counts.ready),
            terminating: f64::from(counts.terminating),
        };
        (time.as_secs_f64(), states)
    });
    let hpa = recording.hpas.iter().find(|hpa| hpa.workload == index);
    let created = recording
        .pods
        .iter()
        .filter(|pod| pod.workload == index)
        .count();
    PodStatesChart {
        title: format!("{name}: pods of {}", labels.workloads[index]),
        subtitle: format!("{created} pods over the run"),
        duration: recording.duration.as_secs_f64(),
        states: states.collect(),
        desired: hpa.map_or(Vec::new(), |hpa| steps::of(&hpa.desired, f64::from)),
        nodes: varying(nodes(recording, |_| 1.0)),
        load_spans: load_spans(recording, service_of(recording, index)),
    }
}

/// A curve, or nothing if it is constant.
fn varying(points: Points) -> Points {
    if points.len() > 1 {
        points
    } else {
        Points::new()
    }
}

fn latency(
    name: &str,
    recording: &Recording,
    index: usize,
    figures: &ServiceFigures,
) -> LatencyChart {
    let service = &recording.services[index];
    let subtitle = format!(
        "{} requests, {:.2} % failed · p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
        super::number::grouped(figures.requests),
        figures.error_rate_pct(),
        figures.latency.p50_ms,
        figures.latency.p95_ms,
        figures.latency.p99_ms,
    );
    LatencyChart {
        title: format!("{name}: requests to {}", figures.label),
        subtitle,
        duration: recording.duration.as_secs_f64(),
        step: recording.step.as_secs_f64(),
        windows: service.windows.iter().map(LatencyWindow::from).collect(),
        failure_kinds: LatencyWindow::recorded_kinds(),
        slo: service
            .objective
            .latency
            .map(|limit: SimDuration| LatencySlo {
                percentile: service.objective.percentile,
                limit_ms: limit.as_secs_f64() * 1000.0,
            }),
        load_spans: load_spans(recording, Some(index)),
    }
}

fn cost(name: &str, recording: &Recording, summary: &Summary) -> CostChart {
    let prices = recording.prices;
    let price = |cores: f64, gib: f64| cores * prices.cpu_hour + gib * prices.gib_hour;
    let (cpu, memory) = recording.prices.reference;
    let weight = |cores: f64, gib: f64| cores * cpu + gib * memory;
    let serving = |workload: usize| !recording.workloads[workload].is_load;
    let requested = pod_sum(recording, serving, price);
    let used = pod_sum(recording, |_| true, weight);
    let there = nodes(recording, |node| weight(node.cpu, node.memory));
    let mut times: Vec<f64> = used.iter().chain(&there).map(|point| point.0).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let idle = |time: f64| {
        let whole = steps::at(&there, time);
        (
            time,
            (100.0 * (1.0 - steps::at(&used, time) / whole)).max(0.0),
        )
    };
    let series = |name: &str, rate: Points| CostSeries {
        name: name.to_owned(),
        rate,
        cumulative: Vec::new(),
    };
    CostChart {
        title: format!("{name}: cost"),
        subtitle: format!(
            "After the warm-up: nodes {}, {:.0} % idle · pods by what they request {}",
            Usd(summary.bill.node),
            summary.bill.idle_share_pct,
            Usd(summary.bill.request),
        ),
        duration: recording.duration.as_secs_f64(),
        costs: vec![
            series("nodes", nodes(recording, |node| node.price_per_hour)),
            series("pods by requests", requested),
        ],
        idle_share: times.into_iter().map(idle).collect(),
        load_spans: load_spans(recording, None),
    }
}

/// The sum of a value over the nodes that are up, as steps.
fn nodes(recording: &Recording, value: impl Fn(&crate::record::NodeRecord) -> f64) -> Points {
    let lives = recording.nodes.iter().map(|node| {
        let ended = node.ended.map(SimTime::as_secs_f64);
        (node.started.as_secs_f64(), ended, value(node))
    });
    sum(lives)
}

/// The sum over the pods of some workloads that have a node, of a value of the cores and GiB
/// that they request, as steps.
fn pod_sum(
    recording: &Recording,
    counts: impl Fn(usize) -> bool,
    value: impl Fn(f64, f64) -> f64,
) -> Points {
    let pods = recording.pods.iter().filter(|pod| counts(pod.workload));
    let placed = pods.filter_map(|pod| Some(pod.requests(pod.scheduled?)));
    sum(placed.flatten().map(|(from, to, cores, gib)| {
        let to = to.map(SimTime::as_secs_f64);
        (from.as_secs_f64(), to, value(cores, gib))
    }))
}

/// The sum of values over the lives (from, to, value) at each instant.
fn sum(lives: impl Iterator<Item = (f64, Option<f64>, f64)>) -> Points {
    let mut changes: Vec<(f64, f64)> = Vec::new();
    for (from, to, value) in lives {
        changes.push((from, value));
        changes.extend(to.map(|to| (to, -value)));
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut points: Points = Vec::new();
    let mut total = 0.0;
    for (time, change) in changes {
        total += change;
        match points.last_mut() {
            Some(last) if last.0 == time => last.1 = total,
            _ => points.push((time, total)),
        }
    }
    points
}
