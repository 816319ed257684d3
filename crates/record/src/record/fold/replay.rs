//! A recording with all its series, folded afterwards: those that are made by hand, and the long way
//! round for tests.

use super::super::recording::{Counts, Recording, Sample};
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
        let counts: Vec<_> = (recording.workloads.iter())
            .map(|workload| workload.counts.steps())
            .collect();
        let samples: Vec<Vec<Sample>> = (recording.services.iter())
            .map(|service| service.samples.iter().collect())
            .collect();
        for (time, what) in happened(recording, &counts, &samples) {
            match what {
                What::Counts(workload, place) => {
                    folds.counts(workload, time, counts[workload][place].1);
                }
                What::Sample(place, service) => folds.sample(service, &samples[service][place]),
                what => folds.replay(recording, time, what),
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
            What::Ready(pod) => {
                let record = &recording.pods[pod];
                let mut hpas = recording.hpas.iter();
                let hpa = hpas.find(|hpa| hpa.workload == record.workload);
                let decided = hpa.and_then(|hpa| hpa.desired.since(record.created));
                self.pod_ready(pod, record, decided, time);
            }
            What::Counts(..) | What::Sample(..) => {}
        }
    }
}

/// Everything that happened, in the order of time.
fn happened(
    recording: &Recording,
    counts: &[Vec<(SimTime, Counts)>],
    samples: &[Vec<Sample>],
) -> Vec<(SimTime, What)> {
    let mut all = Vec::new();
    for (place, one) in recording.disruptions.iter().enumerate() {
        all.push((one.time, What::Disruption(place)));
    }
    for (place, pod) in recording.pods.iter().enumerate() {
        all.extend(pod.ready.map(|ready| (ready, What::Ready(place))));
    }
    for (place, hpa) in recording.hpas.iter().enumerate() {
        for (number, spec) in hpa.specs.iter().enumerate().skip(1) {
            all.push((spec.since, What::Spec(place, number)));
        }
        let mut syncs: Vec<SimTime> = hpa.desired.iter().map(|step| step.0).collect();
        for seen in hpa.metric_values.iter().chain([&hpa.asked]) {
            syncs.extend(seen.iter().map(|step| step.0));
        }
        syncs.sort_unstable();
        syncs.dedup();
        all.extend(syncs.into_iter().map(|time| (time, What::Sync(place))));
    }
    for (workload, steps) in counts.iter().enumerate() {
        let steps = steps.iter().enumerate();
        all.extend(steps.map(|(place, step)| (step.0, What::Counts(workload, place))));
    }
    for (service, own) in samples.iter().enumerate() {
        let own = own.iter().enumerate();
        all.extend(own.map(|(place, sample)| (sample.time, What::Sample(place, service))));
    }
    all.sort_unstable();
    all
}
