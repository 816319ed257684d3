//! Tables of the components around the controllers: `rs_scale_down_ranking` and
//! `slow_start_batch`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::cluster::ranking::{RankedPod, deletion_order};
use crate::cluster::slow_start;
use crate::sim::SimTime;

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
    let ranked: Vec<RankedPod<'_>> = scaled
        .iter()
        .map(|pod| RankedPod {
            assigned: !pod.node.is_empty(),
            phase_rank: match pod.phase.as_str() {
                "Pending" => 0,
                "Unknown" => 1,
                _ => 2,
            },
            ready_since: pod.ready_age_s.filter(|_| pod.ready).map(before),
            deletion_cost: pod.deletion_cost.unwrap_or(0),
            related_on_node: on_node[pod.node.as_str()],
            max_restarts: pod.max_restarts,
            created: before(pod.age_s),
            uid: &pod.uid,
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
