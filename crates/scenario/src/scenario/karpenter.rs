//! What Karpenter can launch for its NodePools: at the start, and anew when one of them or a NodeClass
//! changes.

use super::model::{KarpenterLaunch, KarpenterSpec};
use crate::api::{Taint, TaintEffect};
use crate::autoscaler::karpenter::instance_type::{InstanceType, Offering};
use crate::autoscaler::karpenter::{
    CAPACITY_TYPE, CPU, Effect, MEMORY, Machine, NodeClass, NodePool, ON_DEMAND, PODS, Resources,
    SPOT, ZONE,
};
use crate::cluster::prices;
use crate::cluster::spec::{InterruptionSpec, Labels, NodeGroupSpec, ScalingSpec};
use crate::sim::Dist;
use crate::units::{Bytes, Millicores, Usd};

/// What there is to be had.
#[derive(Debug, Clone, PartialEq)]
pub struct KarpenterMarket {
    /// Instance types.
    pub types: Vec<prices::InstanceType>,
    /// Zones in which they can be had.
    pub zones: Vec<String>,
    /// What DaemonSets that are not simulated request of each node.
    pub daemons: (Millicores, Bytes),
    /// From a launch to the node's being Ready, in seconds.
    pub provisioning: Dist,
    /// How spot nodes are taken back, if they are.
    pub interruption: Option<InterruptionSpec>,
    /// From a node's being Ready until its startup taints are off, in seconds.
    pub untainted: Dist,
}

impl KarpenterSpec {
    /// A NodePool comes or changes. Answers the node groups that what it launches from now on is of:
    /// they follow so many that there are.
    pub fn put_pool(&mut self, pool: NodePool, groups: usize) -> Vec<NodeGroupSpec> {
        let place = if let Some(place) = self.place(&pool.name) {
            self.pools[place] = pool;
            place
        } else {
            self.pools.push(pool);
            self.types.push(Vec::new());
            self.pools.len() - 1
        };
        self.offer(place, groups)
    }

    /// A NodeClass comes or changes; answers the same for all NodePools that name it.
    pub fn put_class(&mut self, class: NodeClass, groups: usize) -> Vec<NodeGroupSpec> {
        let name = class.name.clone();
        self.classes.retain(|other| other.name != name);
        self.classes.push(class);
        let mut made = Vec::new();
        for place in 0..self.pools.len() {
            if self.pools[place].node_class == name {
                made.extend(self.offer(place, groups + made.len()));
            }
        }
        made
    }

    /// Nothing can be launched for a NodePool that is gone.
    pub fn remove_pool(&mut self, place: usize) {
        self.types[place].clear();
    }

    /// Nothing can be launched for NodePools whose NodeClass is gone.
    pub fn remove_class(&mut self, name: &str) {
        self.classes.retain(|other| other.name != name);
        for (pool, types) in self.pools.iter().zip(&mut self.types) {
            if pool.node_class == name {
                types.clear();
            }
        }
    }

    /// The place of a NodePool.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| pool.name == name)
    }

    /// The NodeClass of a NodePool, if it is there.
    pub fn class(&self, pool: usize) -> Option<&NodeClass> {
        let name = &self.pools[pool].node_class;
        self.classes.iter().find(|class| class.name == *name)
    }

    /// Works out what can be launched for a NodePool. What was launched before stays what it is.
    fn offer(&mut self, place: usize, groups: usize) -> Vec<NodeGroupSpec> {
        let default = NodeClass::default();
        let class = self.class(place).unwrap_or(&default);
        let (pool, market) = (&self.pools[place], &self.market);
        let kinds = market.types.iter();
        let kinds: Vec<InstanceType> = kinds
            .map(|kind| instance_type(class, kind, &market.zones, market.daemons))
            .collect();
        let mut made = Vec::new();
        for (priced, kind) in market.types.iter().zip(&kinds) {
            if !kind.requirements.intersect(&pool.requirements) {
                continue;
            }
            let offerings = kind.offerings.iter();
            for offering in offerings.filter(|one| one.suits(&pool.requirements)) {
                self.launches.push(KarpenterLaunch {
                    pool: place,
                    instance_type: kind.name.clone(),
                    zone: offering.zone.clone(),
                    spot: offering.spot,
                    group: groups + made.len(),
                });
                made.push(group(pool, (priced, kind), offering, market));
            }
        }
        self.types[place] = kinds;
        made
    }
}

