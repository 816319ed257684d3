//! `charts/`: a recording as pictures.

use rayon::prelude::*;

use super::calls_charts::calls_charts;
use super::chart::{
    Chart, ChartError, ContactSheet, CostChart, CostSeries, LatencyChart, LatencySlo,
    LatencyWindow, LoadSpan, Mark, MarkKind, MetricPanel, PodStates, PodStatesChart, Points,
    ReplicasChart, Scene, SheetCell, Theme, Unit,
};
use super::file_names::FileNames;
use super::folder::{FolderError, OutputFolder};
use super::run::Charts;
use super::vpa_charts::usage_charts;
use super::worst::{self, Marked};
use crate::analysis::{HpaFigures, ServiceFigures, Summary, steps};
use crate::record::{HpaRecord, Labels, LoadRecord, QueueRecord, Recording};
use crate::sim::{SimDuration, SimTime};
use crate::units::Usd;

/// What draws a chart.
pub(super) type Drawing<'a> = Box<dyn Fn() -> Scene + Send + Sync + 'a>;

/// What draws charts, and what their files are called.
pub(super) type Named<'a> = Vec<(String, Drawing<'a>)>;

/// Loads that a chart shows one by one. More are hard to tell apart, and each is painted over
/// the whole chart.
const MOST_SPANS: usize = 12;

/// A chart that is drawn dark on white once its data are gathered.
pub(super) fn drawing<'a, C: Chart>(gather: impl Fn() -> C + Send + Sync + 'a) -> Drawing<'a> {
    Box::new(move || gather().scene(&Theme::LIGHT))
}

/// Draws the charts of a run: those of every workload if they are few or all are wanted, else those
/// of the worst, and all on one sheet.
pub fn write_charts(
    folder: &OutputFolder,
    name: &str,
    recording: &Recording,
    summary: &Summary,
    wanted: Charts,
) -> Result<(), FolderError> {
    if wanted == Charts::None {
        return Ok(());
    }
    let marked = worst::marked(recording, summary);
    let order = worst::worst_first(recording, &marked);
    let mut is_shown = vec![true; recording.workloads.len()];
    if order.len() > worst::MOST && wanted != Charts::All {
        for place in &order[worst::MOST..] {
            is_shown[*place] = false;
        }
    }
    let mut charts = of_workloads(name, recording, summary, &is_shown);
    if order.len() > worst::MOST {
        let sheet = drawing(|| sheet(name, recording, summary, &marked, &order));
        charts.push(("contact-sheet".to_owned(), sheet));
    }
    let cost = drawing(|| cost(name, recording, summary));
    charts.push(("cost".to_owned(), cost));
    draw(folder, &charts, wanted)
}

/// Charts of the workloads that are shown, and of what belongs to them.
fn of_workloads<'a>(
    name: &'a str,
    recording: &'a Recording,
    summary: &'a Summary,
    is_shown: &[bool],
) -> Named<'a> {
    let mut charts: Named = Vec::new();
    let labels = &summary.labels;
    for (hpa, figures) in recording.hpas.iter().zip(&summary.hpas) {
        if is_shown[hpa.workload] {
            let chart = drawing(move || replicas(name, recording, labels, (hpa, figures)));
            charts.push((format!("replicas-{}", figures.label), chart));
        }
    }
    let mut created = vec![0; recording.workloads.len()];
    for pod in &recording.pods {
        created[pod.workload] += 1;
    }
    for (index, workload) in recording.workloads.iter().enumerate() {
        if !workload.is_load && is_shown[index] {
            let created = created[index];
            let chart = drawing(move || pods(name, recording, labels, (index, created)));
            let file = without_kind(&labels.workloads, index);
            charts.push((format!("pods-{file}"), chart));
        }
    }
    for (index, service) in recording.services.iter().enumerate() {
        if !service.windows.is_empty() && is_shown[service.workload] {
            let figures = &summary.services[index];
            let chart = drawing(move || latency(name, recording, index, figures));
            charts.push((format!("latency-{}", labels.services[index]), chart));
        }
    }
    calls_charts(name, recording, summary, is_shown, &mut charts);
    usage_charts(name, recording, summary, is_shown, &mut charts);
    charts
}

