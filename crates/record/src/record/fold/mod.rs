//! What the summary needs of a run, added up while it goes on: running integrals and counters
//! instead of curves, windows, samples and pods. Its size does not grow with simulated time.
//!
//! A recording that nobody folded, as those that tests make, is folded afterwards ([`Folds::of`]), by
//! the same code.

mod answer;
mod correlation;
mod demand;
mod exact;
mod flaps;
mod follow;
mod hpa;
mod hpa_folded;
mod integral;
mod replay;
mod service;
mod steps;
#[cfg(test)]
mod tests;
mod vpa;
mod workload;

pub use answer::{Answer, AtStep, Latencies, Mean, ScalingLatency, ScalingStep, Stages};
pub use correlation::Correlation;
pub use demand::Need;
pub use exact::ExactSum;
pub use flaps::{Flapping, Flaps};
pub use follow::{Elasticity, Follow, Followed};
pub use hpa_folded::HpaFolded;
pub use service::{PATIENCE, ServiceFold, Slack};
pub use vpa::ContainerFold;
pub(super) use workload::Phase;
pub use workload::{WorkloadFold, billed_seconds};

use super::hpas::HpaSpecRecord;
use super::recording::{Counts, PodRecord, Recording, Sample};
use super::vpa::{Amounts, DisruptionKind, DisruptionRecord, VpaRow};
use super::windows::Window;
use crate::sim::{SimDuration, SimTime};
use demand::Demand;
use hpa::HpaFold;
use steps::Marks;

/// Two reversals at most this far apart are a flap, in seconds.
pub const FLAP_WINDOW: f64 = 600.0;
/// An HPA's reaction to a change of requests comes within this time: its window and some syncs.
pub const REACTION: SimDuration = SimDuration::from_secs(600);

/// Everything known of a run so far.
#[derive(Debug, Clone)]
pub struct Folds {
    hpas: Vec<HpaFold>,
    /// Rescales of each HPA, and those soon after a change of its pods.
    rescales: Vec<(u64, u64)>,
    workloads: Vec<WorkloadFold>,
    /// The HPAs of each workload, and the first service over it.
    links: Vec<(Vec<usize>, Option<usize>)>,
    services: Vec<(usize, ServiceFold)>,
    vpas: Vec<Vec<ContainerFold>>,
    /// Of each VPA: evictions, refused ones and resizes after the warm-up.
    disruptions: Vec<[u64; 5]>,
    /// The last of them.
    last_disruptions: Vec<Option<SimTime>>,
    start: SimTime,
    end: SimTime,
    /// Whether steps of the load are kept one by one.
    keep_steps: bool,
    /// Pods created.
    pods: usize,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// HPAs.
    pub hpas: Vec<HpaFolded>,
    /// Rescales of each HPA, and those within [`REACTION`] after a change of its pods.
    pub rescales: Vec<(u64, u64)>,
    /// Workloads.
    pub workloads: Vec<WorkloadFold>,
    /// Services.
    pub services: Vec<ServiceFold>,
    /// Containers of each VPA.
    pub vpas: Vec<Vec<ContainerFold>>,
    /// Of each VPA: evictions, refused ones and resizes after the warm-up, in the order of
    /// [`WorkloadFold::disruptions`].
    pub vpa_disruptions: Vec<[u64; 5]>,
    /// The last of these.
    pub last_disruptions: Vec<Option<SimTime>>,
}

impl Folds {
    /// Nothing has happened yet in a run with this frame. The steps of the load are counted in,
    /// and kept one by one only if wanted: their number grows with time.
    pub fn new(frame: &Recording, keep_steps: bool) -> Self {
        let start = SimTime::ZERO + frame.warm_up;
        let end = SimTime::ZERO + frame.duration;
        let hpas = frame.hpas.iter();
        let link = |workload: usize| {
            let hpas = (0..frame.hpas.len()).filter(|hpa| frame.hpas[*hpa].workload == workload);
            let mut services = frame.services.iter();
            let service = services.position(|service| service.workload == workload);
            (hpas.collect(), service)
        };
        let services = frame.services.iter();
        Self {
            hpas: hpas
                .map(|hpa| HpaFold::new(frame, hpa, keep_steps))
                .collect(),
            rescales: vec![(0, 0); frame.hpas.len()],
            workloads: (frame.workloads.iter())
                .map(|workload| WorkloadFold::new(frame, workload))
                .collect(),
            links: (0..frame.workloads.len()).map(link).collect(),
            services: services
                .map(|one| {
                    (
                        one.workload,
                        ServiceFold::new(one, (start, end), frame.step),
                    )
                })
                .collect(),
            vpas: (frame.vpas.iter())
                .map(|vpa| vec![ContainerFold::default(); vpa.containers.len()])
                .collect(),
            disruptions: vec![[0; 5]; frame.vpas.len()],
            last_disruptions: vec![None; frame.vpas.len()],
            start,
            end,
            keep_steps,
            pods: 0,
        }
    }

    /// The last workload of the frame has appeared.
    pub fn add_workload(&mut self, frame: &Recording) {
        if let Some(workload) = frame.workloads.last() {
            self.workloads.push(WorkloadFold::new(frame, workload));
        }
        self.links.push((Vec::new(), None));
    }

    /// The last HPA of the frame has appeared.
    pub fn add_hpa(&mut self, frame: &Recording) {
        if let Some(hpa) = frame.hpas.last() {
            self.links[hpa.workload].0.push(self.hpas.len());
            self.hpas.push(HpaFold::new(frame, hpa, self.keep_steps));
            self.rescales.push((0, 0));
        }
    }

    /// A VPA has appeared.
    pub fn add_vpa(&mut self) {
        self.vpas.push(Vec::new());
        self.disruptions.push([0; 5]);
        self.last_disruptions.push(None);
    }

