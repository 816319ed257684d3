//! A small recording, folded: the answer to a step of the load, and where its time went.

use super::*;
use crate::record::{Counts, Curve, HpaRecord, ServiceRecord, Shown, WorkloadRecord};

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
fn enough_is_what_the_tolerance_lets_stand() {
    let ready = |ready| Counts {
        ready,
        ..Counts::default()
    };
    // 4.17 pods on the target: 5 are needed, with 4 the HPA rests.
    let offered = (0..60).map(|place| if place < 30 { 1.0 } else { 2.085 });
    let mut recording = recording(offered);
    recording.hpas[0].load_steps = vec![(at(300), at(300))];
    recording.hpas[0].desired = Curve::from_steps(vec![(at(0), 2), (at(340), 4), (at(500), 5)]);
    recording.workloads[0].counts = Curve::from_steps(vec![
        (at(0), ready(2)),
        (at(350), ready(4)),
        (at(510), ready(5)),
    ]);
    let folded = &Folds::of(&recording).hpas[0];
    let step = &folded.steps[0];
    assert_eq!((step.from, step.demand), (2.0, 5.0));
    assert_eq!(step.latency.full_decision, Some(40.0));
    assert_eq!(step.latency.ready, Some(50.0));
    assert_eq!((folded.latencies.steps, folded.latencies.answered), (1, 1));
    // As many as the tolerance lets stand: two, then four.
    assert_eq!(folded.demanded, 300.0 * 2.0 + 300.0 * 4.0);
}

/// An HPA without a CPU target, and a step of its load at 300 s.
fn on_metrics(shown: Shown, rate_target: Option<f64>) -> Recording {
    let mut recording = recording((0..60).map(|_| 0.0));
    recording.hpas[0].cpu_target = None;
    recording.hpas[0].load_steps = vec![(at(300), at(300))];
    recording.hpas[0].specs = vec![HpaSpecRecord {
        bounds: (1, 9),
        metric_targets: vec![50.0],
        tolerance: (0.1, 0.1),
        rate_target,
        shown,
        ..HpaSpecRecord::default()
    }];
    recording
}

#[test]
fn what_a_value_asks_for_grows_with_the_pods_that_it_is_multiplied_by() {
    let mut recording = on_metrics(Shown::default(), None);
    let hpa = &mut recording.hpas[0];
    // A value of 80 all along: the number goes up, and what is asked for a sync later.
    hpa.metric_values = vec![Curve::from_steps(vec![(at(10), 80.0)])];
    hpa.desired = Curve::from_steps(vec![(at(0), 2), (at(10), 4), (at(25), 7), (at(40), 9)]);
    let asked = vec![(at(10), 3.2), (at(25), 6.4), (at(40), 11.2), (at(55), 14.4)];
    hpa.asked = Curve::from_steps(asked);
    let folded = &Folds::of(&recording).hpas[0];
    assert_eq!(folded.needed, [(10.0, 4.0), (25.0, 7.0), (40.0, 9.0)]);
}

#[test]
fn requests_tell_what_a_late_rate_of_them_will_ask_for() {
    let mut recording = on_metrics(Shown::default(), Some(10.0));
    let samples = recording.services[0].samples.iter().enumerate();
    let issued = |(place, sample)| Sample {
        issued: if place < 30 { 9.0 } else { 54.0 },
        ..sample
    };
    recording.services[0].samples = samples.map(issued).collect();
    let hpa = &mut recording.hpas[0];
    hpa.metric_values = vec![Curve::from_steps(vec![
        (at(15), 9.0),
        (at(315), 11.0),
        (at(370), 62.0),
        (at(400), 48.0),
    ])];
    hpa.asked = Curve::from_steps(vec![(at(315), 1.1), (at(370), 7.5), (at(400), 6.1)]);
    hpa.desired = Curve::from_steps(vec![(at(0), 1), (at(370), 2), (at(400), 6)]);
    let folded = &Folds::of(&recording).hpas[0];
    assert_eq!(folded.needed, [(0.0, 1.0), (300.0, 6.0)]);
    let step = &folded.steps[0];
    assert_eq!(
        (step.demand, step.latency.full_decision),
        (6.0, Some(100.0))
    );
    // The metric is low for more than a minute after the step, but of the load before.
    assert_eq!(step.latency.recover, Some(100.0));
}

#[test]
fn what_is_needed_is_not_known_until_late_metrics_show_it() {
    let shown = Shown {
        after: SimDuration::from_secs(120),
        of_pods: true,
    };
    let mut recording = on_metrics(shown, None);
    let hpa = &mut recording.hpas[0];
    hpa.metric_values = vec![Curve::from_steps(vec![(at(15), 50.0)])];
    let asked = vec![
        (at(15), 2.0),
        (at(330), 4.5),
        (at(360), 9.0),
        (at(450), 5.7),
    ];
    hpa.asked = Curve::from_steps(asked);
    hpa.desired = Curve::from_steps(vec![(at(0), 2), (at(330), 5), (at(345), 6)]);
    let folded = &Folds::of(&recording).hpas[0];
    // From 120 s after the last change of the pods on.
    let known: Vec<_> = folded.needed.iter().filter(|one| !one.1.is_nan()).collect();
    assert_eq!(known, [&(120.0, 2.0), &(465.0, 6.0)]);
    let unknown = folded.needed.iter().filter(|one| one.1.is_nan());
    assert_eq!(unknown.map(|one| one.0).collect::<Vec<_>>(), [300.0]);
    let step = &folded.steps[0];
    assert_eq!((step.demand, step.latency.full_decision), (6.0, Some(45.0)));
}

/// Four replicas all along, of at most four and from half of the run on of at most twenty; the
/// metric that is scaled on stays twice its target.
fn bound_changes() -> Recording {
    let mut recording = on_metrics(Shown::default(), None);
    let hpa = &mut recording.hpas[0];
    hpa.bounds = (1, 20);
    hpa.metric_values = vec![Curve::from_steps(vec![(at(0), 100.0), (at(315), 101.0)])];
    hpa.desired = Curve::from_steps(vec![(at(0), 4)]);
    hpa.asked = Curve::from_steps(vec![(at(0), 8.0), (at(315), 8.1)]);
    let mut later = hpa.specs[0].clone();
    hpa.specs[0].bounds.1 = 4;
    (later.since, later.bounds.1) = (at(300), 20);
    hpa.specs.push(later);
    let ready = Counts {
        ready: 4,
        ..Counts::default()
    };
    recording.workloads[0].counts = Curve::from_steps(vec![(at(0), ready)]);
    recording
}

#[test]
fn an_hpa_stands_at_the_bound_in_force() {
    let recording = bound_changes();
    let folded = &Folds::of(&recording).hpas[0];
    assert_eq!(folded.beyond, [315.0]);
    assert_eq!(folded.followed.saturated_pct, 50.0);
    let hpa = &recording.hpas[0];
    assert_eq!(hpa.max_replicas(), "(4 at first, 20 at the end)");
    assert_eq!([299, 300].map(|second| hpa.most_at(at(second))), [4, 20]);
}

#[test]
fn the_spec_in_force_has_the_tolerance() {
    let mut recording = bound_changes();
    let hpa = &mut recording.hpas[0];
    hpa.specs[1].bounds.1 = 4;
    hpa.specs[1].tolerance.0 = 1.5;
    assert_eq!(Folds::of(&recording).hpas[0].beyond, [315.0]);
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
