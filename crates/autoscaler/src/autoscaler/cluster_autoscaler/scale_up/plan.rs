//! Sharing a scale-up out among groups that are alike.
//!
//! Source: `balanceScaleUps`, `ComputeSimilarNodeGroups`, `capScaleUpsByQuota` in
//! `core/scaleup/orchestrator/orchestrator.go`.

use std::collections::BTreeMap;

use super::balancing::{Sized, balance};
use super::orchestrator::ScaleUp;
use super::quotas::Tracker;
use super::similar::similar;
use super::status::ScaleUpInfo;
use crate::autoscaler::cluster_autoscaler::model::GroupId;

impl ScaleUp<'_, '_> {
    /// The groups like this one that can take the same pods and may be grown.
    pub(super) fn similar_groups(
        &self,
        group: GroupId,
        schedulable: &BTreeMap<GroupId, Vec<usize>>,
    ) -> Vec<GroupId> {
        let pods = schedulable.get(&group).filter(|pods| !pods.is_empty());
        let (true, Some(pods), Some(template)) = (
            self.options.balance_similar_node_groups,
            pods,
            self.templates.get(group),
        ) else {
            return Vec::new();
        };
        let alike = |other: &GroupId| {
            *other != group
                && self
                    .templates
                    .get(*other)
                    .is_some_and(|other| similar(self.options, self.seen.classes, template, other))
                && self
                    .registry
                    .is_safe_to_scale_up(*other, self.options, self.seen.now)
                && schedulable
                    .get(other)
                    .is_some_and(|theirs| pods.iter().all(|kind| theirs.contains(kind)))
        };
        self.seen.group_ids().filter(alike).collect()
    }

    /// The groups that grow, and by how much.
    pub(super) fn balance(
        &self,
        group: GroupId,
        new_nodes: i64,
        schedulable: &BTreeMap<GroupId, Vec<usize>>,
        tracker: &mut Tracker,
    ) -> Vec<ScaleUpInfo> {
        let mut targets = vec![group];
        for other in self.similar_groups(group, schedulable) {
            let template = self.templates.get(other);
            if template.is_some_and(|one| tracker.check(other, &one.shape, 1).exceeded.is_empty()) {
                targets.push(other);
            }
        }
        let sized: Vec<Sized> = targets
            .iter()
            .map(|group| Sized {
                group: *group,
                current: self.outside.target_size(*group),
                max: self.seen.group(*group).max,
            })
            .collect();
        let mut plan = balance(&sized, new_nodes);
        for info in &mut plan {
            let Some(template) = self.templates.get(info.group) else {
                continue;
            };
            let delta = info.new - info.current;
            let allowed = tracker.check(info.group, &template.shape, delta).allowed;
            info.new = info.current + allowed.min(delta);
            if allowed > 0 {
                tracker.consume(info.group, &template.shape, allowed);
            }
        }
        plan.retain(|info| info.new != info.current);
        plan
    }
}
