//! The cluster by itself: its own event queue, no load, no autoscalers.

use crate::cluster_rig::{
    Rig, budget, deployment, job, nodes, resources, secs, sleeping, workload,
};
use nlsim::api::{Change, PodId, PodPhase, ResizeState, TerminationReason, What};
use nlsim::cluster::spec::WorkloadKind;
use nlsim::controller::disruption::{EvictionError, budget_status};
use nlsim::controller::statefulset::StatefulSetSpec;
use nlsim::sim::{Dist, SimTime};
use nlsim::units::Millicores;
use proptest::prelude::*;

#[test]
fn pods_that_are_there_from_the_start_are_ready() {
    let rig = Rig::new(&nodes(2, 4000), &[deployment(5)], &[], 1);
    assert_eq!(rig.ready(0), 5);
    // Spread over the nodes, which have the image.
    assert!(rig.nodes().iter().all(|node| node.pods >= 2));
}

#[test]
fn a_new_pod_is_created_placed_pulled_started_and_ready_in_turn() {
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(0)], &[], 1);
    rig.scale(0, 1, 10);
    rig.run_until(60);
    let pod = rig.pods(0)[0];
    let times = [
        What::Created,
        What::Scheduled,
        What::AppStarted,
        What::Ready,
        What::EndpointAdded,
    ]
    .map(|what| rig.when(pod, what).expect("it was told"));
    assert!(times.is_sorted(), "{times:?}");
    // 5 s of pull, 1 s of start, 2 s until the application answers, a probe each 5 s.
    assert!((18.0..24.5).contains(&times[3]), "{times:?}");
    assert!((0.1..=1.1).contains(&(times[4] - times[3])), "{times:?}");
}

#[test]
fn what_does_not_fit_waits_until_there_is_room() {
    // Room for 7 pods of 500m beside the DaemonSets' 100m.
    let mut rig = Rig::new(
        &nodes(1, 4000),
        &[
            deployment(3),
            workload(WorkloadKind::ReplicaSet, "other", 4),
        ],
        &[],
        1,
    );
    rig.scale(0, 5, 10);
    rig.run_until(100);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (3, 2));
    assert!(rig.has_event("FailedScheduling"));
    rig.scale(1, 2, 110);
    rig.run_until(200);
    assert_eq!((rig.ready(0), rig.ready(1)), (5, 2));
}

#[test]
fn a_burst_of_creations_is_held_to_the_clients_rate() {
    let mut rig = Rig::new(&nodes(4, 64_000), &[deployment(0)], &[], 1);
    rig.scale(0, 100, 0);
    rig.run_until(300);
    let created = rig.creations(0);
    assert_eq!((created.len(), rig.ready(0)), (100, 100));
    // Batches of 1, 2, 4 … one call's time apart; 30 calls at once, then 20 a second.
    let first = created[0];
    assert!((created[1] - first - 0.02).abs() < 1e-9);
    assert!((created[3] - first - 0.04).abs() < 1e-9);
    let last = created[99] - first;
    // The ReplicaSet's statuses take calls from the same client, one a batch at most.
    let other_calls = last * 20.0 - (100.0 - 30.0);
    assert!((-1e-6..6.0 + 1e-6).contains(&other_calls), "{last}");
}

#[test]
fn a_stateful_set_goes_one_by_one_and_back() {
    let ordered = workload(
        WorkloadKind::StatefulSet(StatefulSetSpec {
            is_parallel: false,
            ..StatefulSetSpec::default()
        }),
        "db",
        1,
    );
    let mut rig = Rig::new(&nodes(1, 8000), &[ordered], &[], 1);
    rig.scale(0, 4, 10);
    rig.run_until(120);
    assert_eq!(rig.ready(0), 4);
    let ready_at = |rig: &Rig, pod| rig.when(pod, What::Ready).expect("ready");
    let created_at = |rig: &Rig, pod| rig.when(pod, What::Created).expect("created");
    let pods = rig.pods(0);
    for pair in pods.windows(2).skip(1) {
        assert!(created_at(&rig, pair[1]) > ready_at(&rig, pair[0]));
    }
    let names: Vec<String> = pods
        .iter()
        .map(|id| rig.pod(*id).name().to_owned())
        .collect();
    assert_eq!(names, ["db-0", "db-1", "db-2", "db-3"]);
    rig.scale(0, 2, 130);
    rig.run_until(200);
    assert_eq!(rig.pods(0), pods[..2]);
    let gone = |pod| rig.when(pod, What::Deleted).expect("gone");
    assert!(gone(pods[3]) < gone(pods[2]));
}

