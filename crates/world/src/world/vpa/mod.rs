//! The Vertical Pod Autoscaler's three components in the world: what they observe is
//! gathered here, what they decide is carried out here. The decisions themselves are
//! `autoscaler::vpa`'s.
//!
//! One recommender for all VPAs, fed with all pods by one event per `recommender-interval`; one
//! updater that goes over all VPAs each `updater-interval`; admission at the creation of each
//! pod. New recommendations are in a VPA's status at once.

mod admit;
mod boost;
mod evictions;
mod held;
mod labels;
mod live_pods;
mod observe;
mod recommend;
mod target;
mod update;

use std::sync::Arc;

use crate::api::{
    LabelSelector, Labels, Pod, PodId, Store, VerticalPodAutoscaler, VpaId, WorkloadId,
};
use crate::autoscaler::vpa::recommender::{ClusterState, PodKey, Status, VpaKey};
use crate::autoscaler::vpa::updater::Updater;
use crate::autoscaler::vpa::{Recommendation, VpaSpec};
use crate::metrics::server::PodMetrics;
use crate::record::{VpaContainerRecord, VpaRecord};
use crate::scenario::Scenario;
use crate::scenario::model::VpaObject;
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

use super::{Event, Simulation};
use labels::{GonePod, LabelSets};
use target::Target;

pub(super) use boost::Boosted;
pub(super) use labels::KnownPod;

/// The state of the VPA's components.
#[derive(Debug, Clone)]
pub(super) struct Vpas {
    /// The recommender's memory.
    cluster: ClusterState,
    labels: LabelSets,
    /// All VPAs in the order of their creation; deleted ones keep their place.
    all: Vec<Vpa>,
    updater: Updater,
    /// Pods that are gone since the recommender's last pass.
    gone: Vec<GonePod>,
    /// Kills that the recommender has not heard of yet.
    ooms: Vec<OutOfMemory>,
    /// Whether the components' passes are scheduled.
    runs: bool,
    /// What metrics-server answers; kept for its allocation.
    metrics: PodMetrics,
}

/// A VPA.
#[derive(Debug, Clone)]
struct Vpa {
    id: VpaId,
    /// Its key in the recommender, as long as that knows of it.
    key: Option<VpaKey>,
    /// What the recommender has left in its status, if that knows of it no more.
    status: Status,
    /// The spec that the recommender knows of.
    spec: Arc<VpaSpec>,
    /// The selector that the recommender knows of; none selects nothing.
    selector: Option<Arc<LabelSelector>>,
    /// What it acts on; the error is why it acts on nothing.
    target: Result<Target, String>,
    /// Its place in the recording, once it has had a target.
    record: Option<usize>,
    /// Evictions whose replacements are still to come.
    evictions: evictions::Evictions,
}

/// A container that was killed at its memory limit, or because of which its pod was evicted.
#[derive(Debug, Clone, Copy)]
struct OutOfMemory {
    pod: PodId,
    /// The pod's key in the recommender, if that knows it already.
    key: Option<PodKey>,
    container: usize,
    /// The memory it had requested, or had in use when its pod was evicted.
    requested: Bytes,
    /// When that was.
    killed: SimTime,
}

impl Vpas {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let config = &scenario.controllers.vpa;
        let gates = config.gates;
        Self {
            cluster: ClusterState::new(config.recommender.clone(), gates.recommender, config.clock),
            labels: LabelSets::default(),
            all: Vec::new(),
            updater: Updater::with_gates(config.updater.clone(), gates.updater),
            gone: Vec::new(),
            ooms: Vec::new(),
            runs: false,
            metrics: PodMetrics::default(),
        }
    }

    /// Forgets a pod whose object is gone.
    pub(super) fn pod_deleted(&mut self, known: Option<&KnownPod>, pod: Option<&Pod>) {
        self.gone.extend(known.zip(pod).map(|(known, pod)| GonePod {
            key: known.key,
            namespace: Arc::clone(&pod.meta.namespace),
            name: Arc::clone(&pod.meta.name),
        }));
    }

    /// A VPA's recommendations, as its status shows them; none before the recommender's first
    /// pass over it, or if that does not act on it.
    fn recommendations(&self, index: usize) -> Option<&[Recommendation]> {
        let vpa = &self.all[index];
        let known = vpa.key.and_then(|key| self.cluster.vpa(key));
        known
            .map_or(&vpa.status, |known| known.status())
            .recommendations()
    }

    /// The VPAs that select these labels, as the recommender knows them.
    fn selecting(&self, namespace: &str, labels: &Labels, store: &Store) -> Vec<VpaKey> {
        let selects = |vpa: &&Vpa| {
            let selector = vpa.selector.as_ref();
            let object = store.vpa(vpa.id);
            object.is_some_and(|object| *object.meta.namespace == *namespace)
                && selector.is_some_and(|selector| selector.matches(labels))
        };
        (self.all.iter().filter(selects))
            .filter_map(|vpa| vpa.key)
            .collect()
    }
}

