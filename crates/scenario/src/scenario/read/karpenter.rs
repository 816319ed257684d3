//! `[controllers.karpenter]`, and what Karpenter can launch: instance types, zones, prices.

use super::controllers::{assign, section};
use super::instance_types::InstanceTypes;
use super::vpa_flags::text;
use super::{dist, spot};
use crate::api::{Placement, Taint, TaintEffect};
use crate::autoscaler::karpenter::instance_type::{InstanceType, Offering};
use crate::autoscaler::karpenter::{
    CAPACITY_TYPE, CPU, Effect, MEMORY, Machine, NodeClass, NodePool, ON_DEMAND, PODS, Requirement,
    Resources, SPOT, ZONE,
};
use crate::cluster::prices;
use crate::cluster::spec::{InterruptionSpec, Labels, NodeGroupSpec, ScalingSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Parsed;
use crate::scenario::manifest::Manifests;
use crate::scenario::model::{KarpenterConfig, KarpenterLaunch, KarpenterSpec};
use crate::scenario::node::Span;
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::units::{Bytes, Millicores, Usd};

const SECTION: &str = "karpenter";
/// The zone of a cluster that names none.
const SOME_ZONE: &str = "us-east-1a";
/// The feature gate of `feature-gates` that a decision depends on.
const SPOT_TO_SPOT: &str = "SpotToSpotConsolidation";

/// What `[controllers.karpenter]` says.
#[derive(Default)]
pub(super) struct Stated {
    pub(super) config: KarpenterConfig,
    zones: Vec<String>,
    types: Option<Vec<(String, Span)>>,
    interruption: Option<InterruptionSpec>,
    /// What DaemonSets that are not simulated request of each node.
    daemons: (Millicores, Bytes),
    provisioning: Option<crate::sim::Dist>,
    place: Option<Span>,
}

pub(super) fn stated(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Stated {
    let mut made = Stated::default();
    let place = table.get(SECTION).map(|node| node.span.first());
    section(table, SECTION, diagnostics, |flags, diagnostics| {
        let idle = flags.duration("batch-idle-duration", diagnostics);
        assign(&mut made.config.batch_idle, idle);
        let most = flags.duration("batch-max-duration", diagnostics);
        assign(&mut made.config.batch_most, most);
        let gate = flags.read("feature-gates", diagnostics, |node| gates(&text(node)?));
        assign(&mut made.config.spot_to_spot, gate);
        made.zones = (texts("zones", flags, diagnostics).into_iter())
            .map(|(zone, _)| zone)
            .collect();
        if flags.get("instance-types").is_some() {
            made.types = Some(texts("instance-types", flags, diagnostics));
        }
        made.provisioning = dist::seconds(flags, "provisioning", diagnostics);
        if let Some(node) = flags.get("interruption") {
            made.interruption = spot::of_nodes(node, diagnostics);
        }
        if let Some(node) = flags.get("daemonsets")
            && let Some(mut inner) = Reader::new(node, "`daemonsets`", diagnostics)
        {
            made.daemons = (
                inner.millicores("cpu", diagnostics).unwrap_or_default(),
                inner.bytes("memory", diagnostics).unwrap_or_default(),
            );
            inner.finish("`daemonsets`", diagnostics);
        }
    });
    made.place = place;
    made
}

/// Upstream's list of gates: the last word on the one that counts.
fn gates(text: &str) -> Result<bool, String> {
    const OTHERS: [&str; 7] = [
        "ReservedCapacity",
        "NodeRepair",
        "NodeOverlay",
        "StaticCapacity",
        "CapacityBuffer",
        "DynamicResources",
        "BalancedConsolidation",
    ];
    let mut on = false;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = match value {
            "true" => true,
            "false" => false,
            _ => return Err(format!("\"{part}\" is not as in \"{SPOT_TO_SPOT}=true\"")),
        };
        if name == SPOT_TO_SPOT {
            on = value;
        } else if !OTHERS.contains(&name) {
            return Err(format!(
                "unknown feature gate {name}; {}",
                advice(name, &[SPOT_TO_SPOT])
            ));
        }
    }
    Ok(on)
}

fn texts(
    key: &'static str,
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, Span)> {
    let mut made = Vec::new();
    for item in table.list(key, diagnostics) {
        match item.text() {
            Some(text) => made.push((text.to_owned(), item.span)),
            None => {
                crate::scenario::reader::wrong(key, item, expected("a string", item), diagnostics);
            }
        }
    }
    made
}

/// What Karpenter launches for the NodePools of the manifests: its launches become node groups
/// without nodes, which follow those of the scenario.
pub(super) fn karpenter(
    stated: &Stated,
    (parsed, manifests, types): (&Parsed, &Manifests, &InstanceTypes),
    groups: &mut Vec<NodeGroupSpec>,
    diagnostics: &mut Diagnostics,
) -> Option<KarpenterSpec> {
    let known = types.names();
    for (name, span) in stated.types.iter().flatten() {
        if types.get(name).is_none() {
            let title = format!("no instance type `{name}`");
            diagnostics.error(*span, title, advice(name, &known));
        }
    }
    if manifests.node_pools.is_empty() {
        if let Some(span) = stated.place {
            let title = "Karpenter has no NodePool to launch nodes for";
            diagnostics.warning(span, title, "no manifest is of the kind NodePool");
        }
        return None;
    }
    let mut spec = KarpenterSpec {
        config: stated.config,
        pools: Vec::new(),
        types: Vec::new(),
        launches: Vec::new(),
    };
    for placed in &manifests.node_pools {
        let pool = &placed.value;
        let place = parsed.documents[placed.document].node.span.first();
        if spec
            .pools
            .iter()
            .any(|other: &NodePool| other.name == pool.name)
        {
            continue;
        }
        if groups.iter().any(|group| group.name == pool.name) {
            let title = format!("NodePool {} and a node group have the same name", pool.name);
            let label = "nodes are called after both";
            diagnostics.error(place, title, label).help =
                Some("give the `[[node_group]]` another `name`".to_owned());
        }
        spec.pools.push(pool.clone());
    }
    warn_of_pods(parsed, manifests, diagnostics);
    let zones = zones(stated, &spec.pools, groups);
    for (place, pool) in spec.pools.iter().enumerate() {
        let class = class_of(pool, (parsed, manifests), diagnostics);
        let made = types
            .all()
            .filter(|(kind, is_own)| match &stated.types {
                Some(names) => names.iter().any(|(name, _)| *name == kind.name),
                // The names of AWS' types have a dot.
                None => *is_own || kind.name.contains('.'),
            })
            .map(|(kind, _)| (kind, instance_type(&class, kind, &zones, stated.daemons)));
        let made: Vec<(&prices::InstanceType, InstanceType)> = made.collect();
        let before = spec.launches.len();
        for (priced, kind) in &made {
            if !kind.requirements.intersect(&pool.requirements) {
                continue;
            }
            for offering in kind
                .offerings
                .iter()
                .filter(|one| one.suits(&pool.requirements))
            {
                spec.launches.push(KarpenterLaunch {
                    pool: place,
                    instance_type: kind.name.clone(),
                    zone: offering.zone.clone(),
                    spot: offering.spot,
                    group: groups.len(),
                });
                groups.push(group(pool, (priced, kind), offering, stated));
            }
        }
        if spec.launches.len() == before {
            let span = place_of(pool, parsed, manifests);
            let title = format!(
                "no instance type meets the requirements of NodePool {}",
                pool.name
            );
            let label = "it launches nothing";
            let found = diagnostics.warning(span, title, label);
            found.help = Some("`[[instance_type]]` adds types; `zones` of `[controllers.karpenter]` says which zones there are".to_owned());
        }
        spec.types
            .push(made.into_iter().map(|(_, kind)| kind).collect());
    }
    Some(spec)
}

/// Pods are placed by less than the scheduler looks at.
fn warn_of_pods(parsed: &Parsed, manifests: &Manifests, diagnostics: &mut Diagnostics) {
    let asks_more = |placement: &Placement| {
        let near = [&placement.affinity, &placement.anti_affinity];
        near.iter().any(|one| !one.required.is_empty())
            || placement.spread.iter().any(|one| one.required)
            || !placement.host_ports.is_empty()
    };
    let found = manifests.workloads.iter().find(|placed| {
        let placement = placed.value.spec.template.placement.as_deref();
        placement.is_some_and(asks_more)
    });
    if let Some(placed) = found {
        let span = parsed.documents[placed.document].node.span.first();
        let title = "Karpenter does not look at affinity between pods, spreading and host ports";
        let label = "its pods may wait although a node is made for them";
        diagnostics.warning(span, title, label);
    }
}

/// The zones in which machines can be had: as stated, else those that NodePools list, else those of the
/// other nodes.
fn zones(stated: &Stated, pools: &[NodePool], groups: &[NodeGroupSpec]) -> Vec<String> {
    let listed = pools.iter().filter_map(|pool| pool.stated.get(ZONE));
    let listed = listed.filter_map(Requirement::listed).flatten().cloned();
    let of_groups = groups.iter().map(|group| group.zone.clone());
    for mut zones in [
        stated.zones.clone(),
        listed.collect(),
        of_groups.filter(|zone| !zone.is_empty()).collect(),
    ] {
        if !zones.is_empty() {
            zones.sort_unstable();
            zones.dedup();
            return zones;
        }
    }
    vec![SOME_ZONE.to_owned()]
}

/// Where a NodePool begins.
fn place_of(pool: &NodePool, parsed: &Parsed, manifests: &Manifests) -> Span {
    let mut pools = manifests.node_pools.iter();
    let placed = pools.find(|one| one.value.name == pool.name);
    let document = placed.map(|one| &parsed.documents[one.document].node);
    document.map_or_else(Span::default, |node| node.span.first())
}

fn class_of(
    pool: &NodePool,
    (parsed, manifests): (&Parsed, &Manifests),
    diagnostics: &mut Diagnostics,
) -> NodeClass {
    let mut classes = manifests.node_classes.iter();
    if let Some(class) = classes.find(|one| one.value.name == pool.node_class) {
        return class.value.clone();
    }
    let span = place_of(pool, parsed, manifests);
    let title = format!("no EC2NodeClass {} is among the manifests", pool.node_class);
    let label = "its machines are as those of one that says nothing";
    diagnostics.warning(span, title, label);
    NodeClass::default()
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
    stated: &Stated,
) -> NodeGroupSpec {
    const MILLI: i128 = 1_000_000;
    const UNIT: i128 = 1_000_000_000;
    let capacity = &kind.capacity;
    let (cpu, memory) = (
        Millicores(whole(&kind.allocatable, CPU, MILLI)) + stated.daemons.0,
        Bytes(whole(&kind.allocatable, MEMORY, UNIT)) + stated.daemons.1,
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
        daemonset_cpu: stated.daemons.0,
        daemonset_memory: stated.daemons.1,
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
            provisioning: stated
                .provisioning
                .clone()
                .unwrap_or_else(KarpenterConfig::provisioning),
            ..ScalingSpec::default()
        },
        list_price: priced.on_demand,
        interruption: stated.interruption.clone().filter(|_| offering.spot),
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