/// All workloads on one sheet, in this order.
fn sheet(
    name: &str,
    recording: &Recording,
    summary: &Summary,
    marked: &[Marked],
    order: &[usize],
) -> ContactSheet {
    let mut hpas = vec![None; recording.workloads.len()];
    for hpa in recording.hpas.iter().rev() {
        hpas[hpa.workload] = Some(hpa);
    }
    let cell = |place: &usize| {
        let Marked { missed, flaps, .. } = marked[*place];
        let mut notes = Vec::new();
        if missed > 0.0 {
            notes.push(format!("missed {missed:.1} %"));
        }
        if flaps > 0 {
            notes.push(counted(flaps, "flap"));
        }
        let counts = &recording.workloads[*place].counts;
        SheetCell {
            name: without_kind(&summary.labels.workloads, *place).to_owned(),
            note: notes.join(" · "),
            ready: steps::of(counts, |counts| f64::from(counts.ready)),
            desired: hpas[*place].map_or(Vec::new(), |hpa| steps::of(&hpa.desired, f64::from)),
        }
    };
    ContactSheet {
        title: format!("{name}: all workloads"),
        duration: recording.duration.as_secs_f64(),
        cells: order.iter().map(cell).collect(),
    }
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

/// Draws the charts and writes them, several at a time.
pub(super) fn draw(
    folder: &OutputFolder,
    charts: &Named,
    wanted: Charts,
) -> Result<(), FolderError> {
    let refused = |error: ChartError| std::io::Error::other(error.to_string());
    let mut names = FileNames::default();
    let named: Vec<(String, &Drawing)> = (charts.iter())
        .map(|(called, drawing)| (names.give(called), drawing))
        .collect();
    named.par_iter().try_for_each(|(name, drawing)| {
        let scene = drawing();
        if wanted != Charts::Png {
            folder.write(&format!("charts/{name}.svg"), |out| {
                out.write_all(scene.svg().map_err(refused)?.as_bytes())
            })?;
        }
        if wanted != Charts::Svg {
            folder.write(&format!("charts/{name}.png"), |out| {
                out.write_all(&scene.png().map_err(refused)?)
            })?;
        }
        Ok(())
    })
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
        return merged(of.map(|load| (from(load), to(load), &*load.name)).collect());
    }
    of.map(|load| LoadSpan {
        from: from(load),
        to: to(load),
        label: load.name.clone(),
    })
    .collect()
}

