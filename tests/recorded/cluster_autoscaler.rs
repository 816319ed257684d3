//! Replays tables and whole loops of the real Cluster Autoscaler.

use crate::common;
use std::collections::BTreeMap;

#[test]
fn every_part_answers_as_recorded() {
    for (kind, cases) in [
        ("ca_binpacking", 99),
        ("ca_expanders", 80),
        ("ca_balance", 60),
        ("ca_backoff", 20),
        ("ca_drain", 147),
        ("ca_unneeded", 40),
        ("ca_utilization", 60),
    ] {
        let report = common::replay_golden(kind, &format!("autoscalers/{kind}.json"));
        assert_eq!(report.cases, cases, "{kind}");
        assert_eq!(report.differences.first(), None, "{kind}");
    }
}

/// The real autoscaler walks maps in random order. In the first `order_free_loops` of a sequence
/// that does not matter, and no loop may differ; the others were only recorded where three runs
/// agreed, by chance or not. Which of those differ is kept by name: none may join them unseen.
#[test]
fn every_loop_whose_result_no_order_decides_is_the_recorded_one() {
    let file = "loops/ca_loops.jsonl.gz";
    let mut order_free = BTreeMap::new();
    for line in common::golden(file).lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case a line");
        let id = case["id"].as_str().expect("an id").to_owned();
        order_free.insert(id, case["order_free_loops"].as_u64().expect("a number"));
    }
    let report = common::replay_golden("ca_loops", file);
    assert_eq!((report.cases, report.steps), (105, 5019));
    for difference in &report.differences {
        let mut words = difference.place.split(' ');
        let id = words.next().expect("the case");
        let number: u64 = words
            .nth(1)
            .and_then(|number| number.parse().ok())
            .expect("the loop");
        assert!(number >= order_free[id], "{difference:?}");
    }
    let places: Vec<&str> = report
        .differences
        .iter()
        .map(|difference| difference.place.as_str())
        .collect();
    insta::assert_snapshot!(places.join("\n"));
}
