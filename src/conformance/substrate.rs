//! Tables of the components around the controllers: `rs_scale_down_ranking`,
//! `slow_start_batch`, `pdb_math`, `eviction_api` and `crashloop_backoff`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::api::PodPhase;
use crate::cluster::spec::IntOrPercent;
use crate::controller::disruption::{
    Budget, BudgetStatus, Candidate, SelectedPods, Verdict, budget, decide,
};
use crate::controller::replicaset::ranking::{RankedPod, deletion_order};
use crate::controller::replicaset::slow_start;
use crate::kubelet::crash_loop::CrashLoop;
use crate::sim::{SimDuration, SimTime};

#[derive(Deserialize)]
struct RankingCase {
    id: String,
    pods: Vec<PodJson>,
    deletion_order: Vec<String>,
}

#[derive(Deserialize, Debug)]
struct PodJson {
    name: String,
    uid: String,
    node: String,
    phase: String,
    ready: bool,
    deletion_cost: Option<i32>,
    ready_age_s: Option<f64>,
    max_restarts: u32,
    age_s: f64,
    belongs_to_scaled_rs: bool,
}

/// Replays lists of pods; the order of deletion is the step.
pub(super) fn ranking(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<RankingCase>(text)? {
        report.cases += 1;
        let got = rank(&case.pods);
        report.step(table::difference(
            case.id,
            &case.deletion_order,
            &got,
            &case.pods,
        ));
    }
    Ok(report)
}

fn rank(pods: &[PodJson]) -> Vec<String> {
    let mut on_node: BTreeMap<&str, u32> = BTreeMap::new();
    for pod in pods {
        *on_node.entry(&pod.node).or_default() += 1;
    }
    let before = |age_s: f64| SimTime((-age_s * 1e9) as i64);
    let scaled: Vec<&PodJson> = pods.iter().filter(|pod| pod.belongs_to_scaled_rs).collect();
    let ranked: Vec<RankedPod<&str>> = scaled
        .iter()
        .map(|pod| RankedPod {
            assigned: !pod.node.is_empty(),
            phase_rank: match pod.phase.as_str() {
                "Unknown" => 1,
                "Running" => 2,
                _ => 0,
            },
            ready_since: pod.ready_age_s.filter(|_| pod.ready).map(before),
            deletion_cost: pod.deletion_cost.unwrap_or(0),
            related_on_node: on_node[pod.node.as_str()],
            max_restarts: pod.max_restarts,
            created: before(pod.age_s),
            uid: pod.uid.as_str(),
        })
        .collect();
    let order = deletion_order(&ranked, SimTime::ZERO);
    order
        .into_iter()
        .map(|place| scaled[place].name.clone())
        .collect()
}

#[derive(Deserialize)]
struct BatchCase {
    id: String,
    count: usize,
    initial_batch: usize,
    calls_fail_from_index: i64,
    calls_made: usize,
    successes: usize,
}

