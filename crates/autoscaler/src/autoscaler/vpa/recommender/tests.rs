//! The recommender as a whole.

use proptest::prelude::*;

mod cluster;

use super::*;
use crate::autoscaler::vpa::{ContainerPolicy, ContainerScalingMode, Resource};

const HOUR: i64 = 3600;

fn at(hours: i64) -> SimTime {
    SimTime::from_secs(hours * HOUR)
}

fn recommender(policies: Vec<ContainerPolicy>) -> Recommender {
    let vpa = VpaSpec {
        container_policies: policies,
        ..VpaSpec::default()
    };
    Recommender::new(vpa, RecommenderFlags::default(), WallClock::default())
}

fn policy(container_name: &str) -> ContainerPolicy {
    ContainerPolicy {
        container_name: container_name.to_owned(),
        ..ContainerPolicy::default()
    }
}

/// One sample of both resources.
fn sample(recommender: &mut Recommender, pod: PodKey, container: usize, cpu: i64, hours: i64) {
    recommender.add_cpu_sample(pod, container, Millicores(cpu), at(hours));
    recommender.add_memory_sample(pod, container, Bytes::GIB, at(hours));
}

fn names(recommendations: &[Recommendation]) -> Vec<&str> {
    let names = recommendations
        .iter()
        .map(|one| one.container_name.as_str());
    names.collect()
}

#[test]
fn containers_are_named_in_order_and_those_without_samples_get_the_minimum() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["web", "api", "idle"], at(0));
    sample(&mut recommender, pod, 0, 100, 0);
    sample(&mut recommender, pod, 1, 100, 0);
    let recommendations = recommender.recommend(at(0));
    assert_eq!(names(recommendations), ["api", "idle", "web"]);
    let idle = &recommendations[1];
    assert_eq!(idle.lower_bound, idle.upper_bound);
    let cpu = idle.target.cpu.map(crate::units::Quantity::milli_value);
    assert_eq!(cpu, Some(25 / 3), "a third, although two have samples");
}

#[test]
fn a_kill_before_any_sample_counts() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["api"], at(0));
    assert!(recommender.record_oom(pod, 0, Bytes::GIB, at(0)));
    let [api] = recommender.recommend(at(0)) else {
        panic!("one recommendation");
    };
    let memory = api.target.memory.map(crate::units::Quantity::value);
    assert!(memory > Some(Bytes::GIB.0 * 6 / 5), "{memory:?}");
    assert_eq!(
        api.lower_bound.memory.map(|one| one.to_string()),
        Some("250Mi".into())
    );
}

#[test]
fn a_container_that_is_off_gets_nothing_and_takes_no_part_of_the_minimum() {
    let mut recommender = recommender(vec![ContainerPolicy {
        mode: ContainerScalingMode::Off,
        ..policy("web")
    }]);
    let pod = recommender.add_pod(0, ["api", "web"], at(0));
    sample(&mut recommender, pod, 0, 1, 0);
    sample(&mut recommender, pod, 1, 1, 0);
    let [api] = recommender.recommend(at(0)) else {
        panic!("one recommendation");
    };
    assert_eq!(
        api.target.cpu.map(crate::units::Quantity::milli_value),
        Some(25)
    );
}

#[test]
fn pods_with_other_labels_count_together() {
    let mut recommender = recommender(vec![]);
    let old = recommender.add_pod(0, ["api"], at(0));
    let new = recommender.add_pod(1, ["api"], at(0));
    sample(&mut recommender, old, 0, 100, 0);
    sample(&mut recommender, new, 0, 2000, 1);
    let [usage] = &recommender.usage()[..] else {
        panic!("one container name");
    };
    assert_eq!(usage.total_samples_count, 2);
    assert_eq!(
        (usage.first_sample_start, usage.last_sample_start),
        (Some(at(0)), Some(at(1)))
    );
}

#[test]
fn a_relabelled_pod_keeps_its_window_and_counts_elsewhere() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["api"], at(0));
    sample(&mut recommender, pod, 0, 100, 0);
    assert!(recommender.relabel_pod(pod, 1, at(1)));
    assert!(
        !recommender.add_cpu_sample(pod, 0, Millicores(1), at(0)),
        "not younger"
    );
    sample(&mut recommender, pod, 0, 100, 8 * 24 - 1);
    // What counted for the old labels expires, the rest stays.
    recommender.collect_garbage(at(8 * 24));
    assert_eq!(recommender.usage()[0].total_samples_count, 1);
    assert!(recommender.remove_pod(pod) && !recommender.relabel_pod(pod, 0, at(1)));
}

