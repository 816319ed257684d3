//! PodDisruptionBudgets and the eviction API.
//!
//! [`budget`] is the arithmetic of the disruption controller (`pkg/controller/disruption`),
//! [`decide`] what the eviction handler answers
//! (`pkg/registry/core/pod/storage/eviction.go`). Roll-outs, scale-downs and the kubelet's own
//! evictions do not ask.

mod events;
mod scale;

use super::pod_control::delete_pod;
use crate::api::{Context, IntOrPercent, PdbId, PodId, PodPhase, PodWrite, Selection, Store};
use crate::sim::{SimDuration, SimTime};

pub use events::observe;
use scale::{Unscaled, scale, selected};

/// The status of a PodDisruptionBudget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetStatus {
    /// `expectedPods`.
    pub expected: i32,
    /// `desiredHealthy`.
    pub desired_healthy: i32,
    /// `currentHealthy`.
    pub current_healthy: i32,
    /// `disruptionsAllowed`.
    pub disruptions_allowed: i32,
}

/// The pods that a budget selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectedPods {
    /// All of them, not ready and terminating ones included.
    pub matched: i32,
    /// Ready ones that are not being deleted or evicted.
    pub healthy: i32,
    /// The sum of `spec.replicas` over their owners; `None` if an owner has no scale.
    pub scale: Option<i32>,
}

/// What a budget allows (`getExpectedPodCount`, `updatePdbStatus`). An owner without a scale
/// fails the calculation, and nothing is allowed: it says what it said before, at first nothing.
pub fn budget(
    min_available: Option<IntOrPercent>,
    max_unavailable: Option<IntOrPercent>,
    pods: SelectedPods,
) -> BudgetStatus {
    let (expected, desired_healthy) = match (max_unavailable, min_available, pods.scale) {
        (Some(limit), _, Some(scale)) => (scale, (scale - scaled(limit, scale)).max(0)),
        (None, Some(IntOrPercent::Int(minimum)), _) => (pods.matched, minimum),
        (None, Some(minimum), Some(scale)) => (scale, scaled(minimum, scale)),
        _ => (0, 0),
    };
    let allowed = (pods.healthy - desired_healthy).max(0);
    BudgetStatus {
        expected,
        desired_healthy,
        current_healthy: pods.healthy,
        disruptions_allowed: if expected > 0 { allowed } else { 0 },
    }
}

/// `GetScaledValueFromIntOrPercent`, rounding up.
fn scaled(value: IntOrPercent, total: i32) -> i32 {
    match value {
        IntOrPercent::Int(number) => number,
        IntOrPercent::Percent(percent) => {
            let hundredths = i64::from(percent) * i64::from(total);
            hundredths.div_euclid(100) as i32 + i32::from(hundredths.rem_euclid(100) > 0)
        }
    }
}

/// A pod that is to be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its phase.
    pub phase: PodPhase,
    /// Whether it is Ready.
    pub ready: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// A budget that covers the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Its status.
    pub status: BudgetStatus,
    /// Whether the status is older than the spec.
    pub is_stale: bool,
    /// `unhealthyPodEvictionPolicy: AlwaysAllow`.
    pub always_allow_unhealthy: bool,
}

/// The answer to an eviction request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The pod is deleted, and no budget pays.
    Delete,
    /// The pod is deleted, and the budget allows one disruption less.
    DeleteAndCharge,
    /// A budget is in the way (429).
    TooManyRequests,
    /// More than one budget covers the pod (500).
    SeveralBudgets,
    /// The budget's status makes no sense: it allows fewer than no disruptions (403).
    Forbidden,
}

/// Answers an eviction request (`EvictionREST.Create`).
pub fn decide(pod: Candidate, budgets: &[Budget]) -> Verdict {
    if pod.terminating || pod.phase != PodPhase::Running {
        return Verdict::Delete;
    }
    let budget = match budgets {
        [] => return Verdict::Delete,
        [budget] => budget,
        _ => return Verdict::SeveralBudgets,
    };
    let status = budget.status;
    if !pod.ready {
        let has_budget =
            status.desired_healthy > 0 && status.current_healthy >= status.desired_healthy;
        if budget.always_allow_unhealthy || has_budget {
            return Verdict::Delete;
        }
    }
    match status.disruptions_allowed {
        _ if budget.is_stale => Verdict::TooManyRequests,
        ..0 => Verdict::Forbidden,
        0 => Verdict::TooManyRequests,
        _ => Verdict::DeleteAndCharge,
    }
}

