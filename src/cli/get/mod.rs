//! `nlsim get`: the objects of the cluster at any time, printed as `kubectl get` prints them.

mod asked;
mod printer;
mod watch;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;

use super::exit::{CliError, Exit, tell};
use super::scenario::{Changes, ScenarioArgs, load};
use super::signal;
use crate::api::Clock;
use crate::kubectl::print::nothing_found;
use crate::scenario::{Scenario, nearest};
use crate::sim::{SimDuration, SimTime};
use crate::world::{EventObjects, Simulation};
use asked::{Asked, Objects};
use printer::Printer;

/// Show objects of the cluster at any time, as `kubectl get` does
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "nlsim get [OPTIONS] <KIND> [NAME] <SCENARIO>",
    after_help = "Kinds: deploy, rs, sts, ds, jobs, cronjobs, pods, nodes, hpa, vpa, pdb, scaledobjects,
scaledjobs, nodeclaims, nodepools, ec2nodeclasses, cm, events.

Examples:
  nlsim get hpa scenario.toml
  nlsim get pods scenario.toml --at 12m -o wide
  nlsim get deploy web scenario.toml --at 12m -o yaml
  nlsim get hpa scenario.toml -w"
)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub(super) struct Args {
    /// The kind, an object's name (optional) and the scenario file (TOML)
    #[arg(value_name = "KIND [NAME] SCENARIO", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    /// The time since the start [default: the end; with --watch the start]
    #[arg(long, value_name = "TIME")]
    at: Option<SimDuration>,
    /// The namespace
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// Objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How to print
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
    /// Print every change until the end
    #[arg(short, long)]
    watch: bool,
    /// Order by a field, as .metadata.creationTimestamp
    #[arg(long, value_name = "PATH")]
    sort_by: Option<String>,
    /// Show labels as the last column
    #[arg(long)]
    show_labels: bool,
    /// Omit the header line
    #[arg(long)]
    no_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table with more columns
    Wide,
    /// Whole objects
    Yaml,
    /// Whole objects
    Json,
    /// Kinds and names
    Name,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let (asked, path) = Asked::read(args)?;
    let built = load(&ScenarioArgs::new(path, args.changes.clone()), false)?;
    let scenario = &built.scenario;
    let time = time(args, scenario)?;
    let stop = signal::interrupted()?;
    let mut simulation = Simulation::new(scenario, scenario.simulation.seed);
    if matches!(asked.of, Objects::ConfigMaps) {
        simulation.keep_config_maps();
    }
    advance(&mut simulation, time, stop)?;
    let clock = clock(scenario, time);
    let objects = asked.objects(&simulation, clock);
    if let (Some(name), true) = (&asked.name, objects.is_empty()) {
        return Err(not_found(&asked, name, &simulation, clock));
    }
    let mut out = anstream::stdout().lock();
    let mut printer = Printer::new(args, &asked);
    if objects.is_empty() && !args.watch && printer.is_table() {
        nothing(&asked, &simulation, clock);
    } else if !(objects.is_empty() && args.watch) {
        printer.print(objects, clock, &mut out)?;
    }
    if args.watch {
        watch::watch(
            &asked,
            &mut simulation,
            scenario,
            &mut printer,
            stop,
            &mut out,
        )?;
    }
    out.flush()?;
    Ok(Exit::Fine)
}

/// The time that is asked for.
fn time(args: &Args, scenario: &Scenario) -> Result<SimTime, CliError> {
    let end = scenario.simulation.end();
    let Some(at) = args.at else {
        return Ok(if args.watch { SimTime::ZERO } else { end });
    };
    let time = SimTime::ZERO + at;
    if (SimTime::ZERO..=end).contains(&time) {
        return Ok(time);
    }
    let length = scenario.simulation.duration;
    Err(CliError::BadInput(format!(
        "error: --at {at} is not within the simulation, which lasts {length}"
    )))
}

fn clock(scenario: &Scenario, now: SimTime) -> Clock {
    Clock {
        calendar: scenario.controllers.vpa.clock,
        now,
    }
}

/// Simulates up to a time.
fn advance(
    simulation: &mut Simulation<'_>,
    time: SimTime,
    stop: &AtomicBool,
) -> Result<(), CliError> {
    while simulation.step(time)?.is_some() {
        if stop.load(Ordering::Relaxed) {
            return Err(CliError::Interrupted);
        }
    }
    Ok(simulation.step_until(time)?)
}

/// Says that nothing was found, and which namespaces hold such objects.
fn nothing(asked: &Asked, simulation: &Simulation<'_>, clock: Clock) {
    let namespace = asked.namespace.as_deref();
    tell(format_args!("{}\n", nothing_found(namespace)));
    let elsewhere = Asked {
        namespace: None,
        ..asked.clone()
    };
    let objects = elsewhere.objects(simulation, clock);
    let named = objects.iter();
    let mut namespaces: Vec<&str> = named
        .filter_map(|object| object["metadata"]["namespace"].as_str())
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    if !namespaces.is_empty() {
        let namespaces = namespaces.join(", ");
        tell(format_args!("There are some in: {namespaces}\n"));
    }
}

/// The API server's words for a name that is not there, and the nearest that is.
fn not_found(asked: &Asked, name: &str, simulation: &Simulation<'_>, clock: Clock) -> CliError {
    let kind = asked.kind.resource();
    let mut text = format!("Error from server (NotFound): {kind} \"{name}\" not found");
    let others = Asked {
        name: None,
        ..asked.clone()
    };
    let others = others.objects(simulation, clock);
    let names = others.iter();
    let names = names.filter_map(|object| object["metadata"]["name"].as_str());
    if let Some(near) = nearest(name, names) {
        text.push_str("\nDid you mean `");
        text.push_str(near);
        text.push_str("`?");
    }
    CliError::BadInput(text)
}

impl Asked {
    /// The objects that are asked for, in the API server's order.
    fn objects(&self, simulation: &Simulation<'_>, clock: Clock) -> Vec<serde_json::Value> {
        let mut objects = match self.of {
            Objects::Events => {
                let mut events = EventObjects::default();
                events.take(simulation.recording().events.iter());
                events.list(clock)
            }
            Objects::ConfigMaps => simulation.config_maps(clock),
            Objects::Karpenter => {
                let objects = simulation.karpenter_objects(self.kind.kind);
                objects.unwrap_or_default()
            }
            Objects::Stored(kind) => simulation.store().list(kind, None, clock),
        };
        objects.retain(|object| self.includes(object));
        objects
    }
}
