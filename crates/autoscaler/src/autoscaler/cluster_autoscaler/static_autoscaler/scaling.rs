//! Up, then down, then up to the min sizes.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::{Loop, StaticAutoscaler, ready_nodes};
use crate::autoscaler::cluster_autoscaler::events::Involved;
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::pod_list;
use crate::autoscaler::cluster_autoscaler::scale_down::actuator::Context;
use crate::autoscaler::cluster_autoscaler::scale_down::candidates::Around;
use crate::autoscaler::cluster_autoscaler::scale_down::deletion_tracker::InProgress;
use crate::autoscaler::cluster_autoscaler::scale_down::{
    ScaleDownResult, update_soft_deletion_taints,
};
use crate::autoscaler::cluster_autoscaler::scale_up::orchestrator::ScaleUp;
use crate::autoscaler::cluster_autoscaler::scale_up::{
    NoScaleUpInfo, ScaleUpInfo, ScaleUpResult, ScaleUpStatus,
};
use crate::autoscaler::cluster_autoscaler::simulator::hinting::HintingSimulator;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::{NodeInfo, Snapshot};

impl Loop<'_, '_> {
    /// A scale-up that ended: its events, and its place in the report.
    fn finish_scale_up(&mut self, status: ScaleUpStatus) {
        status.record(self.seen, &mut self.events);
        self.report.scale_up.push(status);
    }

    /// The loop ended before a scale-up.
    pub(super) fn scale_up_not_run(&mut self) {
        self.finish_scale_up(ScaleUpStatus::new(ScaleUpResult::NotTried));
    }
}

