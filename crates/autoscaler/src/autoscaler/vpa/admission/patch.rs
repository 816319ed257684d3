//! The patch to a new pod: its containers' resources and two annotations.
//!
//! Follows `pkg/admission-controller/resource/pod/patch/{resource_updates,
//! observed_containers}.go` and `pkg/utils/annotations`. Where upstream walks a map, CPU
//! comes first here.

use std::fmt::Write;

use super::annotation::Annotation;
use super::limit_range::LimitRange;
use super::{UpstreamPanic, boost, container_resources};
use crate::autoscaler::vpa::pod::Container;
use crate::autoscaler::vpa::{
    ContainerScalingMode, Recommendation, Resources, UpdateMode, VpaSpec,
};
use crate::units::Quantity;

/// What a container is to have; absent amounts stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerUpdate {
    /// Requests to set.
    pub requests: Resources,
    /// Limits to set.
    pub limits: Resources,
    /// Remarks on both.
    pub annotations: Vec<Annotation>,
}

impl ContainerUpdate {
    /// True if there is nothing to set.
    pub const fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }

    /// The container's requests and limits after the update.
    pub fn applied_to(&self, container: &Container<'_>) -> (Resources, Resources) {
        let over = |new: &Resources, old: &Resources| Resources {
            cpu: new.cpu.or(old.cpu),
            memory: new.memory.or(old.memory),
        };
        (
            over(&self.requests, &container.requests),
            over(&self.limits, &container.limits),
        )
    }

    /// True if a patch says anything about the container: an empty one is given an empty
    /// object of resources even if nothing is set.
    pub(in crate::autoscaler::vpa) const fn patches(&self, container: &Container<'_>) -> bool {
        let bare = container.requests.is_empty() && container.limits.is_empty();
        bare || !self.is_empty()
    }
}

/// The answer to the creation of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// What to set, one place per container.
    pub containers: Vec<ContainerUpdate>,
    /// Annotation `vpaUpdates`, if any container is patched.
    pub vpa_updates: Option<String>,
    /// Annotation `vpaObservedContainers`.
    pub vpa_observed_containers: String,
    /// Containers that get an annotation of [`startup_boost_annotation`], one place per
    /// container; empty without the feature gate `CPUStartupBoost`.
    pub boosted: Vec<bool>,
}

