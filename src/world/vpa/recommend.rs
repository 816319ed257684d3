//! The recommender's loop: pods, samples and kills in, a recommendation per container out
//! (`RunOnce` of `pkg/recommender/routines/recommender.go`).

use std::sync::Arc;

use super::{OutOfMemory, Simulation};
use crate::api::{Pod, PodId, PodPhase, TerminationReason, VpaStatus, WorkloadId, Write};
use crate::autoscaler::vpa::recommender::history::StoredCheckpoint;
use crate::autoscaler::vpa::{self, Recommendation};
use crate::cluster::spec::WorkloadKind;
use crate::record::{Amounts, Detail, VpaBand, VpaRow};
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores, Quantity};
use crate::world::Event;

/// What metrics-server shows of a container's instances, by resource.
#[derive(Debug, Default)]
struct Observed {
    cpu: Vec<Millicores>,
    memory: Vec<Bytes>,
}

impl Simulation<'_> {
    /// One pass over all VPAs.
    pub(in crate::world) fn recommend_vpas(&mut self, now: SimTime) {
        let is_down = self.is_down(Component::VpaRecommender, now);
        let passes = if is_down { 0 } else { self.vpas.objects.len() };
        for index in 0..passes {
            if self.vpa_spec(index).is_none() {
                continue;
            }
            self.load_pods(index, now);
            let observed = self.load_metrics(index);
            self.load_ooms(index);
            let recommender = &mut self.vpas.objects[index].recommender;
            recommender.recommend(now);
            recommender.collect_garbage(now);
            self.record_recommendations(index, observed, now);
            if self.recorder.detail == Detail::Full {
                self.write_status(index, now);
            }
        }
        let interval = self
            .scenario
            .controllers
            .vpa
            .recommender
            .recommender_interval;
        self.queue.schedule_in(interval, Event::VpaRecommender);
    }

    /// The recommendation goes into the status, where it has changed.
    fn write_status(&mut self, index: usize, now: SimTime) {
        let (place, _) = self.vpas.simulated[index];
        let id = self.vpas.ids[place];
        let recommender = &self.vpas.objects[index].recommender;
        let (recommendations, conditions) =
            (recommender.recommendations(), recommender.conditions());
        let changed = self.store.vpa(id).is_some_and(|vpa| {
            vpa.status.recommendations != recommendations || vpa.status.conditions != conditions
        });
        if changed {
            let status = VpaStatus {
                recommendations: recommendations.to_vec(),
                conditions: conditions.to_vec(),
            };
            self.store
                .commit(now, Write::VpaStatus(id, Arc::new(status)));
        }
    }

    /// Pods that have left `Pending` since the last pass come in, those deleted go
    /// (`LoadPods`; the informer lists `status.phase!=Pending`).
    fn load_pods(&mut self, index: usize, now: SimTime) {
        let (_, workload) = self.vpa(index);
        let vpa = &mut self.vpas.objects[index];
        for key in vpa.gone.drain(..) {
            vpa.recommender.remove_pod(key);
        }
        let spec = &self.scenario.workloads[workload];
        for id in &self.store.workload(WorkloadId(workload as u32)).pods {
            let link = &mut self.pods[id.slot()];
            let Some(pod) = self.store.pod(*id) else {
                continue;
            };
            if link.vpa.is_none() && pod.phase != PodPhase::Pending {
                let labels = label_set(spec.kind, pod);
                let names = spec.template.containers.iter().map(|c| c.name.as_str());
                link.vpa = Some(vpa.recommender.add_pod(labels, names, now));
            }
        }
    }

    /// Feeds what metrics-server shows (`LoadRealTimeMetrics`).
    fn load_metrics(&mut self, index: usize) -> Vec<Observed> {
        let (_, workload) = self.vpa(index);
        let containers = self.scenario.workloads[workload].template.containers.len();
        let mut observed: Vec<Observed> = (0..containers).map(|_| Observed::default()).collect();
        let recommender = &mut self.vpas.objects[index].recommender;
        let metrics = &mut self.vpas.metrics;
        for id in &self.store.workload(WorkloadId(workload as u32)).pods {
            let link = &self.pods[id.slot()];
            let (Some(key), Some(tracked)) = (link.vpa, link.metrics) else {
                continue;
            };
            if !self.metrics.pod_metrics(tracked, metrics) {
                continue;
            }
            let time = metrics.api_timestamp();
            for usage in &metrics.containers {
                let place = usize::from(usage.container);
                let cpu = usage.cpu.to_millicores_ceil();
                recommender.add_cpu_sample(key, place, cpu, time);
                recommender.add_memory_sample(key, place, usage.memory, time);
                observed[place].cpu.push(cpu);
                observed[place].memory.push(usage.memory);
            }
        }
        observed
    }

    /// Feeds the OOM kills since the last pass.
    fn load_ooms(&mut self, index: usize) {
        let vpa = &mut self.vpas.objects[index];
        for oom in vpa.ooms.drain(..) {
            let link = &self.pods[oom.pod.slot()];
            if let Some(key) = link.vpa.filter(|_| link.pod == Some(oom.pod)) {
                vpa.recommender
                    .record_oom(key, oom.container, oom.requested, oom.killed);
            }
        }
    }

    /// Keeps the recommenders' state (`MaintainCheckpoints`); upstream does so in each pass, here
    /// the last one counts.
    pub(in crate::world) fn write_checkpoints(&mut self, end: SimTime) {
        let clock = self.scenario.controllers.vpa.clock;
        for index in 0..self.vpas.objects.len() {
            let (object, _) = self.vpa(index);
            let checkpoints = self.vpas.objects[index].recommender.checkpoints(end);
            let stored = checkpoints.into_iter().map(|checkpoint| {
                let stored = StoredCheckpoint {
                    namespace: object.namespace.clone(),
                    vpa: object.name.clone(),
                    checkpoint,
                };
                stored.to_value(clock)
            });
            self.recorder.recording.vpas[index].checkpoints = stored.collect();
        }
    }

    /// A container runs again: if it had been killed at its limit, the VPA's observer sees it
    /// now, by the count of restarts (`pkg/recommender/input/oom/observer.go`).
    pub(in crate::world) fn observe_restart(&mut self, id: PodId, container: u16) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let Some(vpa) = self.vpas.of(pod.workload) else {
            return;
        };
        let container = usize::from(container);
        let status = &pod.containers[container];
        if let Some((TerminationReason::OomKilled, _, killed)) = status.last_termination {
            self.vpas.objects[vpa].ooms.push(OutOfMemory {
                pod: id,
                container,
                requested: status.resources.memory_request.unwrap_or_default(),
                killed: killed.truncate_to_second(),
            });
        }
    }

    /// A row per container.
    fn record_recommendations(&mut self, index: usize, observed: Vec<Observed>, now: SimTime) {
        let (_, workload) = self.vpa(index);
        let pods = &self.store.workload(WorkloadId(workload as u32)).pods;
        let recommendations = self.vpas.objects[index].recommender.recommendations();
        for (place, observed) in observed.into_iter().enumerate() {
            let container = &self.recorder.recording.vpas[index].containers[place];
            let recommendation = recommendations
                .iter()
                .find(|recommendation| recommendation.container_name == container.name);
            let running = pods
                .iter()
                .filter_map(|id| self.store.pod(*id))
                .map(|pod| &pod.containers[place])
                .filter(|status| status.running_since.is_some());
            let mut row = VpaRow {
                time: now,
                recommendation: recommendation.map(band),
                ..VpaRow::default()
            };
            let (mut request, mut limit) = (Mean::default(), Mean::default());
            for status in running {
                let resources = status.resources;
                row.running += 1;
                request.add(resources.cpu_request, resources.memory_request);
                limit.add(resources.cpu_limit, resources.memory_limit);
            }
            (row.request, row.limit) = (request.amounts(), limit.amounts());
            [row.usage_p50, row.usage_p95, row.usage_max] = percentiles(observed);
            self.recorder.vpa_row(index, place, row);
        }
    }
}

