//! Findings: sentences with figures, from the recording alone. Each rule says only what the data
//! shows.

mod calls;
mod cluster;
mod hpa;
mod load;
mod nodes;
mod pods;
mod queues;
#[cfg(test)]
mod tests;
mod vpa;

use super::figures::HpaFigures;
use super::vpa::Disruptions;
use crate::record::fold::{ContainerFold, Folded, HpaFolded, WorkloadFold};
use crate::record::{DisruptionKind, FaultRecord, HpaRecord, Labels, Recording, ServiceRecord};
use crate::sim::{SimDuration, SimTime};

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

/// From this many flaps an hour on they are reported.
const FLAPS_PER_HOUR: f64 = 3.0;
/// From this part of the time on, in percent, `maxReplicas` is too low.
const SATURATED: f64 = 5.0;
/// Pods without room for this long, in seconds, do not just wait for the scheduler's turn.
const NO_ROOM: f64 = 60.0;
/// From this many kills on a container is in a loop.
const LOOP: u64 = 3;

/// Everything found in a run of which this is known; `labels` are those of its objects, `hpas` the
/// figures of its HPAs, in order.
pub fn findings(
    recording: &Recording,
    folded: &Folded,
    labels: &Labels,
    hpas: &[HpaFigures],
) -> Vec<Finding> {
    let mut found = Vec::new();
    let of_services = || {
        recording
            .services
            .iter()
            .zip(&folded.services)
            .zip(&labels.services)
    };
    for ((service, fold), label) in of_services() {
        found.extend(load::unanswered(service, fold, label));
        found.extend(load::failures(service, fold, label));
        found.extend(load::limited(fold, label));
        found.extend(load::objective_missed(service, fold, recording.step, label));
    }
    found.extend(
        recording
            .loads
            .iter()
            .filter_map(|one| load::silent(recording, one)),
    );
    for queue in &recording.queues {
        found.extend(queues::findings(queue, recording, hpas));
    }
    found.extend(calls::findings(recording, folded, labels));
    found.extend(recording.faults.iter().filter_map(fault));
    found.extend(hpas.iter().filter_map(flaps));
    let length = (recording.duration - recording.warm_up).as_secs_f64();
    let of_hpas = || recording.hpas.iter().zip(&folded.hpas).zip(&labels.hpas);
    for (place, ((hpa, fold), label)) in of_hpas().enumerate() {
        found.extend(hpa::failing(hpa, label));
        found.extend(hpa::late(hpa, hpas.get(place), label));
        let grows = recording.node_autoscaler.is_some();
        found.extend(hpa::too_many(hpa, label, grows));
        let is_saturated = saturated(hpa, fold, length, label);
        if is_saturated.is_none() {
            found.extend(hpa::not_following(hpa, fold, label));
        }
        found.extend(is_saturated);
    }
    for place in 0..labels.vpas.len() {
        let vpa = vpa::View::new(recording, folded, labels, place);
        for (hpa, name) in labels.hpas.iter().enumerate() {
            if recording.hpas[hpa].workload == recording.vpas[place].workload {
                let rescales = folded.rescales[hpa];
                found.extend(vpa.shared_metric(&recording.hpas[hpa], name, rescales));
            }
        }
        found.extend(vpa.blocked());
        found.extend(vpa.in_vain());
        found.extend(vpa.far_from_target());
    }
    for place in 0..labels.vpas.len() {
        let vpa = vpa::View::new(recording, folded, labels, place);
        found.extend(vpa.without_recommendation());
    }
    for (place, fold) in folded.workloads.iter().enumerate() {
        let label = &labels.workloads[place];
        let of_vpas = recording.vpas.iter().zip(&folded.vpas);
        let containers = of_vpas.filter(|(vpa, _)| vpa.workload == place);
        let containers: Vec<&[ContainerFold]> = containers.map(|(_, all)| &all[..]).collect();
        found.extend(oom_loop(fold, &containers, recording.duration, label));
        found.extend(node_pressure(fold, label));
        found.extend(without_room(recording, place, fold, label));
    }
    found.extend(cluster::rollouts(recording, labels));
    found.extend(cluster::blocked(recording));
    found.extend(cluster::interruptions(recording));
    found.extend(cluster::struck(recording, labels));
    found.extend(cluster::empty(recording));
    found.extend(cluster::crowded(recording));
    found.extend(of_services().filter_map(|((service, _), _)| too_early(service, labels)));
    found.extend(of_services().filter_map(|((service, _), _)| pods::passed_by(service, labels)));
    found.extend(nodes::node_autoscaler(recording));
    found.sort_by_key(|finding| finding.severity == Severity::Info);
    found
}

