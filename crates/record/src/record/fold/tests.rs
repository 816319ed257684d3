//! A small recording, folded: the answer to a step of the load, and where its time went.

use super::*;
use crate::record::{Counts, Curve, HpaRecord, ServiceRecord, WorkloadRecord};

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

fn pod(created: i64, ready: i64) -> PodRecord {
    PodRecord {
        namespace: "default".into(),
        name: String::new(),
        workload: 0,
        created: at(created),
        scheduled: Some(at(created + 1)),
        started: Some(at(created + 5)),
        ready: Some(at(ready)),
        deleted: None,
        cpu_request: 1.0,
        memory_request: 1.0,
        resized: Vec::new(),
    }
}

/// One core at 50 %; `offered` cores in each step of ten seconds.
fn recording(offered: impl Iterator<Item = f64>) -> Recording {
    let sample = |(place, cores): (usize, f64)| Sample {
        time: at(10 * (place as i64 + 1)),
        cpu_offered: cores,
        ..Sample::default()
    };
    Recording {
        duration: SimDuration::from_secs(600),
        step: SimDuration::from_secs(10),
        hpas: vec![HpaRecord {
            bounds: (1, 9),
            cpu_target: Some(50.0),
            desired: Curve::from_steps(vec![(at(0), 1)]),
            metric_values: vec![Curve::default()],
            metric_targets: vec![50.0],
            tolerance: 0.1,
            ..HpaRecord::default()
        }],
        workloads: vec![WorkloadRecord {
            cpu_request: 1.0,
            ..WorkloadRecord::default()
        }],
        services: vec![ServiceRecord {
            samples: offered.enumerate().map(sample).collect(),
            ..ServiceRecord::default()
        }],
        ..Recording::default()
    }
}

#[test]
fn stages_follow_the_last_pod_that_was_needed_and_add_up() {
    let ready = |ready| Counts {
        ready,
        ..Counts::default()
    };
    let offered = (0..60).map(|place| if place < 10 { 0.5 } else { 1.5 });
    let mut recording = recording(offered);
    recording.workloads[0].counts = Curve::from_steps(vec![
        (at(0), ready(1)),
        (at(155), ready(2)),
        (at(160), ready(3)),
    ]);
    recording.hpas[0].desired = Curve::from_steps(vec![(at(0), 1), (at(140), 3)]);
    recording.hpas[0].metric_values = vec![Curve::from_steps(vec![
        (at(15), 20.0),
        (at(125), 150.0),
        (at(230), 54.0),
    ])];
    recording.pods = vec![pod(142, 155), pod(143, 160)];
    recording.hpas[0].load_steps = vec![(at(100), at(100))];
    let folded = &Folds::of(&recording).hpas[0];
    let [step] = folded.steps[..] else {
        panic!("one step: {:?}", folded.steps);
    };
    assert_eq!((step.time, step.from, step.demand), (100.0, 1.0, 3.0));
    assert_eq!(step.latency.first_decision, Some(40.0));
    assert_eq!(step.latency.ready, Some(60.0));
    assert_eq!(step.latency.recover, Some(130.0));
    let stages = step.stages.unwrap();
    let expected = Stages {
        metric_lag: 25.0,
        decision: 15.0,
        creation: 3.0,
        scheduling: 1.0,
        container_start: 4.0,
        readiness: 12.0,
    };
    assert_eq!(stages, expected);
    let sum: f64 = stages.named().iter().map(|(_, length)| length).sum();
    assert_eq!(Some(sum), step.latency.ready);
    // Two pods short for 55 s, one for 5 s.
    let missing = folded.followed.elasticity.mean_missing * 600.0;
    assert!((missing - 115.0).abs() < 1e-9, "{missing}");
    assert_eq!(folded.latencies.means[2].value(), 60.0);
}

#[test]
fn steps_are_those_of_the_load_and_last_until_it_falls() {
    let offered = |place| match place {
        // Noise.
        20 => 1.2,
        // The load steps up in the middle of this step of the series.
        30 => 1.0,
        31..40 => 1.5,
        _ => 0.5,
    };
    let mut recording = recording((0..60).map(offered));
    recording.hpas[0].load_steps = vec![(at(150), at(150)), (at(305), at(305))];
    recording.hpas[0].desired = Curve::from_steps(vec![(at(0), 1), (at(308), 2), (at(330), 3)]);
    recording.hpas[0].metric_values = vec![Curve::from_steps(vec![
        (at(15), 50.0),
        (at(308), 150.0),
        (at(405), 50.0),
    ])];
    let folded = &Folds::of(&recording).hpas[0];
    let [step] = folded.steps[..] else {
        panic!("one step: {:?}", folded.steps);
    };
    assert_eq!((step.time, step.demand), (305.0, 3.0));
    assert_eq!(step.latency.first_decision, Some(3.0));
    assert_eq!(step.latency.full_decision, Some(25.0));
    // Utilization falls only as the load does.
    assert_eq!(step.latency.recover, None);
    assert_eq!((folded.latencies.steps, folded.latencies.answered), (1, 0));
    assert!(folded.latencies.means[0].value().is_nan());
    assert_eq!(folded.needed[..3], [(0.0, 1.0), (200.0, 3.0), (210.0, 1.0)]);
}

#[test]
fn nothing_is_said_of_a_demand_that_is_not_known() {
    let mut recording = recording((0..60).map(|_| 1.0));
    recording.hpas[0].cpu_target = None;
    let folded = &Folds::of(&recording).hpas[0];
    let elasticity = folded.followed.elasticity;
    assert!(elasticity.tau_u_pct.is_nan() && elasticity.tau_o_pct.is_nan());
    assert!(elasticity.jitter_per_hour.is_nan());
}
