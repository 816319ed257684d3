//! `[[node_group]]`.

use std::sync::Arc;

use super::controllers::assign;
use super::extended::extended_resources;
use super::instance_types::InstanceTypes;
use super::services::number_curve;
use super::{dist, label_table};
use crate::api::{Taint, TaintEffect};
use crate::autoscaler::cluster_autoscaler::NodeGroupOptions;
use crate::cluster::allocatable::{Reserved, allocatable};
use crate::cluster::prices::InstanceType;
use crate::cluster::spec::{FailureReason, Labels, NodeFailure, NodeGroupSpec, ScalingSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::reader::{self, Reader, expected, number, wrong};
use crate::scenario::suggest::advice;
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores, Usd};

/// Pods on a node at most (`maxPods` of the kubelet).
const MAX_PODS: u32 = 110;
/// Nodes of all groups together, at most.
const MOST_NODES: u64 = 100_000;

/// The node groups, and what each sets for itself at the Cluster Autoscaler.
pub(super) fn node_groups(
    root: &mut Reader<'_>,
    types: &InstanceTypes,
    has_node_pools: bool,
    diagnostics: &mut Diagnostics,
) -> (Vec<NodeGroupSpec>, Vec<NodeGroupOptions>) {
    let items = root.list("node_group", diagnostics);
    let mut groups: Vec<NodeGroupSpec> = Vec::new();
    let mut all_options = Vec::new();
    let names = super::spot::names(items);
    for item in items {
        let Some(mut table) = Reader::new(item, "`node_group`", diagnostics) else {
            continue;
        };
        let group = node_group(&mut table, groups.len(), types, diagnostics);
        let interruption = super::spot::interruption(&mut table, &names, diagnostics);
        let options = super::cluster_autoscaler::group_options(&mut table, diagnostics);
        table.finish("`node_group`", diagnostics);
        if let Some(group) = group {
            let group = NodeGroupSpec {
                interruption,
                ..group
            };
            if groups.iter().any(|other| other.name == group.name) {
                let title = format!("a second node group `{}`", group.name);
                diagnostics.error(item.span, title, "this name is taken already");
            }
            groups.push(group);
            all_options.push(options);
        }
    }
    let most = |group: &NodeGroupSpec| group.scaling.bounds.map_or(group.count, |(_, max)| max);
    let nodes: u64 = groups.iter().map(|group| u64::from(most(group))).sum();
    if nodes > MOST_NODES
        && let Some(item) = items.last()
    {
        let title = format!("{nodes} nodes are too many");
        let label = format!("at most {MOST_NODES} in all groups together");
        diagnostics.error(item.span.first(), title, label);
    }
    // Karpenter makes what it needs.
    if items.is_empty() && !has_node_pools {
        let default = types.get("m5.xlarge");
        let mut group = default.map(|instance| shape("default", 3, instance, false));
        if let Some(group) = &mut group {
            add_well_known_labels(group);
        }
        groups.extend(group);
    }
    (groups, all_options)
}

/// The labels that the kubelet and the cloud provider give each node; stated ones count more.
fn add_well_known_labels(group: &mut NodeGroupSpec) {
    let instance = group.instance_type.clone().unwrap_or_default();
    // The families of AWS whose name ends with a `g` are Graviton's.
    let is_arm = instance
        .split_once('.')
        .is_some_and(|(family, _)| family.ends_with('g'));
    let arch = if is_arm { "arm64" } else { "amd64" };
    let labels = [
        ("kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/arch", arch),
        ("node.kubernetes.io/instance-type", &instance),
        ("beta.kubernetes.io/instance-type", &instance),
        ("topology.kubernetes.io/zone", &group.zone),
        ("failure-domain.beta.kubernetes.io/zone", &group.zone),
    ];
    for (key, value) in labels {
        if !value.is_empty() && !group.labels.contains_key(key) {
            group.labels.insert(key.to_owned(), value.to_owned());
        }
    }
}

