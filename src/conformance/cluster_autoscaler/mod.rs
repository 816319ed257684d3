//! Recordings of the Cluster Autoscaler: its parts as tables, and whole loops.

mod drain;
mod loops;
mod scale_down;
mod scale_up;

pub(super) use drain::drain;
pub(super) use loops::replay as loops;
pub(super) use scale_down::{unneeded, utilization};
pub(super) use scale_up::{backoff, balance, binpacking, expanders};

use crate::autoscaler::cluster_autoscaler::{NodeShape, Resources};
use crate::units::{Bytes, Millicores};

/// Mebibytes, as the recordings count memory.
const fn mib(amount: i64) -> Bytes {
    Bytes(amount * Bytes::MIB.0)
}

/// A node of nothing but resources: capacity and allocatable are the same.
fn plain_node(cpu_m: i64, mem_mib: i64, pods: i64) -> NodeShape {
    let resources = Resources {
        pods,
        ..Resources::new(Millicores(cpu_m), mib(mem_mib))
    };
    NodeShape {
        labels: Vec::new(),
        taints: Vec::new(),
        capacity: resources.clone(),
        allocatable: resources,
    }
}
