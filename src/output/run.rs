//! Everything that one run writes.

use super::folder::{FolderError, OutputFolder};
#[cfg(feature = "charts")]
use super::write_charts;
use super::{
    write_decisions, write_events, write_loads, write_nodes, write_pods, write_scaling_steps,
    write_summary_csv, write_summary_json, write_timeseries, write_vpa_checkpoints, write_vpas,
};
use crate::analysis::Summary;
use crate::record::{Provenance, Recording};

/// Tables that are written only on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnRequest {
    /// `pods.csv`.
    pub pods: bool,
    /// `nodes.csv`.
    pub nodes: bool,
}

/// Writes all files of a run into the folder; charts, if the crate has them.
pub fn write_run(
    folder: &OutputFolder,
    provenance: &Provenance,
    recording: &Recording,
    summary: &Summary,
    wanted: OnRequest,
) -> Result<(), FolderError> {
    let name = provenance.scenario.as_str();
    folder.write("timeseries.csv", |out| {
        write_timeseries(recording, summary, out)
    })?;
    folder.write("events.csv", |out| write_events(recording, out))?;
    folder.write("decisions.csv", |out| write_decisions(recording, out))?;
    if wanted.pods {
        folder.write("pods.csv", |out| write_pods(recording, out))?;
    }
    if wanted.nodes {
        folder.write("nodes.csv", |out| write_nodes(recording, out))?;
    }
    folder.write("load.csv", |out| write_loads(recording, out))?;
    if !recording.vpas.is_empty() {
        folder.write("vpa.csv", |out| write_vpas(recording, out))?;
        folder.write("vpa-checkpoints.json", |out| {
            write_vpa_checkpoints(recording, out)
        })?;
    }
    folder.write("scaling_steps.csv", |out| write_scaling_steps(summary, out))?;
    folder.write("summary.csv", |out| {
        write_summary_csv(name, provenance.seed, summary, out)
    })?;
    folder.write("summary.json", |out| {
        write_summary_json(provenance, summary, out)
    })?;
    #[cfg(feature = "charts")]
    write_charts(folder, name, recording, summary)?;
    Ok(())
}
