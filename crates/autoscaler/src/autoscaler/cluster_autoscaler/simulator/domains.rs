//! Pods by topology domain, for the pods whose place depends on others: PodTopologySpread and
//! InterPodAffinity of kube-scheduler.
//!
//! What one class wants to know is counted when it first asks, and kept in step with what is
//! tried from then on.

use std::collections::BTreeMap;

use super::predicates::suits_for_spread;
use super::snapshot::{NodeInfo, Placed};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, PodClass, Spread};

/// What the scheduler says of a node where there would be too many pods of a domain.
pub const TOO_SKEWED: &str = "node(s) didn't match pod topology spread constraints";

/// The label by which nodes are told apart.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Why a node is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// It has no domain of a constraint.
    NoDomain,
    /// There would be too many pods in its domain.
    Spread,
    /// The pods that the pod wants to be near are elsewhere.
    Affinity,
    /// Pods that it wants to be apart from are there.
    AntiAffinity,
    /// Pods are there that want to be apart from it.
    ExistingAntiAffinity,
}

/// The domain of a node. A template has the host name of another node: by that key each slot is
/// its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Domain {
    Host(usize),
    Value(String),
}

fn domain(key: &str, slot: usize, info: &NodeInfo) -> Option<Domain> {
    if key == HOSTNAME {
        return Some(Domain::Host(slot));
    }
    let mut labels = info.shape.labels.iter();
    let (_, value) = labels.find(|(name, _)| name == key)?;
    Some(Domain::Value(value.clone()))
}

/// Nodes and pods of a domain that count.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    nodes: i64,
    pods: i64,
}

/// Counts by domain of one key.
#[derive(Debug, Default)]
struct Counts {
    by_domain: BTreeMap<Domain, Count>,
    /// Of domains with nodes: how many have so many pods. The fewest are asked for at each node.
    levels: BTreeMap<i64, usize>,
    /// Domains with nodes.
    there: usize,
    /// Pods of all domains.
    pods: i64,
}

impl Counts {
    fn add(&mut self, domain: Domain, nodes: i64, pods: i64) {
        let count = self.by_domain.entry(domain).or_default();
        let before = *count;
        count.nodes += nodes;
        count.pods += pods;
        let after = *count;
        self.pods += pods;
        if before.nodes > 0 {
            self.there -= 1;
            if let Some(domains) = self.levels.get_mut(&before.pods) {
                *domains -= 1;
                if *domains == 0 {
                    self.levels.remove(&before.pods);
                }
            }
        }
        if after.nodes > 0 {
            self.there += 1;
            *self.levels.entry(after.pods).or_default() += 1;
        }
    }

    fn pods(&self, domain: Option<&Domain>) -> i64 {
        let count = domain.and_then(|domain| self.by_domain.get(domain));
        count.map_or(0, |count| count.pods)
    }

    /// The fewest pods in a domain, where there are enough domains.
    fn least(&self, min_domains: usize) -> i64 {
        let least = self.levels.first_key_value().map(|(pods, _)| *pods);
        least.filter(|_| self.there >= min_domains).unwrap_or(0)
    }
}

/// What a class has asked for.
#[derive(Debug)]
struct Known {
    class: ClassId,
    spread: Vec<Counts>,
    near: Vec<Counts>,
    apart: Vec<Counts>,
    existing: Vec<Counts>,
}

/// What classes have asked for so far.
#[derive(Debug, Default)]
pub(super) struct Domains {
    known: Vec<Known>,
}

/// Whether the place of a pod depends on others beyond its own node.
pub(super) fn concerns(pod: &PodClass) -> bool {
    !pod.spread.is_empty()
        || !pod.affinity.keys.is_empty()
        || !pod.anti_affinity.is_empty()
        || !pod.kept_away_by.is_empty()
}

impl Known {
    fn new(class: ClassId, pod: &PodClass) -> Self {
        let empty = |count: usize| {
            std::iter::repeat_with(Counts::default)
                .take(count)
                .collect()
        };
        Self {
            class,
            spread: empty(pod.spread.len()),
            near: empty(pod.affinity.keys.len()),
            apart: empty(pod.anti_affinity.len()),
            existing: empty(pod.kept_away_by.len()),
        }
    }

    /// A pod comes to a node or leaves it.
    fn pod(&mut self, pod: &PodClass, slot: usize, info: &NodeInfo, placed: Placed, by: i64) {
        let other = placed.class;
        let spreads = pod.spread.iter().zip(&mut self.spread);
        for (spread, counts) in spreads.filter(|(spread, _)| spread.counted.contains(&other)) {
            if !placed.terminating
                && takes_part(pod, spread, info)
                && let Some(domain) = domain(&spread.topology_key, slot, info)
            {
                counts.add(domain, 0, by);
            }
        }
        if pod.affinity.matched.contains(&other) {
            for (key, counts) in pod.affinity.keys.iter().zip(&mut self.near) {
                if let Some(domain) = domain(key, slot, info) {
                    counts.add(domain, 0, by);
                }
            }
        }
        let apart = pod.anti_affinity.iter().zip(&mut self.apart);
        let existing = pod.kept_away_by.iter().zip(&mut self.existing);
        for (term, counts) in apart.chain(existing) {
            if term.matched.contains(&other)
                && let Some(domain) = domain(&term.topology_key, slot, info)
            {
                counts.add(domain, 0, by);
            }
        }
    }

