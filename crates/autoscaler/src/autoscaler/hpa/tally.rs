//! What a metric comes to over all pods: sums and counts, so that a calculation does not look at
//! the pods one by one again.

use super::config::Config;
use super::decision::PodCounts;
use super::observation::{Pod, Standing};
use super::pods::{Group, Sample, counts_from, counts_since, group, request};
use super::replica_calculator::NO_KNOWN_PODS;
use super::spec::{MetricSpec, Resource, ResourceTarget};
use crate::sim::SimTime;

/// What the values are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// Percent of the request (of one container, if named).
    Utilization {
        percent: i32,
        resource: Resource,
        container: Option<&'a str>,
    },
    /// A value per pod in thousandths.
    Average {
        value: i64,
        resource: Option<Resource>,
    },
}

impl Target<'_> {
    pub(super) fn resource(self) -> Option<Resource> {
        match self {
            Self::Utilization { resource, .. } => Some(resource),
            Self::Average { resource, .. } => resource,
        }
    }
}

/// One pass over the values: ratio to the target, utilization, average, number of values.
pub(super) struct Pass {
    pub(super) ratio: f64,
    pub(super) utilization: Option<i32>,
    pub(super) average: i64,
    pub(super) count: usize,
}

/// A metric's values and the requests behind them, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The pods.
    pub(super) counts: PodCounts,
    /// Values of ready pods, and what they request.
    values: i64,
    requests: i64,
    /// Values of pods that are not in the list, and how many.
    unlisted: i64,
    strangers: u32,
    /// Requests of missing and unready pods.
    missing_requests: i64,
    unready_requests: i64,
    /// What missing pods are taken for where the target would shrink.
    missing_values: i64,
}

impl Tally {
    /// Adds a pod of the list up, with what it requests if that counts.
    #[inline]
    pub(super) fn add(
        &mut self,
        group: Group,
        sample: Option<&Sample>,
        request: i64,
        target: Target<'_>,
    ) {
        let counts = &mut self.counts;
        match group {
            Group::Ready => {
                counts.ready += 1;
                self.values = self.values.wrapping_add(sample.map_or(0, |one| one.value));
                self.requests = self.requests.wrapping_add(request);
            }
            Group::Missing => {
                counts.missing += 1;
                self.missing_requests = self.missing_requests.wrapping_add(request);
                let value = match target {
                    Target::Utilization { percent, .. } => {
                        request.wrapping_mul(i64::from(percent.max(100))) / 100
                    }
                    Target::Average { value, .. } => value,
                };
                self.missing_values = self.missing_values.wrapping_add(value);
            }
            Group::Unready => {
                counts.unready += 1;
                self.unready_requests = self.unready_requests.wrapping_add(request);
            }
            Group::Ignored => counts.ignored += 1,
        }
    }

    /// Adds the value of a pod that is not in the list.
    pub(super) fn add_unlisted(&mut self, value: i64) {
        self.unlisted = self.unlisted.wrapping_add(value);
        self.strangers += 1;
    }

