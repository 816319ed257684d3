//! Replays what the upstream VPA admission controller made of new pods: no pod may differ.

use crate::common;

#[test]
fn every_recorded_pod_gets_the_same() {
    let report = common::replay_golden("vpa-admission", "vpa/admission.jsonl.gz");
    assert_eq!((report.cases, report.steps), (250, 250));
    assert_eq!(report.differences.first(), None);
}
