//! How much a sync does at most, and how long a Job waits at most.

use super::Rig;
use crate::controller::job::JobSpec;
use crate::sim::SimDuration;

#[test]
fn a_sync_creates_or_deletes_five_hundred_pods_at_most() {
    let mut rig = Rig::new(JobSpec {
        parallelism: 1200,
        completions: None,
        ..JobSpec::default()
    });
    let created: Vec<usize> = (0..4).map(|at| rig.sync(at).creates.len()).collect();
    assert_eq!(created, [500, 500, 200, 0]);
    rig.spec.parallelism = 100;
    let deleted: Vec<usize> = (4..8).map(|at| rig.sync(at).deletes.len()).collect();
    assert_eq!(deleted, [500, 500, 100, 0]);
    // A Job that is suspended lets go of all at once.
    rig.spec.parallelism = 1200;
    for at in 8..12 {
        rig.sync(at);
    }
    rig.spec.suspend = true;
    assert_eq!(rig.sync(12).deletes.len(), 1200);
}

#[test]
fn a_job_waits_ten_minutes_at_most_and_anew_after_a_success() {
    let mut rig = Rig::new(JobSpec {
        backoff_limit: 20,
        completions: Some(5),
        ..JobSpec::default()
    });
    rig.sync(0);
    let mut at = 0;
    let mut end = |rig: &mut Rig, code: i32| {
        let running = rig.running();
        at += 5;
        rig.exit(running[0], code, at);
        let wait = rig.sync(at).again.unwrap_or(SimDuration::ZERO);
        at += wait.0 / 1_000_000_000;
        rig.sync(at);
        wait.as_secs_f64()
    };
    let waits: Vec<f64> = (0..9).map(|_| end(&mut rig, 1)).collect();
    assert_eq!(waits, [10., 20., 40., 80., 160., 320., 600., 600., 600.]);
    assert_eq!(end(&mut rig, 0), 0.0);
    assert_eq!(end(&mut rig, 1), 10.0);
}
