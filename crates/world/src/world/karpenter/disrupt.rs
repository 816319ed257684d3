//! Passes of disruption, and the commands that come of them.
//!
//! Upstream: `pkg/controllers/disruption/{controller,queue}.go`. A pass tries one method after the other. What
//! emptiness and consolidation propose is looked at again 15 s later, in which the pass waits. Then the
//! nodes are tainted, what replaces them is launched, and once that is ready they are deleted.

use std::sync::Arc;

use super::launch::Wanted;
use super::view::View;
use super::{Event, Karpenter};
use crate::api::{Taint, TaintEffect, Write};
use crate::autoscaler::karpenter::disruption::{
    Command, LOOP, Method, Notes, Pass, Rejected, commands, validate,
};
use crate::autoscaler::karpenter::{NodePool, Reason};
use crate::cloud::InstanceId;
use crate::scenario::model::KarpenterSpec;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// The taint of nodes that are about to go.
pub(super) const DISRUPTED: &str = "karpenter.sh/disrupted";
/// From a command to the next pass: the calls that taint its nodes.
const AT_ONCE: SimDuration = SimDuration::from_millis(100);
/// How often a command looks for the nodes that it waits for.
const POLL: SimDuration = SimDuration::from_secs(1);
/// A command that waits for longer is given up.
const GIVE_UP: SimDuration = SimDuration::from_secs(600);
/// Without any change passes look again after this.
const CALM: SimDuration = SimDuration::from_secs(300);

/// What a pass wants to do, once it has been looked at again.
#[derive(Debug, Clone)]
pub(super) struct Proposed {
    /// The place of its method.
    method: usize,
    pub(super) nodes: Vec<InstanceId>,
    pub(super) replacements: Vec<Wanted>,
    targets: Vec<InstanceId>,
    /// Pods that are to go to nodes that are there, by name.
    moves: Vec<(String, InstanceId)>,
    /// US dollars an hour.
    pub(super) savings: f64,
}

impl Proposed {
    fn of(method: usize, command: &Command<'_>, view: &View, spec: &KarpenterSpec) -> Self {
        let instances = |places: &[usize]| places.iter().map(|at| view.instances[*at]).collect();
        Self {
            method,
            nodes: instances(&command.nodes),
            replacements: (command.replacements.iter())
                .map(|claim| Wanted::of(claim, spec))
                .collect(),
            targets: instances(&command.targets),
            moves: (command.moves.iter())
                .map(|(pod, at)| (pod.clone(), view.instances[*at]))
                .collect(),
            savings: command.savings,
        }
    }
}

/// A command that is carried out.
#[derive(Debug, Clone)]
pub(super) struct Running {
    begun: SimTime,
    reason: &'static str,
    nodes: Vec<InstanceId>,
    replacements: Vec<InstanceId>,
}

/// As upstream's texts have it.
pub(super) fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Underutilized => "Underutilized",
        Reason::Empty => "Empty",
        Reason::Drifted => "Drifted",
    }
}

