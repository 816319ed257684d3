//! The scheduler by itself.

mod choice;
mod hints;
mod nominations;
mod preemption;

use super::*;
use crate::api::{
    Amounts, EventSink, Kind, LabelSelector, Node, ObjectMeta, Operator, Placement, PodDraws,
    PodPhase, PodTemplate, Readiness, Requirement, SpreadConstraint, Store, Uid, WorkloadId, Write,
};
use crate::cluster::spec::ContainerSpec;
use crate::sim::Streams;
use crate::units::{Bytes, Millicores};

/// A scheduler with a store and its timers.
struct Rig {
    now: SimTime,
    store: Store,
    draws: PodDraws,
    events: EventSink,
    timers: Vec<(SimTime, Event)>,
    scheduler: Scheduler,
    made: u64,
}

impl Rig {
    fn new() -> Self {
        let mut store = Store::default();
        let workload = Write::Workload(Kind::Deployment, "default".into(), "web".into());
        store.commit(SimTime::ZERO, workload);
        Self {
            now: SimTime::ZERO,
            store,
            draws: PodDraws::default(),
            events: EventSink::new(false),
            timers: Vec::new(),
            scheduler: Scheduler::new(&ClusterConfig::default()),
            made: 0,
        }
    }

    fn write(&mut self, write: Write) -> Option<ObjectId> {
        let made = self.store.commit(self.now, write);
        self.with(|scheduler, context| {
            while let Some(change) = context.store.next_change() {
                scheduler.observe(change, context);
            }
        });
        made
    }

    fn with(&mut self, act: impl FnOnce(&mut Scheduler, &mut Context<'_, Event>)) {
        let timers = &mut self.timers;
        let mut timer = |at, event| timers.push((at, event));
        let mut context = Context {
            now: self.now,
            store: &mut self.store,
            draws: &mut self.draws,
            events: &mut self.events,
            timers: &mut timer,
        };
        act(&mut self.scheduler, &mut context);
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
            self.with(|scheduler, context| {
                scheduler.handle(event, context);
                while let Some(change) = context.store.next_change() {
                    scheduler.observe(change, context);
                }
            });
        }
        self.now = until;
    }

    fn node(&mut self, node: Node) -> NodeId {
        match self.write(Write::CreateNode(Box::new(node))) {
            Some(ObjectId::Node(id)) => id,
            other => unreachable!("{other:?}"),
        }
    }

    fn pod(&mut self, template: PodTemplate) -> PodId {
        self.made += 1;
        let number = self.made;
        let meta = ObjectMeta::new("default", &format!("p{number}"), Uid(number), self.now);
        let pod = Pod::new(meta, WorkloadId(0), Arc::new(template));
        let streams = Streams::new(3);
        // Its stream is there before the scheduler hears of it.
        let Some(ObjectId::Pod(id)) = self.store.commit(self.now, Write::CreatePod(Box::new(pod)))
        else {
            unreachable!()
        };
        self.draws.add(id, streams.nth(number));
        self.with(|scheduler, context| {
            while let Some(change) = context.store.next_change() {
                scheduler.observe(change, context);
            }
        });
        id
    }

    fn write_pod(&mut self, id: PodId, write: PodWrite) {
        self.write(Write::Pod(id, write));
    }

    fn label(&mut self, id: NodeId, all: Labels) {
        self.write(Write::Labels(ObjectId::Node(id), Arc::new(all)));
    }

