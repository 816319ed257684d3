//! The custom and external metrics APIs: declared series and service counters, late by a
//! stated delay.

use std::collections::{BTreeMap, VecDeque};

use super::spec::{CustomMetricSpec, MetricOf, MetricSource, QueueCounter, ServiceCounter};
use crate::sim::{SimDuration, SimTime};

/// How often a service's counters are read.
pub const SAMPLE_PERIOD: SimDuration = SimDuration::from_secs(5);

/// The last instant before the start.
const BEFORE_START: SimTime = SimTime(-1);

/// A service's counters at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CounterSample {
    /// Requests answered since the start.
    pub answered: u64,
    /// Requests being served.
    pub in_flight: u64,
    /// Requests waiting.
    pub queued: u64,
    /// The value itself, of what is no counter of a service.
    pub value: f64,
}

/// The metrics that the scenario declares, and the counters read so far.
#[derive(Debug, Clone)]
pub struct CustomMetrics {
    specs: Vec<CustomMetricSpec>,
    history: Vec<VecDeque<Reading>>,
    /// The metrics that need each service's counters.
    of_service: BTreeMap<usize, Vec<usize>>,
    /// From when on there was something to read before the start.
    settled_from: Option<SimTime>,
}

/// A service's counters and when they were read.
type Reading = (SimTime, CounterSample);

