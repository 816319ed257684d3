//! From values and targets to a number of replicas (`ReplicaCalculator`).

use super::arithmetic::{to_i32, to_i64};
use super::config::{Config, KubernetesVersion};
use super::decision::Calculation;
use super::observation::{Observation, Phase, Pod, PodUsage, PodValue, ReadyStatus};
use super::pods::{Sample, group, request};
use super::spec::Resource;
use super::tally::{Pass, Tally, Target};
use super::tolerance::Tolerances;
use crate::sim::{SimDuration, SimTime};

pub(super) const NO_PODS: &str = "no pods returned by selector while calculating replica count";
pub(super) const NO_METRICS_FOR_PODS: &str =
    "did not receive metrics for targeted pods (pods might be unready)";
pub(super) const NO_KNOWN_PODS: &str = "no metrics returned matched known pods";

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
}

/// What the resource metrics API lists, or the message of what is wrong.
pub(super) fn listed<'a>(observation: &Observation<'a>) -> Result<&'a [PodUsage<'a>], String> {
    let entries = observation
        .resource_metrics
        .map_err(|text| format!("unable to fetch metrics from resource metrics API: {text}"))?;
    if entries.is_empty() {
        return Err("no metrics returned from resource metrics API".to_owned());
    }
    Ok(entries)
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

impl Scratch {
    /// Reads the resource metrics API's answer (`resourceMetricsClient.GetResourceMetric`).
    /// Returns how many pods have a value, or the message of what is wrong.
    pub(super) fn read_resource(
        &mut self,
        observation: &Observation<'_>,
        resource: Resource,
        container: Option<&str>,
    ) -> Result<(), String> {
        let entries = listed(observation)?;
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
        let tally = self.add_up(context, target)?;
        per_pod(context, target, &tally)
    }

    /// Adds up what was read.
    fn add_up(&self, context: &Context<'_>, target: Target<'_>) -> Result<Tally, String> {
        let (pods, config) = (context.observation.pods, context.config);
        let mut tally = Tally::default();
        for value in &self.unlisted {
            tally.add_unlisted(*value);
        }
        // Pods of one template share their requests: what holds for one holds for the next.
        let (mut last, mut missing) = (None, None);
        for (pod, sample) in pods.iter().zip(&self.samples) {
            let known = last.filter(|(requests, _)| std::ptr::eq(*requests, pod.requests));
            let value = match (known, target) {
                (Some((_, value)), _) => Ok(value),
                (None, Target::Average { .. }) => Ok(0),
                (
                    None,
                    Target::Utilization {
                        resource,
                        container,
                        ..
                    },
                ) => request(pod, container, resource, config),
            };
            let value = value.unwrap_or_else(|error| {
                missing.get_or_insert(error);
                0
            });
            last = Some((pod.requests, value));
            let (sample, now) = (sample.as_ref(), context.now);
            let group = group(&pod.standing(), sample, target.resource(), config, now);
            tally.add(group, sample, value, target);
        }
        if tally.is_empty() {
            return Err(NO_METRICS_FOR_PODS.to_owned());
        }
        missing.map_or(Ok(tally), Err)
    }
}

/// What a metric that is added up proposes.
pub(super) fn per_pod(
    context: &Context<'_>,
    target: Target<'_>,
    tally: &Tally,
) -> Result<PerPod, String> {
    if tally.is_empty() {
        return Err(NO_METRICS_FOR_PODS.to_owned());
    }
    let counts = tally.counts;
    let first = tally.pass(target)?;
    let scale_up_with_unready = counts.unready > 0 && first.ratio > 1.0;
    let (replicas, adjusted_ratio) = if !scale_up_with_unready && counts.missing == 0 {
        if context.tolerances.is_within(first.ratio) {
            (context.current_replicas, None)
        } else {
            let replicas = to_i32((first.ratio * f64::from(counts.ready)).ceil());
            (replicas, None)
        }
    } else {
        let second = tally.filled_in(target, first.ratio, scale_up_with_unready)?;
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
