//! Queues with workers whose tasks all take the same time.

mod ends;
mod groups;

use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::spec::{Acknowledge, QueueKind, QueueSpec, WorkerSpec};
use super::*;
use crate::sim::SimDuration;
use crate::workload::spec::ServerSpec;
use crate::workload::{ServerLimits, Servers, Tier};

const TASK: i64 = 10;

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

fn seconds(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

fn spec(kind: QueueKind, worker: WorkerSpec) -> QueueSpec {
    QueueSpec {
        name: "default".to_owned(),
        kind,
        delay: SimDuration::ZERO,
        max_deliveries: None,
        service: 0,
        worker,
        others: Vec::new(),
        producers: Vec::new(),
    }
}

fn late() -> WorkerSpec {
    WorkerSpec {
        acknowledge: Acknowledge::Late,
        ..WorkerSpec::default()
    }
}

/// Servers that exist nowhere else, and what adds one more.
fn servers() -> (Servers, impl Fn(&mut Servers) -> Key<Server>) {
    let service = ServerSpec::default();
    let mut servers = Servers::new(&[service], &Streams::new(1));
    let node = servers.add_node(crate::units::Millicores(1000));
    let limits = ServerLimits {
        cpu_limit: None,
        cpu_weight: 1,
        memory_limit: None,
        tier: Tier::default(),
    };
    (servers, move |servers| {
        servers.add_server(SimTime::ZERO, 0, node, limits)
    })
}

/// Keys of servers that all live at the same time.
fn keys(count: usize) -> Vec<Key<Server>> {
    let (mut servers, add) = servers();
    (0..count).map(|_| add(&mut servers)).collect()
}

/// Keys of servers of which each has the place of the one before, which is gone.
fn successors(count: usize) -> Vec<Key<Server>> {
    let (mut servers, add) = servers();
    let mut next = |_| {
        let key = add(&mut servers);
        servers.kill(SimTime::ZERO, key);
        key
    };
    (0..count).map(&mut next).collect()
}

/// A queue whose tasks take [`TASK`] seconds each.
struct Rig {
    queue: Queue,
    keys: Vec<Key<Server>>,
    /// When tasks end, the earliest first.
    tasks: BinaryHeap<std::cmp::Reverse<(SimTime, u32, usize)>>,
    now: SimTime,
    settled: Vec<(SimTime, Fate)>,
    begun: Vec<(SimTime, usize)>,
    /// When the messages of these were produced, in seconds.
    arrivals: Vec<i64>,
    /// Every so many tasks one comes to the server's time limit; none if 0.
    slow: usize,
    /// Tasks that have come to their end.
    ended: usize,
}

impl Rig {
    fn new(spec: &QueueSpec, servers: usize) -> Self {
        Self {
            queue: Queue::new(spec, &Streams::new(7)),
            keys: keys(servers),
            tasks: BinaryHeap::new(),
            now: SimTime::ZERO,
            settled: Vec::new(),
            begun: Vec::new(),
            arrivals: Vec::new(),
            slow: 0,
            ended: 0,
        }
    }

    fn produce(&mut self, count: usize) {
        for _ in 0..count {
            let work = Work {
                arrival: self.now,
                ..Work::default()
            };
            self.queue.produce(self.now, work);
        }
        self.carry();
    }

    fn connect(&mut self, server: usize, slots: u32) {
        self.queue.connect(self.now, self.keys[server], slots);
        self.carry();
    }

    fn disconnect(&mut self, server: usize) {
        self.queue.disconnect(self.now, self.keys[server]);
        self.carry();
    }

    fn kill(&mut self, server: usize) {
        self.queue.lose(self.now, self.keys[server]);
        self.end_tasks_of(server);
    }

    fn lose_machine_of(&mut self, server: usize) {
        self.queue.vanish(self.now, self.keys[server]);
        self.queue.lose(self.now, self.keys[server]);
        self.end_tasks_of(server);
    }

    fn end_tasks_of(&mut self, server: usize) {
        let mut tasks = std::mem::take(&mut self.tasks).into_sorted_vec();
        tasks.reverse();
        for std::cmp::Reverse((at, delivery, place)) in tasks {
            if place == server {
                self.queue.ended(self.now, delivery, Ending::Killed);
            } else {
                self.tasks.push(std::cmp::Reverse((at, delivery, place)));
            }
        }
        self.carry();
    }

    fn carry(&mut self) {
        while let Some(start) = self.queue.next_start(self.now) {
            let place = self.keys.iter().position(|key| *key == start.server);
            let place = place.unwrap();
            let end = self.now + seconds(TASK);
            self.tasks
                .push(std::cmp::Reverse((end, start.delivery, place)));
            self.begun.push((self.now, place));
            self.arrivals.push(start.work.arrival.0 / 1_000_000_000);
        }
        let settled = self.queue.take_settled();
        self.settled
            .extend(settled.into_iter().map(|one| (self.now, one.fate)));
        self.queue.audit().unwrap();
    }

    fn run_until(&mut self, end: SimTime) {
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 200_000, "time stands still at {}", self.now);
            let task = self.tasks.peek().map(|std::cmp::Reverse((at, ..))| *at);
            let timer = self.queue.next_timer();
            let Some(next) = [task, timer].into_iter().flatten().min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if task == Some(next) {
                let std::cmp::Reverse((_, delivery, _)) = self.tasks.pop().unwrap();
                self.ended += 1;
                let is_slow = self.slow > 0 && self.ended.is_multiple_of(self.slow);
                let ending = if is_slow {
                    Ending::TimedOut
                } else {
                    Ending::Done
                };
                self.queue.ended(self.now, delivery, ending);
            } else {
                self.queue.fire(self.now);
            }
            self.carry();
        }
        self.now = end;
    }

    /// Plays what happens to six workers.
    fn play(&mut self, acts: &[Act]) {
        // A worker that has gone never comes back under its key.
        let mut fresh = [true; 6];
        for act in acts {
            match *act {
                Act::Produce(count) => self.produce(count),
                Act::Connect(server) => {
                    if std::mem::take(&mut fresh[server]) {
                        self.connect(server, 1 + server as u32 % 3);
                    }
                }
                Act::Disconnect(server) => self.disconnect(server),
                Act::Kill(server) => self.kill(server),
                Act::LoseMachine(server) => self.lose_machine_of(server),
                Act::Wait(span) => self.run_until(self.now + seconds(span)),
            }
        }
    }

    fn read(&self) -> Readings {
        self.queue.readings(self.now)
    }
}

