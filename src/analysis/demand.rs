//! The demand curve: the least number of replicas that would meet the target at the load of
//! each instant.

use super::steps::{self, seconds};
use crate::record::{HpaRecord, Recording, Sample, VpaRecord};
use crate::sim::SimTime;

/// Rounding noise that does not make up a replica.
const NOISE: f64 = 1e-9;

/// d(t) = clamp(ceil(W / (u* × c)), min, max) with the offered work W in cores, the CPU
/// target u* and the CPU request c of a pod. An HPA without a CPU target demands what its
/// metrics ask for: ceil(replicas × value / target), the largest of them.
pub fn demand(recording: &Recording, hpa: &HpaRecord) -> Vec<(f64, f64)> {
    let clamp = |replicas: f64| {
        let (min, max) = hpa.bounds;
        (replicas - NOISE)
            .ceil()
            .clamp(f64::from(min), f64::from(max.max(min)))
    };
    let request = recording.workloads[hpa.workload].cpu_request;
    let services: Vec<_> = (recording.services.iter())
        .filter(|service| service.workload == hpa.workload)
        .collect();
    let mut curve = Vec::new();
    match hpa.cpu_target {
        Some(target) if request > 0.0 && !services.is_empty() => {
            for place in 0..services[0].samples.len() {
                let first = &services[0].samples[place];
                let per_replica = target / 100.0 * request_at(recording, hpa, first, request);
                let samples = services.iter().map(|service| &service.samples[place]);
                let offered: f64 = samples.map(|sample| sample.cpu_offered).sum();
                let start = services[0].samples[place].time.0 - recording.step.0;
                push(
                    &mut curve,
                    seconds(SimTime(start)),
                    clamp(offered / per_replica),
                );
            }
        }
        _ => {
            let desired = steps::of(&hpa.desired, f64::from);
            let mut times: Vec<SimTime> = (hpa.metric_values.iter())
                .flat_map(|values| values.steps().iter().map(|(time, _)| *time))
                .collect();
            times.sort_unstable();
            times.dedup();
            for time in times {
                // What is in force just before the sync is what the values were measured on.
                let replicas = steps::at(&desired, seconds(time) - 1e-6);
                let ratio = (hpa.metric_values.iter().zip(&hpa.metric_targets))
                    .filter_map(|(values, target)| Some(values.at(time)? / target))
                    .fold(0.0, f64::max);
                push(&mut curve, seconds(time), clamp(replicas * ratio));
            }
        }
    }
    curve
}

/// What a pod requests at a sample: under a VPA that changes.
fn request_at(recording: &Recording, hpa: &HpaRecord, sample: &Sample, stated: f64) -> f64 {
    let is_changed = |vpa: &VpaRecord| vpa.workload == hpa.workload;
    let counts = recording.workloads[hpa.workload].counts.at(sample.time);
    let ready = f64::from(counts.unwrap_or_default().ready);
    if recording.vpas.iter().any(is_changed) && ready > 0.0 && sample.cpu_requested > 0.0 {
        sample.cpu_requested / ready
    } else {
        stated
    }
}

fn push(curve: &mut Vec<(f64, f64)>, time: f64, value: f64) {
    if curve.last().is_none_or(|last| last.1 != value) {
        curve.push((time, value));
    }
}

/// Jumps of demand by at least a replica after at least a minute without change: (time,
/// demand from then on).
pub fn steps_up(demand: &[(f64, f64)], from: f64) -> Vec<(f64, f64)> {
    const QUIET: f64 = 60.0;
    demand
        .windows(2)
        .filter(|pair| {
            let [(before, low), (time, high)] = [pair[0], pair[1]];
            time >= from && high >= low + 1.0 && time - before >= QUIET
        })
        .map(|pair| pair[1])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Curve, Sample, ServiceRecord, WorkloadRecord};
    use crate::sim::SimDuration;

    fn recording(offered: &[f64]) -> Recording {
        let sample = |(place, cores): (usize, &f64)| Sample {
            time: SimTime::from_secs(15 * (place as i64 + 1)),
            cpu_offered: *cores,
            ..Sample::default()
        };
        Recording {
            step: SimDuration::from_secs(15),
            workloads: vec![WorkloadRecord {
                cpu_request: 0.5,
                ..WorkloadRecord::default()
            }],
            services: vec![ServiceRecord {
                samples: offered.iter().enumerate().map(sample).collect(),
                ..ServiceRecord::default()
            }],
            ..Recording::default()
        }
    }

    #[test]
    fn demand_is_offered_work_over_what_a_replica_takes_at_its_target() {
        let hpa = HpaRecord {
            bounds: (2, 8),
            cpu_target: Some(50.0),
            ..HpaRecord::default()
        };
        let curve = demand(&recording(&[0.0, 1.0, 1.01, 99.0, 99.0]), &hpa);
        assert_eq!(curve, [(0.0, 2.0), (15.0, 4.0), (30.0, 5.0), (45.0, 8.0)]);
    }

    #[test]
    fn without_a_cpu_target_the_metrics_decide() {
        let hpa = HpaRecord {
            bounds: (1, 20),
            desired: Curve::from_steps(vec![(SimTime::ZERO, 2)]),
            metric_values: vec![Curve::from_steps(vec![(SimTime::from_secs(15), 30.0)])],
            metric_targets: vec![10.0],
            ..HpaRecord::default()
        };
        assert_eq!(demand(&recording(&[]), &hpa), [(15.0, 6.0)]);
    }

    #[test]
    fn only_jumps_after_a_quiet_minute_are_steps() {
        let demand = [
            (0.0, 2.0),
            (300.0, 6.0),
            (315.0, 8.0),
            (400.0, 3.0),
            (900.0, 4.0),
        ];
        assert_eq!(steps_up(&demand, 0.0), [(300.0, 6.0), (900.0, 4.0)]);
        assert_eq!(steps_up(&demand, 301.0), [(900.0, 4.0)]);
    }
}
