//! From pods that wait to groups that grow.
//!
//! Source: `core/scaleup/orchestrator/orchestrator.go`.

use std::collections::BTreeMap;

use super::equivalence::{PodGroup, build_pod_groups};
use super::quotas::Tracker;
use super::status::{
    Choice, GroupReasons, NoScaleUpInfo, ScaleUpInfo, ScaleUpResult, ScaleUpStatus,
};
use crate::autoscaler::cluster_autoscaler::clusterstate::ClusterStateRegistry;
use crate::autoscaler::cluster_autoscaler::estimator::{
    self, Limiter, PodEquivalenceGroup, cluster_capacity, similar_groups_capacity,
};
use crate::autoscaler::cluster_autoscaler::events::{Events, Involved};
use crate::autoscaler::cluster_autoscaler::expander::{self, ExpanderContext, ExpansionOption};
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::resources::Resources;
use crate::autoscaler::cluster_autoscaler::scale_down::candidates::LocalDelays;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::{SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::simulator::templates::Templates;

const EXECUTION_ERROR: &str = "scale-up execution failed";
const OPTIONS_FILTERED_OUT: &str = "expansion options filtered out and no longer considered";
const BACKOFF: &str = "in backoff after failed scale-up";
const MAX_LIMIT_REACHED: &str = "max node group size reached";
const NOT_READY: &str = "not ready for scale-up";

/// A scale-up at work.
pub struct ScaleUp<'a, 'o> {
    /// What the loop sees.
    pub seen: &'a Observation<'a>,
    /// The flags.
    pub options: &'o Options,
    /// The templates.
    pub templates: &'o Templates,
    /// The nodes of the loop.
    pub snapshot: &'o mut Snapshot<'a>,
    /// The registry.
    pub registry: &'o mut ClusterStateRegistry,
    /// The cloud.
    pub outside: &'o mut dyn Outside,
    /// Events.
    pub events: &'o mut Events,
    /// Delays of each group.
    pub local_delays: &'o mut LocalDelays,
    /// The choices made, for the report.
    pub choices: &'o mut Vec<Choice>,
    /// Draws one of so many.
    pub draw: &'o mut dyn FnMut(usize) -> usize,
    /// Nodes in the snapshot before the scale-up, upcoming ones included.
    pub nodes: i64,
}

impl ScaleUp<'_, '_> {
    /// Helps the pods.
    pub fn scale_up(&mut self, pods: &[u32]) -> ScaleUpStatus {
        let mut groups = build_pod_groups(self.seen, pods);
        let mut tracker = self.tracker();
        let (valid, skipped) = self.valid_groups(&mut tracker);
        let mut schedulable: BTreeMap<GroupId, Vec<usize>> = BTreeMap::new();
        for group in &valid {
            let found = self.schedulable_pod_groups(&mut groups, *group);
            schedulable.insert(*group, found);
        }
        let mut offered = Vec::new();
        for group in &valid {
            let option = self.expansion_option(*group, &groups, &schedulable);
            if !option.pods.is_empty() && option.nodes > 0 {
                offered.push(option);
            }
        }
        if offered.is_empty() {
            return no_options(&groups, &skipped);
        }
        let Some(best) = self.best_option(offered) else {
            mark_all(&mut groups, OPTIONS_FILTERED_OUT);
            return no_options(&groups, &skipped);
        };
        let failed = |groups: &mut Vec<PodGroup>, error: String| {
            mark_all(groups, EXECUTION_ERROR);
            ScaleUpStatus {
                pods_triggered: best.pods.clone(),
                pods_remain_unschedulable: remaining(groups, &skipped),
                error: Some(error),
                ..ScaleUpStatus::new(ScaleUpResult::Error)
            }
        };
        let new_nodes = match self.capped(best.nodes, self.nodes) {
            Ok(nodes) => nodes,
            Err(error) => return failed(&mut groups, error),
        };
        let Some(template) = self.templates.get(best.group) else {
            let error = "No node info for best expansion option!".to_owned();
            return failed(&mut groups, error);
        };
        let new_nodes = tracker
            .check(best.group, &template.shape, new_nodes)
            .allowed;
        let plan = self.balance(best.group, new_nodes, &schedulable, &mut tracker);
        if let Err((failed, error)) = self.execute(&plan) {
            let parallel = self.options.parallel_scale_up;
            mark_failed(&mut groups, &failed, &plan, parallel);
            return ScaleUpStatus {
                failed_resize: failed,
                pods_triggered: best.pods,
                pods_remain_unschedulable: remaining(&groups, &skipped),
                error: Some(error),
                ..ScaleUpStatus::new(ScaleUpResult::Error)
            };
        }
        self.registry.recalculate(self.seen, self.outside);
        ScaleUpStatus {
            groups: plan,
            pods_remain_unschedulable: remaining(&groups, &skipped),
            pods_await_evaluation: awaiting(&groups, best.group),
            pods_triggered: best.pods,
            ..ScaleUpStatus::new(ScaleUpResult::Successful)
        }
    }

    /// Raises the groups that are below their min.
    pub fn scale_up_to_min_size(&mut self) -> ScaleUpStatus {
        let mut tracker = self.tracker();
        let mut plan = Vec::new();
        for group in self.seen.group_ids() {
            let target = self.outside.target_size(group);
            let (min, max) = (self.seen.group(group).min, self.seen.group(group).max);
            let templates = self.templates;
            let Some(template) = templates.get(group) else {
                continue;
            };
            if target >= min
                || self.not_ready(group).is_some()
                || !tracker.check(group, &template.shape, 1).exceeded.is_empty()
            {
                continue;
            }
            let new_nodes = tracker.check(group, &template.shape, min - target).allowed;
            let Ok(new_nodes) = self.capped(new_nodes, target) else {
                continue;
            };
            plan.push(ScaleUpInfo {
                group,
                current: target,
                new: target + new_nodes,
                max,
            });
        }
        if plan.is_empty() {
            return ScaleUpStatus::new(ScaleUpResult::NotNeeded);
        }
        if let Err((failed, error)) = self.execute(&plan) {
            return ScaleUpStatus {
                failed_resize: failed,
                error: Some(error),
                ..ScaleUpStatus::new(ScaleUpResult::Error)
            };
        }
        self.registry.recalculate(self.seen, self.outside);
        ScaleUpStatus {
            groups: plan,
            ..ScaleUpStatus::new(ScaleUpResult::Successful)
        }
    }

    /// What the cluster's limits leave.
    fn tracker(&self) -> Tracker {
        let nodes = self.snapshot.nodes();
        Tracker::max(
            self.options,
            nodes.map(|info| (info.group, info.shape.as_ref())),
        )
    }

    /// Why a group is not to be grown now.
    fn not_ready(&self, group: GroupId) -> Option<&'static str> {
        if !self.registry.is_group_healthy(group, self.options) {
            return Some(NOT_READY);
        }
        let backed_off = self.registry.backed_off(group, self.seen.now);
        backed_off.map(|_| BACKOFF)
    }

    /// The groups that can grow, and why the others cannot.
    fn valid_groups(&self, tracker: &mut Tracker) -> (Vec<GroupId>, GroupReasons) {
        let mut valid = Vec::new();
        let mut skipped = GroupReasons::new();
        for group in self.seen.group_ids() {
            let reason = if let Some(reason) = self.not_ready(group) {
                reason.to_owned()
            } else if self.outside.target_size(group) >= self.seen.group(group).max {
                MAX_LIMIT_REACHED.to_owned()
            } else if let Some(template) = self.templates.get(group) {
                let check = tracker.check(group, &template.shape, 1);
                if check.exceeded.is_empty() {
                    valid.push(group);
                    continue;
                }
                check.message()
            } else {
                NOT_READY.to_owned()
            };
            skipped.insert(group, vec![reason]);
        }
        (valid, skipped)
    }

    /// The kinds of pods that would fit on a new node of a group.
    fn schedulable_pod_groups(&mut self, groups: &mut [PodGroup], group: GroupId) -> Vec<usize> {
        let Some(template) = self.templates.get(group) else {
            return Vec::new();
        };
        self.snapshot.fork();
        let info = template.node(SimNode::New, self.snapshot);
        let slot = self.snapshot.add_node(info);
        let mut found = Vec::new();
        for (index, pods) in groups.iter_mut().enumerate() {
            match self.snapshot.check(pods.pods.class, slot) {
                Ok(()) => {
                    pods.schedulable = true;
                    pods.schedulable_groups.push(group);
                    found.push(index);
                }
                Err(reasons) => {
                    pods.scheduling_errors.insert(group, reasons);
                }
            }
        }
        self.snapshot.revert();
        found
    }

    /// How many nodes of a group would take how many pods.
    fn expansion_option(
        &mut self,
        group: GroupId,
        groups: &[PodGroup],
        schedulable: &BTreeMap<GroupId, Vec<usize>>,
    ) -> ExpansionOption {
        let mut option = ExpansionOption {
            group,
            similar: Vec::new(),
            nodes: 0,
            pods: Vec::new(),
            requested: Resources::default(),
        };
        let pods: Vec<PodEquivalenceGroup> = schedulable[&group]
            .iter()
            .map(|index| groups[*index].pods.clone())
            .collect();
        let Some(template) = self.templates.get(group).filter(|_| !pods.is_empty()) else {
            return option;
        };
        option.similar = self.similar_groups(group, schedulable);
        let sizes = std::iter::once(group)
            .chain(option.similar.iter().copied())
            .map(|group| {
                (
                    group,
                    self.seen.group(group),
                    self.outside.target_size(group),
                )
            });
        let limiter = Limiter::new([
            self.options.max_nodes_per_scale_up,
            similar_groups_capacity(sizes),
            cluster_capacity(self.options.max_nodes_total, self.nodes),
        ]);
        let fastpath = self.options.fastpath_binpacking;
        let estimate = estimator::estimate(self.snapshot, &pods, template, limiter, fastpath);
        option.nodes = estimate.nodes;
        option.pods = estimate.pods;
        for pod in &option.pods {
            let class = self.seen.class(self.seen.pods[*pod as usize].class);
            option.requested.take(&class.requests);
        }
        option
    }

    fn best_option(&mut self, options: Vec<ExpansionOption>) -> Option<ExpansionOption> {
        let (seen, templates) = (self.seen, self.templates);
        let context = ExpanderContext {
            groups: seen.groups,
            shape: &|group| templates.get(group).map(|template| template.shape.as_ref()),
            cluster_nodes: seen.nodes.len(),
            pod_prices: seen.pod_prices,
            pod_requests: &|pod| &seen.class(seen.pods[pod as usize].class).requests,
            priorities: seen.priorities,
            now: seen.now,
        };
        let left = expander::survivors(&self.options.expanders, &options, &context, self.events);
        let drawn = match left.len() {
            0 => return None,
            1 => 0,
            several => (self.draw)(several),
        };
        let chosen = left[drawn];
        let best = options[chosen].clone();
        self.choices.push(Choice {
            options,
            equally_good: left,
            chosen,
        });
        Some(best)
    }

    /// As many nodes as `max-nodes-total` leaves.
    fn capped(&mut self, new_nodes: i64, current: i64) -> Result<i64, String> {
        let total = self.options.max_nodes_total;
        if total == 0 || new_nodes + current <= total {
            return Ok(new_nodes);
        }
        let message = format!("Max total nodes in cluster reached: {total}");
        self.events.warning(
            self.seen.now,
            "MaxNodesTotalReached",
            Involved::Status,
            message,
        );
        match total - current {
            left if left < 1 => Err("max node total count already reached".to_owned()),
            left => Ok(left),
        }
    }
}

