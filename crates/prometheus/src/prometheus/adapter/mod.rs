//! The Prometheus adapter (kubernetes-sigs/prometheus-adapter 0.12): metrics of Pods, of objects
//! and of nothing in the cluster, from Prometheus through the user's own rules.
//!
//! A metric has to be seen by a relist before it can be asked for; each question is then a query
//! at its time, without a cache. Pods without a series are simply not in the answer.

mod check;
pub mod config;
mod naming;
mod resource_metrics;
mod resources;
mod selector;
mod template;

use std::collections::BTreeMap;

use super::labels::{Labels, METRIC_NAME, quoted};
use super::promql::{self, Edition, Query, Value};
use super::storage::Storage;
use config::{Config, GroupResource};
use naming::Namer;

pub use check::{RuleProblem, check_rule};
pub use naming::Objects;
pub use resource_metrics::{ResourceMetrics, Usage};
pub use resources::{KindNames, Kinds};
pub use selector::{Operator, Requirement};

/// How often the adapter relists, and how old a series may be then, where no flag says otherwise:
/// milliseconds. Its chart sets one minute.
pub const RELIST_INTERVAL: i64 = 600_000;

/// An error as the metrics APIs answer it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// 500.
    #[error("Internal error occurred: {0}")]
    Internal(String),
    /// What the API server makes of any other error.
    #[error("{0}")]
    Other(String),
}

impl ApiError {
    fn no_metric(kind: &GroupResource, metric: &str) -> Self {
        Self::NotFound(format!(
            "the server could not find the metric {metric} for {kind}"
        ))
    }

    fn no_metric_for(kind: &GroupResource, metric: &str, name: &str) -> Self {
        Self::NotFound(format!(
            "the server could not find the metric {metric} for {kind} {name}"
        ))
    }

    fn unable() -> Self {
        Self::Internal("unable to fetch metrics".to_owned())
    }
}

/// A metric of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMetric {
    /// The object's name.
    pub name: String,
    /// The value, thousandths.
    pub milli: i64,
}

/// A value of an external metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalMetric {
    /// The series' labels.
    pub labels: Labels,
    /// The value, thousandths.
    pub milli: i64,
}

/// A metric of the custom metrics API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct MetricId {
    kind: GroupResource,
    namespaced: bool,
    metric: String,
}

/// Where a metric comes from: a series' name and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    series: String,
    rule: usize,
}

/// The adapter: its rules and what the last relist found.
#[derive(Debug, Clone)]
pub struct Adapter {
    kinds: Kinds,
    edition: Edition,
    rules: Vec<Namer>,
    external_rules: Vec<Namer>,
    metrics: BTreeMap<MetricId, Origin>,
    external: BTreeMap<String, Origin>,
}

impl Adapter {
    /// An adapter that has not listed yet. Rules that it would refuse to start with are an error,
    /// in its words.
    pub fn new(config: &Config, kinds: Kinds) -> Result<Self, String> {
        let namers = |rules: &[config::Rule], what: &str| -> Result<Vec<Namer>, String> {
            let made: Result<_, String> =
                rules.iter().map(|rule| Namer::new(rule, &kinds)).collect();
            made.map_err(|error| {
                format!("unable to construct {what} scheme from metrics rules: {error}")
            })
        };
        Ok(Self {
            rules: namers(&config.rules, "naming")?,
            external_rules: namers(&config.external_rules, "naming")?,
            kinds,
            edition: Edition::default(),
            metrics: BTreeMap::new(),
            external: BTreeMap::new(),
        })
    }

    /// The adapter in front of a Prometheus of this edition; without, of 3.
    #[must_use]
    pub fn of_edition(self, edition: Edition) -> Self {
        Self { edition, ..self }
    }

