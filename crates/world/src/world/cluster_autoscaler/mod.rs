//! The Cluster Autoscaler in the cluster: its loops at their times, what it sees, what it changes,
//! its events.
//!
//! The core is [`StaticAutoscaler`]; when a loop begins follows `loop/trigger.go`. A real loop
//! takes time: here it acts at its begin, and the next begins [`LOOP_TIME`] later at the earliest.

mod budgets;
mod classes;
mod outside;
mod pods;
mod priorities;
mod report;
mod status;
#[cfg(test)]
mod tests;
mod view;

use super::{Event as WorldEvent, Simulation};
use crate::api::{Clock, NodeId, ObjectId, Pod, PodId, What};
use crate::autoscaler::cluster_autoscaler::{PodPrices, StaticAutoscaler, loop_trigger};
use crate::autoscaler::vpa::WallClock;
use crate::record::NodeAutoscalerRecord;
use crate::scenario::Scenario;
use crate::sim::{SimDuration, SimTime, Stream, Streams};
use outside::World;
use status::Status;
use view::View;

/// How long a loop takes.
const LOOP_TIME: SimDuration = SimDuration::from_millis(200);

/// What the Cluster Autoscaler waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A loop begins, if this is still the next.
    Loop(u32),
    /// Something that goes on between loops is due, if this is still when.
    Advance(u32),
}

/// The Cluster Autoscaler.
#[derive(Debug)]
pub(super) struct ClusterAutoscaler {
    core: StaticAutoscaler,
    view: View,
    /// Ties that only chance decides.
    draws: Stream,
    /// When the next loop begins, and its number.
    next: (SimTime, u32),
    /// When the last loop ended.
    ended: SimTime,
    /// The same for what goes on between loops.
    wakeup: (SimTime, u32),
    told: report::Told,
    /// The status ConfigMap, if anybody wants it.
    status: Option<Status>,
    calendar: WallClock,
}

impl ClusterAutoscaler {
    /// The autoscaler of a scenario, if it has one.
    pub(super) fn new(scenario: &Scenario, streams: &Streams) -> Option<Self> {
        let config = &scenario.controllers.cluster_autoscaler;
        if !config.enabled {
            return None;
        }
        let pricing = &scenario.pricing;
        let has_prices = pricing.cpu_hour.0 > 0.0 || pricing.gib_hour.0 > 0.0;
        let prices = has_prices.then_some(PodPrices {
            core_hour: pricing.cpu_hour.0,
            gib_hour: pricing.gib_hour.0,
        });
        let priorities = config.priorities.as_ref().map(priorities::compiled);
        let unix_start = scenario.controllers.vpa.clock.unix_start;
        Some(Self {
            core: StaticAutoscaler::new(config.options.clone(), SimTime::ZERO),
            view: View::new(
                (&scenario.node_groups, &config.group_options),
                prices,
                priorities,
                &config.options,
                unix_start,
            ),
            draws: streams.stream("cluster-autoscaler"),
            next: (SimTime::ZERO, 0),
            ended: SimTime::ZERO,
            wakeup: (SimTime::MAX, 0),
            told: report::Told::default(),
            status: None,
            calendar: scenario.controllers.vpa.clock,
        })
    }
}

/// Limits of the whole cluster: what a refusal for one says, and which it is.
fn limits(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let options = &scenario.controllers.cluster_autoscaler.options;
    let mut made = Vec::new();
    if options.max_nodes_total > 0 {
        let limit = format!("max-nodes-total is {}", options.max_nodes_total);
        made.push(("max total nodes in cluster reached", limit));
    }
    for (words, flag, limit) in [
        ("resources: cpu", "cores-total", options.cores_total.max),
        (
            "resources: memory",
            "memory-total",
            options.memory_total.max,
        ),
    ] {
        made.push((words, format!("{flag} is {limit} at most")));
    }
    made
}

