//! The recommender's loop: pods, samples and kills in, a recommendation per container out
//! (`RunOnce` of `pkg/recommender/routines/recommender.go`).

use std::sync::Arc;

use super::labels::{GonePod, KnownPod};
use super::{OutOfMemory, Simulation, Vpas};
use crate::api::{ObjectId, Pod, PodId, PodPhase, TerminationReason, VpaStatus, Write};
use crate::autoscaler::vpa::VpaSpec;
use crate::autoscaler::vpa::recommender::history::{StoredCheckpoint, UsageHistory};
use crate::autoscaler::vpa::recommender::{PodKey, VpaKey};
use crate::record::Detail;
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::units::Bytes;
use crate::world::Event;

/// The key of a pod that is gone since the last pass and had the name of this one: a StatefulSet's
/// pods come back under their names, and the recommender goes by names.
fn take_former(gone: &mut Vec<GonePod>, pod: &Pod) -> Option<PodKey> {
    if !matches!(pod.meta.owner, Some(ObjectId::StatefulSet(_))) {
        return None;
    }
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    let same = |former: &GonePod| former.namespace == *namespace && former.name == *name;
    let place = gone.iter().position(same)?;
    Some(gone.remove(place).key)
}

impl Vpas {
    /// The recommender acts on a VPA no more; its status stays as it was.
    fn let_go(&mut self, index: usize) {
        let vpa = &mut self.all[index];
        if let Some(key) = vpa.key.take() {
            vpa.status = self.cluster.remove_vpa(key).unwrap_or_default();
        }
    }
}

