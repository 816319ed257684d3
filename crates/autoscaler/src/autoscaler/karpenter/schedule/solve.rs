//! The search for places.
//!
//! Upstream: `scheduler.go`, `queue.go`, `existingnode.go`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::instance_type::InstanceType;
use super::super::pod::Pod;
use super::super::requirement::Requirement;
use super::super::requirements::Requirements;
use super::super::resources::{CPU, MEMORY, NODES, Resources};
use super::super::taints::{Effect, tolerates};
use super::claim::{HOST_NAME, NodeClaim, Template};
use super::{Cluster, Node};
use crate::sim::SimTime;

/// How to look for places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options<'a> {
    /// Places of nodes that do not count.
    pub without: &'a [usize],
    /// Pods that have a node are not moved to nodes that are not consolidatable yet at this time.
    pub consolidating_at: Option<SimTime>,
}

/// Why a pod has no place; of the last pool that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// There is no pool.
    #[error("nodepool requirements filtered out all available instance types")]
    NoPools,
    /// It does not tolerate the pool's taints.
    #[error("did not tolerate taint")]
    Taints,
    /// Its node selector or affinity contradicts the pool.
    #[error("incompatible requirements")]
    Requirements,
    /// The pool has as many nodes as it may.
    #[error("node limits have been exhausted for nodepool")]
    NodeLimit,
    /// Every instance type would be more than the pool may have.
    #[error("all available instance types exceed limits for nodepool")]
    Limits,
    /// No instance type is left.
    #[error("{}", why(*.met, *.fit, *.offered))]
    InstanceTypes {
        /// Whether some type meets the requirements.
        met: bool,
        /// Whether some type is large enough.
        fit: bool,
        /// Whether some type can be had.
        offered: bool,
    },
    /// Too few values stay possible.
    #[error("minValues requirement is not met for label(s)")]
    MinValues,
    /// It would need a node that is not ready yet.
    #[error("would schedule against uninitialized node")]
    Uninitialized,
}

fn why(met: bool, fit: bool, offered: bool) -> &'static str {
    match (met, fit, offered) {
        (false, false, false) => {
            "no instance type met the scheduling requirements or had enough resources or had a required offering"
        }
        (false, false, true) => {
            "no instance type met the scheduling requirements or had enough resources"
        }
        (false, true, false) => {
            "no instance type met the scheduling requirements or had a required offering"
        }
        (true, false, false) => "no instance type had enough resources or had a required offering",
        (false, true, true) => "no instance type met all requirements",
        (true, false, true) => "no instance type has enough resources",
        (true, true, false) => "no instance type has the required offering",
        (true, true, true) => "no instance type met the requirements/resources/offering tuple",
    }
}

/// Where pods go.
#[derive(Debug, Clone, Default)]
pub struct Results<'a> {
    /// Nodes to be made.
    pub claims: Vec<NodeClaim<'a>>,
    /// The node of each pod that has a place on one.
    pub placed: BTreeMap<usize, usize>,
    /// Pods without a place.
    pub errors: BTreeMap<usize, PodError>,
}

/// A node that can take pods.
struct Existing {
    place: usize,
    requirements: Requirements,
    left: Resources,
    /// Whether it takes only pods that have no node.
    only_pending: bool,
}

struct Search<'a> {
    cluster: Cluster<'a>,
    nodes: Vec<Existing>,
    templates: Vec<Template<'a>>,
    /// What each pool may still have.
    left: Vec<Resources>,
    /// Whether a taint only makes nodes the last choice.
    soft_taints: bool,
    made: usize,
    results: Results<'a>,
}

/// Finds places for pods.
pub fn schedule<'a>(cluster: Cluster<'a>, pods: &[&Pod], options: &Options<'_>) -> Results<'a> {
    let mut search = Search::new(cluster, options);
    let mut queue: VecDeque<usize> = sorted(pods).into();
    let mut length_at_push: BTreeMap<usize, usize> = BTreeMap::new();
    while let Some(place) = queue.pop_front() {
        // All others were tried since: nothing goes on.
        if length_at_push.get(&place) == Some(&(queue.len() + 1)) {
            break;
        }
        match search.place((place, pods[place])) {
            Ok(()) => {
                search.results.errors.remove(&place);
            }
            Err(error) => {
                search.results.errors.insert(place, error);
                queue.push_back(place);
                length_at_push.insert(place, queue.len());
            }
        }
    }
    let mut results = search.results;
    for claim in &mut results.claims {
        claim.finish(&search.templates);
    }
    results
}

/// Pods with most CPU first, then most memory, then the oldest.
fn sorted(pods: &[&Pod]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (pods[*a], pods[*b]);
        let amounts = |pod: &Pod| [CPU, MEMORY].map(|name| pod.requests.get(name));
        amounts(b)
            .cmp(&amounts(a))
            .then_with(|| (a.created, &a.name).cmp(&(b.created, &b.name)))
    });
    order
}

