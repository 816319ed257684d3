//! The Prometheus adapter in front of the custom and external metrics APIs.

use std::collections::BTreeMap;

use super::PrometheusEvent;
use crate::api::{LabelSelector, Operator as LabelOperator, Requirement as LabelRequirement};
use crate::autoscaler::hpa::{MetricSpec, ObjectReference};
use crate::prometheus::adapter::config::GroupResource;
use crate::prometheus::adapter::{
    Adapter as Rules, ApiError, Kinds, Objects, Operator, Requirement, ResourceMetrics, Usage,
};
use crate::prometheus::promql::{Edition, Query};
use crate::prometheus::storage::Storage;
use crate::record::MetricWindow;
use crate::scenario::model::{AdapterSpec, Component};
use crate::sim::{SimDuration, SimTime};
use crate::world::{Event, Simulation};

/// The adapter with its flags.
#[derive(Debug, Clone)]
pub(in crate::world) struct Adapter {
    rules: Rules,
    kinds: Kinds,
    relist_interval: SimDuration,
    max_age: SimDuration,
    /// Whether it serves the custom metrics API and the external one.
    serves: [bool; 2],
    /// What it serves the resource metrics API by, and the window that this names.
    resources: Option<(ResourceMetrics, SimDuration)>,
    is_down: bool,
    /// How often it has started again.
    starts: u32,
}

/// Usage by pod and container.
pub(in crate::world) type OfPods = BTreeMap<String, BTreeMap<String, Usage>>;

/// A metric as an HPA asks for it.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) struct Asked<'a> {
    pub(in crate::world) metric: &'a str,
    pub(in crate::world) namespace: &'a str,
    pub(in crate::world) selector: Option<&'a LabelSelector>,
}

impl Asked<'_> {
    fn requirements(&self) -> Vec<Requirement> {
        let Some(selector) = self.selector else {
            return Vec::new();
        };
        let labels = selector.labels.iter();
        let labels = labels.map(|(key, value)| Requirement::equals(key, value));
        let mut all: Vec<Requirement> = labels
            .chain(selector.expressions.iter().map(requirement))
            .collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }
}

/// An expression of a selector as the adapter knows it.
fn requirement(of: &LabelRequirement) -> Requirement {
    let mut values = of.values.clone();
    values.sort();
    Requirement {
        key: of.key.clone(),
        operator: match of.operator {
            LabelOperator::In => Operator::In,
            LabelOperator::NotIn => Operator::NotIn,
            LabelOperator::Exists => Operator::Exists,
            LabelOperator::DoesNotExist => Operator::DoesNotExist,
            LabelOperator::Gt => Operator::GreaterThan,
            LabelOperator::Lt => Operator::LessThan,
        },
        values,
    }
}

impl Adapter {
    /// The adapter, which has listed nothing yet; none if it does not start with its rules.
    pub(super) fn new(spec: &AdapterSpec, edition: Edition) -> Option<Self> {
        let kinds = Kinds::with(&spec.kinds);
        let rules = Rules::new(&spec.config, kinds.clone()).ok()?;
        let config = &spec.config;
        let resources = config.resource_rules.as_ref();
        let resources = resources.and_then(|one| ResourceMetrics::new(one, kinds.clone()).ok());
        let resources = resources.map(|one| (one.of_edition(edition), spec.resource_window));
        Some(Self {
            rules: rules.of_edition(edition),
            kinds,
            relist_interval: spec.relist_interval,
            max_age: spec.max_age,
            serves: [&config.rules, &config.external_rules].map(|rules| !rules.is_empty()),
            resources,
            is_down: false,
            starts: 0,
        })
    }

    /// The query that its rules make of a metric.
    fn query(&self, asked: Asked<'_>, metric: &MetricSpec) -> Option<Query> {
        let names = ["x".to_owned()];
        let kind = match metric {
            MetricSpec::Object { object, .. } => self.resource_of(object).ok()?,
            _ => GroupResource::core("pods"),
        };
        let objects = Objects {
            kind: &kind,
            namespace: if is_namespace(&kind) {
                ""
            } else {
                asked.namespace
            },
            names: &names,
        };
        let (rules, selector) = (&self.rules, asked.requirements());
        let query = match metric {
            MetricSpec::External { .. } => rules
                .external_query(asked.metric, asked.namespace, &selector)?
                .ok()?,
            _ => rules.object_query(asked.metric, objects, &selector)?.0,
        };
        Query::parse(&query).ok()
    }

    fn resource_of(&self, object: &ObjectReference) -> Result<GroupResource, String> {
        let version = object.api_version.split_once('/');
        let group = version.map_or("", |(group, _)| group);
        self.kinds.resource_of(group, &object.kind)
    }
}

