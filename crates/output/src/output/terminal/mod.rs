//! The summary of a run as tables that fit the terminal.

mod table;

use std::io::{self, Write};

use super::number::{grouped, rounded};
use crate::analysis::Summary;
use crate::analysis::findings::Severity;
use crate::record::fold::Latencies;
use crate::record::{LatencyStats, Recording};
use crate::units::Usd;
use table::{BOLD, CAUTION, Cell, DIM, Table, ending, wrapped};

/// From this part of the requests without an answer on, in percent, the number stands out.
const UNANSWERED: f64 = 1.0;
/// From this part of the windows that miss their objective on, in percent, the number stands out.
const MISSED: f64 = 5.0;
/// Payers that are named.
const MOST_OWNERS: usize = 3;

/// A duration in seconds, or a dash.
fn time(seconds: Option<f64>) -> String {
    match seconds {
        Some(seconds) if seconds.is_finite() => format!("{seconds:.0}s"),
        _ => "-".to_owned(),
    }
}

fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}")
    } else {
        "-".to_owned()
    }
}

/// A latency with about three digits.
fn ms(value: f64) -> String {
    match value {
        value if !value.is_finite() => "-".to_owned(),
        value if value >= 100.0 => grouped(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn percent(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}%")
    } else {
        "-".to_owned()
    }
}

/// Writes the tables, lines of at most `width` characters.
pub fn write_tables(
    out: &mut impl Write,
    width: usize,
    title: &str,
    recording: &Recording,
    summary: &Summary,
) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#}", ending(title, width))?;
    hpas(summary).write(out, width)?;
    services(recording, summary).write(out, width)?;
    calls(recording, summary).write(out, width)?;
    vpas(summary).write(out, width)?;
    loads(recording).write(out, width)?;
    cost(out, recording, summary)?;
    findings(out, width, summary)
}

fn calls(recording: &Recording, summary: &Summary) -> Table {
    let mut table = Table::new([
        "calls", "made", "failed", "sent", "p50 ms", "p95 ms", "p99 ms",
    ])
    .without(&["p50 ms"]);
    for call in &recording.calls {
        let (totals, latency) = (call.totals(), &call.latency);
        let caller = &summary.labels.services[call.caller];
        let cells = [
            format!("{caller} → {}", call.called(recording, &summary.labels)),
            grouped(totals.calls),
            percent(100.0 * totals.failures() as f64 / totals.calls as f64, 2),
            format!("×{}", number(totals.amplification(), 2)),
            ms(latency.p50_ms),
            ms(latency.p95_ms),
            ms(latency.p99_ms),
        ];
        table.row(cells.map(Cell::from).into());
    }
    table
}

fn vpas(summary: &Summary) -> Table {
    let mut table = Table::new([
        "VPA", "CPU", "target", "memory", "target", "evicted", "refused", "resized", "OOM",
    ])
    .without(&["refused", "resized"]);
    let cores = |value: Option<f64>| {
        value.map_or("-".to_owned(), |cores| format!("{:.0}m", cores * 1000.0))
    };
    let bytes = |value: Option<f64>| {
        value.map_or("-".to_owned(), |bytes| {
            format!("{:.0}Mi", bytes / f64::from(1 << 20))
        })
    };
    for vpa in &summary.vpas {
        let disruptions = vpa.disruptions.named();
        for (place, container) in vpa.containers.iter().enumerate() {
            // Evictions, resizes and kills of pods stand in the row of the first container.
            let count = |index: usize| match place {
                0 => format!("{:.0}", disruptions[index].1),
                _ => String::new(),
            };
            let cells = [
                format!("{}/{} {}", vpa.label, container.name, vpa.mode),
                cores(container.request.cpu),
                cores(container.target.cpu),
                bytes(container.request.memory),
                bytes(container.target.memory),
                count(0),
                count(1),
                count(2),
                count(3),
            ];
            table.row(cells.map(Cell::from).into());
        }
    }
    table
}

