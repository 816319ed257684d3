//! Passes in the modes that resize running pods.

use super::*;

#[test]
fn pods_are_resized_in_place_and_evicted_if_that_fails() {
    let small = container("50m", "50Mi");
    let pods = [pod("a", &small), pod("b", &small)];
    let vpa = mode(UpdateMode::InPlaceOrRecreate);
    let mut updater = Updater::new(UpdaterFlags::default(), false);
    let mut api = Fake::default();
    let actions = act(&mut updater, &vpa, &pods, &mut api);
    assert_eq!(kinds(&actions), [(0, ActionKind::Resized)]);
    assert_eq!(api.resizes, [(0, amounts("200m", "200Mi"))]);

    let refused = ResizeRefused::Other;
    api.refused_resizes = Some(refused);
    let actions = act(&mut updater, &vpa, &pods, &mut api);
    assert_eq!(
        kinds(&actions),
        [
            (0, ActionKind::ResizeFailed(refused)),
            (1, ActionKind::ResizeFailed(refused)),
            (0, ActionKind::Evicted),
        ]
    );
}

#[test]
fn without_restarts_resizes_may_pass_over_the_disruption_budget() {
    let small = container("50m", "50Mi");
    let flags = UpdaterFlags {
        in_place_skip_disruption_budget: true,
        ..UpdaterFlags::default()
    };
    let pods = [pod("alone", &small)];
    for update_mode in [UpdateMode::InPlaceOrRecreate, UpdateMode::InPlace] {
        let vpa = mode(update_mode);
        let mut updater = Updater::new(flags.clone(), true);
        let mut api = Fake::default();
        assert_eq!(
            kinds(&act(&mut updater, &vpa, &pods, &mut api)),
            [(0, ActionKind::Resized)]
        );
        // Below min-replicas a pod is resized, never evicted.
        api.refused_resizes = Some(ResizeRefused::Other);
        assert_eq!(
            kinds(&act(&mut updater, &vpa, &pods, &mut api)),
            [(0, ActionKind::ResizeFailed(ResizeRefused::Other))]
        );
    }
}

#[test]
fn a_resize_under_way_is_waited_for_before_the_pod_is_evicted() {
    let [small, fits] = [container("50m", "50Mi"), container("200m", "200Mi")];
    let recommendations = recommendations();
    let vpa = mode(UpdateMode::InPlaceOrRecreate);
    let minutes = |minutes: i64| NOW + SimDuration::from_secs(minutes * 60);
    for (resize, waits) in [
        (Resize::Deferred, Some(5)),
        (Resize::InProgress, Some(60)),
        (Resize::Infeasible, None),
        (Resize::Error, None),
        (Resize::Unknown, None),
    ] {
        let resizing = Pod {
            resize: Some(resize),
            ..pod("a", &small)
        };
        let pods = [resizing, pod("b", &fits)];
        let view = View {
            vpa: &vpa,
            recommendations: Some(&recommendations),
            limit_range: &LIMIT_RANGE,
            controllers: &[Controller::Replicated(2)],
            pods: &pods,
        };
        let mut updater = Updater::new(UpdaterFlags::default(), false);
        let mut evicted_at = |now| {
            let outcome = updater.pass(now).update(&view, &mut Fake::default());
            kinds(&outcome.expect("no panic").actions) == [(0, ActionKind::Evicted)]
        };
        assert_eq!(evicted_at(NOW), waits.is_none(), "{resize:?}");
        if let Some(waits) = waits {
            assert!(!evicted_at(minutes(waits)), "{resize:?}");
            assert!(evicted_at(minutes(waits + 1)), "{resize:?}");
        }
    }
}

#[test]
fn in_place_only_asks_again_when_something_lower_is_recommended() {
    let small = container("50m", "50Mi");
    let vpa = mode(UpdateMode::InPlace);
    let infeasible = Pod {
        resize: Some(Resize::Infeasible),
        ..pod("a", &small)
    };
    let flags = UpdaterFlags {
        min_replicas: 1,
        ..UpdaterFlags::default()
    };
    let mut updater = Updater::new(flags, true);
    let mut pass = |recommendations: &[Recommendation]| {
        let view = View {
            vpa: &vpa,
            recommendations: Some(recommendations),
            limit_range: &LIMIT_RANGE,
            controllers: &[Controller::Replicated(1)],
            pods: &[infeasible],
        };
        let outcome = updater.pass(NOW).update(&view, &mut Fake::default());
        kinds(&outcome.expect("no panic").actions)
    };
    let mut recommended = recommendations();
    assert_eq!(pass(&recommended), [(0, ActionKind::Resized)]);
    assert_eq!(pass(&recommended), [(0, ActionKind::ResizeSkipped)]);
    recommended[0].target = amounts("300m", "190Mi");
    assert_eq!(pass(&recommended), [(0, ActionKind::Resized)]);
}

#[test]
fn in_place_only_asks_again_each_pass_after_an_error_or_while_a_resize_waits() {
    let small = container("50m", "50Mi");
    let vpa = mode(UpdateMode::InPlace);
    let recommendations = recommendations();
    let flags = UpdaterFlags {
        min_replicas: 1,
        ..UpdaterFlags::default()
    };
    for resize in [
        Resize::Error,
        Resize::Deferred,
        Resize::InProgress,
        Resize::Unknown,
    ] {
        let pods = [Pod {
            resize: Some(resize),
            ..pod("a", &small)
        }];
        let view = View {
            vpa: &vpa,
            recommendations: Some(&recommendations),
            limit_range: &LIMIT_RANGE,
            controllers: &[Controller::Replicated(1)],
            pods: &pods,
        };
        let mut updater = Updater::new(flags.clone(), true);
        for _ in 0..3 {
            let outcome = updater.pass(NOW).update(&view, &mut Fake::default());
            let actions = kinds(&outcome.expect("no panic").actions);
            assert_eq!(actions, [(0, ActionKind::Resized)], "{resize:?}");
        }
    }
}
