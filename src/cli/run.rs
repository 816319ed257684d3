//! `nlsim run`: one scenario, one seed, everything written.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "charts")]
use super::charts::{self, ChartsArg};
use super::exit::{CliError, Exit, tell, unless_closed};
use super::progress::Bar;
use super::scenario::{ScenarioArgs, build, provenance, read};
use super::{signal, width};
use crate::analysis::Summary;
use crate::output::folder::OutputFolder;
use crate::output::{OnRequest, terminal, write_run};
use crate::record::Detail;
use crate::scenario::Scenario;
use crate::sim::SimTime;
use crate::world::{self, Finished};

/// Simulate a scenario and write tables and charts
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nlsim run scenario.toml
  nlsim run scenario.toml --seed 7 --out outputs/seed-7
  nlsim run scenario.toml --set 'HorizontalPodAutoscaler/api:spec.maxReplicas=20'")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Folder for the results [default: outputs/NAME]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write pods.csv: every pod with its times and requests
    #[arg(long)]
    pods: bool,
    /// Write nodes.csv: every node with its times, sizes and price
    #[arg(long)]
    nodes: bool,
    /// Charts to write [default: SVG and PNG for up to 12 workloads; beyond that for the 12 worst,
    /// with a contact sheet of all]
    #[cfg(feature = "charts")]
    #[arg(long, value_name = "WHICH", value_enum)]
    charts: Option<ChartsArg>,
    /// Print nothing but warnings and errors
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let loaded = read(&args.scenario)?;
    let built = build(&args.scenario, &loaded, args.quiet)?;
    let scenario = &built.scenario;
    let target = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("outputs").join(&scenario.name));
    let stop = signal::interrupted()?;
    let folder = OutputFolder::create(&target)?.until(stop);
    signal::unfinished(folder.temporary().to_owned());
    let finished = simulate(scenario, stop, args.quiet)?;
    let summary = Summary::of(&finished.recording);
    if stop.load(Ordering::Relaxed) {
        return Err(CliError::Interrupted);
    }
    if !args.quiet {
        unless_closed(print(scenario, &finished, &summary))?;
    }
    let provenance = provenance(&args.scenario, &loaded, scenario);
    let wanted = OnRequest {
        pods: args.pods,
        nodes: args.nodes,
        #[cfg(feature = "charts")]
        charts: charts::wanted(args.charts),
        #[cfg(not(feature = "charts"))]
        charts: crate::output::Charts::None,
    };
    write_run(&folder, &provenance, &finished.recording, &summary, wanted)?;
    signal::finishing();
    let target = folder.finish()?;
    if !args.quiet {
        tell(format_args!("\nWrote {}\n", target.display()));
    }
    Ok(Exit::Fine)
}

fn simulate(scenario: &Scenario, stop: &AtomicBool, quiet: bool) -> Result<Finished, CliError> {
    let end = scenario.simulation.end();
    let mut bar = Bar::new(quiet);
    let progress = |now: SimTime| {
        bar.at(now, end);
        !stop.load(Ordering::Relaxed)
    };
    Ok(world::run(
        scenario,
        scenario.simulation.seed,
        Detail::Full,
        progress,
    )?)
}

fn print(scenario: &Scenario, finished: &Finished, summary: &Summary) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    let width = width::of_stdout();
    terminal::write_tool_reports(&mut out, width, &finished.recording)?;
    let simulation = &scenario.simulation;
    let counted = if simulation.warm_up.0 > 0 {
        format!(" · first {} excluded (warm-up)", simulation.warm_up)
    } else {
        String::new()
    };
    let title = format!(
        "{} · {} simulated · seed {}{counted}",
        scenario.name, simulation.duration, simulation.seed
    );
    terminal::write_tables(&mut out, width, &title, &finished.recording, summary)?;
    Ok(out.flush()?)
}
