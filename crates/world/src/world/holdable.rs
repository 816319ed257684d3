//! How many pods of a workload the nodes can hold that there may be at most.

use crate::api::{PodTemplate, TaintEffect, matches, untolerated};
use crate::cluster::spec::NodeGroupSpec;
use crate::scenario::Scenario;

/// Pods of a template that all nodes at their most would hold without any others; none where
/// Karpenter makes as many nodes as are asked for, or that is not what decides.
pub(super) fn holdable(template: &PodTemplate, scenario: &Scenario) -> Option<i64> {
    let config = &scenario.controllers.cluster_autoscaler;
    // Extended resources are had by few nodes, and the autoscalers look at them by themselves.
    let placement = template.placement.as_ref();
    if scenario.karpenter.is_some() || placement.is_some_and(|one| !one.extended.is_empty()) {
        return None;
    }
    let mut groups: Vec<(i64, i64)> = Vec::new();
    for group in &scenario.node_groups {
        let most = group.scaling.bounds.filter(|_| config.enabled);
        let most = most.map_or(group.count, |(_, most)| most.max(group.count));
        groups.push((on_a_node(template, group), most.into()));
    }
    // The roomiest first: the whole cluster may have fewer nodes than its groups.
    groups.sort_by_key(|(pods, _)| std::cmp::Reverse(*pods));
    let total = config.options.max_nodes_total;
    let mut left = if config.enabled && total > 0 {
        total
    } else {
        i64::MAX
    };
    let mut held = 0;
    for (pods, nodes) in groups {
        let nodes = nodes.min(left);
        left -= nodes;
        held += pods * nodes;
    }
    Some(held)
}

/// Pods that an empty node of a group takes.
fn on_a_node(template: &PodTemplate, group: &NodeGroupSpec) -> i64 {
    let hard = |effect| matches!(effect, TaintEffect::NoSchedule | TaintEffect::NoExecute);
    let refuses = untolerated(&group.taints, &template.tolerations, hard).next();
    let zone = ("topology.kubernetes.io/zone".to_owned(), group.zone.clone());
    let mut labels = group.labels.clone();
    labels.extend((!group.zone.is_empty()).then_some(zone));
    if refuses.is_some() || !matches(&template.node_selector, &labels) {
        return 0;
    }
    let asked = template.requests();
    let fits = |free: i64, each: i64| {
        if each > 0 {
            free.max(0) / each
        } else {
            i64::MAX
        }
    };
    fits(group.allocatable_cpu.0 - group.daemonset_cpu.0, asked.cpu.0)
        .min(fits(
            group.allocatable_memory.0 - group.daemonset_memory.0,
            asked.memory.0,
        ))
        .min(group.max_pods.into())
}
