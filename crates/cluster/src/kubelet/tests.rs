//! Nodes without memory, and nodes that shut down.

use proptest::prelude::*;

use super::*;
use crate::api::{
    Amounts, ContainerSpec, EventSink, Kind, Node, ObjectMeta, PodDraws, PodPhase, PodTemplate,
    PodWrite, Readiness, ResizeState, Resources, Store, TerminationReason, Uid, Write,
};
use crate::cluster::eviction::{Eviction, Threshold};

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
            images: Vec::new(),
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
        eviction: Eviction {
            hard: Threshold::Quantity(Bytes::ZERO),
            ..Eviction::default()
        },
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
    let transition = config.eviction.pressure_transition.as_secs_f64() as i64;
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

#[test]
fn a_kill_by_the_kernel_after_sigterm_is_seen_as_one() {
    let mut rig = Rig::new(&ClusterConfig::default());
    let node = rig.node;
    let workload = Write::Workload(Kind::Deployment, "a".into(), "w".into());
    rig.store.commit(SimTime::ZERO, workload);
    let pod = Write::CreatePod(Box::new(pod_of(0, 1, 1)));
    let Some(ObjectId::Pod(id)) = rig.store.commit(SimTime::ZERO, pod) else {
        unreachable!()
    };
    rig.with(|kubelet, context| {
        let created = Change {
            object: ObjectId::Pod(id),
            what: What::Created,
        };
        kubelet.observe(created, &|_, _| None, context);
        for write in [PodWrite::Assume(node), PodWrite::Bind, PodWrite::Run] {
            context.write_pod(id, write);
        }
        let deadline = SimTime::from_secs(30);
        context.write_pod(id, PodWrite::Delete { deadline });
        kubelet.terminate(id, context);
        kubelet.container_exited(id, 0, TerminationReason::OomKilled, context);
        // The end of its grace period changes nothing any more.
        kubelet.kill(id, context);
    });
    let pod = rig.store.pod(id).expect("its object goes later");
    let reason = pod.containers[0]
        .last_termination
        .map(|(reason, ..)| reason);
    let killed = Some(TerminationReason::OomKilled);
    assert_eq!((pod.phase, reason), (PodPhase::Failed, killed));
    let removals = rig
        .timers
        .iter()
        .filter(|(_, event)| matches!(event, Event::Remove(_)));
    assert_eq!(removals.count(), 1);
}

/// A resize without room is looked at three minutes after the kubelet's last look at any of them.
#[test]
fn a_resize_without_room_is_tried_again_three_minutes_after_the_last_look() {
    let config = ClusterConfig {
        resize_actuation: crate::sim::Dist::Constant(1.0),
        ..ClusterConfig::default()
    };
    let mut rig = Rig::new(&config);
    let memory = Bytes(1000 << 20);
    let room = Amounts {
        memory,
        ..Amounts::default()
    };
    let object = Node {
        allocatable: room,
        capacity: room,
        ..rig.store.node(rig.node).clone()
    };
    let workload = Write::Workload(Kind::Deployment, "a".into(), "w".into());
    rig.store.commit(SimTime::ZERO, workload);
    rig.store
        .commit(SimTime::ZERO, Write::Delete(ObjectId::Node(rig.node)));
    let made = rig
        .store
        .commit(SimTime::ZERO, Write::CreateNode(Box::new(object)));
    let Some(ObjectId::Node(node)) = made else {
        unreachable!("{made:?}")
    };
    let mut add = |place: usize, request: i64| {
        let pod = Write::CreatePod(Box::new(pod_of(place, 1, request)));
        let Some(ObjectId::Pod(id)) = rig.store.commit(SimTime::ZERO, pod) else {
            unreachable!()
        };
        for write in [PodWrite::Assume(node), PodWrite::Bind, PodWrite::Run] {
            rig.store.commit(SimTime::ZERO, Write::Pod(id, write));
        }
        let created = Change {
            object: ObjectId::Pod(id),
            what: What::Created,
        };
        rig.with(|kubelet, context| kubelet.observe(created, &|_, _| None, context));
        id
    };
    let [other, first, second] = [add(0, 600), add(1, 100), add(2, 100)];
    let asks = |rig: &mut Rig, id: PodId, mib: i64| {
        let memory = Resources {
            memory_request: Some(Bytes(mib << 20)),
            ..Resources::default()
        };
        rig.with(|kubelet, context| {
            let asked = kubelet.resize(id, &[memory], context.now, context);
            asked.expect("it is a resize");
        });
    };
    let state = |rig: &Rig, id: PodId| rig.store.pod(id).expect("it is there").resize;
    rig.run_to(10);
    asks(&mut rig, first, 400);
    rig.run_to(100);
    assert_eq!(state(&rig, first), Some(ResizeState::Deferred));
    // Another one is looked at, and this one with it: three minutes from here.
    asks(&mut rig, second, 350);
    rig.run_to(101);
    assert_eq!(state(&rig, second), Some(ResizeState::Deferred));
    // Room that nobody tells the kubelet of.
    let end = Write::Pod(other, PodWrite::End(PodPhase::Succeeded));
    rig.store.commit(rig.now, end);
    rig.run_to(279);
    let deferred = Some(ResizeState::Deferred);
    assert_eq!(
        (state(&rig, first), state(&rig, second)),
        (deferred, deferred)
    );
    rig.run_to(282);
    assert_eq!((state(&rig, first), state(&rig, second)), (None, None));
}

