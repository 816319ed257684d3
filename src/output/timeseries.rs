//! `timeseries.csv`: a row per service and step.

use std::io::{self, Write};

use super::number::{optional, rounded, seconds};
use crate::record::{Recording, Sample, ServiceRecord, Window};

const HEADER: [&str; 24] = [
    "time_s",
    "namespace",
    "service",
    "desired",
    "pending",
    "starting",
    "running",
    "ready",
    "terminating",
    "offered_cores",
    "used_cores",
    "requested_cores",
    "utilization_pct",
    "memory_bytes",
    "in_service",
    "queued",
    "requests",
    "ok",
    "failed",
    "unanswered",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
];

/// Writes the series. Rows carry the end of their step; requests and latencies are those of
/// the requests that arrived within it.
pub fn write_timeseries(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(HEADER)?;
    let most = recording
        .services
        .iter()
        .map(|service| service.samples.len())
        .max();
    for place in 0..most.unwrap_or(0) {
        for service in &recording.services {
            if let Some(sample) = service.samples.get(place) {
                rows.write_record(row(recording, service, sample))?;
            }
        }
    }
    rows.flush()
}

fn row(recording: &Recording, service: &ServiceRecord, sample: &Sample) -> [String; 24] {
    let workload = &recording.workloads[service.workload];
    let counts = workload.counts.at(sample.time).unwrap_or_default();
    let hpa = recording
        .hpas
        .iter()
        .find(|hpa| hpa.workload == service.workload);
    let window = window(recording, service, sample)
        .copied()
        .unwrap_or_default();
    let latency = |ms: f64| {
        if window.latency.count == 0 {
            String::new()
        } else {
            rounded(ms, 3)
        }
    };
    [
        seconds(sample.time),
        service.namespace.to_string(),
        service.name.clone(),
        optional(hpa.and_then(|hpa| hpa.desired.at(sample.time))),
        counts.pending.to_string(),
        counts.starting.to_string(),
        counts.running.to_string(),
        counts.ready.to_string(),
        counts.terminating.to_string(),
        rounded(sample.cpu_offered, 4),
        rounded(sample.cpu_used, 4),
        rounded(sample.cpu_requested, 4),
        rounded(100.0 * sample.cpu_used / sample.cpu_requested, 2),
        rounded(sample.memory_used, 0),
        sample.in_service.to_string(),
        sample.queued.to_string(),
        window.issued.to_string(),
        window.ended[0].to_string(),
        window.failed().to_string(),
        window.unanswered().to_string(),
        latency(window.latency.p50_ms),
        latency(window.latency.p95_ms),
        latency(window.latency.p99_ms),
        latency(window.latency.max_ms),
    ]
}

/// The window of the requests that arrived within a sample's step.
pub(super) fn window<'a>(
    recording: &Recording,
    service: &'a ServiceRecord,
    sample: &Sample,
) -> Option<&'a Window> {
    let index = (sample.time.0 - recording.step.0) / recording.step.0;
    service.windows.get(usize::try_from(index).ok()?)
}
