//! Manifests as people have them.

use crate::rig::run;

#[test]
fn a_service_is_no_workload() {
    let ran = run("service-as-workload", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("did you mean `Deployment/web`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_flow_list_may_close_at_the_column_of_its_key() {
    let ran = run("yaml-flow-list-close", &[]).ok();
    assert!(!ran.rows("timeseries.csv").is_empty());
}