/// A group of an instance type, all of it for pods.
fn shape(name: &str, count: u32, instance: &InstanceType, spot: bool) -> NodeGroupSpec {
    let (cpu, memory) = (instance.cpu, instance.memory);
    NodeGroupSpec {
        name: name.to_owned(),
        count,
        cpu,
        memory,
        allocatable_cpu: cpu,
        allocatable_memory: memory,
        max_pods: MAX_PODS,
        daemonset_cpu: Millicores::ZERO,
        daemonset_memory: Bytes::ZERO,
        image_bandwidth: NodeGroupSpec::IMAGE_BANDWIDTH,
        zone: String::new(),
        labels: Labels::new(),
        extended: Arc::default(),
        instance_type: Some(instance.name.clone()),
        price_per_hour: if spot {
            instance.spot
        } else {
            instance.on_demand
        },
        prices: Vec::new(),
        spot,
        taints: Vec::new(),
        scaling: ScalingSpec::default(),
        list_price: instance.on_demand,
        interruption: None,
    }
}

fn node_group(
    table: &mut Reader<'_>,
    number: usize,
    types: &InstanceTypes,
    diagnostics: &mut Diagnostics,
) -> Option<NodeGroupSpec> {
    let named = table.read("name", diagnostics, |node| match node.text() {
        Some("") => Err("a group needs a name".to_owned()),
        Some(name) => Ok(name),
        None => Err(expected("a string", node)),
    });
    let name = named.map_or_else(|| format!("group-{}", number + 1), str::to_owned);
    let spot = table.boolean("spot", diagnostics).unwrap_or(false);
    let instance = table.read("instance_type", diagnostics, |node| {
        let wanted = node.text().ok_or_else(|| expected("a string", node))?;
        types.get(wanted).ok_or_else(|| {
            let near = advice(wanted, &types.names());
            format!(
                "unknown instance type: {near} Or leave it out and state `cpu`, `memory` and `price`"
            )
        })
    });
    let min = table.count("min", diagnostics);
    let max = table.count("max", diagnostics);
    let count = table.count("count", diagnostics).or(min).unwrap_or(1);
    check_count(table, (min, max), count, diagnostics);
    let (has_cpu, has_memory) = (table.get("cpu").is_some(), table.get("memory").is_some());
    let (cpu, memory) = (
        table.millicores("cpu", diagnostics),
        table.bytes("memory", diagnostics),
    );
    let prices = prices(table, diagnostics);
    let max_pods = table.count("max_pods", diagnostics).unwrap_or(MAX_PODS);
    let zone = table.text("zone", diagnostics).unwrap_or_default();
    let bandwidth = table.read(
        "image_bandwidth",
        diagnostics,
        |node| match reader::memory(node)?.value() {
            ..=0 => Err("must be above 0".to_owned()),
            bytes => Ok(Bytes(bytes)),
        },
    );
    let reserved = table.one_of("reserved", &["none", "gke", "eks"], diagnostics);
    let stated = daemonsets(table, diagnostics);
    let labels = label_table("labels", table, diagnostics);
    let extended = Arc::new(extended_resources(table, diagnostics));
    let taints = taints(table, "taints", diagnostics);
    let scaling = scaling(table, (min, max), count, diagnostics);
    let has_type = table.get("instance_type").is_some();
    if !(has_type || has_cpu && has_memory) {
        let (key, example) = match (has_cpu, has_memory) {
            (true, _) => ("memory", "memory = \"16Gi\""),
            (_, true) => ("cpu", "cpu = \"4\""),
            _ => ("instance_type", "instance_type = \"m5.xlarge\""),
        };
        table.missing(key, "`node_group`", example, diagnostics);
    }
    let base = match (instance, has_type) {
        (Some(instance), _) => shape(&name, count, instance, spot),
        (None, true) => return None,
        (None, false) => {
            let own = InstanceType {
                name: String::new(),
                cpu: cpu?,
                memory: memory?,
                on_demand: Usd(0.0),
                spot: Usd(0.0),
            };
            NodeGroupSpec {
                instance_type: None,
                ..shape(&name, count, &own, spot)
            }
        }
    };
    let cpu = cpu.unwrap_or(base.cpu);
    let memory = memory.unwrap_or(base.memory);
    let reserved = match reserved {
        Some("gke") => Reserved::Gke,
        Some("eks") => Reserved::Eks,
        _ => Reserved::None,
    };
    let (allocatable_cpu, allocatable_memory) = allocatable(cpu, memory, max_pods, reserved);
    let mut group = NodeGroupSpec {
        cpu,
        memory,
        allocatable_cpu,
        allocatable_memory,
        max_pods,
        image_bandwidth: bandwidth.unwrap_or(base.image_bandwidth),
        zone: zone.to_owned(),
        labels,
        extended,
        taints,
        scaling,
        price_per_hour: prices
            .first()
            .map_or(base.price_per_hour, |first| Usd(first.1)),
        prices: if prices.len() > 1 { prices } else { Vec::new() },
        ..base
    };
    add_well_known_labels(&mut group);
    if let Some((cpu, memory)) = stated {
        (group.daemonset_cpu, group.daemonset_memory) = (cpu, memory);
    }
    check_room(&group, table, diagnostics);
    Some(group)
}