/// Replays series of create calls.
pub(super) fn slow_start_batch(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<BatchCase>(text)? {
        report.cases += 1;
        let fails_from = usize::try_from(case.calls_fail_from_index).unwrap_or(usize::MAX);
        let got = slow_start::run(case.count, case.initial_batch, |index| index < fails_from);
        let input = (case.count, case.initial_batch, case.calls_fail_from_index);
        report.step(table::difference(
            case.id,
            &(case.calls_made, case.successes),
            &got,
            &input,
        ));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct BudgetCase {
    id: String,
    min_available: Option<String>,
    max_unavailable: Option<String>,
    workload_spec_replicas: i32,
    pods_matched: i32,
    pods_ready: i32,
    of_ready_terminating: i32,
    expected_pods: i32,
    desired_healthy: i32,
    current_healthy: i32,
    disruptions_allowed: i32,
}

/// Replays the status of PodDisruptionBudgets.
pub(super) fn pdb_math(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<BudgetCase>(text)? {
        report.cases += 1;
        let bound = |text: &Option<String>| text.as_deref().and_then(int_or_percent);
        let pods = SelectedPods {
            matched: case.pods_matched,
            healthy: case.pods_ready - case.of_ready_terminating,
            // Only pods that exist have owners.
            scale: Some(if case.pods_matched > 0 {
                case.workload_spec_replicas
            } else {
                0
            }),
        };
        let expected = BudgetStatus {
            expected: case.expected_pods,
            desired_healthy: case.desired_healthy,
            current_healthy: case.current_healthy,
            disruptions_allowed: case.disruptions_allowed,
        };
        let got = budget(
            bound(&case.min_available),
            bound(&case.max_unavailable),
            pods,
        );
        let input = (&case.min_available, &case.max_unavailable, pods);
        report.step(table::difference(case.id.clone(), &expected, &got, &input));
    }
    Ok(report)
}

fn int_or_percent(text: &str) -> Option<IntOrPercent> {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().map(IntOrPercent::Percent),
        None => text.parse().ok().map(IntOrPercent::Int),
    }
}

#[derive(Deserialize, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the recording's columns")]
struct EvictionCase {
    id: String,
    pod_phase: String,
    pod_ready: bool,
    pod_terminating: bool,
    matching_pdbs: usize,
    unhealthy_pod_eviction_policy: Option<String>,
    pdb_status_older_than_spec: bool,
    current_healthy: i32,
    desired_healthy: i32,
    disruptions_allowed: i32,
    http_code: u16,
    pod_deleted: bool,
    disruptions_allowed_after: i32,
    pod_in_disrupted_pods_after: bool,
}

/// Replays requests to the eviction API.
pub(super) fn eviction_api(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<EvictionCase>(text)? {
        report.cases += 1;
        let pod = Candidate {
            phase: match case.pod_phase.as_str() {
                "Pending" => PodPhase::Pending,
                "Succeeded" => PodPhase::Succeeded,
                "Failed" => PodPhase::Failed,
                _ => PodPhase::Running,
            },
            ready: case.pod_ready,
            terminating: case.pod_terminating,
        };
        let covering = Budget {
            status: BudgetStatus {
                expected: 0,
                desired_healthy: case.desired_healthy,
                current_healthy: case.current_healthy,
                disruptions_allowed: case.disruptions_allowed,
            },
            is_stale: case.pdb_status_older_than_spec,
            always_allow_unhealthy: case.unhealthy_pod_eviction_policy.as_deref()
                == Some("AlwaysAllow"),
        };
        let verdict = decide(pod, &vec![covering; case.matching_pdbs]);
        let before = if case.matching_pdbs == 0 {
            0
        } else {
            case.disruptions_allowed
        };
        let got = match verdict {
            Verdict::Delete => (201, true, before, false),
            Verdict::DeleteAndCharge => (201, true, before - 1, true),
            Verdict::TooManyRequests => (429, false, before, false),
            Verdict::SeveralBudgets => (500, false, before, false),
            Verdict::Forbidden => (403, false, before, false),
        };
        let expected = (
            case.http_code,
            case.pod_deleted,
            case.disruptions_allowed_after,
            case.pod_in_disrupted_pods_after,
        );
        report.step(table::difference(case.id.clone(), &expected, &got, &case));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct BackoffCase {
    id: String,
    initial_s: i64,
    max_s: i64,
    run_durations_s: Vec<i64>,
    restart_delays_s: Vec<i64>,
}

/// Replays the waits before a container's restarts.
pub(super) fn crashloop_backoff(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<BackoffCase>(text)? {
        report.cases += 1;
        let mut crash_loop = CrashLoop::default();
        let seconds = SimDuration::from_secs;
        let (initial, longest) = (seconds(case.initial_s), seconds(case.max_s));
        let delay =
            |ran: &i64| crash_loop.next_delay(seconds(*ran), initial, longest).0 / 1_000_000_000;
        let got: Vec<i64> = case.run_durations_s.iter().map(delay).collect();
        let input = (case.initial_s, case.max_s, &case.run_durations_s);
        report.step(table::difference(
            case.id,
            &case.restart_delays_s,
            &got,
            &input,
        ));
    }
    Ok(report)
}
