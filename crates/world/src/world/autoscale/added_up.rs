//! The usual sync: resource metrics of running pods, added up in one pass.
//!
//! What is known of the pods is kept from sync to sync, as long as none of them changes.

use std::borrow::Cow;

use super::{Hpas, NO_RESOURCE_METRICS, observed};
use crate::api::{PodId, SelectionId, WorkloadId};
use crate::autoscaler::hpa::{
    Adder, Controller, Decision, MetricSpec, Observation, Sample, Scale, Standing, is_ready_since,
    ready_from, request_of,
};
use crate::metrics::server::PodMetrics;
use crate::metrics::{MetricsPodId, Pipeline};
use crate::sim::SimTime;
use crate::world::Simulation;

/// What is known of the pods that an HPA selects.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// What it was read from; none if it has to be read again.
    of: Option<Version>,
    /// Whether the usual sync will do: pods of one workload and one HPA that have what the metrics
    /// need.
    is_usual: bool,
    pods: Vec<Fact>,
    /// For each pod, what it requests of each metric's resource.
    requests: Vec<i64>,
    settled: Settled,
}

/// Whether the pods need not be looked at one by one: the pipeline adds up what they use.
#[derive(Debug, Clone, Copy, Default)]
struct Settled {
    /// Whether all metrics are of resources of whole pods.
    is_of_pods: bool,
    /// From when on the values that each has of the metrics' resources count; none if never.
    from: Option<SimTime>,
    /// What all request of each.
    requests: [i64; MOST_METRICS],
    /// The pipeline adds up these pods, and no others.
    is_grouped: bool,
}

/// As long as this is the same, what is known of pods is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    selection: SelectionId,
    members: usize,
    workload: WorkloadId,
    /// Changes of the workload's pods.
    changes: u64,
    /// Changes of what HPAs select.
    selected: u64,
}

/// A pod, as far as it counts.
#[derive(Debug, Clone, Copy)]
struct Fact {
    standing: Standing,
    metrics: Option<MetricsPodId>,
    /// The place of the container that each of the metrics that name one is about.
    container: [u16; MOST_METRICS],
    /// From when on its values count, as far as is known.
    from: Option<SimTime>,
}

/// HPAs with more metrics are synced pod by pod.
const MOST_METRICS: usize = 4;
/// So many pods are looked at as their metrics lie in memory: sums do not hang on their order.
const MANY: usize = 64;
/// All containers count.
const ALL: u16 = u16::MAX;
/// No container has that name.
const NONE: u16 = u16::MAX - 1;

impl Hpas {
    /// Pods of a workload have changed.
    pub(in crate::world) fn pods_changed(&mut self, workload: WorkloadId) {
        let place = workload.index();
        if self.changes.len() <= place {
            self.changes.resize(place + 1, 0);
        }
        self.changes[place] += 1;
    }

    /// How often pods of a workload have changed.
    pub(in crate::world) fn changes_of(&self, workload: WorkloadId) -> u64 {
        self.changes.get(workload.index()).copied().unwrap_or(0)
    }

    /// The spec of an HPA has changed.
    pub(super) fn respecified(&mut self, index: usize) {
        self.states[index].known.of = None;
    }
}