/// A pod whose container may hold so much, and requests so much, in MiB.
fn pod_of(place: usize, most: i64, request: i64) -> Pod {
    let container = ContainerSpec {
        memory_request: Some(Bytes(request << 20)),
        idle_memory: Bytes(most << 20),
        ..ContainerSpec::default()
    };
    let template = PodTemplate {
        containers: vec![container],
        ..PodTemplate::default()
    };
    let meta = ObjectMeta::new("a", &format!("p-{place}"), Uid(place as u64), SimTime::ZERO);
    Pod::new(meta, WorkloadId(0), Arc::new(template))
}

proptest! {
    /// Pods that come and go: their node is looked at as soon as those on it could take more than
    /// there is.
    #[test]
    fn a_node_is_looked_at_once_its_pods_could_take_more_than_there_is(
        turns in prop::collection::vec((1i64..200, 1i64..200, 0u8..3), 1..60),
    ) {
        let config = ClusterConfig::default();
        let mut rig = Rig::new(&config);
        let (node, room) = (rig.node, Bytes(600 << 20));
        let memory = Amounts { memory: room + config.eviction.hard.of(Bytes::ZERO), ..Amounts::default() };
        let object = Node { capacity: memory, allocatable: memory, ..rig.store.node(node).clone() };
        rig.with(|_, context| {
            context.commit(Write::Workload(Kind::Deployment, "a".into(), "w".into()));
            context.commit(Write::Delete(ObjectId::Node(node)));
        });
        let made = rig.store.commit(SimTime::ZERO, Write::CreateNode(Box::new(object)));
        let Some(ObjectId::Node(node)) = made else { unreachable!("{made:?}") };
        let mut there: Vec<(PodId, i64)> = Vec::new();
        for (place, (most, request, leaves)) in turns.into_iter().enumerate() {
            if leaves == 0 && !there.is_empty() {
                let (id, _) = there.remove(most as usize % there.len());
                let end = Write::Pod(id, PodWrite::End(PodPhase::Succeeded));
                rig.store.commit(SimTime::ZERO, end);
                continue;
            }
            let pod = pod_of(place, most, request);
            let made = rig.store.commit(SimTime::ZERO, Write::CreatePod(Box::new(pod)));
            let Some(ObjectId::Pod(id)) = made else { unreachable!("{made:?}") };
            rig.store.commit(SimTime::ZERO, Write::Pod(id, PodWrite::Assume(node)));
            there.push((id, most));
            rig.with(|kubelet, context| kubelet.watch_memory(id, context));
            let could = there.iter().map(|one| one.1).sum::<i64>() > 600;
            let looks = rig.kubelet.pressures.contains_key(&node);
            if looks {
                prop_assert!(could, "{:?} do not take all", there);
                break;
            }
            prop_assert!(!could || most <= request, "{:?} can take more", there);
        }
    }
}
