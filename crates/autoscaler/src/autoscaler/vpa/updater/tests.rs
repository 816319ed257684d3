//! Whole passes over made-up pods.

mod in_place_modes;
mod startup_boost;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::autoscaler::vpa::admission::LimitRange;
use crate::autoscaler::vpa::{
    ChangeRequirement, Container, ContainerPolicy, ContainerScalingMode, ControlledResources,
    EvictionRequirement, Recommendation, Resources, UpdateMode, VpaSpec,
};
use crate::sim::SimDuration;
use ChangeRequirement::{TargetHigherThanRequests, TargetLowerThanRequests};

const NOW: SimTime = SimTime::from_secs(1_000_000);
const LIMIT_RANGE: LimitRange = LimitRange {
    container: None,
    pod: None,
};

fn amounts(cpu: &str, memory: &str) -> Resources {
    let read = |text: &str| text.parse().ok();
    Resources {
        cpu: read(cpu),
        memory: read(memory),
    }
}

fn container(cpu: &str, memory: &str) -> [Container<'static>; 1] {
    [Container {
        name: "api",
        requests: amounts(cpu, memory),
        limits: Resources::default(),
    }]
}

/// Target 200m and 200Mi, bounds 100m to 400m and 100Mi to 400Mi.
fn recommendations() -> Vec<Recommendation> {
    vec![Recommendation {
        container_name: "api".to_owned(),
        lower_bound: amounts("100m", "100Mi"),
        target: amounts("200m", "200Mi"),
        upper_bound: amounts("400m", "400Mi"),
        uncapped_target: amounts("200m", "200Mi"),
    }]
}

/// A running pod of the first controller, a day old.
fn pod<'a>(name: &'a str, containers: &'a [Container<'a>]) -> Pod<'a> {
    Pod {
        name,
        uid: 0,
        controller: Some(0),
        pending: false,
        start_time: Some(NOW - SimDuration::from_secs(86_400)),
        containers,
        last_terminations: &[],
        boost: None,
        observed_containers: None,
        resize: None,
        restarts_on_resize: false,
    }
}

/// An API server that refuses on demand and records requests.
#[derive(Default)]
struct Fake {
    refused_evictions: BTreeSet<usize>,
    refused_resizes: Option<ResizeRefused>,
    resizes: Vec<(usize, Resources)>,
}

impl Api for Fake {
    fn evict(&mut self, pod: usize, _: SimTime) -> Result<(), EvictionRefused> {
        if self.refused_evictions.contains(&pod) {
            return Err(EvictionRefused);
        }
        Ok(())
    }

    fn resize(
        &mut self,
        pod: usize,
        containers: &[ContainerUpdate],
        _: SimTime,
    ) -> Result<(), ResizeRefused> {
        self.resizes.push((pod, containers[0].requests));
        self.refused_resizes.map_or(Ok(()), Err)
    }
}

fn mode(update_mode: UpdateMode) -> VpaSpec {
    VpaSpec {
        update_mode,
        ..VpaSpec::default()
    }
}

