//! Replays recorded passes of the upstream VPA updater: none may differ.

mod common;

#[test]
fn every_recorded_pass_is_equal() {
    let report = common::replay_golden("vpa-updater", "vpa/updater.jsonl.gz");
    assert_eq!((report.cases, report.steps), (250, 250));
    assert_eq!(report.differences.first(), None);
}
