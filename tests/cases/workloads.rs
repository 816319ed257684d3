//! Pods, their containers and what they use.

use crate::rig::run;

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