/// The actions of one pass over pods of a ReplicaSet with as many replicas.
fn act(updater: &mut Updater, vpa: &VpaSpec, pods: &[Pod<'_>], api: &mut Fake) -> Vec<Action> {
    let recommendations = recommendations();
    let view = View {
        vpa,
        recommendations: Some(&recommendations),
        limit_range: &LIMIT_RANGE,
        controllers: &[Controller::Replicated(pods.len() as i32)],
        pods,
    };
    let mut pass = updater.pass(NOW);
    pass.update(&view, api).expect("no panic").actions
}

fn kinds(actions: &[Action]) -> Vec<(usize, ActionKind)> {
    actions
        .iter()
        .map(|action| (action.pod, action.kind))
        .collect()
}

/// Pods evicted by a fresh updater with default flags, in order.
fn evicted(vpa: &VpaSpec, pods: &[Pod<'_>]) -> Vec<usize> {
    let mut updater = Updater::new(UpdaterFlags::default(), false);
    let actions = act(&mut updater, vpa, pods, &mut Fake::default());
    actions.iter().map(|action| action.pod).collect()
}

#[test]
fn pods_that_want_more_go_first_then_larger_differences() {
    let [less, more, much_more, fits] = [
        container("500m", "500Mi"),
        container("50m", "200Mi"),
        container("20m", "200Mi"),
        container("200m", "200Mi"),
    ];
    let mut pods = [
        pod("less", &less),
        pod("more", &more),
        pod("much-more", &much_more),
        pod("fits", &fits),
        pod("fits-2", &fits),
        pod("fits-3", &fits),
    ];
    assert_eq!(evicted(&mode(UpdateMode::Recreate), &pods), [2, 1, 0]);
    // Of the four running pods one may go. The pending pod costs the group nothing.
    pods[1].pending = true;
    pods[3].pending = true;
    assert_eq!(evicted(&mode(UpdateMode::Recreate), &pods), [2, 1]);
}

#[test]
fn off_and_initial_evict_nobody() {
    let small = container("50m", "50Mi");
    let pods = [pod("a", &small), pod("b", &small)];
    assert_eq!(evicted(&mode(UpdateMode::Auto), &pods), [0]);
    for off in [UpdateMode::Off, UpdateMode::Initial, UpdateMode::InPlace] {
        assert_eq!(evicted(&mode(off), &pods), [0; 0], "{off:?}");
    }
}

#[test]
fn within_the_bounds_only_old_pods_with_a_large_difference_are_updated() {
    let [far, near] = [container("150m", "200Mi"), container("190m", "200Mi")];
    let age = |hours: i64| Some(NOW - SimDuration::from_secs(hours * 3600));
    for (containers, start_time, expected) in [
        (&far, age(12), 1),
        (&far, age(11), 0),
        (&far, None, 0),
        (&near, age(12), 0),
    ] {
        let pods = [
            Pod {
                start_time,
                ..pod("a", containers)
            },
            pod("b", &near),
        ];
        let found = evicted(&mode(UpdateMode::Recreate), &pods).len();
        assert_eq!(found, expected, "{start_time:?}");
    }
}

#[test]
fn a_quick_kill_for_lack_of_memory_lets_a_young_pod_be_updated() {
    let [near, exact] = [container("190m", "190Mi"), container("200m", "200Mi")];
    let vpa = mode(UpdateMode::Recreate);
    let scaling_off = VpaSpec {
        container_policies: vec![ContainerPolicy {
            container_name: "api".to_owned(),
            mode: ContainerScalingMode::Off,
            ..ContainerPolicy::default()
        }],
        ..vpa.clone()
    };
    let lived = |seconds| Termination {
        container: "api",
        oom_killed: true,
        started: NOW - SimDuration::from_secs(seconds),
        finished: NOW,
    };
    let other_reason = Termination {
        oom_killed: false,
        ..lived(1)
    };
    for (vpa, containers, termination, observed, expected) in [
        (&vpa, &near, lived(599), None, 1),
        (&vpa, &near, lived(600), None, 0),
        (&vpa, &near, other_reason, None, 0),
        (&vpa, &exact, lived(1), None, 0),
        (&vpa, &near, lived(1), Some(&["sidecar"][..]), 0),
        (&scaling_off, &near, lived(1), None, 0),
    ] {
        let killed = Pod {
            start_time: Some(NOW),
            last_terminations: &[termination],
            observed_containers: observed,
            ..pod("a", containers)
        };
        let pods = [killed, pod("b", &exact)];
        assert_eq!(evicted(vpa, &pods).len(), expected, "{termination:?}");
    }
}

#[test]
fn eviction_requirements_ask_for_a_direction() {
    let requires = |resources, change_requirement| VpaSpec {
        eviction_requirements: vec![EvictionRequirement {
            resources,
            change_requirement,
        }],
        ..mode(UpdateMode::Recreate)
    };
    let cpu = ControlledResources {
        cpu: true,
        memory: false,
    };
    let both = ControlledResources::default();
    let [mixed, unset] = [container("50m", "500Mi"), container("500m", "")];
    for (containers, resources, change, expected) in [
        (&mixed, cpu, TargetHigherThanRequests, 1),
        (&mixed, cpu, TargetLowerThanRequests, 0),
        (&mixed, both, TargetLowerThanRequests, 1),
        (&unset, cpu, TargetHigherThanRequests, 1),
    ] {
        let pods = [pod("a", containers), pod("b", containers)];
        let found = evicted(&requires(resources, change), &pods).len();
        assert_eq!(found, expected, "{resources:?} {change:?}");
    }
}

#[test]
fn groups_are_left_alone_below_min_replicas_and_without_replicas_configured() {
    let small = container("50m", "50Mi");
    let recommendations = recommendations();
    let flags = UpdaterFlags::default();
    let can_evict = |controller, controllers: &[Controller], live: usize, min_replicas| {
        let pods = vec![
            Pod {
                controller,
                ..pod("a", &small)
            };
            live
        ];
        let vpa = VpaSpec {
            min_replicas,
            ..VpaSpec::default()
        };
        let view = View {
            vpa: &vpa,
            recommendations: Some(&recommendations),
            limit_range: &LIMIT_RANGE,
            controllers,
            pods: &pods,
        };
        Restriction::new(&view, &flags).can_evict(&pods[0], &mut ResizeClock::default(), NOW)
    };
    let of = Some(0);
    for (controller, controllers, live, min_replicas, expected) in [
        (of, Controller::Replicated(1), 1, None, false),
        (of, Controller::Replicated(1), 1, Some(1), true),
        (of, Controller::Replicated(3), 3, Some(4), false),
        (of, Controller::Replicated(0), 3, None, false),
        (of, Controller::Replicated(4), 3, None, true),
        (of, Controller::Replicated(6), 3, None, false),
        (of, Controller::DaemonSet(0), 3, None, false),
        (of, Controller::DaemonSet(3), 3, None, true),
        (of, Controller::Job, 2, None, true),
        (of, Controller::Other, 2, None, true),
        (None, Controller::Job, 2, None, true),
    ] {
        let found = can_evict(controller, &[controllers], live, min_replicas);
        assert_eq!(found, expected, "{controllers:?} {live} {min_replicas:?}");
    }
}

#[test]
fn a_refused_eviction_leaves_room_for_the_next_pod() {
    let small = container("50m", "50Mi");
    let pods = [pod("a", &small), pod("b", &small)];
    let mut api = Fake {
        refused_evictions: BTreeSet::from([0]),
        ..Fake::default()
    };
    let mut updater = Updater::new(UpdaterFlags::default(), false);
    let actions = act(&mut updater, &mode(UpdateMode::Recreate), &pods, &mut api);
    assert_eq!(
        kinds(&actions),
        [(0, ActionKind::EvictionRefused), (1, ActionKind::Evicted)]
    );
}

#[test]
fn a_rate_limit_ends_a_pass_that_it_outlasts() {
    let small = container("50m", "50Mi");
    let pods = [pod("a", &small); 12];
    let flags = UpdaterFlags {
        eviction_rate_limit: 0.05,
        eviction_tolerance: 1.0,
        ..UpdaterFlags::default()
    };
    let mut updater = Updater::new(flags, false);
    let vpa = mode(UpdateMode::Recreate);
    let actions = act(&mut updater, &vpa, &pods, &mut Fake::default());
    let at: Vec<i64> = actions
        .iter()
        .map(|action| action.at.since(NOW).0 / 1_000_000_000)
        .collect();
    assert_eq!(at, [0, 20, 40, 60]);
}

#[test]
fn events_are_worded_as_upstream_words_them() {
    let on_pod = ActionKind::Evicted.pod_event().expect("an event");
    assert_eq!(on_pod.reason, "EvictedByVPA");
    let on_vpa = ActionKind::Evicted.vpa_event("web-1").expect("an event");
    assert_eq!(
        on_vpa.message,
        "VPA Updater evicted Pod web-1 to apply resource recommendation."
    );
    assert_eq!(ActionKind::EvictionRefused.pod_event(), None);
}

proptest! {
    #[test]
    fn never_more_pods_are_evicted_than_the_tolerance_allows(
        configured in 1..30i32,
        tolerance in 0.0..1.0f64,
        pods in prop::collection::vec((1..1000u32, any::<bool>()), 2..30),
    ) {
        let texts: Vec<String> = pods.iter().map(|(cpu, _)| format!("{cpu}m")).collect();
        let containers: Vec<_> = texts.iter().map(|cpu| container(cpu, "200Mi")).collect();
        let pods: Vec<Pod<'_>> = containers
            .iter()
            .zip(&pods)
            .map(|(containers, (_, pending))| Pod { pending: *pending, ..pod("a", containers) })
            .collect();
        let flags = UpdaterFlags { eviction_tolerance: tolerance, ..UpdaterFlags::default() };
        let recommendations = recommendations();
        let vpa = mode(UpdateMode::Recreate);
        let view = View {
            vpa: &vpa,
            recommendations: Some(&recommendations),
            limit_range: &LIMIT_RANGE,
            controllers: &[Controller::Replicated(configured)],
            pods: &pods,
        };
        let outcome = Updater::new(flags, false)
            .pass(NOW)
            .update(&view, &mut Fake::default())
            .expect("no panic");
        let running = pods.iter().filter(|pod| !pod.pending).count() as i64;
        let gone = outcome.actions.iter().filter(|action| !pods[action.pod].pending).count() as i64;
        let spared = (f64::from(configured) * tolerance) as i64;
        let left = running - gone;
        prop_assert!(gone <= 1 || left >= i64::from(configured) - spared);
        let order: Vec<Priority> = outcome.candidates.iter().map(|chosen| chosen.priority).collect();
        prop_assert!(order.is_sorted_by(|one, other| one.most_urgent_first(other).is_le()));
    }
}
