//! What a run leaves on disk and on the terminal: CSV, JSON, tables, charts.
//!
//! Each file has one writer that takes a recording or a summary and an `impl Write`. Only
//! [`folder`] touches the file system: everything goes to a temporary folder, which takes
//! its place when it is whole. Charts are a feature of the crate; everything else is always there.

mod calls;
#[cfg(feature = "charts")]
mod calls_charts;
#[cfg(feature = "charts")]
pub mod chart;
#[cfg(feature = "charts")]
mod charts;
#[cfg(feature = "charts")]
mod cost_stack;
mod costs;
mod decisions;
mod events;
#[cfg(feature = "charts")]
mod file_names;
pub mod folder;
mod lasting;
mod loads;
mod machines;
mod node_autoscaler;
mod number;
mod queues;
mod rows;
mod run;
pub mod schema;
mod summary;
#[cfg(feature = "charts")]
mod sweep_charts;
mod sweep_table;
pub mod terminal;
mod timeseries;
mod vpa;
#[cfg(feature = "charts")]
mod vpa_charts;
#[cfg(feature = "charts")]
mod worst;

pub use calls::write_calls;
#[cfg(feature = "charts")]
pub use charts::write_charts;
pub use costs::write_costs;
pub use decisions::write_decisions;
pub use events::write_events;
pub use loads::write_loads;
pub use machines::{write_nodes, write_pods};
pub use node_autoscaler::write_node_autoscaler;
pub use queues::write_queues;
pub use rows::Rows;
pub use run::{Charts, OnRequest, write_run};
pub use summary::{write_scaling_steps, write_summary_csv, write_summary_json};
#[cfg(feature = "charts")]
pub use sweep_charts::write_sweep_charts;
pub use sweep_table::{SweepPoint, SweepTable};
pub use timeseries::write_timeseries;
pub use vpa::{write_vpa_checkpoints, write_vpas};