impl Simulation<'_> {
    /// A pass goes on with the method at a place.
    pub(super) fn disruption_pass(&mut self, karpenter: &mut Karpenter, from: usize, now: SimTime) {
        let spec = Arc::clone(&karpenter.spec);
        // Nodes that start have something new to say.
        let mut claims = karpenter.claims.values();
        let all_started = claims.all(|claim| claim.initialized.is_some());
        let is_calm = !karpenter.changed && now < karpenter.calm_until && all_started;
        if from == 0 && is_calm {
            self.tell_again(karpenter, now);
        }
        if karpenter.claims.is_empty() || from == 0 && is_calm {
            self.plan_pass(karpenter, now + LOOP);
            return;
        }
        // A pass that goes on after a second look has not shown the methods before what came since.
        if from == 0 {
            karpenter.changed = false;
        }
        let view = self.karpenter_view(karpenter, now);
        let notes = Notes::default();
        let cluster = view.cluster(&spec);
        let pass = Pass {
            notes: self.recorder.keeps_events().then_some(&notes),
            ..self.pass(&spec, &view, now)
        };
        self.tell_of_blocks(karpenter, &view, now);
        for (place, method) in Method::ALL.into_iter().enumerate().skip(from) {
            let commands = commands(cluster, &pass, method);
            self.tell_of_findings(karpenter, (cluster, &view), notes.take(), now);
            let commands = commands.iter();
            let mut commands = commands.map(|command| Proposed::of(place, command, &view, &spec));
            let Some(first) = commands.next() else {
                continue;
            };
            if let Some(delay) = method.validation_delay() {
                karpenter.proposed = Some(first);
                karpenter.pass = karpenter.pass.wrapping_add(1);
                self.karpenter_at(now + delay, Event::Validate(karpenter.pass));
            } else {
                for proposed in std::iter::once(first).chain(commands) {
                    self.begin_command(karpenter, &proposed, now);
                }
                self.plan_pass(karpenter, now + AT_ONCE);
            }
            return;
        }
        karpenter.calm_until = calm_until(karpenter, &spec.pools, now);
        self.plan_pass(karpenter, now + LOOP);
    }

    fn plan_pass(&mut self, karpenter: &mut Karpenter, at: SimTime) {
        karpenter.pass = karpenter.pass.wrapping_add(1);
        self.karpenter_at(at, Event::Pass(karpenter.pass));
    }

    fn pass<'a>(&self, spec: &KarpenterSpec, view: &'a View, now: SimTime) -> Pass<'a> {
        let start = self.scenario.controllers.vpa.clock.unix_start;
        Pass {
            pending: &view.pending,
            now,
            epoch: start.saturating_mul(1_000_000_000),
            spot_to_spot: spec.config.spot_to_spot,
            notes: None,
        }
    }

    /// What a pass has proposed is done if it still holds; else the next method has its turn.
    pub(super) fn validate_proposed(&mut self, karpenter: &mut Karpenter, now: SimTime) {
        let Some(mut proposed) = karpenter.proposed.take() else {
            return;
        };
        let spec = Arc::clone(&karpenter.spec);
        let view = self.karpenter_view(karpenter, now);
        let places: Option<Vec<usize>> = proposed.nodes.iter().map(|id| view.place(*id)).collect();
        let types = proposed.replacements.first();
        let types: Option<Vec<&str>> =
            types.map(|one| one.types.iter().map(String::as_str).collect());
        let method = Method::ALL[proposed.method];
        let (cluster, notes) = (view.cluster(&spec), Notes::default());
        let pass = Pass {
            notes: self.recorder.keeps_events().then_some(&notes),
            ..self.pass(&spec, &view, now)
        };
        let holds = places
            .ok_or(Rejected::Churn)
            .and_then(|places| validate(cluster, &pass, method, &places, types.as_deref()));
        self.tell_of_blocks(karpenter, &view, now);
        self.tell_of_findings(karpenter, (cluster, &view), notes.take(), now);
        karpenter.changed = true;
        match holds {
            Ok(places) => {
                proposed.nodes = places.iter().map(|at| view.instances[*at]).collect();
                self.begin_command(karpenter, &proposed, now);
                self.plan_pass(karpenter, now + AT_ONCE);
            }
            Err(why) => {
                if method != Method::Emptiness {
                    self.tell_of_rejection(karpenter, &proposed, why, now);
                }
                self.disruption_pass(karpenter, proposed.method + 1, now);
            }
        }
    }

    /// Taints the nodes and launches what replaces them.
    fn begin_command(&mut self, karpenter: &mut Karpenter, proposed: &Proposed, now: SimTime) {
        let reason = name(Method::ALL[proposed.method].reason());
        for id in &proposed.nodes {
            self.taint_disrupted(*id, true, now);
        }
        let mut replacements = Vec::new();
        for wanted in &proposed.replacements {
            if let Some(id) = self.launch_claim(karpenter, wanted, now) {
                self.note_replacement(karpenter, id, (wanted, reason), now);
                replacements.push(id);
            }
        }
        if replacements.len() < proposed.replacements.len() {
            for id in &proposed.nodes {
                self.taint_disrupted(*id, false, now);
            }
            return;
        }
        for id in &proposed.targets {
            Self::nominate(karpenter, *id, now);
        }
        for (pod, id) in &proposed.moves {
            let pod = pod.split_once('/');
            let pod = pod.and_then(|(namespace, name)| self.find_pod(namespace, name));
            if let Some(pod) = pod.map(|(pod, _)| pod) {
                let name = &self.cloud.instance(*id).name;
                let target = if karpenter.claims.contains_key(id) {
                    format!("nodeclaim/{name}, node/{name}")
                } else {
                    format!("node/{name}")
                };
                self.tell_of_nomination(karpenter, pod, &target, now);
            }
        }
        self.note_disruption(
            karpenter,
            proposed,
            (&proposed.nodes, &replacements),
            (reason, now),
        );
        for id in &proposed.nodes {
            if let Some(claim) = karpenter.claims.get_mut(id) {
                claim.marked = Some(reason);
            }
            self.karpenter_at(now, Event::Node(*id));
        }
        let number = karpenter.next_command;
        karpenter.next_command += 1;
        karpenter.commands.insert(
            number,
            Running {
                begun: now,
                reason,
                nodes: proposed.nodes.clone(),
                replacements,
            },
        );
        self.karpenter_at(now, Event::Command(number));
    }

    /// Deletes a command's nodes once what replaces them is ready.
    pub(super) fn advance_command(&mut self, karpenter: &mut Karpenter, number: u32, now: SimTime) {
        let Some(running) = karpenter.commands.remove(&number) else {
            return;
        };
        let claims = &karpenter.claims;
        let is_lost = running
            .replacements
            .iter()
            .any(|id| !claims.contains_key(id));
        if is_lost || now - running.begun > GIVE_UP {
            for id in &running.nodes {
                if let Some(claim) = karpenter.claims.get_mut(id) {
                    claim.marked = None;
                    let pool = claim.pool as u32;
                    self.taint_disrupted(*id, false, now);
                    self.karpenter_at(now, Event::Static(pool));
                }
            }
            return;
        }
        let waits_for = |id: &&super::InstanceId| claims[*id].initialized.is_none();
        let waits: Vec<_> = running
            .replacements
            .iter()
            .filter(waits_for)
            .copied()
            .collect();
        if !waits.is_empty() {
            for id in waits {
                self.tell_of_replacement(karpenter, id, running.reason, now);
            }
            karpenter.commands.insert(number, running);
            self.karpenter_at(now + POLL, Event::Command(number));
            return;
        }
        for id in &running.nodes {
            self.tell_of_disruption(*id, running.reason, now);
            self.delete_claim(karpenter, *id, running.reason, now);
        }
    }

    /// Adds the taint of nodes that are about to go, or takes it away.
    pub(super) fn taint_disrupted(&mut self, id: InstanceId, add: bool, now: SimTime) {
        let Some(node) = self.node_of_claim(id) else {
            return;
        };
        let before = &self.store.node(node).taints;
        let others = before.iter().filter(|taint| taint.key != DISRUPTED);
        let mut taints: Vec<Taint> = others.cloned().collect();
        if add {
            taints.push(Taint {
                key: DISRUPTED.to_owned(),
                value: String::new(),
                effect: TaintEffect::NoSchedule,
            });
        }
        if taints != *before {
            self.store.commit(now, Write::Taints(node, taints));
        }
    }
}

/// Until when a pass finds nothing that this one has not found, unless something changes.
fn calm_until(karpenter: &Karpenter, pools: &[NodePool], now: SimTime) -> SimTime {
    let budgets = pools.iter().flat_map(|pool| &pool.budgets);
    if budgets.into_iter().any(|budget| budget.window.is_some()) {
        return now;
    }
    let times = karpenter.claims.values().flat_map(|claim| {
        let since = claim
            .initialized
            .map(|since| claim.last_pod_event.unwrap_or(since));
        let after = pools[claim.pool].consolidate_after;
        let settled = since.zip(after).map(|(since, after)| since + after);
        [settled, Some(claim.nominated_until)]
    });
    let next = times.flatten().filter(|time| *time > now).min();
    next.map_or(now + CALM, |next| next.min(now + CALM))
}
