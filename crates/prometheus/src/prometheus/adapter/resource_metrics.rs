//! CPU and memory of pods and nodes from Prometheus, in place of metrics-server
//! (`pkg/resourceprovider`).

use std::collections::BTreeMap;

use super::config::{GroupResource, ResourceRule, ResourceRules};
use super::naming::{MetricsQuery, Objects};
use super::resources::{Converter, Kinds};
use super::{ask, milli};
use crate::prometheus::promql::{Edition, Value};
use crate::prometheus::storage::Storage;

/// What a container or a node uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU, thousandths of a core.
    pub cpu_milli: i64,
    /// Memory, thousandths of a byte.
    pub memory_milli: i64,
}

#[derive(Debug, Clone)]
struct ResourceQuery {
    container: MetricsQuery,
    node: MetricsQuery,
    container_label: String,
}

/// The resource metrics API as the adapter serves it.
#[derive(Debug, Clone)]
pub struct ResourceMetrics {
    kinds: Kinds,
    edition: Edition,
    cpu: ResourceQuery,
    memory: ResourceQuery,
}

impl ResourceQuery {
    fn new(rule: &ResourceRule, kinds: &Kinds) -> Result<Self, String> {
        let converter = Converter::new(&rule.resources, kinds)
            .map_err(|error| format!("unable to construct label-resource converter: {error}"))?;
        let query = |text: &str, of: &str| {
            MetricsQuery::new(text, &rule.resources, converter.clone())
                .map_err(|error| format!("unable to construct {of} metrics query: {error}"))
        };
        Ok(Self {
            container: query(&rule.container_query, "container")?,
            node: query(&rule.node_query, "node")?,
            container_label: rule.container_label.clone(),
        })
    }
}

impl ResourceMetrics {
    /// The API by these rules; wrong ones are an error in the adapter's words.
    pub fn new(rules: &ResourceRules, kinds: Kinds) -> Result<Self, String> {
        let of = |rule: &ResourceRule, what: &str| {
            ResourceQuery::new(rule, &kinds)
                .map_err(|error| format!("unable to construct querier for {what} metrics: {error}"))
        };
        Ok(Self {
            cpu: of(&rules.cpu, "CPU")?,
            memory: of(&rules.memory, "memory")?,
            kinds,
            edition: Edition::default(),
        })
    }

    /// The API in front of a Prometheus of this edition; without, of 3.
    #[must_use]
    pub fn of_edition(self, edition: Edition) -> Self {
        Self { edition, ..self }
    }

    /// The containers of pods of one namespace: pod, container and usage. A pod without CPU or
    /// without memory is left out; a container that has one of them has zero of the other.
    pub fn pods(
        &self,
        storage: &Storage,
        at: i64,
        namespace: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<String, Usage>>, String> {
        let kind = GroupResource::core("pods");
        let objects = Objects {
            kind: &kind,
            namespace,
            names,
        };
        let cpu = self.run(&self.cpu, storage, at, objects, "CPU")?;
        let memory = self.run(&self.memory, storage, at, objects, "memory")?;
        let mut pods: BTreeMap<String, BTreeMap<String, Usage>> = BTreeMap::new();
        for name in names {
            let (Some(cpu), Some(memory)) = (cpu.get(name), memory.get(name)) else {
                continue;
            };
            let containers = pods.entry(name.clone()).or_default();
            for (container, value) in cpu {
                containers.entry(container.clone()).or_default().cpu_milli = milli(*value);
            }
            for (container, value) in memory {
                containers
                    .entry(container.clone())
                    .or_default()
                    .memory_milli = milli(*value);
            }
        }
        Ok(pods)
    }

    /// Nodes and their usage; a node without CPU or without memory is left out.
    pub fn nodes(
        &self,
        storage: &Storage,
        at: i64,
        names: &[String],
    ) -> Result<BTreeMap<String, Usage>, String> {
        let kind = GroupResource::core("nodes");
        let objects = Objects {
            kind: &kind,
            namespace: "",
            names,
        };
        let cpu = self.run(&self.cpu, storage, at, objects, "CPU")?;
        let memory = self.run(&self.memory, storage, at, objects, "memory")?;
        let first = |of: &Found, name: &String| of.get(name).map(|rows| milli(rows[0].1));
        Ok(names
            .iter()
            .filter_map(|name| {
                let usage = Usage {
                    cpu_milli: first(&cpu, name)?,
                    memory_milli: first(&memory, name)?,
                };
                Some((name.clone(), usage))
            })
            .collect())
    }

    /// Rows of container and value by the object's name; NaN and less than nothing are nothing.
    fn run(
        &self,
        query: &ResourceQuery,
        storage: &Storage,
        at: i64,
        objects: Objects,
        what: &str,
    ) -> Result<Found, String> {
        let unable = |error: String| format!("unable to fetch node {what} metrics: {error}");
        let label = query.container_label.as_str();
        let (metrics_query, group_by): (_, &[&str]) = if objects.kind.resource == "nodes" {
            (&query.node, &[])
        } else {
            (&query.container, &[label])
        };
        let text = metrics_query
            .of_objects(&self.kinds, "", objects, &[], group_by)
            .map_err(|error| unable(format!("unable to construct query: {error}")))?;
        let vector = match ask(self.edition, &text, Some(storage), at) {
            Some(Value::Vector(vector)) => vector,
            Some(_) => {
                let message = "invalid or empty value of non-vector type returned";
                return Err(unable(message.to_owned()));
            }
            None => return Err(unable("unable to execute query".to_owned())),
        };
        let object = metrics_query
            .converter
            .label(objects.kind, &self.kinds)
            .map_err(unable)?;
        let mut found = Found::new();
        for sample in vector {
            let row = (
                sample.labels.get(label).to_owned(),
                if sample.value.is_nan() || sample.value < 0.0 {
                    0.0
                } else {
                    sample.value
                },
            );
            let name = sample.labels.get(&object).to_owned();
            found.entry(name).or_default().push(row);
        }
        Ok(found)
    }
}

type Found = BTreeMap<String, Vec<(String, f64)>>;