    /// A container of a VPA's target has appeared.
    pub fn add_vpa_container(&mut self, vpa: usize) {
        self.vpas[vpa].push(ContainerFold::default());
    }

    /// The spec of an HPA is this from now on.
    pub fn respec(&mut self, hpa: usize, spec: &HpaSpecRecord) {
        let workload = self.hpas[hpa].workload;
        if workload < self.workloads.len() {
            self.settle(workload, spec.since);
        }
        self.hpas[hpa].respec(spec);
    }

    /// Pods of a workload by stage, from now on.
    pub fn counts(&mut self, workload: usize, now: SimTime, counts: Counts) {
        self.settle(workload, now);
        self.workloads[workload].counts = Some((now, counts));
    }

    /// Hands on the counts of an instant that has passed.
    fn settle(&mut self, workload: usize, now: SimTime) {
        let fold = &mut self.workloads[workload];
        if let Some((time, counts)) = fold.counts.take_if(|(time, _)| *time < now) {
            fold.counted(time, &counts);
            for hpa in &self.links[workload].0 {
                self.hpas[*hpa].ready(time, counts.ready);
            }
        }
    }

    /// A sync of an HPA, or the start, leaves this number, these values of its metrics and the
    /// replicas that they ask for.
    pub fn sync(
        &mut self,
        hpa: usize,
        now: SimTime,
        desired: i32,
        values: &[Option<f64>],
        asked: Option<f64>,
    ) {
        let workload = self.hpas[hpa].workload;
        if workload < self.workloads.len() {
            self.settle(workload, now);
        }
        let is_rescale = self.hpas[hpa].sync(now, desired, values, asked);
        if is_rescale && let Some(fold) = self.workloads.get_mut(workload) {
            let (all, reactions) = &mut self.rescales[hpa];
            *all += 1;
            *reactions += u64::from(fold.is_reaction(now));
        }
    }

    /// Whether the demand on an HPA is what its metrics ask for at syncs.
    pub fn is_measured(&self, hpa: usize) -> bool {
        self.hpas[hpa].is_measured()
    }

    /// When the number of a workload's HPA was last written.
    pub fn last_write(&self, workload: usize) -> Option<SimTime> {
        let hpas = &self.links[workload].0;
        hpas.first().and_then(|hpa| self.hpas[*hpa].last_write)
    }

    /// A service's sample.
    pub fn sample(&mut self, service: usize, sample: &Sample) {
        let (workload, fold) = &mut self.services[service];
        fold.sample(sample);
        let workload = *workload;
        if workload < self.workloads.len() {
            self.settle(workload, sample.time);
            let (hpas, first) = &self.links[workload];
            for hpa in hpas {
                self.hpas[*hpa].sample(sample, *first == Some(service));
            }
        }
    }

    /// A service's window.
    pub fn window(&mut self, service: usize, window: &Window) {
        self.services[service].1.window(window);
    }

    /// A pod is created; returns its number.
    pub fn pod_created(&mut self, pod: &PodRecord) -> usize {
        self.workloads[pod.workload].created(pod.cpu_request, pod.memory_request);
        self.pods += 1;
        self.pods - 1
    }

    /// A pod is ready for the first time; `decided` is when the number was written that was in
    /// force when it was created.
    pub fn pod_ready(
        &mut self,
        number: usize,
        pod: &PodRecord,
        decided: Option<SimTime>,
        now: SimTime,
    ) {
        self.settle(pod.workload, now);
        let marks = Marks {
            number,
            decided,
            created: pod.created,
            scheduled: pod.scheduled,
            started: pod.started,
        };
        for hpa in &self.links[pod.workload].0 {
            self.hpas[*hpa].pod(now, marks);
        }
    }

    /// Part of a pod's life is over.
    pub(super) fn phase(&mut self, workload: usize, phase: &Phase) {
        self.workloads[workload].phase(phase);
    }

    /// A pod is evicted, resized or killed.
    pub fn disruption(&mut self, one: &DisruptionRecord) {
        if let Some(workload) = self.workloads.get_mut(one.workload) {
            workload.disruption(one);
        }
        // A resize shows in the requests if the node carries it out.
        let of_vpa = one.vpa.filter(|_| one.kind != DisruptionKind::Resize);
        if let Some(last) = of_vpa.and_then(|vpa| self.last_disruptions.get_mut(vpa)) {
            *last = (*last).max(Some(one.time));
        }
        let of_vpa = one.vpa.and_then(|vpa| self.disruptions.get_mut(vpa));
        if let Some(counts) = of_vpa.filter(|_| one.time >= self.start) {
            counts[one.kind as usize] += 1;
        }
    }

    /// A pass of the recommender over a container.
    pub fn row(&mut self, vpa: usize, container: usize, row: &VpaRow) {
        self.vpas[vpa][container].row(row, self.start);
    }

    /// What a container of a VPA's target requests when the run ends.
    pub fn vpa_at_end(&mut self, vpa: usize, container: usize, request: Amounts) {
        self.vpas[vpa][container].at_end(request);
    }

    /// The run is over.
    pub fn finish(mut self) -> Folded {
        for workload in 0..self.workloads.len() {
            self.settle(workload, SimTime(i64::MAX));
        }
        let end = self.end.as_secs_f64();
        Folded {
            hpas: self.hpas.into_iter().map(|hpa| hpa.finish(end)).collect(),
            rescales: self.rescales,
            workloads: self.workloads,
            services: self.services.into_iter().map(|(_, fold)| fold).collect(),
            vpas: self.vpas,
            vpa_disruptions: self.disruptions,
            last_disruptions: self.last_disruptions,
        }
    }
}
