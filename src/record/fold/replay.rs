//! A recording with all its series, folded afterwards.

use super::super::curve::Curve;
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
        let mut what = happened(recording);
        what.sort_unstable();
        for (time, what) in what {
            folds.replay(recording, time, what);
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
                self.sync(hpa, time, desired, &values);
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

/// Everything that happened, with its time.
fn happened(recording: &Recording) -> Vec<(SimTime, What)> {
    let mut all = Vec::new();
    for (place, one) in recording.disruptions.iter().enumerate() {
        all.push((one.time, What::Disruption(place)));
    }
    for (place, hpa) in recording.hpas.iter().enumerate() {
        for (number, spec) in hpa.specs.iter().enumerate().skip(1) {
            all.push((spec.since, What::Spec(place, number)));
        }
        let written = hpa.desired.steps().iter().map(|step| step.0);
        let seen = hpa.metric_values.iter().flat_map(Curve::steps);
        let times = written.chain(seen.map(|step| step.0));
        let mut syncs: Vec<_> = times.map(|time| (time, What::Sync(place))).collect();
        syncs.sort_unstable();
        syncs.dedup();
        all.extend(syncs);
    }
    for (workload, record) in recording.workloads.iter().enumerate() {
        for (place, (time, _)) in record.counts.steps().iter().enumerate() {
            all.push((*time, What::Counts(workload, place)));
        }
    }
    for (place, pod) in recording.pods.iter().enumerate() {
        all.extend(pod.ready.map(|ready| (ready, What::Ready(place))));
    }
    for (service, record) in recording.services.iter().enumerate() {
        for (place, sample) in record.samples.iter().enumerate() {
            all.push((sample.time, What::Sample(place, service)));
        }
    }
    all
}
