//! From values and targets to a number of replicas (`ReplicaCalculator`).

use super::arithmetic::{to_i32, to_i64};
use super::config::{Config, KubernetesVersion};
use super::decision::{Calculation, PodCounts};
use super::observation::{Observation, Phase, Pod, PodValue, ReadyStatus};
use super::pods::{Group, Sample, group, request};
use super::spec::Resource;
use super::tolerance::Tolerances;
use crate::sim::{SimDuration, SimTime};

const NO_PODS: &str = "no pods returned by selector while calculating replica count";
const NO_METRICS_FOR_PODS: &str =
    "did not receive metrics for targeted pods (pods might be unready)";
const NO_KNOWN_PODS: &str = "no metrics returned matched known pods";

/// Everything a calculation needs besides the metric itself.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) observation: &'a Observation<'a>,
    pub(super) config: &'a Config,
    pub(super) tolerances: Tolerances,
    pub(super) now: SimTime,
    pub(super) current_replicas: i32,
}

/// Memory of a calculation, reused from one reconcile to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Per pod of the list: its value, if it has one.
    samples: Vec<Option<Sample>>,
    /// Values of pods that are not in the list.
    unlisted: Vec<i64>,
    groups: Vec<Group>,
    requests: Vec<i64>,
}

/// What the values are compared with.
#[derive(Clone, Copy)]
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

/// Outcome of a per-pod calculation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerPod {
    pub(super) replicas: i32,
    /// Utilization in percent of the first pass, for utilization targets.
    pub(super) utilization: Option<i32>,
    /// Average value of the first pass, in thousandths.
    pub(super) average: i64,
    pub(super) calculation: Calculation,
}

/// One pass over the values: ratio to the target, utilization, average, number of values.
struct Pass {
    ratio: f64,
    utilization: Option<i32>,
    average: i64,
    count: usize,
}

impl Scratch {
    /// Reads the resource metrics API's answer (`resourceMetricsClient.GetResourceMetric`).
    /// Returns how many pods have a value, or the message of what is wrong.
    pub(super) fn read_resource(
        &mut self,
        observation: &Observation<'_>,
        resource: Resource,
        container: Option<&str>,
    ) -> Result<(), String> {
        let entries = observation
            .resource_metrics
            .map_err(|text| format!("unable to fetch metrics from resource metrics API: {text}"))?;
        if entries.is_empty() {
            return Err("no metrics returned from resource metrics API".to_owned());
        }
        self.clear(observation.pods.len());
        let slot = resource as usize;
        for entry in entries {
            let value = match container {
                Some(name) => entry
                    .containers
                    .iter()
                    .find(|c| c.name == name)
                    .and_then(|c| c.usage[slot]),
                None if entry.containers.is_empty() => None,
                None => entry
                    .containers
                    .iter()
                    .try_fold(0i64, |sum, c| Some(sum.wrapping_add(c.usage[slot]?))),
            };
            if let Some(value) = value {
                self.put(
                    entry.pod,
                    Sample {
                        value,
                        timestamp: entry.timestamp,
                        window: entry.window,
                    },
                );
            }
        }
        Ok(())
    }

    /// Reads the values of a Pods metric.
    pub(super) fn read_values(&mut self, pods: usize, values: &[PodValue]) {
        self.clear(pods);
        for value in values {
            let sample = Sample {
                value: value.value,
                timestamp: SimTime::ZERO,
                window: SimDuration::ZERO,
            };
            self.put(value.pod, sample);
        }
    }

    fn clear(&mut self, pods: usize) {
        self.samples.clear();
        self.samples.resize(pods, None);
        self.unlisted.clear();
    }

    fn put(&mut self, pod: Option<usize>, sample: Sample) {
        match pod {
            Some(pod) => self.samples[pod] = Some(sample),
            None => self.unlisted.push(sample.value),
        }
    }

