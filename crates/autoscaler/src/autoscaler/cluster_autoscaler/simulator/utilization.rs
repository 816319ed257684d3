//! How full a node is by requests.
//!
//! Source: `simulator/utilization/info.go`.

use crate::autoscaler::cluster_autoscaler::drain::is_long_terminating;
use crate::autoscaler::cluster_autoscaler::model::{Pod, PodClass};
use crate::autoscaler::cluster_autoscaler::resources::Resources;
use crate::sim::SimTime;

/// Shares of a node's allocatable that are requested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utilization {
    /// CPU.
    pub cpu: f64,
    /// Memory.
    pub memory: f64,
    /// Of a node that has GPUs their place among [`GPUS`] and their share: that alone counts then.
    ///
    /// [`GPUS`]: crate::autoscaler::cluster_autoscaler::resources::GPUS
    pub gpu: Option<(usize, f64)>,
}

impl Utilization {
    /// The larger share.
    pub fn highest(self) -> f64 {
        if let Some((_, share)) = self.gpu {
            share
        } else if self.cpu > self.memory {
            self.cpu
        } else {
            self.memory
        }
    }
}

/// The utilization of a node; `None` if it has no CPU or no memory.
pub fn calculate<'p>(
    allocatable: &Resources,
    pods: impl IntoIterator<Item = (Option<&'p Pod>, &'p PodClass)>,
    ignore_daemon_sets: bool,
    ignore_mirror_pods: bool,
    now: SimTime,
) -> Option<Utilization> {
    let gpu = allocatable.gpu();
    if gpu.is_none() && (allocatable.cpu.0 == 0 || allocatable.memory.0 == 0) {
        return None;
    }
    let mut requested = Resources::default();
    let mut ignored = Resources::default();
    for (pod, class) in pods {
        if ignore_daemon_sets && class.is_daemon_set() || ignore_mirror_pods && class.mirror {
            ignored.take(&class.requests);
        } else if !pod.is_some_and(|pod| is_long_terminating(pod, class, now)) {
            requested.take(&class.requests);
        }
    }
    if let Some(place) = gpu {
        let there = allocatable.extended(place) - ignored.extended(place);
        return Some(Utilization {
            cpu: 0.0,
            memory: 0.0,
            gpu: Some((place, requested.extended(place) as f64 / there as f64)),
        });
    }
    Some(Utilization {
        gpu: None,
        cpu: requested.cpu.0 as f64 / (allocatable.cpu.0 - ignored.cpu.0) as f64,
        memory: requested.memory.0 as f64 / (allocatable.memory.0 - ignored.memory.0) as f64,
    })
}