#[test]
fn a_worker_prefetches_its_multiple_beside_what_it_has_acknowledged() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, WorkerSpec::default()), 1);
    rig.connect(0, 2);
    rig.produce(20);
    let read = rig.read();
    // Two run and are acknowledged; 4 × 2 are reserved.
    assert_eq!((read.running, read.unacked, read.ready), (2, 8, 10));
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, late()), 1);
    rig.connect(0, 2);
    rig.produce(20);
    let read = rig.read();
    assert_eq!((read.running, read.unacked, read.ready), (2, 8, 12));
    rig.run_until(at(100));
    assert_eq!(rig.read().counts.done, 20);
}

#[test]
fn messages_go_to_workers_in_turn() {
    let worker = WorkerSpec {
        prefetch_multiplier: 1,
        ..WorkerSpec::default()
    };
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, worker), 3);
    for server in 0..3 {
        rig.connect(server, 1);
    }
    rig.produce(6);
    let began: Vec<usize> = rig.begun.iter().map(|one| one.1).collect();
    assert_eq!(began, [0, 1, 2]);
    rig.run_until(at(2 * TASK));
    assert_eq!(rig.read().counts.done, 6);
}

#[test]
fn a_worker_in_the_place_of_one_that_is_gone_takes_one_turn_like_the_others() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, late()), 2);
    let places = successors(4);
    rig.keys = [&places[..], &rig.keys[1..]].concat();
    assert_eq!(rig.keys[0].slot(), rig.keys[3].slot());
    for server in 0..3 {
        rig.connect(server, 3);
        rig.kill(server);
    }
    rig.connect(4, 3);
    rig.connect(3, 3);
    rig.produce(6);
    let began: Vec<usize> = rig.begun.iter().map(|one| one.1).collect();
    assert_eq!(began, [4, 3, 4, 3, 4, 3]);
}

