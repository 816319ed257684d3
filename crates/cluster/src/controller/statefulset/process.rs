//! Creating and deleting pods by ordinal (`stateful_set_control.go`, `updateStatefulSet`,
//! `processReplica`, `processCondemned`).

use super::super::event::{Event, EventType};
use super::outcome::Step;
use super::revision::Revisions;
use super::spec::UpdateStrategy;
use super::view::{Pod, RevisionKey, StatefulSet};
use crate::sim::SimTime;

/// A place that a pod is wanted at.
enum Replica {
    /// There is one, which may be ending.
    Pod(Pod),
    /// There is none; the one to create has this revision.
    Missing(RevisionKey),
}

/// Whether a sync goes on after a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// To the next one.
    GoOn,
    /// Not before something has changed.
    Stop,
}

/// The pods of one sync.
pub(super) struct Process<'a> {
    set: &'a StatefulSet<'a>,
    now: SimTime,
    revisions: Revisions,
    /// By ordinal, from `spec.ordinals.start` on.
    replicas: Vec<Replica>,
    /// Pods with other ordinals, from the highest down.
    condemned: Vec<Pod>,
    steps: &'a mut Vec<Step>,
}

impl<'a> Process<'a> {
    pub(super) fn new(
        set: &'a StatefulSet<'a>,
        pods: &[Pod],
        revisions: Revisions,
        now: SimTime,
        steps: &'a mut Vec<Step>,
    ) -> Self {
        let start = set.spec.start_ordinal;
        let missing = |place| Replica::Missing(revision_of_new(set, &revisions, start + place));
        let mut replicas: Vec<_> = (0..set.spec.replicas).map(missing).collect();
        let mut condemned = Vec::new();
        for pod in pods {
            let place = usize::try_from(pod.ordinal - start).ok();
            match place.and_then(|place| replicas.get_mut(place)) {
                Some(replica) => *replica = Replica::Pod(*pod),
                None => condemned.push(*pod),
            }
        }
        condemned.sort_by_key(|pod| std::cmp::Reverse(pod.ordinal));
        Self {
            set,
            now,
            revisions,
            replicas,
            condemned,
            steps,
        }
    }

    /// Creates missing pods, then deletes those beyond `replicas`, then replaces those of another
    /// revision; answers how many of the current revision it replaces.
    pub(super) fn run(mut self) -> i32 {
        if self.process_replicas() == Then::Stop || self.process_condemned() == Then::Stop {
            return 0;
        }
        self.update()
    }

    fn is_monotonic(&self) -> bool {
        !self.set.spec.is_parallel
    }

    fn is_unavailable(&self, replica: &Replica) -> bool {
        match replica {
            Replica::Pod(pod) => pod.is_unavailable(self.set.spec.min_ready_seconds, self.now),
            Replica::Missing(_) => true,
        }
    }

    fn process_replicas(&mut self) -> Then {
        for place in 0..self.replicas.len() {
            let then = self.process_replica(place);
            if self.is_monotonic() && then == Then::Stop {
                return Then::Stop;
            }
        }
        Then::GoOn
    }

    fn process_replica(&mut self, place: usize) -> Then {
        let pod = match self.replicas[place] {
            Replica::Missing(revision) => {
                let ordinal = self.set.spec.start_ordinal + place as i32;
                self.steps.push(Step::CreatePod { ordinal, revision });
                self.announce("SuccessfulCreate", "Create", ordinal);
                return Then::Stop;
            }
            Replica::Pod(pod) => pod,
        };
        if pod.has_ended() {
            // Its successor comes when it is gone.
            if !pod.terminating {
                self.delete(&pod);
            }
            return Then::Stop;
        }
        let is_available = pod.is_available(self.set.spec.min_ready_seconds, self.now);
        if pod.terminating || !pod.is_running_and_ready() || !is_available {
            return Then::Stop;
        }
        Then::GoOn
    }

    /// Deletes pods that are not wanted: all at once, or the highest when all others are
    /// available. One that is not available may only go if it is the lowest such.
    fn process_condemned(&mut self) -> Then {
        let min_ready_seconds = self.set.spec.min_ready_seconds;
        let unavailable = |pod: &&Pod| pod.is_unavailable(min_ready_seconds, self.now);
        // OrderedReady gets here only when all wanted pods are available.
        let lowest_unavailable = self.condemned.iter().rfind(unavailable).map(|pod| pod.key);
        for pod in std::mem::take(&mut self.condemned) {
            if self.is_monotonic() {
                let is_healthy =
                    pod.is_running_and_ready() && pod.is_available(min_ready_seconds, self.now);
                if !pod.terminating && (is_healthy || lowest_unavailable == Some(pod.key)) {
                    self.delete(&pod);
                }
                return Then::Stop;
            }
            if !pod.terminating {
                self.delete(&pod);
            }
        }
        Then::GoOn
    }

    /// Deletes the highest pod of another revision, once all above it are available.
    fn update(&mut self) -> i32 {
        let UpdateStrategy::RollingUpdate { partition } = self.set.spec.update_strategy else {
            return 0;
        };
        let lowest = usize::try_from(partition.unwrap_or(0)).unwrap_or(0);
        if let Some(most) = self.set.spec.max_unavailable {
            let most = most.scaled_down(self.set.spec.replicas).max(1);
            return self.update_several(lowest, most);
        }
        for place in (lowest..self.replicas.len()).rev() {
            if let Replica::Pod(pod) = self.replicas[place]
                && pod.revision != self.revisions.update
                && !pod.terminating
            {
                self.delete(&pod);
                return 1;
            }
            if self.is_unavailable(&self.replicas[place]) {
                return 0;
            }
        }
        0
    }

    /// Deletes pods of another revision from the highest down, as long as no more than so many are
    /// unavailable, those below the partition counted (`updateStatefulSetAfterInvariantEstablished`).
    fn update_several(&mut self, lowest: usize, most: i32) -> i32 {
        let unavailable = self.replicas.iter().filter(|one| self.is_unavailable(one));
        let room = most - unavailable.count() as i32;
        let mut deleted = 0;
        for place in (lowest..self.replicas.len()).rev() {
            if deleted >= room {
                break;
            }
            if let Replica::Pod(pod) = self.replicas[place]
                && pod.revision != self.revisions.update
                && !pod.terminating
            {
                self.delete(&pod);
                deleted += 1;
            }
        }
        deleted
    }

    fn delete(&mut self, pod: &Pod) {
        let step = Step::DeletePod { key: pod.key };
        // Of a pod that has ended, the roll-out may find the old revision as well.
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
        self.announce("SuccessfulDelete", "Delete", pod.ordinal);
    }

    fn announce(&mut self, reason: &'static str, verb: &str, ordinal: i32) {
        let name = self.set.name;
        self.steps.push(Step::Event(Event {
            kind: EventType::Normal,
            reason,
            message: format!("{verb} Pod {name}-{ordinal} in StatefulSet {name} successful"),
        }));
    }
}

/// The revision of a pod that is to be created (`newVersionedStatefulSetPod`): below the
/// partition the current one.
fn revision_of_new(set: &StatefulSet<'_>, revisions: &Revisions, ordinal: i32) -> RevisionKey {
    let kept = match set.spec.update_strategy {
        UpdateStrategy::OnDelete => 0,
        UpdateStrategy::RollingUpdate { partition } => {
            partition.unwrap_or(set.status.current_replicas)
        }
    };
    if ordinal < set.spec.start_ordinal + kept {
        revisions.current
    } else {
        revisions.update
    }
}
