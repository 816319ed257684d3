//! Pods that have more CPU while they start, and VPAs that say for themselves what flags say.

use super::*;
use crate::autoscaler::vpa::{BoostAmount, FeatureGates, StartupBoost};

const GATES: FeatureGates = FeatureGates {
    in_place: false,
    per_vpa_config: true,
    cpu_startup_boost: true,
};

fn boosting(update_mode: UpdateMode) -> VpaSpec {
    VpaSpec {
        startup_boost: Some(StartupBoost {
            amount: Some(BoostAmount::Factor(4)),
            duration_seconds: Some(60),
        }),
        ..mode(update_mode)
    }
}

/// Actions and what was asked for, by pod.
type Done = (Vec<(usize, ActionKind)>, Vec<(usize, Resources)>);

/// What one pass does about pods of a controller with `replicas`, and what it resizes to.
fn pass(
    vpa: &VpaSpec,
    gates: FeatureGates,
    replicas: i32,
    pods: &[Pod<'_>],
    recommendations: Option<&[Recommendation]>,
) -> Done {
    let view = View {
        vpa,
        recommendations,
        limit_range: &LIMIT_RANGE,
        controllers: &[Controller::Replicated(replicas)],
        pods,
    };
    let mut api = Fake::default();
    let mut updater = Updater::with_gates(UpdaterFlags::default(), gates);
    let outcome = updater.pass(NOW).update(&view, &mut api);
    (kinds(&outcome.expect("no panic").actions), api.resizes)
}

#[test]
fn a_boost_ends_a_while_after_the_pod_is_ready() {
    let container = container("800m", "200Mi");
    let originals = [Some(OriginalResources {
        requests: amounts("200m", "128Mi"),
        limits: Resources::default(),
    })];
    let boosted = |ready_seconds: Option<i64>| Pod {
        boost: Some(Boost {
            ready_since: ready_seconds.map(|seconds| NOW - SimDuration::from_secs(seconds)),
            originals: &originals,
        }),
        ..pod("a", &container)
    };
    let recommendations = recommendations();
    for update_mode in [UpdateMode::Off, UpdateMode::Initial, UpdateMode::Recreate] {
        let vpa = boosting(update_mode);
        for (ready, ends) in [(None, false), (Some(60), false), (Some(61), true)] {
            let pods = [boosted(ready)];
            let (actions, resizes) = pass(&vpa, GATES, 1, &pods, Some(&recommendations));
            let expected = if ends {
                vec![(0, ActionKind::Resized)]
            } else {
                vec![]
            };
            assert_eq!(actions, expected, "{update_mode:?} {ready:?}");
            // What is recommended, in mode Off what the template asks for.
            let target = match update_mode {
                UpdateMode::Off => amounts("200m", "128Mi"),
                _ => amounts("200m", "200Mi"),
            };
            assert!(resizes.iter().all(|resize| *resize == (0, target)));
        }
        let gate_off = FeatureGates::default();
        let (actions, _) = pass(&vpa, gate_off, 1, &[boosted(Some(61))], None);
        assert_eq!(actions, []);
    }
    // Without a recommendation too.
    let vpa = boosting(UpdateMode::Recreate);
    let (_, resizes) = pass(&vpa, GATES, 1, &[boosted(Some(61))], None);
    assert_eq!(resizes, [(0, amounts("200m", "128Mi"))]);
}

#[test]
fn boosted_pods_are_not_updated_otherwise_and_end_one_by_one() {
    let large = container("800m", "800Mi");
    let originals = [Some(OriginalResources {
        requests: amounts("200m", "128Mi"),
        limits: Resources::default(),
    })];
    let boosted = |ready_since| Pod {
        boost: Some(Boost {
            ready_since,
            originals: &originals,
        }),
        ..pod("a", &large)
    };
    let recommendations = recommendations();
    let vpa = boosting(UpdateMode::Recreate);
    let (waiting, due) = (boosted(None), boosted(Some(SimTime::ZERO)));
    let plain = pod("c", &large);
    let recommended = Some(&recommendations[..]);
    let (actions, _) = pass(
        &vpa,
        GATES,
        4,
        &[waiting, waiting, plain, plain],
        recommended,
    );
    let evicted = [(2, ActionKind::Evicted), (3, ActionKind::Evicted)];
    assert_eq!(actions, evicted);
    // Ending a boost takes its part of what may be disrupted.
    let (actions, _) = pass(&vpa, GATES, 2, &[due, due], recommended);
    assert_eq!(actions, [(0, ActionKind::Resized)]);
    let resizing = Pod {
        resize: Some(Resize::InProgress),
        ..due
    };
    assert_eq!(pass(&vpa, GATES, 1, &[resizing], recommended).0, []);
}

#[test]
fn a_vpa_may_say_what_a_quick_kill_is_behind_its_gate() {
    let near = container("190m", "190Mi");
    let termination = [Termination {
        container: "api",
        oom_killed: true,
        started: NOW - SimDuration::from_secs(700),
        finished: NOW,
    }];
    let killed = Pod {
        start_time: Some(NOW),
        last_terminations: &termination,
        ..pod("a", &near)
    };
    let vpa = VpaSpec {
        evict_after_oom_seconds: Some(701),
        ..mode(UpdateMode::Recreate)
    };
    let recommendations = recommendations();
    let evictions = |gates| {
        let pods = [killed, pod("b", &near)];
        let (actions, _) = pass(&vpa, gates, 2, &pods, Some(&recommendations));
        actions.iter().filter(|(pod, _)| *pod == 0).count()
    };
    assert_eq!(evictions(GATES), 1);
    assert_eq!(evictions(FeatureGates::default()), 0);
}
