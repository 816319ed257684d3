//! What a pass finds out and tells in events.
//!
//! Upstream: `pkg/controllers/disruption/events`.

use std::cell::RefCell;
use std::fmt::Write;

use super::super::schedule::{Cluster, PodError};
use super::Method;
use super::score::Score;

/// Errors of pods that are named.
const MOST_ERRORS: usize = 5;

/// Pods that would have no place, or none that they can go to now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Their names with what is wrong, and the node that is not ready yet.
    pub pods: Vec<(String, PodError, Option<usize>)>,
}

impl Stuck {
    /// `NonPendingPodSchedulingErrors`.
    fn text(&self, cluster: Cluster<'_>) -> String {
        let mut text = "not all pods would schedule, ".to_owned();
        for (count, (pod, error, node)) in self.pods.iter().enumerate() {
            let _ = match node.map(|place| &cluster.nodes[place].name) {
                Some(node) => write!(
                    text,
                    "{pod} => would schedule against uninitialized nodeclaim/{node}, node/{node} "
                ),
                None => write!(text, "{pod} => {error} "),
            };
            if count + 1 == MOST_ERRORS {
                let others = self.pods.len() as i64 - MOST_ERRORS as i64;
                let _ = write!(text, " and {others} other(s)");
                break;
            }
        }
        text
    }
}

/// Why consolidation leaves a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unconsolidatable {
    /// Its NodePool never consolidates.
    Disabled,
    /// Its NodePool consolidates empty nodes only.
    WhenEmpty,
    /// Its instance type is not known.
    TypeNotFound,
    /// Its pods would have no place.
    Pods(Stuck),
    /// It would take so many nodes.
    Several(usize),
    /// Cheaper instance types are not flexible enough for `minValues`.
    MinValues,
    /// No instance type is cheaper.
    NotCheaper,
    /// A spot node would replace a spot node, which is switched off.
    SpotToSpot,
    /// So few cheaper instance types would be left of so many that it takes.
    FewSpotTypes(usize, usize),
}

/// What a pass finds out.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A node stays, and why. The reason may be one that is found in each pass, or by a search.
    Unconsolidatable(usize, Unconsolidatable, bool),
    /// A node that has drifted stays as its pods would have no place.
    Blocked(usize, Stuck),
    /// Nodes could go with one in their place, which saves so many dollars an hour.
    Candidate(Vec<usize>, f64),
    /// A move of one node is worth it.
    Approved(usize, Score),
    /// A move of several nodes of a pool is worth it.
    PoolApproved(usize, Score),
    /// The budgets of a pool allow nothing for a method's reason.
    PoolBlocked(usize, Method),
}

/// Notes of a pass, in their order.
#[derive(Debug, Default)]
pub struct Notes(RefCell<Vec<Note>>);

impl Notes {
    /// Adds one.
    pub(super) fn add(&self, note: Note) {
        self.0.borrow_mut().push(note);
    }

    /// Hands them over.
    pub fn take(&self) -> Vec<Note> {
        self.0.take()
    }
}

/// A text with its first letter in upper case (`pretty.Sentence`).
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

impl Unconsolidatable {
    /// The event's message.
    pub fn message(&self, cluster: Cluster<'_>, node: usize) -> String {
        let node = &cluster.nodes[node];
        let pool = || node.pool.map_or("", |pool| &*cluster.pools[pool].name);
        match self {
            Self::Disabled => format!("NodePool {:?} has consolidation disabled", pool()),
            Self::WhenEmpty => format!(
                "NodePool {:?} has consolidation policy WhenEmpty, but node is not empty",
                pool()
            ),
            Self::TypeNotFound => format!("Instance Type {:?} not found", node.instance_type),
            Self::Pods(stuck) => sentence(&stuck.text(cluster)),
            Self::Several(nodes) => format!("Can't remove without creating {nodes} candidates"),
            Self::MinValues => {
                "Filtering by price: minValues requirement is not met for label(s)".to_owned()
            }
            Self::NotCheaper => "Can't replace with a cheaper node".to_owned(),
            Self::SpotToSpot => {
                "SpotToSpotConsolidation is disabled, can't replace a spot node with a spot node"
                    .to_owned()
            }
            Self::FewSpotTypes(wanted, left) => format!(
                "SpotToSpotConsolidation requires {wanted} cheaper instance type options than the current candidate to consolidate, got {left}"
            ),
        }
    }
}

impl Stuck {
    /// The message of an event that says that a node is held.
    pub fn message(&self, cluster: Cluster<'_>) -> String {
        sentence(&self.text(cluster))
    }
}

/// A command as events have it, from the side of one of its nodes (`StringForNode`).
pub fn command_text(node: &str, nodes: usize, replaces: bool) -> String {
    let decision = if replaces { "replace" } else { "delete" };
    match (nodes, replaces) {
        (1, true) => format!("{decision}: [{node}] -> [1 replacement]"),
        (1, false) => format!("{decision}: [{node}]"),
        _ => format!("{decision}: [{node}] (part of {nodes}-node consolidation)"),
    }
}
