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

use std::sync::Arc;

use crate::api::{PodId, VpaId, WorkloadId};
use crate::autoscaler::vpa::recommender::{PodKey, Recommender};
use crate::autoscaler::vpa::updater::Updater;
use crate::autoscaler::vpa::{UpdateMode, VpaSpec};
use crate::metrics::server::PodMetrics;
use crate::record::{VpaContainerRecord, VpaRecord};
use crate::scenario::Scenario;
use crate::scenario::model::VpaObject;
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

use super::{Event, Simulation};

/// The state of the VPA's components.
#[derive(Debug, Clone)]
pub(super) struct Vpas {
    objects: Vec<Vpa>,
    /// Which of the scenario's VPAs they are, and the workload of each.
    simulated: Vec<(usize, usize)>,
    /// The objects of the scenario's VPAs, in its order.
    ids: Vec<VpaId>,
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
    /// OOM kills that the recommender has not seen yet.
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
        let simulated = simulated(scenario);
        let mut of_workload = vec![None; scenario.workloads.len()];
        for (index, (_, workload)) in simulated.iter().enumerate() {
            of_workload[*workload] = Some(index);
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
            objects: simulated
                .iter()
                .map(|(place, _)| object(&scenario.vpas[*place]))
                .collect(),
            simulated,
            ids: Vec::new(),
            updater: Updater::new(config.updater.clone(), config.in_place),
            of_workload,
            metrics: PodMetrics::default(),
        }
    }

    /// The object of the scenario's next VPA.
    pub(super) fn know(&mut self, id: VpaId) {
        self.ids.push(id);
    }

    /// The spec of a VPA is this from now on.
    pub(super) fn set_spec(&mut self, id: VpaId, spec: &VpaSpec) {
        let place = self.ids.iter().position(|known| *known == id);
        let simulated = self.simulated.iter();
        let index = simulated
            .enumerate()
            .find(|(_, (of, _))| Some(*of) == place);
        if let Some((index, _)) = index {
            self.objects[index].recommender.set_spec(spec.clone());
        }
    }

    /// The VPA of a workload.
    fn of(&self, workload: WorkloadId) -> Option<usize> {
        self.of_workload.get(workload.index()).copied().flatten()
    }

    /// Forgets a pod whose object is gone.
    pub(super) fn pod_deleted(&mut self, workload: WorkloadId, key: Option<PodKey>) {
        if let (Some(vpa), Some(key)) = (self.of(workload), key) {
            self.objects[vpa].gone.push(key);
        }
    }
}

/// The labels of pods that only history knows: those of the template.
const PAST_LABELS: u32 = 0;

/// The VPAs that have a workload, and that workload: of several on one workload the one that
/// acts, else the first by name.
fn simulated(scenario: &Scenario) -> Vec<(usize, usize)> {
    let rank = |vpa: &VpaObject| (vpa.spec.update_mode == UpdateMode::Off, vpa.name.clone());
    let counts = |(place, vpa): (usize, &VpaObject)| {
        let own = vpa.workload?;
        let mut others = scenario.vpas.iter();
        let beaten = others.any(|one| one.workload == Some(own) && rank(one) < rank(vpa));
        (!beaten).then_some((place, own))
    };
    scenario
        .vpas
        .iter()
        .enumerate()
        .filter_map(counts)
        .collect()
}

/// The records of a scenario's VPAs, without rows yet.
pub(super) fn records(scenario: &Scenario) -> Vec<VpaRecord> {
    let record = |(place, workload): (usize, usize)| {
        let vpa = &scenario.vpas[place];
        let containers = &scenario.workloads[workload].template.containers;
        let containers = containers.iter().map(|container| VpaContainerRecord {
            name: container.name.clone(),
            rows: Vec::new(),
        });
        VpaRecord {
            namespace: vpa.namespace.as_str().into(),
            name: vpa.name.clone(),
            workload,
            mode: vpa.spec.update_mode.name(),
            containers: containers.collect(),
            checkpoints: Vec::new(),
        }
    };
    simulated(scenario).into_iter().map(record).collect()
}

impl<'s> Simulation<'s> {
    /// A VPA that is simulated, and its workload.
    fn vpa(&self, index: usize) -> (&'s VpaObject, usize) {
        let (place, workload) = self.vpas.simulated[index];
        (&self.scenario.vpas[place], workload)
    }

    /// The spec of a VPA as it is now; none after its deletion. Pods of the start are admitted
    /// before its object is there.
    fn vpa_spec(&self, index: usize) -> Option<Arc<VpaSpec>> {
        let (place, _) = self.vpas.simulated[index];
        match self.vpas.ids.get(place) {
            Some(id) => self.store.vpa(*id).map(|vpa| Arc::clone(&vpa.spec)),
            None => Some(Arc::new(self.scenario.vpas[place].spec.clone())),
        }
    }

    /// Schedules the first passes, at random within their intervals.
    pub(super) fn start_vpas(&mut self) {
        if self.vpas.objects.is_empty() {
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