#[test]
fn a_job_runs_until_its_completions_and_no_further() {
    let mut rig = Rig::new(&nodes(1, 8000), &[job(3, 6, None)], &[], 1);
    for (round, at) in [20, 40, 60].into_iter().enumerate() {
        rig.run_until(at - 1);
        let running = |rig: &Rig| -> Vec<PodId> {
            let is_running = |id: &PodId| {
                rig.find(*id)
                    .is_some_and(|pod| pod.phase == PodPhase::Running)
            };
            rig.pods(0).into_iter().filter(is_running).collect()
        };
        let pods = running(&rig);
        // Two at a time, but one as soon as one is left.
        assert_eq!(pods.len(), [2, 2, 1][round], "{at}");
        rig.exit(pods[0], TerminationReason::Completed, at);
    }
    rig.run_until(600);
    assert_eq!(rig.pods(0).len(), 3);
}

#[test]
fn a_job_gives_up_beyond_its_backoff_limit() {
    let mut rig = Rig::new(&nodes(1, 8000), &[job(2, 1, None)], &[], 1);
    rig.run_until(20);
    for pod in rig.pods(0) {
        rig.exit(pod, TerminationReason::Error, 20);
    }
    rig.run_until(900);
    assert_eq!(
        rig.pods(0).len(),
        2,
        "two failures are more than one: no pod follows"
    );
}

#[test]
fn a_deadline_does_not_keep_a_job_from_replacing_a_failed_pod() {
    let mut rig = Rig::new(&nodes(1, 8000), &[job(2, 6, Some(500))], &[], 1);
    rig.run_until(20);
    let first = rig.pods(0)[0];
    rig.exit(first, TerminationReason::Error, 20);
    rig.run_until(60);
    assert_eq!(
        rig.pods(0).len(),
        3,
        "a third pod after the back-off of 10 s"
    );
    rig.run_until(600);
    let active = |id: &&PodId| {
        rig.find(**id)
            .is_some_and(|pod| pod.phase == PodPhase::Running)
    };
    assert_eq!(
        rig.pods(0).iter().filter(active).count(),
        0,
        "none outlives the deadline"
    );
}

#[test]
fn a_pod_that_does_not_drain_is_killed_at_the_end_of_its_grace_period() {
    let mut spec = deployment(1);
    spec.template.containers[0].pre_stop = Some(sleeping(secs(10)));
    spec.startup.shutdown = Dist::Constant(3600.0);
    let mut rig = Rig::new(&nodes(1, 4000), &[spec], &[], 1);
    let pod = rig.pods(0)[0];
    rig.scale(0, 0, 100);
    rig.run_until(200);
    let at = |what| rig.when(pod, what).expect("told");
    let deleted = at(What::Deleting);
    let sigterm = at(What::Terminating) - deleted;
    let stopped = at(What::ContainerStopped(0)) - deleted;
    assert!((sigterm - 10.0).abs() < 1e-9, "{sigterm}");
    assert!((stopped - 30.0).abs() < 1e-9, "{stopped}");
    assert!(at(What::EndpointRemoved) - deleted <= 1.1);
}

#[test]
fn a_killed_container_comes_back_after_nothing_then_10_then_20_seconds() {
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(1)], &[], 1);
    let pod = rig.pods(0)[0];
    // Its first run was long: the back-off begins with the second kill.
    for (at, delay) in [(100, 0), (110, 10), (130, 20), (170, 40)] {
        rig.exit(pod, TerminationReason::OomKilled, at);
        assert_eq!(rig.ready(0), 0);
        let started = |rig: &Rig| rig.pod(pod).containers[0].running_since;
        rig.run_until(at + delay - 1);
        assert!(delay == 0 || started(&rig).is_none());
        rig.run_until(at + delay);
        assert_eq!(started(&rig), Some(SimTime::from_secs(at + delay)));
    }
    rig.run_until(300);
    assert_eq!(rig.ready(0), 1);
    assert_eq!(rig.pod(pod).containers[0].restarts, 4);
}

#[test]
fn an_evicted_pod_is_replaced_and_the_next_one_waits_for_the_budget() {
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(3)], &[budget(2)], 1);
    let pods = rig.pods(0);
    assert_eq!(rig.evict(pods[0], 10), Ok(()));
    assert_eq!(rig.evict(pods[1], 10), Err(EvictionError::TooManyRequests));
    assert_eq!(rig.evict(pods[1], 12), Err(EvictionError::TooManyRequests));
    rig.run_until(60);
    assert_eq!(rig.ready(0), 3);
    assert_eq!(rig.evict(pods[1], 60), Ok(()));
    let two = [budget(2), budget(1)];
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(3)], &two, 1);
    let pod = rig.pods(0)[0];
    assert_eq!(rig.evict(pod, 10), Err(EvictionError::SeveralBudgets));
}

