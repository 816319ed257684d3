//! The recommender's loop: pods, samples and kills in, a recommendation per container out
//! (`RunOnce` of `pkg/recommender/routines/recommender.go`).

use std::sync::Arc;

use super::labels::KnownPod;
use super::{OutOfMemory, Simulation};
use crate::api::{PodId, PodPhase, TerminationReason, VpaStatus, Write};
use crate::autoscaler::vpa::VpaSpec;
use crate::autoscaler::vpa::recommender::VpaKey;
use crate::autoscaler::vpa::recommender::history::{StoredCheckpoint, UsageHistory};
use crate::record::Detail;
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::world::Event;

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
            for key in self.vpas.gone.drain(..) {
                self.vpas.cluster.remove_pod(key);
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

    /// Takes over the VPAs as they are, each with what its target selects (`LoadVPAs`).
    pub(super) fn load_vpas(&mut self, now: SimTime) {
        for index in 0..self.vpas.all.len() {
            let object = self.store.vpa(self.vpas.all[index].id);
            let Some(spec) = object.map(|object| Arc::clone(&object.spec)) else {
                if let Some(key) = self.vpas.all[index].key.take() {
                    self.vpas.cluster.remove_vpa(key);
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
        if let Some(key) = vpa.key.take() {
            vpas.cluster.remove_vpa(key);
        }
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
        let key = vpas.cluster.add_vpa((**spec).clone(), selects);
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
                    *known = Some(KnownPod {
                        key: vpas.cluster.add_pod(number, selected_by, names, now),
                        labels: Arc::clone(labels),
                    });
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

    /// A container runs again: if it had been killed at its limit, the VPA's observer sees it
    /// now, by the count of restarts (`pkg/recommender/input/oom/observer.go`).
    pub(in crate::world) fn observe_restart(&mut self, id: PodId, container: u16) {
        if !self.vpas.runs {
            return;
        }
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let container = usize::from(container);
        let status = &pod.containers[container];
        if let Some((TerminationReason::OomKilled, _, killed)) = status.last_termination {
            let known = self.pods[id.slot()].vpa.as_ref();
            self.vpas.ooms.push(OutOfMemory {
                pod: id,
                key: known.map(|known| known.key),
                container,
                requested: status.resources.memory_request.unwrap_or_default(),
                killed: killed.truncate_to_second(),
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
