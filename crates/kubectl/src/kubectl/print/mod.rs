//! Objects as kubectl prints them: tables, YAML, JSON, names.
//!
//! Objects come in as JSON values, as `kubectl get -o json` gives them, in the order in which
//! they are to stand.
//!
//! Upstream: Kubernetes' `pkg/printers/internalversion/printers.go` for the tables,
//! cli-runtime's `pkg/printers` for the rest.

mod age;
mod autoscaling;
mod cells;
mod cluster;
mod columns;
mod describe;
mod endpoints;
mod jobs;
mod karpenter;
mod keda;
mod objects;
mod pods;
mod sort;
mod table;
mod tabs;
mod top;
mod workloads;

pub use age::{NoTimestamp, Timestamp, human_duration};
pub use columns::{TableOptions, table};
pub use describe::{Around, describe, describe_template};
pub use objects::{applied, as_json, as_names, as_yaml, listed, nothing_found};
pub use sort::sort_by;
pub use table::{Table, Widths};
pub use top::{TopOptions, TopSort, top_nodes, top_pods};
