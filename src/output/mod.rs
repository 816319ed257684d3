//! What a run leaves on disk and on the terminal: CSV, JSON, tables, charts.
//!
//! Each file has one writer that takes a recording or a summary and an `impl Write`. Only
//! [`folder`] touches the file system: everything goes to a temporary folder, which takes
//! its place when it is whole.

pub mod chart;
mod charts;
mod decisions;
mod events;
pub mod folder;
mod loads;
mod number;
mod run;
mod summary;
mod sweep_charts;
pub mod terminal;
mod timeseries;
mod vpa;
mod vpa_charts;

pub use charts::write_charts;
pub use decisions::write_decisions;
pub use events::write_events;
pub use loads::write_loads;
pub use run::write_run;
pub use summary::{write_scaling_steps, write_summary_csv, write_summary_json};
pub use sweep_charts::{SweepPoint, SweepTable, write_sweep_charts};
pub use timeseries::write_timeseries;
pub use vpa::{write_vpa_checkpoints, write_vpas};