    /// Lists the series that have a sample since `oldest` (milliseconds) and names their metrics;
    /// an error keeps what was known.
    pub fn relist(&mut self, storage: &Storage, oldest: i64) -> Result<(), String> {
        let listed = list(&self.rules, storage, oldest)?;
        let listed_external = list(&self.external_rules, storage, oldest)?;
        self.metrics.clear();
        for (rule, labels) in listed {
            let namer = &self.rules[rule];
            let (kinds, namespaced) = namer.kinds_of(&labels, &self.kinds);
            let Some(metric) = namer.metric_name(&labels) else {
                continue;
            };
            for kind in kinds {
                let id = MetricId {
                    namespaced: namespaced && !kind.is_root(),
                    kind,
                    metric: metric.clone(),
                };
                self.metrics.insert(id, origin(rule, &labels));
            }
        }
        self.external.clear();
        for (rule, labels) in listed_external {
            if let Some(metric) = self.external_rules[rule].metric_name(&labels) {
                self.external.insert(metric, origin(rule, &labels));
            }
        }
        Ok(())
    }

    /// Forgets what was listed, as a restart does.
    pub fn forget(&mut self) {
        self.metrics.clear();
        self.external.clear();
    }

    /// The custom metrics that are known: kind, whether objects of it lie in a namespace, name.
    pub fn metrics(&self) -> impl Iterator<Item = (&GroupResource, bool, &str)> {
        self.metrics
            .keys()
            .map(|id| (&id.kind, id.namespaced, id.metric.as_str()))
    }

    /// The external metrics that are known.
    pub fn external_metrics(&self) -> impl Iterator<Item = &str> {
        self.external.keys().map(String::as_str)
    }

    /// A metric of the objects that a selector found: HPA metrics of type `Pods`. Objects without
    /// a value are left out. Here and below there is no storage while Prometheus does not answer.
    pub fn of_objects(
        &self,
        storage: Option<&Storage>,
        at: i64,
        metric: &str,
        objects: Objects,
        selector: &[Requirement],
    ) -> Result<Vec<ObjectMetric>, ApiError> {
        let values = self.values(storage, at, metric, objects, selector)?;
        Ok(objects
            .names
            .iter()
            .filter_map(|name| {
                Some(ObjectMetric {
                    name: name.clone(),
                    milli: milli_or_zero(*values.get(name)?),
                })
            })
            .collect())
    }

    /// A metric of one object: HPA metrics of type `Object`.
    pub fn of_object(
        &self,
        storage: Option<&Storage>,
        at: i64,
        metric: &str,
        object: Objects,
        selector: &[Requirement],
    ) -> Result<ObjectMetric, ApiError> {
        let values = self.values(storage, at, metric, object, selector)?;
        let name = object.names.first().map_or("", String::as_str);
        match values.get(name) {
            Some(&value) => Ok(ObjectMetric {
                name: name.to_owned(),
                milli: milli_or_zero(value),
            }),
            None => Err(ApiError::no_metric_for(object.kind, metric, name)),
        }
    }

    /// An external metric: HPA metrics of type `External`, whose values the HPA adds up.
    pub fn of_nothing(
        &self,
        storage: Option<&Storage>,
        at: i64,
        metric: &str,
        namespace: &str,
        selector: &[Requirement],
    ) -> Result<Vec<ExternalMetric>, ApiError> {
        let Some(query) = self.external_query(metric, namespace, selector) else {
            let kind = if namespace == "default" {
                "namespaces"
            } else {
                ""
            };
            return Err(ApiError::no_metric(&GroupResource::core(kind), metric));
        };
        let query = query.map_err(|_| ApiError::unable())?;
        match ask(self.edition, &query, storage, at) {
            Some(Value::Scalar(value)) => Ok(vec![ExternalMetric {
                labels: Labels::default(),
                milli: milli(value),
            }]),
            Some(Value::Vector(vector)) => Ok(vector
                .into_iter()
                .map(|sample| ExternalMetric {
                    labels: sample.labels,
                    milli: milli(sample.value),
                })
                .collect()),
            Some(_) => Err(ApiError::Other(
                "encountered an unexpected query result type".to_owned(),
            )),
            None => Err(ApiError::unable()),
        }
    }

