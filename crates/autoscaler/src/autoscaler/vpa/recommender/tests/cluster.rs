//! Several VPAs over the same pods, labels that change, and garbage.

use super::*;

const WEB: LabelSet = 1;
const NEW_WEB: LabelSet = 2;
const OTHER: LabelSet = 3;

fn cluster(gates: FeatureGates) -> ClusterState {
    ClusterState::new(RecommenderFlags::default(), gates, WallClock::default())
}

fn samples(cluster: &mut ClusterState, vpa: VpaKey) -> i64 {
    let usage = cluster.usage(vpa);
    usage.iter().map(|one| one.total_samples_count).sum()
}

#[test]
fn a_cluster_is_fed_once_for_all_vpas() {
    let mut cluster = cluster(FeatureGates::default());
    let first = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let off = VpaSpec {
        container_policies: vec![ContainerPolicy {
            mode: ContainerScalingMode::Off,
            ..policy("sidecar")
        }],
        ..VpaSpec::default()
    };
    let web = cluster.add_pod(WEB, [first], ["api", "sidecar"], at(0));
    let other = cluster.add_pod(OTHER, [], ["api"], at(0));
    for (pod, cpu) in [(web, 1000), (other, 4000)] {
        assert!(cluster.add_cpu_sample(pod, 0, Millicores(cpu), at(0)));
    }
    // A VPA that comes later finds what was there before.
    let second = cluster.add_vpa(off, Status::default(), |labels| labels == WEB);
    assert_eq!(names(cluster.recommend(first, at(0))), ["api", "sidecar"]);
    assert_eq!(names(cluster.recommend(second, at(0))), ["api"]);
    let target = |vpa| {
        cluster
            .vpa(vpa)
            .map(|vpa: &Vpa| vpa.recommendations()[0].target.cpu)
    };
    assert_eq!(target(first), target(second));
    assert_eq!(samples(&mut cluster, first), 1, "not the other pod's");

    assert!(cluster.remove_vpa(first).is_some() && cluster.remove_vpa(first).is_none());
    assert!(cluster.recommend(first, at(1)).is_empty());
    assert_eq!(samples(&mut cluster, second), 1);
}

#[test]
fn pods_count_for_the_vpas_that_select_their_labels_of_today() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let matched = |cluster: &mut ClusterState| {
        cluster.recommend(vpa, at(0));
        let conditions = cluster.vpa(vpa).expect("it was added").conditions();
        !conditions
            .iter()
            .any(|one| one.kind == ConditionType::NoPodsMatched)
    };
    assert!(!matched(&mut cluster));
    let pod = cluster.add_pod(OTHER, [], ["api"], at(0));
    assert!(!matched(&mut cluster));
    cluster.relabel_pod(pod, WEB, [vpa], at(0));
    assert!(matched(&mut cluster));
    let second = cluster.add_pod(WEB, [], ["api"], at(0));
    cluster.remove_pod(pod);
    assert!(matched(&mut cluster), "the labels' VPAs are known");
    cluster.relabel_pod(second, OTHER, [], at(0));
    assert!(!matched(&mut cluster));
}

#[test]
fn a_status_outlasts_a_change_of_the_selector() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    assert!(
        cluster
            .vpa(vpa)
            .expect("known")
            .status()
            .recommendations()
            .is_none()
    );
    cluster.recommend(vpa, at(0));
    let status = cluster.remove_vpa(vpa).expect("it was known");
    assert_eq!(status.recommendations(), Some(&[][..]));
    let vpa = cluster.add_vpa(VpaSpec::default(), status, |_| false);
    cluster.recommend(vpa, at(1));
    let conditions = cluster.vpa(vpa).expect("known").conditions().iter();
    let since: Vec<SimTime> = conditions.map(|one| one.last_transition).collect();
    assert_eq!(since, [at(0), at(0)]);
}

#[test]
fn a_pod_of_the_same_name_goes_on_with_its_containers() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let pod = cluster.add_pod(WEB, [vpa], ["api", "old"], at(0));
    cluster.add_cpu_sample(pod, 0, Millicores(100), at(1));
    cluster.take_over_pod(pod, NEW_WEB, [vpa], ["new", "api"], at(2));
    // The container is known by its last sample, wherever it stands now.
    assert!(!cluster.add_cpu_sample(pod, 1, Millicores(100), at(1)));
    assert!(cluster.add_cpu_sample(pod, 0, Millicores(100), at(1)));
    assert!(cluster.add_cpu_sample(pod, 1, Millicores(100), at(2)));
    assert_eq!(cluster.vpa(vpa).expect("known").pods, 1);
    assert_eq!(names(cluster.recommend(vpa, at(2))), ["api", "new", "old"]);
}

