//! A `[[service]]` for each workload that something is known of.

use super::survey::{Seen, Survey};
use super::{Demand, ServiceGuess, demand};
use crate::autoscaler::hpa::{MetricSpec, Resource, ResourceTarget};
use crate::units::Bytes;

/// Part of the memory request that a container is taken to hold.
const HELD: f64 = 0.6;
/// Part of an HPA's target for memory that it holds at most: it would scale out for nothing.
const OF_TARGET: f64 = 0.8;

pub(super) fn guess(survey: &Survey) -> Vec<ServiceGuess> {
    let all = || survey.workloads.iter();
    let service = |seen: &Seen, is_any| service(seen, survey, is_any);
    // With neither an entry nor an autoscaler every Service gets a load, and without Services
    // every workload has something to do.
    let is_any = !all().any(is_moved);
    let is_bare = is_any && all().all(|seen| seen.services.is_empty());
    all()
        .filter(|seen| is_bare || is_moved(seen) || !seen.services.is_empty())
        .map(|seen| service(seen, is_any))
        .collect()
}

/// Whether the manifests tell of something that moves it.
fn is_moved(seen: &Seen) -> bool {
    seen.entry.is_some() || seen.hpa.is_some() || seen.vpa.is_some() || seen.job.is_some()
}

fn service(seen: &Seen, survey: &Survey, is_any: bool) -> ServiceGuess {
    let containers = &seen.spec.template.containers;
    let container = seen.container.and_then(|place| containers.get(place));
    ServiceGuess {
        workload: seen.reference.clone(),
        name: seen.name.clone(),
        container: container.map(|one| one.name.clone()),
        behind: seen.services.clone(),
        memory: memory(seen),
        demand: if is_moved(seen) || is_any {
            demand_of(seen, survey)
        } else {
            Demand::None
        },
    }
}

fn demand_of(seen: &Seen, survey: &Survey) -> Demand {
    if let Some(queue) = survey.queue_of(seen) {
        return Demand::Queue(demand::messages(seen, queue));
    }
    if let Some(job) = &seen.job {
        return Demand::Job {
            name: job.clone(),
            request_cpu: demand::load(seen).request_cpu,
        };
    }
    if seen.services.is_empty() {
        let cores = demand::cores(seen);
        return Demand::Usage {
            cpu: demand::curve(cores.low, cores.high),
            why: cores.why,
        };
    }
    Demand::Load(demand::load(seen))
}

/// Memory of the serving container: never above its limit. None leaves it to the default.
fn memory(seen: &Seen) -> Option<(Bytes, &'static str)> {
    let containers = &seen.spec.template.containers;
    let serving = containers.get(seen.container.unwrap_or(0))?;
    let request = serving.memory_request.filter(|memory| memory.0 > 0)?;
    let of_request = HELD * request.0 as f64;
    let targets = seen.hpa.iter().flat_map(|(_, spec)| &spec.metrics);
    let target = targets.filter_map(|metric| match metric {
        MetricSpec::Resource {
            resource: Resource::Memory,
            target,
        }
        | MetricSpec::ContainerResource {
            resource: Resource::Memory,
            target,
            ..
        } => Some(match target {
            ResourceTarget::Utilization(percent) => f64::from(*percent) / 100.0 * request.0 as f64,
            ResourceTarget::AverageValue(milli) => *milli as f64 / 1000.0,
        }),
        _ => None,
    });
    let least = target.reduce(f64::min).map(|target| OF_TARGET * target);
    let (held, why) = match least.filter(|held| *held < of_request) {
        Some(held) => (held, "below the HPA's target"),
        None => (of_request, "60 % of what it requests"),
    };
    Some((whole(held), why))
}

/// Whole MiB, or KiB where that is too coarse, rounded down.
fn whole(bytes: f64) -> Bytes {
    let unit = if bytes >= f64::from(8 << 20) { 20 } else { 10 };
    Bytes((bytes as i64 >> unit << unit).max(1))
}
