//! Kind `vpa-recommender`: recorded usage fed to the recommender, its recommendations, its
//! histograms and its checkpoints compared.
//!
//! A line is a case: flags, policies and events in order. Every recommendation and every
//! restart is a step. Recommendations and checkpoints' integers have to be equal, weights
//! within the table recordings' tolerance of 1e-9.

mod compare;
mod input;

use std::collections::BTreeMap;

use input::{Case, Event};

use super::vpa_input::PolicyJson;
use super::{Difference, ReplayError, Report};
use crate::autoscaler::vpa::recommender::{Checkpoint, PodKey, Recommender};
use crate::autoscaler::vpa::{RecommenderFlags, VpaSpec, WallClock};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

/// Replays every case of a JSON Lines recording.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    super::lines::replay(text, replay_case)
}

/// A pod as the recording names it.
struct KnownPod<'a> {
    key: PodKey,
    labels: u32,
    containers: Vec<&'a str>,
}

/// The recommender and what the recording calls its pods.
struct Replay<'a> {
    vpa: VpaSpec,
    flags: RecommenderFlags,
    recommender: Recommender,
    pods: BTreeMap<&'a str, KnownPod<'a>>,
    /// Label versions; a label set's number is its place.
    labels: Vec<&'a str>,
}

impl<'a> Replay<'a> {
    fn new(case: &Case) -> Result<Self, serde_json::Error> {
        let mut flags = RecommenderFlags::default();
        input::set_flags(&case.flags, |name, text| flags.set(name, text))?;
        let policies = case.container_policies.iter().map(PolicyJson::read);
        let mut vpa = VpaSpec {
            container_policies: policies.collect::<Result<_, _>>()?,
            ..VpaSpec::default()
        };
        for (key, value) in &case.annotations {
            vpa.read_annotation(key, value);
        }
        let recommender = Recommender::new(vpa.clone(), flags.clone(), WallClock::default());
        Ok(Self {
            vpa,
            flags,
            recommender,
            pods: BTreeMap::new(),
            labels: Vec::new(),
        })
    }

    fn add_pod(&mut self, pod: &'a str, labels: u32, containers: Vec<&'a str>, now: SimTime) {
        let known = KnownPod {
            key: self
                .recommender
                .add_pod(labels, containers.iter().copied(), now),
            labels,
            containers,
        };
        self.pods.insert(pod, known);
    }

    fn label_set(&mut self, version: &'a str) -> u32 {
        let known = self.labels.iter().position(|label| *label == version);
        let place = known.unwrap_or_else(|| {
            self.labels.push(version);
            self.labels.len() - 1
        });
        place as u32
    }

    /// The pod's key and the container's place in it.
    fn find(&self, pod: &str, container: &str) -> Option<(PodKey, usize)> {
        let pod = self.pods.get(pod)?;
        let place = pod.containers.iter().position(|name| *name == container)?;
        Some((pod.key, place))
    }

    /// Feeds an event that has no output.
    fn feed(&mut self, event: &'a Event, now: SimTime) {
        match event {
            Event::Pod {
                pod,
                labels,
                containers,
                ..
            } => {
                let containers: Vec<&str> = containers.keys().map(String::as_str).collect();
                let labels = self.label_set(labels);
                let Some(known) = self.pods.get_mut(pod.as_str()) else {
                    return self.add_pod(pod, labels, containers, now);
                };
                known.labels = labels;
                self.recommender.relabel_pod(known.key, labels, now);
                for name in containers {
                    if !known.containers.contains(&name) {
                        self.recommender.add_container(known.key, name, now);
                        known.containers.push(name);
                    }
                }
            }
            Event::Delete { pod, .. } => {
                if let Some(known) = self.pods.remove(pod.as_str()) {
                    self.recommender.remove_pod(known.key);
                }
            }
            Event::Sample {
                pod,
                container,
                cpu,
                memory,
                ..
            } => {
                if let Some((key, place)) = self.find(pod, container) {
                    let recommender = &mut self.recommender;
                    recommender.add_cpu_sample(key, place, Millicores(*cpu), now);
                    recommender.add_memory_sample(key, place, Bytes(*memory), now);
                }
            }
            Event::Oom {
                pod,
                container,
                requested,
                ..
            } => {
                if let Some((key, place)) = self.find(pod, container) {
                    self.recommender
                        .record_oom(key, place, Bytes(*requested), now);
                }
            }
            Event::Restart { .. } | Event::Recommend { .. } => {}
        }
    }

    /// Saves checkpoints, starts anew from them and adds the pods again.
    fn restart(&mut self, now: SimTime) -> Vec<Checkpoint> {
        let checkpoints = self.recommender.checkpoints(now);
        self.recommender =
            Recommender::new(self.vpa.clone(), self.flags.clone(), WallClock::default());
        for checkpoint in &checkpoints {
            // Its own checkpoints fit a recommender with the same flags.
            let _ = self.recommender.load_checkpoint(checkpoint, now);
        }
        for (pod, known) in std::mem::take(&mut self.pods) {
            self.add_pod(pod, known.labels, known.containers, now);
        }
        checkpoints
    }
}

fn replay_case(case: &Case, report: &mut Report) -> Result<(), serde_json::Error> {
    let mut replay = Replay::new(case)?;
    let mut outputs = case.out.iter();
    for event in &case.events {
        let now = SimTime::from_secs(event.time());
        let found = match event {
            Event::Restart { .. } => {
                let checkpoints = replay.restart(now);
                compare::checkpoints(outputs.next(), &checkpoints)
            }
            Event::Recommend { .. } => {
                replay.recommender.recommend(now);
                let found = compare::recommendations(outputs.next(), &mut replay.recommender);
                if case.gc {
                    replay.recommender.collect_garbage(now);
                }
                found
            }
            input => {
                replay.feed(input, now);
                continue;
            }
        };
        report.step(found.map(|(field, expected, got)| Difference {
            place: format!("{} (t={} s) {field}", case.id, event.time()),
            expected,
            got,
            input: case.note.clone(),
        }));
    }
    Ok(())
}
