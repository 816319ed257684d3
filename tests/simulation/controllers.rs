//! Controllers, scheduler and kubelets in situations in which upstream has a rule of its own.

use std::sync::Arc;

use crate::cluster_rig::{Rig, deployment, job, nodes, secs, sleeping, workload};
use nlsim::api::{Pod, PodId, ResizeState, RestartPolicy, TerminationReason, What};
use nlsim::cluster::spec::{WorkloadKind, WorkloadSpec};
use nlsim::controller::statefulset::StatefulSetSpec;
use nlsim::sim::{Dist, SimTime};
use nlsim::units::Millicores;

fn stateful_set(replicas: i32) -> WorkloadSpec {
    workload(
        WorkloadKind::StatefulSet(StatefulSetSpec {
            is_parallel: false,
            ..StatefulSetSpec::default()
        }),
        "db",
        replicas,
    )
}

fn name(rig: &Rig, pod: PodId) -> String {
    rig.pod(pod).name().to_owned()
}

#[test]
fn a_scale_down_waits_for_the_creations_under_way() {
    let mut rig = Rig::new(&nodes(4, 64_000), &[deployment(0)], &[], 1);
    rig.scale(0, 60, 0);
    rig.scale(0, 0, 1);
    rig.run_until(120);
    assert_eq!(rig.creations(0).len(), 60, "expectations come first");
    assert_eq!(rig.cluster.store().ledger().existing, 0);
}

#[test]
fn controllers_have_clients_of_their_own() {
    let parallel = workload(
        WorkloadKind::StatefulSet(StatefulSetSpec {
            is_parallel: true,
            ..StatefulSetSpec::default()
        }),
        "db",
        0,
    );
    let other = workload(WorkloadKind::ReplicaSet, "other", 0);
    let all = [deployment(0), parallel, other];
    let mut rig = Rig::new(&nodes(4, 64_000), &all, &[], 1);
    rig.scale(0, 90, 0);
    rig.scale(1, 20, 0);
    rig.scale(2, 1, 0);
    rig.run_until(10);
    let [many, set, one] = [0, 1, 2].map(|index| *rig.creations(index).last().expect("created"));
    assert!((2.9..3.5).contains(&many), "{many}");
    assert!(set < 0.5, "{set}");
    // ReplicaSets share a client, but a batch is reserved when it is its turn.
    assert!(one < 0.2, "{one}");
}

#[test]
fn a_stateful_set_fills_its_lowest_gap_whatever_is_wrong_above() {
    let mut rig = Rig::new(&nodes(1, 8000), &[stateful_set(3)], &[], 1);
    let pods = rig.pods(0);
    // db-2 crashes until its back-off is minutes long.
    for at in [10, 20, 40, 80, 150, 250, 440] {
        rig.exit(pods[2], TerminationReason::OomKilled, at);
    }
    rig.evict(pods[0], 450).expect("no budget");
    rig.run_until(500);
    let lowest = rig
        .pods(0)
        .into_iter()
        .find(|pod| name(&rig, *pod) == "db-0");
    let lowest = rig.pod(lowest.expect("db-0 is back"));
    assert!(lowest.is_ready());
    assert!(!rig.pod(pods[2]).is_ready());
}

#[test]
fn a_stateful_set_deletes_a_pod_that_never_fitted() {
    // Room for two.
    let mut rig = Rig::new(&nodes(1, 1200), &[stateful_set(2)], &[], 1);
    rig.scale(0, 3, 10);
    rig.run_until(60);
    assert_eq!(rig.counts(0).pending, 1);
    rig.scale(0, 1, 70);
    rig.run_until(120);
    assert_eq!(rig.pods(0).len(), 1);
}

#[test]
fn a_job_waits_twice_as_long_after_each_failure_in_a_row() {
    let mut rig = Rig::new(&nodes(1, 8000), &[job(9, 6, None)], &[], 1);
    let running = |rig: &Rig| -> Vec<PodId> {
        let active = |pod: &PodId| rig.find(*pod).is_some_and(Pod::is_active);
        rig.pods(0).into_iter().filter(active).collect()
    };
    rig.run_until(20);
    let [one, two] = running(&rig)[..] else {
        panic!("two at once")
    };
    rig.exit(one, TerminationReason::Error, 20);
    rig.exit(two, TerminationReason::Error, 24);
    // 20 s after the second failure, not 10 s after the first.
    rig.run_until(43);
    assert_eq!(rig.creations(0).len(), 2);
    rig.run_until(45);
    assert_eq!(rig.creations(0).len(), 4);
    rig.run_until(70);
    let [three, four] = running(&rig)[..] else {
        panic!("two at once")
    };
    // A success ends the row.
    rig.exit(three, TerminationReason::Completed, 70);
    rig.exit(four, TerminationReason::Error, 71);
    rig.run_until(80);
    assert_eq!(rig.creations(0).len(), 5);
    rig.run_until(82);
    assert_eq!(rig.creations(0).len(), 6);
}

