//! The controllers of kube-controller-manager, each under upstream's name.
//!
//! A controller is woken by the changes of objects (`observe`) and by its own timers
//! (`handle`), reads the store, and answers with writes that arrive after the delays of its
//! client. None knows another: they meet in the store. Where a controller's rules are long they
//! are a pure core, observation in, steps out, with its adapter to the store beside it.

mod calls;
pub mod client;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
pub mod disruption;
pub mod endpoints;
mod event;
pub mod garbage_collector;
pub mod job;
pub mod node_lifecycle;
pub mod owner;
pub mod pod_control;
pub mod podautoscaler;
pub mod podgc;
mod ref_manager;
pub mod replicaset;
pub mod rollout_status;
pub mod statefulset;
pub mod taint_eviction;
pub mod template_hash;

pub use event::{Event, EventType};
pub use pod_control::PodControl;
