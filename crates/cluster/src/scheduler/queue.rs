//! The scheduling queue: pods to be tried, pods in back-off, pods that fit nowhere
//! (`pkg/scheduler/backend/queue`).
//!
//! With SchedulerPopFromBackoffQ an idle scheduler does not wait for the end of a back-off: only
//! pods that compete feel it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::diagnosis::Plugins;
use crate::api::PodId;
use crate::sim::{SimDuration, SimTime};

/// The first back-off, and the longest (`podInitialBackoffSeconds`, `podMaxBackoffSeconds`).
const FIRST_BACKOFF: SimDuration = SimDuration::from_secs(1);
const LONGEST_BACKOFF: SimDuration = SimDuration::from_secs(10);
/// Pods that fit nowhere are tried again after this long, whatever happens
/// (`podMaxInUnschedulablePodsDuration`).
const LONGEST_WAIT: SimDuration = SimDuration::from_secs(300);

/// Where a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not to be tried before its gates are gone.
    Gated,
    Active,
    Backoff,
    Waiting,
}

/// A pod in the queue.
#[derive(Debug, Clone, Copy)]
struct Queued {
    id: PodId,
    place: Place,
    priority: i32,
    /// Its place in the order of adding.
    turn: u64,
    /// When its last attempt failed.
    failed: SimTime,
    failures: u32,
    /// When its back-off ends: the whole second, with SchedulerPopFromBackoffQ.
    expires: SimTime,
    /// What refused nodes at the last attempt.
    plugins: Plugins,
    /// Not to be moved before then: its victims are being deleted.
    held_until: SimTime,
}

/// All queues.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// By slot of the pod.
    pods: Vec<Option<Queued>>,
    active: BinaryHeap<(i32, Reverse<u64>, PodId)>,
    backoff: BTreeMap<(SimTime, Reverse<i32>, u64), PodId>,
    waiting: BTreeMap<u64, PodId>,
    /// What refused pods that wait; of pods that wait no longer too, until none waits.
    refusing: Plugins,
    turns: u64,
    /// Without SchedulerPopFromBackoffQ: nobody is tried before its back-off is over.
    keeps_back_offs: bool,
}

fn backoff(failures: u32) -> SimDuration {
    let doublings = failures.saturating_sub(1).min(10);
    LONGEST_BACKOFF.min(SimDuration(FIRST_BACKOFF.0 << doublings))
}

impl Queue {
    fn get(&mut self, id: PodId) -> Option<&mut Queued> {
        let queued = self.pods.get_mut(id.slot())?.as_mut()?;
        (queued.id == id).then_some(queued)
    }

    /// A new pod; one with gates has its place in the order, too.
    pub(super) fn add(&mut self, id: PodId, priority: i32, is_gated: bool) {
        self.turns += 1;
        if self.pods.len() <= id.slot() {
            self.pods.resize(id.slot() + 1, None);
        }
        let turn = self.turns;
        self.pods[id.slot()] = Some(Queued {
            id,
            place: Place::Gated,
            priority,
            turn,
            failed: SimTime::ZERO,
            failures: 0,
            expires: SimTime::ZERO,
            plugins: Plugins::default(),
            held_until: SimTime::ZERO,
        });
        if !is_gated {
            self.activate(id);
        }
    }

    /// The last gate of a pod is gone, if it had any.
    pub(super) fn release(&mut self, id: PodId) {
        if self.get(id).is_some_and(|one| one.place == Place::Gated) {
            self.activate(id);
        }
    }

    /// How often a pod has failed.
    #[cfg(test)]
    pub(super) fn failures(&mut self, id: PodId) -> Option<u32> {
        self.get(id).map(|queued| queued.failures)
    }

    /// Whether a pod is in one of the queues.
    pub(super) fn contains(&mut self, id: PodId) -> bool {
        self.get(id).is_some()
    }

    /// A pod is gone, or on a node.
    pub(super) fn forget(&mut self, id: PodId) {
        let Some(&mut queued) = self.get(id) else {
            return;
        };
        self.take_out(queued);
        self.pods[id.slot()] = None;
    }

    fn take_out(&mut self, queued: Queued) {
        match queued.place {
            // Its entry is recognised as stale.
            Place::Active | Place::Gated => {}
            Place::Backoff => {
                let key = (queued.expires, Reverse(queued.priority), queued.turn);
                self.backoff.remove(&key);
            }
            Place::Waiting => {
                self.waiting.remove(&queued.turn);
            }
        }
    }

    /// An empty queue, with SchedulerPopFromBackoffQ or without.
    pub(super) fn new(pops_from_backoff: bool) -> Self {
        Self {
            keeps_back_offs: !pops_from_backoff,
            ..Self::default()
        }
    }

