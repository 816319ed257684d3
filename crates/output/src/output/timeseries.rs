//! `timeseries.csv`: a row per service and step.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::TIMESERIES;
use crate::analysis::{HpaFigures, Summary};
use crate::record::{
    Along, Counts, HpaRecord, Recording, Sample, ServiceRecord, Unpacked, Window, WorkloadRecord,
};
use crate::sim::SimTime;

/// A service, how far its series are read, and the cells of its last row: what has not changed is
/// written again.
struct Series<'a> {
    service: &'a ServiceRecord,
    samples: Unpacked<'a, Sample>,
    counts: Along<'a, Counts>,
    desired: Option<Along<'a, i32>>,
    needed: Needed<'a>,
    /// Namespace, service, workload and HPA.
    names: Vec<u8>,
    pods: Cells<Pods>,
    usage: Cells<Usage>,
    requests: Cells<Window>,
}

/// The replicas that the load needs, at instants that are asked for in order.
struct Needed<'a> {
    steps: &'a [(f64, f64)],
    value: Option<f64>,
}

impl Needed<'_> {
    fn at(&mut self, time: f64) -> Option<f64> {
        while let [(from, value), rest @ ..] = self.steps
            && *from <= time
        {
            (self.value, self.steps) = (Some(*value), rest);
        }
        self.value
    }
}

/// Replicas that are needed and asked for, and pods by stage.
#[derive(Clone, Copy, PartialEq)]
struct Pods {
    needed: Option<f64>,
    desired: Option<i32>,
    counts: Counts,
}

/// A sample without its time.
#[derive(Clone, Copy, PartialEq)]
struct Usage(Sample);

/// Cells of a row, and the values that they show.
struct Cells<T>(Option<T>, Vec<u8>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(None, Vec::new())
    }
}

impl<T: PartialEq> Cells<T> {
    /// Writes the cells of a value.
    fn write<W: Write>(
        &mut self,
        rows: &mut Rows<W>,
        value: T,
        write: impl FnOnce(&mut Rows<W>, &T),
    ) {
        if self.0.as_ref() == Some(&value) {
            rows.again(&self.1);
            return;
        }
        let place = rows.place();
        write(rows, &value);
        self.1.clear();
        self.1.extend_from_slice(rows.since(place));
        self.0 = Some(value);
    }
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
            Self::new(service, workload, hpas[service.workload])
        };
        recording.services.iter().map(series).collect()
    }

    fn new(
        service: &'a ServiceRecord,
        workload: &'a WorkloadRecord,
        hpa: Option<(&'a HpaRecord, &'a HpaFigures)>,
    ) -> Self {
        let mut names = Rows::headless(Vec::new());
        names.text(&service.namespace);
        names.text(&service.name);
        names.text(&workload.object());
        names.text(hpa.map_or("", |(hpa, _)| &hpa.name));
        Self {
            service,
            samples: service.samples.iter(),
            counts: workload.counts.along(),
            desired: hpa.map(|(hpa, _)| hpa.desired.along()),
            needed: Needed {
                steps: hpa.map_or(&[], |(_, figures)| &figures.needed),
                value: None,
            },
            names: names.since(0).to_vec(),
            pods: Cells::default(),
            usage: Cells::default(),
            requests: Cells::default(),
        }
    }

    /// Writes the row of a sample.
    fn row(&mut self, rows: &mut Rows<impl Write>, recording: &Recording, sample: &Sample) {
        let time = sample.time;
        rows.seconds(time);
        rows.again(&self.names);
        let pods = Pods {
            // What held just before the end of the step is what its load needs.
            needed: self.needed.at(time.as_secs_f64() - 1e-6),
            desired: self.desired.as_mut().and_then(|desired| desired.at(time)),
            counts: self.counts.at(time).unwrap_or_default(),
        };
        self.pods.write(rows, pods, write_pods);
        let usage = Usage(Sample {
            time: SimTime::ZERO,
            ..*sample
        });
        self.usage.write(rows, usage, write_usage);
        let window = window(recording, self.service, sample);
        let window = Window {
            start: SimTime::ZERO,
            ..window.copied().unwrap_or_default()
        };
        self.requests.write(rows, window, write_requests);
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
    let mut all = Series::of(recording, summary);
    loop {
        let mut is_over = true;
        for series in &mut all {
            if let Some(sample) = series.samples.next() {
                is_over = false;
                series.row(&mut rows, recording, &sample);
                rows.end()?;
            }
        }
        if is_over {
            return rows.finish();
        }
    }
}

fn write_pods(rows: &mut Rows<impl Write>, pods: &Pods) {
    rows.rounded(pods.needed.unwrap_or(f64::NAN));
    rows.optional(pods.desired);
    let counts = &pods.counts;
    for pods in [
        counts.pending,
        counts.starting,
        counts.running,
        counts.ready,
        counts.terminating,
    ] {
        rows.int(pods);
    }
}

fn write_usage(rows: &mut Rows<impl Write>, Usage(sample): &Usage) {
    rows.float(sample.cpu_offered, 4);
    rows.float(sample.cpu_used, 4);
    rows.float(sample.cpu_requested, 4);
    rows.float(100.0 * sample.cpu_used / sample.cpu_requested, 2);
    rows.rounded(sample.memory_used);
    rows.int(sample.in_service);
    rows.int(sample.queued);
}

fn write_requests(rows: &mut Rows<impl Write>, window: &Window) {
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
