//! Replays decisions recorded with KEDA: no step may differ.

mod common;

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
