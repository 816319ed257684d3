//! The custom and external metrics APIs: declared series and service counters, late by a
//! stated delay.

use std::collections::{BTreeMap, VecDeque};

use super::spec::{CustomMetricSpec, MetricOf, MetricSource, ServiceCounter};
use crate::sim::{SimDuration, SimTime};

/// How often a service's counters are read.
pub const SAMPLE_PERIOD: SimDuration = SimDuration::from_secs(5);

/// A service's counters at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CounterSample {
    /// Requests answered since the start.
    pub answered: u64,
    /// Requests being served.
    pub in_flight: u64,
    /// Requests waiting.
    pub queued: u64,
}

/// The metrics that the scenario declares, and the counters read so far.
#[derive(Debug, Clone)]
pub struct CustomMetrics {
    specs: Vec<CustomMetricSpec>,
    history: Vec<VecDeque<(SimTime, CounterSample)>>,
}

impl CustomMetrics {
    /// The metrics of a scenario with no counters read yet.
    pub fn new(specs: &[CustomMetricSpec]) -> Self {
        Self {
            specs: specs.to_vec(),
            history: vec![VecDeque::new(); specs.len()],
        }
    }

    /// The services whose counters some metric needs, ascending.
    pub fn services(&self) -> Vec<usize> {
        let service = |spec: &CustomMetricSpec| match spec.source {
            MetricSource::Service { service, .. } => Some(service),
            MetricSource::Series(_) => None,
        };
        let mut services: Vec<usize> = self.specs.iter().filter_map(service).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// Takes a reading of a service's counters.
    pub fn observe(&mut self, service: usize, now: SimTime, sample: CounterSample) {
        for (spec, history) in self.specs.iter().zip(&mut self.history) {
            let MetricSource::Service {
                service: of,
                window,
                ..
            } = spec.source
            else {
                continue;
            };
            if of != service {
                continue;
            }
            history.push_back((now, sample));
            let oldest = now - window - spec.delay - SAMPLE_PERIOD * 2;
            while history.front().is_some_and(|(time, _)| *time < oldest) {
                history.pop_front();
            }
        }
    }

    /// Whether the metric of this name is measured on a whole service, not per pod.
    pub fn is_total(&self, name: &str) -> bool {
        let total = |spec: &CustomMetricSpec| matches!(spec.source, MetricSource::Service { .. });
        self.specs
            .iter()
            .any(|spec| spec.name == name && total(spec))
    }

    /// Values in thousandths of the metric of this name that describes `of` and carries all
    /// the labels; `None` if there is no such metric.
    pub fn value(
        &self,
        name: &str,
        of: &MetricOf,
        selector: Option<&BTreeMap<String, String>>,
        now: SimTime,
    ) -> Option<Vec<i64>> {
        let matches = |spec: &CustomMetricSpec| {
            let labels = |(key, value)| spec.labels.get(key) == Some(value);
            spec.name == name
                && spec.of == *of
                && selector.is_none_or(|wanted| wanted.iter().all(labels))
        };
        let mut found = false;
        let mut values = Vec::new();
        for (index, spec) in self
            .specs
            .iter()
            .enumerate()
            .filter(|(_, spec)| matches(spec))
        {
            found = true;
            let value = self.read(index, spec, now - spec.delay);
            values.extend(value.map(|value| (value * 1000.0).trunc() as i64));
        }
        found.then_some(values)
    }

    fn read(&self, index: usize, spec: &CustomMetricSpec, time: SimTime) -> Option<f64> {
        match &spec.source {
            MetricSource::Series(points) => points
                .iter()
                .rev()
                .find(|(from, _)| *from <= time)
                .map(|(_, value)| *value),
            MetricSource::Service {
                counter, window, ..
            } => {
                let newest = |limit: SimTime| {
                    self.history[index]
                        .iter()
                        .rev()
                        .find(|(at, _)| *at <= limit)
                };
                let (end, last) = newest(time)?;
                Some(match counter {
                    ServiceCounter::InFlight => last.in_flight as f64,
                    ServiceCounter::QueueDepth => last.queued as f64,
                    ServiceCounter::RequestsPerSecond => {
                        let first = self.history[index]
                            .iter()
                            .find(|(at, _)| *at >= time - *window)?;
                        if first.0 == *end {
                            return None; // one sample makes no rate
                        }
                        (last.answered - first.1.answered) as f64 / (*end - first.0).as_secs_f64()
                    }
                })
            }
        }
    }
}