#[test]
fn a_warm_shutdown_ends_what_runs_and_then_gives_back_what_is_reserved() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, WorkerSpec::default()), 2);
    rig.connect(0, 1);
    rig.produce(5);
    assert_eq!(rig.read().unacked, 4);
    rig.run_until(at(3));
    rig.disconnect(0);
    rig.connect(1, 1);
    rig.run_until(at(9));
    let read = rig.read();
    assert_eq!((read.running, read.unacked, read.ready), (1, 4, 0));
    assert_eq!(read.consumers, 1);
    rig.run_until(at(10));
    let read = rig.read();
    assert_eq!((read.running, read.counts.done), (1, 1));
    rig.run_until(at(100));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.lost, counts.redelivered), (5, 0, 4));
}

#[test]
fn a_killed_worker_loses_what_it_acknowledged_early() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, WorkerSpec::default()), 2);
    rig.connect(0, 2);
    rig.produce(6);
    rig.run_until(at(3));
    rig.kill(0);
    let read = rig.read();
    assert_eq!((read.ready, read.counts.lost), (4, 2));
    rig.connect(1, 2);
    rig.run_until(at(100));
    assert_eq!(rig.read().counts.done, 4);
}

#[test]
fn a_killed_worker_s_late_acknowledged_messages_come_back() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, late()), 2);
    rig.connect(0, 2);
    rig.produce(6);
    rig.run_until(at(3));
    rig.kill(0);
    assert_eq!((rig.read().ready, rig.read().counts.lost), (6, 0));
    rig.connect(1, 2);
    rig.run_until(at(100));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.redelivered), (6, 6));
    // On SQS they come back only when they are visible again.
    let visibility = seconds(30);
    let mut rig = Rig::new(&spec(QueueKind::Sqs { visibility }, late()), 2);
    rig.connect(0, 2);
    rig.produce(2);
    rig.run_until(at(3));
    rig.kill(0);
    rig.connect(1, 2);
    assert_eq!((rig.read().ready, rig.read().unacked), (0, 2));
    rig.run_until(at(29));
    assert_eq!(rig.read().running, 0);
    rig.run_until(at(30));
    assert_eq!(rig.read().running, 2);
    rig.run_until(at(40));
    assert_eq!(rig.read().counts.done, 2);
}

#[test]
fn a_visibility_timeout_shorter_than_the_task_has_it_done_twice() {
    let visibility = seconds(4);
    let mut rig = Rig::new(&spec(QueueKind::Sqs { visibility }, late()), 2);
    rig.connect(0, 1);
    rig.connect(1, 1);
    rig.produce(1);
    rig.run_until(at(4));
    assert_eq!((rig.read().running, rig.read().unacked), (2, 1));
    rig.run_until(at(50));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.duplicates), (1, counts.delivered - 1));
    assert!(counts.duplicates >= 1);
}

#[test]
fn a_worker_gives_back_only_what_is_still_in_its_hands() {
    let visibility = seconds(15);
    let worker = WorkerSpec {
        prefetch_multiplier: 3,
        ..late()
    };
    let mut spec = spec(QueueKind::Sqs { visibility }, worker);
    spec.max_deliveries = Some(2);
    let mut rig = Rig::new(&spec, 2);
    rig.connect(0, 1);
    rig.produce(4);
    rig.run_until(at(14));
    rig.connect(1, 4);
    // The second has what the first works on and the next, which the first has reserved too.
    rig.run_until(at(16));
    assert_eq!((rig.read().unacked, rig.read().counts.redelivered), (3, 2));
    rig.disconnect(0);
    rig.run_until(at(20));
    let read = rig.read();
    assert_eq!((read.unacked, read.counts.redelivered), (2, 3));
    rig.run_until(at(100));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.dead_lettered), (4, 0));
    assert_eq!((counts.redelivered, counts.duplicates), (3, 1));
}

#[test]
fn a_message_that_comes_back_too_often_is_dead_lettered() {
    let mut spec = spec(QueueKind::RabbitMq, late());
    spec.max_deliveries = Some(2);
    let mut rig = Rig::new(&spec, 3);
    rig.produce(1);
    for server in 0..2 {
        rig.connect(server, 1);
        rig.kill(server);
    }
    let read = rig.read();
    assert_eq!((read.counts.dead_lettered, read.messages()), (1, 0));
    assert_eq!(rig.settled, [(at(0), Fate::DeadLettered)]);
}