#[test]
fn a_job_restarts_failed_containers_in_place_until_they_are_too_many() {
    for (limit, last) in [(0, 1), (3, 3)] {
        let mut spec = job(2, limit, Some(3600));
        if let WorkloadKind::Job(job) = &mut spec.kind {
            let job = Arc::make_mut(job);
            (job.restarts_in_place, job.parallelism) = (true, 1);
        }
        spec.template.restart_policy = RestartPolicy::OnFailure;
        let mut rig = Rig::new(&nodes(1, 8000), &[spec], &[], 1);
        rig.run_until(20);
        let pod = rig.pods(0)[0];
        let restarts = |rig: &Rig| rig.find(pod).map(|pod| pod.containers[0].restarts);
        // Back-offs of 0, 10 and 20 seconds.
        for (restart, at) in [(1, 20), (2, 30), (3, 60)] {
            if restart > last {
                break;
            }
            assert_eq!(rig.creations(0).len(), 1);
            assert_eq!(restarts(&rig), Some(restart - 1));
            rig.exit(pod, TerminationReason::Error, at);
            rig.run_until(at + [1, 11, 21][restart as usize - 1]);
        }
        assert_eq!(restarts(&rig), Some(last));
        // The Job has failed, for ever.
        rig.run_until(900);
        assert!(rig.find(pod).is_none(), "limit {limit}");
        assert_eq!(rig.creations(0).len(), 1);
        // Restarts count towards the limit: its deadline is not why.
        assert!(rig.has_event("BackoffLimitExceeded") && !rig.has_event("DeadlineExceeded"));
    }
}

#[test]
fn an_evicted_pod_of_a_job_has_failed() {
    let mut spec = job(4, 1, None);
    spec.template.containers[0].pre_stop = Some(sleeping(secs(10)));
    let mut rig = Rig::new(&nodes(1, 8000), &[spec], &[], 1);
    rig.run_until(20);
    let [one, two] = rig.pods(0)[..] else {
        panic!("two at once")
    };
    rig.evict(one, 20).expect("no budget");
    // Its container ends while the hook runs: that is no second failure.
    rig.exit(one, TerminationReason::Error, 22);
    rig.run_until(29);
    assert_eq!(rig.creations(0).len(), 2, "10 s after a failure");
    rig.run_until(40);
    assert_eq!(rig.creations(0).len(), 3);
    assert!(rig.find(one).is_none(), "it is gone");
    rig.evict(two, 50).expect("no budget");
    rig.run_until(900);
    assert_eq!(rig.creations(0).len(), 3, "two failures are more than one");
    assert_eq!(rig.cluster.store().ledger().existing, 0);
}

#[test]
fn a_job_without_completions_ends_with_its_first_success() {
    let mut spec = job(1, 6, None);
    if let WorkloadKind::Job(job) = &mut spec.kind {
        Arc::make_mut(job).completions = None;
    }
    let mut rig = Rig::new(&nodes(1, 8000), &[spec], &[], 1);
    rig.run_until(20);
    assert_eq!(rig.pods(0).len(), 2);
    let first = rig.pods(0)[0];
    rig.exit(first, TerminationReason::Completed, 20);
    rig.run_until(100);
    assert_eq!(rig.pods(0).len(), 2);
}

/// When containers of three Deployments run on one node that pulls so many images at a time, the
/// third of the image of the first.
fn pulled(most: Option<u32>) -> [f64; 3] {
    let with_image = |name: &str, image: &str| {
        let mut spec = workload(WorkloadKind::Deployment, name, 0);
        image.clone_into(&mut spec.template.containers[0].image);
        spec
    };
    let all = [
        with_image("a", "x"),
        with_image("b", "y"),
        with_image("c", "x"),
    ];
    let mut rig = Rig::with(
        &[nodes(1, 8000)],
        &all,
        &[],
        (1, |config| config.image_pulls = most),
    );
    for index in 0..3 {
        rig.scale(index, 1, 0);
    }
    rig.run_until(60);
    let started = |index: usize| {
        let pod = rig.pods(index)[0];
        let container = &rig.pod(pod).containers[0];
        container.running_since.expect("it runs").as_secs_f64()
    };
    [0, 1, 2].map(started)
}

#[test]
fn images_are_pulled_one_after_the_other_and_once() {
    // Pulls of 5 s each, then 1 s to start.
    let near = |times: [f64; 3], expected: [f64; 3]| {
        let mut both = times.iter().zip(expected);
        let is_near = both.all(|(time, at)| (at..at + 0.5).contains(time));
        assert!(is_near, "{times:?}");
    };
    near(pulled(Some(1)), [6.0, 11.0, 6.0]);
    // Side by side where the kubelet may, one image once all the same.
    near(pulled(Some(2)), [6.0, 6.0, 6.0]);
    near(pulled(None), [6.0, 6.0, 6.0]);
}

