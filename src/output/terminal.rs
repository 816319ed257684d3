//! The summary of a run as tables of at most 80 columns.

use std::io::{self, Write};

use anstyle::Style;

use super::number::{grouped, rounded};
use crate::analysis::Summary;
use crate::analysis::findings::Severity;
use crate::record::Recording;
use crate::units::Usd;

/// Widest line.
pub const WIDTH: usize = 80;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A table: the first column is a name and takes what is left, the others are numbers.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(header: [&str; N]) -> Self {
        Self {
            header: header.map(str::to_owned).into(),
            rows: Vec::new(),
        }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.header]);
            cells
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let numbers: usize = widths[1..].iter().map(|width| width + 2).sum();
        let name = widths[0]
            .min(WIDTH.saturating_sub(numbers))
            .max(self.header[0].chars().count());
        writeln!(out)?;
        for (place, row) in [&self.header].into_iter().chain(&self.rows).enumerate() {
            let mut line = row[0].clone();
            if line.chars().count() > name {
                // A long name stands above its figures.
                writeln!(out, "{}", ending(&line, WIDTH))?;
                line.clear();
            }
            let padding = name - line.chars().count();
            line.push_str(&" ".repeat(padding));
            for (cell, width) in row[1..].iter().zip(&widths[1..]) {
                let padding = width - cell.chars().count() + 2;
                line.push_str(&" ".repeat(padding));
                line.push_str(cell);
            }
            let line = line.trim_end();
            if place == 0 {
                writeln!(out, "{BOLD}{line}{BOLD:#}")?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// The text, or its end: the ends of names tell them apart.
fn ending(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length + 1 - width).collect();
    format!("…{end}")
}

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

/// Writes the tables.
pub fn write_tables(
    out: &mut impl Write,
    title: &str,
    recording: &Recording,
    summary: &Summary,
) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#}", ending(title, WIDTH))?;
    hpas(summary).write(out)?;
    services(recording, summary).write(out)?;
    vpas(summary).write(out)?;
    loads(recording).write(out)?;
    cost(out, summary)?;
    findings(out, summary)
}

fn vpas(summary: &Summary) -> Table {
    let mut table = Table::new([
        "VPA", "CPU", "target", "memory", "target", "evicted", "refused", "resized", "OOM",
    ]);
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
            table.row([
                format!("{}/{} {}", vpa.label, container.name, vpa.mode),
                cores(container.request.cpu),
                cores(container.target.cpu),
                bytes(container.request.memory),
                bytes(container.target.memory),
                count(0),
                count(1),
                count(2),
                count(3),
            ]);
        }
    }
    table
}

fn findings(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    if summary.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}findings{BOLD:#}")?;
    for finding in &summary.findings {
        let sign = match finding.severity {
            Severity::Warning => "!",
            Severity::Info => "·",
        };
        let text = format!("{}: {}.", finding.subject, finding.text);
        for (place, line) in wrapped(&text, WIDTH - 2).iter().enumerate() {
            let margin = if place == 0 { sign } else { " " };
            writeln!(out, "{margin} {line}")?;
        }
    }
    Ok(())
}

/// The text in lines of at most this many characters, broken at spaces; `Kind/name`, where it
/// is too long for a line, after the slash.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let parts = text.split(' ').flat_map(|word| {
        let long = word.chars().count() > width;
        let slash = word.find('/').filter(|_| long);
        let (kind, name) = word.split_at(slash.map_or(0, |slash| slash + 1));
        [kind, name].into_iter().filter(|part| !part.is_empty())
    });
    for word in parts {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
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
        "decided",
        "ready",
        "recovered",
    ]);
    for hpa in &summary.hpas {
        let get = |key: &str| summary.get(&format!("hpa.{}.{key}", hpa.label));
        let (min, mean, max) = hpa.ready;
        table.row([
            hpa.label.clone(),
            format!("{min:.0}..{max:.0} ø {}", rounded(mean, 1)),
            hpa.flapping.ups.to_string(),
            hpa.flapping.downs.to_string(),
            hpa.flapping.flaps.to_string(),
            format!("{}%", number(hpa.elasticity.tau_u_pct, 1)),
            format!("{}%", number(hpa.elasticity.tau_o_pct, 1)),
            time(get("t_first_decision_s")),
            time(get("t_ready_s")),
            time(get("t_recover_s")),
        ]);
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

fn services(recording: &Recording, summary: &Summary) -> Table {
    let slo = slo_column(recording);
    let mut table = Table::new([
        "service", "requests", "failed", "p50 ms", "p95 ms", "p99 ms", &slo, "CPU/req.",
    ]);
    for service in &summary.services {
        let latency = |value: f64| {
            if service.latency.count == 0 {
                "-".to_owned()
            } else {
                ms(value)
            }
        };
        table.row([
            service.label.clone(),
            grouped(service.requests),
            format!("{}%", number(service.error_rate_pct(), 2)),
            latency(service.latency.p50_ms),
            latency(service.latency.p95_ms),
            latency(service.latency.p99_ms),
            if slo.is_empty() {
                String::new()
            } else {
                format!("{}%", number(service.slo_violation_pct, 1))
            },
            format!("{}%", number(service.cpu_utilization_pct, 0)),
        ]);
    }
    table
}

fn loads(recording: &Recording) -> Table {
    let mut table = Table::new([
        "load", "tool", "start", "took", "requests", "failed", "req/s", "p50 ms", "p95 ms",
        "p99 ms",
    ]);
    for load in &recording.loads {
        let percentile = |wanted: u8| {
            let found = load
                .percentiles
                .iter()
                .find(|(percent, _)| *percent == wanted);
            found.map_or("-".to_owned(), |(_, value)| ms(*value))
        };
        let failed: u64 = load.outcomes.iter().skip(1).map(|(_, count)| count).sum();
        table.row([
            load.name.clone(),
            load.tool.to_owned(),
            crate::sim::SimDuration(load.started.0).to_string(),
            time(Some(load.seconds)),
            grouped(load.requests),
            grouped(failed),
            number(load.requests_per_second, 1),
            percentile(50),
            percentile(95),
            percentile(99),
        ]);
    }
    table
}

fn cost(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
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
    writeln!(out)
}

/// Writes what the loads' tools print, each under its name.
pub fn write_tool_reports(out: &mut impl Write, recording: &Recording) -> io::Result<()> {
    for load in &recording.loads {
        writeln!(
            out,
            "{DIM}──{DIM:#} {BOLD}{}{BOLD:#} {DIM}{}{DIM:#}",
            load.name,
            "─".repeat(WIDTH.saturating_sub(load.name.chars().count() + 4))
        )?;
        writeln!(out, "{}\n", load.printed.trim_matches('\n'))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_of_objects_break_after_their_kind() {
        let name = "n".repeat(63);
        let text = format!("HorizontalPodAutoscaler/{name}: stood at its maxReplicas of 4 / 5.");
        let lines = wrapped(&text, WIDTH - 2);
        assert_eq!(lines[0], "HorizontalPodAutoscaler/");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH - 2));
        assert_eq!(
            wrapped("Deployment/web: a/b c", 78),
            ["Deployment/web: a/b c"]
        );
    }
}
