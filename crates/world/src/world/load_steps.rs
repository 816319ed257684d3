//! When the load steps up, as far as the scenario says it.

use crate::autoscaler::hpa::HpaSpec;
use crate::load::spec::Generator;
use crate::metrics::spec::MetricSource;
use crate::scenario::Scenario;
use crate::sim::{SimDuration, SimTime};

use super::build::metric_name;

/// A load that takes longer to rise is a slope.
const RISE: SimDuration = SimDuration::from_secs(300);
/// Steps that follow one another more closely are one slope, of which the first counts.
const APART: SimDuration = SimDuration::from_secs(60);
/// Pods of a Job run about so long after it was created.
const JOB_STARTS: SimDuration = SimDuration::from_secs(15);

/// Steps up of what an HPA on this workload scales by: begin, and when the new height is reached.
pub(super) fn load_steps(
    scenario: &Scenario,
    workload: usize,
    spec: &HpaSpec,
) -> Vec<(SimTime, SimTime)> {
    let mut steps = Vec::new();
    let end = scenario.simulation.end();
    let serves = |service: usize| scenario.services[service].workload == workload;
    for load in scenario.loads.iter().filter(|load| serves(load.service)) {
        match &load.generator {
            Generator::Ab(_) | Generator::Hey(_) => steps.push((load.at, load.at)),
            Generator::WgetJob(job) => {
                let first = job.script.parts.first();
                let begin = load.at + first.map_or(SimDuration::ZERO, |part| part.before);
                steps.push((begin, begin + JOB_STARTS));
            }
            Generator::Profile(profile) => {
                let rises = profile.shape.rises().into_iter();
                let rises = rises.map(|(from, to)| (load.at + from, load.at + to));
                let until = load.until.unwrap_or(end);
                steps.extend(rises.filter(|rise| rise.0 < until));
            }
        }
    }
    let services = scenario.services.iter();
    for service in services.filter(|service| service.workload == workload) {
        if let Some(usage) = &service.usage {
            steps.extend(repeated(&usage.cpu, usage.period, end));
            steps.extend(repeated(&usage.memory, usage.period, end));
        }
    }
    let names: Vec<String> = spec.metrics.iter().map(metric_name).collect();
    for metric in &scenario.custom_metrics {
        if let MetricSource::Series(points) = &metric.source
            && names.contains(&metric.name)
        {
            steps.extend(repeated(points, None, end));
        }
    }
    apart(steps, end)
}

/// The steps up of a curve that may begin anew after each period.
fn repeated(
    points: &[(SimTime, f64)],
    period: Option<SimDuration>,
    end: SimTime,
) -> Vec<(SimTime, SimTime)> {
    let last = points.last().map_or(0.0, |point| point.1);
    let mut steps = Vec::new();
    let mut offset = SimDuration::ZERO;
    loop {
        // What comes before the first point is what the last one left, if there is a last one.
        let mut before = if offset.0 == 0 { f64::INFINITY } else { last };
        for &(time, value) in points {
            if value > before {
                steps.push((time + offset, time + offset));
            }
            before = value;
        }
        let Some(period) = period.filter(|period| period.0 > 0) else {
            return steps;
        };
        offset += period;
        if SimTime::ZERO + offset >= end {
            return steps;
        }
    }
}

/// Steps before the end in order, without slopes.
fn apart(mut steps: Vec<(SimTime, SimTime)>, end: SimTime) -> Vec<(SimTime, SimTime)> {
    steps.retain(|(from, to)| *from < end && *to <= *from + RISE);
    steps.sort_unstable();
    let mut kept: Vec<(SimTime, SimTime)> = Vec::new();
    let mut last: Option<SimTime> = None;
    for step in steps {
        let follows = last.is_some_and(|last| step.0 < last + APART);
        match kept.last_mut() {
            // Of loads that start together the last one ends the step.
            Some(before) if before.0 == step.0 => before.1 = before.1.max(step.1),
            Some(_) if follows => {}
            _ => kept.push(step),
        }
        last = Some(step.0);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> (SimTime, SimTime) {
        (SimTime::from_secs(second), SimTime::from_secs(second))
    }

    #[test]
    fn a_slope_is_one_step_and_slow_rises_are_none() {
        let slow = (SimTime::from_secs(500), SimTime::from_secs(900));
        let steps = vec![at(100), at(10), at(130), at(150), at(400), slow, at(1000)];
        let end = SimTime::from_secs(1000);
        assert_eq!(apart(steps, end), [at(10), at(100), at(400)]);
    }

    #[test]
    fn a_curve_that_repeats_steps_up_again() {
        let points = [(0, 1.0), (100, 5.0), (200, 2.0)];
        let points = points.map(|(second, value)| (SimTime::from_secs(second), value));
        let of = |period| repeated(&points, period, SimTime::from_secs(700));
        assert_eq!(of(None), [at(100)]);
        let twice = [at(100), at(400), at(700)];
        assert_eq!(of(Some(SimDuration::from_secs(300))), twice);
    }
}
