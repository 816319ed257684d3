//! Sorts pods into ready, unready, missing and ignored (`groupPods`), and adds up their
//! requests (`calculatePodRequests`).

use super::config::Config;
use super::observation::{ContainerRequest, Phase, Pod, PodRequests, ReadyStatus};
use super::spec::Resource;
use crate::sim::{SimDuration, SimTime};

/// How a pod takes part in a calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Deleting or failed: as if it were not there.
    Ignored,
    /// Its value is not trusted yet.
    Unready,
    /// It has no value.
    Missing,
    /// It counts with its value.
    Ready,
}

/// A pod's value and when it was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) value: i64,
    pub(super) timestamp: SimTime,
    pub(super) window: SimDuration,
}

/// `groupPods` for one pod. `resource` is absent for metrics that are no resource.
pub(super) fn group(
    pod: &Pod<'_>,
    sample: Option<&Sample>,
    resource: Option<Resource>,
    config: &Config,
    now: SimTime,
) -> Group {
    if pod.deleting || pod.phase == Phase::Failed {
        return Group::Ignored;
    }
    if pod.phase == Phase::Pending {
        return Group::Unready;
    }
    let Some(sample) = sample else {
        return Group::Missing;
    };
    if resource == Some(Resource::Cpu) && is_unready_for_cpu(pod, sample, config, now) {
        return Group::Unready;
    }
    Group::Ready
}

fn is_unready_for_cpu(pod: &Pod<'_>, sample: &Sample, config: &Config, now: SimTime) -> bool {
    let (Some(ready), Some(start)) = (pod.ready, pod.start_time) else {
        return true;
    };
    let not_ready = ready.status == ReadyStatus::False;
    if start + config.cpu_initialization_period > now {
        not_ready || sample.timestamp < ready.last_transition + sample.window
    } else {
        not_ready && start + config.initial_readiness_delay > ready.last_transition
    }
}

/// The request of a pod (or of one container in it) for a resource, in thousandths; or the
/// message of what is missing.
pub(super) fn request(
    pod: &Pod<'_>,
    container: Option<&str>,
    resource: Resource,
    config: &Config,
) -> Result<i64, String> {
    let slot = resource as usize;
    let PodRequests {
        containers,
        sidecars,
        ..
    } = pod.requests;
    if let Some(wanted) = container {
        let Some(found) = containers.iter().chain(sidecars).find(|c| c.name == wanted) else {
            // Before 1.35 an absent container counted as 0.
            if config.version.0 < 35 {
                return Ok(0);
            }
            return Err(format!("container {wanted} not found in Pod {}", pod.name));
        };
        return container_request(found, slot, resource, pod.name);
    }
    if config.version.0 >= 34
        && let Some(pod_level) = pod.requests.pod_level
    {
        let missing = || {
            format!(
                "missing pod-level request for {resource} in Pod {}",
                pod.name
            )
        };
        return pod_level[slot]
            .or_else(|| effective_request(pod.requests, slot))
            .ok_or_else(missing);
    }
    let mut sum = 0i64;
    for container in containers.iter().chain(sidecars) {
        sum = sum.wrapping_add(container_request(container, slot, resource, pod.name)?);
    }
    Ok(sum)
}

fn container_request(
    container: &ContainerRequest,
    slot: usize,
    resource: Resource,
    pod: &str,
) -> Result<i64, String> {
    container.requests[slot].ok_or_else(|| {
        format!(
            "missing request for {resource} in container {} of Pod {pod}",
            container.name
        )
    })
}

/// The scheduler's formula (`resourcehelper.PodRequests`): containers and sidecars together,
/// or the peak while init containers run, whichever is larger; `None` if nobody sets any.
fn effective_request(requests: &PodRequests, slot: usize) -> Option<i64> {
    let of = |containers: &[ContainerRequest]| -> Option<i64> {
        containers
            .iter()
            .filter_map(|c| c.requests[slot])
            .reduce(i64::wrapping_add)
    };
    let sidecars = of(&requests.sidecars);
    let running = match (of(&requests.containers), sidecars) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).wrapping_add(b.unwrap_or(0))),
    };
    let peak = requests
        .init_containers
        .iter()
        .filter_map(|c| c.requests[slot])
        .max();
    match (running, peak) {
        (None, None) => None,
        (a, b) => Some(
            a.unwrap_or(0)
                .max(b.map_or(0, |b| b.wrapping_add(sidecars.unwrap_or(0)))),
        ),
    }
}