    /// Whether no pod has a value that counts.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.ready == 0 && self.strangers == 0
    }

    /// The ratio to the target.
    pub(super) fn pass(&self, target: Target<'_>) -> Result<Pass, &'static str> {
        let count = self.counts.ready as usize;
        self.compare(target, self.values, self.requests, count)
    }

    /// The ratio with missing and unready pods filled in by the values that hold the change back.
    pub(super) fn filled_in(
        &self,
        target: Target<'_>,
        ratio: f64,
        scale_up_with_unready: bool,
    ) -> Result<Pass, &'static str> {
        let (mut values, mut requests) = (self.values, self.requests);
        let mut count = self.counts.ready as usize;
        if ratio < 1.0 {
            values = values.wrapping_add(self.missing_values);
        }
        // A ratio that is not a number is neither below nor above.
        if !(ratio == 1.0 || ratio.is_nan()) {
            requests = requests.wrapping_add(self.missing_requests);
            count += self.counts.missing as usize;
        }
        if scale_up_with_unready {
            requests = requests.wrapping_add(self.unready_requests);
            count += self.counts.unready as usize;
        }
        self.compare(target, values, requests, count)
    }

    fn compare(
        &self,
        target: Target<'_>,
        values: i64,
        requests: i64,
        listed: usize,
    ) -> Result<Pass, &'static str> {
        let count = listed + self.strangers as usize;
        match target {
            // `GetResourceUtilizationRatio`; values of unlisted pods have no request and fall out.
            Target::Utilization { percent, .. } => {
                if requests == 0 {
                    return Err(NO_KNOWN_PODS);
                }
                let utilization = values.wrapping_mul(100).wrapping_div(requests) as i32;
                Ok(Pass {
                    ratio: f64::from(utilization) / f64::from(percent),
                    utilization: Some(utilization),
                    average: values / listed as i64,
                    count,
                })
            }
            // `GetMetricUsageRatio`.
            Target::Average { value: target, .. } => {
                let average = values.wrapping_add(self.unlisted) / count as i64;
                Ok(Pass {
                    ratio: average as f64 / target as f64,
                    utilization: None,
                    average,
                    count,
                })
            }
        }
    }
}

/// Adds up a resource metric pod by pod, for [`Observation::tallies`].
///
/// [`Observation::tallies`]: super::Observation::tallies
#[derive(Debug, Clone)]
pub struct Adder<'a> {
    target: Target<'a>,
    resource: Resource,
    config: &'a Config,
    now: SimTime,
    tally: Tally,
}

impl<'a> Adder<'a> {
    /// No pod yet; none if the metric is not one of resources.
    #[inline]
    pub fn new(metric: &'a MetricSpec, config: &'a Config, now: SimTime) -> Option<Self> {
        let (target, resource) = resource_target(metric)?;
        Some(Self {
            target,
            resource,
            config,
            now,
            tally: Tally::default(),
        })
    }

    /// Adds a pod, with its value if it has one and what [`request_of`] says.
    #[inline]
    pub fn add(&mut self, pod: &Standing, sample: Option<&Sample>, request: i64) {
        let group = group(pod, sample, Some(self.resource), self.config, self.now);
        self.tally.add(group, sample, request, self.target);
    }

    /// Adds so many pods whose values count, with what these and their requests come to.
    #[inline]
    pub fn add_ready(&mut self, pods: u32, values: i64, requests: i64) {
        self.tally.counts.ready += pods;
        self.tally.values = self.tally.values.wrapping_add(values);
        self.tally.requests = self.tally.requests.wrapping_add(requests);
    }

    /// What it came to.
    #[inline]
    pub fn finish(self) -> Tally {
        self.tally
    }
}

/// From when on each value that a pod has of a resource counts, as long as it stands so; none if never.
pub fn ready_from(pod: &Standing, resource: Resource, config: &Config) -> Option<SimTime> {
    counts_from(pod, Some(resource), config)
}

/// Whether each value that a pod has from this sample on counts, as long as it stands so.
pub fn is_ready_since(pod: &Standing, sample: &Sample) -> bool {
    counts_since(pod, sample)
}

/// What a pod requests of a resource metric's resource, in thousandths: 0 if that does not count.
/// None if the pod lacks what the metric needs.
pub fn request_of(pod: &Pod<'_>, metric: &MetricSpec, config: &Config) -> Option<i64> {
    match resource_target(metric)?.0 {
        Target::Average { .. } => Some(0),
        Target::Utilization {
            resource,
            container,
            ..
        } => request(pod, container, resource, config).ok(),
    }
}

fn resource_target(metric: &MetricSpec) -> Option<(Target<'_>, Resource)> {
    let (resource, container, target) = match metric {
        MetricSpec::Resource { resource, target } => (*resource, None, *target),
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => (*resource, Some(container.as_str()), *target),
        _ => return None,
    };
    Some((target_of(resource, container, target), resource))
}