/// How the group grows and shrinks.
fn scaling(
    table: &mut Reader<'_>,
    (min, max): (Option<u32>, Option<u32>),
    count: u32,
    diagnostics: &mut Diagnostics,
) -> ScalingSpec {
    let has_bounds = min.is_some() || max.is_some();
    let mut made = ScalingSpec {
        bounds: has_bounds.then(|| (min.unwrap_or(0), max.unwrap_or(count))),
        ..ScalingSpec::default()
    };
    let provisioning = dist::seconds(table, "provisioning", diagnostics);
    assign(&mut made.provisioning, provisioning);
    made.startup_taints = taints(table, "startup_taints", diagnostics);
    let untainted = dist::seconds(table, "untainted", diagnostics);
    assign(&mut made.untainted, untainted);
    if let Some(node) = table.get("failure")
        && let Some(mut inner) = Reader::new(node, "`failure`", diagnostics)
    {
        made.failure = failure(&mut inner, diagnostics);
        inner.finish("`failure`", diagnostics);
    }
    made
}

/// Requests for nodes that come to nothing.
fn failure(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<NodeFailure> {
    let share = table.read("share", diagnostics, |node| {
        let share = number(node)?;
        if share > 1.0 {
            return Err(format!("{share} is not a share: expected 0 to 1"));
        }
        Ok(share)
    });
    let reason = table.one_of("reason", &FailureReason::NAMES, diagnostics);
    let from = table.time("from", diagnostics).unwrap_or(SimTime::ZERO);
    let until = table.time("until", diagnostics);
    if until.is_some_and(|until| until <= from) {
        let title = "the failure ends before it begins";
        diagnostics.error(table.key_span("until"), title, "must be after `from`");
    }
    if table.get("reason").is_none() {
        let example = "reason = \"stockout\"";
        table.missing("reason", "`failure`", example, diagnostics);
    }
    Some(NodeFailure {
        share: share.unwrap_or(1.0),
        reason: FailureReason::from_name(reason?)?,
        from,
        until,
    })
}

/// Taints as `kubectl taint` writes them.
fn taints(table: &mut Reader<'_>, key: &'static str, diagnostics: &mut Diagnostics) -> Vec<Taint> {
    let mut taints = Vec::new();
    for item in table.list(key, diagnostics) {
        let read = item
            .text()
            .ok_or_else(|| expected("a string", item))
            .and_then(taint);
        match read {
            Ok(taint) => taints.push(taint),
            Err(problem) => wrong(key, item, problem, diagnostics),
        }
    }
    taints
}

fn taint(text: &str) -> Result<Taint, String> {
    let form = || format!("\"{text}\" is not a taint such as \"dedicated=batch:NoSchedule\"");
    let (pair, effect) = text.rsplit_once(':').ok_or_else(form)?;
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    if key.is_empty() {
        return Err(form());
    }
    let names = TaintEffect::ALL.map(TaintEffect::name);
    let effect = TaintEffect::ALL
        .into_iter()
        .find(|one| one.name() == effect);
    Ok(Taint {
        key: key.to_owned(),
        value: value.to_owned(),
        effect: effect.ok_or_else(|| format!("the effect is one of {}", names.join(", ")))?,
    })
}

/// The price of a node per hour: one, or from each time on.
fn prices(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Vec<(SimTime, f64)> {
    let Some(node) = table.get("price") else {
        return Vec::new();
    };
    let mut prices = number_curve("price", node, diagnostics);
    if let Some(first) = prices.first_mut() {
        // What holds first holds from the start.
        first.0 = SimTime::ZERO;
    }
    prices
}

/// Holds the number of nodes to the bounds of the group.
fn check_count(
    table: &Reader<'_>,
    (min, max): (Option<u32>, Option<u32>),
    count: u32,
    diagnostics: &mut Diagnostics,
) {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let label = format!("{max} is below `min`, which is {min}");
        diagnostics.error(table.key_span("max"), "no number of nodes fits", label);
    } else if min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max) {
        let title = "the group's `count` is out of its bounds";
        let label = format!("{count} is not between `min` and `max`");
        diagnostics.error(table.key_span("count"), title, label);
    }
}

