//! Kinds `ca_binpacking`, `ca_expanders`, `ca_balance`, `ca_backoff`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{mib, plain_node};
use crate::autoscaler::cluster_autoscaler::backoff::{BackoffReason, ExponentialBackoff};
use crate::autoscaler::cluster_autoscaler::estimator::{
    Estimate, Limiter, PodEquivalenceGroup, estimate,
};
use crate::autoscaler::cluster_autoscaler::events::Events;
use crate::autoscaler::cluster_autoscaler::expander::{
    ExpanderContext, ExpanderKind, ExpansionOption, survivors,
};
use crate::autoscaler::cluster_autoscaler::scale_up::balancing::{Sized, balance as share_out};
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::templates::Template;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, GroupId, NodeGroup, NodeGroupOptions, NodeShape, PodClass, PodPrices, Resources,
};
use crate::conformance::table::{difference, rows};
use crate::conformance::{Difference, ReplayError, Report};
use crate::sim::{SimDuration, SimTime};
use crate::units::Millicores;

#[derive(Debug, Deserialize)]
struct Amount {
    cpu_milli: i64,
    memory_mib: i64,
}

impl Amount {
    fn resources(&self) -> Resources {
        Resources::new(Millicores(self.cpu_milli), mib(self.memory_mib))
    }
}

