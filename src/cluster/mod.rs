//! Nodes, pods and the controllers that create, place, start, stop and delete pods.
//!
//! [`Cluster`] is driven by an event queue that it does not own. It answers with
//! [`ClusterEffect`]s: what other subsystems must know. It knows nothing of requests,
//! metrics or autoscalers.

mod audit;
mod cpu_weight;
pub mod crash_loop;
pub mod disruption;
mod effect;
pub mod fit;
mod job;
mod kubelet;
mod node;
mod pod;
mod pods;
pub mod ranking;
mod replicas;
mod resize;
mod restart;
pub mod scheduler;
pub mod score;
pub mod slow_start;
pub mod spec;
mod start;
mod state;
mod stateful_set;
mod token_bucket;
mod workload;

pub use cpu_weight::cpu_weight;
pub use effect::{ClusterEffect, EffectLog, EventKind, ObjectEvent, ObjectRef};
pub use node::Node;
pub use pod::{ContainerStatus, Pod, PodId, PodPhase, Resources, TerminationReason};
pub use resize::{ResizeError, ResizeState};
pub use state::{Cluster, ClusterEvent, Ledger};
pub use workload::{Counts, Workload};