/// Nothing can be grown for the pods.
fn no_options(groups: &[PodGroup], skipped: &GroupReasons) -> ScaleUpStatus {
    ScaleUpStatus {
        pods_remain_unschedulable: remaining(groups, skipped),
        ..ScaleUpStatus::new(ScaleUpResult::NoOptionsAvailable)
    }
}

/// The pods that no group can take.
fn remaining(groups: &[PodGroup], skipped: &GroupReasons) -> Vec<NoScaleUpInfo> {
    groups
        .iter()
        .filter(|group| !group.schedulable)
        .map(|group| NoScaleUpInfo {
            pods: group.pods.pods.clone(),
            rejected: group.scheduling_errors.clone(),
            skipped: skipped.clone(),
        })
        .collect()
}

/// The pods that another group can take, but not the one that grew.
fn awaiting(groups: &[PodGroup], best: GroupId) -> Vec<u32> {
    groups
        .iter()
        .filter(|group| group.schedulable && group.scheduling_errors.contains_key(&best))
        .flat_map(|group| group.pods.pods.iter().copied())
        .collect()
}

fn mark_all(groups: &mut [PodGroup], reason: &str) {
    for group in groups.iter_mut().filter(|group| group.schedulable) {
        for taker in &group.schedulable_groups {
            group
                .scheduling_errors
                .insert(*taker, vec![reason.to_owned()]);
        }
        group.schedulable = false;
    }
}

/// Pods that only groups of the plan can take which were not resized are as before. One after the
/// other, those behind the one that failed were not either.
fn mark_failed(groups: &mut [PodGroup], failed: &[GroupId], plan: &[ScaleUpInfo], parallel: bool) {
    let planned = plan.iter().map(|info| info.group);
    let failed: Vec<GroupId> = if parallel {
        failed.to_vec()
    } else {
        planned
            .skip_while(|group| !failed.contains(group))
            .collect()
    };
    for group in groups.iter_mut().filter(|group| group.schedulable) {
        let mut all = !group.schedulable_groups.is_empty();
        for taker in &group.schedulable_groups {
            if failed.contains(taker) {
                let reason = vec![EXECUTION_ERROR.to_owned()];
                group.scheduling_errors.insert(*taker, reason);
            } else {
                all = false;
            }
        }
        group.schedulable = !all;
    }
}