    /// When the next pod can be tried, if there is one.
    pub(super) fn due(&self, now: SimTime) -> Option<SimTime> {
        if !self.active.is_empty() {
            return Some(now);
        }
        let (&(expires, ..), _) = self.backoff.first_key_value()?;
        // Back-offs are looked at once a second.
        let over = expires.truncate_to_second() + SimDuration::from_secs(1);
        Some(if self.keeps_back_offs {
            over.max(now)
        } else {
            now
        })
    }

    /// Whether pods wait for something to happen.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether pods may wait that one of these plugins refused, or none did.
    pub(super) fn has_refused(&self, plugins: Plugins) -> bool {
        !self.waiting.is_empty() && self.refusing.has(plugins)
    }

    /// The next pod to be tried: by priority, then by turn; without any, the one whose back-off
    /// ends first.
    pub(super) fn pop(&mut self, now: SimTime) -> Option<PodId> {
        let second = now.truncate_to_second();
        while let Some((&(expires, ..), &id)) = self.backoff.first_key_value()
            && expires < second
        {
            self.activate(id);
        }
        while let Some((_, Reverse(turn), id)) = self.active.pop() {
            let current = |one: &mut Queued| one.place == Place::Active && one.turn == turn;
            if self.get(id).is_some_and(current) {
                return Some(id);
            }
        }
        if self.keeps_back_offs {
            return None;
        }
        let (_, id) = self.backoff.pop_first()?;
        if let Some(queued) = self.get(id) {
            queued.place = Place::Active;
        }
        Some(id)
    }

    fn activate(&mut self, id: PodId) {
        let Some(&mut queued) = self.get(id) else {
            return;
        };
        self.take_out(queued);
        let (priority, turn) = (queued.priority, queued.turn);
        if let Some(queued) = self.get(id) {
            queued.place = Place::Active;
        }
        self.active.push((priority, Reverse(turn), id));
    }

    /// A pod that was popped fits nowhere.
    pub(super) fn failed(&mut self, id: PodId, plugins: Plugins, now: SimTime) {
        self.turns += 1;
        let turn = self.turns;
        let keeps_back_offs = self.keeps_back_offs;
        let Some(queued) = self.get(id) else { return };
        queued.failures += 1;
        queued.turn = turn;
        queued.failed = now;
        queued.expires = now + backoff(queued.failures);
        if !keeps_back_offs {
            queued.expires = queued.expires.truncate_to_second();
        }
        queued.plugins = plugins;
        queued.place = Place::Waiting;
        if self.waiting.is_empty() {
            self.refusing = Plugins::default();
        }
        let counted = if plugins == Plugins::default() {
            Plugins::ALL
        } else {
            plugins
        };
        self.refusing = self.refusing | counted;
        self.waiting.insert(turn, id);
    }

    /// A pod is not to be moved before then.
    pub(super) fn hold(&mut self, id: PodId, until: SimTime) {
        if let Some(queued) = self.get(id) {
            queued.held_until = until;
        }
    }

