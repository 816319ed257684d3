//! What cAdvisor in a kubelet exports of the containers on its node, with the times of its own
//! measurements.

use super::millis;
use crate::api::{NodeId, PodId};
use crate::prometheus::scrape::Exposed;
use crate::sim::SimTime;
use crate::world::Simulation;
use crate::world::usage::View;

/// The series that there are.
pub(super) const NAMES: [&str; 3] = [CPU, WORKING_SET, USAGE];
const CPU: &str = "container_cpu_usage_seconds_total";
const WORKING_SET: &str = "container_memory_working_set_bytes";
const USAGE: &str = "container_memory_usage_bytes";

/// A cgroup's counters at a time.
#[derive(Debug, Clone, Copy)]
struct Measured {
    at: SimTime,
    cpu_seconds: f64,
    bytes: f64,
}

/// Exposes a container, or a pod where `container` is empty.
fn tell(
    [container, image, namespace, pod]: [&str; 4],
    measured: Measured,
    out: &mut dyn FnMut(&Exposed),
) {
    let all = [
        ("container", container),
        ("cpu", "total"),
        ("image", image),
        ("namespace", namespace),
        ("pod", pod),
    ];
    let [container, cpu, image, namespace, pod] = all;
    let with_cpu: &[(&str, &str)] = &[container, cpu, image, namespace, pod];
    let without: &[(&str, &str)] = &[container, image, namespace, pod];
    for (name, labels, value) in [
        (CPU, with_cpu, measured.cpu_seconds),
        (WORKING_SET, without, measured.bytes),
        (USAGE, without, measured.bytes),
    ] {
        out(&Exposed {
            name,
            labels,
            value,
            at: Some(millis(measured.at)),
        });
    }
}

impl Simulation<'_> {
    /// What a node's cAdvisor exports; false if its kubelet does not answer.
    pub(super) fn expose_node(
        &mut self,
        node: NodeId,
        now: SimTime,
        past: Option<SimTime>,
        out: &mut dyn FnMut(&Exposed),
    ) -> bool {
        let machine = self.machine(node);
        let is_silent = machine.is_none_or(|machine| self.metrics.is_silent(machine.metrics));
        if self.store.find_node(node).is_none() || is_silent {
            return false;
        }
        let on_it = self.store.pods_of_node(node);
        let mut pods: Vec<PodId> = on_it.map(|(id, _)| id).collect();
        // New series are made in the order in which the store has the pods.
        pods.sort_unstable_by_key(|id| id.slot());
        for id in pods {
            self.expose_containers(id, now, past, out);
        }
        true
    }

    fn expose_containers(
        &mut self,
        id: PodId,
        now: SimTime,
        past: Option<SimTime>,
        out: &mut dyn FnMut(&Exposed),
    ) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let mut whole: Option<Measured> = None;
        for (place, tracked) in self.pods[id.slot()].containers.iter().enumerate() {
            let mut view = View {
                traffic: &mut self.traffic,
            };
            let point = tracked.and_then(|one| self.metrics.newest(one, now, &mut view));
            let (Some(point), Some(spec)) = (point, pod.template.lasting_at(place)) else {
                continue;
            };
            let mut measured = Measured {
                at: point.timestamp,
                cpu_seconds: point.cpu.0 as f64 / 1e9,
                bytes: point.memory.0 as f64,
            };
            if let Some(time) = past {
                // At rest it used the same all the time.
                let (age, then) = (point.timestamp - point.start, time - point.start);
                measured.cpu_seconds *= then.0.max(0) as f64 / age.0.max(1) as f64;
                measured.at = time;
            }
            let labels = [&*spec.name, &*spec.image, &*pod.meta.namespace, pod.name()];
            tell(labels, measured, out);
            let before = whole.unwrap_or(Measured {
                cpu_seconds: 0.0,
                bytes: 0.0,
                ..measured
            });
            whole = Some(Measured {
                at: before.at.max(measured.at),
                cpu_seconds: before.cpu_seconds + measured.cpu_seconds,
                bytes: before.bytes + measured.bytes,
            });
        }
        if let Some(whole) = whole {
            tell(["", "", &pod.meta.namespace, pod.name()], whole, out);
        }
    }
}
