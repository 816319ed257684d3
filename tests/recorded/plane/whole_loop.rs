//! Eleven HPAs from their metrics to their pods.

use nlsim::record::Recording;
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

use super::rig::{Plane, RecordedHpa, Told, build, run};

fn assert_as_recorded(plane: &Plane, recording: &Recording, seed: u64, most_apart: i64) {
    for one in &plane.hpas {
        let ours = Plane::scales(recording, &one.hpa);
        let replicas = |scales: &[(i64, i32)]| scales.iter().map(|s| s.1).collect::<Vec<i32>>();
        assert_eq!(
            replicas(&ours),
            replicas(&one.scales),
            "{} with seed {seed}: {ours:?} instead of {:?}",
            one.hpa,
            one.scales
        );
        for (ours, theirs) in ours.iter().zip(&one.scales) {
            let difference = (ours.0 - theirs.0).abs();
            assert!(
                difference <= most_apart,
                "{} with seed {seed}: {ours:?} instead of {theirs:?}",
                one.hpa
            );
        }
    }
}

/// The whole loop: 11 HPAs over 790 s have the recorded numbers of replicas, whatever is drawn of
/// readiness, placement and ties. With every sync told, they have them within half a second.
#[test]
fn eleven_hpas_scale_as_in_a_real_cluster() {
    let plane = Plane::read();
    assert_eq!(plane.hpas.len(), 11);
    for seed in 0..40 {
        for (told, most_apart) in [(Told::FirstSync, 5000), (Told::EachSync, 500)] {
            let recording = run(&plane.scenario(told, seed), &plane.manifest, seed);
            assert_as_recorded(&plane, &recording, seed, most_apart);
        }
    }
}

/// The recorded numbers are no accident: other rules of the controllers give others.
#[test]
fn other_rules_scale_otherwise_than_the_real_cluster() {
    let plane = Plane::read();
    let window = "downscale-stabilization = \"60s\"";
    let stats = "stats = \"on-request\"";
    for (rule, fault) in [
        (
            window,
            "downscale-stabilization = \"60s\"\ncpu-initialization-period = \"0s\"",
        ),
        (
            window,
            "downscale-stabilization = \"60s\"\nsync-period = \"16s\"",
        ),
        (window, "downscale-stabilization = \"75s\""),
        (stats, "housekeeping-interval = \"1s\""),
    ] {
        let toml = plane.scenario(Told::FirstSync, 1);
        assert!(toml.contains(rule));
        let recording = run(&toml.replace(rule, fault), &plane.manifest, 1);
        let is_as_recorded = |one: &RecordedHpa| {
            let ours = Plane::scales(&recording, &one.hpa);
            ours.len() == one.scales.len()
                && ours
                    .iter()
                    .zip(&one.scales)
                    .all(|(ours, theirs)| ours.1 == theirs.1 && (ours.0 - theirs.0).abs() <= 5000)
        };
        assert!(
            !plane.hpas.iter().all(is_as_recorded),
            "{fault} goes unnoticed"
        );
    }
}

/// A Pods metric fails beside a CPU below its target: nothing is scaled down, and the status
/// keeps its desired number (recorded: 5 of 5).
#[test]
fn a_blocked_scale_down_keeps_the_desired_replicas_of_the_status() {
    let plane = Plane::read();
    let toml = plane.scenario(Told::FirstSync, 1);
    let scenario = build(&toml, &plane.manifest);
    let mut cluster = Simulation::new(&scenario, 1);
    let mut status = |seconds: i64| {
        let time = SimTime::from_secs(seconds);
        cluster.step_until(time).expect("no endless loop");
        let mut hpas = cluster.store().hpas();
        let hpa = hpas.find(|(_, hpa)| &*hpa.meta.name == "podsmetric");
        let status = hpa.expect("the HPA").1.status.clone();
        let active = status.conditions.iter().map(|one| one.reason);
        let reasons = active.collect::<Vec<_>>();
        (status.current_replicas, status.desired_replicas, reasons)
    };
    // Applied just now: no sync yet, and then no metrics.
    assert_eq!(status(14), (0, 0, vec![]));
    let (current, desired, reasons) = status(34);
    assert_eq!((current, desired), (2, 2));
    assert!(reasons.contains(&"ValidMetricFound"), "{reasons:?}");
    let (current, desired, reasons) = status(700);
    assert_eq!((current, desired), (5, 5));
    assert!(reasons.contains(&"FailedGetPodsMetric"), "{reasons:?}");
}