    /// A node comes or goes, with its pods.
    fn node(&mut self, pod: &PodClass, slot: usize, info: &NodeInfo, by: i64) {
        for (spread, counts) in pod.spread.iter().zip(&mut self.spread) {
            if takes_part(pod, spread, info)
                && let Some(domain) = domain(&spread.topology_key, slot, info)
            {
                counts.add(domain, by, 0);
            }
        }
        for placed in &info.pods {
            self.pod(pod, slot, info, *placed, by);
        }
    }

    fn refusal(&self, pod: &PodClass, slot: usize, info: &NodeInfo) -> Option<Refusal> {
        for (spread, counts) in pod.spread.iter().zip(&self.spread) {
            let Some(domain) = domain(&spread.topology_key, slot, info) else {
                return Some(Refusal::NoDomain);
            };
            let own = i64::from(spread.counts_itself);
            let skew = counts.pods(Some(&domain)) + own - counts.least(spread.min_domains);
            if skew > spread.max_skew {
                return Some(Refusal::Spread);
            }
        }
        let at = |key: &str| domain(key, slot, info);
        let affinity = &pod.affinity;
        let mut all_near = true;
        for (key, counts) in affinity.keys.iter().zip(&self.near) {
            let Some(domain) = at(key) else {
                return Some(Refusal::Affinity);
            };
            all_near &= counts.pods(Some(&domain)) > 0;
        }
        // The first of a group that wants to be together may go anywhere.
        let is_first = affinity.matches_itself && self.near.iter().all(|counts| counts.pods == 0);
        if !all_near && !is_first {
            return Some(Refusal::Affinity);
        }
        let meets = |(term, counts): (&_, &Counts)| {
            let term: &crate::autoscaler::cluster_autoscaler::model::PodTerm = term;
            counts.pods(at(&term.topology_key).as_ref()) > 0
        };
        if pod.anti_affinity.iter().zip(&self.apart).any(meets) {
            return Some(Refusal::AntiAffinity);
        }
        let mut existing = pod.kept_away_by.iter().zip(&self.existing);
        existing.any(meets).then_some(Refusal::ExistingAntiAffinity)
    }
}

/// Whether a node counts for a constraint: it has all labels that the constraints ask for, and
/// suits the pod as far as the constraint's policies say.
fn takes_part(pod: &PodClass, spread: &Spread, info: &NodeInfo) -> bool {
    let has = |key: &str| key == HOSTNAME || info.shape.labels.iter().any(|(name, _)| name == key);
    pod.spread.iter().all(|one| has(&one.topology_key))
        && suits_for_spread(pod, spread, &info.shape)
}

impl Domains {
    /// Counts what a class wants to know, if that has not been done.
    pub(super) fn prepare<'n>(
        &mut self,
        class: ClassId,
        pod: &PodClass,
        nodes: impl Iterator<Item = (usize, &'n NodeInfo)>,
    ) {
        if self.known.iter().any(|known| known.class == class) {
            return;
        }
        let mut known = Known::new(class, pod);
        for (slot, info) in nodes {
            known.node(pod, slot, info, 1);
        }
        self.known.push(known);
    }

    /// Whether a class that has asked is refused.
    pub(super) fn refusal(
        &self,
        class: ClassId,
        pod: &PodClass,
        slot: usize,
        info: &NodeInfo,
    ) -> Option<Refusal> {
        let known = self.known.iter().find(|known| known.class == class)?;
        known.refusal(pod, slot, info)
    }

    /// A pod comes to a node or leaves it.
    pub(super) fn pod(
        &mut self,
        classes: &[PodClass],
        (slot, info): (usize, &NodeInfo),
        placed: Placed,
        by: i64,
    ) {
        for known in &mut self.known {
            known.pod(&classes[known.class.index()], slot, info, placed, by);
        }
    }

    /// A node comes or goes, with its pods.
    pub(super) fn node(&mut self, classes: &[PodClass], (slot, info): (usize, &NodeInfo), by: i64) {
        for known in &mut self.known {
            known.node(&classes[known.class.index()], slot, info, by);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

impl Refusal {
    /// The scheduler's words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::NoDomain => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Self::Spread => TOO_SKEWED,
            Self::Affinity => "node(s) didn't match pod affinity rules",
            Self::AntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Self::ExistingAntiAffinity => {
                "node(s) didn't satisfy existing pods anti-affinity rules"
            }
        }
    }
}
