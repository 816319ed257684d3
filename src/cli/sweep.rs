//! `nlsim sweep`: every point of the scenario's `[sweep]`, in parallel.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "charts")]
use super::charts::{self, ChartsArg};
use super::exit::{CliError, Exit, tell, unless_closed};
use super::metric::known;
use super::progress;
use super::scenario::{ScenarioArgs, build, needs, read};
use super::{signal, width};
use crate::output::folder::{FolderError, OutputFolder};
#[cfg(feature = "charts")]
use crate::output::write_sweep_charts;
use crate::sweep::{
    self, Collector, Goal, MOST_CHARTED, Plan, Ranking, Results, ScenarioRuns, write_best,
};

/// Run every point of a parameter sweep with several seeds
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nlsim sweep scenario.toml
  nlsim sweep scenario.toml --best p95_ms --threads 4")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Folder for the results [default: outputs/NAME-sweep]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The metric by which points are ranked, lowest first
    #[arg(long, value_name = "METRIC", default_value = "request_cost")]
    best: String,
    /// Rank the highest first
    #[arg(long)]
    highest: bool,
    /// Charts to write: none, one format, or all [default: all]
    #[cfg(feature = "charts")]
    #[arg(long, value_name = "WHICH", value_enum)]
    charts: Option<ChartsArg>,
    /// Print nothing but warnings and errors
    #[arg(short, long)]
    quiet: bool,
}

/// Metrics that the terminal shows beside the one that ranks, as many as fit.
const SHOWN: [&str; 6] = [
    "slo_violation_pct",
    "flaps",
    "p95_ms",
    "t_ready_s",
    "error_rate_pct",
    "request_cost",
];
/// Before them where the scenario has a VPA.
const SHOWN_OF_VPAS: [&str; 4] = [
    "slack_core_hours",
    "slack_gib_hours",
    "evictions",
    "oom_kills",
];
/// Points in the terminal's table.
const BEST: usize = 10;

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let loaded = read(&args.scenario)?;
    let built = build(&args.scenario, &loaded, args.quiet)?;
    let scenario = &built.scenario;
    let Some(spec) = &scenario.sweep else {
        return Err(needs(
            &built,
            "the scenario has no [sweep]",
            "add one with design, replicates and [[sweep.parameter]]",
        ));
    };
    let plan = Plan::new(spec, scenario.simulation.seed)
        .map_err(|error| CliError::BadInput(format!("error: [sweep]: {error}")))?;
    let target = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("outputs").join(format!("{}-sweep", scenario.name)));
    let stop = signal::interrupted()?;
    let folder = OutputFolder::create(&target)?.until(stop);
    signal::unfinished(folder.temporary().to_owned());
    let results = work(args, &loaded, &plan, &folder, stop)?;
    let ranking = rank(args, &results, !scenario.vpas.is_empty());
    #[cfg(feature = "charts")]
    if results.total <= MOST_CHARTED {
        write_sweep_charts(
            &folder,
            &scenario.name,
            &results.table(&ranking),
            charts::wanted(args.charts),
        )?;
    }
    signal::finishing();
    let target = folder.finish()?;
    if !args.quiet {
        let mut out = anstream::stdout().lock();
        let printed = write_best(
            &mut out,
            width::of_stdout(),
            &results,
            &ranking,
            args.goal(),
        );
        unless_closed(printed.map_err(CliError::Output))?;
        tell(format_args!("\nWrote {}\n", target.display()));
    }
    report_failures(&results)
}

impl Args {
    fn goal(&self) -> Goal {
        if self.highest {
            Goal::Highest
        } else {
            Goal::Lowest
        }
    }
}

/// Runs all points; the tables grow as they come.
fn work(
    args: &Args,
    loaded: &crate::scenario::Loaded,
    plan: &Plan,
    folder: &OutputFolder,
    stop: &AtomicBool,
) -> Result<Results, CliError> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.map_or(0, usize::from))
        .build()
        .map_err(|error| CliError::RunFailed(error.to_string()))?;
    let simulation = ScenarioRuns {
        loaded,
        replaced: args.scenario.replaced(),
        stop,
    };
    let bar = progress::runs(plan.runs(), args.quiet);
    let others = SHOWN_OF_VPAS.into_iter().chain(SHOWN);
    let kept: Vec<&str> = std::iter::once(args.best.as_str())
        .chain(others.filter(|name| *name != args.best))
        .collect();
    let ranking = Ranking {
        metric: &args.best,
        goal: args.goal(),
        count: BEST,
    };
    let (mut results, mut unknown) = (Results::default(), None);
    let mut inner = Ok(());
    let outer = folder.write("points.csv", |points| {
        inner = folder.write("results.csv", |rows| {
            let mut collector = Collector::new(plan, (rows, points), &kept, ranking);
            sweep::run(plan, &simulation, &threads, stop, |outcome| {
                bar.inc(1);
                if let Ok(metrics) = &outcome.result
                    && let Err(problem) = known("--best", &args.best, &[metrics])
                {
                    // Not after hours of runs.
                    unknown = Some(problem);
                    return Err(io::Error::other("unknown metric"));
                }
                collector.take(outcome)
            })?;
            results = collector.finish()?;
            Ok(())
        });
        Ok(())
    });
    let written = inner.and(outer);
    bar.finish_and_clear();
    if let Some(problem) = unknown {
        return Err(problem);
    }
    if stop.load(Ordering::Relaxed) && written.is_ok() {
        return Err(CliError::Interrupted);
    }
    written
        .map_err(|error: FolderError| error.into())
        .map(|()| results)
}

/// The places of the metrics that the terminal shows, the ranking one first.
fn rank(args: &Args, results: &Results, has_vpas: bool) -> Vec<usize> {
    let Some(first) = results.metric(&args.best) else {
        return Vec::new(); // no run succeeded; that is told elsewhere
    };
    let of_vpas = SHOWN_OF_VPAS.iter().filter(|_| has_vpas);
    let others = of_vpas
        .chain(&SHOWN)
        .filter_map(|name| results.metric(name));
    let others = others.filter(|place| *place != first && results.varies(*place));
    std::iter::once(first).chain(others).collect()
}

fn report_failures(results: &Results) -> Result<Exit, CliError> {
    let Some(first) = &results.failure else {
        return Ok(Exit::Fine);
    };
    Err(CliError::RunFailed(format!(
        "{} of {} points have runs that failed; the first, point {} with seed {}: {}",
        results.failed, results.total, first.point, first.seed, first.reason
    )))
}
