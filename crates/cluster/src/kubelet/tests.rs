//! Nodes without memory, and nodes that shut down.

use super::*;
use crate::api::{Amounts, EventSink, Node, ObjectMeta, PodDraws, Readiness, Store, Uid, Write};

struct Rig {
    now: SimTime,
    store: Store,
    draws: PodDraws,
    events: EventSink,
    timers: Vec<(SimTime, Event)>,
    kubelet: Kubelet,
    node: NodeId,
}

impl Rig {
    /// A node that has been Ready.
    fn new(config: &ClusterConfig) -> Self {
        let mut store = Store::default();
        let node = Node {
            meta: ObjectMeta::new("", "n-1", Uid(0), SimTime::ZERO),
            group: 0,
            zone: None,
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
        };
        let node = match store.commit(SimTime::ZERO, Write::CreateNode(Box::new(node))) {
            Some(ObjectId::Node(id)) => id,
            other => unreachable!("{other:?}"),
        };
        Self {
            now: SimTime::ZERO,
            store,
            draws: PodDraws::default(),
            events: EventSink::new(true),
            timers: Vec::new(),
            kubelet: Kubelet::new(config, Vec::new()),
            node,
        }
    }

    fn with(&mut self, act: impl FnOnce(&mut Kubelet, &mut Context<'_, Event>)) {
        let timers = &mut self.timers;
        let mut timer = |at, event| timers.push((at, event));
        let mut context = Context {
            now: self.now,
            store: &mut self.store,
            draws: &mut self.draws,
            events: &mut self.events,
            timers: &mut timer,
        };
        act(&mut self.kubelet, &mut context);
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
            self.with(|kubelet, context| kubelet.handle(event, (&|_, _| None, &|_| None), context));
        }
        self.now = until;
    }

    fn readiness(&self) -> Readiness {
        self.store.node(self.node).readiness
    }
}

#[test]
fn a_node_whose_pressure_is_over_and_whose_pods_are_gone_is_not_looked_at() {
    let config = ClusterConfig {
        eviction_hard: Bytes::ZERO,
        ..ClusterConfig::default()
    };
    let mut rig = Rig::new(&config);
    let node = rig.node;
    let pressure = Pressure {
        observed: Some(SimTime::ZERO),
        ..Pressure::default()
    };
    rig.kubelet.pressures.insert(node, pressure);
    rig.with(|_, context| context.commit(Write::MemoryPressure(node, true)));
    rig.timers
        .push((SimTime::from_secs(10), Event::Monitor(node)));
    let transition = config.pressure_transition.as_secs_f64() as i64;
    rig.run_to(transition - 1);
    assert!(rig.store.node(node).has_memory_pressure());
    assert_eq!(rig.timers.len(), 1);
    rig.run_to(transition + 10);
    assert!(!rig.store.node(node).has_memory_pressure());
    assert!(rig.timers.is_empty() && rig.kubelet.pressures.is_empty());
}

#[test]
fn a_node_that_shuts_down_is_not_posted_as_ready() {
    let config = ClusterConfig {
        shutdown_grace: [30, 10].map(SimDuration::from_secs),
        ..ClusterConfig::default()
    };
    let mut rig = Rig::new(&config);
    let node = rig.node;
    // A kubelet that is back has not posted yet, before the critical pods' turn and after it.
    for seconds in [3, 25] {
        let at = SimTime::from_secs(seconds);
        rig.timers.push((at, Event::PostNode(node)));
    }
    rig.with(|kubelet, context| kubelet.shut_down(node, context));
    rig.run_to(29);
    assert_eq!(rig.readiness(), Readiness::Stopping);
    // The machine is off, and starts again.
    rig.with(|kubelet, context| {
        kubelet.fall_silent(node, Silence::Machine, context.store);
        kubelet.come_back(node, context);
    });
    rig.run_to(40);
    assert_eq!(rig.readiness(), Readiness::Ready);
}

#[test]
fn a_node_whose_machine_ends_is_not_posted_as_ready() {
    let mut rig = Rig::new(&ClusterConfig::default());
    let node = rig.node;
    rig.timers
        .push((SimTime::from_secs(3), Event::PostNode(node)));
    rig.with(|kubelet, context| {
        kubelet.machine_ends(node, context.now);
        context.commit(Write::Readiness(node, Readiness::Stopping));
    });
    rig.run_to(10);
    assert_eq!(rig.readiness(), Readiness::Stopping);
}
