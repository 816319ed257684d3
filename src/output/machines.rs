//! `pods.csv` and `nodes.csv`: the lives of pods and nodes; written if asked for.

use std::io::{self, Write};

use super::number::{float, rounded, seconds};
use super::schema::{NODES, PODS};
use crate::record::Recording;
use crate::sim::SimTime;

fn bytes(gib: f64) -> String {
    rounded(gib * f64::from(1 << 30), 0)
}

fn instant(time: Option<SimTime>) -> String {
    time.map_or(String::new(), seconds)
}

/// Writes a row per pod, and one more for each resize in place.
pub fn write_pods(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(PODS.header(&[]))?;
    for pod in &recording.pods {
        for (from, to, cores, gib) in pod.requests(pod.created) {
            rows.write_record([
                pod.namespace.to_string(),
                recording.workloads[pod.workload].object(),
                pod.name.clone(),
                seconds(from),
                instant(to),
                float(cores, 4),
                bytes(gib),
                seconds(pod.created),
                instant(pod.scheduled),
                instant(pod.started),
                instant(pod.ready),
                instant(pod.deleted),
            ])?;
        }
    }
    rows.flush()
}

/// Writes a row per node.
pub fn write_nodes(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(NODES.header(&[]))?;
    for node in &recording.nodes {
        rows.write_record([
            node.name.clone(),
            node.group.clone(),
            seconds(node.started),
            instant(node.ended),
            float(node.cpu, 4),
            bytes(node.memory),
            float(node.price_per_hour, 6),
            node.spot.to_string(),
        ])?;
    }
    rows.flush()
}
