//! A node: what it offers, what is promised, which images it has.

use super::fit::Room;
use super::score::Amounts;
use super::spec::NodeGroupSpec;
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `metadata.name`.
    pub name: String,
    /// Its group: an index in the scenario's node groups.
    pub group: usize,
    /// The number of its zone, if it has one.
    pub zone: Option<usize>,
    /// CPU for pods.
    pub allocatable_cpu: Millicores,
    /// Memory for pods.
    pub allocatable_memory: Bytes,
    /// Pods at most.
    pub max_pods: u32,
    /// CPU promised to pods, DaemonSets included.
    pub requested_cpu: Millicores,
    /// Memory promised to pods, DaemonSets included.
    pub requested_memory: Bytes,
    /// What deferred resizes ask for beyond that: the scheduler keeps it free.
    pub deferred: Amounts,
    /// What is promised, with 100m for each container without a request, as scores count.
    pub nonzero_cpu: Millicores,
    /// What is promised, with 200Mi for each container without a request, as scores count.
    pub nonzero_memory: Bytes,
    /// Pods on it.
    pub pods: u32,
    /// Pods on it per workload, without those being deleted: for spreading, and for the order
    /// in which a ReplicaSet deletes.
    pub pods_of: Vec<u32>,
    /// When it has each workload's image, if it was asked for; workloads with the same image
    /// share the first one's place.
    pub image_at: Vec<Option<SimTime>>,
    /// When its last pull ends: one image is pulled at a time (`serializeImagePulls`).
    pub pulls_until: SimTime,
}

impl Node {
    /// The `number`-th node of a group.
    pub fn new(
        spec: &NodeGroupSpec,
        (group, zone): (usize, Option<usize>),
        number: u32,
        workloads: usize,
    ) -> Self {
        Self {
            name: format!("{}-{}", spec.name, number + 1),
            group,
            zone,
            allocatable_cpu: spec.allocatable_cpu,
            allocatable_memory: spec.allocatable_memory,
            max_pods: spec.max_pods,
            requested_cpu: spec.daemonset_cpu,
            requested_memory: spec.daemonset_memory,
            deferred: Amounts::default(),
            nonzero_cpu: spec.daemonset_cpu,
            nonzero_memory: spec.daemonset_memory,
            pods: 0,
            pods_of: vec![0; workloads],
            image_at: vec![None; workloads],
            pulls_until: SimTime::ZERO,
        }
    }
    /// What it offers and has promised, as the scheduler sees it.
    pub fn room(&self) -> Room {
        Room {
            allocatable: Amounts {
                cpu: self.allocatable_cpu,
                memory: self.allocatable_memory,
            },
            requested: Amounts {
                cpu: self.requested_cpu,
                memory: self.requested_memory,
            } + self.deferred,
            pods: self.pods,
            max_pods: self.max_pods,
        }
    }
}
