//! One loop after the other.
//!
//! Source: `core/static_autoscaler.go`.

mod cleanup;
mod scaling;

use std::collections::BTreeSet;

use super::backoff::BackoffReason;
use super::clusterstate::ClusterStateRegistry;
use super::events::{Event, Events, Involved};
use super::model::{GroupId, NodeId, Observation};
use super::options::Options;
use super::outside::Outside;
use super::scale_down::actuator::{Actuator, Context};
use super::scale_down::candidates::LocalDelays;
use super::scale_down::deletion_tracker::{DeletionResult, InProgress};
use super::scale_down::planner::Planner;
use super::scale_down::{ScaleDownNode, ScaleDownResult};
use super::scale_up::{Choice, ScaleUpStatus};
use super::simulator::cluster::Cluster;
use super::simulator::hinting::HintingSimulator;
use super::simulator::snapshot::Snapshot;
use super::simulator::templates::Templates;
use crate::sim::{SimDuration, SimTime};

/// At the start no cooldown applies.
const INITIAL_AGE: SimDuration = SimDuration::from_secs(3600);

/// Nodes may take so long to be ready before it is told that none is.
const NOT_READY_AFTER_START: SimDuration = SimDuration::from_secs(600);

/// What a loop did and said. What it remembers is asked of [`StaticAutoscaler`].
#[derive(Debug, Clone, PartialEq)]
pub struct LoopReport {
    /// Each scale-up, in order.
    pub scale_up: Vec<ScaleUpStatus>,
    /// Requests for nodes that came to nothing, with how: refused at once, not created, or not
    /// registered in time.
    pub failures: Vec<(GroupId, BackoffReason)>,
    /// What the expanders chose.
    pub choices: Vec<Choice>,
    /// How the scale-down ended.
    pub scale_down: ScaleDownResult,
    /// Nodes whose deletion started.
    pub deletion_started: Vec<ScaleDownNode>,
    /// Deletions that ended since the last loop.
    pub deletion_results: Vec<(NodeId, DeletionResult)>,
    /// Whether the cluster is healthy.
    pub cluster_healthy: bool,
    /// Whether all pending pods are too new.
    pub all_pending_too_new: bool,
    /// Why the loop ended before it looked at anything, if it did.
    pub aborted: Option<&'static str>,
    /// Events of the loop.
    pub events: Vec<Event>,
    /// What the loop ended with, if it failed.
    pub error: Option<String>,
}

/// The autoscaler: everything that outlives a loop.
#[derive(Debug)]
pub struct StaticAutoscaler {
    options: Options,
    registry: ClusterStateRegistry,
    templates: Templates,
    pod_list_hints: HintingSimulator,
    cluster: Cluster,
    planner: Planner,
    actuator: Actuator,
    local_delays: LocalDelays,
    last_index: usize,
    last_scale_up: SimTime,
    last_delete: SimTime,
    last_failed_delete: SimTime,
    started: SimTime,
    /// Whether what an earlier process has left on the nodes is gone.
    initialized: bool,
}

/// A loop at work.
struct Loop<'a, 'o> {
    seen: &'a Observation<'a>,
    outside: &'o mut dyn Outside,
    draw: &'o mut dyn FnMut(usize) -> usize,
    events: Events,
    report: LoopReport,
}

impl StaticAutoscaler {
    /// An autoscaler that starts at `now`.
    pub fn new(options: Options, now: SimTime) -> Self {
        let initial = now - INITIAL_AGE;
        Self {
            registry: ClusterStateRegistry::new(&options, now),
            planner: Planner::new(&options),
            options,
            templates: Templates::default(),
            pod_list_hints: HintingSimulator::default(),
            cluster: Cluster::default(),
            actuator: Actuator::default(),
            local_delays: LocalDelays::default(),
            last_index: 0,
            last_scale_up: initial,
            last_delete: initial,
            last_failed_delete: initial,
            started: now,
            initialized: false,
        }
    }

    /// The flags.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The cluster's state as of the last loop.
    pub const fn registry(&self) -> &ClusterStateRegistry {
        &self.registry
    }

    /// Unneeded and unremovable nodes.
    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// Deletions under way.
    pub const fn deletions(&self) -> &InProgress {
        self.actuator.tracker.in_progress()
    }

    /// The last successful scale-up.
    pub const fn last_scale_up(&self) -> SimTime {
        self.last_scale_up
    }

    /// When deletions last started.
    pub const fn last_delete(&self) -> SimTime {
        self.last_delete
    }

    /// When starting deletions last failed.
    pub const fn last_failed_delete(&self) -> SimTime {
        self.last_failed_delete
    }

    /// Whether nodes may not be deleted at `now` because of an earlier action.
    pub fn is_in_cooldown(&self, now: SimTime) -> bool {
        let options = &self.options;
        !options.scale_down_delay_type_local
            && (self.last_scale_up + options.scale_down_delay_after_add > now
                || self.last_failed_delete + options.scale_down_delay_after_failure > now
                || self.last_delete + options.scale_down_delay_after_delete > now)
    }

    /// When something has to be done between loops.
    pub fn next_wakeup(&self) -> SimTime {
        let refresh = self.registry.next_refresh();
        self.actuator
            .next()
            .map_or(refresh, |next| next.min(refresh))
    }

