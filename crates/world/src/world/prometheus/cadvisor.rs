//! What cAdvisor in a kubelet exports of its machine and of the containers on it, these with the
//! times of its own measurements (`metrics/prometheus.go` there).

use super::{Epoch, Known};
use crate::api::{ContainerSpec, NodeId, PodId, Resources};
use crate::prometheus::scrape::{Exposed, Wanted};
use crate::sim::SimTime;
use crate::units::Millicores;
use crate::workload::Throttling;
use crate::world::Simulation;
use crate::world::usage::View;

/// `cpu.cfs_period_us`, as the kubelet leaves it.
const PERIOD: f64 = 100_000.0;

/// A cgroup as it was measured: of a container, or of a pod as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct Cgroup {
    at: SimTime,
    start: SimTime,
    cpu_seconds: f64,
    bytes: f64,
    /// Requests and limits; none of a pod.
    resources: Option<Resources>,
    throttling: Option<Throttling>,
    epoch: f64,
}

/// A family: its name, and its value if a cgroup has one.
type Family = (&'static str, fn(&Cgroup) -> Option<f64>);

/// The one that has a label for the CPU.
const CPU: &str = "container_cpu_usage_seconds_total";

const CONTAINERS: [Family; 16] = [
    (CPU, |c| Some(c.cpu_seconds)),
    ("container_memory_working_set_bytes", |c| Some(c.bytes)),
    ("container_memory_usage_bytes", |c| Some(c.bytes)),
    ("container_memory_rss", |c| Some(c.bytes)),
    ("container_memory_cache", |_| Some(0.0)),
    ("container_memory_swap", |_| Some(0.0)),
    ("container_cpu_cfs_periods_total", |c| {
        Some(c.throttling?.periods as f64)
    }),
    ("container_cpu_cfs_throttled_periods_total", |c| {
        Some(c.throttling?.throttled as f64)
    }),
    ("container_cpu_cfs_throttled_seconds_total", |c| {
        Some(c.throttling?.stood.as_secs_f64())
    }),
    ("container_spec_cpu_period", |c| c.resources.map(|_| PERIOD)),
    ("container_spec_cpu_quota", |c| {
        Some(quota(c.resources?.cpu_limit?))
    }),
    ("container_spec_cpu_shares", |c| {
        Some(shares(c.resources?.cpu_request))
    }),
    ("container_spec_memory_limit_bytes", |c| {
        let limit = c.resources?.memory_limit;
        Some(limit.map_or(0.0, |limit| limit.0 as f64))
    }),
    // The kernel's count is of the cgroup that the kill ends.
    ("container_oom_events_total", |c| c.resources.map(|_| 0.0)),
    ("container_start_time_seconds", |c| {
        Some(c.epoch + c.start.as_secs_f64().floor())
    }),
    ("container_last_seen", |c| {
        Some(c.epoch + c.at.as_secs_f64().floor())
    }),
];
const MACHINE: [&str; 2] = ["machine_cpu_cores", "machine_memory_bytes"];

/// `cpu.cfs_quota_us` of a limit, at least a hundredth of a core (`MilliCPUToQuota`).
fn quota(limit: Millicores) -> f64 {
    (limit.cores() * PERIOD).max(1000.0)
}

/// `cpu.shares` of a request (`MilliCPUToShares`); through the weights of cgroup v2 some of it is
/// lost to rounding.
fn shares(request: Option<Millicores>) -> f64 {
    let milli = request.map_or(0, |request| request.0);
    let shares = (milli * 1024 / 1000).clamp(2, 262_144);
    shares as f64
}

/// The families that anybody asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    containers: Vec<Family>,
    machine: bool,
}

