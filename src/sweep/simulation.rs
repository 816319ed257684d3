//! A sweep's runs: the scenario with a point's settings, simulated and summed up.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Metrics, Setting, Simulate};
use crate::analysis::Summary;
use crate::record::Detail;
use crate::scenario::{Loaded, Scenario};
use crate::world;

/// Runs of a scenario that was read once.
pub struct ScenarioRuns<'a> {
    /// The files.
    pub loaded: &'a Loaded,
    /// What is replaced at every point: path and value.
    pub replaced: &'a [(String, String)],
    /// Ends runs early when it is set.
    pub stop: &'a AtomicBool,
}

impl Simulate for ScenarioRuns<'_> {
    type Prepared = Scenario;

    fn prepare(&self, settings: &[Setting<'_>]) -> Result<Scenario, String> {
        let mut replaced = self.replaced.to_vec();
        let own = settings
            .iter()
            .map(|s| (s.path.to_owned(), s.value.to_owned()));
        replaced.extend(own);
        match self.loaded.build_point(&replaced) {
            Ok(built) => Ok(built.scenario),
            Err(diagnostics) => {
                let titles = diagnostics.list.iter().map(|d| d.title.as_str());
                Err(titles.collect::<Vec<_>>().join("; "))
            }
        }
    }

    fn run(&self, scenario: &Scenario, seed: u64) -> Result<Metrics, String> {
        metrics(scenario, seed, self.stop)
    }
}

/// The figures of one run.
pub fn metrics(scenario: &Scenario, seed: u64, stop: &AtomicBool) -> Result<Metrics, String> {
    let go_on = |_| !stop.load(Ordering::Relaxed);
    world::run(scenario, seed, Detail::Summary, go_on)
        .map(|finished| Summary::of(&finished.recording).values)
        .map_err(|error| error.to_string())
}
