//! `nlsim compare`: figures of several scenarios side by side.

use std::fmt::Write as _;
use std::io::Write as _;

use super::exit::{CliError, Exit};
use super::metric::known;
use super::scenario::{Changes, ScenarioArgs, load};
use super::seeds;
use crate::scenario::Scenario;
use crate::sweep::Metrics;

/// Figures of every scenario, where nobody names others: what users feel, what it costs, how it scales.
const FIGURES: [&str; 16] = [
    "requests",
    "error_rate_pct",
    "slo_violation_pct",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "replica_hours",
    "node_hours",
    "node_cost",
    "tau_u_pct",
    "theta_u_pct",
    "theta_o_pct",
    "scale_ups",
    "scale_downs",
    "flaps",
    "t_ready_s",
];

/// Run scenarios and print their figures side by side
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nlsim compare scenarios/office-cpu.toml scenarios/office-cron.toml scenarios/office-predictive.toml
  nlsim compare a.toml b.toml --seeds 10 --metric p99_ms --metric hpa.api.flaps")]
pub(super) struct Args {
    /// The scenario files, or folders of manifests
    #[arg(value_name = "SCENARIO", required = true, num_args = 2..)]
    paths: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    /// A figure of summary.csv; without any, the most telling ones
    #[arg(long, value_name = "NAME")]
    metric: Vec<String>,
    /// Number of seeds; figures are means over them
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let read = |path: &String| {
        let one = ScenarioArgs::new(path.clone(), args.changes.clone());
        load(&one, args.quiet)
    };
    let built: Vec<_> = args.paths.iter().map(read).collect::<Result<_, _>>()?;
    let scenarios: Vec<&Scenario> = built.iter().map(|built| &built.scenario).collect();
    let runs = seeds::run(&scenarios, args.seeds, args.quiet)?;
    let by_scenario: Vec<&[Metrics]> = runs.chunks(args.seeds.into()).collect();
    let names = chosen(&args.metric, &by_scenario)?;
    let table = table(&scenarios, &names, &by_scenario);
    let mut out = anstream::stdout().lock();
    for line in aligned(&table) {
        writeln!(out, "{line}")?;
    }
    Ok(Exit::Fine)
}

/// The figures to print: the named ones, each of which some scenario has, or those of all.
fn chosen(named: &[String], runs: &[&[Metrics]]) -> Result<Vec<String>, CliError> {
    let has = |name: &str| runs.iter().any(|runs| mean(runs, name).is_some());
    if named.is_empty() {
        let all = FIGURES.iter().filter(|name| has(name));
        return Ok(all.map(|name| (*name).to_owned()).collect());
    }
    let all: Vec<&Metrics> = runs.iter().copied().flatten().collect();
    for name in named {
        known("--metric", name, &all)?;
    }
    Ok(named.to_vec())
}

/// The mean of a figure over runs that have it.
fn mean(runs: &[Metrics], name: &str) -> Option<f64> {
    let of = |run: &Metrics| run.iter().find(|(other, _)| other == name).map(|one| one.1);
    let all: Vec<f64> = runs
        .iter()
        .filter_map(of)
        .filter(|one| one.is_finite())
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// A row for each figure, a column for each scenario.
fn table(scenarios: &[&Scenario], names: &[String], runs: &[&[Metrics]]) -> Vec<Vec<String>> {
    let header = scenarios.iter().map(|scenario| scenario.name.clone());
    let mut rows = vec![std::iter::once(String::new()).chain(header).collect()];
    for name in names {
        let cell = |runs: &&[Metrics]| mean(runs, name).map_or_else(|| "-".to_owned(), short);
        let cells = runs.iter().map(cell);
        rows.push(std::iter::once(name.clone()).chain(cells).collect());
    }
    rows
}

/// A number in four digits, whole from a thousand on.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// Names to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = format!("{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            // Writing to a text cannot fail.
            let _ = write!(line, "  {cell:>width$}");
        }
        line
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_the_runs_that_have_a_figure() {
        let run = |value: f64| vec![("p95_ms".to_owned(), value)];
        let runs = [run(1.0), run(f64::NAN), run(4.0)];
        assert_eq!(mean(&runs, "p95_ms"), Some(2.5));
        assert_eq!(mean(&runs, "p99_ms"), None);
        assert_eq!(mean(&[run(f64::NAN)], "p95_ms"), None);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["", "a-name"], ["p95_ms", "12.50"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), ["        a-name", "p95_ms   12.50"]);
        assert_eq!(
            [0.0, 0.1234, 12.345, 123.45, 12_345.6, 7.0].map(short),
            ["0", "0.123", "12.35", "123.5", "12346", "7"]
        );
    }
}
