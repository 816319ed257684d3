//! What the recommender knew before the simulation began: checkpoints and past usage.
//!
//! Pure readers of text, one per format: `kubectl get vpacheckpoint -o json`
//! ([`Checkpoints`]), a CSV of usage and the answers of a Prometheus range query
//! ([`UsageHistory`]). Usage is fed as `InitFromHistoryProvider` of
//! `pkg/recommender/input/cluster_feeder.go` does: pod by pod, container by container, in
//! order of time.

mod checkpoints;
mod csv;
mod prometheus;

pub use checkpoints::{Checkpoints, StoredCheckpoint};
pub use prometheus::SeriesLabels;

use indexmap::IndexMap;

use super::{ClusterState, LabelSet, Recommender, VpaKey};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The text is not JSON, or not of the expected shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A line of the CSV.
    #[error("line {line}: {problem}")]
    Csv {
        /// Line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A part of a document.
    #[error("{place}: {problem}")]
    Content {
        /// Which part.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// An amount of one resource that a container used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// CPU.
    Cpu(Millicores),
    /// Memory.
    Memory(Bytes),
}

/// Usage of a container from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSample {
    /// Start of the measurement.
    pub time: SimTime,
    /// How much.
    pub usage: Usage,
}

/// Past usage by pod and container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageHistory {
    pods: IndexMap<String, IndexMap<String, Vec<UsageSample>>>,
}

impl UsageHistory {
    /// Adds a sample.
    pub fn add(&mut self, pod: &str, container: &str, sample: UsageSample) {
        if !self.pods.contains_key(pod) {
            self.pods.insert(pod.to_owned(), IndexMap::new());
        }
        let containers = &mut self.pods[pod];
        if !containers.contains_key(container) {
            containers.insert(container.to_owned(), Vec::new());
        }
        containers[container].push(sample);
    }

    /// How many samples it holds.
    pub fn len(&self) -> usize {
        let containers = self.pods.values().flat_map(IndexMap::values);
        containers.map(Vec::len).sum()
    }

    /// Whether it holds no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of the latest sample.
    pub fn latest(&self) -> Option<SimTime> {
        let samples = self.pods.values().flat_map(IndexMap::values).flatten();
        samples.map(|sample| sample.time).max()
    }

    /// The names of all containers, in their order.
    pub fn containers(&self) -> Vec<String> {
        let names = self.pods.values().flat_map(IndexMap::keys).cloned();
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Leaves out the samples before an instant.
    pub fn forget_before(&mut self, start: SimTime) {
        for samples in self.pods.values_mut().flat_map(IndexMap::values_mut) {
            samples.retain(|sample| sample.time >= start);
        }
    }

    /// Adds the samples of another history, for example of the other resource.
    pub fn merge(&mut self, other: Self) {
        for (pod, containers) in other.pods {
            for (container, samples) in containers {
                for sample in samples {
                    self.add(&pod, &container, sample);
                }
            }
        }
    }
}

impl ClusterState {
    /// Learns from past usage of pods that are gone by now; their labels count as `labels`, which
    /// these VPAs select. Returns how many samples were taken; the others are duplicates.
    pub fn preload(
        &mut self,
        history: &UsageHistory,
        labels: LabelSet,
        selected_by: &[VpaKey],
        now: SimTime,
    ) -> usize {
        let mut taken = 0;
        for containers in history.pods.values() {
            let names = containers.keys().map(String::as_str);
            let pod = self.add_pod(labels, selected_by.iter().copied(), names, now);
            for (place, samples) in containers.values().enumerate() {
                let mut samples = samples.clone();
                samples.sort_by_key(|sample| sample.time);
                for UsageSample { time, usage } in samples {
                    let added = match usage {
                        Usage::Cpu(cpu) => self.add_cpu_sample(pod, place, cpu, time),
                        Usage::Memory(memory) => self.add_memory_sample(pod, place, memory, time),
                    };
                    taken += usize::from(added);
                }
            }
            self.remove_pod(pod);
        }
        taken
    }
}

impl Recommender {
    /// As [`ClusterState::preload`].
    pub fn preload(&mut self, history: &UsageHistory, labels: LabelSet, now: SimTime) -> usize {
        self.cluster.preload(history, labels, &[self.vpa], now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::vpa::{RecommenderFlags, VpaSpec, WallClock};

    #[test]
    fn a_preloaded_recommender_answers_at_once() {
        let mut history = UsageHistory::default();
        for minute in (0..1440).rev() {
            let time = SimTime::from_secs(-60 * minute);
            for usage in [Usage::Cpu(Millicores(400)), Usage::Memory(Bytes::GIB)] {
                history.add("api-0", "api", UsageSample { time, usage });
            }
        }
        let clock = WallClock::default();
        let mut recommender =
            Recommender::new(VpaSpec::default(), RecommenderFlags::default(), clock);
        assert_eq!(recommender.preload(&history, 0, SimTime::ZERO), 2880);
        assert_eq!(
            recommender.preload(&UsageHistory::default(), 0, SimTime::ZERO),
            0
        );
        let [recommendation] = recommender.recommend(SimTime::ZERO) else {
            panic!("one container");
        };
        let target = recommendation.target;
        assert!((460..500).contains(&target.cpu.expect("CPU is controlled").milli_value()));
        assert!(target.memory.expect("memory is controlled").value() > Bytes::GIB.0);
    }

    #[test]
    fn histories_of_both_resources_merge_by_container() {
        let sample = |usage| UsageSample {
            time: SimTime::ZERO,
            usage,
        };
        let (mut cpu, mut memory) = (UsageHistory::default(), UsageHistory::default());
        cpu.add("a", "api", sample(Usage::Cpu(Millicores(1))));
        memory.add("a", "api", sample(Usage::Memory(Bytes(1))));
        memory.add("b", "api", sample(Usage::Memory(Bytes(2))));
        cpu.merge(memory);
        assert_eq!((cpu.len(), cpu.pods["a"]["api"].len()), (3, 2));
    }
}