#[test]
fn a_relabelled_pod_holds_on_to_an_aggregate_that_was_collected() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let relabelled = cluster.add_pod(WEB, [vpa], ["api"], at(0));
    cluster.relabel_pod(relabelled, NEW_WEB, [vpa], at(0));
    let fresh = cluster.add_pod(NEW_WEB, [vpa], ["api"], at(0));
    cluster.add_cpu_sample(relabelled, 0, Millicores(100), at(0));
    cluster.collect_garbage(at(8 * 24));
    assert!(
        cluster.usage(vpa).is_empty(),
        "expired, although pods have it"
    );
    // One finds the aggregate by name and labels; the other holds a collected one.
    assert!(cluster.add_cpu_sample(relabelled, 0, Millicores(100), at(8 * 24)));
    assert!(cluster.usage(vpa).is_empty());
    assert!(cluster.add_cpu_sample(fresh, 0, Millicores(100), at(8 * 24)));
    assert_eq!(samples(&mut cluster, vpa), 1);
    cluster.add_cpu_sample(relabelled, 0, Millicores(100), at(8 * 24 + 1));
    assert_eq!(samples(&mut cluster, vpa), 1);
    // Labels anew, and it is found again.
    cluster.relabel_pod(relabelled, WEB, [vpa], at(8 * 24 + 2));
    cluster.add_cpu_sample(relabelled, 0, Millicores(100), at(8 * 24 + 2));
    assert_eq!(samples(&mut cluster, vpa), 2);
}

#[test]
fn discarded_samples_bring_no_aggregate_back() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let pod = cluster.add_pod(WEB, [vpa], ["api"], at(0));
    cluster.add_cpu_sample(pod, 0, Millicores(100), at(0));
    cluster.add_memory_sample(pod, 0, Bytes::GIB, at(48));
    cluster.collect_garbage(at(8 * 24));
    assert!(!cluster.add_cpu_sample(pod, 0, Millicores(100), at(0)));
    assert!(!cluster.add_memory_sample(pod, 0, Bytes::GIB, at(0)));
    assert!(cluster.usage(vpa).is_empty());
    // A kill that is too old does: upstream asks the aggregate for its interval.
    assert!(!cluster.record_oom(pod, 0, Bytes::GIB, at(0)));
    assert_eq!(cluster.usage(vpa).len(), 1);
}

#[test]
fn a_container_that_comes_later_takes_part() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let pod = cluster.add_pod(WEB, [vpa], ["api"], at(0));
    assert_eq!(cluster.add_container(pod, "debug", at(1)), Some(1));
    assert!(cluster.add_cpu_sample(pod, 1, Millicores(100), at(1)));
    assert_eq!(names(cluster.recommend(vpa, at(1))), ["api", "debug"]);
    cluster.remove_pod(pod);
    assert_eq!(cluster.add_container(pod, "late", at(1)), None);
}

#[test]
fn labels_without_pods_and_usage_are_forgotten() {
    let mut cluster = cluster(FeatureGates::default());
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    for hour in 0..100 {
        let pod = cluster.add_pod(hour as LabelSet, [vpa], ["job"], at(hour));
        cluster.remove_pod(pod);
        cluster.collect_garbage(at(hour));
    }
    assert!(cluster.usage(vpa).is_empty());
    assert_eq!(cluster.label_sets(), 0);
}

fn memory_target(cluster: &mut ClusterState, vpa: VpaKey) -> i64 {
    let [one] = cluster.recommend(vpa, at(0)) else {
        panic!("one container");
    };
    one.target.memory.map_or(0, crate::units::Quantity::value)
}

#[test]
fn policies_set_the_bump_of_kills_behind_their_gate() {
    let doubling = VpaSpec {
        container_policies: vec![ContainerPolicy {
            oom_bump_up_ratio: "2.5".parse().ok(),
            oom_min_bump_up: "0".parse().ok(),
            ..policy("*")
        }],
        ..VpaSpec::default()
    };
    let killed = |gates, spec: VpaSpec| {
        let mut cluster = cluster(gates);
        let vpa = cluster.add_vpa(spec, Status::default(), |_| false);
        let pod = cluster.add_pod(WEB, [vpa], ["api"], at(0));
        cluster.record_oom(pod, 0, Bytes::GIB, at(0));
        memory_target(&mut cluster, vpa)
    };
    let gate = FeatureGates {
        per_vpa_config: true,
        ..FeatureGates::default()
    };
    let usual = killed(gate, VpaSpec::default());
    assert_eq!(killed(FeatureGates::default(), doubling.clone()), usual);
    assert!(killed(gate, doubling) > 2 * usual);
}

#[test]
fn policies_set_windows_and_their_count_behind_their_gate() {
    let gate = FeatureGates {
        per_vpa_config: true,
        ..FeatureGates::default()
    };
    let mut cluster = cluster(gate);
    let vpa = cluster.add_vpa(VpaSpec::default(), Status::default(), |_| false);
    let pod = cluster.add_pod(WEB, [vpa], ["api"], at(0));
    let hourly = VpaSpec {
        container_policies: vec![ContainerPolicy {
            memory_aggregation_interval_seconds: Some(3600),
            memory_aggregation_interval_count: Some(2),
            ..policy("api")
        }],
        ..VpaSpec::default()
    };
    assert!(cluster.set_vpa_spec(vpa, hourly));
    for hour in 0..3 {
        cluster.add_cpu_sample(pod, 0, Millicores(1), at(hour));
        cluster.add_memory_sample(pod, 0, Bytes::GIB, at(hour));
    }
    // A peak for each hour.
    assert!(cluster.usage(vpa)[0].memory.total > 2.9);
    cluster.collect_garbage(at(3));
    assert_eq!(samples(&mut cluster, vpa), 3);
    cluster.collect_garbage(at(4));
    assert!(cluster.usage(vpa).is_empty());
}
