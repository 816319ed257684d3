//! `pods.csv` and `nodes.csv`: the lives of pods and nodes; written if asked for.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::{NODES, PODS};
use crate::record::{Recording, WorkloadRecord};

fn bytes(rows: &mut Rows<impl Write>, gib: f64) {
    rows.rounded(gib * f64::from(1 << 30));
}

/// Writes a row per pod, and one more for each resize in place.
pub fn write_pods(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &PODS.header(&[]))?;
    let workloads = recording.workloads.iter();
    let objects: Vec<String> = workloads.map(WorkloadRecord::object).collect();
    for pod in &recording.pods {
        for (from, to, cores, gib) in pod.requests(pod.created) {
            rows.text(&pod.namespace);
            rows.text(&objects[pod.workload]);
            rows.text(&pod.name);
            rows.seconds(from);
            rows.instant(to);
            rows.float(cores, 4);
            bytes(&mut rows, gib);
            rows.seconds(pod.created);
            for time in [pod.scheduled, pod.started, pod.ready, pod.deleted] {
                rows.instant(time);
            }
            rows.end()?;
        }
    }
    rows.finish()
}

/// Writes a row per node.
pub fn write_nodes(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &NODES.header(&[]))?;
    for node in &recording.nodes {
        rows.text(&node.name);
        rows.text(&node.group);
        rows.seconds(node.started);
        rows.instant(node.ended);
        rows.float(node.cpu, 4);
        bytes(&mut rows, node.memory);
        rows.float(node.price_per_hour, 6);
        rows.bool(node.spot);
        rows.end()?;
    }
    rows.finish()
}
