//! What is added up while a run goes on is, to the last bit, what its series add up to.

mod files;
mod shipped;

use std::fs;

use nlsim::analysis::Summary;
use nlsim::record::Detail;
use nlsim::scenario::Scenario;
use nlsim::world;

fn figures(scenario: &Scenario, detail: Detail) -> Summary {
    let finished = world::run(scenario, 3, detail, |_| true).expect("a run");
    assert_eq!(
        finished.recording.folded.is_some(),
        detail == Detail::Summary
    );
    Summary::of(&finished.recording)
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