/// Whether objects of the kind are namespaces; the controller asks for the metrics of all others within
/// one (`GetObjectMetric`), so that nodes have none.
fn is_namespace(kind: &GroupResource) -> bool {
    kind.group.is_empty() && kind.resource == "namespaces"
}

impl Simulation<'_> {
    fn adapter(&self) -> Option<&Adapter> {
        self.prometheus.as_ref()?.adapter.as_ref()
    }

    /// The query behind the metric at a place of an HPA's spec, and from one scrape to the next.
    pub(in crate::world) fn query_of_adapter(
        &self,
        index: usize,
        place: usize,
    ) -> Option<(Query, SimDuration)> {
        let (asked, metric) = (
            self.asked_of_adapter(index, place),
            self.metric(index, place),
        );
        let query = self.adapter()?.query(asked, metric)?;
        Some((query, self.prometheus.as_ref()?.interval))
    }

    /// Whether the adapter is registered for the custom or the external metrics API.
    pub(in crate::world) fn adapter_serves(&self, external: bool) -> bool {
        self.adapter()
            .is_some_and(|adapter| adapter.serves[usize::from(external)])
    }

    /// Whether the adapter stands in for metrics-server.
    pub(in crate::world) fn adapter_serves_resources(&self) -> bool {
        self.adapter().is_some_and(|one| one.resources.is_some())
    }

    /// What the resource metrics API lists of pods of a namespace when the adapter serves it: by pod and
    /// container; and the window that it names. Nothing while nobody answers behind it, as there.
    pub(in crate::world) fn adapter_of_resources(
        &self,
        namespace: &str,
        names: &[String],
        now: SimTime,
    ) -> Result<(OfPods, SimDuration), String> {
        let resource = "pods.metrics.k8s.io";
        if self.is_down(Component::PrometheusAdapter, now) {
            return Err(format!(
                "the server is currently unable to handle the request (get {resource})"
            ));
        }
        let adapter = self.adapter();
        let resources = adapter.and_then(|adapter| adapter.resources.as_ref());
        let (Some(prometheus), Some((resources, window))) = (&self.prometheus, resources) else {
            return Err(format!(
                "the server could not find the requested resource (get {resource})"
            ));
        };
        if self.is_down(Component::Prometheus, now) {
            return Ok((OfPods::new(), *window));
        }
        let storage = prometheus.head.storage();
        let listed = resources.pods(storage, prometheus.known.epoch.unix(now), namespace, names);
        Ok((listed.unwrap_or_default(), *window))
    }

    /// Lists for the first time; afterwards once an interval.
    pub(super) fn start_adapter(&mut self) {
        let Some(interval) = self.adapter().map(|adapter| adapter.relist_interval) else {
            return;
        };
        self.relist();
        let streams = self
            .prometheus
            .as_ref()
            .map(|prometheus| prometheus.streams);
        let phase = streams.map_or(0.0, |streams| streams.stream("adapter").unit());
        let first = SimDuration((interval.0 as f64 * phase) as i64);
        self.queue
            .schedule_in(first, Event::Prometheus(PrometheusEvent::Relist(0)));
    }

    /// The adapter's turn to list, if it runs since its start of this number.
    pub(super) fn relist_adapter(&mut self, starts: u32, now: SimTime) {
        let own = self
            .adapter()
            .filter(|own| !own.is_down && own.starts == starts);
        let Some(interval) = own.map(|adapter| adapter.relist_interval) else {
            return;
        };
        if !self.is_down(Component::Prometheus, now) {
            self.relist();
        }
        let event = PrometheusEvent::Relist(starts);
        self.queue.schedule_in(interval, Event::Prometheus(event));
    }

    /// A fault of the adapter begins or ends. When it is back it knows nothing, and lists at once.
    pub(in crate::world) fn heed_adapter_faults(&mut self, now: SimTime) {
        let is_down = self.is_down(Component::PrometheusAdapter, now);
        let own = self
            .prometheus
            .as_mut()
            .and_then(|own| own.adapter.as_mut());
        let Some(own) = own.filter(|own| own.is_down != is_down) else {
            return;
        };
        own.is_down = is_down;
        if !is_down {
            own.rules.forget();
            own.starts += 1;
            let starts = own.starts;
            self.relist_adapter(starts, now);
        }
    }

    fn relist(&mut self) {
        let now = self.queue.now();
        if let Some(prometheus) = &mut self.prometheus
            && let Some(adapter) = &mut prometheus.adapter
        {
            let oldest = prometheus.known.epoch.unix(now - adapter.max_age);
            // Selectors were read before; what was known would stay.
            let _ = adapter.rules.relist(prometheus.head.storage(), oldest);
        }
    }

    /// What stands before an answer: an API server without its extension, or Prometheus.
    fn ask_adapter<T>(
        &self,
        resource: &str,
        now: SimTime,
        ask: impl FnOnce(&Adapter, Option<&Storage>, i64) -> Result<T, ApiError>,
    ) -> Result<T, String> {
        let (Some(prometheus), Some(adapter)) = (&self.prometheus, self.adapter()) else {
            return Err("metric not found".to_owned());
        };
        if self.is_down(Component::PrometheusAdapter, now) {
            return Err(format!(
                "the server is currently unable to handle the request (get {resource})"
            ));
        }
        let (storage, at) = (prometheus.head.storage(), prometheus.known.epoch.unix(now));
        let answers = !self.is_down(Component::Prometheus, now);
        ask(adapter, Some(storage).filter(|_| answers), at).map_err(|error| error.to_string())
    }

    /// Says of the HPAs which of their metrics the adapter makes of samples over a window.
    pub(in crate::world) fn tell_windows(&mut self) {
        for index in 0..self.recorder.recording.hpas.len() {
            let windows = self.windows_of(index);
            self.recorder.recording.hpas[index].windows = windows;
        }
    }

    fn windows_of(&self, index: usize) -> Vec<MetricWindow> {
        let (Some(prometheus), Some(adapter)) = (&self.prometheus, self.adapter()) else {
            return Vec::new();
        };
        let asked = self.metrics_of_adapter(index);
        let window = |one: &(Asked<'_>, &MetricSpec)| {
            let reads = adapter.query(one.0, one.1)?.reads();
            (reads.window > 0).then(|| MetricWindow {
                metric: one.0.metric.to_owned(),
                function: reads.function,
                window: SimDuration::from_millis(reads.window),
                interval: prometheus.interval,
            })
        };
        asked.iter().filter_map(window).collect()
    }

    /// A metric of pods by their names, in thousandths.
    pub(in crate::world) fn adapter_of_pods(
        &self,
        asked: Asked<'_>,
        names: &[String],
        now: SimTime,
    ) -> Result<Vec<(String, i64)>, String> {
        let values = self.ask_adapter(
            "pods.custom.metrics.k8s.io *",
            now,
            |adapter, storage, at| {
                let kind = GroupResource::core("pods");
                let objects = Objects {
                    kind: &kind,
                    namespace: asked.namespace,
                    names,
                };
                let selector = asked.requirements();
                let rules = &adapter.rules;
                rules.of_objects(storage, at, asked.metric, objects, &selector)
            },
        )?;
        Ok(values
            .into_iter()
            .map(|one| (one.name, one.milli))
            .collect())
    }

    /// A metric of one object, in thousandths.
    pub(in crate::world) fn adapter_of_object(
        &self,
        asked: Asked<'_>,
        object: &ObjectReference,
        now: SimTime,
    ) -> Result<i64, String> {
        let Some(kind) = self.adapter().map(|adapter| adapter.resource_of(object)) else {
            return Err("metric not found".to_owned());
        };
        let kind = kind?;
        // The namespace is the HPA's own, whatever name is written.
        let (namespace, name, resource) = if is_namespace(&kind) {
            let resource = format!("metrics.custom.metrics.k8s.io {}", asked.metric);
            ("", asked.namespace, resource)
        } else {
            let resource = format!("{kind}.custom.metrics.k8s.io {}", object.name);
            (asked.namespace, object.name.as_str(), resource)
        };
        let value = self.ask_adapter(&resource, now, |adapter, storage, at| {
            let names = [name.to_owned()];
            let objects = Objects {
                kind: &kind,
                namespace,
                names: &names,
            };
            let selector = asked.requirements();
            let rules = &adapter.rules;
            rules.of_object(storage, at, asked.metric, objects, &selector)
        })?;
        Ok(value.milli)
    }

    /// An external metric's values, in thousandths.
    pub(in crate::world) fn adapter_of_nothing(
        &self,
        asked: Asked<'_>,
        now: SimTime,
    ) -> Result<Vec<i64>, String> {
        let resource = format!("{}.external.metrics.k8s.io", asked.metric);
        let values = self.ask_adapter(&resource, now, |adapter, storage, at| {
            let selector = asked.requirements();
            let (metric, namespace) = (asked.metric, asked.namespace);
            let rules = &adapter.rules;
            rules.of_nothing(storage, at, metric, namespace, &selector)
        })?;
        Ok(values.into_iter().map(|one| one.milli).collect())
    }
}
