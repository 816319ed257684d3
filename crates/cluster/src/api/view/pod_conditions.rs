//! The conditions of a pod.
//!
//! Upstream: `pkg/kubelet/status/generate.go`, the scheduler's and the eviction API's conditions.

use serde_json::{Value, json};

use super::pod::{container_is_ready, init_container_has_started, init_container_is_ready};
use super::{Clock, truth};
use crate::api::node::Readiness;
use crate::api::pod::{Disruption, Pod, PodPhase, ResizeState};
use crate::api::store::Store;
use crate::sim::SimTime;

/// `status.conditions`, in their order.
pub(super) fn conditions(pod: &Pod, store: &Store, clock: Clock) -> Vec<Value> {
    in_order(pod, is_heard(pod, store, clock), clock)
}

/// Where the kubelet has not posted its status yet, what disrupts a pod stands behind the rest.
fn in_order(pod: &Pod, heard: bool, clock: Clock) -> Vec<Value> {
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
        let (initialized, unready) = (uninitialized(pod), unready(pod));
        let ready_since = Some(pod.ready_transition);
        let holds = unready.is_none();
        let gated = closed_gates(pod).filter(|_| holds);
        let ready = unready.unwrap_or_default();
        all.push(condition(
            "PodReadyToStartContainers",
            !pod.has_ended(),
            Some(seen),
            NONE,
        ));
        let done = initialized.is_none();
        let completed = (pod.phase == PodPhase::Succeeded).then_some("PodCompleted");
        let why = initialized.unwrap_or((completed, None));
        all.push(condition("Initialized", done, Some(seen), why));
        let is_ready = holds && pod.ready;
        let why = gated.unwrap_or_else(|| ready.clone());
        all.push(condition("Ready", is_ready, ready_since, why));
        let since = pod.containers_ready.or(ready_since);
        all.push(condition("ContainersReady", holds, since, ready));
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
    // The kubelet puts what is not its own before what it says itself.
    let disrupted = disruption(pod);
    let disrupted = disrupted.map(|(why, since)| condition("DisruptionTarget", true, since, why));
    let (before, behind) = if heard {
        (disrupted, None)
    } else {
        (None, disrupted)
    };
    let of_clients = pod.conditions.iter().flat_map(|all| all.iter());
    let of_others = of_clients.cloned().chain(before);
    let resize = resize(pod).map(|(kind, why)| condition(kind, true, None, why));
    all.splice(..0, of_others.chain(resize));
    all.extend(behind);
    all
}

/// Why a pod is disrupted, and since when: there is one condition of a type, and the last cause
/// takes the place of those before.
fn disruption(pod: &Pod) -> Option<(Why, Option<SimTime>)> {
    let reason = disruption_reason(pod)?;
    let (message, since) = match shown_disruption(pod) {
        Some((why, since)) => {
            let message = match (why, pod.failure.as_deref()) {
                (Disruption::TaintManager, _) => "Taint manager: deleting due to NoExecute taint",
                (Disruption::PodGc, _) => "PodGC: node no longer exists",
                (Disruption::Kubelet, failure) => failure.map_or("", |(_, message)| message),
            };
            (message, Some(since))
        }
        None if pod.evicted.is_some() => ("Eviction API: evicting", pod.evicted),
        None => {
            let message = "default-scheduler: preempting to accommodate a higher priority pod";
            (message, pod.preempted)
        }
    };
    Some(((Some(reason), Some(message.to_owned())), since))
}

/// A kubelet says that it has ended a pod once the pod's containers have ended.
fn shown_disruption(pod: &Pod) -> Option<(Disruption, SimTime)> {
    let is_told = |(why, _): &(Disruption, SimTime)| *why != Disruption::Kubelet || pod.has_ended();
    pod.disrupted.filter(is_told)
}

/// Whether a pod's kubelet has posted its status since the pod was disrupted. It does so when the
/// pod is deleted, unless it is silent.
fn is_heard(pod: &Pod, store: &Store, clock: Clock) -> bool {
    let Some((_, since)) = disruption(pod) else {
        return false;
    };
    let collected = matches!(pod.disrupted, Some((Disruption::PodGc, _)));
    let node = pod.node.and_then(|node| store.find_node(node));
    let speaks = node.is_some_and(|node| node.readiness != Readiness::Unknown);
    let is_later = since.is_some_and(|since| since < clock.now);
    pod.start_time.is_some() && speaks && is_later && !collected
}

