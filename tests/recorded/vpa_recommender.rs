//! Replays usage recorded with the upstream VPA recommender: no step may differ.

use crate::common;

#[test]
fn every_recorded_step_is_equal() {
    for (file, cases, steps) in [
        ("recommender", 160, 2195),
        ("recommender-all", 109, 2081),
        ("recommender-gc", 79, 6219),
        ("recommender-repro", 7, 8),
    ] {
        let report = common::replay_golden("vpa-recommender", &format!("vpa/{file}.jsonl.gz"));
        assert_eq!((report.cases, report.steps), (cases, steps), "{file}");
        assert_eq!(report.differences.first(), None, "{file}");
    }
}
