//! What goes on for a while and is told in words: pods that wait for a node, roll-outs, drains
//! that a budget stops. The same is kept whether series are or not.

use std::sync::Arc;

use super::recording::Counts;
use crate::sim::{SimDuration, SimTime};

/// How long after a roll-out what its HPA does may still come of it.
const AFTERMATH: SimDuration = SimDuration::from_secs(120);

/// How long after a notice what becomes of a workload's pods may still come of it.
const STRUCK: SimDuration = SimDuration::from_secs(900);

/// Pods of a workload that waited for a node without a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitRecord {
    /// When the first of them found no node.
    pub from: SimTime,
    /// When the last of them had one; none if the run ended before.
    pub until: Option<SimTime>,
    /// Most of them at a time.
    pub waiting: u32,
    /// Pods at that time, those being deleted left out.
    pub of: u32,
    /// Why the first of them found no node.
    pub why: String,
}

impl WaitRecord {
    /// How long it went on in a run of this length.
    pub fn length(&self, end: SimTime) -> SimDuration {
        self.until.unwrap_or(end) - self.from
    }
}

/// A roll-out of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRecord {
    /// The workload.
    pub workload: usize,
    /// When it began.
    pub from: SimTime,
    /// When all its pods were available.
    pub until: Option<SimTime>,
    /// When it had made no progress for `progressDeadlineSeconds`, with the condition's message.
    pub stuck: Option<(SimTime, String)>,
    /// When it moved again after that.
    pub moved: Option<SimTime>,
    /// Whether what was complete at its end is another ReplicaSet than the one that was stuck.
    pub replaced: bool,
    /// `spec.replicas` when it began.
    pub replicas: i32,
    /// The largest `spec.replicas` up to two minutes after its end.
    pub most_replicas: i32,
    /// Most pods at a time, those being deleted left out, and when.
    pub most_pods: (u32, SimTime),
}

/// Evictions of a drain that a PodDisruptionBudget refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedRecord {
    /// Namespace of the budget.
    pub namespace: Arc<str>,
    /// Its name.
    pub budget: String,
    /// The node that was to be drained.
    pub node: String,
    /// The first of them.
    pub from: SimTime,
    /// The last of them.
    pub last: SimTime,
    /// How many there were; none if the node autoscaler left the node for the budget.
    pub refused: u64,
}

/// A workload that lost ready pods with spot nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StruckRecord {
    /// The workload.
    pub workload: usize,
    /// When notice was given.
    pub from: SimTime,
    /// Ready pods then, and the fewest afterwards.
    pub ready: (u32, u32),
    /// When there were the fewest.
    pub lowest_at: SimTime,
    /// When there were as many as before again.
    pub back: Option<SimTime>,
}

/// The condition Progressing of a Deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// Not known yet.
    #[default]
    Unknown,
    /// `NewReplicaSetAvailable`: the roll-out is complete.
    Complete,
    /// `ProgressDeadlineExceeded`.
    Stuck,
    /// Anything else.
    UnderWay,
}

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Episodes {
    /// The longest wait of each workload, by its place.
    pub waits: Vec<Option<WaitRecord>>,
    /// Roll-outs in the order of their beginnings.
    pub rollouts: Vec<RolloutRecord>,
    /// Drains that were stopped.
    pub blocked: Vec<BlockedRecord>,
    /// Of each workload the interruption of spot nodes that left it the fewest of its pods.
    pub struck: Vec<StruckRecord>,
    /// Interruptions that workloads have not got over.
    open: Vec<StruckRecord>,
    /// Ready pods of each workload.
    ready: Vec<u32>,
    /// Waits that go on, by workload.
    waiting: Vec<Option<WaitRecord>>,
    /// Of each Deployment, by workload.
    progressing: Vec<Progress>,
    /// How many of the last roll-outs are still watched.
    watched: usize,
}

/// Pods that are not being deleted.
fn there(counts: &Counts) -> u32 {
    counts.pending + counts.starting + counts.running + counts.ready
}

/// The name that a message has in quotes: the ReplicaSet's.
fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1)
}

fn at<T: Clone + Default>(list: &mut Vec<T>, place: usize) -> &mut T {
    if list.len() <= place {
        list.resize(place + 1, T::default());
    }
    &mut list[place]
}

impl Episodes {
    /// Whether pods of a workload are known to wait.
    pub(super) fn is_waiting(&self, workload: usize) -> bool {
        self.waiting.get(workload).is_some_and(Option::is_some)
    }

    /// A pod of a workload finds no node.
    pub(super) fn waits(&mut self, workload: usize, now: SimTime, counts: &Counts, why: String) {
        let waiting = at(&mut self.waiting, workload);
        waiting.get_or_insert_with(|| WaitRecord {
            from: now,
            until: None,
            waiting: counts.pending,
            of: there(counts),
            why,
        });
    }