impl CustomMetrics {
    /// The metrics of a scenario with no counters read yet.
    pub fn new(specs: &[CustomMetricSpec]) -> Self {
        let mut of_service: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, spec) in specs.iter().enumerate() {
            if let MetricSource::Service { service, .. } = spec.source {
                of_service.entry(service).or_default().push(index);
            }
        }
        Self {
            specs: specs.to_vec(),
            history: vec![VecDeque::new(); specs.len()],
            of_service,
            settled_from: None,
        }
    }

    /// The services whose counters some metric needs, ascending.
    pub fn services(&self) -> Vec<usize> {
        self.of_service.keys().copied().collect()
    }

    /// Counters before the start, all zero, as far back as any window and delay reach. They are
    /// all the same and not kept.
    pub fn settle(&mut self) {
        let longest = self.specs.iter().filter_map(|spec| match spec.source {
            MetricSource::Service { window, .. } => Some(window + spec.delay),
            MetricSource::Queue { .. } => Some(spec.delay),
            MetricSource::Series(_) => None,
        });
        let longest = longest.max();
        self.settled_from = longest.map(|longest| SimTime::ZERO - longest - SAMPLE_PERIOD);
    }

    /// The last reading up to a time.
    fn newest(&self, index: usize, limit: SimTime) -> Option<Reading> {
        let history = &self.history[index];
        let later = history.partition_point(|(at, _)| *at <= limit);
        if let Some(last) = later.checked_sub(1) {
            return Some(history[last]);
        }
        let (from, limit) = (self.settled_from?, limit.min(BEFORE_START));
        let periods = limit.since(from).0 / SAMPLE_PERIOD.0;
        (limit >= from).then(|| (from + SAMPLE_PERIOD * periods, CounterSample::default()))
    }

    /// The first reading from a time on.
    fn oldest(&self, index: usize, limit: SimTime) -> Option<Reading> {
        if let Some(from) = self.settled_from {
            let behind = limit.since(from).0.max(0).unsigned_abs();
            let periods = behind.div_ceil(SAMPLE_PERIOD.0.unsigned_abs());
            let at = from + SAMPLE_PERIOD * periods as i64;
            if at <= BEFORE_START {
                return Some((at, CounterSample::default()));
            }
        }
        let history = &self.history[index];
        let place = history.partition_point(|(at, _)| *at < limit);
        history.get(place).copied()
    }

    /// Takes a reading of a service's counters.
    pub fn observe(&mut self, service: usize, now: SimTime, sample: CounterSample) {
        for &index in self.of_service.get(&service).into_iter().flatten() {
            let (spec, history) = (&self.specs[index], &mut self.history[index]);
            let MetricSource::Service { window, .. } = spec.source else {
                continue;
            };
            history.push_back((now, sample));
            let oldest = now - window - spec.delay - SAMPLE_PERIOD * 2;
            while history.front().is_some_and(|(time, _)| *time < oldest) {
                history.pop_front();
            }
        }
    }

    /// Whether there is a metric of this name that describes `of`.
    pub fn serves(&self, name: &str, of: &MetricOf) -> bool {
        self.specs
            .iter()
            .any(|spec| spec.name == name && spec.of == *of)
    }

    /// The metrics that are read of queues: their indices, the queues and which figures.
    pub fn of_queues(&self) -> impl Iterator<Item = (usize, usize, QueueCounter)> {
        let all = self.specs.iter().enumerate();
        all.filter_map(|(index, spec)| match spec.source {
            MetricSource::Queue { queue, counter } => Some((index, queue, counter)),
            _ => None,
        })
    }

    /// Takes a reading of a metric that is read of a queue, by its index.
    pub fn observe_queue(&mut self, metric: usize, now: SimTime, value: f64) {
        let (delay, history) = (self.specs[metric].delay, &mut self.history[metric]);
        let sample = CounterSample {
            value,
            ..CounterSample::default()
        };
        history.push_back((now, sample));
        let oldest = now - delay - SAMPLE_PERIOD * 2;
        while history.front().is_some_and(|(time, _)| *time < oldest) {
            history.pop_front();
        }
    }

    /// Whether the metric of this name is measured on a whole service, not per pod.
    pub fn is_total(&self, name: &str) -> bool {
        let total = |spec: &CustomMetricSpec| matches!(spec.source, MetricSource::Service { .. });
        self.specs
            .iter()
            .any(|spec| spec.name == name && total(spec))
    }

    /// Values in thousandths of the metric of this name that describes `of` and whose labels
    /// are selected; `None` if there is no such metric.
    pub fn value(
        &self,
        name: &str,
        of: &MetricOf,
        selects: impl Fn(&BTreeMap<String, String>) -> bool,
        now: SimTime,
    ) -> Option<Vec<i64>> {
        let matches =
            |spec: &CustomMetricSpec| spec.name == name && spec.of == *of && selects(&spec.labels);
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

    /// The value of the metric at a place of the list.
    pub fn read_at(&self, index: usize, now: SimTime) -> Option<f64> {
        let spec = self.specs.get(index)?;
        self.read(index, spec, now - spec.delay)
    }

    fn read(&self, index: usize, spec: &CustomMetricSpec, time: SimTime) -> Option<f64> {
        match &spec.source {
            // Before the start every value is that of the start.
            MetricSource::Series(points) => points
                .iter()
                .rev()
                .find(|(from, _)| *from <= time.max(SimTime::ZERO))
                .map(|(_, value)| *value),
            MetricSource::Queue { .. } => Some(self.newest(index, time)?.1.value),
            MetricSource::Service {
                counter, window, ..
            } => {
                let (end, last) = self.newest(index, time)?;
                Some(match counter {
                    ServiceCounter::InFlight => last.in_flight as f64,
                    ServiceCounter::QueueDepth => last.queued as f64,
                    ServiceCounter::RequestsPerSecond => {
                        let first = self.oldest(index, time - *window)?;
                        if first.0 == end {
                            return None; // one sample makes no rate
                        }
                        (last.answered - first.1.answered) as f64 / (end - first.0).as_secs_f64()
                    }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, labels: &[(&str, &str)], source: MetricSource) -> CustomMetricSpec {
        CustomMetricSpec {
            name: name.to_owned(),
            of: MetricOf::External,
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            source,
            delay: SimDuration::from_secs(10),
        }
    }

    fn value(metrics: &CustomMetrics, name: &str, second: i64) -> Option<Vec<i64>> {
        metrics.value(
            name,
            &MetricOf::External,
            |_| true,
            SimTime::from_secs(second),
        )
    }

    fn rps(window: i64) -> MetricSource {
        MetricSource::Service {
            service: 3,
            counter: ServiceCounter::RequestsPerSecond,
            window: SimDuration::from_secs(window),
        }
    }

    #[test]
    fn a_declared_series_holds_each_value_until_the_next_and_arrives_late() {
        let series = vec![(SimTime::ZERO, 1.5), (SimTime::from_secs(60), 7.0)];
        let metrics = CustomMetrics::new(&[spec("depth", &[], MetricSource::Series(series))]);
        assert_eq!(value(&metrics, "depth", 5), Some(vec![1500]));
        assert_eq!(value(&metrics, "depth", 69), Some(vec![1500]));
        assert_eq!(value(&metrics, "depth", 70), Some(vec![7000]));
        assert_eq!(value(&metrics, "length", 70), None);
    }

    #[test]
    fn a_rate_needs_two_readings_and_covers_its_window() {
        let mut metrics = CustomMetrics::new(&[spec("rps", &[], rps(30))]);
        for reading in 0..30u64 {
            // 2 requests per second for 100 s, then 6.
            let second = reading * 5;
            let sample = CounterSample {
                answered: second * 2 + second.saturating_sub(100) * 4,
                ..CounterSample::default()
            };
            metrics.observe(3, SimTime::from_secs(second as i64), sample);
            metrics.observe(
                4,
                SimTime::from_secs(second as i64),
                CounterSample::default(),
            );
            let expected = match second {
                0..15 => vec![],
                15..=110 => vec![2000],
                125 => vec![4000],
                140.. => vec![6000],
                _ => continue,
            };
            assert_eq!(value(&metrics, "rps", second as i64), Some(expected));
        }
        assert_eq!(metrics.services(), [3]);
        let mut fresh = CustomMetrics::new(&[spec("rps", &[], rps(30))]);
        fresh.observe(3, SimTime::ZERO, CounterSample::default());
        assert_eq!(value(&fresh, "rps", 10), Some(vec![]));
    }

    #[test]
    fn a_selector_picks_the_series_that_carry_its_labels() {
        let constant = |value| MetricSource::Series(vec![(SimTime::ZERO, value)]);
        let metrics = CustomMetrics::new(&[
            spec("depth", &[("queue", "mail")], constant(1.0)),
            spec("depth", &[("queue", "mail"), ("zone", "b")], constant(2.0)),
            spec("depth", &[("queue", "push")], constant(4.0)),
        ]);
        let read = |key: &str, wanted: &str| {
            let selects = |labels: &BTreeMap<String, String>| {
                labels.get(key).is_some_and(|value| value == wanted)
            };
            let now = SimTime::from_secs(20);
            metrics.value("depth", &MetricOf::External, selects, now)
        };
        assert_eq!(read("queue", "mail"), Some(vec![1000, 2000]));
        assert_eq!(read("zone", "b"), Some(vec![2000]));
        assert_eq!(read("queue", "sms"), None);
        assert_eq!(value(&metrics, "depth", 20), Some(vec![1000, 2000, 4000]));
    }
}
