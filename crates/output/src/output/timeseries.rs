//! `timeseries.csv`: a row per service and step.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::TIMESERIES;
use crate::analysis::{HpaFigures, Summary, steps};
use crate::record::{HpaRecord, Recording, Sample, ServiceRecord, Window, WorkloadRecord};

/// A service and what is looked up for all of its rows.
struct Series<'a> {
    service: &'a ServiceRecord,
    workload: &'a WorkloadRecord,
    object: String,
    hpa: Option<(&'a HpaRecord, &'a HpaFigures)>,
}

impl<'a> Series<'a> {
    fn of(recording: &'a Recording, summary: &'a Summary) -> Vec<Self> {
        // The first HPA of each workload.
        let mut hpas = vec![None; recording.workloads.len()];
        for one in recording.hpas.iter().zip(&summary.hpas).rev() {
            if let Some(place) = hpas.get_mut(one.0.workload) {
                *place = Some(one);
            }
        }
        let series = |service: &'a ServiceRecord| {
            let workload = &recording.workloads[service.workload];
            Self {
                service,
                workload,
                object: workload.object(),
                hpa: hpas[service.workload],
            }
        };
        recording.services.iter().map(series).collect()
    }
}

/// Writes the series. Rows carry the end of their step; requests and latencies are those of
/// the requests that arrived within it.
pub fn write_timeseries(
    recording: &Recording,
    summary: &Summary,
    out: impl Write,
) -> io::Result<()> {
    let mut rows = Rows::new(out, &TIMESERIES.header(&[]))?;
    let all = Series::of(recording, summary);
    let most = all.iter().map(|one| one.service.samples.len()).max();
    for place in 0..most.unwrap_or(0) {
        for series in &all {
            if let Some(sample) = series.service.samples.get(place) {
                row(&mut rows, recording, series, sample);
                rows.end()?;
            }
        }
    }
    rows.finish()
}

fn row(rows: &mut Rows<impl Write>, recording: &Recording, series: &Series, sample: &Sample) {
    let (service, hpa) = (series.service, series.hpa);
    let counts = series.workload.counts.at(sample.time).unwrap_or_default();
    // What held just before the end of the step is what its load needs.
    let before = sample.time.as_secs_f64() - 1e-6;
    let needed = hpa.and_then(|(_, figures)| {
        let first = figures.needed.first();
        let is_known = first.is_some_and(|first| first.0 <= before);
        is_known.then(|| steps::at(&figures.needed, before))
    });
    let none = Window::default();
    let window = window(recording, service, sample).unwrap_or(&none);
    rows.seconds(sample.time);
    rows.text(&service.namespace);
    rows.text(&service.name);
    rows.text(&series.object);
    rows.text(hpa.map_or("", |(hpa, _)| &hpa.name));
    rows.rounded(needed.unwrap_or(f64::NAN));
    rows.optional(hpa.and_then(|(hpa, _)| hpa.desired.at(sample.time)));
    for pods in [
        counts.pending,
        counts.starting,
        counts.running,
        counts.ready,
        counts.terminating,
    ] {
        rows.int(pods);
    }
    rows.float(sample.cpu_offered, 4);
    rows.float(sample.cpu_used, 4);
    rows.float(sample.cpu_requested, 4);
    rows.float(100.0 * sample.cpu_used / sample.cpu_requested, 2);
    rows.rounded(sample.memory_used);
    rows.int(sample.in_service);
    rows.int(sample.queued);
    rows.count(window.issued);
    rows.count(window.ended[0]);
    rows.count(window.failed());
    rows.count(window.unanswered());
    let latency = &window.latency;
    for ms in [
        latency.p50_ms,
        latency.p95_ms,
        latency.p99_ms,
        latency.max_ms,
    ] {
        rows.float(if latency.count == 0 { f64::NAN } else { ms }, 3);
    }
}
/// The window of the requests that arrived within a sample's step.
fn window<'a>(
    recording: &Recording,
    service: &'a ServiceRecord,
    sample: &Sample,
) -> Option<&'a Window> {
    let index = (sample.time.0 - recording.step.0) / recording.step.0;
    service.windows.get(usize::try_from(index).ok()?)
}
