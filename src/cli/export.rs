//! `nlsim export`: a run for other programs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::exit::{CliError, Exit};
use super::scenario::{ScenarioArgs, load};
use super::signal;
use crate::prometheus::openmetrics;
use crate::record::Detail;
use crate::scenario::Scenario;
use crate::sim::SimDuration;
use crate::world::Simulation;

/// Simulated time between two looks at whether to stop.
const STRIDE: SimDuration = SimDuration::from_secs(60);

/// Write a run for other programs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    Openmetrics(OpenMetrics),
}

/// Write what Prometheus scrapes, for `promtool tsdb create-blocks-from openmetrics`
#[derive(Debug, clap::Args)]
struct OpenMetrics {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// The file to write; the terminal if left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let Format::Openmetrics(args) = &args.format;
    let mut scenario = load(&args.scenario, true)?.scenario;
    keep_everything(&mut scenario);
    let stop = signal::interrupted()?;
    let mut simulation =
        Simulation::with_detail(&scenario, scenario.simulation.seed, Detail::Summary);
    let end = scenario.simulation.end();
    while simulation.now() < end {
        let next = (simulation.now() + STRIDE).min(end);
        simulation.step_until(next)?;
        if stop.load(Ordering::Relaxed) {
            return Err(CliError::Interrupted);
        }
    }
    let start = scenario.controllers.vpa.clock.unix_start * 1000;
    match &args.output {
        Some(path) => write(&simulation, start, BufWriter::new(File::create(path)?))?,
        None => write(&simulation, start, io::stdout().lock())?,
    }
    Ok(Exit::Fine)
}

fn write(simulation: &Simulation<'_>, start: i64, mut out: impl Write) -> io::Result<()> {
    if let Some(storage) = simulation.samples() {
        openmetrics::write(storage, start, &mut out)?;
    }
    out.flush()
}

/// Lets Prometheus keep every series to the end, whether anybody asks for it or not.
fn keep_everything(scenario: &mut Scenario) {
    let seconds = scenario.simulation.duration.as_secs_f64().ceil() as i64;
    let prometheus = scenario.prometheus.get_or_insert_default();
    let all = format!("last_over_time({{__name__!=\"\"}}[{seconds}s])");
    prometheus.queries.push(all);
    for (service, export) in scenario.services.iter_mut().zip(&scenario.exports) {
        service.latency_buckets.clone_from(&export.buckets);
    }
}
