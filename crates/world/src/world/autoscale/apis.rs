//! The custom and external metrics APIs: who answers for a metric of an HPA, and what.
//!
//! In a cluster one server is registered for each of the two APIs. What the scenario declares by
//! `[[metric]]` stands for whatever serves it there, and comes first: [`Simulation::server_of`]
//! alone decides.

use crate::api::{LabelSelector, Labels, Pod, PodPhase};
use crate::autoscaler::hpa::{MetricSpec, PodValue};
use crate::autoscaler::keda::OWNER_LABEL;
use crate::metrics::spec::MetricOf;
use crate::sim::SimTime;
use crate::world::Simulation;
use crate::world::prometheus::Asked;

/// A metric's values, or the error of the API.
pub(super) type Answer = Result<Vec<PodValue>, String>;

/// Who answers for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// None of these two APIs: the resource metrics API, or nobody is asked.
    Others,
    /// A `[[metric]]`.
    Declared,
    /// The Prometheus adapter.
    Adapter,
    /// KEDA's metrics server.
    Keda,
    /// Nobody: the API is not registered, or its server knows nothing of the metric.
    Nobody,
}

/// What a metric describes, if there is something to ask for.
pub(super) fn described(metric: &MetricSpec, workload: Option<usize>) -> Option<MetricOf> {
    match metric {
        MetricSpec::Resource { .. }
        | MetricSpec::ContainerResource { .. }
        | MetricSpec::Unmeasured { .. }
        | MetricSpec::Untargeted { .. } => None,
        MetricSpec::Pods { .. } => workload.map(MetricOf::Pods),
        MetricSpec::Object { object, .. } => Some(MetricOf::Object {
            kind: object.kind.clone(),
            name: object.name.clone(),
        }),
        MetricSpec::External { .. } => Some(MetricOf::External),
    }
}

/// The name of a metric of these two APIs, and what selects its series.
pub(super) fn asked(metric: &MetricSpec) -> (&str, Option<&LabelSelector>) {
    match metric {
        MetricSpec::Resource { .. }
        | MetricSpec::ContainerResource { .. }
        | MetricSpec::Unmeasured { .. }
        | MetricSpec::Untargeted { .. } => ("", None),
        MetricSpec::Pods { name, selector, .. }
        | MetricSpec::Object { name, selector, .. }
        | MetricSpec::External { name, selector, .. } => (name, selector.as_ref()),
    }
}

