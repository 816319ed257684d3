//! Pods, their containers and what they use.

use std::collections::BTreeMap;

use crate::rig::run;

#[test]
fn pods_that_connections_pass_by_have_metrics_and_go_with_the_load() {
    let ran = run("keep-alive-idle-pods", &[]).ok();
    let decisions = ran.rows("decisions.csv");
    let number = |row: &BTreeMap<String, String>, column: &str| -> f64 {
        row[column].parse().expect("a number")
    };
    let most = decisions.iter().map(|row| number(row, "desired") as u32);
    assert!(most.max() > Some(4), "hey makes it scale up");
    let late: Vec<_> = decisions
        .iter()
        .filter(|row| number(row, "time_s") >= 1900.0)
        .collect();
    assert!(!late.is_empty());
    for row in late {
        assert_eq!(number(row, "desired"), 2.0, "{row:?}");
        assert_eq!(number(row, "cpu.missing_pods"), 0.0, "{row:?}");
    }
}

#[test]
fn the_step_of_the_outputs_changes_no_event() {
    let of = |step: &str| {
        let ran = run("step-changes-kills", &["--set", step]).ok();
        ran.file("events.csv")
    };
    let fine = of("simulation.step=1s");
    assert!(fine.contains("OOMKilled") || fine.contains("OOM"), "{fine}");
    assert_eq!(fine, of("simulation.step=15s"));
    assert_eq!(fine, of("simulation.step=10m"));
}
