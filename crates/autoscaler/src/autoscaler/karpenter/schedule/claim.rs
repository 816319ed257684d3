//! A node about to be made: its pods, and the instance types that can still be it.
//!
//! Upstream: `nodeclaimtemplate.go`, `nodeclaim.go`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::instance_type::{
    InstanceType, Launch, launch, order_by_price, types_for_min_values,
};
use super::super::pod::Pod;
use super::super::requirement::{Operator, Requirement};
use super::super::requirements::{CAPACITY_TYPE, INSTANCE_TYPE, ON_DEMAND, Requirements, SPOT};
use super::super::resources::Resources;
use super::super::taints::{Effect, Toleration, tolerates};
use super::Cluster;
use super::solve::PodError;

/// Instance types that a launch is asked for at most.
const MOST_TYPES: usize = 600;
pub(super) const HOST_NAME: &str = "kubernetes.io/hostname";

/// A node to be made.
#[derive(Debug, Clone)]
pub struct NodeClaim<'a> {
    /// Place of its pool.
    pub pool: usize,
    /// What its labels are.
    pub requirements: Requirements,
    /// What it can be, the cheapest first once all pods have their places.
    pub types: Vec<&'a InstanceType>,
    /// What its pods request.
    pub requests: Resources,
    /// Places of its pods.
    pub pods: Vec<usize>,
}

/// What a claim of a pool begins with.
pub(super) struct Template<'a> {
    pub(super) pool: usize,
    pub(super) types: Vec<&'a InstanceType>,
    /// What DaemonSet pods will request of each type.
    pub(super) daemons: BTreeMap<&'a str, Resources>,
}

impl<'a> Template<'a> {
    /// The template of a pool; `None` if no instance type can be had under its requirements.
    pub(super) fn of(cluster: &Cluster<'a>, pool: usize) -> Option<Self> {
        let requirements = &cluster.pools[pool].requirements;
        let kinds = cluster.types[pool].iter();
        let types: Vec<&InstanceType> = kinds
            .filter(|kind| {
                kind.requirements.intersect(requirements)
                    && kind.offerings.iter().any(|of| of.suits(requirements))
            })
            .collect();
        if types.is_empty() || types_for_min_values(&types, requirements).is_none() {
            return None;
        }
        let daemons = types
            .iter()
            .map(|kind| {
                let mut requests = Resources::default();
                for daemon in cluster.daemons {
                    if daemon_runs(cluster, pool, kind, daemon) {
                        requests.add(&daemon.requests);
                    }
                }
                (kind.name.as_str(), requests)
            })
            .collect();
        Some(Self {
            pool,
            types,
            daemons,
        })
    }
}

/// Whether a DaemonSet's pod will be on a node of a type: by any of its required terms, and
/// whatever it prefers.
fn daemon_runs(cluster: &Cluster<'_>, pool: usize, kind: &InstanceType, daemon: &Pod) -> bool {
    let pool = &cluster.pools[pool];
    let mut tolerations = daemon.tolerations.clone();
    tolerations.push(Toleration {
        exists: true,
        effect: Some(Effect::PreferNoSchedule),
        ..Toleration::default()
    });
    let fits = |requirements: &Requirements| {
        pool.requirements.are_compatible(requirements, true)
            && kind.requirements.intersect(requirements)
    };
    tolerates(&tolerations, &pool.taints)
        && if daemon.required.is_empty() {
            fits(&daemon.selector)
        } else {
            let mut terms = daemon.required.iter();
            terms.any(|term| fits(&daemon.selector.with(term)))
        }
}

impl<'a> NodeClaim<'a> {
    /// A claim of a pool whose nodes are made for no pods; `None` if no instance type can be had.
    pub fn of_static_pool(cluster: &Cluster<'a>, pool: usize) -> Option<Self> {
        let mut types = Template::of(cluster, pool)?.types;
        let requirements = cluster.pools[pool].requirements.clone();
        order_by_price(&mut types, &requirements);
        Some(Self {
            pool,
            requirements,
            types,
            requests: Resources::default(),
            pods: Vec::new(),
        })
    }

    /// A claim without pods; `number` tells its host name apart.
    pub(super) fn new(
        cluster: &Cluster<'a>,
        pool: usize,
        types: Vec<&'a InstanceType>,
        number: usize,
    ) -> Self {
        let mut requirements = cluster.pools[pool].requirements.clone();
        let host = format!("hostname-placeholder-{number:04}");
        requirements.add(HOST_NAME, Requirement::value(host));
        Self {
            pool,
            requirements,
            types,
            requests: Resources::default(),
            pods: Vec::new(),
        }
    }

