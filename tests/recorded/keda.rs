//! Replays decisions recorded with KEDA: no step may differ.

use crate::common;

fn equal(kind: &str, file: &str, cases: u64, steps: u64) {
    let report = common::replay_golden(kind, &format!("keda/{file}"));
    assert_eq!((report.cases, report.steps), (cases, steps), "{file}");
    assert_eq!(report.differences.first(), None, "{file}");
}

#[test]
fn the_tables_are_equal() {
    equal("keda_scale_loop", "keda_scale_loop.json.gz", 88, 1679);
    equal("keda_scaledjob", "keda_scaledjob.json", 320, 320);
    equal("keda_fallback", "keda_fallback.json", 80, 749);
    equal(
        "keda_scaling_modifiers",
        "keda_scaling_modifiers.json",
        87,
        87,
    );
    equal("keda_cron", "keda_cron.json", 12, 12);
    equal("keda_triggers", "keda_triggers.json", 121, 121);
}

#[test]
fn every_generated_hpa_and_every_refusal_is_equal() {
    equal("keda_hpa", "keda_hpa.jsonl.gz", 285, 285);
}

#[test]
fn every_step_of_every_scale_loop_is_equal() {
    equal("keda_loops", "keda_loops.jsonl.gz", 80, 7599);
}
