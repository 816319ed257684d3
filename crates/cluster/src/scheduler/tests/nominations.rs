//! What becomes of nominations.

use super::*;

fn nominated(rig: &Rig, id: PodId) -> Option<NodeId> {
    rig.store.pod(id).and_then(|pod| pod.nominated)
}

#[test]
fn a_nomination_that_helps_no_more_is_given_up() {
    let mut rig = Rig::new();
    let only = rig.node(node("only", &[("disk", "ssd")]));
    let victim = rig.pod(large(0));
    rig.run_to(1);
    let choosy = PodTemplate {
        node_selector: labels(&[("disk", "ssd")]),
        ..large(10)
    };
    let choosy = rig.pod(choosy);
    rig.run_to(2);
    assert_eq!(nominated(&rig, choosy), Some(only));
    let modest = rig.pod(large(0));
    rig.run_to(3);
    rig.label(only, labels(&[("disk", "hdd")]));
    rig.write_pod(victim, PodWrite::End(PodPhase::Failed));
    rig.run_to(30);
    assert_eq!(nominated(&rig, choosy), None);
    assert!(rig.is_placed(modest), "nothing is kept free any more");
}

#[test]
fn a_pod_that_loses_its_nomination_is_tried_again() {
    let mut rig = Rig::new();
    rig.node(node("only", &[]));
    let victim = rig.pod(large(0));
    rig.run_to(1);
    let middle = rig.pod(large(10));
    rig.run_to(2);
    assert!(nominated(&rig, middle).is_some());
    // All that has to go does so already: the other keeps its nomination.
    let high = rig.pod(large(20));
    rig.run_to(3);
    assert!(rig.store.pod(victim).is_some_and(Pod::is_deleting));
    assert_eq!(
        (
            nominated(&rig, middle).is_some(),
            nominated(&rig, high).is_some()
        ),
        (true, true)
    );
    // Here somebody has to be told to go: the other loses it, and is tried at once.
    let mut rig = Rig::new();
    rig.node(node("only", &[]));
    let small = |priority| {
        let mut template = large(priority);
        template.containers[0].cpu_request = Some(Millicores(1500));
        template
    };
    rig.pod(small(0));
    rig.pod(small(0));
    rig.run_to(1);
    let middle = rig.pod(small(10));
    rig.run_to(2);
    assert!(nominated(&rig, middle).is_some());
    let before = rig.scheduler.queue.failures(middle);
    rig.pod(large(20));
    rig.run_to(3);
    assert_eq!(nominated(&rig, middle), None);
    assert!(rig.scheduler.queue.failures(middle) > before);
}

#[test]
fn a_nomination_that_proves_useless_is_followed_by_one_more_attempt() {
    let mut rig = Rig::new();
    rig.node(node("only", &[]));
    let victim = rig.pod(large(0));
    rig.run_to(1);
    let middle = rig.pod(large(10));
    rig.run_to(2);
    let high = rig.pod(large(20));
    rig.run_to(15);
    assert_eq!(rig.scheduler.queue.failures(middle), Some(1));
    rig.write_pod(victim, PodWrite::End(PodPhase::Failed));
    rig.run_to(16);
    assert!(rig.is_placed(high));
    assert_eq!(nominated(&rig, middle), None);
    assert_eq!(rig.scheduler.queue.failures(middle), Some(3));
}

#[test]
fn a_nominated_pod_that_goes_wakes_only_those_that_gave_way() {
    let mut rig = Rig::new();
    rig.node(node("only", &[]));
    rig.pod(large(0));
    let mut huge = large(20);
    huge.containers[0].cpu_request = Some(Millicores(5000));
    let huge = rig.pod(huge);
    rig.run_to(1);
    let middle = rig.pod(large(10));
    let equal = rig.pod(large(10));
    rig.run_to(20);
    let failures = |rig: &mut Rig| [huge, equal].map(|id| rig.scheduler.queue.failures(id));
    let before = failures(&mut rig);
    rig.write_pod(middle, PodWrite::End(PodPhase::Failed));
    rig.run_to(21);
    let after = failures(&mut rig);
    assert_eq!(after[0], before[0], "more important");
    assert!(after[1] > before[1], "{before:?} {after:?}");
}