/// What a fault cost the autoscalers.
fn fault(fault: &FaultRecord) -> Option<Finding> {
    let until = fault
        .until
        .map_or("the end".to_owned(), |until| until.to_string());
    let costs = [
        (
            fault.failed_syncs,
            "syncs of HPAs failed and left the size as it was",
        ),
        (fault.lost_pods, "pods ended with it"),
        (fault.missed_passes, "passes over VPAs were missed"),
    ];
    let costs: Vec<String> = costs
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!costs.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        subject: "Fault".to_owned(),
        text: format!(
            "{} from {} to {until}: {}",
            fault.what,
            fault.from,
            costs.join(", ")
        ),
    })
}

/// Replicas that go up and down again and again.
fn flaps(figures: &HpaFigures) -> Option<Finding> {
    let flapping = &figures.flapping;
    let times = match flapping.flaps {
        1 => "once".to_owned(),
        flaps => format!("{flaps} times"),
    };
    (flapping.flaps_per_hour >= FLAPS_PER_HOUR).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("HorizontalPodAutoscaler/{}", figures.label),
        text: format!(
            "reversed its direction {times} within ten minutes of the last change ({:.1} an hour); {} replicas were started for nothing. Lengthen the stabilization window of scaling down, or leave more room between load and target",
            flapping.flaps_per_hour, flapping.wasted_replicas
        ),
    })
}

/// Too few replicas allowed: some metric stays beyond the tolerance at `maxReplicas`.
fn saturated(hpa: &HpaRecord, fold: &HpaFolded, length: f64, label: &str) -> Option<Finding> {
    let metrics = hpa.metric_names.iter().zip(fold.beyond.iter().copied());
    let (name, time) = metrics.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let share = 100.0 * time / length;
    (share >= SATURATED).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("HorizontalPodAutoscaler/{label}"),
        text: format!(
            "stood at its maxReplicas {} with {name} above the target for {share:.0}% of the time",
            hpa.max_replicas()
        ),
    })
}

/// Pods that no node had room for.
fn without_room(
    recording: &Recording,
    place: usize,
    fold: &WorkloadFold,
    label: &str,
) -> Option<Finding> {
    let waited = fold.waited.finish();
    let most = fold.most_waiting;
    let record = &recording.workloads[place];
    let nodes_come = recording.node_autoscaler.is_some();
    let reason = match &record.unmet_selector {
        Some(selector) => format!("no node group has the labels of their nodeSelector, {selector}"),
        None if nodes_come => "the existing nodes had no room".to_owned(),
        None => "the nodes cannot hold what is asked for".to_owned(),
    };
    (waited >= NO_ROOM).then(|| Finding {
        severity: Severity::Warning,
        subject: label.to_owned(),
        text: match cluster::waited(recording, place) {
            // With a reason of its own there is nothing to be told of the nodes.
            Some(text) if record.unmet_selector.is_none() => text,
            _ => format!(
                "up to {most} pods waited for a node, for {:.0} min in all: {reason}",
                waited / 60.0
            ),
        },
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

/// Pods that left nodes without memory.
fn node_pressure(fold: &WorkloadFold, label: &str) -> Option<Finding> {
    let evicted = fold.disruptions[DisruptionKind::NodePressure as usize];
    let pods = if evicted == 1 { "pod was" } else { "pods were" };
    (evicted > 0).then(|| Finding {
        severity: Severity::Warning,
        subject: label.to_owned(),
        text: format!(
            "{evicted} {pods} evicted by nodes that ran out of memory: pods there held more than \
             they request. Request what they hold, or limit it"
        ),
    })
}

/// A container that is killed again and again; `of_vpas` are those that each of its VPAs sees.
fn oom_loop(
    fold: &WorkloadFold,
    of_vpas: &[&[ContainerFold]],
    duration: SimDuration,
    label: &str,
) -> Option<Finding> {
    let kills = Disruptions::of([fold]).oom_kills;
    (kills >= LOOP).then(|| {
        // Without another kill in the second half of the run the requests are large enough.
        let is_over = fold
            .last_kill
            .is_none_or(|last| (last - SimTime::ZERO) * 2 < duration);
        let mut containers = of_vpas.iter().copied().flatten();
        let lowered = containers.find_map(|one| {
            let memory = one.first_request.memory.zip(one.last_request.memory);
            memory.filter(|(first, last)| last < first)
        });
        let advice = match lowered {
            Some((first, last)) => format!(
                "a VPA lowered its memory from {} to {}; see maxAllowed and what it has seen of the usage",
                vpa::amount("memory", first),
                vpa::amount("memory", last)
            ),
            None if of_vpas.is_empty() => "raise its limit, or let a VPA find one".to_owned(),
            None if is_over => "a VPA has raised its requests since".to_owned(),
            None => "raised requests only put a leak off".to_owned(),
        };
        Finding {
            severity: Severity::Warning,
            subject: label.to_owned(),
            text: format!("containers were killed {kills} times at their memory limit: {advice}"),
        }
    })
}