    /// Pods of a workload by stage, from now on.
    pub(super) fn counts(&mut self, workload: usize, now: SimTime, counts: &Counts) {
        *at(&mut self.ready, workload) = counts.ready;
        if !self.open.is_empty() {
            self.follow(workload, now, counts.ready);
        }
        if let Some(Some(wait)) = self.waiting.get_mut(workload) {
            if counts.pending == 0 {
                wait.until = Some(now);
                let ended = self.waiting[workload].take();
                self.keep(workload, ended, now);
            } else if counts.pending > wait.waiting {
                (wait.waiting, wait.of) = (counts.pending, there(counts));
            }
        }
        if self.watched > 0 {
            let pods = there(counts);
            self.watch(now, |rollout| {
                if rollout.workload == workload && pods > rollout.most_pods.0 {
                    rollout.most_pods = (pods, now);
                }
            });
        }
    }

    /// A spot node gets notice on which these workloads have pods.
    pub(super) fn struck(&mut self, workloads: &[usize], now: SimTime) {
        for &workload in workloads {
            let ready = self.ready.get(workload).copied().unwrap_or_default();
            if ready > 0 && !self.open.iter().any(|one| one.workload == workload) {
                self.open.push(StruckRecord {
                    workload,
                    from: now,
                    ready: (ready, ready),
                    lowest_at: now,
                    back: None,
                });
            }
        }
    }

    /// A workload that was struck has so many ready pods.
    fn follow(&mut self, workload: usize, now: SimTime, ready: u32) {
        let Some(place) = self.open.iter().position(|one| one.workload == workload) else {
            return;
        };
        let one = &mut self.open[place];
        if ready < one.ready.1 {
            (one.ready.1, one.lowest_at) = (ready, now);
        }
        let is_back = one.ready.1 < one.ready.0 && ready >= one.ready.0;
        if is_back || now - one.from > STRUCK {
            let mut one = self.open.swap_remove(place);
            one.back = is_back.then_some(now);
            self.keep_struck(one);
        }
    }

    /// Keeps the worst of each workload.
    fn keep_struck(&mut self, one: StruckRecord) {
        let (before, lowest) = one.ready;
        if lowest == before {
            return;
        }
        let left = |one: &StruckRecord| f64::from(one.ready.1) / f64::from(one.ready.0);
        let mut known = self.struck.iter_mut();
        match known.find(|other| other.workload == one.workload) {
            Some(worst) if left(worst) <= left(&one) => {}
            Some(worst) => *worst = one,
            None => self.struck.push(one),
        }
    }

    /// Keeps the longest wait of a workload.
    fn keep(&mut self, workload: usize, wait: Option<WaitRecord>, end: SimTime) {
        let longest = at(&mut self.waits, workload);
        let length = |one: &Option<WaitRecord>| one.as_ref().map(|one| one.length(end));
        if length(&wait) > length(longest) {
            *longest = wait;
        }
    }

    /// Whether a roll-out is under way or has just ended.
    pub(super) fn watches_rollouts(&self) -> bool {
        self.watched > 0
    }

    /// The scale of a workload is written.
    pub(super) fn scaled(&mut self, workload: usize, now: SimTime, replicas: i32) {
        if self.watched > 0 {
            self.watch(now, |rollout| {
                if rollout.workload == workload {
                    rollout.most_replicas = rollout.most_replicas.max(replicas);
                }
            });
        }
    }

    /// Tells the roll-outs that are under way or have just ended.
    fn watch(&mut self, now: SimTime, mut tell: impl FnMut(&mut RolloutRecord)) {
        let from = self.rollouts.len() - self.watched;
        let mut over = true;
        for rollout in &mut self.rollouts[from..] {
            if rollout.until.is_none_or(|until| now <= until + AFTERMATH) {
                over = false;
                tell(rollout);
            } else if over {
                self.watched -= 1;
            }
        }
    }

