//! The simulated tools against measurements of the real ones: no figure may be out of range.

use crate::common;

#[test]
fn the_simulated_tools_measure_what_the_real_ones_did() {
    let report = common::replay_golden("measured", "load/measured.json");
    assert!(report.cases > 0 && report.steps >= 4 * report.cases);
    let wrong: Vec<String> = (report.differences.iter())
        .map(|found| format!("{}: {}, not {}", found.place, found.got, found.expected))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