impl StaticAutoscaler {
    pub(super) fn scale<'a>(
        &mut self,
        this: &mut Loop<'a, '_>,
        snapshot: &mut Snapshot<'a>,
        left_out: &BTreeSet<NodeId>,
        deletions: &InProgress,
    ) -> Result<(), String> {
        let seen = this.seen;
        let snapshot_nodes = snapshot.count() as i64;
        let under_way = self.actuator.tracker.in_progress();
        let hints = &mut self.pod_list_hints;
        let mut pods = pod_list::process(seen, &self.options, snapshot, hints, under_way);
        pod_list::filter_out_young(seen, &self.options, &mut pods);
        let untried = self.why_not_scale_up(this, &pods);
        if untried.is_none() && self.scale_up_for(this, snapshot, snapshot_nodes, pods) {
            // It stands if scale-down is switched off, else the scale-down decides.
            this.report.scale_down = ScaleDownResult::InCooldown;
        }
        let scaled_down = if self.options.scale_down_enabled {
            self.scale_down(this, snapshot, left_out, deletions)
        } else {
            Ok(())
        };
        if scaled_down.is_ok() && self.options.enforce_node_group_min_size {
            self.scale_up(this, snapshot, snapshot_nodes, None);
        } else if let Some(status) = untried {
            this.finish_scale_up(status);
        }
        scaled_down
    }

    /// What to report if no scale-up is tried.
    fn why_not_scale_up(&self, this: &mut Loop<'_, '_>, pods: &[u32]) -> Option<ScaleUpStatus> {
        let seen = this.seen;
        let total = self.options.max_nodes_total;
        if pods.is_empty() {
            return Some(ScaleUpStatus::new(ScaleUpResult::NotNeeded));
        }
        if total > 0 && ready_nodes(seen) as i64 >= total {
            let message = format!("Max total nodes in cluster reached: {total}");
            this.events
                .warning(seen.now, "MaxNodesTotalReached", Involved::Status, message);
            let remaining = NoScaleUpInfo {
                pods: pods.to_vec(),
                rejected: std::collections::BTreeMap::new(),
                skipped: std::collections::BTreeMap::new(),
            };
            return Some(ScaleUpStatus {
                pods_remain_unschedulable: vec![remaining],
                ..ScaleUpStatus::new(ScaleUpResult::LimitedByMaxNodesTotal)
            });
        }
        if self.options.bypassed_schedulers.is_empty() && pod_list::all_are_new(seen, pods) {
            this.report.all_pending_too_new = true;
            return Some(ScaleUpStatus::new(ScaleUpResult::InCooldown));
        }
        None
    }

    /// For pods: once, or as long as it helps (`runScaleUpSalvo`); answers whether the last time did.
    fn scale_up_for<'a>(
        &mut self,
        this: &mut Loop<'a, '_>,
        snapshot: &mut Snapshot<'a>,
        mut nodes: i64,
        mut pods: Vec<u32>,
    ) -> bool {
        loop {
            if !self.scale_up(this, snapshot, nodes, Some(&pods)) {
                return false;
            }
            let Some(status) = this.report.scale_up.last() else {
                return true;
            };
            if !self.options.salvo_scale_up || status.pods_triggered.is_empty() {
                return true;
            }
            let handled = status.pods_triggered.clone();
            let known: FxHashSet<u32> = handled.iter().copied().collect();
            pods.retain(|pod| !known.contains(pod));
            if pods.is_empty() {
                return true;
            }
            let grown = status.groups.clone();
            match self.settle(this.seen, snapshot, nodes, (&grown, &handled)) {
                Some(added) => nodes += added,
                None => return true,
            }
        }
    }

    /// Puts the nodes that were just asked for into the snapshot, and the pods onto them; answers
    /// how many, if all pods have found a place
    /// (`addLatestScaleUpResultsToClusterSnapshot`).
    fn settle(
        &self,
        seen: &Observation<'_>,
        snapshot: &mut Snapshot<'_>,
        nodes: i64,
        (grown, pods): (&[ScaleUpInfo], &[u32]),
    ) -> Option<i64> {
        let mut added = FxHashSet::default();
        for info in grown {
            let template = self.templates.get(info.group)?;
            for _ in info.current..info.new {
                // Numbers that no node on its way has.
                let number = u32::MAX - (nodes as u32 + added.len() as u32);
                let node = template.upcoming(info.group, number);
                let made = template.node(node, snapshot);
                snapshot.add_node(made);
                added.insert(node);
            }
        }
        let mut hints = HintingSimulator::default();
        let is_new = |info: &NodeInfo| added.contains(&info.node);
        let placed = hints.try_schedule(snapshot, seen.pods, pods, true, is_new);
        (placed.iter().all(|placed| *placed)).then_some(added.len() as i64)
    }

    /// For pods, or to the groups' min sizes; answers whether any group grew.
    fn scale_up<'a>(
        &mut self,
        this: &mut Loop<'a, '_>,
        snapshot: &mut Snapshot<'a>,
        nodes: i64,
        pods: Option<&[u32]>,
    ) -> bool {
        let mut scale_up = ScaleUp {
            seen: this.seen,
            options: &self.options,
            templates: &self.templates,
            snapshot,
            registry: &mut self.registry,
            outside: this.outside,
            events: &mut this.events,
            local_delays: &mut self.local_delays,
            choices: &mut this.report.choices,
            draw: this.draw,
            nodes,
        };
        let status = match pods {
            Some(pods) => scale_up.scale_up(pods),
            None => scale_up.scale_up_to_min_size(),
        };
        let successful = status.result == ScaleUpResult::Successful;
        if successful {
            self.last_scale_up = this.seen.now;
        }
        this.finish_scale_up(status);
        successful
    }

    fn scale_down(
        &mut self,
        this: &mut Loop<'_, '_>,
        snapshot: &mut Snapshot<'_>,
        left_out: &BTreeSet<NodeId>,
        deletions: &InProgress,
    ) -> Result<(), String> {
        let seen = this.seen;
        let around = Around {
            outside: this.outside,
            delays: &self.local_delays,
            left_out,
            deletions,
        };
        let nodes = (&mut self.cluster, &mut *snapshot);
        self.planner.update(seen, &self.options, &around, nodes);
        let unneeded = self.planner.unneeded().iter();
        let groups = unneeded
            .filter_map(|node| snapshot.place(node.removal.node))
            .filter_map(|place| seen.nodes[place].group);
        self.registry.update_candidates(groups, seen.now);
        let mut error = None;
        this.report.scale_down = if self.is_in_cooldown(seen.now) || this.report.all_pending_too_new
        {
            ScaleDownResult::InCooldown
        } else if !self.planner.has_candidates() {
            ScaleDownResult::NoCandidates
        } else {
            let (result, failure) = self.start_deletion(this, snapshot, deletions);
            error = failure;
            result
        };
        let unneeded = self.planner.unneeded();
        let tainted = self.cluster.soft_tainted();
        update_soft_deletion_taints(
            seen,
            &self.options,
            snapshot,
            tainted,
            unneeded,
            this.outside,
        );
        match error {
            Some(error) => {
                self.last_failed_delete = seen.now;
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn start_deletion(
        &mut self,
        this: &mut Loop<'_, '_>,
        snapshot: &Snapshot<'_>,
        deletions: &InProgress,
    ) -> (ScaleDownResult, Option<String>) {
        let seen = this.seen;
        let options = &self.options;
        let chosen = self
            .planner
            .nodes_to_delete(seen, options, snapshot, this.outside, deletions);
        let mut context = Context {
            seen,
            options,
            cluster: &self.cluster,
            outside: this.outside,
            events: &mut this.events,
            local_delays: &mut self.local_delays,
        };
        let (result, started, error) = self.actuator.start_deletion(&mut context, snapshot, chosen);
        this.report.deletion_started = started;
        if result == ScaleDownResult::NodeDeleteStarted {
            self.last_delete = seen.now;
            self.registry.recalculate(seen, this.outside);
        }
        (result, error)
    }
}
