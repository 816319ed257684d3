//! Everything that one run writes.

use std::io::{self, Write};

use rayon::prelude::*;

use super::folder::{FolderError, OutputFolder};
#[cfg(feature = "charts")]
use super::write_charts;
use super::{
    write_calls, write_costs, write_decisions, write_events, write_loads, write_node_autoscaler,
    write_nodes, write_pods, write_queues, write_scaling_steps, write_summary_csv,
    write_summary_json, write_timeseries, write_vpa_checkpoints, write_vpas,
};
use crate::analysis::Summary;
use crate::record::{Provenance, Recording};

/// Which charts are written, if the crate has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charts {
    /// None.
    None,
    /// As SVG only.
    Svg,
    /// As PNG only.
    Png,
    /// In both formats: of every workload up to a dozen, of more the worst, and all on one sheet.
    #[default]
    Both,
    /// In both formats, of every workload however many there are.
    All,
}

/// What is written only on request, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnRequest {
    /// `pods.csv`.
    pub pods: bool,
    /// `nodes.csv`.
    pub nodes: bool,
    /// `charts/`.
    pub charts: Charts,
}

/// What writes a table.
type Table<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync + 'a>;

/// Writes all files of a run into the folder, several at a time; charts, if the crate has them.
pub fn write_run(
    folder: &OutputFolder,
    provenance: &Provenance,
    recording: &Recording,
    summary: &Summary,
    wanted: OnRequest,
) -> Result<(), FolderError> {
    let tables = tables(provenance, recording, summary, wanted);
    let write_tables = || {
        let written = tables.par_iter();
        written.try_for_each(|(name, table)| folder.write(name, table))
    };
    #[cfg(feature = "charts")]
    {
        let name = provenance.scenario.as_str();
        let charts = || write_charts(folder, name, recording, summary, wanted.charts);
        let (written, drawn) = rayon::join(write_tables, charts);
        written.and(drawn)
    }
    #[cfg(not(feature = "charts"))]
    write_tables()
}

/// The tables of a run and their files, those that take longest first.
fn tables<'a>(
    provenance: &'a Provenance,
    recording: &'a Recording,
    summary: &'a Summary,
    wanted: OnRequest,
) -> Vec<(&'static str, Table<'a>)> {
    let mut tables: Vec<(&'static str, Table)> = Vec::new();
    let mut add = |name, table| tables.push((name, table));
    add(
        "decisions.csv",
        Box::new(|out| write_decisions(recording, out)),
    );
    add("events.csv", Box::new(|out| write_events(recording, out)));
    add(
        "timeseries.csv",
        Box::new(|out| write_timeseries(recording, summary, out)),
    );
    if wanted.pods {
        add("pods.csv", Box::new(|out| write_pods(recording, out)));
    }
    if wanted.nodes {
        add("nodes.csv", Box::new(|out| write_nodes(recording, out)));
    }
    if recording.node_autoscaler.is_some() {
        add(
            "node-autoscaler.csv",
            Box::new(|out| write_node_autoscaler(recording, out)),
        );
    }
    add("load.csv", Box::new(|out| write_loads(recording, out)));
    if !recording.queues.is_empty() {
        add("queues.csv", Box::new(|out| write_queues(recording, out)));
    }
    if !recording.calls.is_empty() {
        add("calls.csv", Box::new(|out| write_calls(recording, out)));
    }
    add("cost.csv", Box::new(|out| write_costs(recording, out)));
    if !recording.vpas.is_empty() {
        add("vpa.csv", Box::new(|out| write_vpas(recording, out)));
        add(
            "vpa-checkpoints.json",
            Box::new(|out| write_vpa_checkpoints(recording, out)),
        );
    }
    add(
        "scaling_steps.csv",
        Box::new(|out| write_scaling_steps(summary, out)),
    );
    add(
        "summary.csv",
        Box::new(|out| write_summary_csv(&provenance.scenario, provenance.seed, summary, out)),
    );
    add(
        "summary.json",
        Box::new(|out| write_summary_json(provenance, summary, out)),
    );
    tables
}
