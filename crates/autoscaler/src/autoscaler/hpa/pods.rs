//! Sorts pods into ready, unready, missing and ignored (`groupPods`), and adds up their
//! requests (`calculatePodRequests`).

use super::config::{Config, KubernetesVersion};
use super::observation::{ContainerRequest, Phase, Pod, PodRequests, ReadyStatus, Standing};
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
pub struct Sample {
    /// CPU in millicores, memory in bytes × 1000, other metrics in thousandths.
    pub value: i64,
    /// When it was measured, to the second.
    pub timestamp: SimTime,
    /// Over which time.
    pub window: SimDuration,
}

/// `groupPods` for one pod. `resource` is absent for metrics that are no resource.
#[inline]
pub(super) fn group(
    pod: &Standing,
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

#[inline]
fn is_unready_for_cpu(pod: &Standing, sample: &Sample, config: &Config, now: SimTime) -> bool {
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

/// From when on [`group`] is `Ready` for each sample, as long as the pod stands so; none if that may
/// never be.
pub(super) fn counts_from(
    pod: &Standing,
    resource: Option<Resource>,
    config: &Config,
) -> Option<SimTime> {
    if pod.deleting || matches!(pod.phase, Phase::Failed | Phase::Pending) {
        return None;
    }
    if resource != Some(Resource::Cpu) {
        return Some(SimTime(i64::MIN));
    }
    let (ready, start) = (pod.ready?, pod.start_time?);
    let is_ready = ready.status != ReadyStatus::False;
    is_ready.then(|| start + config.cpu_initialization_period)
}

/// Whether [`group`] is `Ready` for this sample and for each later one, as long as the pod stands so:
/// its window began after the pod was ready, and so do all that follow.
pub(super) fn counts_since(pod: &Standing, sample: &Sample) -> bool {
    let is_left_out = pod.deleting || matches!(pod.phase, Phase::Failed | Phase::Pending);
    let (Some(ready), Some(_), false) = (pod.ready, pod.start_time, is_left_out) else {
        return false;
    };
    // Timestamps are cut to the second, so a later window may seem to begin a second earlier.
    let began = sample.timestamp - SimDuration::from_secs(1);
    ready.status != ReadyStatus::False && began >= ready.last_transition + sample.window
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
    if let Some(wanted) = container {
        let Some(found) = lasting(pod.requests).find(|c| c.name == wanted) else {
            // Before 1.35 an absent container counted as 0.
            if config.version < KubernetesVersion(35) {
                return Ok(0);
            }
            return Err(format!("container {wanted} not found in Pod {}", pod.name));
        };
        return container_request(found, slot, resource, pod.name);
    }
    if config.version >= KubernetesVersion(34)
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
    for container in lasting(pod.requests) {
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

/// The containers that run as long as the pod does: regular ones, then sidecars.
fn lasting(requests: &PodRequests) -> impl Iterator<Item = &ContainerRequest> {
    let sidecars = requests.init_containers.iter().filter(|c| c.restartable);
    requests.containers.iter().chain(sidecars)
}

/// The scheduler's formula (`AggregateContainerRequests`): everything that lasts, or the
/// peak while an init container runs beside the sidecars started before it, whichever is
/// larger; `None` if nobody sets any.
fn effective_request(requests: &PodRequests, slot: usize) -> Option<i64> {
    let running = lasting(requests)
        .filter_map(|c| c.requests[slot])
        .reduce(i64::wrapping_add);
    let (mut sidecars, mut peak) = (0i64, None);
    for container in &requests.init_containers {
        match container.requests[slot] {
            Some(request) if container.restartable => sidecars = sidecars.wrapping_add(request),
            Some(request) => peak = peak.max(Some(sidecars.wrapping_add(request))),
            None => {}
        }
    }
    running.max(peak)
}

#[cfg(test)]
mod tests {
    use super::super::observation::ReadyCondition;
    use super::*;

    const NOW: SimTime = SimTime::from_secs(1000);

    fn container(name: &str, cpu: Option<i64>, restartable: bool) -> ContainerRequest {
        ContainerRequest {
            name: name.to_owned(),
            requests: [cpu, None],
            restartable,
        }
    }

    fn pod(requests: &PodRequests) -> Pod<'_> {
        Pod {
            name: "web-0",
            phase: Phase::Running,
            deleting: false,
            start_time: Some(SimTime::ZERO),
            ready: Some(ReadyCondition {
                status: ReadyStatus::True,
                last_transition: SimTime::ZERO,
            }),
            requests,
        }
    }

    fn measured_at(seconds: i64) -> Sample {
        Sample {
            value: 1,
            timestamp: SimTime::from_secs(seconds),
            window: SimDuration::from_secs(30),
        }
    }

    fn group_of(pod: &Pod<'_>, sample: Option<&Sample>, resource: Option<Resource>) -> Group {
        group(&pod.standing(), sample, resource, &Config::default(), NOW)
    }

    #[test]
    fn deleting_and_failed_pods_are_ignored_before_anything_else() {
        let requests = PodRequests::default();
        let cpu = Some(Resource::Cpu);
        let deleting = Pod {
            deleting: true,
            phase: Phase::Pending,
            ..pod(&requests)
        };
        assert_eq!(group_of(&deleting, None, cpu), Group::Ignored);
        let failed = Pod {
            phase: Phase::Failed,
            ..pod(&requests)
        };
        assert_eq!(
            group_of(&failed, Some(&measured_at(1000)), cpu),
            Group::Ignored
        );
    }

    #[test]
    fn a_pending_pod_is_unready_even_without_a_value() {
        let requests = PodRequests::default();
        let pending = Pod {
            phase: Phase::Pending,
            ..pod(&requests)
        };
        assert_eq!(
            group_of(&pending, None, Some(Resource::Memory)),
            Group::Unready
        );
    }

    #[test]
    fn readiness_counts_for_cpu_only() {
        let requests = PodRequests::default();
        let bare = Pod {
            ready: None,
            phase: Phase::Succeeded,
            ..pod(&requests)
        };
        let sample = measured_at(1000);
        assert_eq!(
            group_of(&bare, Some(&sample), Some(Resource::Cpu)),
            Group::Unready
        );
        assert_eq!(
            group_of(&bare, Some(&sample), Some(Resource::Memory)),
            Group::Ready
        );
        assert_eq!(group_of(&bare, Some(&sample), None), Group::Ready);
    }

    #[test]
    fn a_young_pod_needs_a_whole_window_since_it_became_ready() {
        let requests = PodRequests::default();
        let young = Pod {
            start_time: Some(SimTime::from_secs(900)),
            ready: Some(ReadyCondition {
                status: ReadyStatus::True,
                last_transition: SimTime::from_secs(950),
            }),
            ..pod(&requests)
        };
        let cpu = Some(Resource::Cpu);
        assert_eq!(
            group_of(&young, Some(&measured_at(979)), cpu),
            Group::Unready
        );
        assert_eq!(group_of(&young, Some(&measured_at(980)), cpu), Group::Ready);
    }

    #[test]
    fn an_old_unready_pod_counts_unless_it_never_was_ready() {
        let requests = PodRequests::default();
        let since = |seconds| Pod {
            ready: Some(ReadyCondition {
                status: ReadyStatus::False,
                last_transition: SimTime::from_secs(seconds),
            }),
            ..pod(&requests)
        };
        let (cpu, sample) = (Some(Resource::Cpu), measured_at(1000));
        assert_eq!(group_of(&since(29), Some(&sample), cpu), Group::Unready);
        assert_eq!(group_of(&since(30), Some(&sample), cpu), Group::Ready);
        let unknown = Pod {
            ready: Some(ReadyCondition {
                status: ReadyStatus::Unknown,
                last_transition: SimTime::ZERO,
            }),
            ..pod(&requests)
        };
        assert_eq!(group_of(&unknown, Some(&sample), cpu), Group::Ready);
    }

    fn request_of(requests: &PodRequests, named: Option<&str>, minor: u32) -> Result<i64, String> {
        let config = Config::of(KubernetesVersion(minor));
        request(&pod(requests), named, Resource::Cpu, &config)
    }

    #[test]
    fn sidecars_count_and_plain_init_containers_do_not() {
        let requests = PodRequests {
            containers: vec![container("app", Some(100), false)],
            init_containers: vec![
                container("migrate", Some(900), false),
                container("proxy", Some(20), true),
            ],
            pod_level: None,
        };
        assert_eq!(request_of(&requests, None, 36), Ok(120));
        assert_eq!(request_of(&requests, Some("proxy"), 36), Ok(20));
    }

    #[test]
    fn an_absent_container_is_an_error_since_1_35() {
        let requests = PodRequests {
            containers: vec![container("app", Some(100), false)],
            ..PodRequests::default()
        };
        assert_eq!(request_of(&requests, Some("gone"), 34), Ok(0));
        assert_eq!(
            request_of(&requests, Some("gone"), 35),
            Err("container gone not found in Pod web-0".to_owned())
        );
    }

    #[test]
    fn pod_level_requests_count_since_1_34() {
        let requests = PodRequests {
            containers: vec![container("app", None, false)],
            init_containers: Vec::new(),
            pod_level: Some([Some(500), None]),
        };
        assert_eq!(
            request_of(&requests, None, 33),
            Err("missing request for cpu in container app of Pod web-0".to_owned())
        );
        assert_eq!(request_of(&requests, None, 34), Ok(500));
    }

    #[test]
    fn a_resource_missing_at_pod_level_falls_back_to_the_schedulers_formula() {
        let of = |init_containers| PodRequests {
            containers: vec![container("app", Some(100), false)],
            init_containers,
            pod_level: Some([None, Some(1)]),
        };
        let (init, sidecar) = (
            container("i", Some(150), false),
            container("s", Some(20), true),
        );
        let before = of(vec![init.clone(), sidecar.clone()]);
        assert_eq!(request_of(&before, None, 36), Ok(150));
        let after = of(vec![sidecar, init]);
        assert_eq!(request_of(&after, None, 36), Ok(170));
        let none = PodRequests {
            pod_level: Some([None, Some(1)]),
            ..PodRequests::default()
        };
        assert_eq!(
            request_of(&none, None, 36),
            Err("missing pod-level request for cpu in Pod web-0".to_owned())
        );
    }
}