/// Why a pod was not evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvictionError {
    /// There is no such pod.
    #[error("there is no such pod")]
    NotFound,
    /// A PodDisruptionBudget is in the way.
    #[error("Cannot evict pod as it would violate the pod's disruption budget.")]
    TooManyRequests,
    /// Two PodDisruptionBudgets cover the pod.
    #[error(
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )]
    SeveralBudgets,
}

/// What the eviction API waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A granted eviction deletes its pod.
    Delete(PodId),
}

/// Evicts a pod at `at` if its PodDisruptionBudgets allow that: it is deleted with its grace
/// period. The budgets' status is taken to be up to date.
pub fn evict(
    id: PodId,
    at: SimTime,
    api_latency: SimDuration,
    context: &mut Context<'_, Event>,
) -> Result<(), EvictionError> {
    judge(id, context.store)?;
    let pod = context.store.pod(id);
    if pod.is_some_and(|pod| pod.evicted.is_none()) {
        context.write_pod(id, PodWrite::Evict);
        context.at(at + api_latency, Event::Delete(id));
    }
    Ok(())
}

/// Whether an eviction would be granted now: what a dry run tells.
pub fn judge(id: PodId, store: &Store) -> Result<(), EvictionError> {
    let pod = store.pod(id).filter(|pod| !pod.removed);
    let pod = pod.ok_or(EvictionError::NotFound)?;
    let candidate = Candidate {
        phase: pod.phase,
        ready: pod.is_ready(),
        terminating: pod.is_deleting() || pod.evicted.is_some(),
    };
    let covers = |selection: &Selection| {
        selection.namespace == pod.meta.namespace && selection.selector.matches(&pod.meta.labels)
    };
    let budgets: Vec<Budget> = store
        .pdbs()
        .filter(|(_, pdb)| covers(store.selection(pdb.selection)))
        .map(|(id, pdb)| Budget {
            status: budget_status(id, store),
            is_stale: false,
            always_allow_unhealthy: pdb.always_allow_unhealthy,
        })
        .collect();
    match decide(candidate, &budgets) {
        Verdict::TooManyRequests | Verdict::Forbidden => Err(EvictionError::TooManyRequests),
        Verdict::SeveralBudgets => Err(EvictionError::SeveralBudgets),
        Verdict::Delete | Verdict::DeleteAndCharge => Ok(()),
    }
}

/// Carries out an event.
pub fn handle(event: Event, context: &mut Context<'_, Event>) {
    let Event::Delete(id) = event;
    delete_pod(id, context);
}

/// What a budget allows at the moment. A pod whose eviction has been granted does not count as
/// healthy any more (`disruptedPods`).
pub fn budget_status(id: PdbId, store: &Store) -> BudgetStatus {
    let Some(pdb) = store.pdb(id) else {
        return BudgetStatus::default();
    };
    let mut pods = SelectedPods {
        matched: 0,
        healthy: 0,
        scale: Some(0),
    };
    for pod in selected(pdb, store) {
        pods.matched += 1;
        pods.healthy += i32::from(pod.is_ready() && pod.evicted.is_none());
    }
    match scale(pdb, store) {
        Ok(scale) => pods.scale = Some(scale),
        // Where owners had a scale while they were there, it says what it said then.
        Err(Unscaled::Gone(_)) => {
            pods.scale = Some(pods.matched);
            return BudgetStatus {
                disruptions_allowed: 0,
                ..budget(pdb.min_available, pdb.max_unavailable, pods)
            };
        }
        Err(Unscaled::Never(_)) => return BudgetStatus::default(),
    }
    budget(pdb.min_available, pdb.max_unavailable, pods)
}

/// Why a budget cannot say what it allows (`SyncFailed`), if it cannot.
pub fn budget_error(id: PdbId, store: &Store) -> Option<String> {
    let failed = scale(store.pdb(id)?, store).err()?;
    Some(failed.to_string())
}