/// Pods of a StatefulSet carry their name as a label, pods of other kinds the same labels.
fn label_set(kind: WorkloadKind, pod: &Pod) -> u32 {
    match kind {
        WorkloadKind::StatefulSet { .. } => pod.ordinal,
        _ => super::PAST_LABELS,
    }
}

fn band(recommendation: &Recommendation) -> VpaBand {
    let amounts = |resources: &vpa::Resources| Amounts {
        cpu: resources.cpu.map(Quantity::as_f64),
        memory: resources.memory.map(Quantity::as_f64),
    };
    VpaBand {
        lower: amounts(&recommendation.lower_bound),
        target: amounts(&recommendation.target),
        upper: amounts(&recommendation.upper_bound),
        uncapped: amounts(&recommendation.uncapped_target),
    }
}

/// The mean over containers that have an amount.
#[derive(Debug, Default)]
struct Mean {
    cpu: (f64, u32),
    memory: (f64, u32),
}

impl Mean {
    fn add(&mut self, cpu: Option<Millicores>, memory: Option<Bytes>) {
        if let Some(cpu) = cpu {
            self.cpu = (self.cpu.0 + cpu.cores(), self.cpu.1 + 1);
        }
        if let Some(memory) = memory {
            self.memory = (self.memory.0 + memory.0 as f64, self.memory.1 + 1);
        }
    }

    fn amounts(&self) -> Amounts {
        let mean = |(sum, count): (f64, u32)| (count > 0).then(|| sum / f64::from(count));
        Amounts {
            cpu: mean(self.cpu),
            memory: mean(self.memory),
        }
    }
}

/// Median, 95th percentile and maximum, by nearest rank.
fn percentiles(mut observed: Observed) -> [Amounts; 3] {
    observed.cpu.sort_unstable();
    observed.memory.sort_unstable();
    let rank = |percent: usize, count: usize| (percent * count).div_ceil(100).saturating_sub(1);
    [50, 95, 100].map(|percent| Amounts {
        cpu: (observed.cpu.get(rank(percent, observed.cpu.len()))).map(|cpu| cpu.cores()),
        memory: (observed.memory.get(rank(percent, observed.memory.len())))
            .map(|memory| memory.0 as f64),
    })
}
