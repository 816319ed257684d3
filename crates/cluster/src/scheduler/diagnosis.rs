//! Why a pod fits nowhere: what refused each node, and the words of FailedScheduling
//! (`FitError`).

use std::collections::BTreeMap;

use super::fit::Insufficient;
use crate::api::{NodeId, Pod};

/// Why a node is refused: the first filter that does, in upstream's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// NodeUnschedulable: it is cordoned.
    Unschedulable,
    /// TaintToleration.
    Taints,
    /// NodeAffinity: node selector or required node affinity.
    NodeAffinity,
    /// NodeAffinity before all others: the pod names another node.
    Elsewhere,
    /// NodeAffinity before all others: no node has all the names that the pod asks for.
    Conflict,
    /// NodePorts.
    Ports,
    /// NodeResourcesFit.
    Fit(Lack),
    /// PodTopologySpread: the node is in no domain.
    NoDomain,
    /// PodTopologySpread.
    Spread,
    /// InterPodAffinity: the pod's affinity.
    Affinity,
    /// InterPodAffinity: the pod's anti-affinity.
    AntiAffinity,
    /// InterPodAffinity: the anti-affinity of pods that are there.
    ExistingAntiAffinity,
}

/// What a node has too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lack {
    /// Pods, CPU, memory.
    pub common: Insufficient,
    /// The pod's extended resources by their places, one bit each.
    pub extended: u32,
    /// Even an empty node of this kind has too little.
    pub hopeless: bool,
}

/// Filters that refused nodes, as queueing hints ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plugins(u8);

impl Plugins {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);
    /// NodeUnschedulable.
    pub const UNSCHEDULABLE: Self = Self(1);
    /// TaintToleration.
    pub const TAINTS: Self = Self(2);
    /// NodeAffinity.
    pub const NODE_AFFINITY: Self = Self(4);
    /// NodePorts.
    pub const PORTS: Self = Self(8);
    /// NodeResourcesFit.
    pub const FIT: Self = Self(16);
    /// PodTopologySpread.
    pub const SPREAD: Self = Self(32);
    /// InterPodAffinity.
    pub const POD_AFFINITY: Self = Self(64);

    /// Whether one of these is among them.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Plugins {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Refusal {
    /// The filter that refuses.
    pub fn plugin(self) -> Plugins {
        match self {
            Self::Unschedulable => Plugins::UNSCHEDULABLE,
            Self::Taints => Plugins::TAINTS,
            Self::NodeAffinity | Self::Elsewhere | Self::Conflict => Plugins::NODE_AFFINITY,
            Self::Ports => Plugins::PORTS,
            Self::Fit(_) => Plugins::FIT,
            Self::NoDomain | Self::Spread => Plugins::SPREAD,
            Self::Affinity | Self::AntiAffinity | Self::ExistingAntiAffinity => {
                Plugins::POD_AFFINITY
            }
        }
    }

    /// Whether the pod might fit if others went (`Unschedulable`, not
    /// `UnschedulableAndUnresolvable`).
    pub fn is_resolvable(self) -> bool {
        match self {
            Self::Ports | Self::Spread | Self::AntiAffinity | Self::ExistingAntiAffinity => true,
            Self::Fit(lack) => !lack.hopeless,
            _ => false,
        }
    }

    /// The reasons in upstream's words.
    fn texts(self, pod: &Pod) -> Vec<String> {
        let one = match self {
            Self::Unschedulable => "node(s) were unschedulable",
            Self::Taints => "node(s) had untolerated taint(s)",
            Self::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Self::Elsewhere => "node(s) didn't satisfy plugin(s) [NodeAffinity]",
            Self::Conflict => "pod affinity terms conflict",
            Self::Ports => "node(s) didn't have free ports for the requested pod ports",
            Self::NoDomain => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Self::Spread => "node(s) didn't match pod topology spread constraints",
            Self::Affinity => "node(s) didn't match pod affinity rules",
            Self::AntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Self::ExistingAntiAffinity => {
                "node(s) didn't satisfy existing pods anti-affinity rules"
            }
            Self::Fit(lack) => {
                let mut texts: Vec<String> = lack.common.reasons().map(str::to_owned).collect();
                let names = pod
                    .template
                    .placement
                    .iter()
                    .flat_map(|one| one.extended.keys());
                let lacking = names
                    .enumerate()
                    .filter(|(place, _)| lack.extended >> place & 1 == 1);
                texts.extend(lacking.map(|(_, name)| format!("Insufficient {name}")));
                return texts;
            }
        };
        vec![one.to_owned()]
    }
}

/// What became of the attempt to make room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preemption {
    /// Victims are on their way: the message says nothing of it.
    Started,
    /// The pod may not, for this reason.
    NotEligible(&'static str),
    /// It helps on no node: those that were tried, and why not.
    Useless(Vec<Option<Refusal>>),
}

/// What refused each node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// In the order of the nodes.
    pub refused: Vec<(NodeId, Refusal)>,
    /// Filters that chose among the nodes before any was looked at.
    pub chosen_by: Plugins,
}

impl Diagnosis {
    /// The filters that refused any.
    pub fn plugins(&self) -> Plugins {
        let all = self.refused.iter().map(|(_, refusal)| refusal.plugin());
        all.fold(self.chosen_by, std::ops::BitOr::bitor)
    }

    /// Nodes on which the pod might fit if others went.
    pub fn resolvable(&self) -> impl Iterator<Item = NodeId> + '_ {
        let resolvable = self.refused.iter().filter(|(_, one)| one.is_resolvable());
        resolvable.map(|(node, _)| *node)
    }

    fn reasons(&self, pod: &Pod) -> String {
        let mut counts = Histogram::default();
        for (_, refusal) in &self.refused {
            // What is said before any node is looked at counts none.
            if *refusal == Refusal::Conflict {
                return refusal.texts(pod).join(", ");
            }
            let texts = refusal.texts(pod).into_iter();
            texts.for_each(|one| counts.add(one, 1));
        }
        counts.text()
    }

    /// The message of the FailedScheduling event.
    pub fn message(&self, pod: &Pod, preemption: &Preemption) -> String {
        let nodes = self.refused.len();
        if nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let first = format!("0/{nodes} nodes are available: {}.", self.reasons(pod));
        let more = match preemption {
            Preemption::Started => return first,
            Preemption::NotEligible(why) => format!("not eligible due to {why}"),
            Preemption::Useless(tried) => {
                let mut counts = Histogram::default();
                for refusal in tried {
                    let texts = match refusal {
                        None => vec!["No preemption victims found for incoming pod".to_owned()],
                        Some(refusal) => refusal.texts(pod),
                    };
                    for one in texts {
                        counts.add(one, 1);
                    }
                }
                let absent = "Preemption is not helpful for scheduling";
                counts.add(absent.to_owned(), nodes - tried.len());
                format!("0/{nodes} nodes are available: {}.", counts.text())
            }
        };
        format!("{first} no new claims to deallocate, preemption: {more}")
    }
}

/// Reasons and how many nodes have each.
#[derive(Default)]
struct Histogram(BTreeMap<String, usize>);

impl Histogram {
    fn add(&mut self, reason: String, nodes: usize) {
        *self.0.entry(reason).or_default() += nodes;
    }

    /// Sorted as texts, numbers included.
    fn text(&self) -> String {
        let counted = self.0.iter().filter(|(_, nodes)| **nodes > 0);
        let mut texts: Vec<String> = counted
            .map(|(reason, nodes)| format!("{nodes} {reason}"))
            .collect();
        texts.sort();
        texts.join(", ")
    }
}
