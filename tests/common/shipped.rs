//! Runs the scenarios that ship with the project.
#![allow(dead_code, reason = "each binary uses its own part")]

use std::path::Path;

use crate::files::Folder;
use nlsim::analysis::Summary;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{Built, Loaded, Scenario};
use nlsim::world;

pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) recording: Recording,
    pub(crate) summary: Summary,
}

pub(crate) fn load(name: &str) -> Scenario {
    let built = load_with(name, &[]);
    // NeuroLake's VPA is in mode Auto, as its owners wrote it; nothing else is to be said.
    let warnings = built.warnings.list.iter();
    let others = warnings.filter(|warning| !warning.title.contains("\"Auto\" is deprecated"));
    assert_eq!(others.count(), 0, "{}", built.warnings.render(false));
    built.scenario
}

/// Runs a scenario of another folder.
pub(crate) fn run_in(folder: &Path, name: &str) -> Run {
    of(load_from(folder, name, &[]).scenario)
}

fn load_with(name: &str, set: &[(&str, &str)]) -> Built {
    load_from(Path::new("scenarios"), name, set)
}

fn load_from(folder: &Path, name: &str, set: &[(&str, &str)]) -> Built {
    let folder = Folder(folder.to_owned());
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let set: Vec<(String, String)> = set.iter().map(own).collect();
    let loaded = Loaded::load(&format!("{name}.toml"), &folder);
    let built = loaded.and_then(|loaded| loaded.build(&set));
    built.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

pub(crate) fn run(name: &str) -> Run {
    of(load(name))
}

/// Runs a scenario with other values at some paths.
pub(crate) fn run_with(name: &str, set: &[(&str, &str)]) -> Run {
    of(load_with(name, set).scenario)
}

fn of(scenario: Scenario) -> Run {
    let finished = world::run(&scenario, scenario.simulation.seed, Detail::Full, |_| true);
    let recording = finished.unwrap_or_else(|error| panic!("{error}")).recording;
    let summary = Summary::of(&recording);
    Run {
        scenario,
        recording,
        summary,
    }
}

impl Run {
    pub(crate) fn get(&self, name: &str) -> f64 {
        let value = self.summary.get(name);
        value.unwrap_or_else(|| panic!("no figure {name}"))
    }

    /// The numbers that an HPA wrote, with their times in seconds.
    pub(crate) fn desired(&self, hpa: usize) -> Vec<(f64, i32)> {
        let steps = self.recording.hpas[hpa].desired.steps();
        steps
            .iter()
            .map(|(time, replicas)| (time.as_secs_f64(), *replicas))
            .collect()
    }

    /// The largest value of a metric that an HPA saw.
    pub(crate) fn peak(&self, hpa: usize, metric: usize) -> f64 {
        let values = self.recording.hpas[hpa].metric_values[metric].steps();
        values.iter().map(|(_, value)| *value).fold(0.0, f64::max)
    }

    pub(crate) fn tools(&self) -> Vec<&str> {
        self.recording.loads.iter().map(|load| load.tool).collect()
    }

    /// No pods above what the HPA allows.
    pub(crate) fn keeps_bounds(&self) {
        for hpa in &self.recording.hpas {
            let (min, max) = hpa.bounds;
            let desired = hpa.desired.steps();
            assert!(
                desired.iter().all(|(_, n)| (min..=max).contains(n)),
                "{}",
                hpa.name
            );
        }
    }
}
