//! When nodes are found out, whose pods are evicted, and what becomes of it when they are back.

use std::sync::Arc;

use super::*;
use crate::api::{Amounts, EventSink, ObjectMeta, PodDraws, Uid};

struct Rig {
    now: SimTime,
    store: Store,
    draws: PodDraws,
    events: EventSink,
    timers: Vec<(SimTime, Event)>,
    controller: Controller,
    handled: usize,
}

impl Rig {
    /// Nodes in these zones.
    fn new(zones: &[usize]) -> (Self, Vec<NodeId>) {
        let mut rig = Self {
            now: SimTime::ZERO,
            store: Store::default(),
            draws: PodDraws::default(),
            events: EventSink::new(true),
            timers: Vec::new(),
            controller: Controller::new(&ClusterConfig::default(), Streams::new(7)),
            handled: 0,
        };
        let nodes = zones.iter().enumerate().map(|(place, zone)| {
            let node = node(&format!("n-{place}"), *zone);
            match rig
                .store
                .commit(SimTime::ZERO, Write::CreateNode(Box::new(node)))
            {
                Some(ObjectId::Node(id)) => id,
                other => unreachable!("{other:?}"),
            }
        });
        let nodes = nodes.collect();
        (rig, nodes)
    }

    fn with(&mut self, act: impl FnOnce(&mut Controller, &mut Context<'_, Event>)) {
        let timers = &mut self.timers;
        let mut timer = |at, event| timers.push((at, event));
        let mut context = Context {
            now: self.now,
            store: &mut self.store,
            draws: &mut self.draws,
            events: &mut self.events,
            timers: &mut timer,
        };
        act(&mut self.controller, &mut context);
        while let Some(change) = context.store.next_change() {
            self.controller.observe(change, &mut context);
        }
    }

    fn run_to(&mut self, seconds: i64) {
        let until = SimTime::from_secs(seconds);
        loop {
            let due = (0..self.timers.len()).min_by_key(|place| self.timers[*place].0);
            let Some(due) = due.filter(|place| self.timers[*place].0 <= until) else {
                break;
            };
            let (at, event) = self.timers.remove(due);
            self.now = at;
            self.handled += 1;
            self.with(|controller, context| controller.handle(event, context));
        }
        self.now = until;
    }

    fn falls_silent(&mut self, node: NodeId) {
        self.with(|controller, context| controller.falls_silent(node, context));
    }

    fn is_back(&mut self, node: NodeId) {
        self.with(|controller, context| {
            controller.is_heard(node);
            context.commit(Write::Readiness(node, Readiness::Ready));
        });
    }

    /// Whether a node's pods are evicted.
    fn evicts(&self, node: NodeId) -> bool {
        self.store
            .node(node)
            .has_taint(UNREACHABLE, TaintEffect::NoExecute)
    }

    fn is_unknown(&self, node: NodeId) -> bool {
        self.store.node(node).readiness == Readiness::Unknown
    }
}

fn node(name: &str, zone: usize) -> Node {
    Node {
        meta: ObjectMeta::new("", name, Uid(0), SimTime::ZERO),
        group: 0,
        zone: Some(zone),
        capacity: Amounts::default(),
        allocatable: Amounts::default(),
        max_pods: 110,
        daemons: Amounts::default(),
        extended: Arc::default(),
        unschedulable: false,
        taints: Vec::new(),
        readiness: Readiness::Ready,
        ready_transition: SimTime::ZERO,
        memory_pressure: None,
        images: Vec::new(),
    }
}

#[test]
fn a_node_is_found_out_50_s_after_its_last_renewal_was_seen() {
    for seed in 0..20 {
        let (mut rig, nodes) = Rig::new(&[0, 0, 0]);
        rig.controller.leases = Streams::new(seed);
        rig.run_to(120);
        rig.falls_silent(nodes[0]);
        // The last renewal is up to 10 s old, and is seen up to 5 s later.
        rig.run_to(159);
        assert!(!rig.is_unknown(nodes[0]));
        rig.run_to(175);
        assert!(rig.is_unknown(nodes[0]) && rig.evicts(nodes[0]));
        let since = rig.store.node(nodes[0]).ready_transition;
        assert_eq!(since.0 % PERIOD.0, 0, "{since}");
    }
}

#[test]
fn a_node_that_is_back_in_time_was_never_away() {
    let (mut rig, nodes) = Rig::new(&[0, 0]);
    rig.run_to(100);
    rig.falls_silent(nodes[0]);
    rig.run_to(130);
    rig.is_back(nodes[0]);
    rig.run_to(400);
    assert!(!rig.is_unknown(nodes[0]) && !rig.evicts(nodes[0]));
}

#[test]
fn nodes_of_a_zone_are_evicted_one_every_ten_seconds() {
    let (mut rig, nodes) = Rig::new(&[0, 0, 0, 0, 0, 1, 1]);
    rig.run_to(120);
    for place in [0, 1, 5] {
        rig.falls_silent(nodes[place]);
    }
    let mut evicted = [None; 7];
    for second in 150..220 {
        rig.run_to(second);
        for (place, since) in evicted.iter_mut().enumerate() {
            if rig.evicts(nodes[place]) {
                since.get_or_insert(second);
            }
        }
    }
    let [Some(first), Some(second), None, None, None, Some(_), None] = evicted else {
        panic!("{evicted:?}")
    };
    assert!((first - second).abs() >= 10, "{evicted:?}");
}

#[test]
fn pods_that_are_evicted_already_do_not_wait_for_their_node_s_turn() {
    let (mut rig, nodes) = Rig::new(&[0, 0, 0, 1]);
    for node in &nodes[..2] {
        rig.with(|_, context| {
            context.commit(Write::Readiness(*node, Readiness::Starting));
            let taints = Node::not_ready_taints().collect();
            context.commit(Write::Taints(*node, taints));
        });
    }
    rig.run_to(120);
    for node in &nodes[..3] {
        rig.falls_silent(*node);
    }
    for second in 120..240 {
        rig.run_to(second);
        for node in &nodes[..2] {
            assert_eq!(rig.is_unknown(*node), rig.evicts(*node), "{second}");
        }
    }
    assert!(nodes[..3].iter().all(|node| rig.is_unknown(*node)));
    let mut away = 0;
    rig.events
        .take_each(|one, _| away += u32::from(one.reason == "NodeNotReady"));
    assert_eq!(away, 1, "of the one that was Ready");
}

#[test]
fn of_a_small_zone_that_is_mostly_away_nobody_is_evicted() {
    let (mut rig, nodes) = Rig::new(&[0, 0, 0, 0, 1]);
    rig.run_to(120);
    for node in &nodes[..3] {
        rig.falls_silent(*node);
    }
    rig.run_to(300);
    let evicted = nodes.iter().filter(|node| rig.evicts(**node)).count();
    // The first two were found out before there were three.
    assert!(evicted < 3, "{evicted}");
    rig.is_back(nodes[0]);
    rig.run_to(330);
    assert!(!rig.evicts(nodes[0]) && rig.evicts(nodes[1]) && rig.evicts(nodes[2]));
}

#[test]
fn when_all_are_away_nobody_is_evicted() {
    let (mut rig, nodes) = Rig::new(&[0, 0, 1]);
    rig.run_to(120);
    for node in &nodes {
        rig.falls_silent(*node);
    }
    rig.run_to(300);
    assert!(
        nodes
            .iter()
            .all(|node| rig.is_unknown(*node) && !rig.evicts(*node))
    );
    rig.is_back(nodes[2]);
    rig.run_to(330);
    assert_eq!(nodes.iter().filter(|node| rig.evicts(**node)).count(), 2);
    // Its taints go within the next look.
    rig.is_back(nodes[0]);
    rig.run_to(340);
    assert!(rig.store.node(nodes[0]).taints.is_empty());
}

#[test]
fn many_nodes_wait_for_their_turns_together() {
    let zones: Vec<usize> = (0..100).map(|_| 0).collect();
    let (mut rig, nodes) = Rig::new(&zones);
    rig.run_to(120);
    let away = &nodes[..40];
    for node in away {
        rig.falls_silent(*node);
    }
    rig.run_to(120 + 60 + 39 * 10);
    assert!(away.iter().all(|node| rig.evicts(*node)));
    // Each is found out and evicted; the queue is hardly looked at in vain.
    assert!(rig.handled < 3 * away.len(), "{}", rig.handled);
}

#[test]
fn the_taint_of_memory_pressure_is_that_of_the_condition() {
    let (mut rig, nodes) = Rig::new(&[0, 0]);
    let id = nodes[0];
    let keys = |rig: &Rig| -> Vec<String> {
        let taints = rig.store.node(id).taints.iter();
        taints.map(|taint| taint.key.clone()).collect()
    };
    rig.with(|_, context| context.commit(Write::MemoryPressure(id, true)));
    assert_eq!(keys(&rig), [MEMORY_PRESSURE]);
    // It keeps its place.
    let own = Taint::of("dedicated", TaintEffect::NoSchedule);
    let pressure = Taint::of(MEMORY_PRESSURE, TaintEffect::NoSchedule);
    rig.with(|_, context| context.commit(Write::Taints(id, vec![pressure, own])));
    rig.with(|_, context| context.commit(Write::MemoryPressure(id, true)));
    assert_eq!(keys(&rig), [MEMORY_PRESSURE, "dedicated"]);
    // The condition of a node that nobody hears of is Unknown.
    rig.run_to(120);
    rig.falls_silent(id);
    rig.run_to(200);
    assert_eq!(keys(&rig), ["dedicated", UNREACHABLE, UNREACHABLE]);
    rig.is_back(id);
    rig.run_to(210);
    assert_eq!(keys(&rig), ["dedicated", MEMORY_PRESSURE]);
}

#[test]
fn the_taint_of_a_cordon_comes_one_api_call_later() {
    let (mut rig, nodes) = Rig::new(&[0]);
    let has_taint = |rig: &Rig| has_cordon_taint(rig.store.node(nodes[0]));
    let cordon = |rig: &mut Rig, on| {
        rig.with(|_, context| {
            context.commit(Write::Cordon(nodes[0], on));
        });
    };
    cordon(&mut rig, true);
    assert!(!has_taint(&rig));
    rig.run_to(1);
    assert!(has_taint(&rig));
    cordon(&mut rig, false);
    assert!(has_taint(&rig));
    rig.run_to(2);
    assert!(!has_taint(&rig));
    // One that is taken back at once leaves nothing behind, nor does one that is taken off by hand.
    cordon(&mut rig, true);
    cordon(&mut rig, false);
    rig.run_to(3);
    assert!(!has_taint(&rig));
    cordon(&mut rig, true);
    rig.run_to(4);
    rig.with(|_, context| {
        context.commit(Write::Taints(nodes[0], Vec::new()));
    });
    rig.run_to(5);
    assert!(has_taint(&rig), "the node is cordoned still");
}
