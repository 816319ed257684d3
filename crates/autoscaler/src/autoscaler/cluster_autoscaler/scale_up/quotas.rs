//! Cores and memory of the whole cluster: what may be added, what may be removed.
//!
//! Source: `resourcequotas/`, `cloudprovider/resource_limiter.go`.

use crate::autoscaler::cluster_autoscaler::model::{GroupId, NodeShape};
use crate::autoscaler::cluster_autoscaler::options::Options;

/// What a node has: whole cores, rounded up, and bytes.
fn amounts(shape: &NodeShape) -> [i64; 2] {
    let cores = (shape.capacity.cpu.0 + 999).div_euclid(1000);
    [cores.max(0), shape.capacity.memory.0.max(0)]
}

const NAMES: [&str; 2] = ["cpu", "memory"];

/// What is left of the limits.
#[derive(Debug, Clone)]
pub struct Tracker {
    left: [i64; 2],
    /// As upstream: all nodes of a group count as much as the first that was looked at.
    by_group: Vec<Option<[i64; 2]>>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Nodes that can be added or removed.
    pub allowed: i64,
    /// The resources that stand in the way.
    pub exceeded: Vec<&'static str>,
}

impl CheckResult {
    /// What upstream says of it.
    pub fn message(&self) -> String {
        format!(
            "exceeded quota: \"cluster-wide\", resources: {}",
            self.exceeded.join(", ")
        )
    }
}

impl Tracker {
    /// What may be added to these nodes.
    pub fn max<'s>(
        options: &Options,
        nodes: impl Iterator<Item = (Option<GroupId>, &'s NodeShape)>,
    ) -> Self {
        let limits = [options.cores_total.max, options.memory_limits().1.0];
        Self::new(nodes, |resource, used| {
            limits[resource].saturating_sub(used)
        })
    }

    /// What may be removed from these nodes.
    pub fn min<'s>(
        options: &Options,
        nodes: impl Iterator<Item = (Option<GroupId>, &'s NodeShape)>,
    ) -> Self {
        let limits = [options.cores_total.min, options.memory_limits().0.0];
        Self::new(nodes, |resource, used| used - limits[resource])
    }

    fn new<'s>(
        nodes: impl Iterator<Item = (Option<GroupId>, &'s NodeShape)>,
        left: impl Fn(usize, i64) -> i64,
    ) -> Self {
        let mut tracker = Self {
            left: [0; 2],
            by_group: Vec::new(),
        };
        let mut used = [0_i64; 2];
        for (group, shape) in nodes {
            for (used, more) in used.iter_mut().zip(tracker.amounts(group, shape)) {
                *used = used.saturating_add(more);
            }
        }
        tracker.left = [0, 1].map(|resource| left(resource, used[resource]).max(0));
        tracker
    }

    fn amounts(&mut self, group: Option<GroupId>, shape: &NodeShape) -> [i64; 2] {
        let Some(group) = group else {
            return amounts(shape);
        };
        if self.by_group.len() <= group.index() {
            self.by_group.resize(group.index() + 1, None);
        }
        *self.by_group[group.index()].get_or_insert_with(|| amounts(shape))
    }

    /// How many of `delta` nodes the limits allow.
    pub fn check(&mut self, group: GroupId, shape: &NodeShape, delta: i64) -> CheckResult {
        let amounts = self.amounts(Some(group), shape);
        let mut result = CheckResult {
            allowed: delta,
            exceeded: Vec::new(),
        };
        for (resource, each) in amounts.into_iter().enumerate() {
            if each > 0 && self.left[resource] < each.saturating_mul(delta) {
                result.allowed = result.allowed.min(self.left[resource] / each);
                result.exceeded.push(NAMES[resource]);
            }
        }
        result
    }

    /// The same, and takes the nodes off if all are allowed.
    pub fn consume(&mut self, group: GroupId, shape: &NodeShape, delta: i64) -> CheckResult {
        let result = self.check(group, shape, delta);
        if result.allowed == delta {
            let amounts = self.amounts(Some(group), shape);
            for (left, each) in self.left.iter_mut().zip(amounts) {
                *left = left.saturating_sub(each.saturating_mul(delta)).max(0);
            }
        }
        result
    }
}
