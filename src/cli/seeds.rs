//! Runs of scenarios with several seeds each, on all cores, without files.

use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::exit::CliError;
use super::{progress, signal};
use crate::scenario::Scenario;
use crate::sweep::{Metrics, metrics};

/// The figures of all runs: scenario by scenario, of each one for every seed from its own on.
pub(super) fn run(
    scenarios: &[&Scenario],
    seeds: u16,
    quiet: bool,
) -> Result<Vec<Metrics>, CliError> {
    let stop = signal::interrupted()?;
    let jobs: Vec<(&Scenario, u64)> = scenarios
        .iter()
        .flat_map(|&scenario| {
            let first = scenario.simulation.seed;
            let replicates = 0..u64::from(seeds);
            replicates.map(move |replicate| (scenario, first.wrapping_add(replicate)))
        })
        .collect();
    let bar = progress::runs(jobs.len() as u64, quiet || jobs.len() == 1);
    let runs: Result<Vec<Metrics>, String> = jobs
        .into_par_iter()
        .map(|(scenario, seed)| {
            let run = metrics(scenario, seed, stop);
            bar.inc(1);
            run
        })
        .collect();
    bar.finish_and_clear();
    if stop.load(Ordering::Relaxed) {
        return Err(CliError::Interrupted);
    }
    runs.map_err(CliError::RunFailed)
}