#[test]
fn a_resize_is_in_force_deferred_or_infeasible() {
    // 4,000m less 100m: two pods of 500m, room for 2,900m more.
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(2)], &[], 1);
    let [one, two] = rig.pods(0)[..] else {
        panic!("two pods")
    };
    rig.resize(one, 2000, 10);
    rig.run_until(20);
    assert_eq!(rig.state(one), None);
    let in_force = rig.when(one, What::Resized).expect("in force");
    assert!((11.0..13.1).contains(&in_force), "{in_force}");
    assert_eq!(rig.nodes()[0].requested.cpu, Millicores(2600));
    assert_eq!(rig.pod(one).containers[0].restarts, 0);
    rig.resize(two, 3000, 30);
    rig.run_until(200);
    assert_eq!(rig.state(two), Some(ResizeState::Deferred));
    rig.resize(two, 5000, 210);
    rig.run_until(220);
    assert_eq!(rig.state(two), Some(ResizeState::Infeasible));
    rig.resize(two, 2500, 230);
    rig.run_until(240);
    assert_eq!(rig.state(two), Some(ResizeState::Deferred));
    // Room appears.
    rig.resize(one, 1000, 250);
    rig.run_until(260);
    assert_eq!((rig.state(one), rig.state(two)), (None, None));
    assert_eq!(rig.nodes()[0].requested.cpu, Millicores(3600));
}

#[test]
fn a_resize_policy_restarts_the_container_without_back_off() {
    let mut spec = deployment(1);
    spec.template.containers[0].restart_on_resize = [true, false];
    let mut rig = Rig::new(&nodes(1, 4000), &[spec], &[], 1);
    let pod = rig.pods(0)[0];
    rig.resize(pod, 700, 10);
    rig.run_until(60);
    let containers = &rig.pod(pod).containers;
    assert_eq!((containers[0].restarts, rig.ready(0)), (1, 1));
    assert_eq!(containers[0].resources.cpu_request, Some(Millicores(700)));
}

#[derive(Debug, Clone)]
enum Step {
    Scale(usize, i32),
    Evict(usize),
    Kill(usize),
    Resize(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..2, 0i32..20).prop_map(|(workload, replicas)| Step::Scale(workload, replicas)),
        any::<usize>().prop_map(Step::Evict),
        any::<usize>().prop_map(Step::Kill),
        (any::<usize>(), 100i64..3000).prop_map(|(pod, cpu)| Step::Resize(pod, cpu)),
    ]
}

fn history(steps: &[(Step, i64)], seed: u64) -> Vec<(SimTime, Change)> {
    let two = [
        deployment(3),
        workload(
            WorkloadKind::StatefulSet(StatefulSetSpec {
                is_parallel: true,
                ..StatefulSetSpec::default()
            }),
            "db",
            2,
        ),
    ];
    let mut rig = Rig::new(&nodes(3, 4000), &two, &[budget(2)], seed);
    let (mut at, mut evicted) = (0, Vec::new());
    for (step, after) in steps {
        at += after;
        rig.run_until(at);
        let pods: Vec<PodId> = [rig.pods(0), rig.pods(1)].concat();
        let pick = |index: usize| (!pods.is_empty()).then(|| pods[index % pods.len()]);
        match *step {
            Step::Scale(workload, replicas) => rig.scale(workload, replicas, at),
            Step::Evict(index) => {
                if let Some(pod) = pick(index) {
                    let store = rig.cluster.store();
                    let (budget, _) = store.pdbs().next().expect("a budget");
                    let healthy = budget_status(budget, store).current_healthy;
                    let counts =
                        |pod: &nlsim::api::Pod| pod.is_ready() && pod.workload.index() == 0;
                    let counts = rig.find(pod).is_some_and(counts);
                    let accepted = rig.evict(pod, at).is_ok();
                    if accepted && counts && !evicted.contains(&pod) {
                        // What the budget keeps is still there.
                        assert!(healthy > 2, "{healthy}");
                    }
                    evicted.extend(accepted.then_some(pod));
                }
            }
            Step::Kill(index) => {
                if let Some(pod) = pick(index) {
                    rig.exit(pod, TerminationReason::OomKilled, at);
                }
            }
            Step::Resize(index, cpu) => {
                if let Some(pod) = pick(index) {
                    // Pods that are going are refused.
                    let _ = rig.cluster.resize(pod, &[resources(cpu)]);
                    rig.listen();
                }
            }
        }
    }
    // In the end there are as many pods as asked for, and all that have room are ready.
    rig.run_until(at + 4000);
    let store = rig.cluster.store();
    for (index, workload) in store.workloads().iter().enumerate() {
        let counts = workload.counts;
        let wanted = workload.object.and_then(|object| store.replicas(object));
        assert_eq!(Some(counts.replicas() as i32), wanted);
        assert_eq!(
            counts.ready + counts.pending,
            counts.replicas(),
            "{index}: {counts:?}"
        );
    }
    for index in 0..2 {
        rig.scale(index, 0, at + 4000);
    }
    rig.run_until(at + 5000);
    assert!(rig.nodes().iter().all(|node| node.pods == 0));
    assert_eq!(rig.cluster.store().ledger().existing, 0);
    rig.told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: books balance at every event, budgets hold, wishes are met.
    #[test]
    fn the_cluster_keeps_its_books(
        steps in prop::collection::vec((step(), 0i64..40), 1..40),
        seed in 0u64..1000,
    ) {
        let first = history(&steps, seed);
        prop_assert_eq!(first, history(&steps, seed));
    }
}