/// Answers the creation of a pod that the VPA named `vpa_name` controls. In mode `Off` only
/// the annotations change.
pub fn admit(
    vpa_name: &str,
    vpa: &VpaSpec,
    recommendations: Option<&[Recommendation]>,
    containers: &[Container<'_>],
    limit_range: &LimitRange,
) -> Result<Admission, UpstreamPanic> {
    let updates = applied_resources(vpa, recommendations, containers, limit_range)?;
    Ok(Admission {
        vpa_updates: vpa_updates(vpa_name, &updates, containers, |_| true),
        vpa_observed_containers: observed_containers(containers),
        containers: updates,
        boosted: Vec::new(),
    })
}

/// As [`admit`], with the feature gate `CPUStartupBoost`: boosts are applied in every mode,
/// up to the flag `max-allowed-cpu-boost`. Containers that are not scaled are left alone
/// altogether.
pub fn admit_with_boost(
    vpa_name: &str,
    vpa: &VpaSpec,
    recommendations: Option<&[Recommendation]>,
    containers: &[Container<'_>],
    limit_range: &LimitRange,
    max_allowed_cpu_boost: Option<Quantity>,
) -> Result<Admission, UpstreamPanic> {
    let mut updates = applied_resources(vpa, recommendations, containers, limit_range)?;
    let boosted = boost::apply(vpa, containers, &mut updates, max_allowed_cpu_boost)?;
    let scaled = |name: &str| vpa.mode(name) != ContainerScalingMode::Off;
    for (update, container) in updates.iter_mut().zip(containers) {
        if !scaled(container.name) {
            *update = ContainerUpdate::default();
        }
    }
    Ok(Admission {
        vpa_updates: vpa_updates(vpa_name, &updates, containers, scaled),
        vpa_observed_containers: observed_containers(containers),
        containers: updates,
        boosted,
    })
}

/// Key and value of the annotation of a boosted container: what it would have had.
pub fn startup_boost_annotation(container: &Container<'_>) -> (String, String) {
    let list = |amounts: &Resources| {
        let entry = |(resource, amount)| format!("\"{resource}\":\"{amount}\"");
        amounts.iter().map(entry).collect::<Vec<_>>().join(",")
    };
    let (requests, limits) = (list(&container.requests), list(&container.limits));
    (
        format!("vpaCpuStartupBoost/{}", container.name),
        format!("{{\"requests\":{{{requests}}},\"limits\":{{{limits}}}}}"),
    )
}

/// What the update mode lets through.
fn applied_resources(
    vpa: &VpaSpec,
    recommendations: Option<&[Recommendation]>,
    containers: &[Container<'_>],
    limit_range: &LimitRange,
) -> Result<Vec<ContainerUpdate>, UpstreamPanic> {
    let mut updates = container_resources(vpa, recommendations, containers, limit_range)?;
    if vpa.update_mode == UpdateMode::Off {
        updates.fill(ContainerUpdate::default());
    }
    Ok(updates)
}

fn vpa_updates(
    vpa_name: &str,
    updates: &[ContainerUpdate],
    containers: &[Container<'_>],
    is_patched: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut text = String::new();
    for (index, (update, container)) in updates.iter().zip(containers).enumerate() {
        if !is_patched(container.name) || !update.patches(container) {
            continue;
        }
        let separator = if text.is_empty() { "" } else { "; " };
        let remarks = update.annotations.iter().map(ToString::to_string);
        let set = |amounts: &Resources, what: &str| -> Vec<String> {
            let line = |(resource, _)| format!("{resource} {what}");
            amounts.iter().map(line).collect()
        };
        let all: Vec<String> = remarks
            .chain(set(&update.requests, "request"))
            .chain(set(&update.limits, "limit"))
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}container {index}: {}", all.join(", "));
    }
    (!text.is_empty()).then(|| format!("Pod resources updated by {vpa_name}: {text}"))
}

const SEPARATOR: &str = ", ";

/// The annotation `vpaObservedContainers` of a new pod: the containers that admission has
/// seen. Ones that other webhooks add later are left alone by the updater.
pub fn observed_containers(containers: &[Container<'_>]) -> String {
    let names: Vec<&str> = containers.iter().map(|container| container.name).collect();
    names.join(SEPARATOR)
}

/// The containers named by a pod's annotation `vpaObservedContainers`. A value that is
/// not a list of DNS labels is `None` and ignored.
pub fn parse_observed_containers(value: &str) -> Option<Vec<&str>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let names: Vec<&str> = value.split(SEPARATOR).collect();
    names.iter().all(|name| is_dns_label(name)).then_some(names)
}

fn is_dns_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|&c| inner(c))
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::super::{LimitRangeItem, cap_for_pod};
    use super::*;
    use crate::autoscaler::vpa::ContainerPolicy;

    fn amounts(cpu: &str, memory: &str) -> Resources {
        let read = |text: &str| text.parse().ok();
        Resources {
            cpu: read(cpu),
            memory: read(memory),
        }
    }

    fn recommendation(container_name: &str, target: Resources) -> Recommendation {
        Recommendation {
            container_name: container_name.to_owned(),
            target,
            lower_bound: target,
            upper_bound: target,
            uncapped_target: target,
        }
    }

    const CONTAINERS: usize = 3;

    fn containers() -> [Container<'static>; CONTAINERS] {
        let container = |name, requests, limits| Container {
            name,
            requests,
            limits,
        };
        [
            container("api", amounts("100m", "128Mi"), amounts("", "256Mi")),
            container("sidecar", amounts("50m", ""), Resources::default()),
            container("bare", Resources::default(), Resources::default()),
        ]
    }

    fn admitted(vpa: &VpaSpec) -> Admission {
        let recommendations = [recommendation("api", amounts("25m", "200Mi"))];
        let limit_range = LimitRange::default();
        let (recommendations, containers) = (Some(&recommendations[..]), containers());
        admit("web", vpa, recommendations, &containers, &limit_range).expect("no panic")
    }

    #[test]
    fn a_new_pod_gets_targets_limits_in_proportion_and_annotations() {
        let vpa = VpaSpec {
            container_policies: vec![ContainerPolicy {
                container_name: "*".to_owned(),
                min_allowed: amounts("50m", ""),
                ..ContainerPolicy::default()
            }],
            ..VpaSpec::default()
        };
        let Admission {
            containers: updates,
            vpa_updates,
            vpa_observed_containers,
            ..
        } = admitted(&vpa);
        let [api, sidecar, _] = containers();
        assert_eq!(
            updates[0].applied_to(&api),
            (amounts("50m", "200Mi"), amounts("", "400Mi"))
        );
        assert_eq!(
            updates[1].applied_to(&sidecar),
            (sidecar.requests, sidecar.limits)
        );
        assert_eq!(
            vpa_updates.as_deref(),
            Some(
                "Pod resources updated by web: container 0: cpu capped to minAllowed, \
                 cpu: limit NOT set since originalLimit is nil or 0, \
                 cpu request, memory request, memory limit; container 2: "
            )
        );
        assert_eq!(vpa_observed_containers, "api, sidecar, bare");
    }

    #[test]
    fn limit_ranges_wait_for_a_recommendation_that_may_be_empty() {
        let vpa = VpaSpec::default();
        let limit_range = LimitRange {
            container: None,
            pod: Some(LimitRangeItem {
                max: amounts("", "192Mi"),
                ..LimitRangeItem::default()
            }),
        };
        let [api, ..] = containers();
        let of = |recommendations| {
            container_resources(&vpa, recommendations, &[api], &limit_range).expect("no panic")
        };
        assert_eq!(of(None), [ContainerUpdate::default()]);
        assert_eq!(of(Some(&[]))[0].requests, amounts("100m", "96Mi"));
        let capped = |vpa: &VpaSpec| {
            let capped = cap_for_pod(vpa, None, &[api], &limit_range).expect("no panic");
            capped[0].is_some()
        };
        let with_policy = VpaSpec {
            container_policies: vec![ContainerPolicy::default()],
            ..VpaSpec::default()
        };
        assert_eq!([&vpa, &with_policy].map(capped), [false, true]);
    }

    #[test]
    fn off_changes_no_resources() {
        let off = VpaSpec {
            update_mode: UpdateMode::Off,
            ..VpaSpec::default()
        };
        let updates = admitted(&off).containers;
        assert_eq!(updates, vec![ContainerUpdate::default(); CONTAINERS]);
    }

    #[test]
    fn observed_containers_are_read_as_they_were_written() {
        let written = observed_containers(&containers());
        assert_eq!(
            parse_observed_containers(&written),
            Some(vec!["api", "sidecar", "bare"])
        );
        assert_eq!(parse_observed_containers(""), Some(Vec::new()));
        for wrong in ["api,sidecar", "API", "-api", "api, ", &"a".repeat(64)] {
            assert_eq!(parse_observed_containers(wrong), None, "{wrong}");
        }
    }
}
