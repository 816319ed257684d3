//! Replays the recorded reconciles of the upstream HPA controller: no step may differ.

use crate::common;

#[test]
fn every_recorded_step_is_equal() {
    for (file, cases, steps) in [
        ("seed", 58, 3900),
        ("loop", 105, 6300),
        ("loop-rolling", 8, 480),
        ("loop-long", 6, 1440),
        ("open", 60, 3000),
        ("edge", 115, 5355),
        ("versions-1.33", 97, 9610),
        ("versions-1.34", 97, 9610),
        ("versions-1.35", 97, 9610),
        ("plane-run1", 11, 575),
    ] {
        let report = common::replay_golden("hpa", &format!("hpa/{file}.jsonl.gz"));
        assert_eq!((report.cases, report.steps), (cases, steps), "{file}");
        assert_eq!(report.differences.first(), None, "{file}");
    }
}