    fn is_placed(&self, id: PodId) -> bool {
        self.store.pod(id).is_some_and(|pod| pod.node.is_some())
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn node(name: &str, all: &[(&str, &str)]) -> Node {
    let size = Amounts {
        cpu: Millicores(4000),
        memory: Bytes(16 << 30),
    };
    Node {
        meta: ObjectMeta {
            labels: Arc::new(labels(all)),
            ..ObjectMeta::new("", name, Uid(0), SimTime::ZERO)
        },
        group: 0,
        zone: None,
        capacity: size,
        allocatable: size,
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

/// Pods of three of a node's four cores.
fn large(priority: i32) -> PodTemplate {
    let container = ContainerSpec {
        cpu_request: Some(Millicores(3000)),
        ..ContainerSpec::default()
    };
    PodTemplate {
        containers: vec![container],
        priority,
        termination_grace: SimDuration::from_secs(30),
        ..PodTemplate::default()
    }
}

fn placed(placement: Placement) -> PodTemplate {
    PodTemplate {
        containers: vec![ContainerSpec::default()],
        placement: Some(Box::new(placement)),
        ..PodTemplate::default()
    }
}

/// Pods that are spread by this key, all pods counted.
fn spread_by(key: &str) -> PodTemplate {
    let selector = LabelSelector {
        expressions: vec![Requirement {
            key: "absent".to_owned(),
            operator: Operator::DoesNotExist,
            values: Vec::new(),
        }],
        ..LabelSelector::default()
    };
    let constraint = SpreadConstraint {
        max_skew: 1,
        topology_key: key.to_owned(),
        required: true,
        selector: Some(selector),
        same: Vec::new(),
        min_domains: 1,
        honors_affinity: true,
        honors_taints: false,
    };
    placed(Placement {
        spread: vec![constraint],
        ..Placement::default()
    })
}

fn waiting(template: PodTemplate) -> Pod {
    let meta = ObjectMeta::new("default", "p", Uid(0), SimTime::ZERO);
    Pod::new(meta, WorkloadId(0), Arc::new(template))
}

#[test]
fn the_first_node_is_for_pods_that_were_tried_without_any() {
    let mut rig = Rig::new();
    let pod = rig.pod(large(0));
    rig.run_to(60);
    assert!(!rig.is_placed(pod));
    rig.node(node("first", &[]));
    rig.run_to(61);
    assert!(rig.is_placed(pod));
}

#[test]
fn a_domain_that_goes_with_its_node_holds_nobody_up() {
    let mut rig = Rig::new();
    rig.node(node("a", &[("zone", "a")]));
    let first = rig.pod(spread_by("zone"));
    rig.run_to(1);
    let closed = rig.node(Node {
        unschedulable: true,
        ..node("b", &[("zone", "b")])
    });
    let second = rig.pod(spread_by("zone"));
    rig.run_to(60);
    assert_eq!((rig.is_placed(first), rig.is_placed(second)), (true, false));
    rig.write(Write::Delete(ObjectId::Node(closed)));
    rig.run_to(61);
    assert!(rig.is_placed(second));
}

#[test]
fn events_hold_a_kibibyte() {
    assert_eq!(refuse::shortened("short"), "short");
    let cut = refuse::shortened(&"x".repeat(1025));
    assert_eq!((cut.len(), cut.ends_with("x ...")), (1024, true));
    assert_eq!(refuse::shortened(&"x".repeat(1024)).len(), 1024);
}

#[test]
fn binds_are_held_to_the_clients_rate() {
    let mut rig = Rig::new();
    for name in ["a", "b", "c"] {
        rig.node(node(name, &[]));
    }
    let pods: Vec<PodId> = (0..300)
        .map(|_| rig.pod(placed(Placement::default())))
        .collect();
    rig.run_to(20);
    let bound = |id: &PodId| rig.store.pod(*id).and_then(|pod| pod.scheduled);
    let mut times: Vec<SimTime> = pods.iter().filter_map(bound).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 300);
    // An attempt takes 10 ms; 100 binds at once, and 50 more a second: 100 + 50 t = 300.
    let seconds = |place: usize| times[place].as_secs_f64();
    assert!((0.9..1.2).contains(&seconds(99)), "{}", seconds(99));
    assert!((3.9..4.2).contains(&seconds(299)), "{}", seconds(299));
}