#[test]
fn a_failed_task_is_tried_again_later_and_given_up_in_the_end() {
    let worker = WorkerSpec {
        failure_rate: 1.0,
        max_retries: 2,
        retry_delay: seconds(60),
        ..WorkerSpec::default()
    };
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, worker.clone()), 1);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(TASK));
    // It is in the worker's hands; without a worker it lies in the broker.
    assert_eq!((rig.read().unacked, rig.read().counts.retried), (1, 1));
    assert_eq!((rig.read().delayed, rig.read().messages()), (0, 1));
    let mut other = rig.queue.clone();
    other.disconnect(rig.now, rig.keys[0]);
    let read = other.readings(rig.now);
    assert_eq!((read.ready, read.unacked), (1, 0));
    rig.run_until(at(1000));
    assert_eq!(
        rig.settled,
        [(at(3 * TASK + 2 * 60), Fate::DeadLettered)],
        "three attempts, a minute between them"
    );
    let partitions = QueueKind::Kafka { partitions: 1 };
    let worker = WorkerSpec {
        acknowledge: Acknowledge::Late,
        ..worker
    };
    let mut rig = Rig::new(&spec(partitions, worker), 1);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(1000));
    assert_eq!(rig.settled, [(at(150), Fate::DeadLettered)]);
    assert_eq!(rig.read().counts.redelivered, 0);
}

#[test]
fn a_delayed_message_is_ready_when_its_delay_is_over() {
    let visibility = seconds(30);
    let mut spec = spec(QueueKind::Sqs { visibility }, WorkerSpec::default());
    spec.delay = seconds(15);
    let mut rig = Rig::new(&spec, 1);
    rig.connect(0, 1);
    rig.produce(1);
    assert_eq!((rig.read().delayed, rig.read().running), (1, 0));
    rig.run_until(at(15));
    assert_eq!((rig.read().delayed, rig.read().running), (0, 1));
}

#[test]
fn the_oldest_is_the_message_at_the_head() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, late()), 1);
    rig.produce(1);
    rig.run_until(at(5));
    rig.produce(1);
    rig.run_until(at(8));
    assert_eq!(rig.read().oldest, Some(seconds(8)));
}

fn kafka(partitions: u32, worker: WorkerSpec) -> QueueSpec {
    spec(QueueKind::Kafka { partitions }, worker)
}

#[test]
fn members_beyond_the_partitions_are_idle() {
    let mut rig = Rig::new(&kafka(3, late()), 5);
    for server in 0..5 {
        rig.connect(server, 4);
    }
    rig.produce(300);
    let assigned: Vec<bool> = (rig.read().partitions.iter())
        .map(|one| one.assigned)
        .collect();
    assert_eq!(assigned, [true; 3]);
    // One record of a partition at a time, whatever the concurrency.
    assert_eq!((rig.read().running, rig.read().consumers), (3, 5));
    let mut servers: Vec<usize> = rig.begun.iter().map(|one| one.1).collect();
    servers.sort_unstable();
    assert_eq!(servers, [0, 1, 2]);
}

#[test]
fn the_lag_counts_what_is_not_committed() {
    let mut rig = Rig::new(&kafka(1, late()), 1);
    rig.connect(0, 1);
    rig.produce(5);
    assert_eq!(rig.read().partitions[0].committed, None);
    assert_eq!(rig.read().lag(), 5);
    // The first is done after 10 s and committed 5 s later.
    rig.run_until(at(14));
    assert_eq!((rig.read().counts.done, rig.read().lag()), (1, 5));
    rig.run_until(at(15));
    assert_eq!(rig.read().lag(), 4);
}

#[test]
fn what_a_killed_member_had_not_committed_is_done_again() {
    let worker = WorkerSpec {
        commit_interval: seconds(100),
        ..late()
    };
    let mut rig = Rig::new(&kafka(1, worker), 2);
    rig.connect(0, 1);
    rig.produce(4);
    rig.run_until(at(25));
    assert_eq!(rig.read().counts.done, 2);
    rig.kill(0);
    // A member that comes waits until the silent one's session is over.
    rig.connect(1, 1);
    rig.run_until(at(25 + 44));
    assert_eq!(rig.read().running, 0);
    rig.run_until(at(25 + 45 + 3));
    assert_eq!(rig.read().running, 1);
    rig.run_until(at(500));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.duplicates, counts.lost), (4, 2, 0));
    assert_eq!(
        counts.redelivered, 3,
        "two done ones, and the one under way"
    );
    assert_eq!(rig.read().lag(), 0);
}