    /// The claim with another pod, if it can take it.
    pub(super) fn with(
        &self,
        cluster: &Cluster<'a>,
        template: &Template<'a>,
        (place, pod): (usize, &Pod),
    ) -> Result<Self, PodError> {
        if !tolerates(&pod.tolerations, &cluster.pools[self.pool].taints) {
            return Err(PodError::Taints);
        }
        let asked = pod.requirements();
        if !self.requirements.are_compatible(&asked, true) {
            return Err(PodError::Requirements);
        }
        let requirements = self.requirements.with(&asked);
        let mut requests = self.requests.clone();
        requests.add(&pod.requests);
        let (mut met, mut fit, mut offered) = (false, false, false);
        let kinds = self.types.iter().copied();
        let types: Vec<&InstanceType> = kinds
            .filter(|kind| {
                let mut all = requests.clone();
                if let Some(daemons) = template.daemons.get(kind.name.as_str()) {
                    all.add(daemons);
                }
                let is = [
                    kind.requirements.intersect(&requirements),
                    all.fit_in(&kind.allocatable),
                    kind.offerings.iter().any(|of| of.suits(&requirements)),
                ];
                met |= is[0];
                fit |= is[1];
                offered |= is[2];
                is == [true; 3]
            })
            .collect();
        if types.is_empty() {
            return Err(PodError::InstanceTypes { met, fit, offered });
        }
        if types_for_min_values(&types, &requirements).is_none() {
            return Err(PodError::MinValues);
        }
        let mut pods = self.pods.clone();
        pods.push(place);
        Ok(Self {
            pool: self.pool,
            requirements,
            types,
            requests,
            pods,
        })
    }

    /// The claim as it is handed on: no host name, the cheapest types first, not too many of them. It
    /// requests what DaemonSet pods will request at least, too (`FinalizeScheduling`).
    pub(super) fn finish(&mut self, templates: &[Template<'a>]) {
        self.requirements.forget(HOST_NAME);
        order_by_price(&mut self.types, &self.requirements);
        let template = templates.iter().find(|one| one.pool == self.pool);
        let daemons = self.types.iter().filter_map(|kind| {
            let daemons = template?.daemons.get(kind.name.as_str())?;
            Some(daemons).filter(|daemons| **daemons != Resources::default())
        });
        let least = daemons.cloned().reduce(|least, other| least.least(&other));
        if let Some(least) = least {
            self.requests.add(&least);
        }
        self.types.truncate(MOST_TYPES);
    }

    /// What the NodeClaim states of its labels: which instance types and kinds of capacity it may be,
    /// besides what its pool and its pods ask for (`ToNodeClaim`).
    pub fn stated(&self, is_static: bool) -> Requirements {
        let mut stated = self.requirements.clone();
        for only_simulated in ["karpenter.sh/registered", "karpenter.sh/initialized"] {
            stated.forget(only_simulated);
        }
        if is_static {
            return stated;
        }
        let one_of = |values: BTreeSet<&str>| Requirement::new(Operator::In, values);
        let names = self.types.iter().map(|kind| kind.name.as_str());
        stated.add(INSTANCE_TYPE, one_of(names.collect()));
        let offerings = self.types.iter().flat_map(|kind| &kind.offerings);
        let offered = offerings.filter(|of| of.suits(&stated));
        let kinds = offered.map(|of| if of.spot { SPOT } else { ON_DEMAND });
        let kinds: BTreeSet<&str> = kinds.collect();
        if !kinds.is_empty() {
            stated.add(CAPACITY_TYPE, one_of(kinds));
        }
        stated
    }

    /// Keeps the types that cost less than so much however they are launched; false if those left
    /// are not flexible enough.
    pub(in super::super) fn keep_cheaper_than(&mut self, price: f64) -> bool {
        let requirements = &self.requirements;
        self.types
            .retain(|kind| kind.worst_launch_price(requirements) < price);
        types_for_min_values(&self.types, requirements).is_some()
    }

    /// What the cloud makes of it.
    pub fn launch(&self) -> Option<Launch<'a>> {
        launch(&self.types, &self.requirements)
    }
}
