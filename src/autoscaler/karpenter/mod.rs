//! Karpenter: nodes made for pending pods and taken away when they are not needed.
//!
//! Pure: what the cluster holds comes in, what to launch or to disrupt comes out.
//!
//! Upstream: kubernetes-sigs/karpenter of 20 August 2026 (after v1.14.0).

mod budget;

pub use budget::{Budget, BudgetError, Nodes, PoolNodes, Reason, UNLIMITED, Window, allowed};
