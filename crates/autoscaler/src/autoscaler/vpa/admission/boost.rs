//! The CPU startup boost of new pods.
//!
//! Follows `applyCPUStartupBoost` and its neighbours in
//! `pkg/admission-controller/resource/pod/patch/resource_updates.go`.

use super::patch::ContainerUpdate;
use super::{UpstreamPanic, proportional};
use crate::autoscaler::vpa::pod::Container;
use crate::autoscaler::vpa::{
    ContainerScalingMode, ControlledValues, Resource, StartupBoost, VpaSpec,
};
use crate::units::{Quantity, QuantityFormat};

/// Raises the CPU of the containers that the VPA boosts and tells which these are. The maximum
/// is the flag `max-allowed-cpu-boost`; 0 is none.
pub(super) fn apply(
    vpa: &VpaSpec,
    containers: &[Container<'_>],
    updates: &mut [ContainerUpdate],
    max_allowed: Option<Quantity>,
) -> Result<Vec<bool>, UpstreamPanic> {
    let apply = |(container, update): (&Container<'_>, &mut ContainerUpdate)| {
        let boost = vpa.container_startup_boost(container.name);
        let boost = boost.filter(|_| vpa.mode(container.name) != ContainerScalingMode::Off);
        if let Some(boost) = boost {
            raise(vpa, container, update, boost, max_allowed)?;
        }
        Ok(boost.is_some())
    };
    containers.iter().zip(updates).map(apply).collect()
}

/// The boosted request, and its limit (`applyControlledCPUResources`).
fn raise(
    vpa: &VpaSpec,
    container: &Container<'_>,
    update: &mut ContainerUpdate,
    boost: StartupBoost,
    max_allowed: Option<Quantity>,
) -> Result<(), UpstreamPanic> {
    let recommended = update.requests.cpu.filter(|cpu| !cpu.is_zero());
    let base = recommended.or(container.requests.cpu);
    let boosted = boost.of(base.unwrap_or(Quantity::ZERO))?;
    let boosted = match max_allowed {
        Some(max) if !max.is_zero() && boosted > max => max,
        _ => boosted,
    };
    update.requests.cpu = Some(boosted);
    match vpa.controlled_values(container.name) {
        ControlledValues::RequestsOnly => {
            if let Some(limit) = container.limits.cpu
                && boosted.milli_value() > limit.milli_value()
            {
                update.requests.cpu = Some(just_below(limit));
            }
        }
        ControlledValues::RequestsAndLimits => {
            let (limit, _) = proportional::limit(
                Resource::Cpu,
                container.limits.cpu,
                container.requests.cpu,
                Some(boosted),
                None,
            );
            update.limits.cpu = limit.or(update.limits.cpu);
        }
    }
    Ok(())
}

/// A millicore less, so that the pod's class of quality of service stays; a limit of no more
/// than that is taken whole (`capStartupBoostToContainerLimit`).
fn just_below(limit: Quantity) -> Quantity {
    let one = Quantity::from_millis(1, QuantityFormat::DecimalSi);
    if limit > one {
        Quantity::from_nanos(limit.nanos() - one.nanos(), limit.format())
    } else {
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LimitRange, admit, admit_with_boost, startup_boost_annotation};
    use super::*;
    use crate::autoscaler::vpa::{
        BoostAmount, ContainerPolicy, Recommendation, Resources, UpdateMode,
    };

    fn amounts(cpu: &str, memory: &str) -> Resources {
        let read = |text: &str| text.parse().ok();
        Resources {
            cpu: read(cpu),
            memory: read(memory),
        }
    }

    fn boost(amount: BoostAmount) -> StartupBoost {
        StartupBoost {
            amount: Some(amount),
            duration_seconds: None,
        }
    }

    fn vpa(amount: BoostAmount, policy: &ContainerPolicy) -> VpaSpec {
        VpaSpec {
            startup_boost: Some(boost(amount)),
            container_policies: vec![ContainerPolicy {
                container_name: ContainerPolicy::ANY.to_owned(),
                ..policy.clone()
            }],
            ..VpaSpec::default()
        }
    }

    /// CPU request and limit of a new pod that requests 100m; 200m are recommended.
    fn boosted(vpa: &VpaSpec, limit: &str, max: Option<&str>) -> [Option<String>; 2] {
        let recommendations = [Recommendation {
            container_name: "api".to_owned(),
            target: amounts("200m", ""),
            ..Recommendation::default()
        }];
        let containers = [container(limit)];
        let limit_range = LimitRange::default();
        let max = max.and_then(|max| max.parse().ok());
        let all = (recommendations, containers);
        let admission = admit_with_boost("web", vpa, Some(&all.0), &all.1, &limit_range, max);
        let update = &admission.expect("no panic").containers[0];
        [update.requests.cpu, update.limits.cpu].map(|cpu| cpu.map(|cpu| cpu.to_string()))
    }

    fn container(limit: &str) -> Container<'_> {
        Container {
            name: "api",
            requests: amounts("100m", "1Gi"),
            limits: amounts(limit, ""),
        }
    }

    fn some(texts: [&str; 2]) -> [Option<String>; 2] {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    #[test]
    fn a_factor_or_an_amount_comes_on_top_of_what_is_recommended() {
        let policy = ContainerPolicy::default();
        let triple = vpa(BoostAmount::Factor(3), &policy);
        assert_eq!(boosted(&triple, "", None), some(["600m", ""]));
        assert_eq!(boosted(&triple, "300m", None), some(["600m", "1800m"]));
        let half = "500m".parse().expect("a quantity");
        let more = vpa(BoostAmount::Quantity(half), &policy);
        assert_eq!(boosted(&more, "100m", None), some(["700m", "700m"]));
    }

    #[test]
    fn the_flags_maximum_holds_unless_it_is_zero() {
        let triple = vpa(BoostAmount::Factor(3), &ContainerPolicy::default());
        assert_eq!(
            boosted(&triple, "200m", Some("0.25")),
            some(["250m", "500m"])
        );
        assert_eq!(boosted(&triple, "", Some("0")), some(["600m", ""]));
    }

    #[test]
    fn requests_alone_stay_a_millicore_below_the_limit() {
        let requests_only = ContainerPolicy {
            controlled_values: ControlledValues::RequestsOnly,
            ..ContainerPolicy::default()
        };
        let triple = vpa(BoostAmount::Factor(3), &requests_only);
        assert_eq!(boosted(&triple, "400m", None), some(["399m", ""]));
        assert_eq!(boosted(&triple, "1m", None), some(["1m", ""]));
        assert_eq!(boosted(&triple, "600m", None), some(["600m", ""]));
    }

    #[test]
    fn a_policy_has_its_own_boost_or_none_without_scaling() {
        let own = ContainerPolicy {
            startup_boost: Some(boost(BoostAmount::Factor(10))),
            ..ContainerPolicy::default()
        };
        let off = ContainerPolicy {
            mode: ContainerScalingMode::Off,
            ..own.clone()
        };
        assert_eq!(
            boosted(&vpa(BoostAmount::Factor(3), &own), "", None),
            some(["2", ""])
        );
        assert_eq!(
            boosted(&vpa(BoostAmount::Factor(3), &off), "", None),
            some(["", ""])
        );
    }

    #[test]
    fn a_boost_without_cpu_makes_the_webhook_fail_unless_nothing_reads_it() {
        let empty = StartupBoost {
            amount: None,
            duration_seconds: None,
        };
        let admitted = |policy: ContainerPolicy| {
            let vpa = vpa(BoostAmount::Factor(3), &policy);
            let (all, limit_range) = ([container("")], LimitRange::default());
            admit_with_boost("web", &vpa, None, &all, &limit_range, None).map(|one| one.boosted)
        };
        let own = ContainerPolicy {
            startup_boost: Some(empty),
            ..ContainerPolicy::default()
        };
        let off = ContainerPolicy {
            mode: ContainerScalingMode::Off,
            ..own.clone()
        };
        assert_eq!(admitted(ContainerPolicy::default()), Ok(vec![true]));
        assert_eq!(admitted(own), Err(UpstreamPanic));
        assert_eq!(admitted(off), Ok(vec![false]));
    }

    #[test]
    fn in_mode_off_the_boost_is_on_the_pods_own_request() {
        let off = VpaSpec {
            update_mode: UpdateMode::Off,
            ..vpa(BoostAmount::Factor(3), &ContainerPolicy::default())
        };
        assert_eq!(boosted(&off, "", None), some(["300m", ""]));
        let (containers, limit_range) = ([container("")], LimitRange::default());
        let plain = admit("web", &off, None, &containers, &limit_range).expect("no panic");
        assert!(plain.boosted.is_empty() && plain.containers[0].is_empty());
        let boosted = admit_with_boost("web", &off, None, &containers, &limit_range, None);
        let boosted = boosted.expect("no panic");
        assert_eq!(boosted.boosted, [true]);
        assert_eq!(
            boosted.vpa_updates.as_deref(),
            Some("Pod resources updated by web: container 0: cpu request")
        );
    }

    #[test]
    fn the_annotation_keeps_what_the_template_asks_for() {
        let (key, value) = startup_boost_annotation(&container("200m"));
        assert_eq!(key, "vpaCpuStartupBoost/api");
        assert_eq!(
            value,
            r#"{"requests":{"cpu":"100m","memory":"1Gi"},"limits":{"cpu":"200m"}}"#
        );
    }
}
