//! How much load a workload gets: enough to take its autoscaler through most of its range.

use super::keda::Trigger;
use super::survey::Seen;
use super::{DURATION, LoadGuess, QueueGuess, QueueKindGuess};
use crate::autoscaler::hpa::{HpaSpec, MetricSpec, Resource, ResourceTarget};
use crate::cluster::spec::ContainerSpec;
use crate::scenario::read::queues::MOST_PARTITIONS;
use crate::sim::SimDuration;
use crate::units::Millicores;

/// CPU request of a pod that states none: what the guess reckons with.
const UNSTATED: Millicores = Millicores(100);
/// Of its request a pod without an HPA is given so much work at the peak.
const BUSY: f64 = 0.6;
/// Of the largest number of replicas so many have work at the peak.
const PEAK: f64 = 0.7;
/// The CPU limit is not driven further than this, where the target is beyond it.
const BELOW_LIMIT: f64 = 0.9;
/// Guessed costs of a request in milliseconds; the first with which the peak stays below
/// `MOST_REQUESTS` is taken.
const COSTS: [f64; 7] = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
/// Requests a second at the peak, at most, as long as a dearer request helps.
const MOST_REQUESTS: f64 = 1000.0;
/// Points of a curve over the whole run.
const POINTS: i64 = 12;

/// What a workload's pods have to do, all together.
pub(super) struct Range {
    /// At the quietest time.
    pub(super) low: f64,
    /// At the peak.
    pub(super) high: f64,
    /// In words.
    pub(super) why: String,
}

/// The numbers of replicas between which an HPA is to move.
fn replicas(spec: &HpaSpec) -> (f64, f64) {
    let least = f64::from(spec.min_replicas.max(1));
    (least, least.max(PEAK * f64::from(spec.max_replicas)))
}

/// The range of a quantity of which each replica takes `each` at its target. `who` scales it.
pub(super) fn of_hpa(who: &str, spec: &HpaSpec, each: f64) -> Range {
    let (least, most) = replicas(spec);
    let high = each * most;
    Range {
        low: (0.8 * each * least).min(0.5 * high),
        high,
        why: format!(
            "{who}, {} to {} replicas",
            spec.min_replicas, spec.max_replicas
        ),
    }
}

/// Cores that a workload's pods are to use.
pub(super) fn cores(seen: &Seen) -> Range {
    let limit = cpu_limit(seen).unwrap_or(f64::INFINITY);
    if let Some((name, spec)) = &seen.hpa {
        let target = target_cores(seen, spec).unwrap_or_else(|| BUSY * request(seen));
        return of_hpa(name, spec, target.min(BELOW_LIMIT * limit));
    }
    let replicas = seen.spec.replicas.max(1);
    let each = BUSY * request(seen).min(limit);
    let high = each * f64::from(replicas);
    let pods = if replicas == 1 { "replica" } else { "replicas" };
    let why = match &seen.vpa {
        Some(vpa) => format!("VPA {vpa}, {replicas} {pods}"),
        None => format!("{replicas} {pods}"),
    };
    Range {
        low: 0.3 * high,
        high,
        why,
    }
}

/// Containers that run as long as the pod.
fn running(seen: &Seen) -> impl Iterator<Item = &ContainerSpec> {
    let template = &seen.spec.template;
    let sidecars = template
        .init_containers
        .iter()
        .filter(|one| one.restartable);
    template.containers.iter().chain(sidecars)
}

/// CPU that a pod requests, in cores.
fn request(seen: &Seen) -> f64 {
    let of_containers = running(seen).filter_map(|one| one.cpu_request).sum();
    let stated = seen.spec.template.pod_cpu_request.unwrap_or(of_containers);
    if stated > Millicores::ZERO {
        stated.cores()
    } else {
        UNSTATED.cores()
    }
}

/// CPU limit of the serving container, in cores.
fn cpu_limit(seen: &Seen) -> Option<f64> {
    let containers = &seen.spec.template.containers;
    let serving = containers.get(seen.container.unwrap_or(0))?;
    serving.cpu_limit.map(Millicores::cores)
}

/// CPU of a pod at the HPA's target, in cores; none if it has no target for CPU.
fn target_cores(seen: &Seen, spec: &HpaSpec) -> Option<f64> {
    let at = |target: &ResourceTarget, request: f64| match target {
        ResourceTarget::Utilization(percent) => f64::from(*percent) / 100.0 * request,
        ResourceTarget::AverageValue(milli) => *milli as f64 / 1000.0,
    };
    let targets = spec.metrics.iter().filter_map(|metric| match metric {
        MetricSpec::Resource {
            resource: Resource::Cpu,
            target,
        } => Some(at(target, request(seen))),
        MetricSpec::ContainerResource {
            resource: Resource::Cpu,
            container,
            target,
        } => {
            let found = running(seen).find(|one| one.name == *container);
            let request = found.and_then(|one| one.cpu_request);
            Some(at(target, request.unwrap_or(UNSTATED).cores()))
        }
        _ => None,
    });
    targets.filter(|cores| *cores > 0.0).reduce(f64::min)
}