impl Simulation<'_> {
    /// What an HPA decides; none if it has to look at its pods and metrics one by one.
    pub(super) fn reconcile_added_up(&mut self, index: usize, now: SimTime) -> Option<Decision> {
        let target = self.hpas.states[index].target.as_ref().ok()?;
        let (selection, workload, object) = (target.selection, target.workload, target.object);
        if self.metrics.is_down() || self.adapter_serves_resources() {
            return None;
        }
        let version = Version {
            selection,
            members: self.store.selection(selection).members.len(),
            workload,
            changes: self.hpas.changes_of(workload),
            selected: self.hpas.selected,
        };
        if self.hpas.states[index].known.of != Some(version) {
            self.know_pods(index, version);
        }
        if !self.hpas.states[index].known.is_usual {
            return None;
        }
        self.add_up(index, now)?;
        let hpas = &mut self.hpas;
        let target = hpas.states[index].target.as_ref().ok()?;
        let observation = Observation {
            reference: &hpas.states[index].reference,
            scale: Ok(Scale {
                spec_replicas: self.store.replicas(object).unwrap_or_default(),
                status_replicas: self.store.workload(workload).counts.replicas() as i32,
                selector: &target.selector,
            }),
            selected_by: &[],
            pods: &[],
            resource_metrics: Err(NO_RESOURCE_METRICS),
            tallies: Some(&hpas.tallies),
            custom_metrics: &[],
        };
        Some(hpas.controllers[index].reconcile(&observation, now, |_| Ok(())))
    }

    /// Reads what there is to know of the pods of an HPA.
    fn know_pods(&mut self, index: usize, version: Version) {
        let mut known = std::mem::take(&mut self.hpas.states[index].known);
        known.pods.clear();
        known.requests.clear();
        known.of = Some(version);
        known.is_usual =
            self.rivals(index).is_empty() && self.read_pods(index, &mut known).is_some();
        known.settle(&self.hpas.controllers[index]);
        self.hpas.states[index].known = known;
    }

    fn read_pods(&self, index: usize, known: &mut Known) -> Option<()> {
        let version = known.of?;
        let controller = &self.hpas.controllers[index];
        let metrics = &controller.spec().metrics;
        if metrics.len() > MOST_METRICS {
            return None;
        }
        let mut members = Cow::Borrowed(&self.store.selection(version.selection).members[..]);
        if members.len() > MANY {
            let place = |id: &PodId| self.pods[id.slot()].metrics.map(MetricsPodId::slot);
            members.to_mut().sort_unstable_by_key(place);
        }
        for id in &*members {
            let pod = self
                .store
                .pod(*id)
                .filter(|pod| pod.workload == version.workload)?;
            let link = &self.pods[id.slot()];
            let seen = observed(link, pod);
            let mut fact = Fact {
                standing: seen.standing(),
                metrics: link.metrics,
                container: [ALL; MOST_METRICS],
                from: None,
            };
            for (metric, place) in metrics.iter().zip(&mut fact.container) {
                known
                    .requests
                    .push(request_of(&seen, metric, controller.config())?);
                if let MetricSpec::ContainerResource { container, .. } = metric {
                    let mut names = pod.template.lasting().map(|one| &one.name);
                    let found = names.position(|name| name == container);
                    *place = found.map_or(NONE, |place| place as u16);
                }
            }
            known.pods.push(fact);
        }
        Some(())
    }

    /// Adds up each metric of an HPA over pods that have all run for long and have metrics; none if
    /// that is not so.
    fn add_up_settled(&mut self, index: usize, now: SimTime) -> Option<()> {
        let hpas = &mut self.hpas;
        let known = &mut hpas.states[index].known;
        if known.settled.from? > now {
            return None;
        }
        if !known.settled.is_grouped {
            let pods = known.pods.iter().filter_map(|fact| fact.metrics);
            self.metrics.group(index, pods);
            known.settled.is_grouped = true;
        }
        let (count, settled) = (known.pods.len(), known.settled);
        let usage = self.metrics.usage_of_group(index, count)?;
        let controller = &hpas.controllers[index];
        hpas.tallies.clear();
        for (metric, requests) in controller.spec().metrics.iter().zip(settled.requests) {
            let MetricSpec::Resource { resource, .. } = metric else {
                return None;
            };
            let mut adder = Adder::new(metric, controller.config(), now)?;
            adder.add_ready(count as u32, usage[*resource as usize], requests);
            hpas.tallies.push(adder.finish());
        }
        Some(())
    }

    /// Adds up each metric of an HPA; none if no pod has metrics.
    fn add_up(&mut self, index: usize, now: SimTime) -> Option<()> {
        if self.add_up_settled(index, now).is_some() {
            return Some(());
        }
        let hpas = &mut self.hpas;
        let controller = &hpas.controllers[index];
        let known = &mut hpas.states[index].known;
        let specs = &controller.spec().metrics;
        if let [metric @ MetricSpec::Resource { resource, .. }] = &specs[..] {
            let mut adder = Adder::new(metric, controller.config(), now)?;
            let (mut listed, mut has_news) = (false, false);
            for (fact, request) in known.pods.iter_mut().zip(&known.requests) {
                let sample = fact.metrics.and_then(|pod| {
                    let entry = &mut hpas.metrics;
                    read_sample(
                        &mut self.metrics,
                        pod,
                        *resource as usize,
                        entry,
                        &mut listed,
                    )
                });
                adder.add(&fact.standing, sample.as_ref(), *request);
                has_news |= sample.is_some_and(|sample| fact.counts_since(&sample, now));
            }
            hpas.tallies.clear();
            hpas.tallies.push(adder.finish());
            if has_news {
                known.settled.from = known.settled_from();
            }
            return listed.then_some(());
        }
        let adder = |metric: usize| Adder::new(specs.get(metric)?, controller.config(), now);
        let mut adders: [Option<Adder<'_>>; MOST_METRICS] = std::array::from_fn(adder);
        let (mut listed, mut requests) = (false, known.requests.iter());
        let mut has_news = false;
        for fact in &mut known.pods {
            let entry = &mut hpas.metrics;
            let is_listed = fact.metrics.is_some_and(|pod| {
                self.metrics.look_at(pod);
                self.metrics.pod_metrics(pod, entry)
            });
            listed |= is_listed;
            for ((metric, adder), place) in specs.iter().zip(&mut adders).zip(fact.container) {
                let (Some(adder), Some(request)) = (adder, requests.next()) else {
                    continue;
                };
                let slot = match metric {
                    MetricSpec::Resource { resource, .. }
                    | MetricSpec::ContainerResource { resource, .. } => *resource as usize,
                    _ => continue,
                };
                let containers = entry.containers.iter();
                let value = match place {
                    _ if !is_listed => None,
                    ALL => containers
                        .map(|one| one.milli_values()[slot])
                        .reduce(i64::wrapping_add),
                    place => containers
                        .filter(|one| one.container == place)
                        .map(|one| one.milli_values()[slot])
                        .next(),
                };
                let sample = value.map(|value| Sample {
                    value,
                    timestamp: entry.api_timestamp(),
                    window: entry.window,
                });
                adder.add(&fact.standing, sample.as_ref(), *request);
                has_news |= sample.is_some_and(|sample| fact.counts_since(&sample, now));
            }
        }
        hpas.tallies.clear();
        let added_up = adders.into_iter().flatten().map(Adder::finish);
        hpas.tallies.extend(added_up);
        if has_news {
            known.settled.from = known.settled_from();
        }
        listed.then_some(())
    }
}

