//! Which pods a ReplicaSet deletes first (`ActivePodsWithRanks` of
//! `pkg/controller/controller_utils.go`).

use std::cmp::Ordering;

use crate::sim::{SimDuration, SimTime};

/// What the ranking looks at.
#[derive(Debug, Clone, Copy)]
pub struct RankedPod<U> {
    /// Whether it is bound to a node.
    pub assigned: bool,
    /// 0 for Pending, 1 for Unknown, 2 for Running.
    pub phase_rank: u8,
    /// Since when it has been ready, if it is.
    pub ready_since: Option<SimTime>,
    /// `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: i32,
    /// Active pods of the same owner on its node, itself included.
    pub related_on_node: u32,
    /// The largest restart count of its containers.
    pub max_restarts: u32,
    /// When it was created.
    pub created: SimTime,
    /// Its UID; upstream's last resort.
    pub uid: U,
}

/// Compares two pods; `Less` is deleted first.
pub fn compare<U: Ord>(a: &RankedPod<U>, b: &RankedPod<U>, now: SimTime) -> Ordering {
    let by_state = a
        .assigned
        .cmp(&b.assigned)
        .then(a.phase_rank.cmp(&b.phase_rank))
        .then(a.ready_since.is_some().cmp(&b.ready_since.is_some()))
        .then(a.deletion_cost.cmp(&b.deletion_cost))
        .then(b.related_on_node.cmp(&a.related_on_node));
    if by_state != Ordering::Equal {
        return by_state;
    }
    if let (Some(ready_a), Some(ready_b)) = (a.ready_since, b.ready_since)
        && ready_a != ready_b
    {
        return by_age(ready_a, ready_b, now).then_with(|| a.uid.cmp(&b.uid));
    }
    b.max_restarts.cmp(&a.max_restarts).then_with(|| {
        if a.created == b.created {
            Ordering::Equal
        } else {
            by_age(a.created, b.created, now).then_with(|| a.uid.cmp(&b.uid))
        }
    })
}

/// Ages are compared by the logarithm of their nanoseconds, so that old pods are alike.
fn by_age(a: SimTime, b: SimTime, now: SimTime) -> Ordering {
    let bucket = |age: SimDuration| {
        if age.0 > 0 {
            i64::from(age.0.ilog2())
        } else {
            -1
        }
    };
    bucket(now - a).cmp(&bucket(now - b))
}

/// The order of deletion, as places in `pods`.
///
/// The comparison is not transitive in corner cases, which the standard library's sort may
/// answer with a panic; a plain merge sort gives some order for any comparison.
pub fn deletion_order<U: Ord>(pods: &[RankedPod<U>], now: SimTime) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    let mut merged = Vec::with_capacity(order.len());
    let mut width = 1;
    while width < order.len() {
        merged.clear();
        for run in order.chunks(2 * width) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(&l), Some(&r)) = (left.first(), right.first()) {
                if compare(&pods[r], &pods[l], now) == Ordering::Less {
                    merged.push(r);
                    right = &right[1..];
                } else {
                    merged.push(l);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut order, &mut merged);
        width *= 2;
    }
    order
}