/// The condition about a resize, which holds, and why.
fn resize(pod: &Pod) -> Option<(&'static str, Why)> {
    let (pending, in_progress) = ("PodResizePending", "PodResizeInProgress");
    Some(match pod.resize? {
        ResizeState::InProgress => (in_progress, NONE),
        ResizeState::Error => {
            let message = pod.resize_error.as_deref().map(str::to_owned);
            (in_progress, (Some("Error"), message))
        }
        ResizeState::Deferred => (pending, (Some("Deferred"), None)),
        ResizeState::Infeasible => (pending, (Some("Infeasible"), None)),
    })
}

/// The conditions of a pod that are true.
pub fn true_conditions(pod: &Pod, clock: Clock) -> Vec<String> {
    let holding = in_order(pod, true, clock)
        .into_iter()
        .filter(|one| one["status"] == "True");
    let name = |one: Value| one["type"].as_str().map(str::to_owned);
    holding.filter_map(name).collect()
}

/// The reason of the condition DisruptionTarget, if it has that.
pub fn disruption_reason(pod: &Pod) -> Option<&'static str> {
    match shown_disruption(pod) {
        Some((why, _)) => Some(why.reason()),
        None if pod.evicted.is_some() => Some("EvictionByEvictionAPI"),
        None => pod.preempted.map(|_| "PreemptionByScheduler"),
    }
}