/// Requests that are as much work as the pods are to do.
pub(super) fn load(seen: &Seen) -> LoadGuess {
    let cores = cores(seen);
    let rates = by_requests(seen);
    let cost = if let Some(rates) = &rates {
        // At the target for requests a pod is at its target for CPU, too.
        round(cores.high / rates.high * 1000.0).clamp(1.0, 10_000.0)
    } else {
        let fits = |cost: &&f64| cores.high / **cost * 1000.0 <= MOST_REQUESTS;
        COSTS.iter().find(fits).copied().unwrap_or(1000.0)
    };
    let (low, high) = match &rates {
        Some(rates) => (rates.low, rates.high),
        None => (cores.low / cost * 1000.0, cores.high / cost * 1000.0),
    };
    let (mean, amplitude) = wave(low, high);
    LoadGuess {
        request_cpu: SimDuration::from_secs_f64(cost / 1000.0),
        mean,
        amplitude,
        why: match &seen.entry {
            Some(entry) => format!("{entry}; {}", cores.why),
            None => cores.why,
        },
    }
}

/// Requests a second, if the HPA asks for a metric of the pods which they may be.
pub(super) fn by_requests(seen: &Seen) -> Option<Range> {
    let (name, spec) = seen.hpa.as_ref()?;
    if let Some(scaled) = &seen.scaled {
        let mut triggers = scaled.triggers.iter();
        let each = triggers.find_map(Trigger::requests_each)?;
        let range = scaled.range(each);
        return (each > 0.0 && range.high <= 3.0 * MOST_REQUESTS).then_some(range);
    }
    let target = spec.metrics.iter().find_map(|metric| match metric {
        MetricSpec::Pods { average_value, .. } => Some(*average_value as f64 / 1000.0),
        _ => None,
    })?;
    let range = of_hpa(name, spec, target);
    (target > 0.0 && range.high <= 3.0 * MOST_REQUESTS).then_some(range)
}

/// Messages that keep the workers of a queue busy, each for a second of a task.
pub(super) fn messages(seen: &Seen, (kind, name): &(QueueKindGuess, String)) -> QueueGuess {
    let cores = cores(seen);
    let replicas = |spec: &HpaSpec| replicas(spec).1;
    let most = seen.hpa.as_ref().map_or(1.0, |(_, spec)| replicas(spec));
    let cpu = (1000.0 * cores.high / most).round().clamp(1.0, 1000.0) as i64;
    let scaled = seen.scaled.as_ref();
    let range = scaled.map(|scaled| scaled.range(1.0));
    let (low, high) = range.map_or((0.0, most), |range| (range.low, range.high));
    let (mean, amplitude) = wave(low, high);
    let bounds = scaled.map_or((0, 1), |scaled| scaled.bounds);
    QueueGuess {
        kind: *kind,
        name: name.clone(),
        partitions: (*kind == QueueKindGuess::Kafka)
            .then(|| (bounds.1.max(1) as u32).min(MOST_PARTITIONS)),
        cpu: SimDuration::from_millis(cpu),
        wait: SimDuration::from_millis(1000 - cpu),
        mean,
        amplitude,
        why: format!(
            "{}, {} to {} replicas",
            scaled.map_or("", |scaled| scaled.who.as_str()),
            bounds.0,
            bounds.1
        ),
    }
}

/// Mean and amplitude of a wave between two values, in round numbers.
fn wave(low: f64, high: f64) -> (f64, f64) {
    let mean = round(f64::midpoint(low, high));
    (mean, round((high - low) / 2.0).min(mean))
}

/// Two significant digits.
pub(super) fn round(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(1 - value.log10().floor() as i32);
    (value * scale).round() / scale
}

/// The values of a curve in round numbers.
pub(super) fn rounded(points: Vec<(SimDuration, f64)>) -> Vec<(SimDuration, f64)> {
    let round = |(at, value)| (at, round(value));
    points.into_iter().map(round).collect()
}

/// A curve from the low over the peak, in the middle, and back.
pub(super) fn curve(low: f64, high: f64) -> Vec<(SimDuration, f64)> {
    let step = DURATION.as_secs_f64() / POINTS as f64;
    (0..POINTS)
        .map(|point| {
            // The middle of the piece stands for the piece.
            let part = (point as f64 + 0.5) / POINTS as f64;
            let wave = (1.0 - (std::f64::consts::TAU * part).cos()) / 2.0;
            let at = SimDuration::from_secs_f64(step * point as f64);
            (at, low + (high - low) * wave)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round() {
        let rounded = [0.0, 0.123, 4.56, 99.6, 1234.0].map(round);
        assert_eq!(rounded, [0.0, 0.12, 4.6, 100.0, 1200.0]);
    }

    #[test]
    fn a_wave_is_nowhere_below_zero() {
        for low in [0.0, 0.3, 7.77, 94.0] {
            for high in [0.31, 8.0, 95.0, 1000.0] {
                let (mean, amplitude) = wave(low, low + high);
                assert!(amplitude <= mean, "{low} {high}");
            }
        }
    }

    #[test]
    fn a_curve_peaks_in_the_middle() {
        let curve = curve(1.0, 3.0);
        let values: Vec<f64> = curve.iter().map(|point| point.1).collect();
        assert_eq!(values.len(), 12);
        assert!(values[0] < 1.1 && values[11] < 1.1, "{values:?}");
        assert!(values[5] > 2.9 && values[6] > 2.9, "{values:?}");
    }
}