/// Pods that the network interfaces of AWS' machines have addresses for, by size
/// (`eni-max-pods.txt` of its VPC plugin).
fn network_pods(name: &str) -> Option<i64> {
    let (family, size) = name.split_once('.')?;
    let burstable = family.starts_with('t');
    Some(match size {
        "nano" | "micro" => 4,
        "small" => 11,
        "medium" if burstable => 17,
        "medium" => 8,
        "large" if burstable => 35,
        "large" => 29,
        "xlarge" | "2xlarge" => 58,
        "4xlarge" | "8xlarge" | "9xlarge" | "12xlarge" => 234,
        "16xlarge" | "18xlarge" | "24xlarge" | "metal" => 737,
        _ => return None,
    })
}

fn instance_type(
    class: &NodeClass,
    kind: &prices::InstanceType,
    zones: &[String],
    daemons: (Millicores, Bytes),
) -> InstanceType {
    let family = kind.name.split_once('.').map(|(family, _)| family);
    let machine = Machine {
        name: kind.name.clone(),
        cores: kind.cpu.0 / 1000,
        memory_mib: kind.memory.0 >> 20,
        // The families of AWS whose name ends with a `g` are Graviton's.
        arm: family.is_some_and(|family| family.ends_with('g')),
        network_pods: network_pods(&kind.name),
    };
    let offerings = zones.iter().flat_map(|zone| {
        [
            Offering::new(zone, false, kind.on_demand.0),
            Offering::new(zone, true, kind.spot.0),
        ]
    });
    let mut made = class.instance_type(&machine, offerings.collect());
    // Machines of AWS have whole cores; those of a scenario may not.
    let rest = Resources::of(Millicores(kind.cpu.0 % 1000), Bytes(0));
    made.capacity.add(&rest);
    made.allocatable.add(&rest);
    made.allocatable
        .subtract(&Resources::of(daemons.0, daemons.1));
    made
}

fn whole(resources: &Resources, name: &str, unit: i128) -> i64 {
    (resources.get(name) / unit) as i64
}

/// The nodes of a launch.
fn group(
    pool: &NodePool,
    (priced, kind): (&prices::InstanceType, &InstanceType),
    offering: &Offering,
    market: &KarpenterMarket,
) -> NodeGroupSpec {
    const MILLI: i128 = 1_000_000;
    const UNIT: i128 = 1_000_000_000;
    let capacity = &kind.capacity;
    let (cpu, memory) = (
        Millicores(whole(&kind.allocatable, CPU, MILLI)) + market.daemons.0,
        Bytes(whole(&kind.allocatable, MEMORY, UNIT)) + market.daemons.1,
    );
    let mut labels = Labels::new();
    let capacity_type = if offering.spot { SPOT } else { ON_DEMAND };
    let own = [
        (ZONE, offering.zone.as_str()),
        (CAPACITY_TYPE, capacity_type),
    ];
    for (key, value) in own {
        labels.insert(key.to_owned(), value.to_owned());
    }
    // Of labels with several possible values upstream takes any; here it is the first.
    for (key, one) in kind.requirements.iter().chain(pool.requirements.iter()) {
        let value = one.listed().and_then(|values| values.first());
        if let Some(value) = value.filter(|_| !labels.contains_key(key)) {
            labels.insert(key.to_owned(), value.clone());
        }
    }
    let price = Usd(offering.price);
    NodeGroupSpec {
        name: pool.name.clone(),
        count: 0,
        cpu: Millicores(whole(capacity, CPU, MILLI)),
        memory: Bytes(whole(capacity, MEMORY, UNIT)),
        allocatable_cpu: cpu,
        allocatable_memory: memory,
        max_pods: whole(capacity, PODS, UNIT) as u32,
        daemonset_cpu: market.daemons.0,
        daemonset_memory: market.daemons.1,
        image_bandwidth: NodeGroupSpec::IMAGE_BANDWIDTH,
        zone: offering.zone.clone(),
        labels,
        extended: std::sync::Arc::default(),
        instance_type: Some(kind.name.clone()),
        price_per_hour: price,
        prices: Vec::new(),
        spot: offering.spot,
        taints: pool.taints.iter().map(taint).collect(),
        scaling: ScalingSpec {
            provisioning: market.provisioning.clone(),
            startup_taints: pool.startup_taints.iter().map(taint).collect(),
            untainted: market.untainted.clone(),
            ..ScalingSpec::default()
        },
        list_price: priced.on_demand,
        interruption: market.interruption.clone().filter(|_| offering.spot),
    }
}

fn taint(taint: &crate::autoscaler::karpenter::Taint) -> Taint {
    Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: match taint.effect {
            Effect::NoSchedule => TaintEffect::NoSchedule,
            Effect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
            Effect::NoExecute => TaintEffect::NoExecute,
        },
    }
}
