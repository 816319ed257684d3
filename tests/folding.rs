//! What is added up while a run goes on is, to the last bit, what its series add up to.

mod files;
mod shipped;

use std::fs;

use nlsim::analysis::Summary;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::Scenario;
use nlsim::world;

fn figures(scenario: &Scenario, detail: Detail) -> Summary {
    let finished = world::run(scenario, 3, detail, |_| true).expect("a run");
    assert_eq!(
        finished.recording.folded.is_some(),
        detail == Detail::Summary
    );
    if detail == Detail::Summary {
        assert_no_series(&finished.recording);
    }
    Summary::of(&finished.recording)
}

/// Nothing whose length grows with time is kept.
fn assert_no_series(recording: &Recording) {
    let lengths = [
        recording.pods.len(),
        recording.disruptions.len(),
        recording.events.len(),
        recording.decisions.len(),
    ];
    assert_eq!(lengths, [0; 4]);
    for hpa in &recording.hpas {
        assert!(hpa.desired.steps().is_empty());
        assert!(
            hpa.metric_values
                .iter()
                .all(|values| values.steps().is_empty())
        );
    }
    assert!((recording.workloads.iter()).all(|workload| workload.counts.steps().is_empty()));
    for service in &recording.services {
        assert!(service.samples.is_empty() && service.windows.is_empty());
    }
    let mut containers = recording.vpas.iter().flat_map(|vpa| &vpa.containers);
    assert!(containers.all(|container| container.rows.is_empty()));
    let folded = recording.folded.as_ref().expect("sums");
    assert!(folded.hpas.iter().all(|hpa| hpa.steps.is_empty()));
}

#[test]
fn a_run_without_series_has_the_figures_of_one_with_them() {
    let mut compared = 0;
    for entry in fs::read_dir("scenarios").expect("the scenarios") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let Some(name) = name.strip_suffix(".toml") else {
            continue;
        };
        let scenario = shipped::load(name);
        let (whole, folded) = (
            figures(&scenario, Detail::Full),
            figures(&scenario, Detail::Summary),
        );
        for ((figure, one), (same, other)) in whole.values.iter().zip(&folded.values) {
            assert_eq!(figure, same, "{name}");
            assert!(
                one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan(),
                "{name} {figure}: {one} of the series, {other} without"
            );
            compared += 1;
        }
        assert_eq!(whole.values.len(), folded.values.len());
        assert_eq!(whole.findings, folded.findings, "{name}");
    }
    assert!(compared > 500, "{compared}");
}
