//! The Vertical Pod Autoscaler's three components in the world: what they observe is
//! gathered here, what they decide is carried out here. The decisions themselves are
//! `autoscaler::vpa`'s.
//!
//! One recommender per VPA, all fed by one event per `recommender-interval`; one updater that
//! goes over all VPAs each `updater-interval`; admission at the creation of each pod. New
//! recommendations are in the VPA's status at once.

mod admit;
mod recommend;
mod update;

use crate::autoscaler::vpa::recommender::{PodKey, Recommender};
use crate::autoscaler::vpa::updater::Updater;
use crate::cluster::PodId;
use crate::metrics::server::PodMetrics;
use crate::record::{VpaContainerRecord, VpaRecord};
use crate::scenario::Scenario;
use crate::scenario::model::VpaObject;
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

use super::{Event, World};

/// The state of the VPA's components.
#[derive(Debug, Clone)]
pub(super) struct Vpas {
    objects: Vec<Vpa>,
    updater: Updater,
    /// The VPA of each workload.
    of_workload: Vec<Option<usize>>,
    /// What metrics-server answers; kept for its allocation.
    metrics: PodMetrics,
}

/// What is known of one VPA's pods.
#[derive(Debug, Clone)]
struct Vpa {
    recommender: Recommender,
    /// Pods that are gone since the last pass.
    gone: Vec<PodKey>,
    /// Kills that the recommender has not heard of yet.
    ooms: Vec<OutOfMemory>,
}

/// A container that was killed at its memory limit and runs again.
#[derive(Debug, Clone, Copy)]
struct OutOfMemory {
    pod: PodId,
    container: usize,
    /// The memory it had requested.
    requested: Bytes,
    /// When it was killed.
    killed: SimTime,
}

impl Vpas {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut of_workload = vec![None; scenario.workloads.len()];
        for (index, vpa) in scenario.vpas.iter().enumerate() {
            of_workload[vpa.workload] = Some(index);
        }
        let config = &scenario.controllers.vpa;
        let object = |vpa: &VpaObject| {
            let mut recommender =
                Recommender::new(vpa.spec.clone(), config.recommender.clone(), config.clock);
            for checkpoint in &vpa.checkpoints {
                // The scenario's reader has loaded each once, so none is refused here.
                let _ = recommender.load_checkpoint(checkpoint, SimTime::ZERO);
            }
            recommender.preload(&vpa.history, PAST_LABELS, SimTime::ZERO);
            Vpa {
                recommender,
                gone: Vec::new(),
                ooms: Vec::new(),
            }
        };
        Self {
            objects: scenario.vpas.iter().map(object).collect(),
            updater: Updater::new(config.updater.clone(), config.in_place),
            of_workload,
            metrics: PodMetrics::default(),
        }
    }

    /// Forgets a pod whose object is gone.
    pub(super) fn pod_deleted(&mut self, workload: usize, key: Option<PodKey>) {
        if let (Some(vpa), Some(key)) = (self.of_workload[workload], key) {
            self.objects[vpa].gone.push(key);
        }
    }
}

/// The labels of pods that only history knows: those of the template.
const PAST_LABELS: u32 = 0;

/// The records of a scenario's VPAs, without rows yet.
pub(super) fn records(scenario: &Scenario) -> Vec<VpaRecord> {
    let record = |vpa: &VpaObject| {
        let containers = &scenario.workloads[vpa.workload].template.containers;
        let containers = containers.iter().map(|container| VpaContainerRecord {
            name: container.name.clone(),
            rows: Vec::new(),
        });
        VpaRecord {
            namespace: vpa.namespace.as_str().into(),
            name: vpa.name.clone(),
            workload: vpa.workload,
            mode: vpa.spec.update_mode.name(),
            containers: containers.collect(),
            checkpoints: Vec::new(),
        }
    };
    scenario.vpas.iter().map(record).collect()
}

impl World<'_> {
    /// Schedules the first passes, at random within their intervals.
    pub(super) fn start_vpas(&mut self) {
        if self.scenario.vpas.is_empty() {
            return;
        }
        let config = &self.scenario.controllers.vpa;
        let recommender = config.recommender.recommender_interval;
        let updater = config.updater.updater_interval;
        for (interval, event) in [
            (recommender, Event::VpaRecommender),
            (updater, Event::VpaUpdater),
        ] {
            let phase = SimDuration((interval.0 as f64 * self.vpa_stream.unit()) as i64);
            self.queue.schedule_in(phase, event);
        }
    }
}
