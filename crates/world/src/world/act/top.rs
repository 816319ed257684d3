//! `kubectl top` while the cluster runs: what the resource metrics API shows.
//!
//! Upstream: kubectl's `pkg/cmd/top`, metrics-server's `pkg/api`.

use serde_json::{Value, json};

use super::Printed;
use crate::api::{Kind as StoreKind, ObjectId, Pod, PodId};
use crate::kubectl::command::{self, CommandLine, Targets, Top};
use crate::kubectl::print::{TopOptions, TopSort, nothing_found, top_nodes, top_pods};
use crate::metrics::server::{ContainerMetrics, PodMetrics};
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;
use crate::world::autoscale::{NO_RESOURCE_METRICS, entry_by_adapter};

/// From this age on, a pod ought to have metrics (`metricsCreationDelay`).
const CREATION_DELAY: SimDuration = SimDuration::from_secs(120);

impl Simulation<'_> {
    pub(super) fn top(
        &self,
        command: &Top,
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let options = TopOptions {
            with_namespace: line.all_namespaces,
            containers: command.containers,
            no_headers: command.no_headers,
            sum: command.sum,
            sort_by: command.sort_by.map(|by| match by {
                command::TopSort::Cpu => TopSort::Cpu,
                command::TopSort::Memory => TopSort::Memory,
            }),
        };
        let of_nodes = match &command.targets {
            Targets::Selected(selection) => selection.kinds.iter().any(|one| one.kind == "Node"),
            Targets::Named(named) => named.iter().any(|one| one.kind.kind == "Node"),
            Targets::Files(_) => false,
        };
        let text = if of_nodes {
            self.top_of_nodes(command, line, options, now)
        } else {
            self.top_of_pods(command, line, options, now)
        };
        match text {
            Ok(text) => printed.text(&text),
            Err(error) => printed.error(error),
        }
    }

    fn top_of_pods(
        &self,
        command: &Top,
        line: &CommandLine,
        options: TopOptions,
        now: SimTime,
    ) -> Result<String, String> {
        let default = line.namespace.as_deref();
        let namespace = default.unwrap_or(&self.scenario.namespace);
        let (groups, missing) = self.gather(&command.targets, line, &[]);
        if let Some(missing) = missing.into_iter().next() {
            return Err(missing);
        }
        let objects: Vec<Value> = groups
            .into_iter()
            .flat_map(|(_, objects)| objects)
            .collect();
        let mut metrics = Vec::new();
        for object in &objects {
            let of = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            if let Some((id, pod)) = self.find_pod(of("namespace"), of("name")) {
                metrics.extend(self.metrics_of_pod(id, pod, now)?);
            }
        }
        if !metrics.is_empty() {
            return Ok(top_pods(&metrics, &options));
        }
        if let Targets::Named(named) = &command.targets {
            let name = named.first().map_or("", |one| one.name.as_str());
            let pod = format!("{namespace}/{name}");
            return Err(format!(
                "Error from server (NotFound): podmetrics.metrics.k8s.io \"{pod}\" not found"
            ));
        }
        for object in &objects {
            let of = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            let (namespace, name) = (of("namespace"), of("name"));
            let created = self.find_pod(namespace, name);
            let age = created.map(|(_, pod)| now - pod.meta.created.truncate_to_second());
            if let Some(age) = age.filter(|age| *age > CREATION_DELAY) {
                return Err(format!(
                    "error: Metrics not available for pod {namespace}/{name}, age: {age}"
                ));
            }
        }
        if !objects.is_empty() {
            return Err("error: metrics not available yet".to_owned());
        }
        Ok(nothing_found((!line.all_namespaces).then_some(namespace)))
    }

    fn top_of_nodes(
        &self,
        command: &Top,
        line: &CommandLine,
        options: TopOptions,
        now: SimTime,
    ) -> Result<String, String> {
        let (groups, missing) = self.gather(&command.targets, line, &[]);
        if let Some(missing) = missing.into_iter().next() {
            return Err(missing);
        }
        let mut nodes: Vec<Value> = groups.into_iter().flat_map(|(_, nodes)| nodes).collect();
        let mut metrics = Vec::new();
        for node in &mut nodes {
            if command.show_capacity {
                node["status"]["allocatable"] = node["status"]["capacity"].clone();
            }
            let name = node["metadata"]["name"].as_str().unwrap_or_default();
            metrics.extend(self.metrics_of_node(name, now)?);
        }
        if metrics.is_empty() {
            let named = matches!(command.targets, Targets::Named(_));
            let name = nodes
                .first()
                .and_then(|node| node["metadata"]["name"].as_str());
            return Err(match name.filter(|_| named) {
                Some(name) => format!(
                    "Error from server (NotFound): nodemetrics.metrics.k8s.io \"{name}\" not found"
                ),
                None => "error: metrics not available yet".to_owned(),
            });
        }
        Ok(top_nodes(&metrics, &nodes, &options))
    }

    /// A pod's object in the resource metrics API, if it has one; the error is that of the API.
    fn metrics_of_pod(&self, id: PodId, pod: &Pod, now: SimTime) -> Result<Option<Value>, String> {
        let Some(entry) = self.entry_of_pod(id, pod, now)? else {
            return Ok(None);
        };
        let container = |one: &ContainerMetrics| {
            let spec = pod.template.lasting_at(usize::from(one.container))?;
            Some(json!({"name": spec.name, "usage": usage(one.cpu.0, one.memory.0)}))
        };
        let containers: Vec<Value> = entry.containers.iter().filter_map(container).collect();
        Ok(Some(json!({
            "metadata": {"name": pod.name(), "namespace": &*pod.meta.namespace},
            "containers": containers,
        })))
    }

    fn entry_of_pod(
        &self,
        id: PodId,
        pod: &Pod,
        now: SimTime,
    ) -> Result<Option<PodMetrics>, String> {
        let mut entry = PodMetrics::default();
        let is_listed = if self.adapter_serves_resources() {
            let adapted = self
                .adapted(&[id], now)
                .map_err(|error| format!("error: {error}"))?;
            entry_by_adapter(pod, &adapted, now, &mut entry)
        } else if self.metrics.is_down() {
            return Err(format!(
                "Error from server (ServiceUnavailable): {NO_RESOURCE_METRICS}"
            ));
        } else {
            let tracked = self.pods[id.slot()].metrics;
            tracked.is_some_and(|tracked| self.metrics.pod_metrics(tracked, &mut entry))
        };
        Ok(is_listed.then_some(entry))
    }

    /// A node's object in the resource metrics API: what its pods use together, as nothing else
    /// of a node is simulated.
    fn metrics_of_node(&self, name: &str, now: SimTime) -> Result<Option<Value>, String> {
        let Some(ObjectId::Node(node)) = self.store.find(StoreKind::Node, "", name) else {
            return Ok(None);
        };
        let (mut cpu, mut memory, mut is_listed) = (
            0,
            0,
            self.metrics.has_rate(self.machines[node.slot()].metrics),
        );
        for (id, pod) in self.store.pods() {
            if pod.removed || pod.node != Some(node) {
                continue;
            }
            if let Some(entry) = self.entry_of_pod(id, pod, now)? {
                is_listed = true;
                cpu += entry.containers.iter().map(|one| one.cpu.0).sum::<i64>();
                memory += entry.containers.iter().map(|one| one.memory.0).sum::<i64>();
            }
        }
        Ok(is_listed.then(|| json!({"metadata": {"name": name}, "usage": usage(cpu, memory)})))
    }
}

fn usage(nanocores: i64, bytes: i64) -> Value {
    json!({"cpu": format!("{nanocores}n"), "memory": bytes.to_string()})
}