impl Simulation<'_> {
    /// Its first loop begins a scan interval after the start.
    pub(super) fn start_cluster_autoscaler(&mut self) {
        if let Some(autoscaler) = &mut self.cluster_autoscaler {
            for (id, pod) in self.store.pods() {
                autoscaler.view.touch(id, pod);
            }
            for (id, _) in self.store.nodes() {
                autoscaler.view.touch_node(id);
            }
            for (id, _) in self.store.daemon_sets() {
                autoscaler.view.touch_object(ObjectId::DaemonSet(id));
            }
            let first = SimTime::ZERO + autoscaler.core.options().scan_interval;
            self.recorder.recording.node_autoscaler = Some(NodeAutoscalerRecord {
                name: "ClusterAutoscaler",
                groups: self
                    .scenario
                    .node_groups
                    .iter()
                    .filter_map(|group| Some((group.name.clone(), group.scaling.bounds?)))
                    .collect(),
                limits: limits(self.scenario),
                ..NodeAutoscalerRecord::default()
            });
            self.plan_loop(first);
        }
    }

    fn plan_loop(&mut self, at: SimTime) {
        if let Some(autoscaler) = &mut self.cluster_autoscaler {
            autoscaler.next = (at, autoscaler.next.1.wrapping_add(1));
            let event = Event::Loop(autoscaler.next.1);
            self.queue
                .schedule(at, WorldEvent::ClusterAutoscaler(event));
        }
    }

    /// A node has changed, or has come or gone.
    pub(super) fn tell_cluster_autoscaler_of_node(&mut self, id: NodeId) {
        if let Some(autoscaler) = &mut self.cluster_autoscaler {
            autoscaler.view.touch_node(id);
        }
    }

    /// What an object is to be has changed.
    pub(super) fn tell_cluster_autoscaler_of_scale(&mut self, id: ObjectId) {
        if let Some(autoscaler) = &mut self.cluster_autoscaler {
            autoscaler.view.touch_object(id);
        }
    }

    /// A pod has changed.
    pub(super) fn tell_cluster_autoscaler(&mut self, id: PodId, what: What, now: SimTime) {
        let Some(autoscaler) = &mut self.cluster_autoscaler else {
            return;
        };
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        autoscaler.view.touch(id, pod);
        if matches!(what, What::Scheduled | What::Deleted) {
            return;
        }
        let became_unschedulable =
            |pod: &Pod| pod.unschedulable == Some(now) && pod.node.is_none() && !pod.is_deleting();
        if became_unschedulable(pod)
            && loop_trigger::starts_loop(autoscaler.core.options(), now, now)
        {
            let at = now.max(autoscaler.ended);
            if autoscaler.next.0 > at {
                self.plan_loop(at);
            }
        }
    }

    pub(super) fn handle_cluster_autoscaler(&mut self, event: Event, now: SimTime) {
        let Some(mut autoscaler) = self.cluster_autoscaler.take() else {
            return;
        };
        let is_due = match event {
            Event::Loop(number) => autoscaler.next.1 == number,
            Event::Advance(number) => autoscaler.wakeup.1 == number,
        };
        if is_due {
            self.advance_cluster_autoscaler(&mut autoscaler, now);
            if let Event::Loop(_) = event {
                self.run_cluster_autoscaler(&mut autoscaler, now);
            }
            let wakeup = autoscaler.core.next_wakeup();
            autoscaler.wakeup = (wakeup, autoscaler.wakeup.1.wrapping_add(1));
            if wakeup < SimTime::MAX {
                let event = Event::Advance(autoscaler.wakeup.1);
                self.queue
                    .schedule(wakeup.max(now), WorldEvent::ClusterAutoscaler(event));
            }
        }
        self.cluster_autoscaler = Some(autoscaler);
        if is_due && let Event::Loop(_) = event {
            let next = self.cluster_autoscaler.as_ref();
            let next = next.map(|one| loop_trigger::next_loop(&one.core, now, one.ended));
            self.plan_loop(next.unwrap_or(SimTime::MAX));
        }
    }

    /// Does what is due between loops.
    fn advance_cluster_autoscaler(&mut self, autoscaler: &mut ClusterAutoscaler, now: SimTime) {
        let ClusterAutoscaler { core, view, .. } = autoscaler;
        if core.next_wakeup() > now {
            return;
        }
        view.update(&self.store, &self.machines);
        let mut world = World {
            simulation: self,
            view,
            now,
        };
        let events = core.advance(&view.observation(now), &mut world);
        self.tell_of_cluster_autoscaler((&events, view), core.options());
    }

    fn run_cluster_autoscaler(&mut self, autoscaler: &mut ClusterAutoscaler, now: SimTime) {
        let ClusterAutoscaler {
            core,
            view,
            draws,
            told,
            status,
            ..
        } = autoscaler;
        view.update(&self.store, &self.machines);
        let seen = view.observation(now);
        let mut world = World {
            simulation: self,
            view,
            now,
        };
        let mut draw = |among: usize| (draws.unit() * among as f64) as usize;
        let report = core.run_once(&seen, &mut world, &mut draw);
        if let Some(status) = status {
            let calendar = autoscaler.calendar;
            let clock = Clock { calendar, now };
            match report.aborted {
                Some(message) => status.initializing(Some(message), clock),
                None => status.write(&seen, core, clock),
            }
        }
        self.record_loop(&report, core, &seen, (view, told));
        self.tell_of_cluster_autoscaler((&report.events, view), core.options());
        autoscaler.ended = now + LOOP_TIME;
    }
}
