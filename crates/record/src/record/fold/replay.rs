//! A recording with all its series, folded afterwards.

use std::ops::Range;

use super::super::recording::Recording;
use super::{Folded, Folds, Phase};
use crate::sim::SimTime;

/// What happened at an instant, in the order in which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Disruption(usize),
    /// An HPA and the place among its specs.
    Spec(usize, usize),
    /// An HPA and places in its curve of written numbers, and in those of its metrics.
    Sync(usize),
    /// A workload and the place in its curve.
    Counts(usize, usize),
    Ready(usize),
    /// A place in the series, and the service.
    Sample(usize, usize),
}

impl Folds {
    /// Folds a recording whose series are there, steps of the load one by one.
    pub fn of(recording: &Recording) -> Folded {
        let mut folds = Self::new(recording, true);
        let single = single(recording);
        let mut what = Vec::new();
        for slice in slices(recording) {
            happened(recording, &single, &slice, &mut what);
            what.sort_unstable();
            for (time, what) in what.drain(..) {
                folds.replay(recording, time, what);
            }
        }
        for pod in &recording.pods {
            folds.pod_created(pod);
            for phase in Phase::of(pod) {
                folds.phase(pod.workload, &phase);
            }
        }
        for (place, service) in recording.services.iter().enumerate() {
            for window in &service.windows {
                folds.window(place, window);
            }
        }
        for (place, vpa) in recording.vpas.iter().enumerate() {
            for (container, record) in vpa.containers.iter().enumerate() {
                for row in &record.rows {
                    folds.row(place, container, row);
                }
                if let Some(request) = record.at_end {
                    folds.vpa_at_end(place, container, request);
                }
            }
        }
        folds.finish()
    }

    fn replay(&mut self, recording: &Recording, time: SimTime, what: What) {
        match what {
            What::Disruption(place) => self.disruption(&recording.disruptions[place]),
            What::Spec(hpa, place) => self.respec(hpa, &recording.hpas[hpa].specs[place]),
            What::Sync(hpa) => {
                let record = &recording.hpas[hpa];
                let Some(desired) = record.desired.at(time) else {
                    return;
                };
                let values: Vec<Option<f64>> = (record.metric_values.iter())
                    .map(|values| values.at(time))
                    .collect();
                self.sync(hpa, time, desired, &values, record.asked.at(time));
            }
            What::Counts(workload, place) => {
                let counts = recording.workloads[workload].counts.steps()[place].1;
                self.counts(workload, time, counts);
            }
            What::Ready(pod) => {
                let record = &recording.pods[pod];
                let mut hpas = recording.hpas.iter();
                let hpa = hpas.find(|hpa| hpa.workload == record.workload);
                let decided = hpa.and_then(|hpa| hpa.desired.since(record.created));
                self.pod_ready(pod, record, decided, time);
            }
            What::Sample(place, service) => {
                self.sample(service, &recording.services[service].samples[place]);
            }
        }
    }
}

/// The run in slices, so that what happened is in memory for one of them at a time; the last one
/// has no end.
fn slices(recording: &Recording) -> impl Iterator<Item = Range<SimTime>> {
    const SLICES: i64 = 64;
    let length = (recording.duration.0 / SLICES).max(1);
    let edge = move |place: i64| match place {
        0 => SimTime(i64::MIN),
        SLICES => SimTime(i64::MAX),
        _ => SimTime(place * length),
    };
    (0..SLICES).map(move |place| edge(place)..edge(place + 1))
}

/// The places of what lies within a slice, times ascending.
fn within<T>(all: &[T], slice: &Range<SimTime>, time: impl Fn(&T) -> SimTime) -> Range<usize> {
    let from = all.partition_point(|one| time(one) < slice.start);
    let count = all[from..].partition_point(|one| time(one) < slice.end);
    from..from + count
}

/// What is not recorded in the order of time, in that order.
fn single(recording: &Recording) -> Vec<(SimTime, What)> {
    let mut all = Vec::new();
    for (place, one) in recording.disruptions.iter().enumerate() {
        all.push((one.time, What::Disruption(place)));
    }
    for (place, hpa) in recording.hpas.iter().enumerate() {
        for (number, spec) in hpa.specs.iter().enumerate().skip(1) {
            all.push((spec.since, What::Spec(place, number)));
        }
    }
    for (place, pod) in recording.pods.iter().enumerate() {
        all.extend(pod.ready.map(|ready| (ready, What::Ready(place))));
    }
    all.sort_unstable();
    all
}

/// Everything that happened within a slice, with its time.
fn happened(
    recording: &Recording,
    single: &[(SimTime, What)],
    slice: &Range<SimTime>,
    all: &mut Vec<(SimTime, What)>,
) {
    all.extend(&single[within(single, slice, |one| one.0)]);
    let mut syncs: Vec<SimTime> = Vec::new();
    for (place, hpa) in recording.hpas.iter().enumerate() {
        let written = hpa.desired.steps();
        let written = &written[within(written, slice, |step| step.0)];
        syncs.extend(written.iter().map(|step| step.0));
        for seen in hpa.metric_values.iter().chain([&hpa.asked]) {
            let seen = &seen.steps()[within(seen.steps(), slice, |step| step.0)];
            syncs.extend(seen.iter().map(|step| step.0));
        }
        syncs.sort_unstable();
        syncs.dedup();
        all.extend(syncs.drain(..).map(|time| (time, What::Sync(place))));
    }
    for (workload, record) in recording.workloads.iter().enumerate() {
        let steps = record.counts.steps();
        for place in within(steps, slice, |step| step.0) {
            all.push((steps[place].0, What::Counts(workload, place)));
        }
    }
    for (service, record) in recording.services.iter().enumerate() {
        for place in within(&record.samples, slice, |sample| sample.time) {
            all.push((record.samples[place].time, What::Sample(place, service)));
        }
    }
}