impl<'a> Search<'a> {
    fn new(cluster: Cluster<'a>, options: &Options<'_>) -> Self {
        let excluded: BTreeSet<usize> = options.without.iter().copied().collect();
        let mut left: Vec<Resources> = cluster.pools.iter().map(|p| p.limits.clone()).collect();
        let counted =
            |(place, node): &(usize, &Node)| !excluded.contains(place) && !node.is_deleting;
        let mut nodes: Vec<(usize, &Node)> =
            cluster.nodes.iter().enumerate().filter(counted).collect();
        for (_, node) in &nodes {
            if let Some(pool) = node.pool {
                left[pool].subtract(&node.capacity);
            }
        }
        nodes.sort_by_key(|(_, node)| (node.initialized.is_none(), &node.name));
        let existing = |(place, node): (usize, &Node)| {
            let mut daemons = Resources::default();
            for daemon in cluster.daemons {
                let asked = match daemon.required.first() {
                    Some(term) => daemon.selector.with(term),
                    None => daemon.selector.clone(),
                };
                if tolerates(&daemon.tolerations, &node.taints)
                    && node.labels.are_compatible(&asked, false)
                {
                    daemons.add(&daemon.requests);
                }
            }
            daemons.subtract(&node.daemons);
            daemons.clamp();
            let mut left = node.available.clone();
            left.subtract(&daemons);
            let mut requirements = node.labels.clone();
            requirements.add(HOST_NAME, Requirement::value(node.name.as_str()));
            Existing {
                place,
                requirements,
                left,
                only_pending: options.consolidating_at.is_some_and(|now| {
                    let pool = node.pool.map(|pool| &cluster.pools[pool]);
                    pool.is_some_and(|pool| super::super::disruption::is_settling(pool, node, now))
                }),
            }
        };
        let taints = cluster.pools.iter().flat_map(|pool| &pool.taints);
        Self {
            nodes: nodes.into_iter().map(existing).collect(),
            templates: cluster
                .ordered_pools()
                .into_iter()
                .filter_map(|pool| Template::of(&cluster, pool))
                .collect(),
            soft_taints: taints
                .into_iter()
                .any(|taint| taint.effect == Effect::PreferNoSchedule),
            left,
            cluster,
            made: 0,
            results: Results::default(),
        }
    }

    /// Finds a place for a pod, which gives up what it can do without.
    fn place(&mut self, (place, pod): (usize, &Pod)) -> Result<(), PodError> {
        let mut pod = pod.clone();
        pod.order_preferences();
        loop {
            match self.add((place, &pod)) {
                Err(_) if pod.relax(self.soft_taints) => {}
                result => return result,
            }
        }
    }

    fn add(&mut self, pod: (usize, &Pod)) -> Result<(), PodError> {
        if self.add_to_node(pod) {
            return Ok(());
        }
        // Nodes about to be made with the fewest pods come first.
        self.results.claims.sort_by_key(|claim| claim.pods.len());
        for at in 0..self.results.claims.len() {
            let claim = &self.results.claims[at];
            let template = self.templates.iter().find(|one| one.pool == claim.pool);
            let with = template.map(|template| claim.with(&self.cluster, template, pod));
            if let Some(Ok(with)) = with {
                self.results.claims[at] = with;
                return Ok(());
            }
        }
        self.add_to_new(pod)
    }

    fn add_to_node(&mut self, (place, pod): (usize, &Pod)) -> bool {
        let asked = pod.requirements();
        let nodes = self.cluster.nodes;
        let takes = |node: &&mut Existing| {
            (pod.pending || !node.only_pending)
                && tolerates(&pod.tolerations, &nodes[node.place].taints)
                && pod.requests.fit_in(&node.left)
                && node.requirements.are_compatible(&asked, false)
        };
        let Some(node) = self.nodes.iter_mut().find(takes) else {
            return false;
        };
        node.left.subtract(&pod.requests);
        node.requirements.add_all(&asked);
        self.results.placed.insert(place, node.place);
        true
    }

    fn add_to_new(&mut self, pod: (usize, &Pod)) -> Result<(), PodError> {
        let mut error = PodError::NoPools;
        for template in &self.templates {
            let left = &self.left[template.pool];
            if left.stated(NODES) == Some(0) {
                error = PodError::NodeLimit;
                continue;
            }
            let kinds = template.types.iter().copied();
            let types: Vec<&InstanceType> = kinds
                .filter(|kind| kind.capacity.are_within(left))
                .collect();
            if types.is_empty() {
                error = PodError::Limits;
                continue;
            }
            let claim = NodeClaim::new(&self.cluster, template.pool, types, self.made + 1);
            match claim.with(&self.cluster, template, pod) {
                Err(refused) => error = refused,
                Ok(claim) => {
                    self.made += 1;
                    // It may become the largest of what it can be.
                    let mut largest = Resources::default();
                    for kind in &claim.types {
                        largest.raise_to(&kind.capacity);
                    }
                    self.left[template.pool].subtract(&largest);
                    self.results.claims.push(claim);
                    return Ok(());
                }
            }
        }
        Err(error)
    }
}
