//! The resource metrics API: what metrics-server or, with `resourceRules`, the Prometheus adapter lists.

use std::ops::Range;

use crate::api::{PodId, Store};
use crate::autoscaler::hpa::ContainerUsage;
use crate::metrics::Pipeline;
use crate::metrics::server::{ContainerMetrics, PodMetrics};
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Nanocores};
use crate::world::prometheus::OfPods;
use crate::world::{PodLink, Simulation};

/// What a list of pod metrics answers while metrics-server is down.
pub(in crate::world) const NO_RESOURCE_METRICS: &str =
    "the server is currently unable to handle the request (get pods.metrics.k8s.io)";

/// What the resource metrics API lists, gathered without a vector per pod.
#[derive(Default)]
pub(super) struct Listed<'a> {
    pub(super) entries: Vec<Entry>,
    pub(super) containers: Vec<ContainerUsage<'a>>,
}

/// A pod's entry: its place in the list of pods, and which containers are its.
pub(super) struct Entry {
    pub(super) place: usize,
    pub(super) timestamp: SimTime,
    pub(super) window: SimDuration,
    pub(super) containers: Range<usize>,
}

/// What the adapter lists: usage, and the window that it names.
pub(in crate::world) type Adapted = (OfPods, SimDuration);

impl Simulation<'_> {
    /// What the adapter lists of pods in place of metrics-server.
    pub(in crate::world) fn adapted(
        &self,
        members: &[PodId],
        now: SimTime,
    ) -> Result<Adapted, String> {
        let names = members.iter().filter_map(|id| self.store.pod(*id));
        let mut names: Vec<String> = names.map(|pod| pod.name().to_owned()).collect();
        names.sort_unstable();
        let first = members.first().and_then(|id| self.store.pod(*id));
        let namespace = first.map_or("", |pod| &*pod.meta.namespace);
        self.adapter_of_resources(namespace, &names, now)
    }
}

/// The same from the adapter, whose answers are of the whole second.
pub(super) fn listed_by_adapter<'a>(
    members: &[PodId],
    store: &Store,
    (usage, window): &'a Adapted,
    now: SimTime,
) -> Listed<'a> {
    let mut listed = Listed::default();
    for (place, id) in members.iter().enumerate() {
        let Some(containers) = store.pod(*id).and_then(|pod| usage.get(pod.name())) else {
            continue;
        };
        let from = listed.containers.len();
        let containers = containers.iter().map(|(name, usage)| ContainerUsage {
            name,
            usage: [Some(usage.cpu_milli), Some(usage.memory_milli)],
        });
        listed.containers.extend(containers);
        listed.entries.push(Entry {
            place,
            timestamp: now.truncate_to_second(),
            window: *window,
            containers: from..listed.containers.len(),
        });
    }
    listed
}

/// What the resource metrics API lists of these pods.
pub(super) fn resource_usage<'a>(
    members: &[PodId],
    store: &'a Store,
    links: &[PodLink],
    pipeline: &Pipeline,
) -> Listed<'a> {
    let mut listed = Listed {
        entries: Vec::with_capacity(members.len()),
        containers: Vec::with_capacity(members.len()),
    };
    let mut metrics = PodMetrics::default();
    for (place, id) in members.iter().enumerate() {
        let link: &PodLink = &links[id.slot()];
        let is_listed = |pod| pipeline.pod_metrics(pod, &mut metrics);
        if !link.metrics.is_some_and(is_listed) {
            continue;
        }
        let Some(pod) = store.pod(*id) else {
            continue;
        };
        let from = listed.containers.len();
        let usage = metrics.containers.iter().filter_map(|container| {
            let place = usize::from(container.container);
            Some(ContainerUsage {
                name: &pod.template.lasting_at(place)?.name,
                usage: container.milli_values().map(Some),
            })
        });
        listed.containers.extend(usage);
        listed.entries.push(Entry {
            place,
            timestamp: metrics.api_timestamp(),
            window: metrics.window,
            containers: from..listed.containers.len(),
        });
    }
    listed
}

/// The same of one pod as metrics-server's entry; false if it is not listed.
pub(in crate::world) fn entry_by_adapter(
    pod: &crate::api::Pod,
    (usage, window): &Adapted,
    now: SimTime,
    entry: &mut PodMetrics,
) -> bool {
    let Some(containers) = usage.get(pod.name()) else {
        return false;
    };
    (entry.timestamp, entry.window) = (now, *window);
    entry.containers.clear();
    for (place, container) in (0..).zip(pod.template.lasting()) {
        if let Some(usage) = containers.get(&container.name) {
            entry.containers.push(ContainerMetrics {
                container: place,
                cpu: Nanocores(usage.cpu_milli.saturating_mul(1_000_000)),
                memory: Bytes(usage.memory_milli / 1000),
            });
        }
    }
    true
}
