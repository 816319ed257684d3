//! Members that leave their group, are killed in it, or work on a record for too long.

use super::*;

#[test]
fn a_member_leaves_when_it_has_finished_its_record() {
    let mut rig = Rig::new(&kafka(2, late()), 2);
    rig.connect(0, 2);
    rig.connect(1, 2);
    rig.produce(40);
    rig.run_until(at(12));
    assert_eq!(rig.read().running, 2);
    rig.disconnect(1);
    rig.run_until(at(19));
    assert_eq!((rig.read().running, rig.read().consumers), (2, 2));
    rig.run_until(at(20));
    assert_eq!((rig.read().running, rig.read().consumers), (1, 1));
    // The other joins again when it has finished the record that it began meanwhile.
    rig.run_until(at(29));
    let before = rig.begun.len();
    rig.run_until(at(30));
    assert_eq!(rig.begun.len(), before + 2);
    assert!(rig.begun[before..].iter().all(|one| one.1 == 0));
    rig.run_until(at(1000));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.redelivered), (40, 0));
}

#[test]
fn a_member_killed_before_it_has_finished_never_leaves() {
    let mut rig = Rig::new(&kafka(2, late()), 2);
    rig.connect(0, 1);
    rig.connect(1, 1);
    rig.produce(40);
    rig.run_until(at(12));
    rig.disconnect(1);
    rig.run_until(at(15));
    rig.kill(1);
    let is_shared = |rig: &Rig| rig.read().partitions.iter().all(|one| one.assigned);
    // The session's 45 s, the rebalance's 3 s, and the record under way then.
    rig.run_until(at(69));
    let begun = |rig: &Rig| rig.begun.iter().filter(|one| one.0 > at(15)).count();
    assert_eq!(begun(&rig), 5);
    rig.run_until(at(1000));
    assert!(is_shared(&rig));
    assert_eq!(rig.read().counts.done, 40);
    // An idle one leaves at once.
    let mut rig = Rig::new(&kafka(2, late()), 2);
    rig.connect(0, 1);
    rig.connect(1, 1);
    rig.disconnect(1);
    rig.kill(1);
    assert_eq!(rig.read().consumers, 1);
    rig.run_until(at(3));
    rig.produce(10);
    assert_eq!(rig.read().running, 1);
    rig.run_until(at(200));
    assert_eq!(rig.read().counts.done, 10);
}

#[test]
fn a_member_that_works_on_a_record_for_too_long_leaves_and_has_it_done_again() {
    let worker = WorkerSpec {
        max_poll_interval: seconds(7),
        commit_interval: SimDuration::ZERO,
        ..late()
    };
    let mut rig = Rig::new(&kafka(1, worker), 2);
    rig.connect(0, 1);
    rig.connect(1, 1);
    rig.produce(3);
    rig.run_until(at(7));
    assert_eq!((rig.read().consumers, rig.read().counts.expelled), (1, 1));
    // Its task ends, and counts as done, but cannot be committed; it joins again.
    rig.run_until(at(10));
    let read = rig.read();
    assert_eq!((read.counts.done, read.consumers), (1, 2));
    assert_eq!((read.lag(), read.ready), (3, 2));
    rig.run_until(at(13));
    assert_eq!(rig.begun, [(at(0), 0), (at(13), 1)]);
    assert_eq!(rig.arrivals, [0, 0]);
    rig.run_until(at(23));
    let counts = rig.read().counts;
    assert_eq!((counts.done, counts.duplicates, counts.expelled), (1, 1, 2));
    assert_eq!(rig.read().lag(), 3);
}

#[test]
fn a_member_that_is_away_and_told_to_go_does_not_come_back() {
    let worker = WorkerSpec {
        max_poll_interval: seconds(7),
        ..late()
    };
    let mut rig = Rig::new(&kafka(1, worker), 1);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(8));
    rig.disconnect(0);
    rig.run_until(at(100));
    let read = rig.read();
    assert_eq!((read.consumers, read.running, read.counts.done), (0, 0, 1));
}

proptest! {
    /// Whatever comes and goes, no message is lost from sight (each step is audited), also with members
    /// that are put out again and again.
    #[test]
    fn slow_members_conserve_messages(
        spec in any_spec(),
        interval in 3i64..15,
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut spec = QueueSpec {
            kind: QueueKind::Kafka { partitions: 3 },
            ..spec
        };
        spec.worker.max_poll_interval = seconds(interval);
        let mut rig = Rig::new(&spec, 6);
        rig.play(&acts);
        rig.run_until(rig.now + seconds(500));
        let read = rig.read();
        let counts = read.counts;
        let settled = counts.done + counts.dead_lettered + counts.lost;
        prop_assert_eq!(settled + read.ready + read.unacked, counts.produced);
    }
}
