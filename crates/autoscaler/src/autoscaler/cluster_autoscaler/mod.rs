//! The Cluster Autoscaler's core: one loop is an [`Observation`] in, calls to the [`Outside`] and
//! a [`LoopReport`] out.
//!
//! Follows `cluster-autoscaler/` of kubernetes/autoscaler 1.36.1, file by file under upstream's
//! package names. Everything that upstream remembers between loops lives in
//! [`StaticAutoscaler`]; what it does in the background between loops is
//! [`StaticAutoscaler::advance`]. Upstream walks maps in random order in places; here nodes and
//! groups go by their ids, pods in the order in which they are listed. Nodes have GPUs if they have
//! such extended resources; the labels by which providers know them are not looked at.

pub mod backoff;
pub mod clusterstate;
pub mod drain;
pub mod estimator;
pub mod events;
pub mod expander;
pub mod loop_trigger;
pub mod model;
pub mod node_affinity;
pub mod options;
pub mod outside;
pub mod pdb;
pub mod pod_list;
pub mod resources;
pub mod scale_down;
pub mod scale_up;
pub mod simulator;
pub mod static_autoscaler;
pub mod taints;
#[cfg(test)]
mod tests;

pub use events::{Event, EventKind, Involved};
pub use model::{
    Changed, ClassId, Controller, ControllerId, ControllerKind, DaemonSet, GroupId, Node,
    NodeGroup, NodeId, NodeShape, Observation, Pdb, Pod, PodAffinity, PodClass, PodId, PodPrices,
    PodTerm, SafeToEvict, Spread, Toleration,
};
pub use options::{NodeGroupOptions, OptionError, Options};
pub use outside::{EvictError, Instance, InstanceError, Outside};
pub use resources::Resources;
pub use static_autoscaler::{LoopReport, StaticAutoscaler};
pub use taints::{Effect, Taint};
