//! `kubectl top`: what pods and nodes use, of the objects of the metrics API.
//!
//! Upstream: kubectl's `pkg/metricsutil`, `metrics_printer.go` and `metrics_sorter.go`. Where
//! upstream's order is left to chance, objects keep theirs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::cells::{items, name, text};
use super::tabs::align;
use crate::units::Quantity;

/// Blanks between columns, and what a column takes at least.
const SHAPE: (usize, usize) = (6, 3);
const MEBI: i64 = 1 << 20;

/// `--sort-by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopSort {
    /// Most CPU first, in millicores.
    Cpu,
    /// Most memory first.
    Memory,
}

/// What `kubectl top` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct TopOptions {
    /// `-A`: a column with the namespace.
    pub with_namespace: bool,
    /// `--containers`: a line for each container.
    pub containers: bool,
    /// `--no-headers`.
    pub no_headers: bool,
    /// `--sum`: a last line with the sums.
    pub sum: bool,
    /// `--sort-by`; by name without.
    pub sort_by: Option<TopSort>,
}

/// CPU and memory.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    cpu: Quantity,
    memory: Quantity,
}

/// An amount of a resource list, if it has one.
fn amount(resources: &Value, resource: &str) -> Option<Quantity> {
    resources[resource].as_str()?.parse().ok()
}

impl Usage {
    fn of(usage: &Value) -> Self {
        let amount = |resource| amount(usage, resource).unwrap_or(Quantity::ZERO);
        Self {
            cpu: amount("cpu"),
            memory: amount("memory"),
        }
    }

    fn plus(self, other: Self) -> Self {
        let sum =
            |a: Quantity, b: Quantity| Quantity::from_nanos(a.nanos() + b.nanos(), a.format());
        Self {
            cpu: sum(self.cpu, other.cpu),
            memory: sum(self.memory, other.memory),
        }
    }

    /// The place in the order, if it is not that of the names.
    fn rank(self, by: Option<TopSort>) -> Reverse<i64> {
        Reverse(match by {
            Some(TopSort::Cpu) => self.cpu.milli_value(),
            Some(TopSort::Memory) => self.memory.value(),
            None => 0,
        })
    }

    fn cells(self) -> [String; 2] {
        [
            format!("{}m", self.cpu.milli_value()),
            format!("{}Mi", self.memory.value() / MEBI),
        ]
    }
}

/// A line of cells, each of which a tab ends.
fn line(into: &mut String, cells: impl IntoIterator<Item = impl AsRef<str>>) {
    for cell in cells {
        into.push_str(cell.as_ref());
        into.push('\t');
    }
    into.push('\n');
}

fn pod_usage(pod: &Value) -> Usage {
    let containers = items(pod, &["containers"]).iter();
    let usages = containers.map(|container| Usage::of(&container["usage"]));
    usages.fold(Usage::default(), Usage::plus)
}

/// What pods use: objects of kind PodMetrics.
pub fn top_pods(pods: &[Value], options: &TopOptions) -> String {
    if pods.is_empty() {
        return String::new();
    }
    let namespace = |pod: &Value| {
        text(pod, &["metadata", "namespace"])
            .unwrap_or("")
            .to_owned()
    };
    let mut lines = String::new();
    let mut columns = 3;
    if !options.no_headers {
        let mut head = Vec::new();
        if options.with_namespace {
            head.push("NAMESPACE");
        }
        if options.containers {
            head.push("POD");
        }
        columns += head.len();
        head.extend(["NAME", "CPU(cores)", "MEMORY(bytes)"]);
        line(&mut lines, head);
    }
    let mut sorted: Vec<(Usage, &Value)> = pods.iter().map(|pod| (pod_usage(pod), pod)).collect();
    match options.sort_by {
        Some(_) => sorted.sort_by_key(|(usage, _)| usage.rank(options.sort_by)),
        None => sorted.sort_by_cached_key(|(_, pod)| {
            let of = options.with_namespace.then(|| namespace(pod));
            (of, name(pod))
        }),
    }
    for (usage, pod) in &sorted {
        let mut first = Vec::new();
        if options.with_namespace {
            first.push(namespace(pod));
        }
        first.push(name(pod));
        if !options.containers {
            line(&mut lines, first.into_iter().chain(usage.cells()));
            continue;
        }
        let containers = items(pod, &["containers"]).iter();
        let mut containers: Vec<(&str, Usage)> = containers
            .map(|container| {
                let name = container["name"].as_str().unwrap_or_default();
                (name, Usage::of(&container["usage"]))
            })
            .collect();
        match options.sort_by {
            Some(_) => containers.sort_by_key(|(_, usage)| usage.rank(options.sort_by)),
            None => containers.sort_by_key(|(name, _)| *name),
        }
        for (container, usage) in containers {
            let mut cells = first.clone();
            cells.push(container.to_owned());
            line(&mut lines, cells.into_iter().chain(usage.cells()));
        }
    }
    if options.sum {
        let total = sorted.iter().map(|(usage, _)| *usage);
        let total = total.fold(Usage::default(), Usage::plus);
        // The columns are counted with the head: without one, the sums stand further left.
        let blank = vec![String::new(); columns - 2];
        let rule = ["________", "________"].map(str::to_owned);
        line(&mut lines, blank.iter().cloned().chain(rule));
        line(&mut lines, blank.into_iter().chain(total.cells()));
    }
    align(&lines, SHAPE.0, SHAPE.1)
}