#[test]
fn a_container_that_restarts_at_once_stays_an_endpoint() {
    let mut spec = deployment(1);
    spec.template.containers[0].readiness_probe = None;
    for seed in 0..40 {
        let mut rig = Rig::new(&nodes(1, 4000), std::slice::from_ref(&spec), &[], seed);
        let pod = rig.pods(0)[0];
        rig.exit(pod, TerminationReason::OomKilled, 100);
        rig.run_until(110);
        let mut is_endpoint = false;
        for (_, change) in &rig.told {
            match change.what {
                What::EndpointAdded => is_endpoint = true,
                What::EndpointRemoved => is_endpoint = false,
                _ => {}
            }
        }
        assert!(is_endpoint, "seed {seed}");
    }
}

#[test]
fn sigterm_has_two_seconds_however_long_the_hook_took() {
    let mut spec = deployment(1);
    spec.template.containers[0].pre_stop = Some(sleeping(secs(60)));
    spec.startup.shutdown = Dist::Constant(10.0);
    let mut rig = Rig::new(&nodes(1, 4000), &[spec], &[], 1);
    let pod = rig.pods(0)[0];
    rig.scale(0, 0, 100);
    rig.run_until(200);
    let stopped = rig.when(pod, What::ContainerStopped(0));
    let sigterm = rig.when(pod, What::Terminating).expect("told");
    assert!((stopped.expect("told") - sigterm - 2.0).abs() < 1e-9);
    assert!(sigterm >= 130.0, "{sigterm}");
}

/// The condition has been false since the kubelet's first status; HPAs compare the two times.
#[test]
fn a_pod_that_starts_has_been_unready_since_the_kubelet_saw_it() {
    let mut spec = deployment(0);
    spec.startup.image_pull = Dist::Constant(40.0);
    spec.startup.ready = Dist::Constant(400.0);
    let mut rig = Rig::new(&nodes(1, 4000), &[spec], &[], 1);
    rig.scale(0, 1, 10);
    rig.run_until(100);
    let pod = rig.pod(rig.pods(0)[0]);
    assert!(pod.containers[0].running_since.is_some());
    assert_eq!(Some(pod.ready_transition), pod.start_time);
}

#[test]
fn the_scheduler_keeps_free_what_a_deferred_resize_waits_for() {
    // 3,900m for pods: two of 500m, 2,900m free.
    let other = workload(WorkloadKind::ReplicaSet, "other", 0);
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(2), other], &[], 1);
    let [one, two] = rig.pods(0)[..] else {
        panic!("two pods")
    };
    rig.resize(one, 1000, 10);
    // 2,900m wanted, 2,400m and its own 500m less what the other took.
    rig.resize(two, 3000, 20);
    rig.run_until(30);
    assert_eq!(rig.state(two), Some(ResizeState::Deferred));
    rig.scale(1, 1, 40);
    rig.run_until(60);
    assert_eq!(rig.ready(1), 0, "its room is spoken for");
    // The resize is taken back.
    rig.resize(two, 500, 70);
    rig.run_until(100);
    assert_eq!(rig.ready(1), 1);
    assert_eq!(rig.nodes()[0].requested.cpu, Millicores(2100));
}

/// Common random numbers: what other workloads do leaves a workload's delays as they were.
#[test]
fn delays_of_pods_do_not_depend_on_other_workloads() {
    let random = |name: &str, replicas| {
        let mut spec = workload(WorkloadKind::Deployment, name, replicas);
        spec.startup.container_start = Dist::lognormal(2.0, 0.5).expect("a distribution");
        spec.startup.ready = Dist::lognormal(5.0, 0.5).expect("a distribution");
        spec
    };
    let delays = |others: i32| {
        let all = [random("a", 2), random("b", 3)];
        let mut rig = Rig::new(&nodes(3, 16_000), &all, &[], 7);
        rig.scale(0, others, 10);
        rig.scale(1, 12, 60);
        rig.run_until(300);
        let delays = |pod: &PodId| {
            // Those from the start have no delays.
            rig.when(*pod, What::Scheduled)?;
            let at = |what| rig.when(*pod, what).expect("told");
            let between = |from, to| at(to) - at(from);
            let (scheduled, started) = (What::Scheduled, What::ContainerStarted(0));
            let answered = What::AppStarted;
            let name = name(&rig, *pod);
            let spans = [between(scheduled, started), between(started, answered)];
            Some((name, spans.map(|span| (span * 1e6).round())))
        };
        let pods = rig.pods(1);
        assert_eq!(pods.len(), 12);
        pods.iter().filter_map(delays).collect::<Vec<_>>()
    };
    assert_eq!(delays(2), delays(20));
}

#[test]
fn pods_that_waited_longer_are_placed_first() {
    let other = workload(WorkloadKind::ReplicaSet, "other", 0);
    let filler = workload(WorkloadKind::ReplicaSet, "filler", 2);
    // Room for two.
    let mut rig = Rig::new(&nodes(1, 1200), &[deployment(0), other, filler], &[], 1);
    rig.scale(0, 1, 10);
    rig.scale(1, 1, 20);
    rig.scale(2, 1, 30);
    rig.run_until(100);
    assert_eq!((rig.ready(0), rig.ready(1)), (1, 0));
    let placed = |pod| rig.when(pod, What::Scheduled);
    assert!(placed(rig.pods(0)[0]) > Some(SimTime::from_secs(30).as_secs_f64()));
}