/// Spans that overlap as one, which says how many they are; one by itself keeps its name.
fn merged(mut spans: Vec<(f64, f64, &str)>) -> Vec<LoadSpan> {
    spans.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut together: Vec<(f64, f64, usize, &str)> = Vec::new();
    for (from, to, name) in spans {
        match together.last_mut() {
            Some((_, end, count, _)) if from <= *end => {
                *end = end.max(to);
                *count += 1;
            }
            _ => together.push((from, to, 1, name)),
        }
    }
    let span = |(from, to, count, name): (f64, f64, usize, &str)| LoadSpan {
        from,
        to,
        label: match count {
            1 => name.to_owned(),
            count => format!("{count} loads"),
        },
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
    let counts = [
        counted(figures.flapping.ups, "scale-up"),
        counted(figures.flapping.downs, "scale-down"),
        counted(figures.flapping.flaps, "flap"),
    ];
    let subtitle = format!(
        "{}, {} to {} replicas · {} · short by more than the tolerance {:.1} % of the time",
        labels.workloads[hpa.workload],
        hpa.bounds.0,
        hpa.bounds.1,
        counts.join(", "),
        figures.elasticity.tau_u_pct,
    );
    ReplicasChart {
        title: format!("{name}: {}", figures.label),
        subtitle,
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
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
        let consumed = recording.queues.iter().filter(|one| one.service == service);
        panels.extend(consumed.map(|queue| {
            MetricPanel {
                name: format!("{} of {}", queue_depth(queue), queue.name),
                points: (queue.samples.iter())
                    .map(|s| (start(s.time), s.depth() as f64))
                    .collect(),
                ..MetricPanel::default()
            }
        }));
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

/// What the depth of a queue is called.
fn queue_depth(queue: &QueueRecord) -> &'static str {
    match queue.partitions {
        Some(_) => "lag",
        None => "messages ready",
    }
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

fn pods(
    name: &str,
    recording: &Recording,
    labels: &Labels,
    (index, created): (usize, usize),
) -> PodStatesChart {
    let workload = &recording.workloads[index];
    let states = workload.counts.iter().map(|(time, counts)| {
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
    PodStatesChart {
        title: format!("{name}: pods of {}", labels.workloads[index]),
        subtitle: format!("{created} pods over the run"),
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
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
    let grouped = super::number::grouped;
    let unanswered = match figures.unanswered {
        0 => String::new(),
        count => format!(", {} without an answer", grouped(count)),
    };
    let ms = |value: f64| Unit::Milliseconds.text(value);
    let subtitle = format!(
        "{} requests, {:.2} % failed{unanswered} · p50 {}, p95 {}, p99 {}",
        grouped(figures.requests),
        figures.error_rate_pct(),
        ms(figures.latency.p50_ms),
        ms(figures.latency.p95_ms),
        ms(figures.latency.p99_ms),
    );
    LatencyChart {
        title: format!("{name}: requests to {}", figures.label),
        subtitle,
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
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
    let price = |workload: usize, cores: f64, gib: f64| {
        let workload = &recording.workloads[workload];
        (recording.prices).rate(workload.class, workload.unstated, (cores, gib))
    };
    let (cpu, memory) = recording.prices.reference;
    let weight = |cores: f64, gib: f64| cores * cpu + gib * memory;
    let serving = |workload: usize| !recording.workloads[workload].is_load;
    let start = recording.warm_up.as_secs_f64();
    let requested = since(start, &pod_sum(recording, serving, price));
    let used = pod_sum(recording, |_| true, |_, cores, gib| weight(cores, gib));
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
            "{}nodes {}, {:.0} % idle · pods by what they request {}",
            if recording.warm_up > SimDuration::ZERO {
                "After the warm-up: "
            } else {
                ""
            },
            Usd(summary.bill.node),
            summary.bill.idle_share_pct,
            Usd(summary.bill.request),
        ),
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
        costs: vec![
            series("nodes", super::cost_stack::rate(recording)),
            series("pods by requests", requested),
        ],
        owners: super::cost_stack::owners(recording, summary),
        idle_share: times.into_iter().map(idle).collect(),
        load_spans: load_spans(recording, None),
    }
}

/// Steps that are zero before a time.
fn since(start: f64, points: &Points) -> Points {
    let first = (start > 0.0).then(|| (start, steps::at(points, start)));
    let rest = points
        .iter()
        .copied()
        .filter(|point| point.0 > start || start <= 0.0);
    first.into_iter().chain(rest).collect()
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
    value: impl Fn(usize, f64, f64) -> f64,
) -> Points {
    let pods = recording.pods.iter().filter(|pod| counts(pod.workload));
    let placed = pods.filter_map(|pod| {
        let phases = pod.requests(pod.scheduled?);
        Some(phases.map(|phase| (pod.workload, phase)))
    });
    sum(placed.flatten().map(|(workload, (from, to, cores, gib))| {
        let to = to.map(SimTime::as_secs_f64);
        (from.as_secs_f64(), to, value(workload, cores, gib))
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

/// How many there are of something.
fn counted(count: usize, name: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {name}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pods_cost_before_the_warm_ups_end_is_not_drawn() {
        let points = vec![(0.0, 1.0), (30.0, 2.0), (90.0, 3.0)];
        assert_eq!(since(60.0, &points), [(60.0, 2.0), (90.0, 3.0)]);
        assert_eq!(since(0.0, &points), points);
    }

    #[test]
    fn many_loads_become_spans_with_a_number_or_a_name() {
        let spans = vec![(5.0, 9.0, "b"), (0.0, 2.0, "a"), (7.0, 12.0, "c")];
        let made = merged(spans).into_iter();
        let made: Vec<(f64, f64, String)> =
            made.map(|span| (span.from, span.to, span.label)).collect();
        assert_eq!(
            made,
            [
                (0.0, 2.0, "a".to_owned()),
                (5.0, 12.0, "2 loads".to_owned())
            ]
        );
    }
}