/// What a resource metric is compared with.
pub(super) fn target_of(
    resource: Resource,
    container: Option<&str>,
    target: ResourceTarget,
) -> Target<'_> {
    match target {
        ResourceTarget::Utilization(percent) => Target::Utilization {
            percent,
            resource,
            container,
        },
        ResourceTarget::AverageValue(value) => Target::Average {
            value,
            resource: Some(resource),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        ContainerRequest, ContainerUsage, Controller, HpaSpecInput, Observation, Phase,
        PodRequests, PodUsage, ReadyCondition, ReadyStatus, Scale,
    };
    use super::*;
    use crate::sim::SimDuration;
    use proptest::prelude::*;
    use proptest::sample::select;

    const NOW: SimTime = SimTime::from_secs(1000);

    /// A pod and, if it is listed, its usage: when it was measured, CPU and memory.
    type Drawn = (Standing, bool, Option<(i64, [i64; 2])>);

    fn pod() -> impl Strategy<Value = Drawn> {
        let phase = select(vec![
            Phase::Pending,
            Phase::Running,
            Phase::Running,
            Phase::Running,
            Phase::Failed,
        ]);
        let ready = (any::<bool>(), 600..1000i64);
        let start = prop::option::of(600..1000i64);
        let usage = (900..1000i64, prop::array::uniform2(0..900i64));
        let drawn = (
            phase,
            prop::bool::weighted(0.1),
            start,
            ready,
            any::<bool>(),
            prop::option::weighted(0.9, usage),
        );
        drawn.prop_map(
            |(phase, deleting, start, (is_ready, since), large, usage)| {
                let status = if is_ready {
                    ReadyStatus::True
                } else {
                    ReadyStatus::False
                };
                let last_transition = SimTime::from_secs(since);
                let standing = Standing {
                    phase,
                    deleting,
                    start_time: start.map(SimTime::from_secs),
                    ready: start.map(|_| ReadyCondition {
                        status,
                        last_transition,
                    }),
                };
                (standing, large, usage)
            },
        )
    }

    fn spec(targets: [ResourceTarget; 2]) -> HpaSpecInput {
        let [cpu, memory] = targets;
        HpaSpecInput {
            min_replicas: Some(1),
            max_replicas: 50,
            metrics: vec![
                MetricSpec::Resource {
                    resource: Resource::Cpu,
                    target: cpu,
                },
                MetricSpec::ContainerResource {
                    resource: Resource::Memory,
                    container: "app".to_owned(),
                    target: memory,
                },
            ],
            behavior: None,
        }
    }

    fn target() -> impl Strategy<Value = ResourceTarget> {
        prop_oneof![
            (1..200i32).prop_map(ResourceTarget::Utilization),
            (1..900i64).prop_map(ResourceTarget::AverageValue),
        ]
    }

    proptest! {
        #[test]
        fn values_count_from_then_on_whatever_they_are((standing, _, usage) in pod(), target in target()) {
            let [cpu, memory] = [Resource::Cpu, Resource::Memory];
            for resource in [cpu, memory] {
                let config = Config::default();
                let from = ready_from(&standing, resource, &config);
                let (Some((second, values)), true) = (usage, from.is_some_and(|from| from <= NOW)) else {
                    continue;
                };
                let metric = MetricSpec::Resource { resource, target };
                let [mut by_sample, mut by_sum] =
                    [0; 2].map(|_| Adder::new(&metric, &config, NOW).expect("a resource"));
                let sample = Sample {
                    value: values[resource as usize],
                    timestamp: SimTime::from_secs(second),
                    window: SimDuration::from_secs(30),
                };
                by_sample.add(&standing, Some(&sample), 100);
                by_sum.add_ready(1, sample.value, 100);
                prop_assert_eq!(by_sample.finish(), by_sum.finish());
            }
        }

        #[test]
        fn once_a_value_counts_all_later_ones_do(
            (standing, _, _) in pod(),
            began in 500_000..1_000_000i64,
            windows in prop::array::uniform2(1_000..60_000i64),
            later in (0..60_000i64, 0..600i64),
        ) {
            let millis = |millis: i64| SimTime::ZERO + SimDuration::from_millis(millis);
            let sample = |began: i64, window: i64| Sample {
                value: 1,
                timestamp: millis(began + window).truncate_to_second(),
                window: SimDuration::from_millis(window),
            };
            let first = sample(began, windows[0]);
            if is_ready_since(&standing, &first) {
                let next = sample(began + later.0, windows[1]);
                let config = Config::default();
                for (sample, now) in [(first, NOW), (next, NOW + SimDuration::from_secs(later.1))] {
                    let group = group(&standing, Some(&sample), Some(Resource::Cpu), &config, now);
                    prop_assert_eq!(group, Group::Ready);
                }
            }
        }

        #[test]
        fn what_is_added_up_beforehand_comes_to_the_same(
            drawn in prop::collection::vec(pod(), 1..20),
            targets in prop::array::uniform2(target()),
            current in 1..20i32,
        ) {
            let requests = [100, 700].map(|request| PodRequests {
                containers: vec![ContainerRequest {
                    name: "app".to_owned(),
                    requests: [Some(request); 2],
                    restartable: false,
                }],
                ..PodRequests::default()
            });
            let pods: Vec<Pod<'_>> = drawn.iter().map(|(standing, large, _)| Pod {
                name: "p",
                phase: standing.phase,
                deleting: standing.deleting,
                start_time: standing.start_time,
                ready: standing.ready,
                requests: &requests[usize::from(*large)],
            }).collect();
            let window = SimDuration::from_secs(30);
            let containers: Vec<Option<(SimTime, [ContainerUsage<'_>; 1])>> = drawn.iter().map(|(_, _, usage)| {
                let (second, values) = (*usage)?;
                let usage = ContainerUsage { name: "app", usage: values.map(Some) };
                Some((SimTime::from_secs(second), [usage]))
            }).collect();
            let listed = containers.iter().enumerate().filter_map(|(place, entry)| {
                let (timestamp, containers) = entry.as_ref()?;
                Some(PodUsage { pod: Some(place), timestamp: *timestamp, window, containers })
            });
            let listed: Vec<PodUsage<'_>> = listed.collect();
            prop_assume!(!listed.is_empty());
            let mut one_by_one = Controller::new(spec(targets).defaulted(), Config::default());
            let mut added_up = one_by_one.clone();
            let tallies: Vec<Tally> = one_by_one.spec().metrics.iter().enumerate().map(|(slot, metric)| {
                let mut adder = Adder::new(metric, one_by_one.config(), NOW).expect("a resource");
                for (pod, (_, _, usage)) in pods.iter().zip(&drawn) {
                    let sample = usage.map(|(second, values)| Sample {
                        value: values[slot],
                        timestamp: SimTime::from_secs(second),
                        window,
                    });
                    let request = request_of(pod, metric, one_by_one.config()).expect("it is set");
                    adder.add(&pod.standing(), sample.as_ref(), request);
                }
                adder.finish()
            }).collect();
            let full = Observation {
                reference: "Deployment/default/web",
                scale: Ok(Scale { spec_replicas: current, status_replicas: current, selector: "app=web" }),
                selected_by: &[],
                pods: &pods,
                resource_metrics: Ok(&listed),
                tallies: None,
                custom_metrics: &[],
            };
            let sums = Observation { pods: &[], resource_metrics: Ok(&[]), tallies: Some(&tallies), ..full };
            let decisions = [(&mut one_by_one, &full), (&mut added_up, &sums)]
                .map(|(controller, observation)| controller.reconcile(observation, NOW, |_| Ok(())));
            prop_assert_eq!(&decisions[0], &decisions[1]);
            prop_assert_eq!(one_by_one.status(), added_up.status());
        }
    }
}
