//! `nlsim check`: the scenario's `[[assert]]`s, for CI.

use super::exit::{CliError, Exit};
use super::scenario::{ScenarioArgs, bad, load, needs};
use super::seeds;
use crate::scenario::Diagnostics;
use crate::sweep::{UnknownMetric, Verdict, evaluate, write_verdicts};

/// Check the bounds of [[assert]]; exit code 1 if one does not hold
#[derive(Debug, clap::Args)]
#[command(after_help = "Example, in a scenario:
  [[assert]]
  metric = \"hpa.api.flaps\"
  max = 2")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Number of seeds; the bounds apply to the mean
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let built = load(&args.scenario, args.quiet)?;
    let scenario = &built.scenario;
    if scenario.asserts.is_empty() {
        return Err(needs(
            &built,
            "the scenario has nothing to check",
            "add [[assert]] with metric and min, max or equals",
        ));
    }
    let runs = seeds::run(&[scenario], args.seeds, args.quiet)?;
    let verdicts = evaluate(&scenario.asserts, &runs)
        .map_err(|unknown| unknown_metrics(&unknown, &built.warnings))?;
    write_verdicts(&mut anstream::stdout().lock(), &verdicts, runs.len())?;
    Ok(if verdicts.iter().all(Verdict::held) {
        Exit::Fine
    } else {
        Exit::CheckFailed
    })
}

/// Assertions on unknown metrics, at their places.
fn unknown_metrics(unknown: &[UnknownMetric], read: &Diagnostics) -> CliError {
    let mut problems = Diagnostics {
        files: read.files.clone(),
        ..Diagnostics::default()
    };
    for one in unknown {
        let (name, long) = (&one.name, &one.long_forms);
        let (title, label, help) = match one.near.as_slice() {
            _ if !long.is_empty() => (
                format!("several metrics are `{name}`"),
                "objects of this name are in several namespaces",
                format!("name one with its namespace: {}", long.join(", ")),
            ),
            near => (
                format!("unknown metric `{name}`"),
                "no run reports it",
                match near {
                    [] => "summary.csv of a run lists all metrics".to_owned(),
                    near => format!("did you mean `{}`?", near.join("` or `")),
                },
            ),
        };
        problems.error(one.place, title, label).help = Some(help);
    }
    bad(&problems)
}
