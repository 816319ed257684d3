//! How a pod serves requests: processor sharing of CPU under its limit and on its node, worker
//! slots, a bounded backlog, waits, time limits, memory; and which pod of a service gets a request.

mod affinity;
mod answer;
mod bandwidth;
mod bucket;
pub mod call;
mod cohort;
mod contention;
mod declared;
mod engine;
mod few;
mod figures;
mod flow;
mod lane;
mod latency;
mod lifecycle;
mod memory;
mod node;
mod pace;
mod past;
mod plain;
mod posts;
mod processor_sharing;
pub mod queue;
mod request;
mod server;
mod service;
pub mod spec;

pub use affinity::Client;
pub use bandwidth::Throttling;
pub use cohort::Even;
pub use engine::{Note, Servers};
pub use figures::{Counters, CpuLedger, GroupWeight, Instruments, ServerLimits, Tier, Usage};
pub use lane::{Lane, Room};
pub use latency::LatencyHistogram;
pub use plain::{Calm, Course, Set};
pub use posts::Posts;
pub use request::{Ending, Finished, Origin, RequestKey, Served, TurnedAway, Work};
pub use server::Server;
