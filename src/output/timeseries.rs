//! `timeseries.csv`: a row per service and step.

use std::io::{self, Write};

use super::number::{float, optional, rounded, seconds};
use super::schema::TIMESERIES;
use crate::analysis::{Summary, steps};
use crate::record::{Recording, Sample, ServiceRecord, Window};

/// Writes the series. Rows carry the end of their step; requests and latencies are those of
/// the requests that arrived within it.
pub fn write_timeseries(
    recording: &Recording,
    summary: &Summary,
    out: impl Write,
) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(TIMESERIES.header(&[]))?;
    let most = recording
        .services
        .iter()
        .map(|service| service.samples.len())
        .max();
    for place in 0..most.unwrap_or(0) {
        for service in &recording.services {
            if let Some(sample) = service.samples.get(place) {
                rows.write_record(row(recording, summary, service, sample))?;
            }
        }
    }
    rows.flush()
}

fn row(
    recording: &Recording,
    summary: &Summary,
    service: &ServiceRecord,
    sample: &Sample,
) -> [String; 27] {
    let workload = &recording.workloads[service.workload];
    let counts = workload.counts.at(sample.time).unwrap_or_default();
    let mut hpas = recording.hpas.iter().zip(&summary.hpas);
    let (hpa, figures) = hpas
        .find(|(hpa, _)| hpa.workload == service.workload)
        .unzip();
    // What held just before the end of the step is what its load needs.
    let before = sample.time.as_secs_f64() - 1e-6;
    let needed = figures.and_then(|figures| {
        let known = figures
            .needed
            .first()
            .is_some_and(|first| first.0 <= before);
        known.then(|| steps::at(&figures.needed, before))
    });
    let window = window(recording, service, sample)
        .copied()
        .unwrap_or_default();
    let latency = |ms: f64| {
        if window.latency.count == 0 {
            String::new()
        } else {
            float(ms, 3)
        }
    };
    [
        seconds(sample.time),
        service.namespace.to_string(),
        service.name.clone(),
        workload.object(),
        hpa.map_or(String::new(), |hpa| hpa.name.clone()),
        needed.map_or(String::new(), |needed| rounded(needed, 0)),
        optional(hpa.and_then(|hpa| hpa.desired.at(sample.time))),
        counts.pending.to_string(),
        counts.starting.to_string(),
        counts.running.to_string(),
        counts.ready.to_string(),
        counts.terminating.to_string(),
        float(sample.cpu_offered, 4),
        float(sample.cpu_used, 4),
        float(sample.cpu_requested, 4),
        float(100.0 * sample.cpu_used / sample.cpu_requested, 2),
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