    /// `GetResourceReplicas`, `GetRawResourceReplicas` and `GetMetricReplicas`.
    pub(super) fn per_pod(
        &mut self,
        context: &Context<'_>,
        target: Target<'_>,
    ) -> Result<PerPod, String> {
        let pods = context.observation.pods;
        if pods.is_empty() {
            return Err(NO_PODS.to_owned());
        }
        let counts = self.group_pods(context, target);
        let values = self.samples.iter().flatten().count() + self.unlisted.len();
        if values == 0 {
            return Err(NO_METRICS_FOR_PODS.to_owned());
        }
        self.read_requests(pods, target, context.config)?;
        let first = self.pass(target)?;
        let current = context.current_replicas;
        let scale_up_with_unready = counts.unready > 0 && first.ratio > 1.0;
        let (replicas, adjusted_ratio) = if !scale_up_with_unready && counts.missing == 0 {
            if context.tolerances.is_within(first.ratio) {
                (current, None)
            } else {
                let replicas = to_i32((first.ratio * f64::from(counts.ready)).ceil());
                (replicas, None)
            }
        } else {
            self.fill_in(target, first.ratio, scale_up_with_unready);
            let second = self.pass(target)?;
            let replicas = second_proposal(context, &first, &second);
            (replicas, Some(second.ratio))
        };
        Ok(PerPod {
            replicas,
            utilization: first.utilization,
            average: first.average,
            calculation: Calculation {
                ratio: first.ratio,
                adjusted_ratio,
                pods: Some(counts),
            },
        })
    }

    /// Groups every pod and drops the values of ignored and unready ones.
    fn group_pods(&mut self, context: &Context<'_>, target: Target<'_>) -> PodCounts {
        let resource = match target {
            Target::Utilization { resource, .. } => Some(resource),
            Target::Average { resource, .. } => resource,
        };
        self.groups.clear();
        let mut counts = PodCounts::default();
        for (pod, sample) in context.observation.pods.iter().zip(&mut self.samples) {
            let group = group(pod, sample.as_ref(), resource, context.config, context.now);
            match group {
                Group::Ready => counts.ready += 1,
                Group::Missing => counts.missing += 1,
                Group::Unready => {
                    counts.unready += 1;
                    *sample = None;
                }
                Group::Ignored => {
                    counts.ignored += 1;
                    *sample = None;
                }
            }
            self.groups.push(group);
        }
        counts
    }

