//! `[controllers.karpenter]`, and what Karpenter can launch: instance types, zones, prices.

use super::controllers::{assign, section};
use super::instance_types::InstanceTypes;
use super::vpa_flags::text;
use super::{dist, spot};
use crate::api::Placement;
use crate::autoscaler::karpenter::{NodePool, Requirement, ZONE};
use crate::cluster::prices;
use crate::cluster::spec::{InterruptionSpec, NodeGroupSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::karpenter::KarpenterMarket;
use crate::scenario::loaded::Parsed;
use crate::scenario::manifest::Manifests;
use crate::scenario::model::{KarpenterConfig, KarpenterSpec};
use crate::scenario::node::Span;
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::units::{Bytes, Millicores};

const SECTION: &str = "karpenter";
/// The zone of a cluster that names none.
const SOME_ZONE: &str = "us-east-1a";
/// The feature gates of `feature-gates` that decisions depend on.
const SPOT_TO_SPOT: &str = "SpotToSpotConsolidation";
const STATIC_CAPACITY: &str = "StaticCapacity";

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
    untainted: Option<crate::sim::Dist>,
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
        if let Some((spot_to_spot, static_capacity)) = gate {
            made.config.spot_to_spot = spot_to_spot;
            made.config.static_capacity = static_capacity;
        }
        made.zones = (texts("zones", flags, diagnostics).into_iter())
            .map(|(zone, _)| zone)
            .collect();
        if flags.get("instance-types").is_some() {
            made.types = Some(texts("instance-types", flags, diagnostics));
        }
        made.provisioning = dist::seconds(flags, "provisioning", diagnostics);
        made.untainted = dist::seconds(flags, "startup-taints", diagnostics);
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

/// Upstream's list of gates: the last word on spot to spot consolidation and on static capacity.
fn gates(text: &str) -> Result<(bool, bool), String> {
    const OTHERS: [&str; 6] = [
        "ReservedCapacity",
        "NodeRepair",
        "NodeOverlay",
        "CapacityBuffer",
        "DynamicResources",
        "BalancedConsolidation",
    ];
    let mut on = (false, false);
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = match value {
            "true" => true,
            "false" => false,
            _ => return Err(format!("\"{part}\" is not as in \"{SPOT_TO_SPOT}=true\"")),
        };
        if name == SPOT_TO_SPOT {
            on.0 = value;
        } else if name == STATIC_CAPACITY {
            on.1 = value;
        } else if !OTHERS.contains(&name) {
            return Err(format!(
                "unknown feature gate {name}; {}",
                advice(name, &[SPOT_TO_SPOT, STATIC_CAPACITY])
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
    let mut pools: Vec<&NodePool> = Vec::new();
    for placed in &manifests.node_pools {
        let pool = &placed.value;
        let place = parsed.documents[placed.document].node.span.first();
        if pools.iter().any(|other| other.name == pool.name) {
            continue;
        }
        if groups.iter().any(|group| group.name == pool.name) {
            let title = format!("NodePool {} and a node group have the same name", pool.name);
            let label = "nodes are called after both";
            diagnostics.error(place, title, label).help =
                Some("give the `[[node_group]]` another `name`".to_owned());
        }
        pools.push(pool);
    }
    warn_of_pods(parsed, manifests, diagnostics);
    let mut spec = KarpenterSpec {
        config: stated.config,
        pools: Vec::new(),
        types: Vec::new(),
        launches: Vec::new(),
        classes: (manifests.node_classes.iter())
            .map(|placed| placed.value.clone())
            .collect(),
        market: market(stated, types, &pools, groups),
        first_group: groups.len(),
    };
    for pool in pools {
        warn_of_pool(pool, stated, (parsed, manifests), diagnostics);
        let made = spec.put_pool(pool.clone(), groups.len());
        if made.is_empty() {
            let span = place_of(pool, parsed, manifests);
            let title = format!(
                "no instance type meets the requirements of NodePool {}",
                pool.name
            );
            let label = "it launches nothing";
            let found = diagnostics.warning(span, title, label);
            found.help = Some("`[[instance_type]]` adds types; `zones` of `[controllers.karpenter]` says which zones there are".to_owned());
        }
        groups.extend(made);
    }
    Some(spec)
}

/// What there is to be had.
fn market(
    stated: &Stated,
    types: &InstanceTypes,
    pools: &[&NodePool],
    groups: &[NodeGroupSpec],
) -> KarpenterMarket {
    let is_had = |kind: &prices::InstanceType, is_own: bool| match &stated.types {
        Some(names) => names.iter().any(|(name, _)| *name == kind.name),
        // The names of AWS' types have a dot.
        None => is_own || kind.name.contains('.'),
    };
    let all = types.all().filter(|(kind, is_own)| is_had(kind, *is_own));
    let provisioning = stated.provisioning.clone();
    KarpenterMarket {
        types: all.map(|(kind, _)| kind.clone()).collect(),
        zones: zones(stated, pools, groups),
        daemons: stated.daemons,
        provisioning: provisioning.unwrap_or_else(KarpenterConfig::provisioning),
        interruption: stated.interruption.clone(),
        untainted: (stated.untainted.clone()).unwrap_or(crate::sim::Dist::Constant(0.0)),
    }
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
fn zones(stated: &Stated, pools: &[&NodePool], groups: &[NodeGroupSpec]) -> Vec<String> {
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

/// What a NodePool names that is not there, or does not count.
fn warn_of_pool(
    pool: &NodePool,
    stated: &Stated,
    (parsed, manifests): (&Parsed, &Manifests),
    diagnostics: &mut Diagnostics,
) {
    let span = place_of(pool, parsed, manifests);
    let mut classes = manifests.node_classes.iter();
    if !classes.any(|one| one.value.name == pool.node_class) {
        let title = format!("no EC2NodeClass {} is among the manifests", pool.node_class);
        let label = "its machines are as those of one that says nothing";
        diagnostics.warning(span, title, label);
    }
    if pool.replicas.is_some() && !stated.config.static_capacity {
        let title = format!("NodePool {} is static: it makes no nodes", pool.name);
        let label = "static NodePools are behind a feature gate";
        let found = diagnostics.warning(span, title, label);
        found.help = Some(format!(
            "write `feature-gates = \"{STATIC_CAPACITY}=true\"` in `[controllers.karpenter]`"
        ));
    }
}
