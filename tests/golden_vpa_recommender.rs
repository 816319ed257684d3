//! Replays usage recorded with the upstream VPA recommender: no step may differ.

mod common;

#[test]
fn every_recorded_step_is_equal() {
    let report = common::replay_golden("vpa-recommender", "vpa/recommender.jsonl.gz");
    assert_eq!((report.cases, report.steps), (160, 2195));
    assert_eq!(report.differences.first(), None);
}