    /// Something has happened: pods for which it may make a difference are tried again, after
    /// their back-off.
    pub(super) fn wake(&mut self, now: SimTime, mut may_fit: impl FnMut(PodId, Plugins) -> bool) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting: Vec<PodId> = self.waiting.values().copied().collect();
        for id in waiting {
            let Some(&mut queued) = self.get(id) else {
                continue;
            };
            if queued.held_until <= now && may_fit(id, queued.plugins) {
                self.requeue(queued, now);
            }
        }
    }

    /// Pods that have waited for long are tried again.
    pub(super) fn flush(&mut self, now: SimTime) {
        let waiting: Vec<PodId> = self.waiting.values().copied().collect();
        for id in waiting {
            let Some(&mut queued) = self.get(id) else {
                continue;
            };
            if now.since(queued.failed) > LONGEST_WAIT {
                self.requeue(queued, now);
            }
        }
    }

    fn requeue(&mut self, queued: Queued, now: SimTime) {
        let window = if self.keeps_back_offs {
            now
        } else {
            now.truncate_to_second()
        };
        if queued.expires < window {
            self.activate(queued.id);
            return;
        }
        self.take_out(queued);
        let key = (queued.expires, Reverse(queued.priority), queued.turn);
        self.backoff.insert(key, queued.id);
        if let Some(queued) = self.get(queued.id) {
            queued.place = Place::Backoff;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Arena;

    fn at(seconds: f64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs_f64(seconds)
    }

    fn pods<const N: usize>() -> [PodId; N] {
        // Keys are all that the queue knows of pods.
        let mut arena: Arena<crate::api::Pod> = Arena::default();
        let meta = crate::api::ObjectMeta::new("a", "p", crate::api::Uid(0), SimTime::ZERO);
        let pod = crate::api::Pod::new(meta, crate::api::WorkloadId(0), std::sync::Arc::default());
        std::array::from_fn(|_| arena.insert(pod.clone()))
    }

    #[test]
    fn higher_priorities_go_first_then_older_ones() {
        let [a, b, c] = pods();
        let mut queue = Queue::default();
        queue.add(a, 0, false);
        queue.add(b, 5, false);
        queue.add(c, 5, false);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(at(0.0))).collect();
        assert_eq!(order, [b, c, a]);
    }

    #[test]
    fn a_pod_that_failed_once_passes_one_in_a_longer_back_off() {
        let [often, once] = pods();
        let mut queue = Queue::default();
        queue.add(often, 0, false);
        for second in 0..6 {
            assert_eq!(queue.pop(at(f64::from(second))), Some(often));
            queue.failed(often, Plugins::FIT, at(f64::from(second)));
            queue.wake(at(f64::from(second)), |_, _| true);
        }
        queue.add(once, 0, false);
        assert_eq!(queue.pop(at(6.0)), Some(once));
        queue.failed(once, Plugins::FIT, at(6.0));
        queue.wake(at(6.1), |_, _| true);
        assert_eq!(queue.pop(at(6.1)), Some(once), "its back-off ends first");
        assert_eq!(
            queue.pop(at(6.1)),
            Some(often),
            "an idle scheduler does not wait"
        );
    }

    #[test]
    fn pods_wait_for_what_concerns_them_or_for_five_minutes() {
        let [one] = pods();
        let mut queue = Queue::default();
        queue.add(one, 0, false);
        queue.pop(at(0.0));
        queue.failed(one, Plugins::NODE_AFFINITY, at(0.0));
        queue.wake(at(5.0), |_, plugins| plugins.has(Plugins::FIT));
        assert!(queue.due(at(9.0)).is_none() && queue.has_waiting());
        queue.flush(at(300.0));
        assert!(queue.due(at(9.0)).is_none());
        queue.flush(at(330.0));
        assert_eq!(queue.pop(at(330.0)), Some(one));
        queue.forget(one);
        assert_eq!(queue.pop(at(331.0)), None);
    }

    #[test]
    fn what_refused_pods_is_known_as_long_as_one_waits() {
        let [one, other] = pods();
        let mut queue = Queue::default();
        let refused = |queue: &Queue| {
            [Plugins::FIT, Plugins::SPREAD].map(|plugins| queue.has_refused(plugins))
        };
        queue.add(one, 0, false);
        queue.pop(at(0.0));
        queue.failed(one, Plugins::FIT, at(0.0));
        assert_eq!(refused(&queue), [true, false]);
        queue.add(other, 0, false);
        queue.pop(at(0.0));
        queue.failed(other, Plugins::default(), at(0.0));
        assert_eq!(refused(&queue), [true, true], "no plugin had a say");
        queue.forget(one);
        queue.forget(other);
        assert_eq!(refused(&queue), [false, false]);
        queue.add(one, 0, false);
        queue.pop(at(1.0));
        queue.failed(one, Plugins::SPREAD, at(1.0));
        assert_eq!(refused(&queue), [false, true]);
    }

    #[test]
    fn without_the_gate_nobody_passes_its_back_off() {
        let [pod] = pods();
        for pops in [true, false] {
            let mut queue = Queue::new(pops);
            queue.add(pod, 0, false);
            assert_eq!(queue.pop(at(10.2)), Some(pod));
            queue.failed(pod, Plugins::default(), at(10.2));
            queue.wake(at(10.3), |_, _| true);
            let due = if pops { at(10.3) } else { at(12.0) };
            assert_eq!(queue.due(at(10.3)), Some(due));
            assert_eq!(queue.pop(at(10.3)), pops.then_some(pod));
            assert_eq!(queue.pop(at(12.0)), (!pops).then_some(pod));
        }
    }

    #[test]
    fn without_the_gate_a_back_off_that_is_over_is_over_at_once() {
        let [pod] = pods();
        for pops in [true, false] {
            let mut queue = Queue::new(pops);
            queue.add(pod, 0, false);
            queue.pop(at(10.4));
            queue.failed(pod, Plugins::FIT, at(10.4));
            queue.wake(at(11.5), |_, _| true);
            assert_eq!(queue.active.is_empty(), pops, "{pops}");
        }
    }

    #[test]
    fn a_pod_whose_gates_are_gone_has_the_place_of_its_creation() {
        let [gated, later] = pods();
        let mut queue = Queue::default();
        queue.add(gated, 0, true);
        queue.add(later, 0, false);
        assert!(queue.contains(gated));
        queue.release(gated);
        queue.release(later);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(at(0.0))).collect();
        assert_eq!(order, [gated, later]);
    }

    #[test]
    fn back_offs_double_up_to_ten_seconds() {
        let seconds = [1, 2, 3, 4, 5, 6].map(|failures| backoff(failures).as_secs_f64());
        assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
    }
}