    fn read_requests(
        &mut self,
        pods: &[Pod<'_>],
        target: Target<'_>,
        config: &Config,
    ) -> Result<(), String> {
        self.requests.clear();
        let Target::Utilization {
            resource,
            container,
            ..
        } = target
        else {
            return Ok(());
        };
        // Pods of one template share their requests: what holds for one holds for the next.
        let mut last = None;
        for pod in pods {
            let value = match last {
                Some((requests, value)) if std::ptr::eq(requests, pod.requests) => value,
                _ => request(pod, container, resource, config)?,
            };
            last = Some((pod.requests, value));
            self.requests.push(value);
        }
        Ok(())
    }

    fn pass(&self, target: Target<'_>) -> Result<Pass, String> {
        match target {
            Target::Utilization { percent, .. } => self.utilization_pass(percent),
            Target::Average { value, .. } => Ok(self.average_pass(value)),
        }
    }

    /// `GetResourceUtilizationRatio`; values of unlisted pods have no request and fall out.
    fn utilization_pass(&self, percent: i32) -> Result<Pass, String> {
        let (mut values, mut requests, mut entries, mut count) = (0i64, 0i64, 0i64, 0usize);
        for (sample, request) in self.samples.iter().zip(&self.requests) {
            if let Some(sample) = sample {
                values = values.wrapping_add(sample.value);
                requests = requests.wrapping_add(*request);
                entries += 1;
                count += 1;
            }
        }
        if requests == 0 {
            return Err(NO_KNOWN_PODS.to_owned());
        }
        let utilization = values.wrapping_mul(100).wrapping_div(requests) as i32;
        Ok(Pass {
            ratio: f64::from(utilization) / f64::from(percent),
            utilization: Some(utilization),
            average: values / entries,
            count: count + self.unlisted.len(),
        })
    }

    /// `GetMetricUsageRatio`.
    fn average_pass(&self, target: i64) -> Pass {
        let listed = self.samples.iter().flatten().map(|sample| sample.value);
        let (mut sum, mut count) = (0i64, 0usize);
        for value in listed.chain(self.unlisted.iter().copied()) {
            sum = sum.wrapping_add(value);
            count += 1;
        }
        let average = sum / count as i64;
        Pass {
            ratio: average as f64 / target as f64,
            utilization: None,
            average,
            count,
        }
    }

    /// Gives missing and unready pods the values that hold the change back.
    fn fill_in(&mut self, target: Target<'_>, ratio: f64, scale_up_with_unready: bool) {
        for (index, group) in self.groups.iter().enumerate() {
            let value = match group {
                Group::Missing if ratio < 1.0 => match target {
                    Target::Utilization { percent, .. } => {
                        self.requests[index].wrapping_mul(i64::from(percent.max(100))) / 100
                    }
                    Target::Average { value, .. } => value,
                },
                Group::Missing if ratio > 1.0 => 0,
                Group::Unready if scale_up_with_unready => 0,
                _ => continue,
            };
            self.samples[index] = Some(Sample {
                value,
                timestamp: SimTime::ZERO,
                window: SimDuration::ZERO,
            });
        }
    }
}

/// What the second pass proposes: no change where it is within tolerance, lies on the
/// other side of 1, or would go against its own direction.
fn second_proposal(context: &Context<'_>, first: &Pass, second: &Pass) -> i32 {
    let current = context.current_replicas;
    let crossed =
        (first.ratio < 1.0 && second.ratio > 1.0) || (first.ratio > 1.0 && second.ratio < 1.0);
    if context.tolerances.is_within(second.ratio) || crossed {
        return current;
    }
    let replicas = to_i32((second.ratio * second.count as f64).ceil());
    let against =
        (second.ratio < 1.0 && replicas > current) || (second.ratio > 1.0 && replicas < current);
    if against { current } else { replicas }
}

/// `getUsageRatioReplicaCount`: Object and External metrics with a value.
pub(super) fn by_value(
    context: &Context<'_>,
    usage: i64,
    target: i64,
) -> Result<(i32, Calculation), String> {
    let ratio = usage as f64 / target as f64;
    let replicas = replicas_of_ratio(context, ratio)?;
    Ok((replicas, of_ratio(ratio)))
}

fn of_ratio(ratio: f64) -> Calculation {
    Calculation {
        ratio,
        adjusted_ratio: None,
        pods: None,
    }
}

fn replicas_of_ratio(context: &Context<'_>, ratio: f64) -> Result<i32, String> {
    if context.current_replicas == 0 {
        return Ok(to_i32(ratio.ceil()));
    }
    if context.tolerances.is_within(ratio) {
        return Ok(context.current_replicas);
    }
    let pods = context.observation.pods;
    if pods.is_empty() {
        return Err(format!("unable to calculate ready pods: {NO_PODS}"));
    }
    let is_ready = |pod: &&Pod<'_>| {
        pod.phase == Phase::Running
            && pod
                .ready
                .is_some_and(|ready| ready.status == ReadyStatus::True)
    };
    let ready = pods.iter().filter(is_ready).count();
    let replicas = (ratio * ready as f64).ceil();
    Ok(
        if context.config.version >= KubernetesVersion(35) && replicas > f64::from(i32::MAX) {
            i32::MAX
        } else {
            to_i32(replicas)
        },
    )
}

/// `GetObjectPerPodMetricReplicas`, `GetExternalPerPodMetricReplicas`: the number and the
/// average to report. Both count by the scale's *status*. External metrics are guarded
/// against overflow since 1.34, Object metrics are not.
pub(super) fn by_average(
    context: &Context<'_>,
    usage: i64,
    target: i64,
    status_replicas: i32,
    external: bool,
) -> (i32, i64, Calculation) {
    let guarded = external && context.config.version >= KubernetesVersion(34);
    let usage_float = usage as f64;
    let ratio = usage_float / (target as f64 * f64::from(status_replicas));
    let replicas = if context.tolerances.is_within(ratio) {
        status_replicas
    } else {
        let replicas = (usage_float / target as f64).ceil();
        if guarded && replicas > f64::from(i32::MAX) {
            i32::MAX
        } else {
            to_i32(replicas)
        }
    };
    let average = if guarded && usage_float >= i64::MAX as f64 {
        i64::MAX
    } else {
        to_i64((usage_float / f64::from(status_replicas)).ceil())
    };
    (replicas, average, of_ratio(ratio))
}