#[derive(Debug, Deserialize)]
struct BinpackingGroup {
    group: String,
    count: u32,
    #[serde(flatten)]
    amount: Amount,
    #[serde(default)]
    hostname_anti_affinity_self: bool,
    host_port: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct BinpackingRow {
    id: String,
    node_cpu_milli: i64,
    node_memory_mib: i64,
    node_max_pods: i64,
    max_nodes_limit: i64,
    daemonset_pod_per_node: Option<Amount>,
    pod_groups: Vec<BinpackingGroup>,
    expected: BinpackingOutput,
}

#[derive(Debug, Deserialize, PartialEq)]
struct BinpackingOutput {
    node_count: i64,
    scheduled_pods: usize,
    scheduled_per_group: BTreeMap<String, usize>,
}

/// Nodes that pods of several kinds would need.
pub(in crate::conformance) fn binpacking(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<BinpackingRow>(text)? {
        report.cases += 1;
        let got = pack(&row);
        report.step(difference(row.id.clone(), &row.expected, &got, &row));
    }
    Ok(report)
}

fn pack(row: &BinpackingRow) -> BinpackingOutput {
    let mut classes = Vec::new();
    let mut groups = Vec::new();
    let mut first = 0;
    for (index, group) in row.pod_groups.iter().enumerate() {
        let class = ClassId(index as u32);
        let mut pod = PodClass::new(group.amount.resources());
        let others =
            row.pod_groups.iter().zip(0..).filter(|(other, _)| {
                group.host_port.is_some() && other.host_port == group.host_port
            });
        pod.port_conflicts = others.map(|(_, other)| ClassId(other)).collect();
        if group.hostname_anti_affinity_self {
            pod.host_anti_affinity.push(class);
        }
        classes.push(pod);
        groups.push(PodEquivalenceGroup {
            class,
            pods: (first..first + group.count).collect(),
        });
        first += group.count;
    }
    let mut daemon_sets = Vec::new();
    if let Some(pod) = &row.daemonset_pod_per_node {
        daemon_sets.push(ClassId(classes.len() as u32));
        classes.push(PodClass::new(pod.resources()));
    }
    let shape = plain_node(row.node_cpu_milli, row.node_memory_mib, row.node_max_pods);
    let template = Template::new(Arc::new(shape), daemon_sets);
    let mut snapshot = Snapshot::new(&classes, 0);
    let limiter = Limiter::new([row.max_nodes_limit]);
    let Estimate { nodes, pods } = estimate(&mut snapshot, &groups, &template, limiter, false);
    let mut per_group = BTreeMap::new();
    for (group, name) in groups.iter().zip(&row.pod_groups) {
        let placed = group.pods.iter().filter(|pod| pods.contains(pod)).count();
        if placed > 0 || row.expected.scheduled_per_group.contains_key(&name.group) {
            per_group.insert(name.group.clone(), placed);
        }
    }
    BinpackingOutput {
        node_count: nodes,
        scheduled_pods: pods.len(),
        scheduled_per_group: per_group,
    }
}

#[derive(Debug, Deserialize)]
struct OptionPods {
    count: u32,
    #[serde(flatten)]
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct OptionRow {
    node_group: String,
    node_count: i64,
    node_cpu_milli: i64,
    node_memory_mib: i64,
    node_price_per_hour: f64,
    pods: Vec<OptionPods>,
}

#[derive(Debug, Deserialize)]
struct ExpandersRow {
    id: String,
    cluster_node_count_for_preferred_node: usize,
    pod_price_per_vcpu_hour: f64,
    pod_price_per_gib_hour: f64,
    options: Vec<OptionRow>,
    expected: BTreeMap<String, Vec<String>>,
}

/// The best options by each expander.
pub(in crate::conformance) fn expanders(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<ExpandersRow>(text)? {
        report.cases += 1;
        let got = best_options(&row);
        report.step(difference(row.id.clone(), &row.expected, &got, &row));
    }
    Ok(report)
}

fn best_options(row: &ExpandersRow) -> BTreeMap<String, Vec<String>> {
    let mut groups = Vec::new();
    let mut shapes: Vec<NodeShape> = Vec::new();
    let mut requests: Vec<Resources> = Vec::new();
    let mut options = Vec::new();
    for (index, option) in row.options.iter().enumerate() {
        groups.push(NodeGroup {
            name: option.node_group.clone(),
            min: 0,
            max: i64::MAX,
            options: NodeGroupOptions::default(),
            template: None,
            price: Some(option.node_price_per_hour),
        });
        shapes.push(plain_node(
            option.node_cpu_milli,
            option.node_memory_mib,
            110,
        ));
        let mut requested = Resources::default();
        let mut pods = Vec::new();
        for of_kind in &option.pods {
            for _ in 0..of_kind.count {
                pods.push(requests.len() as u32);
                requests.push(of_kind.amount.resources());
                requested.take(&of_kind.amount.resources());
            }
        }
        options.push(ExpansionOption {
            group: GroupId(index as u32),
            similar: Vec::new(),
            nodes: option.node_count,
            pods,
            requested,
        });
    }
    let context = ExpanderContext {
        groups: &groups,
        shape: &|group| Some(&shapes[group.index()]),
        cluster_nodes: row.cluster_node_count_for_preferred_node,
        pod_prices: Some(PodPrices {
            core_hour: row.pod_price_per_vcpu_hour,
            gib_hour: row.pod_price_per_gib_hour,
        }),
        pod_requests: &|pod| &requests[pod as usize],
        priorities: None,
        now: SimTime::ZERO,
    };
    let chosen = |name: &String| -> Vec<String> {
        let Some(kind) = ExpanderKind::from_name(&name.replace('_', "-")) else {
            return Vec::new();
        };
        let best = survivors(&[kind], &options, &context, &mut Events::default());
        let name = |index: usize| row.options[index].node_group.clone();
        best.into_iter().map(name).collect()
    };
    row.expected
        .keys()
        .map(|name| (name.clone(), chosen(name)))
        .collect()
}

#[derive(Debug, Deserialize)]
struct BalanceGroup {
    id: String,
    current_size: i64,
    max_size: i64,
}

#[derive(Debug, Deserialize)]
struct BalanceRow {
    id: String,
    groups: Vec<BalanceGroup>,
    new_nodes: i64,
    expected_final_sizes_sorted: Vec<i64>,
}

/// New nodes shared out among groups: the sizes in the end, whoever has which.
pub(in crate::conformance) fn balance(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<BalanceRow>(text)? {
        report.cases += 1;
        let sized: Vec<Sized> = row
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| Sized {
                group: GroupId(index as u32),
                current: group.current_size,
                max: group.max_size,
            })
            .collect();
        let mut sizes: Vec<i64> = sized.iter().map(|group| group.current).collect();
        for grown in share_out(&sized, row.new_nodes) {
            sizes[grown.group.index()] = grown.new;
        }
        sizes.sort_unstable();
        let place = format!("{} {}", row.id, row.groups[0].id);
        report.step(difference(
            place,
            &row.expected_final_sizes_sorted,
            &sizes,
            &row,
        ));
    }
    Ok(report)
}

#[derive(Debug, Deserialize)]
struct BackoffRow {
    id: String,
    initial_s: i64,
    max_s: i64,
    reset_timeout_s: i64,
    events: Vec<BackoffEvent>,
}

#[derive(Debug, Deserialize)]
struct BackoffEvent {
    t_s: i64,
    event: String,
    expected: BackoffOutput,
}

#[derive(Debug, Deserialize, PartialEq, Default)]
struct BackoffOutput {
    backed_off: Option<bool>,
    backoff_until_s: Option<i64>,
}

/// Failures, successes and questions one after the other; each is a step.
pub(in crate::conformance) fn backoff(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<BackoffRow>(text)? {
        report.cases += 1;
        let seconds = SimDuration::from_secs;
        let mut backoff = ExponentialBackoff::new(
            seconds(row.initial_s),
            seconds(row.max_s),
            seconds(row.reset_timeout_s),
        );
        let group = GroupId(0);
        for event in &row.events {
            let now = SimTime::from_secs(event.t_s);
            backoff.remove_stale(now);
            let place = format!("{} t={} s", row.id, event.t_s);
            let mut got = BackoffOutput::default();
            match event.event.as_str() {
                "scale_up_failed" => {
                    let reason = BackoffReason {
                        code: "OTHER".to_owned(),
                        message: String::new(),
                    };
                    let until = backoff.backoff(group, reason, now);
                    got.backoff_until_s = Some(until.as_secs_f64() as i64);
                }
                "query" => got.backed_off = Some(backoff.status(group, now).is_some()),
                "scale_up_succeeded_remove_backoff" => backoff.remove(group),
                unknown => {
                    report.step(Some(Difference {
                        place,
                        expected: "a failure, a success or a query".to_owned(),
                        got: unknown.to_owned(),
                        input: row.id.clone(),
                    }));
                    continue;
                }
            }
            report.step(difference(place, &event.expected, &got, &event.event));
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_nobody_knows_is_a_difference() {
        let text = r#"[{"id": "x", "initial_s": 10, "max_s": 20, "reset_timeout_s": 99, "events": [
            {"t_s": 0, "event": "scale_up_failed", "expected": {"backoff_until_s": 10}},
            {"t_s": 1, "event": "node_ready", "expected": {}},
            {"t_s": 2, "event": "query", "expected": {"backed_off": true}},
            {"t_s": 3, "event": "scale_up_succeeded_remove_backoff", "expected": {}},
            {"t_s": 4, "event": "query", "expected": {"backed_off": false}}
        ]}]"#;
        let report = backoff(text).expect("a table");
        assert_eq!((report.steps, report.equal), (5, 4));
        assert_eq!(report.differences[0].got, "node_ready");
    }
}
