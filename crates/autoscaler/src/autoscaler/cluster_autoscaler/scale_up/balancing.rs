//! Sharing new nodes out among groups.
//!
//! Source: `BalanceScaleUpBetweenGroups` in `processors/nodegroupset/balancing_processor.go`.

use super::status::ScaleUpInfo;
use crate::autoscaler::cluster_autoscaler::model::GroupId;

/// A group with its size and greatest size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sized {
    /// The group.
    pub group: GroupId,
    /// Its target.
    pub current: i64,
    /// Its max.
    pub max: i64,
}

/// Adds the nodes one by one to the smallest group below its max; answers the groups that grow.
pub fn balance(groups: &[Sized], new_nodes: i64) -> Vec<ScaleUpInfo> {
    let mut infos: Vec<ScaleUpInfo> = groups
        .iter()
        .filter(|sized| sized.current != sized.max)
        .map(|sized| ScaleUpInfo {
            group: sized.group,
            current: sized.current,
            new: sized.current,
            max: sized.max,
        })
        .collect();
    let capacity: i64 = infos
        .iter()
        .map(|info| (info.max - info.current).max(0))
        .sum();
    let mut left = new_nodes.min(capacity);
    infos.sort_by_key(|info| info.current);
    // Groups before `start` are full; those from there to `at` have the same size.
    let (mut start, mut at) = (0, 0);
    while left > 0 {
        if infos[at].new < infos[at].max {
            infos[at].new += 1;
            left -= 1;
        } else {
            infos.swap(start, at);
            start += 1;
        }
        if at + 1 < infos.len() && infos[at].new > infos[at + 1].new {
            at += 1;
        } else {
            at = start;
        }
    }
    infos.retain(|info| info.new != info.current);
    infos
}
