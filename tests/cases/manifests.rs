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
