//! The controllers: pure state machines, observation and clock in, decision out.
//!
//! They know nothing of the event loop, the cluster or each other; `world` fills their
//! observations and carries out their decisions.

pub mod cluster_autoscaler;
mod go_sort;
pub mod hpa;
pub mod karpenter;
pub mod keda;
pub mod label_selector;
pub mod predictive;
pub mod vpa;