impl Known {
    /// From when on, and how, its pods can be added up all at once.
    fn settle(&mut self, controller: &Controller) {
        let metrics = &controller.spec().metrics;
        self.settled = Settled::default();
        for fact in &mut self.pods {
            fact.from = Some(SimTime(i64::MIN));
            for metric in metrics {
                let MetricSpec::Resource { resource, .. } = metric else {
                    return;
                };
                let from = ready_from(&fact.standing, *resource, controller.config());
                fact.from = fact.from.zip(from).map(|(from, other)| from.max(other));
            }
        }
        self.settled.is_of_pods = true;
        self.settled.from = self.settled_from();
        for (place, request) in self.requests.iter().enumerate() {
            let sum = &mut self.settled.requests[place % metrics.len()];
            *sum = sum.wrapping_add(*request);
        }
    }

    /// From when on the values of all its pods count; none if that is not known, or if there are none.
    fn settled_from(&self) -> Option<SimTime> {
        let (first, rest) = self.pods.split_first()?;
        let latest = |from: SimTime, fact: &Fact| Some(from.max(fact.from?));
        let from = rest.iter().try_fold(first.from?, latest);
        from.filter(|_| self.settled.is_of_pods)
    }
}

impl Fact {
    /// Notes if its values count from this one on; whether that is news.
    fn counts_since(&mut self, sample: &Sample, now: SimTime) -> bool {
        let is_news =
            self.from.is_none_or(|from| from > now) && is_ready_since(&self.standing, sample);
        if is_news {
            self.from = Some(now);
        }
        is_news
    }
}

/// What a pod uses of a resource by the resource metrics API, in thousandths; notes in `listed`
/// if that lists it.
fn read_sample(
    pipeline: &mut Pipeline,
    pod: MetricsPodId,
    slot: usize,
    entry: &mut PodMetrics,
    listed: &mut bool,
) -> Option<Sample> {
    if let Some((end, window, values)) = pipeline.usage_of_one(pod) {
        *listed = true;
        return Some(Sample {
            value: values[slot],
            timestamp: end.truncate_to_second(),
            window,
        });
    }
    if !pipeline.pod_metrics(pod, entry) {
        return None;
    }
    *listed = true;
    let values = entry.containers.iter();
    let values = values.map(|one| one.milli_values()[slot]);
    Some(Sample {
        value: values.reduce(i64::wrapping_add)?,
        timestamp: entry.api_timestamp(),
        window: entry.window,
    })
}
