//! What metrics-server shows, for the recommender and for the recording.

use super::Simulation;
use crate::api::WorkloadId;
use crate::autoscaler::vpa::{self, Recommendation};
use crate::record::{Amounts, VpaBand, VpaContainerRecord, VpaRecord, VpaRow};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores, Quantity};
use crate::world::autoscale::entry_by_adapter;

/// What metrics-server shows of the containers of a workload under a VPA, by name.
#[derive(Debug, Default)]
pub(super) struct Observed(Vec<(WorkloadId, Vec<(String, Usage)>)>);

/// Usage of a container's instances, by resource.
#[derive(Debug, Default)]
struct Usage {
    cpu: Vec<Millicores>,
    memory: Vec<Bytes>,
}

impl Observed {
    fn of(&self, workload: WorkloadId, container: &str) -> Option<&Usage> {
        let (_, containers) = self.0.iter().find(|(of, _)| *of == workload)?;
        let same = |(name, _): &&(String, Usage)| name == container;
        containers.iter().find(same).map(|(_, usage)| usage)
    }
}

impl Simulation<'_> {
    /// Feeds what metrics-server shows (`LoadRealTimeMetrics`).
    pub(super) fn load_metrics(&mut self, now: SimTime) -> Observed {
        let mut observed = Observed::default();
        for vpa in &self.vpas.all {
            if let (Ok(target), Some(_)) = (&vpa.target, vpa.key)
                && !observed.0.iter().any(|(of, _)| *of == target.workload)
            {
                observed.0.push((target.workload, Vec::new()));
            }
        }
        let adapted: Option<Vec<_>> = self.adapter_serves_resources().then(|| {
            let workloads = self.store.workloads().iter();
            workloads
                .map(|entry| self.adapted(&entry.pods, now))
                .collect()
        });
        let vpas = &mut self.vpas;
        for (place, entry) in self.store.workloads().iter().enumerate() {
            let own = WorkloadId(place as u32);
            let adapted = adapted.as_ref().map(|all| &all[place]);
            let mut seen = observed.0.iter_mut().find(|(of, _)| *of == own);
            for id in &entry.pods {
                let link = &self.pods[id.slot()];
                let (Some(known), Some(tracked)) = (&link.vpa, link.metrics) else {
                    continue;
                };
                let Some(pod) = self.store.pod(*id) else {
                    continue;
                };
                self.metrics.look_at(tracked);
                let is_listed = match adapted {
                    None => self.metrics.pod_metrics(tracked, &mut vpas.metrics),
                    Some(Ok(usage)) => entry_by_adapter(pod, usage, now, &mut vpas.metrics),
                    Some(Err(_)) => false,
                };
                if !is_listed {
                    continue;
                }
                let time = vpas.metrics.api_timestamp();
                for usage in &vpas.metrics.containers {
                    let place = usize::from(usage.container);
                    let Some(container) = pod.template.containers.get(place) else {
                        continue; // a sidecar: init containers get no recommendations
                    };
                    let cpu = usage.cpu.to_millicores_ceil();
                    let cluster = &mut vpas.cluster;
                    cluster.add_cpu_sample(known.key, place, cpu, time);
                    cluster.add_memory_sample(known.key, place, usage.memory, time);
                    if let Some((_, containers)) = &mut seen {
                        let usage_of = find_or_add(containers, &container.name);
                        usage_of.cpu.push(cpu);
                        usage_of.memory.push(usage.memory);
                    }
                }
            }
        }
        for (_, usage) in observed.0.iter_mut().flat_map(|(_, containers)| containers) {
            usage.cpu.sort_unstable();
            usage.memory.sort_unstable();
        }
        observed
    }

    /// The recording knows the VPA's target, and has a record of it.
    pub(super) fn record_target(&mut self, index: usize) {
        let vpa = &self.vpas.all[index];
        let (Ok(target), Some(object)) = (vpa.target.clone(), self.store.vpa(vpa.id)) else {
            return;
        };
        let mode = object.spec.update_mode.name();
        let (namespace, name) = (object.meta.namespace.clone(), object.meta.name.to_string());
        let workload = self.record_of(target.workload);
        let place = match self.vpas.all[index].record {
            Some(place) => place,
            None => self.recorder.add_vpa(VpaRecord {
                namespace,
                name,
                ..VpaRecord::default()
            }),
        };
        self.vpas.all[index].record = Some(place);
        let record = &mut self.recorder.recording.vpas[place];
        (record.workload, record.mode) = (workload, mode);
        let template = self.store.template(target.object);
        for container in template
            .into_iter()
            .flat_map(|template| &template.containers)
        {
            let known = &self.recorder.recording.vpas[place].containers;
            if !known.iter().any(|known| known.name == container.name) {
                self.recorder.add_vpa_container(
                    place,
                    VpaContainerRecord {
                        name: container.name.clone(),
                        ..VpaContainerRecord::default()
                    },
                );
            }
        }
    }

    /// A row per container.
    pub(super) fn record_recommendations(
        &mut self,
        index: usize,
        observed: &Observed,
        now: SimTime,
    ) {
        let vpa = &self.vpas.all[index];
        let (Ok(target), Some(place)) = (&vpa.target, vpa.record) else {
            return;
        };
        let (workload, object) = (target.workload, target.object);
        for container in 0..self.recorder.recording.vpas[place].containers.len() {
            let name = &self.recorder.recording.vpas[place].containers[container].name;
            let template = self.store.template(object);
            let mut current = template
                .into_iter()
                .flat_map(|template| &template.containers);
            if !current.any(|spec| spec.name == *name) {
                continue;
            }
            let recommendations = self.vpas.recommendations(index).unwrap_or_default();
            let mut own = (recommendations.iter()).filter(|one| one.container_name == *name);
            let mut row = VpaRow {
                time: now,
                recommendation: own.next().map(band),
                ..VpaRow::default()
            };
            self.sum_up(workload, name, false, &mut row);
            if let Some(usage) = observed.of(workload, name) {
                [row.usage_p50, row.usage_p95, row.usage_max] = percentiles(usage);
            }
            self.recorder.vpa_row(place, container, row);
        }
    }

    /// Records what the containers under VPAs request when the run ends: where none runs, what was
    /// admitted for those that are to run.
    pub(in crate::world) fn record_requests_at_end(&mut self) {
        for vpa in &self.vpas.all {
            let (Ok(target), Some(place)) = (&vpa.target, vpa.record) else {
                continue;
            };
            for container in 0..self.recorder.recording.vpas[place].containers.len() {
                let name = &self.recorder.recording.vpas[place].containers[container].name;
                let mut row = VpaRow::default();
                self.sum_up(target.workload, name, false, &mut row);
                if row.running == 0 {
                    self.sum_up(target.workload, name, true, &mut row);
                }
                if row.running > 0 {
                    self.recorder.vpa_at_end(place, container, row.request);
                }
            }
        }
    }

    /// Adds what the running containers of a name request and may use; or `all` those of active pods.
    fn sum_up(&self, workload: WorkloadId, container: &str, all: bool, row: &mut VpaRow) {
        let (mut request, mut limit) = (Mean::default(), Mean::default());
        for id in &self.store.workload(workload).pods {
            let Some(pod) = self.store.pod(*id) else {
                continue;
            };
            let mut containers = pod.template.containers.iter().zip(&pod.containers);
            let Some((_, status)) = containers.find(|(spec, _)| spec.name == container) else {
                continue;
            };
            if status.running_since.is_some() || all && pod.is_active() {
                let resources = status.resources;
                row.running += 1;
                request.add(resources.cpu_request, resources.memory_request);
                limit.add(resources.cpu_limit, resources.memory_limit);
            }
        }
        (row.request, row.limit) = (request.amounts(), limit.amounts());
    }
}

fn find_or_add<'a>(containers: &'a mut Vec<(String, Usage)>, name: &str) -> &'a mut Usage {
    let place = containers.iter().position(|(known, _)| known == name);
    let place = place.unwrap_or_else(|| {
        containers.push((name.to_owned(), Usage::default()));
        containers.len() - 1
    });
    &mut containers[place].1
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

/// Median, 95th percentile and maximum of sorted amounts, by nearest rank.
fn percentiles(usage: &Usage) -> [Amounts; 3] {
    let rank = |percent: usize, count: usize| (percent * count).div_ceil(100).saturating_sub(1);
    [50, 95, 100].map(|percent| Amounts {
        cpu: (usage.cpu.get(rank(percent, usage.cpu.len()))).map(|cpu| cpu.cores()),
        memory: (usage.memory.get(rank(percent, usage.memory.len()))).map(|memory| memory.0 as f64),
    })
}
