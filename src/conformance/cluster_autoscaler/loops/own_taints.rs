//! The taints that the autoscaler itself sets, as its calls leave them.
//!
//! The recording has them as taints of the nodes of the following loop.

use std::collections::{BTreeMap, BTreeSet};

use super::cast::Cast;
use super::input::{LoopJson, NodeJson};
use super::seconds;
use crate::autoscaler::cluster_autoscaler::NodeId;
use crate::autoscaler::cluster_autoscaler::taints::{DELETION_CANDIDATE, TO_BE_DELETED};
use crate::sim::SimTime;

const NANOS: i64 = 1_000_000_000;

/// Which nodes have which.
#[derive(Debug, Default)]
pub(super) struct OwnTaints {
    /// Deletion candidates.
    soft: BTreeSet<NodeId>,
    /// Nodes to be deleted, with the taint's value: when it was set.
    hard: BTreeMap<NodeId, SimTime>,
}

impl OwnTaints {
    /// A loop begins: its nodes have the taints that are recorded.
    pub(super) fn begin(&mut self, cast: &mut Cast, recorded: &LoopJson) {
        let known = std::mem::take(&mut self.hard);
        self.soft.clear();
        for node in &recorded.input.nodes {
            let id = cast.node_id(&node.n);
            for taint in own(node) {
                if taint == DELETION_CANDIDATE {
                    self.soft.insert(id);
                } else {
                    // One that no call has set was there before the first loop.
                    let since = known.get(&id).copied();
                    let since = since.unwrap_or_else(|| seconds(recorded.input.t));
                    self.hard.insert(id, since);
                }
            }
        }
    }

    /// When a node got the taint to be deleted, if it has it.
    pub(super) fn to_be_deleted(&self, node: NodeId) -> Option<SimTime> {
        self.hard.get(&node).copied()
    }

    /// Taints a node for deletion. The taint's value is in whole seconds.
    pub(super) fn mark_to_be_deleted(&mut self, now: SimTime, node: NodeId) {
        let whole = SimTime(now.0.div_euclid(NANOS) * NANOS);
        self.hard.insert(node, whole);
    }

    /// Takes that taint back.
    pub(super) fn clean_to_be_deleted(&mut self, node: NodeId) {
        self.hard.remove(&node);
    }

    /// Sets the soft taint.
    pub(super) fn mark_candidate(&mut self, node: NodeId) {
        self.soft.insert(node);
    }

    /// Takes the soft taint back.
    pub(super) fn clean_candidate(&mut self, node: NodeId) {
        self.soft.remove(&node);
    }

    /// The nodes of both loops that have other taints in the next one than the calls left:
    /// where, expected, got.
    pub(super) fn difference(
        &self,
        cast: &Cast,
        recorded: &LoopJson,
        next: &LoopJson,
    ) -> Option<(String, String, String)> {
        let before: BTreeSet<&str> = recorded
            .input
            .nodes
            .iter()
            .map(|node| node.n.as_str())
            .collect();
        let both = next.input.nodes.iter();
        let both = both.filter(|node| before.contains(node.n.as_str()));
        let mut expected = Vec::new();
        let mut got = Vec::new();
        for node in both {
            let theirs = own(node);
            let ours = self.of(cast, node);
            if theirs != ours {
                expected.push(format!("{} {theirs:?}", node.n));
                got.push(format!("{} {ours:?}", node.n));
            }
        }
        (!expected.is_empty()).then(|| {
            let place = "taints of the next loop".to_owned();
            (place, expected.join(", "), got.join(", "))
        })
    }

    fn of(&self, cast: &Cast, node: &NodeJson) -> BTreeSet<&'static str> {
        let id = cast.names().get_index_of(&node.n);
        let id = id.map(|index| NodeId(index as u32));
        let soft = id.is_some_and(|id| self.soft.contains(&id));
        let hard = id.is_some_and(|id| self.hard.contains_key(&id));
        let soft = soft.then_some(DELETION_CANDIDATE);
        soft.into_iter()
            .chain(hard.then_some(TO_BE_DELETED))
            .collect()
    }
}

/// The autoscaler's taints among those of a recorded node.
fn own(node: &NodeJson) -> BTreeSet<&'static str> {
    let has = |key: &&str| {
        let mut keys = node.taints.iter().map(|taint| taint.split(':').next());
        keys.any(|one| one == Some(*key))
    };
    let known = [DELETION_CANDIDATE, TO_BE_DELETED];
    known.into_iter().filter(has).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::input::Case;
    use super::*;
    use crate::sim::SimDuration;

    fn case() -> Case {
        let at = |t: f64, taints: [&[&str]; 2]| {
            json!({
                "loop": 0,
                "in": {
                    "t": t,
                    "nodes": [
                        {"n": "a-0", "c": 0.0, "ready": true, "rt": 0.0, "taints": taints[0]},
                        {"n": "a-1", "c": 0.0, "ready": true, "rt": 0.0, "taints": taints[1]},
                    ],
                    "pods": [], "pdb_allowed": {}, "controllers": {}, "cloud": {},
                },
                "out": {},
            })
        };
        let soft = "DeletionCandidateOfClusterAutoscaler:PreferNoSchedule";
        let hard = "ToBeDeletedByClusterAutoscaler:NoSchedule";
        let case = json!({
            "id": "x", "options": {}, "groups": [], "shapes": [],
            "limits": {
                "cores_min": 0, "cores_max": 9, "memory_gib_min": 0, "memory_gib_max": 9,
            },
            "loops": [at(10.0, [&[soft], &[]]), at(20.0, [&[], &[soft, hard]])],
        });
        serde_json::from_value(case).expect("a case")
    }

    #[test]
    fn calls_lead_from_the_taints_of_a_loop_to_those_of_the_next() {
        let case = case();
        let mut cast = Cast::new(&case).0;
        let [first, second] = &case.loops[..] else {
            panic!("two loops");
        };
        let mut taints = OwnTaints::default();
        taints.begin(&mut cast, first);
        let (one, other) = (cast.node_id("a-0"), cast.node_id("a-1"));
        taints.clean_candidate(one);
        taints.mark_candidate(other);
        let (_, expected, got) = taints.difference(&cast, first, second).expect("one lacks");
        assert!(expected.contains("ToBeDeleted"), "{expected}");
        assert!(!got.contains("ToBeDeleted"), "{got}");
        let now = seconds(10.0) + SimDuration::from_millis(2500);
        taints.mark_to_be_deleted(now, other);
        assert_eq!(taints.difference(&cast, first, second), None);
        // The second loop does not move the time.
        taints.begin(&mut cast, second);
        assert_eq!(taints.to_be_deleted(other), Some(seconds(12.0)));
        assert_eq!(taints.to_be_deleted(one), None);
        taints.clean_to_be_deleted(other);
        assert!(taints.difference(&cast, first, second).is_some());
    }
}