    /// Does what is due by `seen.now` between loops; answers the events.
    pub fn advance(&mut self, seen: &Observation<'_>, outside: &mut dyn Outside) -> Vec<Event> {
        let mut events = Events::default();
        self.cluster.take_in(seen, &self.options);
        self.registry.refresh_instances(seen, outside, seen.now);
        self.actuator.advance(&mut Context {
            seen,
            options: &self.options,
            cluster: &self.cluster,
            outside,
            events: &mut events,
            local_delays: &mut self.local_delays,
        });
        events.0
    }

    /// One loop. `draw` chooses among so many options that are equally good.
    pub fn run_once(
        &mut self,
        seen: &Observation<'_>,
        outside: &mut dyn Outside,
        draw: &mut dyn FnMut(usize) -> usize,
    ) -> LoopReport {
        let mut this = Loop {
            seen,
            outside,
            draw,
            events: Events::default(),
            report: LoopReport {
                scale_up: Vec::new(),
                failures: Vec::new(),
                choices: Vec::new(),
                scale_down: ScaleDownResult::NotTried,
                deletion_started: Vec::new(),
                deletion_results: Vec::new(),
                cluster_healthy: true,
                all_pending_too_new: false,
                aborted: None,
                events: Vec::new(),
                error: None,
            },
        };
        self.clean_up_if_required(&mut this);
        self.cluster.take_in(seen, &self.options);
        if let Some(message) = self.should_abort(seen) {
            self.planner.clean_up_unneeded();
            // Nodes of a cluster that has just started may not be ready yet.
            if seen.nodes.is_empty() || seen.now > self.started + NOT_READY_AFTER_START {
                this.events
                    .warning(seen.now, "ClusterUnhealthy", Involved::Status, message);
            }
            this.report.aborted = Some(message);
            this.report.events = this.events.0;
            return this.report;
        }
        let deletions = self.deletions().clone();
        let mut snapshot = self.cluster.lend(seen, self.last_index);
        self.templates
            .recompute(seen, (&self.cluster, &snapshot), &self.options);
        self.registry.update_nodes(
            seen,
            &self.options,
            this.outside,
            &mut this.events,
            (&mut self.cluster, &snapshot),
        );
        let result = self.loop_body(&mut this, &mut snapshot, &deletions);
        self.last_index = snapshot.last_index;
        self.cluster.give_back(snapshot);
        if this.report.scale_up.is_empty() {
            this.scale_up_not_run();
        }
        this.report.failures.extend(self.registry.take_failures());
        this.report.error = result.err();
        this.report.deletion_results = self.actuator.tracker.take_results();
        this.report.cluster_healthy = self.registry.is_cluster_healthy(&self.options);
        this.report.events = this.events.0;
        this.report
    }

    /// A cluster without nodes, where that is not to be helped.
    fn should_abort(&self, seen: &Observation<'_>) -> Option<&'static str> {
        if self.options.scale_up_from_zero {
            return None;
        }
        if seen.nodes.is_empty() {
            return Some("Cluster has no nodes.");
        }
        (ready_nodes(seen) == 0).then_some("Cluster has no ready nodes.")
    }

    fn loop_body<'a>(
        &mut self,
        this: &mut Loop<'a, '_>,
        snapshot: &mut Snapshot<'a>,
        deletions: &InProgress,
    ) -> Result<(), String> {
        self.remove_old_unregistered(this);
        if !self.registry.is_cluster_healthy(&self.options) {
            self.planner.clean_up_unneeded();
            let now = this.seen.now;
            this.events.warning(
                now,
                "ClusterUnhealthy",
                Involved::Status,
                "Cluster is unhealthy",
            );
            return Ok(());
        }
        self.delete_created_with_errors(this);
        if self.fix_node_group_size(this)? {
            return Ok(());
        }
        let left_out = self.replace_upcoming(this.seen, snapshot);
        self.scale(this, snapshot, &left_out, deletions)
    }

    /// Puts ready nodes into the snapshot for all that are on their way; answers those of them
    /// that are registered, which the snapshot does not have any more.
    fn replace_upcoming(
        &self,
        seen: &Observation<'_>,
        snapshot: &mut Snapshot<'_>,
    ) -> BTreeSet<NodeId> {
        let mut registered = BTreeSet::new();
        for group in seen.group_ids() {
            let (count, not_started) = self.registry.upcoming(group, seen.now);
            registered.extend(not_started.iter().copied());
            if let Some(template) = self.templates.get(group) {
                for number in 0..count {
                    let node = template.upcoming(group, number as u32);
                    let info = template.node(node, snapshot);
                    snapshot.add_node(info);
                }
            }
        }
        for id in &registered {
            if let Some(slot) = snapshot.slot(*id) {
                snapshot.remove_node(slot);
            }
        }
        registered
    }

    /// Upcoming nodes of a group, and those of them that are registered.
    pub fn upcoming(&self, group: GroupId, now: SimTime) -> (i64, &[NodeId]) {
        self.registry.upcoming(group, now)
    }
}

/// Nodes that are ready and not cordoned.
fn ready_nodes(seen: &Observation<'_>) -> usize {
    seen.nodes
        .iter()
        .filter(|node| node.ready && !node.unschedulable)
        .count()
}