impl Simulation<'_> {
    /// One pass over all VPAs.
    pub(in crate::world) fn recommend_vpas(&mut self, now: SimTime) {
        if self.is_down(Component::VpaRecommender, now) {
            // Nobody watches.
            self.vpas.ooms.clear();
            if !self.vpas.all.is_empty() {
                self.blame_fault_of(Component::VpaRecommender, now);
            }
        } else {
            self.load_vpas(now);
            self.load_pods(now);
            let observed = self.load_metrics(now);
            self.load_ooms();
            for gone in self.vpas.gone.drain(..) {
                self.vpas.cluster.remove_pod(gone.key);
            }
            for index in 0..self.vpas.all.len() {
                let Some(key) = self.vpas.all[index].key else {
                    continue;
                };
                self.vpas.cluster.recommend(key, now);
                self.record_recommendations(index, &observed, now);
                let prometheus = self.prometheus.as_ref();
                let is_asked = prometheus.is_some_and(|one| one.asks_for_vpas());
                if self.recorder.detail == Detail::Full || is_asked {
                    self.write_status(index, key, now);
                }
            }
            self.vpas.cluster.collect_garbage(now);
        }
        let flags = &self.scenario.controllers.vpa.recommender;
        let interval = flags.recommender_interval;
        self.queue.schedule_in(interval, Event::VpaRecommender);
    }

    /// Takes over the VPAs as they are, each with what its target selects (`LoadVPAs`); those of
    /// other recommenders and namespaces are let go.
    pub(super) fn load_vpas(&mut self, now: SimTime) {
        let flags = &self.scenario.controllers.vpa.recommender;
        for index in 0..self.vpas.all.len() {
            let object = self.store.vpa(self.vpas.all[index].id);
            let own = object.filter(|vpa| {
                flags.serves(&vpa.spec.recommenders) && flags.watches(&vpa.meta.namespace)
            });
            let Some(spec) = own.map(|object| Arc::clone(&object.spec)) else {
                let is_there = object.is_some();
                self.vpas.let_go(index);
                if is_there {
                    self.record_target(index);
                }
                continue;
            };
            self.refresh_vpa_target(index);
            let key = self.load_vpa(index, &spec);
            let unsupported = self.vpas.all[index].target.as_ref().err().cloned();
            self.vpas.cluster.set_unsupported(key, unsupported, now);
            self.record_target(index);
        }
    }

    /// Takes over one VPA; after a change of what it selects the recommender begins anew with it
    /// (`AddOrUpdateVpa`).
    fn load_vpa(&mut self, index: usize, spec: &Arc<VpaSpec>) -> VpaKey {
        let vpas = &mut self.vpas;
        let vpa = &mut vpas.all[index];
        let selector = vpa.target.as_ref().ok().map(|target| &target.selector);
        if let Some(key) = vpa.key.filter(|_| vpa.selector.as_ref() == selector) {
            if !Arc::ptr_eq(&vpa.spec, spec) {
                vpa.spec = Arc::clone(spec);
                vpas.cluster.set_vpa_spec(key, (**spec).clone());
            }
            return key;
        }
        vpas.let_go(index);
        let vpa = &mut vpas.all[index];
        let selector = vpa.target.as_ref().ok().map(|target| &target.selector);
        vpa.selector = selector.cloned();
        vpa.spec = Arc::clone(spec);
        let namespace = self.store.vpa(vpa.id).map(|object| &object.meta.namespace);
        let (labels, selector) = (&vpas.labels, &vpa.selector);
        let selects = |number| {
            let (of, set) = (namespace, labels.get(number));
            let (Some((namespace, labels)), Some(selector)) = (set, selector) else {
                return false;
            };
            of == Some(namespace) && selector.matches(labels)
        };
        let status = std::mem::take(&mut vpa.status);
        let key = vpas.cluster.add_vpa((**spec).clone(), status, selects);
        vpa.key = Some(key);
        key
    }

    /// What was used before the start counts as that of a pod of today.
    pub(super) fn load_history(&mut self, index: usize, history: &UsageHistory) {
        let vpa = &self.vpas.all[index];
        let Ok(target) = &vpa.target else {
            return;
        };
        let entry = self.store.workload(target.workload);
        let pod = entry.pods.first().and_then(|id| self.store.pod(*id));
        let template = self.store.template(target.object);
        let labels = match (pod, template) {
            (Some(pod), _) => Arc::clone(&pod.meta.labels),
            (None, Some(template)) => Arc::new(template.labels.clone()),
            (None, None) => return,
        };
        let namespace = &entry.namespace;
        let selected_by = self.vpas.selecting(namespace, &labels, &self.store);
        let number = self.vpas.labels.number(namespace, &labels);
        let cluster = &mut self.vpas.cluster;
        cluster.preload(history, number, &selected_by, SimTime::ZERO);
    }

    /// The recommendation goes into the status, where it has changed.
    fn write_status(&mut self, index: usize, key: VpaKey, now: SimTime) {
        let id = self.vpas.all[index].id;
        let (Some(object), Some(vpa)) = (self.store.vpa(id), self.vpas.cluster.vpa(key)) else {
            return;
        };
        let (recommendations, conditions) = (vpa.recommendations(), vpa.conditions());
        let status = &object.status;
        if status.recommendations != recommendations || status.conditions != conditions {
            let status = VpaStatus {
                recommendations: recommendations.to_vec(),
                conditions: conditions.to_vec(),
            };
            self.store
                .commit(now, Write::VpaStatus(id, Arc::new(status)));
        }
    }

    /// Pods that have left `Pending` since the last pass come in, those with other labels are
    /// told (`LoadPods`; the informer lists `status.phase!=Pending`).
    fn load_pods(&mut self, now: SimTime) {
        let vpas = &mut self.vpas;
        let only_selected = self.scenario.controllers.vpa.recommender.memory_saver;
        for id in self.store.workloads().iter().flat_map(|of| &of.pods) {
            let known = &mut self.pods[id.slot()].vpa;
            let Some(pod) = self.store.pod(*id) else {
                continue;
            };
            let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
            match known {
                None if pod.phase != PodPhase::Pending => {
                    let selected_by = vpas.selecting(namespace, labels, &self.store);
                    if only_selected && selected_by.is_empty() {
                        continue;
                    }
                    let number = vpas.labels.number(namespace, labels);
                    let containers = &pod.template.containers;
                    let names = containers.iter().map(|container| container.name.as_str());
                    let cluster = &mut vpas.cluster;
                    let key = match take_former(&mut vpas.gone, pod) {
                        Some(key) => {
                            cluster.take_over_pod(key, number, selected_by, names, now);
                            key
                        }
                        None => cluster.add_pod(number, selected_by, names, now),
                    };
                    let labels = Arc::clone(labels);
                    *known = Some(KnownPod { key, labels });
                }
                Some(known) if !Arc::ptr_eq(&known.labels, labels) => {
                    known.labels = Arc::clone(labels);
                    let selected_by = vpas.selecting(namespace, labels, &self.store);
                    let number = vpas.labels.number(namespace, labels);
                    (vpas.cluster).relabel_pod(known.key, number, selected_by, now);
                }
                _ => {}
            }
        }
    }

    /// Tells of kills noticed since the last pass.
    fn load_ooms(&mut self) {
        for oom in self.vpas.ooms.drain(..) {
            let link = &self.pods[oom.pod.slot()];
            let known = link.vpa.as_ref().filter(|_| link.pod == Some(oom.pod));
            if let Some(key) = known.map(|known| known.key).or(oom.key) {
                let cluster = &mut self.vpas.cluster;
                cluster.record_oom(key, oom.container, oom.requested, oom.killed);
            }
        }
    }

    /// A container has stopped: if it was killed at its limit, the VPA's observer hears of it now
    /// (`isNewOOM` of `pkg/recommender/input/oom/observer.go`), whatever becomes of its pod.
    pub(in crate::world) fn observe_kill(&mut self, id: PodId, container: u16, now: SimTime) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let container = usize::from(container);
        let status = &pod.containers[container];
        let last = status.last_termination;
        if last.is_some_and(|(reason, _, at)| reason == TerminationReason::OomKilled && at == now) {
            let requested = status.resources.memory_request.unwrap_or_default();
            self.note_out_of_memory(id, container, requested, now);
        }
    }

    /// Hears of pods that kubelets have evicted since, each with the container that used more than
    /// it requested (`parseEvictionEvent`).
    pub(in crate::world) fn observe_evictions(&mut self) {
        for evicted in self.components.kubelet.take_offenders() {
            self.note_out_of_memory(evicted.pod, evicted.container, evicted.used, evicted.time);
        }
    }

    fn note_out_of_memory(&mut self, pod: PodId, container: usize, requested: Bytes, at: SimTime) {
        if self.vpas.runs {
            let known = self.pods[pod.slot()].vpa.as_ref();
            self.vpas.ooms.push(OutOfMemory {
                pod,
                key: known.map(|known| known.key),
                container,
                requested,
                killed: at.truncate_to_second(),
            });
        }
    }

    /// Keeps what the recommender knows (`MaintainCheckpoints`); upstream does so in each
    /// pass, here the last one counts.
    pub(in crate::world) fn write_checkpoints(&mut self, end: SimTime) {
        let clock = self.scenario.controllers.vpa.clock;
        for vpa in &self.vpas.all {
            let object = self.store.vpa(vpa.id);
            let (Some(object), Some(key), Some(record)) = (object, vpa.key, vpa.record) else {
                continue;
            };
            let checkpoints = self.vpas.cluster.checkpoints(key, end).into_iter();
            let stored = checkpoints.map(|checkpoint| {
                let stored = StoredCheckpoint {
                    namespace: object.meta.namespace.to_string(),
                    vpa: object.meta.name.to_string(),
                    checkpoint,
                };
                stored.to_value(clock)
            });
            self.recorder.recording.vpas[record].checkpoints = stored.collect();
        }
    }
}
