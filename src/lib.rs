//! `nlsim` simulates Kubernetes autoscaling: the user's own manifests on a simulated
//! cluster, under the load tools they know, through controllers that decide exactly as
//! the real ones do.
//!
//! The data flows one way:
//!
//! ```text
//! scenario ──► world (sim, load, workload, cluster, metrics, autoscaler) ──► record ──► analysis ──► output
//!     ▲                                                                                   │
//!   sweep (points × seeds) ◄──────────────────── summaries only ◄─────────────────────────┘
//! ```
//!
//! Controllers are pure state machines: observation and clock in, decision out. Time and
//! randomness are injected. Nothing in the library reads the wall clock or global state,
//! so the same scenario and seed give the same bytes on every run.
//!
//! Two features, both on by default: `cli`, the command line and the binary, and `charts`, the
//! pictures. A program that embeds the simulator leaves them out with
//! `default-features = false` and compiles neither's libraries.
//!
//! `ARCHITECTURE.md` has the table of which module may use which; a test holds the
//! imports to it.

pub mod units;

pub mod analysis;
pub mod api;
pub mod autoscaler;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cluster;
pub mod conformance;
pub mod controller;
pub mod kubectl;
pub mod kubelet;
pub mod load;
pub mod metrics;
pub mod output;
pub mod record;
pub mod scenario;
pub mod scheduler;
pub mod sim;
pub mod sweep;
pub mod workload;
pub mod world;
