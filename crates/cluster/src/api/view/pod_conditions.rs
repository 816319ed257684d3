//! The conditions of a pod.
//!
//! Upstream: `pkg/kubelet/status/generate.go`, the scheduler's and the eviction API's conditions.

use serde_json::{Value, json};

use super::pod::container_is_ready;
use super::{Clock, truth};
use crate::api::pod::{Disruption, Pod, PodPhase, ResizeState};
use crate::sim::SimTime;

pub(super) fn conditions(pod: &Pod, clock: Clock) -> Vec<Value> {
    let generation = pod.meta.generation;
    let condition = |kind: &str, holds: bool, since: Option<SimTime>, why: Why| {
        json!({
            "lastProbeTime": null,
            "lastTransitionTime": clock.maybe(since),
            "message": why.1,
            "observedGeneration": generation,
            "reason": why.0,
            "status": truth(holds),
            "type": kind,
        })
    };
    let mut all = Vec::new();
    if let Some(seen) = pod.start_time {
        let (initialized, ready) = (uninitialized(pod), unready(pod));
        let ready_since = Some(pod.ready_transition);
        let holds = ready.is_none();
        let ready = ready.unwrap_or_default();
        all.push(condition(
            "PodReadyToStartContainers",
            !pod.has_ended(),
            Some(seen),
            NONE,
        ));
        let done = initialized.is_none();
        let why = initialized.unwrap_or_default();
        all.push(condition("Initialized", done, Some(seen), why));
        all.push(condition("Ready", holds, ready_since, ready.clone()));
        all.push(condition("ContainersReady", holds, ready_since, ready));
    }
    match (pod.scheduled, pod.unschedulable) {
        (Some(at), _) => all.push(condition("PodScheduled", true, Some(at), NONE)),
        (None, Some(since)) => {
            let message = pod.unschedulable_message.as_deref().map(str::to_owned);
            let why = (Some("Unschedulable"), message);
            all.push(condition("PodScheduled", false, Some(since), why));
        }
        (None, None) => {
            let placement = pod.template.placement.as_ref();
            if placement.is_some_and(|one| !one.gates.is_empty()) {
                let message = "Scheduling is blocked due to non-empty scheduling gates";
                let why = (Some("SchedulingGated"), Some(message.to_owned()));
                all.push(condition("PodScheduled", false, None, why));
            }
        }
    }
    // One condition of a type: the last cause takes the place of those before.
    if let Some((why, since)) = pod.disrupted {
        let message = match (why, pod.failure.as_deref()) {
            (Disruption::TaintManager, _) => "Taint manager: deleting due to NoExecute taint",
            (Disruption::PodGc, _) => "PodGC: node no longer exists",
            (Disruption::Kubelet, failure) => failure.map_or("", |(_, message)| message),
        };
        let why = (disruption_reason(pod), Some(message.to_owned()));
        all.push(condition("DisruptionTarget", true, Some(since), why));
    } else if pod.evicted {
        let message = "Eviction API: evicting".to_owned();
        let why = (disruption_reason(pod), Some(message));
        all.push(condition("DisruptionTarget", true, None, why));
    } else if pod.preempted.is_some() {
        let message = "default-scheduler: preempting to accommodate a higher priority pod";
        let why = (disruption_reason(pod), Some(message.to_owned()));
        all.push(condition("DisruptionTarget", true, pod.preempted, why));
    }
    match pod.resize {
        None => {}
        Some(ResizeState::InProgress) => {
            all.push(condition("PodResizeInProgress", true, None, NONE));
        }
        Some(ResizeState::Error) => {
            let message = pod.resize_error.as_deref().map(str::to_owned);
            let why = (Some("Error"), message);
            all.push(condition("PodResizeInProgress", true, None, why));
        }
        Some(state @ (ResizeState::Deferred | ResizeState::Infeasible)) => {
            let reason = match state {
                ResizeState::Deferred => "Deferred",
                _ => "Infeasible",
            };
            let why = (Some(reason), None);
            all.push(condition("PodResizePending", true, None, why));
        }
    }
    all
}

/// The conditions of a pod that are true.
pub fn true_conditions(pod: &Pod, clock: Clock) -> Vec<String> {
    let holding = conditions(pod, clock)
        .into_iter()
        .filter(|one| one["status"] == "True");
    let name = |one: Value| one["type"].as_str().map(str::to_owned);
    holding.filter_map(name).collect()
}

/// The reason of the condition DisruptionTarget, if it has that.
pub fn disruption_reason(pod: &Pod) -> Option<&'static str> {
    match pod.disrupted {
        Some((why, _)) => Some(why.reason()),
        None if pod.evicted => Some("EvictionByEvictionAPI"),
        None => pod.preempted.map(|_| "PreemptionByScheduler"),
    }
}

/// Reason and message of a condition.
type Why = (Option<&'static str>, Option<String>);

const NONE: Why = (None, None);

/// Why it is not initialized, if it is not: init containers come before all others.
fn uninitialized(pod: &Pod) -> Option<Why> {
    let init = pod.template.init_containers.iter();
    let names: Vec<&str> = init.map(|spec| spec.name.as_str()).collect();
    (pod.phase == PodPhase::Pending && !names.is_empty()).then(|| {
        let names = names.join(" ");
        let message = format!("containers with incomplete status: [{names}]");
        (Some("ContainersNotInitialized"), Some(message))
    })
}

/// Why it is not ready, if it is not.
fn unready(pod: &Pod) -> Option<Why> {
    match pod.phase {
        PodPhase::Succeeded => return Some((Some("PodCompleted"), None)),
        PodPhase::Failed => return Some((Some("PodFailed"), None)),
        PodPhase::Pending | PodPhase::Running if pod.ready => return None,
        PodPhase::Pending | PodPhase::Running => {}
    }
    let both = pod.containers.iter().zip(&pod.template.containers);
    let names = both.filter(|(status, spec)| !container_is_ready(status, spec, pod));
    let names: Vec<&str> = names.map(|(_, spec)| spec.name.as_str()).collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    Some((Some("ContainersNotReady"), Some(message)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::{ObjectMeta, PodTemplate, Uid, WorkloadId};
    use crate::autoscaler::vpa::WallClock;

    #[test]
    fn the_last_cause_of_a_disruption_is_the_one_that_is_shown() {
        let meta = ObjectMeta::new("default", "web", Uid(1), SimTime::ZERO);
        let template = Arc::new(PodTemplate::default());
        let clock = Clock {
            calendar: WallClock::default(),
            now: SimTime::ZERO,
        };
        let mut pod = Pod::new(meta, WorkloadId(0), template);
        let reasons = |pod: &Pod| -> Vec<Value> {
            let all = conditions(pod, clock);
            let disrupted = all
                .into_iter()
                .filter(|one| one["type"] == "DisruptionTarget");
            disrupted.map(|one| one["reason"].clone()).collect()
        };
        assert!(reasons(&pod).is_empty());
        pod.preempted = Some(SimTime::ZERO);
        assert_eq!(reasons(&pod), ["PreemptionByScheduler"]);
        pod.evicted = true;
        assert_eq!(reasons(&pod), ["EvictionByEvictionAPI"]);
        pod.disrupted = Some((Disruption::PodGc, SimTime::ZERO));
        assert_eq!(reasons(&pod), ["DeletionByPodGC"]);
    }
}