/// The record of a VPA of the scenario, without rows yet.
fn record(vpa: &VpaObject, workload: usize, containers: Vec<String>) -> VpaRecord {
    VpaRecord {
        namespace: vpa.namespace.as_str().into(),
        name: vpa.name.clone(),
        workload,
        mode: vpa.spec.update_mode.name(),
        containers: (containers.into_iter())
            .map(|name| VpaContainerRecord {
                name,
                ..VpaContainerRecord::default()
            })
            .collect(),
        ..VpaRecord::default()
    }
}

/// The records of the scenario's VPAs that have a workload.
pub(super) fn records(scenario: &Scenario) -> Vec<VpaRecord> {
    let record = |vpa: &VpaObject| {
        let workload = vpa.workload?;
        let containers = scenario.workloads[workload].template.containers.iter();
        let names = containers.map(|container| container.name.clone());
        Some(record(vpa, workload, names.collect()))
    };
    scenario.vpas.iter().filter_map(record).collect()
}

/// True if a VPA comes before another one in the order to control a pod (`Stronger`): the older
/// one, of the same age the first by name.
fn is_stronger(one: &VerticalPodAutoscaler, other: &VerticalPodAutoscaler) -> bool {
    let rank = |vpa: &VerticalPodAutoscaler| {
        (
            vpa.meta.created.truncate_to_second(),
            Arc::clone(&vpa.meta.name),
        )
    };
    rank(one) < rank(other)
}

impl Simulation<'_> {
    /// The strongest of the VPAs that target a workload, select these labels and pass the filter
    /// (`GetControllingVPAForPod`).
    fn controlling_vpa(
        &self,
        workload: WorkloadId,
        labels: &Labels,
        passes: impl Fn(&VpaSpec) -> bool,
    ) -> Option<usize> {
        let mut strongest: Option<(usize, &VerticalPodAutoscaler)> = None;
        for (index, vpa) in self.vpas.all.iter().enumerate() {
            let Some(object) = self.store.vpa(vpa.id) else {
                continue;
            };
            let targets = (vpa.target.as_ref())
                .is_ok_and(|own| own.workload == workload && own.selector.matches(labels));
            if targets
                && passes(&object.spec)
                && strongest.is_none_or(|(_, other)| is_stronger(object, other))
            {
                strongest = Some((index, object));
            }
        }
        strongest.map(|(index, _)| index)
    }

    /// Takes up a VPA of which an object was created.
    pub(super) fn add_vpa(&mut self, id: VpaId, object: &VpaObject, now: SimTime) {
        let records = &self.recorder.recording.vpas;
        let same = |record: &VpaRecord| {
            record.name == object.name && *record.namespace == *object.namespace
        };
        let record = records.iter().position(same);
        self.vpas.all.push(Vpa {
            id,
            key: None,
            status: Status::default(),
            spec: Arc::default(),
            selector: None,
            target: Err(String::new()),
            record,
            evictions: evictions::Evictions::default(),
        });
        let index = self.vpas.all.len() - 1;
        self.find_vpa_target(index);
        if now > SimTime::ZERO {
            self.run_vpas();
        }
    }

    /// A VPA's object has changed: updater and admission heed it at once, the recommender in
    /// its next pass.
    pub(super) fn change_vpa(&mut self, id: VpaId) {
        if let Some(index) = self.vpas.all.iter().position(|vpa| vpa.id == id) {
            self.find_vpa_target(index);
        }
    }

    /// Lets the recommender know the VPAs of the start with their pasts, and schedules the first
    /// passes. Where an action may bring a VPA, the recommender watches the pods from the start.
    pub(super) fn start_vpas(&mut self) {
        let scenario = self.scenario;
        self.load_vpas(SimTime::ZERO);
        for (index, object) in scenario.vpas.iter().enumerate() {
            let Some(key) = self.vpas.all[index].key else {
                continue;
            };
            for checkpoint in &object.checkpoints {
                // The scenario's reader has loaded each once, so none is refused here.
                let cluster = &mut self.vpas.cluster;
                let _ = cluster.load_checkpoint(key, checkpoint, SimTime::ZERO);
            }
            if !object.history.is_empty() {
                self.load_history(index, &object.history);
            }
        }
        let brings_vpa = |value: &serde_json::Value| value["kind"] == "VerticalPodAutoscaler";
        let mut actions = scenario.actions.iter();
        let expected = actions.any(|action| action.documents.iter().any(brings_vpa));
        if !self.vpas.all.is_empty() || expected {
            self.run_vpas();
        }
    }

    /// Schedules the first passes, at random within their intervals.
    fn run_vpas(&mut self) {
        if std::mem::replace(&mut self.vpas.runs, true) {
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