/// Reports nodes on which no pod fits.
fn check_room(group: &NodeGroupSpec, table: &Reader<'_>, diagnostics: &mut Diagnostics) {
    let free = (
        group.allocatable_cpu.0 - group.daemonset_cpu.0,
        group.allocatable_memory.0 - group.daemonset_memory.0,
    );
    if free.0 <= 0 || free.1 <= 0 || group.max_pods == 0 {
        let title = format!("the nodes of group `{}` have no room for pods", group.name);
        let label = "what is reserved and what DaemonSets request takes it all";
        let span = table.span().first();
        diagnostics.error(span, title, label).help = Some(
            "raise `cpu`, `memory` or `max_pods`, lower `daemonsets`, or leave `reserved` out"
                .to_owned(),
        );
    }
}

/// What DaemonSets request on each node, if the scenario states it.
fn daemonsets(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Millicores, Bytes)> {
    let node = table.get("daemonsets")?;
    let mut inner = Reader::new(node, "`daemonsets`", diagnostics)?;
    let cpu = inner.millicores("cpu", diagnostics).unwrap_or_default();
    let memory = inner.bytes("memory", diagnostics).unwrap_or_default();
    inner.finish("`daemonsets`", diagnostics);
    Some((cpu, memory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::prices::PriceTable;

    #[test]
    fn nodes_carry_the_labels_that_selectors_ask_for_most() {
        let instance = |name: &str| {
            let found = PriceTable::built_in().instance_type(name);
            found.expect("a known type")
        };
        let labels = |name: &str| {
            let mut group = shape("a", 1, instance(name), false);
            group.zone = "eu-west-1a".to_owned();
            let os = ("kubernetes.io/os".to_owned(), "windows".to_owned());
            group.labels.extend([os]);
            add_well_known_labels(&mut group);
            let label = |key: &str| group.labels.get(key).cloned().unwrap_or_default();
            [
                label("kubernetes.io/os"),
                label("kubernetes.io/arch"),
                label("node.kubernetes.io/instance-type"),
                label("topology.kubernetes.io/zone"),
            ]
        };
        let expected = ["windows", "amd64", "m5.large", "eu-west-1a"];
        assert_eq!(labels("m5.large"), expected);
        let expected = ["windows", "arm64", "m6g.xlarge", "eu-west-1a"];
        assert_eq!(labels("m6g.xlarge"), expected);
    }
}