/// Reason and message of a condition.
type Why = (Option<&'static str>, Option<String>);

const NONE: Why = (None, None);

/// Why it is not initialized, if it is not: init containers come before all others.
fn uninitialized(pod: &Pod) -> Option<Why> {
    let init = pod
        .init_containers
        .iter()
        .zip(&pod.template.init_containers);
    let waits = init.filter(|(status, spec)| {
        let done = if spec.restartable {
            pod.has_ended() || init_container_has_started(status, spec, pod)
        } else {
            init_container_is_ready(status, spec, pod)
        };
        !done
    });
    let names: Vec<&str> = waits.map(|(_, spec)| spec.name.as_str()).collect();
    let may_wait = matches!(pod.phase, PodPhase::Pending | PodPhase::Failed);
    (may_wait && !names.is_empty()).then(|| {
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
        PodPhase::Pending | PodPhase::Running if pod.ready || pod.containers_ready.is_some() => {
            return None;
        }
        PodPhase::Pending | PodPhase::Running => {}
    }
    let init = pod
        .init_containers
        .iter()
        .zip(&pod.template.init_containers);
    let sidecars = init
        .filter(|(status, spec)| spec.restartable && !init_container_is_ready(status, spec, pod));
    let both = pod.containers.iter().zip(&pod.template.containers);
    let others = both.filter(|(status, spec)| !container_is_ready(status, spec, pod));
    let names = sidecars.chain(others);
    let names: Vec<&str> = names.map(|(_, spec)| spec.name.as_str()).collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    Some((Some("ContainersNotReady"), Some(message)))
}

/// Why a pod whose containers are ready is not, if one of its readiness gates is closed.
fn closed_gates(pod: &Pod) -> Option<Why> {
    let gates = pod.template.readiness_gates.iter();
    let gates = gates.filter_map(|gate| {
        let Some(condition) = pod.condition(gate) else {
            return Some(format!(
                "corresponding condition of pod readiness gate {gate:?} does not exist."
            ));
        };
        let status = condition["status"].as_str().unwrap_or_default();
        (status != "True").then(|| {
            format!("the status of pod readiness gate {gate:?} is not \"True\", but {status}")
        })
    });
    let gates: Vec<String> = gates.collect();
    (!gates.is_empty()).then(|| (Some("ReadinessGatesNotReady"), Some(gates.join(", "))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::{
        ContainerSpec, ObjectMeta, Placement, PodTemplate, TerminationReason, Uid, WorkloadId,
    };
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
            let all = in_order(pod, true, clock);
            let disrupted = all
                .into_iter()
                .filter(|one| one["type"] == "DisruptionTarget");
            disrupted.map(|one| one["reason"].clone()).collect()
        };
        assert!(reasons(&pod).is_empty());
        pod.preempted = Some(SimTime::ZERO);
        assert_eq!(reasons(&pod), ["PreemptionByScheduler"]);
        pod.evicted = Some(SimTime::ZERO);
        assert_eq!(reasons(&pod), ["EvictionByEvictionAPI"]);
        pod.disrupted = Some((Disruption::PodGc, SimTime::ZERO));
        assert_eq!(reasons(&pod), ["DeletionByPodGC"]);
    }

    fn pod(template: PodTemplate) -> Pod {
        let meta = ObjectMeta::new("default", "web", Uid(1), SimTime::ZERO);
        let mut pod = Pod::new(meta, WorkloadId(0), Arc::new(template));
        pod.start_time = Some(SimTime::ZERO);
        pod
    }

    fn container(name: &str, restartable: bool) -> ContainerSpec {
        ContainerSpec {
            name: name.to_owned(),
            restartable,
            ..ContainerSpec::default()
        }
    }

    /// Status, reason and message of a condition.
    fn told(pod: &Pod, kind: &str) -> (String, String, String) {
        let clock = Clock {
            calendar: WallClock::default(),
            now: SimTime::ZERO,
        };
        let all = in_order(pod, true, clock);
        let found = all.iter().find(|one| one["type"] == kind);
        let found = found.unwrap_or(&Value::Null);
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    fn is_told(pod: &Pod, kind: &str, (status, reason, message): (&str, &str, &str)) {
        let expected = (status.to_owned(), reason.to_owned(), message.to_owned());
        assert_eq!(told(pod, kind), expected, "{kind}");
    }

    #[test]
    fn what_is_not_ready_is_named() {
        let template = PodTemplate {
            containers: vec![container("a", false), container("b", false)],
            init_containers: vec![container("setup", false), container("proxy", true)],
            ..PodTemplate::default()
        };
        let mut pod = pod(template);
        let both = "containers with unready status: [proxy a b]";
        is_told(&pod, "Ready", ("False", "ContainersNotReady", both));
        is_told(
            &pod,
            "ContainersReady",
            ("False", "ContainersNotReady", both),
        );
        let init = "containers with incomplete status: [setup proxy]";
        is_told(
            &pod,
            "Initialized",
            ("False", "ContainersNotInitialized", init),
        );
        // Ordinary ones have to end, sidecars to start.
        pod.init_containers[0].last_termination =
            Some((TerminationReason::Completed, SimTime::ZERO, SimTime::ZERO));
        let init = "containers with incomplete status: [proxy]";
        is_told(
            &pod,
            "Initialized",
            ("False", "ContainersNotInitialized", init),
        );
        let proxy = &mut pod.init_containers[1];
        (proxy.running_since, proxy.started, proxy.ready) = (Some(SimTime::ZERO), true, true);
        is_told(&pod, "Initialized", ("True", "", ""));
        pod.phase = PodPhase::Running;
        pod.containers[0].running_since = Some(SimTime::ZERO);
        pod.containers[0].started = true;
        let one = "containers with unready status: [b]";
        is_told(&pod, "Ready", ("False", "ContainersNotReady", one));
        is_told(&pod, "Initialized", ("True", "", ""));
        pod.ready = true;
        is_told(&pod, "Ready", ("True", "", ""));
        for (phase, reason) in [
            (PodPhase::Succeeded, "PodCompleted"),
            (PodPhase::Failed, "PodFailed"),
        ] {
            (pod.phase, pod.ready) = (phase, false);
            is_told(&pod, "Ready", ("False", reason, ""));
            is_told(&pod, "ContainersReady", ("False", reason, ""));
        }
        pod.phase = PodPhase::Succeeded;
        is_told(&pod, "Initialized", ("True", "PodCompleted", ""));
    }

    #[test]
    fn readiness_gates_keep_a_pod_from_being_ready() {
        let template = PodTemplate {
            containers: vec![container("a", false)],
            readiness_gates: vec!["example.com/one".to_owned(), "example.com/two".to_owned()],
            ..PodTemplate::default()
        };
        let mut pod = pod(template);
        pod.phase = PodPhase::Running;
        pod.containers[0].running_since = Some(SimTime::ZERO);
        let unready = "containers with unready status: [a]";
        is_told(&pod, "Ready", ("False", "ContainersNotReady", unready));
        pod.containers_ready = Some(SimTime::ZERO);
        is_told(&pod, "ContainersReady", ("True", "", ""));
        let gates = "corresponding condition of pod readiness gate \"example.com/one\" does not exist., \
                     corresponding condition of pod readiness gate \"example.com/two\" does not exist.";
        is_told(&pod, "Ready", ("False", "ReadinessGatesNotReady", gates));
    }

    #[test]
    fn a_pod_that_is_not_scheduled_says_why() {
        let gated = Placement {
            gates: vec!["example.com/wait".to_owned()],
            ..Placement::default()
        };
        let mut pod = pod(PodTemplate {
            placement: Some(Box::new(gated)),
            ..PodTemplate::default()
        });
        let message = "Scheduling is blocked due to non-empty scheduling gates";
        is_told(&pod, "PodScheduled", ("False", "SchedulingGated", message));
        pod.unschedulable = Some(SimTime::ZERO);
        pod.unschedulable_message = Some("0/1 nodes are available".into());
        let message = "0/1 nodes are available";
        is_told(&pod, "PodScheduled", ("False", "Unschedulable", message));
        pod.scheduled = Some(SimTime::ZERO);
        is_told(&pod, "PodScheduled", ("True", "", ""));
    }

    #[test]
    fn the_kubelet_puts_the_conditions_of_others_before_its_own() {
        let mut pod = pod(PodTemplate::default());
        pod.scheduled = Some(SimTime::ZERO);
        let gate = json!({"type": "example.com/one", "status": "True"});
        pod.conditions = Some(Arc::new(vec![gate]));
        pod.resize = Some(ResizeState::Deferred);
        pod.evicted = Some(SimTime::ZERO);
        let clock = Clock {
            calendar: WallClock::default(),
            now: SimTime::ZERO,
        };
        let types = |heard: bool| -> Vec<String> {
            let all = in_order(&pod, heard, clock);
            let name = |one: &Value| one["type"].as_str().unwrap_or_default().to_owned();
            all.iter().map(name).collect()
        };
        let own = [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        ];
        let (gate, resize, evicted) = ("example.com/one", "PodResizePending", "DisruptionTarget");
        assert_eq!(
            types(false),
            [&[gate, resize], &own[..], &[evicted]].concat()
        );
        assert_eq!(types(true), [&[gate, evicted, resize], &own[..]].concat());
    }

    #[test]
    fn each_disruption_has_its_reason_and_its_words() {
        let mut pod = pod(PodTemplate::default());
        let kind = "DisruptionTarget";
        is_told(&pod, kind, ("", "", ""));
        pod.preempted = Some(SimTime::ZERO);
        let message = "default-scheduler: preempting to accommodate a higher priority pod";
        is_told(&pod, kind, ("True", "PreemptionByScheduler", message));
        pod.evicted = Some(SimTime::ZERO);
        let message = "Eviction API: evicting";
        is_told(&pod, kind, ("True", "EvictionByEvictionAPI", message));
        // A kubelet tells of it once the containers have ended.
        pod.disrupted = Some((Disruption::Kubelet, SimTime::ZERO));
        is_told(&pod, kind, ("True", "EvictionByEvictionAPI", message));
        pod.phase = PodPhase::Failed;
        let taints = "Taint manager: deleting due to NoExecute taint";
        for (why, reason, message) in [
            (Disruption::TaintManager, "DeletionByTaintManager", taints),
            (
                Disruption::PodGc,
                "DeletionByPodGC",
                "PodGC: node no longer exists",
            ),
            (
                Disruption::Kubelet,
                "TerminationByKubelet",
                "The node was low on resource",
            ),
        ] {
            pod.disrupted = Some((why, SimTime::ZERO));
            pod.failure = Some(Arc::new((
                "Evicted".into(),
                "The node was low on resource".to_owned(),
            )));
            is_told(&pod, kind, ("True", reason, message));
        }
    }
}
