//! What a run shows that its owner should know: sentences with figures, from the recording
//! alone. Each rule says only what the data shows.

#[cfg(test)]
mod tests;
mod vpa;

use super::figures::HpaFigures;
use super::steps;
use super::vpa::Disruptions;
use crate::record::{Curve, HpaRecord, Labels, Recording, ServiceRecord};
use crate::sim::SimTime;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something goes wrong.
    Warning,
    /// Something could be better.
    Info,
}

impl Severity {
    /// `warning` or `info`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The object it is about.
    pub subject: String,
    /// What was found, and what helps.
    pub text: String,
}

/// From this many flaps an hour on they are worth a word.
const FLAPS_PER_HOUR: f64 = 3.0;
/// From this part of the time on, in percent, `maxReplicas` is too low.
const SATURATED: f64 = 5.0;
/// Above this part of its target a metric asks for more: the HPA's tolerance unless told otherwise.
const TOLERATED: f64 = 1.1;
/// Pods without room for this long, in seconds, do not just wait for the scheduler's turn.
const NO_ROOM: f64 = 60.0;
/// From this many kills on a container is in a loop.
const LOOP: u64 = 3;

/// Everything found in a run; `labels` are those of its objects, `hpas` the figures of its HPAs,
/// in order.
pub fn findings(recording: &Recording, labels: &Labels, hpas: &[HpaFigures]) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(hpas.iter().filter_map(flaps));
    let of_hpas = || recording.hpas.iter().zip(&labels.hpas);
    let of_vpas = || recording.vpas.iter().zip(&labels.vpas);
    let of_services = || recording.services.iter().zip(&labels.services);
    found.extend(of_hpas().filter_map(|(hpa, label)| saturated(recording, hpa, label)));
    for (vpa, label) in of_vpas() {
        for (hpa, name) in of_hpas().filter(|(hpa, _)| hpa.workload == vpa.workload) {
            found.extend(vpa::shared_metric(recording, (hpa, name), (vpa, label)));
        }
        found.extend(vpa::blocked(recording, vpa, label));
        found.extend(vpa::far_from_target(recording, vpa, label));
    }
    found.extend(of_vpas().filter_map(|(vpa, label)| vpa::without_recommendation(vpa, label)));
    for (workload, label) in labels.workloads.iter().enumerate() {
        found.extend(oom_loop(recording, workload, label));
        found.extend(without_room(recording, workload, label));
    }
    found.extend(of_services().filter_map(|(service, _)| too_early(service, labels)));
    found.extend(of_services().filter_map(|(service, label)| failures(recording, service, label)));
    found
}

/// Replicas that go up and down again and again.
fn flaps(figures: &HpaFigures) -> Option<Finding> {
    let flapping = &figures.flapping;
    (flapping.flaps_per_hour >= FLAPS_PER_HOUR).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("HorizontalPodAutoscaler/{}", figures.label),
        text: format!(
            "reversed its direction {} times within ten minutes of the step before ({:.1} an hour), for {} replicas started in vain. Lengthen the stabilization window of scaling down, or allow a wider distance between load and target",
            flapping.flaps, flapping.flaps_per_hour, flapping.wasted_replicas
        ),
    })
}

/// Too few replicas allowed: some metric stays beyond the tolerance at `maxReplicas`.
fn saturated(recording: &Recording, hpa: &HpaRecord, label: &str) -> Option<Finding> {
    let (from, to) = (
        recording.warm_up.as_secs_f64(),
        recording.duration.as_secs_f64(),
    );
    let most = f64::from(hpa.bounds.1);
    let desired = steps::of(&hpa.desired, f64::from);
    let beyond = |(values, target): (&Curve<f64>, &f64)| {
        let values = steps::of(values, |value| value);
        let is_beyond = |value: f64, desired: f64| {
            f64::from(u8::from(value > TOLERATED * target && desired >= most))
        };
        steps::integrate(&values, &desired, from, to, is_beyond)
    };
    let metrics = hpa.metric_values.iter().zip(&hpa.metric_targets);
    let (name, time) = (hpa.metric_names.iter())
        .zip(metrics.map(beyond))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let share = 100.0 * time / (to - from);
    (share >= SATURATED).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("HorizontalPodAutoscaler/{label}"),
        text: format!(
            "stood at its maxReplicas of {} with {name} above the target for {share:.0}% of the time",
            hpa.bounds.1
        ),
    })
}

/// Pods that no node had room for.
fn without_room(recording: &Recording, workload: usize, label: &str) -> Option<Finding> {
    let record = &recording.workloads[workload];
    let pending = steps::of(&record.counts, |counts| f64::from(counts.pending));
    let (from, to) = (
        recording.warm_up.as_secs_f64(),
        recording.duration.as_secs_f64(),
    );
    let waited = steps::integrate(&pending, &[], from, to, |pending, _| pending.min(1.0));
    let most = pending.iter().map(|step| step.1).fold(0.0, f64::max);
    let reason = match &record.unmet_selector {
        Some(selector) => format!("no node group has the labels of their nodeSelector, {selector}"),
        None => "the nodes cannot hold what is asked for".to_owned(),
    };
    (waited >= NO_ROOM).then(|| Finding {
        severity: Severity::Warning,
        subject: label.to_owned(),
        text: format!(
            "up to {most:.0} pods waited for a node, for {:.0} min in all: {reason}",
            waited / 60.0
        ),
    })
}

/// Requests that came to pods before their application could answer. Pods with a readiness probe
/// get none then.
fn too_early(service: &ServiceRecord, labels: &Labels) -> Option<Finding> {
    let refused = service.too_early;
    (refused > 0).then(|| Finding {
        severity: Severity::Warning,
        subject: labels.workloads[service.workload].clone(),
        text: format!(
            "its pods got requests before their application had started, and refused them ({refused} in all): without a readinessProbe a pod gets traffic as soon as its container runs. Add a readinessProbe"
        ),
    })
}

/// More failed requests than the objective allows.
fn failures(recording: &Recording, service: &ServiceRecord, label: &str) -> Option<Finding> {
    let start = SimTime::ZERO + recording.warm_up;
    let windows = service
        .windows
        .iter()
        .filter(|window| window.start >= start);
    let (failed, all) = windows.fold((0, 0), |(failed, all), window| {
        (failed + window.failed(), all + window.issued)
    });
    let (rate, allowed) = (
        crate::analysis::figures::percent(failed as f64, all as f64),
        100.0 * service.objective.error_rate,
    );
    (rate > allowed).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("service/{label}"),
        text: format!(
            "{rate:.2}% of its requests failed ({failed} of {all}), the objective allows {allowed}%"
        ),
    })
}

/// A container that is killed again and again.
fn oom_loop(recording: &Recording, workload: usize, label: &str) -> Option<Finding> {
    let kills = Disruptions::of(recording, Some(workload)).oom_kills;
    (kills >= LOOP).then(|| {
        let under_vpa = recording.vpas.iter().any(|vpa| vpa.workload == workload);
        let advice = if under_vpa {
            "raised requests only put a leak off"
        } else {
            "raise its limit, or let a VPA find one"
        };
        Finding {
            severity: Severity::Warning,
            subject: label.to_owned(),
            text: format!("containers were killed {kills} times at their memory limit: {advice}"),
        }
    })
}