impl Asked {
    pub(super) fn of(wanted: &Wanted) -> Self {
        let asked = CONTAINERS.into_iter();
        Self {
            containers: asked.filter(|(name, _)| wanted.may_take(name)).collect(),
            machine: MACHINE.iter().any(|name| wanted.may_take(name)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && !self.machine
    }

    /// Exposes a container, or a pod where `container` is empty.
    fn tell(
        &self,
        [container, image, namespace, pod]: [&str; 4],
        cgroup: &Cgroup,
        epoch: Epoch,
        out: &mut dyn FnMut(&Exposed),
    ) {
        let labels = [
            ("cpu", "total"),
            ("container", container),
            ("image", image),
            ("namespace", namespace),
            ("pod", pod),
        ];
        for (name, value) in &self.containers {
            if let Some(value) = value(cgroup) {
                out(&Exposed {
                    name,
                    labels: &labels[usize::from(*name != CPU)..],
                    value,
                    at: Some(epoch.unix(cgroup.at)),
                });
            }
        }
    }
}

impl Simulation<'_> {
    /// What a node's cAdvisor exports; false if its kubelet does not answer.
    pub(super) fn expose_node(
        &mut self,
        node: NodeId,
        known: &Known,
        now: SimTime,
        past: Option<SimTime>,
        out: &mut dyn FnMut(&Exposed),
    ) -> bool {
        let machine = self.machine(node);
        let is_silent = machine.is_none_or(|machine| self.metrics.is_silent(machine.metrics));
        let Some(found) = self.store.find_node(node).filter(|_| !is_silent) else {
            return false;
        };
        if known.cadvisor.machine {
            let amounts = [found.capacity.cpu.cores(), found.capacity.memory.0 as f64];
            for (name, value) in MACHINE.into_iter().zip(amounts) {
                out(&Exposed {
                    name,
                    labels: &[],
                    value,
                    at: None,
                });
            }
        }
        if known.cadvisor.containers.is_empty() {
            return true;
        }
        let on_it = self.store.pods_of_node(node);
        let mut pods: Vec<PodId> = on_it.map(|(id, _)| id).collect();
        // New series are made in the order in which the store has the pods.
        pods.sort_unstable_by_key(|id| id.slot());
        for id in pods {
            self.expose_containers(id, known, now, past, out);
        }
        true
    }

    fn expose_containers(
        &mut self,
        id: PodId,
        known: &Known,
        now: SimTime,
        past: Option<SimTime>,
        out: &mut dyn FnMut(&Exposed),
    ) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let link = &self.pods[id.slot()];
        let (asked, epoch) = (&known.cadvisor, known.epoch);
        let mut whole: Option<Cgroup> = None;
        for (place, tracked) in link.containers.iter().enumerate() {
            let mut view = View {
                traffic: &mut self.traffic,
            };
            let point = tracked.and_then(|one| self.metrics.newest(one, now, &mut view));
            let (Some(point), Some(spec)) = (point, pod.template.lasting_at(place)) else {
                continue;
            };
            let status = pod.containers.get(place);
            let server = link
                .server
                .filter(|_| usize::from(link.serving) == place && past.is_none());
            let mut cgroup = Cgroup {
                at: point.timestamp,
                start: point.start,
                cpu_seconds: point.cpu.0 as f64 / 1e9,
                bytes: point.memory.0 as f64,
                resources: Some(
                    status.map_or_else(|| ContainerSpec::resources(spec), |one| one.resources),
                ),
                throttling: server
                    .and_then(|server| self.traffic.throttling(server.slot() as u32, now)),
                epoch: epoch.0 as f64 / 1000.0,
            };
            if let Some(time) = past {
                // At rest it used the same all the time.
                let (age, then) = (point.timestamp - point.start, time - point.start);
                cgroup.cpu_seconds *= then.0.max(0) as f64 / age.0.max(1) as f64;
                cgroup.at = time;
            }
            let labels = [&*spec.name, &*spec.image, &*pod.meta.namespace, pod.name()];
            asked.tell(labels, &cgroup, epoch, out);
            let before = whole.unwrap_or(Cgroup {
                cpu_seconds: 0.0,
                bytes: 0.0,
                resources: None,
                throttling: None,
                ..cgroup
            });
            whole = Some(Cgroup {
                at: before.at.max(cgroup.at),
                cpu_seconds: before.cpu_seconds + cgroup.cpu_seconds,
                bytes: before.bytes + cgroup.bytes,
                ..before
            });
        }
        if let Some(whole) = whole {
            let labels = ["", "", &pod.meta.namespace, pod.name()];
            asked.tell(labels, &whole, epoch, out);
        }
    }
}