/// What nodes use: objects of kind NodeMetrics, with the Nodes for what pods can have of them.
/// Nodes without metrics come last.
pub fn top_nodes(metrics: &[Value], nodes: &[Value], options: &TopOptions) -> String {
    if metrics.is_empty() {
        return String::new();
    }
    // A resource that a node does not have has no percentage, not even an empty cell.
    let allocatable: BTreeMap<String, [Option<Quantity>; 2]> = nodes
        .iter()
        .map(|node| {
            let has = &node["status"]["allocatable"];
            (name(node), ["cpu", "memory"].map(|one| amount(has, one)))
        })
        .collect();
    let mut lines = String::new();
    if !options.no_headers {
        line(
            &mut lines,
            ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"],
        );
    }
    let used = |node: &Value| (Usage::of(&node["usage"]), name(node));
    let mut sorted: Vec<(Usage, String)> = metrics.iter().map(used).collect();
    match options.sort_by {
        Some(_) => sorted.sort_by_key(|(usage, _)| usage.rank(options.sort_by)),
        None => sorted.sort_by(|(_, a), (_, b)| a.cmp(b)),
    }
    for (usage, name) in &sorted {
        let mut cells = vec![name.clone()];
        let allocatable = allocatable.get(name).copied().unwrap_or_default();
        let used = [usage.cpu, usage.memory].into_iter().zip(allocatable);
        for (cell, (used, available)) in usage.cells().into_iter().zip(used) {
            cells.push(cell);
            cells.extend(available.map(|available| percent(used, available)));
        }
        line(&mut lines, cells);
    }
    let without = nodes.iter().map(name);
    for name in without.filter(|name| !sorted.iter().any(|(_, known)| known == name)) {
        let unknown = std::iter::repeat_n("<unknown>", 4);
        line(&mut lines, std::iter::once(name.as_str()).chain(unknown));
    }
    align(&lines, SHAPE.0, SHAPE.1)
}

/// Whole percent, the rest cut off.
fn percent(used: Quantity, available: Quantity) -> String {
    if available.is_zero() {
        return "0%".to_owned();
    }
    let share = used.milli_value() as f64 / available.milli_value() as f64;
    format!("{}%", (share * 100.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods() -> [Value; 2] {
        let container = |name: &str, cpu: &str, memory: &str| json!({"name": name, "usage": {"cpu": cpu, "memory": memory}});
        [
            json!({"metadata": {"name": "web", "namespace": "shop"}, "containers": [
                container("side", "100m", "1Mi"), container("app", "150n", "20Mi")]}),
            json!({"metadata": {"name": "db", "namespace": "shop"},
                "containers": [container("db", "1", "3Gi")]}),
        ]
    }

    #[test]
    fn containers_have_lines_of_their_own() {
        let mut options = TopOptions {
            containers: true,
            ..TopOptions::default()
        };
        assert_eq!(
            top_pods(&pods(), &options),
            "POD   NAME   CPU(cores)   MEMORY(bytes)   \n\
             db    db     1000m        3072Mi          \n\
             web   app    1m           20Mi            \n\
             web   side   100m         1Mi             \n"
        );
        options.sort_by = Some(TopSort::Cpu);
        options.no_headers = true;
        assert_eq!(
            top_pods(&pods(), &options),
            "db    db     1000m   3072Mi   \n\
             web   side   100m    1Mi      \n\
             web   app    1m      20Mi     \n"
        );
    }

    #[test]
    fn sums_are_those_of_the_pods() {
        let options = TopOptions {
            sum: true,
            with_namespace: true,
            sort_by: Some(TopSort::Memory),
            ..TopOptions::default()
        };
        assert_eq!(
            top_pods(&pods(), &options),
            "NAMESPACE   NAME   CPU(cores)   MEMORY(bytes)   \n\
             shop        db     1000m        3072Mi          \n\
             shop        web    101m         21Mi            \n\
             \x20                  ________     ________        \n\
             \x20                  1101m        3093Mi          \n"
        );
        assert_eq!(top_pods(&[], &options), "");
    }

    #[test]
    fn a_resource_that_a_node_lacks_has_no_cell_of_its_share() {
        let used = json!({"metadata": {"name": "b"}, "usage": {"cpu": "1", "memory": "1Gi"}});
        let node = json!({"metadata": {"name": "b"}, "status": {"allocatable": {"memory": "8Gi"}}});
        let options = TopOptions {
            no_headers: true,
            ..TopOptions::default()
        };
        assert_eq!(
            top_nodes(&[used], &[node], &options),
            "b     1000m   1024Mi   12%   \n"
        );
    }

    #[test]
    fn nodes_without_metrics_come_last() {
        let used = json!({"metadata": {"name": "b"}, "usage": {"cpu": "1", "memory": "1Gi"}});
        let node = |name: &str| json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "3", "memory": "8Gi"}}});
        let lines = top_nodes(&[used], &[node("a"), node("b")], &TopOptions::default());
        assert_eq!(
            lines,
            "NAME   CPU(cores)   CPU(%)      MEMORY(bytes)   MEMORY(%)   \n\
             b      1000m        33%         1024Mi          12%         \n\
             a      <unknown>    <unknown>   <unknown>       <unknown>   \n"
        );
    }
}
