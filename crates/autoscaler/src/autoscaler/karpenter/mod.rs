//! Karpenter: nodes made for pending pods and taken away when they are not needed.
//!
//! Pure: what the cluster holds comes in, what to launch or to disrupt comes out.
//! [`schedule`] decides what pending pods need, [`disruption`] which nodes can go.
//! Left out: spreading over topologies and affinity between pods, host ports, volumes, devices,
//! reserved capacity, node overlays and capacity buffers.
//!
//! Upstream: kubernetes-sigs/karpenter of 20 August 2026 (after v1.14.0).

mod budget;
pub mod disruption;
pub mod instance_type;
mod node_class;
mod node_pool;
mod pod;
mod requirement;
mod requirements;
mod resources;
pub mod schedule;
mod taints;

pub use budget::{Budget, BudgetError, Nodes, PoolNodes, Reason, UNLIMITED, Window, allowed};
pub use node_class::{Machine, NodeClass, NodeClassError};
pub use node_pool::{ConsolidationPolicy, NodePool, NodePoolError, order_by_weight};
pub use pod::Pod;
pub use requirement::{Operator, Requirement};
pub use requirements::{
    ARCH, CAPACITY_TYPE, INSTANCE_TYPE, NODE_POOL, ON_DEMAND, OS, Requirements, SPOT, ZONE,
};
pub use resources::{CPU, MEMORY, NODES, PODS, Resources};
pub use taints::{Effect, Taint, Toleration, tolerates};