impl Simulation<'_> {
    /// What the APIs answer for each metric of an HPA's spec; nothing for resource metrics.
    pub(super) fn metric_answers(&mut self, index: usize, now: SimTime) -> Vec<Answer> {
        let count = self.hpas.controllers[index].spec().metrics.len();
        (0..count)
            .map(|place| match self.server_of(index, place) {
                Server::Others => Ok(Vec::new()),
                Server::Declared => self.declared(index, place, now),
                Server::Adapter => self.adapter_answer(index, place, now),
                Server::Keda => self.keda_metric(index, place, now),
                Server::Nobody => Err(self.nobody(index, place)),
            })
            .collect()
    }

    pub(in crate::world) fn metric(&self, index: usize, place: usize) -> &MetricSpec {
        &self.hpas.controllers[index].spec().metrics[place]
    }

    /// The workload that an HPA scales.
    pub(super) fn scaled(&self, index: usize) -> Option<usize> {
        let target = self.hpas.states[index].target.as_ref().ok();
        target.map(|target| target.workload.index())
    }

    /// Who answers for the metric at a place of an HPA's spec.
    pub(super) fn server_of(&self, index: usize, place: usize) -> Server {
        let metric = self.metric(index, place);
        if asked(metric).0.is_empty() {
            return Server::Others;
        }
        let of = described(metric, self.scaled(index));
        if of.is_some_and(|of| self.custom.serves(asked(metric).0, &of)) {
            return Server::Declared;
        }
        if let MetricSpec::External { selector, .. } = metric
            && self.has_scaled_objects()
            && selector
                .as_ref()
                .is_some_and(|of| of.labels.contains_key(OWNER_LABEL))
        {
            return Server::Keda;
        }
        let is_external = matches!(metric, MetricSpec::External { .. });
        if self.adapter_serves(is_external) {
            return Server::Adapter;
        }
        // Where nobody else serves external metrics, KEDA is asked for all of them.
        if is_external && self.has_scaled_objects() && !self.declares(true) {
            return Server::Keda;
        }
        Server::Nobody
    }

    /// Whether a `[[metric]]` is an external one, or a custom one.
    fn declares(&self, external: bool) -> bool {
        let mut all = self.scenario.custom_metrics.iter();
        all.any(|metric| (metric.of == MetricOf::External) == external)
    }

    /// The answer of an API that does not know the metric. One that serves no metric at all is not
    /// registered.
    fn nobody(&self, index: usize, place: usize) -> String {
        match self.metric(index, place) {
            MetricSpec::External { name, .. } if !self.declares(true) => format!(
                "the server could not find the requested resource (get {name}.external.metrics.k8s.io)"
            ),
            MetricSpec::Pods { .. } | MetricSpec::Object { .. } if !self.declares(false) => {
                "no custom metrics API (custom.metrics.k8s.io) registered".to_owned()
            }
            _ => "metric not found".to_owned(),
        }
    }

    /// The metrics of an HPA that the adapter answers for.
    pub(in crate::world) fn metrics_of_adapter(
        &self,
        index: usize,
    ) -> Vec<(Asked<'_>, &MetricSpec)> {
        let controller = self.hpas.controllers.get(index);
        let count = controller.map_or(0, |one| one.spec().metrics.len());
        (0..count)
            .filter(|place| self.server_of(index, *place) == Server::Adapter)
            .map(|place| {
                (
                    self.asked_of_adapter(index, place),
                    self.metric(index, place),
                )
            })
            .collect()
    }

    pub(in crate::world) fn asked_of_adapter(&self, index: usize, place: usize) -> Asked<'_> {
        let (metric, selector) = asked(self.metric(index, place));
        let hpa = self.store.hpa(self.hpas.states[index].id);
        Asked {
            metric,
            namespace: hpa.map_or("", |hpa| &hpa.meta.namespace),
            selector,
        }
    }

    /// What the adapter answers. Pods without a value are not in it.
    fn adapter_answer(&self, index: usize, place: usize, now: SimTime) -> Answer {
        let metric = self.metric(index, place);
        let asked = self.asked_of_adapter(index, place);
        let single = |value| PodValue { pod: None, value };
        match metric {
            MetricSpec::Pods { .. } => {
                let names: Vec<String> = self
                    .selected_pods(index)
                    .map(|pod| pod.name().to_owned())
                    .collect();
                let values = self.adapter_of_pods(asked, &names, now)?;
                // An HPA's pods are by name.
                let of_pod = |(name, value): (String, i64)| PodValue {
                    pod: names.binary_search(&name).ok(),
                    value,
                };
                Ok(values.into_iter().map(of_pod).collect())
            }
            MetricSpec::Object { object, .. } => {
                let value = self.adapter_of_object(asked, object, now)?;
                Ok(vec![single(value)])
            }
            _ => {
                let values = self.adapter_of_nothing(asked, now)?;
                Ok(values.into_iter().map(single).collect())
            }
        }
    }

    /// What a `[[metric]]` answers.
    fn declared(&self, index: usize, place: usize, now: SimTime) -> Answer {
        let metric = self.metric(index, place);
        let (name, selector) = asked(metric);
        let found = described(metric, self.scaled(index))
            .filter(|of| !self.is_metric_down(name, of, now))
            .and_then(|of| {
                let selects = |labels: &Labels| selector.is_none_or(|one| one.matches(labels));
                self.custom.value(name, &of, selects, now)
            });
        let pods = |value: i64| {
            let running = self.running_pods(index);
            let share = if self.custom.is_total(name) {
                value / running.len().max(1) as i64
            } else {
                value
            };
            let of_pod = |place| PodValue {
                pod: Some(place),
                value: share,
            };
            running.into_iter().map(of_pod).collect()
        };
        let single = |value| PodValue { pod: None, value };
        let answer = found.and_then(|values| match metric {
            MetricSpec::Pods { .. } => values.first().copied().map(pods),
            _ => Some(values.into_iter().map(single).collect()),
        });
        answer.ok_or_else(|| "metric not found".to_owned())
    }

    /// What KEDA's metrics server answers. Whoever asks it makes triggers be measured: so it is
    /// not asked where the HPA would not ask.
    fn keda_metric(&mut self, index: usize, place: usize, now: SimTime) -> Answer {
        let MetricSpec::External { name, selector, .. } = self.metric(index, place) else {
            return Err(String::new());
        };
        let object = selector.as_ref().and_then(|of| of.labels.get(OWNER_LABEL));
        let (name, object) = (name.clone(), object.cloned().unwrap_or_default());
        if !self.asks_for_metrics(index) {
            return Err(String::new());
        }
        let namespace = self.hpa_namespace(index);
        let values = self.keda_answer(&namespace, &object, &name, now)?;
        let single = |value| PodValue { pod: None, value };
        Ok(values.into_iter().map(single).collect())
    }

    /// The places of running pods among those that an HPA selects.
    fn running_pods(&self, index: usize) -> Vec<usize> {
        self.selected_pods(index)
            .enumerate()
            .filter(|(_, pod)| pod.phase == PodPhase::Running && !pod.is_deleting())
            .map(|(place, _)| place)
            .collect()
    }

    /// The pods that an HPA selects, by name.
    fn selected_pods(&self, index: usize) -> impl Iterator<Item = &Pod> {
        let target = self.hpas.states[index].target.as_ref().ok();
        let members = target.map(|target| &self.store.selection(target.selection).members);
        let members = members.into_iter().flatten();
        members.filter_map(|id| self.store.pod(*id))
    }
}
