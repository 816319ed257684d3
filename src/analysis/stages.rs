//! Where the time goes between a load step and the pods that answer it.

use super::demand::steps_up;
use super::scaling_latency::{LoadStep, ScalingLatency, scaling_latency};
use super::steps::{self, at, seconds};
use crate::record::{HpaRecord, PodRecord, Recording};

/// How long it must stay there, in seconds.
const HOLD: f64 = 60.0;

/// The way to the last pod that the demand needed, in seconds; the stages follow one
/// another and add up to the time until enough pods are ready.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stages {
    /// Until a sync saw a metric above its target.
    pub metric_lag: f64,
    /// Until the HPA wrote the number that created the pod.
    pub decision: f64,
    /// Until the pod's object was there.
    pub creation: f64,
    /// Until it had a node.
    pub scheduling: f64,
    /// Until its container ran: image pull and start.
    pub container_start: f64,
    /// Until it was ready.
    pub readiness: f64,
}

/// One step of the load and the answer to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalingStep {
    /// When, in seconds.
    pub time: f64,
    /// Ready replicas just before.
    pub from: f64,
    /// Replicas needed from then on.
    pub demand: f64,
    /// How long the answer took.
    pub latency: ScalingLatency,
    /// Its stages; none if there never were enough pods, or enough already.
    pub stages: Option<Stages>,
}

/// All steps up of the demand after the warm-up. A step is observed until the next one.
pub fn scaling_steps(
    recording: &Recording,
    hpa: &HpaRecord,
    demand: &[(f64, f64)],
) -> Vec<ScalingStep> {
    let end = recording.duration.as_secs_f64();
    let desired = steps::of(&hpa.desired, f64::from);
    let workload = &recording.workloads[hpa.workload];
    let ready = steps::of(&workload.counts, |counts| f64::from(counts.ready));
    let utilization = utilization(hpa);
    let found = steps_up(demand, recording.warm_up.as_secs_f64());
    let mut all = Vec::new();
    for (place, &(time, needed)) in found.iter().enumerate() {
        let until = found.get(place + 1).map_or(end, |next| next.0);
        let step = LoadStep {
            time,
            demand: needed,
            target: 1.0,
            // Utilization is back when it is no further above the target than the HPA lets it.
            tolerance: hpa.tolerance,
            hold: HOLD,
            end: until,
        };
        let latency = scaling_latency(&step, &desired, &ready, &utilization);
        let stages = latency.ready.filter(|seconds| *seconds > 0.0);
        all.push(ScalingStep {
            time,
            from: at(&ready, time),
            demand: needed,
            latency,
            stages: stages
                .and_then(|after| stages_of(recording, hpa, &utilization, time, time + after)),
        });
    }
    all
}

/// The largest of value/target over the metrics, from each sync on.
fn utilization(hpa: &HpaRecord) -> Vec<(f64, f64)> {
    let mut times: Vec<_> = (hpa.metric_values.iter())
        .flat_map(|values| values.steps().iter().map(|(time, _)| *time))
        .collect();
    times.sort_unstable();
    times.dedup();
    let ratio = |time| {
        (hpa.metric_values.iter().zip(&hpa.metric_targets))
            .filter_map(|(values, target)| Some(values.at(time)? / target))
            .fold(0.0, f64::max)
    };
    times
        .into_iter()
        .map(|time| (seconds(time), ratio(time)))
        .collect()
}

fn stages_of(
    recording: &Recording,
    hpa: &HpaRecord,
    utilization: &[(f64, f64)],
    start: f64,
    ready_at: f64,
) -> Option<Stages> {
    let when = |time: Option<crate::sim::SimTime>| time.map(seconds);
    let close = |pod: &&PodRecord| {
        pod.workload == hpa.workload
            && when(pod.ready).is_some_and(|ready| (ready - ready_at).abs() < 1e-6)
    };
    let pod = recording.pods.iter().find(close)?;
    let created = seconds(pod.created);
    let decided = (hpa.desired.steps().iter().rev())
        .map(|(time, _)| seconds(*time))
        .find(|time| *time <= created)?;
    let seen = (utilization.iter())
        .find(|(time, ratio)| *time >= start && *ratio > 1.0)
        .map_or(decided, |(time, _)| *time);
    // A pod that was on its way before the step has its first stages behind it.
    let marks = [
        Some(start),
        Some(seen.min(decided)),
        Some(decided),
        Some(created),
        when(pod.scheduled),
        when(pod.started),
        Some(ready_at),
    ];
    let mut lengths = [0.0; 6];
    let mut last = start;
    for (length, mark) in lengths.iter_mut().zip(&marks[1..]) {
        let mark = mark.unwrap_or(last).max(last);
        *length = mark - last;
        last = mark;
    }
    let [
        metric_lag,
        decision,
        creation,
        scheduling,
        container_start,
        readiness,
    ] = lengths;
    Some(Stages {
        metric_lag,
        decision,
        creation,
        scheduling,
        container_start,
        readiness,
    })
}

impl Stages {
    /// Names and lengths in order.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("metric_lag", self.metric_lag),
            ("decision", self.decision),
            ("creation", self.creation),
            ("scheduling", self.scheduling),
            ("container_start", self.container_start),
            ("readiness", self.readiness),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Counts, Curve, WorkloadRecord};
    use crate::sim::{SimDuration, SimTime};

    #[test]
    fn stages_follow_the_last_pod_that_was_needed_and_add_up() {
        let at = SimTime::from_secs;
        let ready = |ready| Counts {
            ready,
            ..Counts::default()
        };
        let pod = |created, ready| PodRecord {
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
        };
        let hpa = HpaRecord {
            bounds: (1, 9),
            desired: Curve::from_steps(vec![(at(0), 1), (at(140), 3)]),
            metric_values: vec![Curve::from_steps(vec![(at(15), 20.0), (at(125), 150.0)])],
            metric_targets: vec![50.0],
            tolerance: 0.1,
            ..HpaRecord::default()
        };
        let counts = vec![(at(0), ready(1)), (at(155), ready(2)), (at(160), ready(3))];
        let recording = Recording {
            duration: SimDuration::from_secs(600),
            workloads: vec![WorkloadRecord {
                counts: Curve::from_steps(counts),
                ..WorkloadRecord::default()
            }],
            pods: vec![pod(142, 155), pod(143, 160)],
            ..Recording::default()
        };
        let found = scaling_steps(&recording, &hpa, &[(0.0, 1.0), (100.0, 3.0)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].latency.first_decision, Some(40.0));
        assert_eq!(found[0].latency.ready, Some(60.0));
        let stages = found[0].stages.unwrap();
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
        assert_eq!(Some(sum), found[0].latency.ready);
    }
}