#[test]
fn the_oldest_of_a_topic_is_behind_what_is_done_and_not_committed() {
    let worker = WorkerSpec {
        commit_interval: seconds(100),
        ..late()
    };
    let mut rig = Rig::new(&kafka(1, worker), 2);
    rig.connect(0, 1);
    rig.produce(4);
    rig.run_until(at(25));
    rig.kill(0);
    rig.run_until(at(25 + 45));
    assert_eq!(rig.read().ready, 2);
    assert_eq!(rig.read().oldest, Some(seconds(70)));
    rig.connect(1, 1);
    rig.run_until(at(25 + 45 + 5));
    // The first is done again.
    assert_eq!((rig.read().running, rig.read().ready), (1, 2));
    assert_eq!(rig.read().oldest, Some(seconds(75)));
}

#[test]
fn a_task_that_takes_too_long_is_not_tried_again() {
    let worker = WorkerSpec {
        failure_rate: 1.0,
        ..late()
    };
    for kind in [QueueKind::RabbitMq, QueueKind::Kafka { partitions: 1 }] {
        let mut rig = Rig::new(&spec(kind, worker.clone()), 1);
        rig.slow = 1;
        rig.connect(0, 1);
        rig.produce(1);
        rig.run_until(at(1000));
        assert_eq!(rig.settled, [(at(TASK), Fate::TimedOut)], "{kind:?}");
    }
}

#[test]
fn early_committed_records_of_a_killed_member_are_lost() {
    let worker = WorkerSpec {
        acknowledge: Acknowledge::Early,
        ..WorkerSpec::default()
    };
    let mut rig = Rig::new(&kafka(2, worker), 2);
    rig.connect(0, 2);
    rig.produce(20);
    rig.run_until(at(5));
    rig.kill(0);
    assert_eq!(rig.read().counts.lost, 2);
    rig.connect(1, 2);
    rig.run_until(at(1000));
    assert_eq!(rig.read().counts.done, 18);
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Produce(usize),
    Connect(usize),
    Disconnect(usize),
    Kill(usize),
    LoseMachine(usize),
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1usize..8).prop_map(Act::Produce),
        (0usize..6).prop_map(Act::Connect),
        (0usize..6).prop_map(Act::Disconnect),
        (0usize..6).prop_map(Act::Kill),
        (0usize..6).prop_map(Act::LoseMachine),
        (1i64..40).prop_map(Act::Wait),
    ]
}

fn any_spec() -> impl Strategy<Value = QueueSpec> {
    let kind = prop_oneof![
        Just(QueueKind::RabbitMq),
        (5i64..60).prop_map(|timeout| QueueKind::Sqs {
            visibility: seconds(timeout)
        }),
        (5i64..60).prop_map(|timeout| QueueKind::Redis {
            visibility: seconds(timeout)
        }),
        (1u32..5).prop_map(|partitions| QueueKind::Kafka { partitions }),
    ];
    let rest = (
        any::<bool>(),
        0u32..4,
        0.0..0.6f64,
        prop::option::of(1u32..4),
        prop_oneof![Just(0i64), 1i64..30],
    );
    (kind, rest).prop_map(
        |(kind, (is_late, prefetch, failure_rate, max_deliveries, delay))| {
            let worker = WorkerSpec {
                acknowledge: if is_late {
                    Acknowledge::Late
                } else {
                    Acknowledge::Early
                },
                prefetch_multiplier: prefetch,
                failure_rate,
                max_retries: 2,
                retry_delay: seconds(20),
                ..WorkerSpec::default()
            };
            QueueSpec {
                max_deliveries,
                delay: seconds(delay),
                ..spec(kind, worker)
            }
        },
    )
}

proptest! {
    /// Whatever comes and goes, no message is lost from sight (each step is audited), and with a
    /// worker that stays all are settled in the end.
    #[test]
    fn messages_are_conserved(
        spec in any_spec(),
        slow in 0usize..6,
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut rig = Rig::new(&spec, 7);
        rig.slow = slow;
        rig.play(&acts);
        rig.connect(6, 3);
        rig.run_until(rig.now + seconds(30_000));
        for server in 0..6 {
            rig.kill(server);
        }
        rig.run_until(rig.now + seconds(30_000));
        let counts = rig.read().counts;
        let settled = counts.done + counts.dead_lettered + counts.lost;
        prop_assert_eq!(settled, counts.produced);
        prop_assert_eq!(rig.settled.len() as u64, settled);
        prop_assert_eq!(rig.read().running, 0);
    }
}
