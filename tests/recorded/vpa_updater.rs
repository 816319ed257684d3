//! Replays recorded passes of the upstream VPA updater: none may differ.

use crate::common;

#[test]
fn every_recorded_pass_is_equal() {
    for (file, cases, passes) in [
        ("updater", 250, 250),
        ("updater-inplace", 300, 2292),
        ("updater-rate", 750, 2973),
    ] {
        let report = common::replay_golden("vpa-updater", &format!("vpa/{file}.jsonl.gz"));
        assert_eq!((report.cases, report.steps), (cases, passes), "{file}");
        assert_eq!(report.differences.first(), None, "{file}");
    }
}