#[test]
fn usage_outlives_its_pod_and_the_condition_tells() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["api"], at(0));
    sample(&mut recommender, pod, 0, 100, 0);
    assert!(recommender.remove_pod(pod) && !recommender.remove_pod(pod));
    assert!(!recommender.add_cpu_sample(pod, 0, Millicores(1), at(1)));
    assert_eq!(recommender.recommend(at(1)).len(), 1);
    let kinds: Vec<_> = recommender
        .conditions()
        .iter()
        .map(|one| (one.kind, one.status))
        .collect();
    let expected = [
        (ConditionType::NoPodsMatched, true),
        (ConditionType::RecommendationProvided, true),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn aggregates_expire_after_eight_days_and_come_back_with_a_sample() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["api"], at(0));
    sample(&mut recommender, pod, 0, 100, 0);
    recommender.collect_garbage(at(8 * 24 - 2));
    assert_eq!(recommender.recommend(at(8 * 24)).len(), 1);
    recommender.collect_garbage(at(8 * 24));
    assert_eq!(recommender.recommend(at(8 * 24)).len(), 0);
    sample(&mut recommender, pod, 0, 100, 8 * 24);
    assert_eq!(recommender.recommend(at(8 * 24)).len(), 1);
}

#[test]
fn garbage_is_collected_once_an_hour() {
    let mut recommender = recommender(vec![]);
    recommender.collect_garbage(at(0));
    let pod = recommender.add_pod(0, ["api"], at(0));
    recommender.remove_pod(pod);
    recommender.collect_garbage(SimTime::from_secs(HOUR - 1));
    assert_eq!(recommender.usage().len(), 1);
    recommender.collect_garbage(at(1));
    assert_eq!(recommender.usage().len(), 0, "empty and without pods");
}

#[test]
fn a_refused_checkpoint_changes_nothing() {
    let mut recommender = recommender(vec![]);
    let pod = recommender.add_pod(0, ["api"], at(0));
    sample(&mut recommender, pod, 0, 100, 0);
    let mut checkpoint = recommender.checkpoints(at(1)).remove(0);
    recommender
        .load_checkpoint(&checkpoint, at(1))
        .expect("its own checkpoint");
    let before = recommender.usage();
    checkpoint.cpu.bucket_weights.push((1000, 1));
    recommender
        .load_checkpoint(&checkpoint, at(1))
        .expect_err("there is no such bucket");
    assert_eq!(recommender.usage(), before);
}

fn samples() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0..8000i64, 0..1i64 << 34), 1..200)
}

fn fed(samples: &[(i64, i64)], policies: Vec<ContainerPolicy>) -> Recommender {
    let mut recommender = recommender(policies);
    let pod = recommender.add_pod(0, ["api"], at(0));
    for (hour, &(cpu, memory)) in (0..).zip(samples) {
        recommender.add_cpu_sample(pod, 0, Millicores(cpu), at(hour));
        recommender.add_memory_sample(pod, 0, Bytes(memory), at(hour));
    }
    recommender
}

proptest! {
    #[test]
    fn the_target_lies_within_its_bounds(samples in samples()) {
        let mut recommender = fed(&samples, vec![]);
        let [one] = recommender.recommend(at(samples.len() as i64)) else {
            panic!("one recommendation");
        };
        for resource in Resource::ALL {
            let target = one.target.get(resource);
            prop_assert!(one.lower_bound.get(resource) <= target);
            prop_assert!(target <= one.upper_bound.get(resource));
            prop_assert_eq!(target, one.uncapped_target.get(resource));
        }
    }

    #[test]
    fn policies_hold_whatever_was_used(samples in samples(), least in 1..4000i64, room in 0..4000i64) {
        let amounts = |cpu: i64| crate::autoscaler::vpa::Resources {
            cpu: format!("{cpu}m").parse().ok(),
            memory: format!("{cpu}Mi").parse().ok(),
        };
        let (min_allowed, max_allowed) = (amounts(least), amounts(least + room));
        let policy = ContainerPolicy { min_allowed, max_allowed, ..policy("*") };
        let mut recommender = fed(&samples, vec![policy]);
        let [one] = recommender.recommend(at(samples.len() as i64)) else {
            panic!("one recommendation");
        };
        for amounts in [one.lower_bound, one.target, one.upper_bound] {
            for resource in Resource::ALL {
                let (least, most) = (min_allowed.get(resource), max_allowed.get(resource));
                prop_assert!((least..=most).contains(&amounts.get(resource)));
            }
        }
    }

    #[test]
    fn a_second_restart_changes_nothing_more(samples in samples()) {
        let now = at(samples.len() as i64);
        let restart = |old: &mut Recommender| {
            let mut new = recommender(vec![]);
            for checkpoint in old.checkpoints(now) {
                new.load_checkpoint(&checkpoint, now).expect("a saved checkpoint");
            }
            new
        };
        let mut first = restart(&mut fed(&samples, vec![]));
        let mut second = restart(&mut first);
        prop_assert_eq!(first.recommend(now), second.recommend(now));
        prop_assert_eq!(first.usage(), second.usage());
    }
}