fn findings(out: &mut impl Write, width: usize, summary: &Summary) -> io::Result<()> {
    if summary.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}findings{BOLD:#}")?;
    for finding in &summary.findings {
        let (sign, style) = match finding.severity {
            Severity::Warning => ("!", CAUTION),
            Severity::Info => ("·", DIM),
        };
        let text = format!("{}: {}.", finding.subject, finding.text);
        for (place, line) in wrapped(&text, width - 2).iter().enumerate() {
            if place == 0 {
                write!(out, "{style}{sign}{style:#} ")?;
            } else {
                write!(out, "  ")?;
            }
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Steps of the load that were answered, of all that needed pods.
fn load_steps(latencies: &Latencies) -> String {
    let Latencies {
        steps, answered, ..
    } = latencies;
    if answered == steps {
        steps.to_string()
    } else {
        format!("{answered}/{steps}")
    }
}

fn hpas(summary: &Summary) -> Table {
    let mut table = Table::new([
        "HPA",
        "ready pods",
        "up",
        "down",
        "flaps",
        "under",
        "over",
        "steps",
        "decided",
        "ready",
        "recover",
    ])
    .without(&["over", "recover", "down"]);
    for hpa in &summary.hpas {
        let get = |key: &str| summary.get(&format!("hpa.{}.{key}", hpa.label));
        let (min, mean, max) = hpa.ready;
        let cells = [
            hpa.label.clone(),
            format!("{min:.0}–{max:.0} ({})", rounded(mean, 1)),
            hpa.flapping.ups.to_string(),
            hpa.flapping.downs.to_string(),
            hpa.flapping.flaps.to_string(),
            percent(hpa.elasticity.tau_u_pct, 1),
            percent(hpa.elasticity.tau_o_pct, 1),
            load_steps(&hpa.latencies),
            time(get("t_first_decision_s")),
            time(get("t_ready_s")),
            time(get("t_recover_s")),
        ];
        table.row(cells.map(Cell::from).into());
    }
    table
}

/// The heading of missed objectives: what is bounded if that is the same for all services.
fn slo_column(recording: &Recording) -> String {
    let mut objectives = recording.services.iter().map(|service| service.objective);
    let first = objectives.next().unwrap_or_default();
    if objectives.any(|other| other != first) {
        return "SLO missed".to_owned();
    }
    let percentile = rounded(first.percentile, 1);
    first
        .latency
        .map_or(String::new(), |limit| format!("p{percentile}>{limit}"))
}

/// Requests without an answer; they stand out where they are many.
fn no_answer(unanswered: u64, requests: u64) -> Cell {
    let share = 100.0 * unanswered as f64 / requests.max(1) as f64;
    Cell::bad_if(grouped(unanswered), share >= UNANSWERED)
}

/// A latency of successful requests, if there are any.
fn latency_of(stats: &LatencyStats) -> impl Fn(f64) -> Cell {
    let none = stats.count == 0;
    move |value| if none { "-".to_owned() } else { ms(value) }.into()
}

fn services(recording: &Recording, summary: &Summary) -> Table {
    let slo = slo_column(recording);
    let with_unanswered = summary.services.iter().any(|one| one.unanswered > 0);
    let mut header = vec![
        "service", "requests", "failed", "p50 ms", "p95 ms", "p99 ms",
    ];
    if with_unanswered {
        header.insert(2, "no answer");
    }
    if !slo.is_empty() {
        header.push(&slo);
    }
    header.push("CPU used");
    let mut table = Table::new(header).without(&["p50 ms", "CPU used"]);
    let objectives = recording.services.iter().map(|service| service.objective);
    for (service, objective) in summary.services.iter().zip(objectives) {
        let latency = latency_of(&service.latency);
        let of_requests = |share: f64, decimals: usize| match service.requests {
            0 => "-".to_owned(),
            _ => percent(share, decimals),
        };
        let failed = service.error_rate_pct();
        let mut row: Vec<Cell> = vec![
            service.label.clone().into(),
            grouped(service.requests).into(),
        ];
        if with_unanswered {
            row.push(no_answer(service.unanswered, service.requests));
        }
        row.extend([
            Cell::bad_if(
                of_requests(failed, 2),
                failed > 100.0 * objective.error_rate,
            ),
            latency(service.latency.p50_ms),
            latency(service.latency.p95_ms),
            latency(service.latency.p99_ms),
        ]);
        if !slo.is_empty() {
            let missed = service.slo_violation_pct;
            row.push(Cell::bad_if(of_requests(missed, 1), missed >= MISSED));
        }
        row.push(percent(service.cpu_utilization_pct, 0).into());
        table.row(row);
    }
    table
}

fn loads(recording: &Recording) -> Table {
    let loads = &recording.loads;
    let with_unanswered = loads.iter().any(|load| load.counts.unanswered() > 0);
    let mut header = vec![
        "load", "tool", "start", "took", "requests", "failed", "req/s", "p50 ms", "p95 ms",
        "p99 ms",
    ];
    if with_unanswered {
        header.insert(5, "no answer");
    }
    let mut table = Table::new(header).without(&["tool", "p50 ms", "took"]);
    for load in loads {
        let counts = &load.counts;
        let latency = latency_of(&counts.latency);
        let mut row: Vec<Cell> = vec![
            load.name.clone().into(),
            load.tool.to_owned().into(),
            crate::sim::SimDuration(load.started.0).to_string().into(),
            time(Some(load.seconds)).into(),
            grouped(counts.sent).into(),
        ];
        if with_unanswered {
            row.push(no_answer(counts.unanswered(), counts.sent));
        }
        row.extend([
            grouped(counts.failed()).into(),
            number(load.requests_per_second, 1).into(),
            latency(counts.latency.p50_ms),
            latency(counts.latency.p95_ms),
            latency(counts.latency.p99_ms),
        ]);
        table.row(row);
    }
    table
}

fn cost(out: &mut impl Write, recording: &Recording, summary: &Summary) -> io::Result<()> {
    let bill = &summary.bill;
    writeln!(
        out,
        "\n{BOLD}cost{BOLD:#}  nodes {} for {} node-hours, {}% idle",
        Usd(bill.node),
        number(bill.node_hours, 1),
        number(bill.idle_share_pct, 0),
    )?;
    write!(
        out,
        "      pods by requests {} for {} pod-hours",
        Usd(bill.request),
        number(bill.replica_hours, 1),
    )?;
    if bill.ratio_to_clairvoyant.is_finite() {
        write!(
            out,
            ", {} × what demand needed",
            number(bill.ratio_to_clairvoyant, 2)
        )?;
    }
    writeln!(out)?;
    // Nodes that hardly changed are a static fleet themselves.
    let fleet = Usd(bill.static_nodes).to_string();
    if bill.ratio_to_static_nodes < 1.0 && fleet != Usd(bill.node).to_string() {
        let nodes = recording.costs.peak.0;
        writeln!(
            out,
            "      a static fleet of the {nodes} nodes of the peak {fleet}"
        )?;
    }
    paid(out, recording, summary)
}

/// How the nodes are paid for and who pays most, where there is more than one way or some payer.
fn paid(out: &mut impl Write, recording: &Recording, summary: &Summary) -> io::Result<()> {
    let bill = &summary.bill;
    let parts = [
        ("on demand", bill.on_demand),
        ("spot", bill.spot),
        ("commitments", bill.commitment),
        ("cluster fee", bill.fee),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| part.1 > 0.0)
        .map(|(name, cost)| format!("{name} {}", Usd(cost)))
        .collect();
    if parts.len() > 1 {
        writeln!(out, "      {}", parts.join(", "))?;
    }
    if bill.credits > 0.0 {
        writeln!(out, "      less credits of {}", Usd(bill.credits))?;
    }
    if bill.unused > 0.0 {
        writeln!(
            out,
            "      of the commitments {} were not used",
            Usd(bill.unused)
        )?;
    }
    let costs = recording.costs.workloads.iter().enumerate();
    let mut owners: Vec<(usize, f64)> = costs
        .map(|(place, cost)| (place, cost.value()))
        .filter(|owner| owner.1 > 0.0)
        .collect();
    if owners.len() > 1 {
        owners.sort_by(|a, b| b.1.total_cmp(&a.1));
        let shown: Vec<String> = owners
            .iter()
            .take(MOST_OWNERS)
            .map(|(place, cost)| format!("{} {}", summary.labels.workloads[*place], Usd(*cost)))
            .collect();
        writeln!(out, "      of the nodes {}", shown.join(", "))?;
    }
    Ok(())
}

/// Writes what the loads' tools print, each under its name.
pub fn write_tool_reports(
    out: &mut impl Write,
    width: usize,
    recording: &Recording,
) -> io::Result<()> {
    for load in &recording.loads {
        writeln!(
            out,
            "{DIM}──{DIM:#} {BOLD}{}{BOLD:#} {DIM}{}{DIM:#}",
            load.name,
            "─".repeat(width.saturating_sub(load.name.chars().count() + 4))
        )?;
        writeln!(out, "{}\n", load.printed.trim_matches('\n'))?;
    }
    Ok(())
}
