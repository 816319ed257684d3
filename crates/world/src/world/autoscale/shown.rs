//! How an HPA's metrics show the load, for the recording: whether they are the rate of the
//! requests to its own pods, how late they are, and what they ask for at a sync.

use super::apis::{Server, described};
use crate::autoscaler::hpa::{Decision, MetricDecision, MetricSpec, ValueTarget};
use crate::metrics::spec::{MetricSource, ServiceCounter};
use crate::prometheus::labels::{METRIC_NAME, Matcher};
use crate::record::Shown;
use crate::sim::SimDuration;
use crate::world::Simulation;

/// What one metric shows.
enum Shows {
    /// Requests per second to the pods, with this target of a pod.
    Rate(f64),
    /// The load, so late.
    Late(SimDuration),
}

/// What a metric's target is of each pod.
fn target_of_a_pod(metric: &MetricSpec) -> Option<f64> {
    let milli = match metric {
        MetricSpec::Pods { average_value, .. } => *average_value,
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => match target {
            ValueTarget::AverageValue(value) => *value,
            ValueTarget::Value(_) => return None,
        },
        MetricSpec::Resource { .. }
        | MetricSpec::ContainerResource { .. }
        | MetricSpec::Unmeasured { .. }
        | MetricSpec::Untargeted { .. } => return None,
    };
    Some(milli as f64 / 1000.0)
}

impl Simulation<'_> {
    /// Tells the recording how the metrics of the HPAs of the start show the load.
    pub(in crate::world) fn tell_all_shown(&mut self) {
        let recorded = self.recorder.recording.hpas.len();
        for index in 0..recorded.min(self.hpas.controllers.len()) {
            self.tell_shown(index);
        }
    }

    /// Tells the recording how the metrics of an HPA's last spec show the load.
    pub(in crate::world) fn tell_shown(&mut self, index: usize) {
        let (rate_target, shown) = self.shown(index);
        let record = &mut self.recorder.recording.hpas[index];
        if let Some(spec) = record.specs.last_mut() {
            (spec.rate_target, spec.shown) = (rate_target, shown);
        }
        self.recorder.hpa_changed(index);
    }

    /// The least target of a rate of requests, where nothing but such rates and CPU is scaled on;
    /// and how late the others are.
    pub(super) fn shown(&self, index: usize) -> (Option<f64>, Shown) {
        let has_cpu = self.recorder.recording.hpas.get(index);
        let has_cpu = has_cpu.is_some_and(|hpa| hpa.cpu_target.is_some());
        let metrics = &self.hpas.controllers[index].spec().metrics;
        let (mut rate, mut others, mut shown) = (None::<f64>, false, Shown::default());
        for (place, metric) in metrics.iter().enumerate() {
            match self.shows(index, place, metric) {
                Shows::Rate(target) => rate = Some(rate.map_or(target, |rate| rate.min(target))),
                Shows::Late(after) => {
                    others = true;
                    shown.after = shown.after.max(after);
                    let is_late = after > SimDuration::ZERO;
                    shown.of_pods |= is_late && matches!(metric, MetricSpec::Pods { .. });
                }
            }
        }
        (rate.filter(|_| has_cpu || !others), shown)
    }

    fn shows(&self, index: usize, place: usize, metric: &MetricSpec) -> Shows {
        let target = target_of_a_pod(metric);
        match self.server_of(index, place) {
            Server::Declared => {
                let workload = self.scaled(index);
                let of = described(metric, workload);
                let mut all = self.scenario.custom_metrics.iter();
                let name = super::apis::asked(metric).0;
                let Some(one) = all.find(|one| one.name == name && Some(&one.of) == of.as_ref())
                else {
                    return Shows::Late(SimDuration::ZERO);
                };
                let MetricSource::Service {
                    service,
                    counter: ServiceCounter::RequestsPerSecond,
                    window,
                } = one.source
                else {
                    return Shows::Late(one.delay);
                };
                let is_own = Some(self.scenario.services[service].workload) == workload;
                match target.filter(|_| is_own) {
                    Some(target) => Shows::Rate(target),
                    None => Shows::Late(window + one.delay),
                }
            }
            Server::Adapter => {
                let Some((query, interval)) = self.query_of_adapter(index, place) else {
                    return Shows::Late(SimDuration::ZERO);
                };
                let is_rate = query
                    .rate_of()
                    .is_some_and(|of| self.counts_requests(index, of));
                match target.filter(|_| is_rate && matches!(metric, MetricSpec::Pods { .. })) {
                    Some(target) => Shows::Rate(target),
                    None => Shows::Late(SimDuration::from_millis(query.reads().window) + interval),
                }
            }
            Server::Others | Server::Keda | Server::Nobody => Shows::Late(SimDuration::ZERO),
        }
    }

    /// Replicas with which the metrics would be right on their targets, as far as a sync saw them;
    /// the largest.
    pub(super) fn asked_for(&self, index: usize, decision: &Decision) -> Option<f64> {
        let target = self.hpas.states[index].target.as_ref().ok()?;
        let counts = self.store.workload(target.workload).counts;
        let metrics = &self.hpas.controllers[index].spec().metrics;
        let of = |(part, metric): (&MetricDecision, &MetricSpec)| {
            let calculation = part.calculation?;
            let pods = match (calculation.pods, metric) {
                (Some(pods), _) => pods.ready,
                (None, metric) if target_of_a_pod(metric).is_some() => counts.replicas(),
                (None, _) if decision.steps.current == 0 => 1,
                (None, _) => counts.ready,
            };
            Some(f64::from(pods) * calculation.ratio)
        };
        let all = decision.metrics.iter().zip(metrics).filter_map(of);
        all.filter(|replicas| replicas.is_finite()).reduce(f64::max)
    }

    /// Whether the pods of an HPA serve what loads send.
    pub(super) fn serves_requests(&self, index: usize) -> bool {
        let target = self.hpas.states[index].target.as_ref().ok();
        target.is_some_and(|target| self.links.service_of(target.workload).is_some())
    }

    /// Whether a selector is of all requests that the pods of an HPA count.
    fn counts_requests(&self, index: usize, selector: &[Matcher]) -> bool {
        let mut services = self.scenario.services.iter();
        let service = services.position(|one| Some(one.workload) == self.scaled(index));
        let Some(exports) = service.and_then(|service| self.scenario.exports.get(service)) else {
            return false;
        };
        let name = Matcher::equal(METRIC_NAME, exports.requests.as_str());
        let divides = |one: &Matcher| ["code", "method"].contains(&one.name.as_str());
        selector.contains(&name) && !selector.iter().any(divides)
    }
}