    /// The condition Progressing of a Deployment is this now.
    pub(super) fn progress(
        &mut self,
        workload: usize,
        now: SimTime,
        (progress, message): (Progress, &str),
        (replicas, pods): (i32, u32),
    ) {
        let before = std::mem::replace(at(&mut self.progressing, workload), progress);
        if before == progress {
            return;
        }
        let new = RolloutRecord {
            workload,
            from: now,
            until: None,
            stuck: None,
            moved: None,
            replaced: false,
            replicas,
            most_replicas: replicas,
            most_pods: (pods, now),
        };
        let mut known = self.rollouts.iter_mut().rev();
        let open = known.find(|one| one.workload == workload && one.until.is_none());
        match (progress, open) {
            (Progress::Complete, Some(open)) => {
                open.until = Some(now);
                let stuck = open.stuck.as_ref().and_then(|stuck| quoted(&stuck.1));
                open.replaced = stuck.is_some_and(|stuck| quoted(message) != Some(stuck));
            }
            (Progress::Stuck, Some(open)) => {
                open.stuck = Some((now, message.to_owned()));
                open.moved = None;
            }
            (Progress::UnderWay, Some(open)) if before == Progress::Stuck => {
                open.moved = Some(now);
            }
            (Progress::Stuck, None) => {
                // It has never been there.
                self.rollouts.push(RolloutRecord {
                    stuck: Some((now, message.to_owned())),
                    ..new
                });
                self.watched += 1;
            }
            (_, None) if before == Progress::Complete => {
                self.rollouts.push(new);
                self.watched += 1;
            }
            _ => {}
        }
    }

    /// A budget refuses an eviction of a drain.
    pub(super) fn refused(&mut self, one: BlockedRecord) {
        let same = |known: &&mut BlockedRecord| {
            known.namespace == one.namespace
                && known.budget == one.budget
                && known.node == one.node
                && (known.refused == 0) == (one.refused == 0)
        };
        match self.blocked.iter_mut().find(same) {
            Some(known) => {
                known.last = one.last;
                known.refused += one.refused;
            }
            None => self.blocked.push(one),
        }
    }

    /// The run is over.
    pub(super) fn finish(&mut self, end: SimTime) {
        for one in std::mem::take(&mut self.open) {
            self.keep_struck(one);
        }
        for workload in 0..self.waiting.len() {
            let wait = self.waiting[workload].take();
            if wait.is_some() {
                self.keep(workload, wait, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> SimTime {
        SimTime::from_secs(second)
    }

    fn pods(pending: u32, ready: u32) -> Counts {
        Counts {
            pending,
            ready,
            ..Counts::default()
        }
    }

    #[test]
    fn the_longest_wait_is_kept_with_most_that_waited() {
        let mut all = Episodes::default();
        all.waits(0, second(10), &pods(1, 3), "first".to_owned());
        all.counts(0, second(20), &pods(4, 6));
        all.waits(0, second(25), &pods(4, 6), "again".to_owned());
        all.counts(0, second(70), &pods(0, 10));
        all.waits(0, second(80), &pods(1, 10), "second".to_owned());
        all.finish(second(100));
        let wait = all.waits[0].as_ref().expect("a wait");
        assert_eq!((wait.from, wait.until), (second(10), Some(second(70))));
        assert_eq!((wait.waiting, wait.of, &*wait.why), (4, 10, "first"));
    }

    #[test]
    fn a_roll_out_that_was_stuck_moves_again_or_is_replaced() {
        let ended = |message: &str| {
            let mut all = Episodes::default();
            all.progress(0, second(5), (Progress::Complete, "\"a\""), (4, 4));
            all.progress(0, second(60), (Progress::UnderWay, "\"b\""), (4, 4));
            all.progress(0, second(90), (Progress::Stuck, "\"b\""), (4, 4));
            all.progress(0, second(95), (Progress::UnderWay, message), (4, 4));
            all.progress(0, second(99), (Progress::Complete, message), (4, 4));
            let one = all.rollouts.remove(0);
            assert_eq!(one.moved, Some(second(95)));
            one.replaced
        };
        assert!(!ended("\"b\""));
        assert!(ended("\"c\""));
    }

    #[test]
    fn a_roll_out_begins_once_one_was_complete_and_is_watched_beyond_its_end() {
        let mut all = Episodes::default();
        let told = |progress| (progress, "told");
        all.progress(0, second(0), told(Progress::UnderWay), (4, 4));
        all.progress(0, second(5), told(Progress::Complete), (4, 4));
        assert!(all.rollouts.is_empty());
        all.progress(0, second(60), told(Progress::UnderWay), (4, 4));
        all.progress(0, second(61), told(Progress::UnderWay), (4, 4));
        all.counts(0, second(70), &pods(2, 9));
        all.progress(0, second(90), told(Progress::Stuck), (4, 4));
        all.progress(0, second(100), told(Progress::Complete), (4, 4));
        all.scaled(0, second(200), 8);
        all.scaled(0, second(300), 9);
        let [one] = &all.rollouts[..] else {
            panic!("one roll-out: {:?}", all.rollouts);
        };
        assert_eq!((one.from, one.until), (second(60), Some(second(100))));
        assert_eq!(one.stuck, Some((second(90), "told".to_owned())));
        assert_eq!((one.replicas, one.most_replicas), (4, 8));
        assert_eq!(one.most_pods, (11, second(70)));
    }
}