    /// The query of an external metric, if it is known, and if the selector can be said in it.
    pub fn external_query(
        &self,
        metric: &str,
        namespace: &str,
        selector: &[Requirement],
    ) -> Option<Result<String, String>> {
        let origin = self.external.get(metric)?;
        let namer = &self.external_rules[origin.rule];
        Some(namer.external_query(&self.kinds, &origin.series, namespace, selector))
    }

    /// The query of a metric of objects and the label that names them, if the metric is known and
    /// there is something to ask.
    pub fn object_query(
        &self,
        metric: &str,
        objects: Objects,
        selector: &[Requirement],
    ) -> Option<(String, String)> {
        let id = MetricId {
            kind: self.kinds.normalized(objects.kind).ok()?,
            namespaced: !objects.namespace.is_empty(),
            metric: metric.to_owned(),
        };
        let origin = self.metrics.get(&id)?;
        if objects.names.is_empty() {
            return None;
        }
        let namer = &self.rules[origin.rule];
        let objects = Objects {
            kind: &id.kind,
            ..objects
        };
        let query = namer
            .query(&self.kinds, &origin.series, objects, selector)
            .ok()?;
        Some((query, namer.label(objects.kind, &self.kinds).ok()?))
    }

    /// Values by the object's name; of two of one name the later stays.
    fn values(
        &self,
        storage: Option<&Storage>,
        at: i64,
        metric: &str,
        objects: Objects,
        selector: &[Requirement],
    ) -> Result<BTreeMap<String, f64>, ApiError> {
        let (query, label) = self
            .object_query(metric, objects, selector)
            .ok_or_else(|| ApiError::no_metric(objects.kind, metric))?;
        let Some(Value::Vector(vector)) = ask(self.edition, &query, storage, at) else {
            return Err(ApiError::unable());
        };
        let value = |sample: promql::Sample| (sample.labels.get(&label).to_owned(), sample.value);
        Ok(vector.into_iter().map(value).collect())
    }
}

fn origin(rule: usize, labels: &Labels) -> Origin {
    Origin {
        series: labels.get(METRIC_NAME).to_owned(),
        rule,
    }
}

/// The series of each rule with the rule's number, in the order of their labels.
fn list(rules: &[Namer], storage: &Storage, oldest: i64) -> Result<Vec<(usize, Labels)>, String> {
    let mut listed = Vec::new();
    for (rule, namer) in rules.iter().enumerate() {
        let matchers = promql::selector(&namer.series_query).map_err(|error| {
            format!(
                "unable to update list of all metrics: unable to fetch metrics for query {}: \
                 bad_data: invalid parameter \"match[]\": {error}",
                quoted(&namer.series_query)
            )
        })?;
        let mut series: Vec<&Labels> = storage
            .select(&matchers)
            .into_iter()
            .filter(|series| series.points().last().is_some_and(|last| last.t >= oldest))
            .map(|series| &series.labels)
            .filter(|labels| namer.takes(labels))
            .collect();
        series.sort();
        listed.extend(series.into_iter().map(|labels| (rule, labels.clone())));
    }
    Ok(listed)
}

/// A query's answer, or none where Prometheus answers with an error or not at all.
fn ask(edition: Edition, query: &str, storage: Option<&Storage>, at: i64) -> Option<Value> {
    let query = Query::parse(query).ok()?;
    query.instant_of(edition, storage?, at).ok()
}

/// Thousandths, the rest cut off, as a conversion of Go has it on amd64.
fn milli(value: f64) -> i64 {
    let thousandths = value * 1000.0;
    if thousandths >= -(2f64.powi(63)) && thousandths < 2f64.powi(63) {
        thousandths as i64
    } else {
        i64::MIN
    }
}

fn milli_or_zero(value: f64) -> i64 {
    if value.is_nan() { 0 } else { milli(value) }
}

#[cfg(test)]
mod tests;
