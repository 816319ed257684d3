//! The recorder: adds up what the summary needs of a run, and keeps its series if they are wanted.

use std::sync::Arc;

use super::calls::CallSample;
use super::correlator::Correlator;
use super::cost::Meter;
use super::episodes::{BlockedRecord, Progress};
use super::events::{EventRecord, Report};
use super::fold::Folds;
use super::hpas::{HpaRecord, SyncFailure};
use super::per_load::PerLoad;
use super::pods::LivePods;
use super::queues::QueueSample;
use super::recording::{
    Counts, NodeRecord, Objective, PodRecord, Recording, Sample, ServiceRecord, WorkloadRecord,
};
use super::request::{Outcome, RequestSink};
use super::vpa::{Amounts, DisruptionRecord, VpaContainerRecord, VpaRecord, VpaRow};
use super::windows::{Latency, Windows, stats_of};
use crate::sim::{Counts as LatencyCounts, SimDuration, SimTime};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything: series, events, decisions.
    Full,
    /// What the summary needs, added up as it comes; for sweeps. Memory does not grow with
    /// simulated time.
    Summary,
}

/// Listens to a run.
pub struct Recorder {
    /// How much is kept.
    pub detail: Detail,
    /// What is known so far.
    pub recording: Recording,
    correlator: Correlator,
    windows: Vec<Windows>,
    loads: Vec<PerLoad>,
    /// Latencies of calls that count, per way.
    calls: Vec<LatencyCounts>,
    /// Requests issued in the current step, per service.
    issued: Vec<u64>,
    /// What the summary needs, added up.
    folds: Folds,
    /// The pods that are there.
    live: LivePods,
    /// What nodes cost and who pays.
    meter: Meter,
}

impl Recorder {
    /// A recorder of a run with this frame; the latency of a service's objective decides
    /// which requests to it are good.
    pub fn new(detail: Detail, recording: Recording) -> Self {
        let warm_up = counted_from(&recording);
        let windows = |service: &ServiceRecord| {
            let Objective {
                percentile,
                latency: good,
                ..
            } = service.objective;
            Windows::new(recording.step, percentile, good, warm_up)
        };
        let windows = recording.services.iter().map(windows).collect();
        let loads = recording.loads.iter().map(|_| PerLoad::new(warm_up));
        let loads = loads.collect();
        let calls = vec![LatencyCounts::default(); recording.calls.len()];
        let issued = vec![0; recording.services.len()];
        let folds = Folds::new(&recording, detail == Detail::Full);
        let meter = Meter::new(&recording, detail == Detail::Full);
        Self {
            detail,
            meter,
            recording,
            correlator: Correlator::default(),
            windows,
            loads,
            calls,
            issued,
            folds,
            live: LivePods::default(),
        }
    }

    /// A workload appears during the run; returns its place.
    pub fn add_workload(&mut self, workload: WorkloadRecord) -> usize {
        self.recording.workloads.push(workload);
        self.folds.add_workload(&self.recording);
        self.recording.workloads.len() - 1
    }

    /// An HPA appears during the run.
    pub fn add_hpa(&mut self, hpa: HpaRecord) {
        self.recording.hpas.push(hpa);
        self.folds.add_hpa(&self.recording);
    }

    /// The spec of an HPA was changed: the last of its specs holds from now on.
    pub fn hpa_changed(&mut self, hpa: usize) {
        if let Some(spec) = self.recording.hpas[hpa].specs.last() {
            self.folds.respec(hpa, spec);
        }
    }

    /// Events of the Cluster Autoscaler are written as often as those of others.
    pub const fn record_duplicated_events(&mut self, duplicates: bool) {
        self.correlator.duplicates = duplicates;
    }

    /// Keeps an event as its component's recorder writes it.
    pub fn event(&mut self, event: impl FnOnce() -> EventRecord) {
        if self.detail == Detail::Full {
            self.report(&event().report());
        }
    }

    /// The same of an event that is borrowed.
    pub fn report(&mut self, report: &Report<'_>) {
        if self.detail != Detail::Full {
            return;
        }
        let log = &mut self.recording.events;
        while let Some(object) = self.correlator.forget(report.time) {
            log.forget(object);
        }
        let object = log.object(report.namespace, report.object, report.uid);
        let reason = log.reason(report.reason);
        if let Some(written) = self.correlator.correlate(object, reason, report) {
            log.push_about(object, reason, report, &written);
        }
    }

    /// What a sync of an HPA leaves, or the start: the number of replicas, the values of its
    /// metrics that it knows, in the unit of their targets, and the replicas that these ask for.
    pub fn sync(
        &mut self,
        hpa: usize,
        now: SimTime,
        desired: i32,
        values: &[Option<f64>],
        asked: Option<f64>,
    ) {
        let workload = self.recording.hpas[hpa].workload;
        self.recording.episodes.scaled(workload, now, desired);
        self.folds.sync(hpa, now, desired, values, asked);
        if self.folds.last_write(workload) == Some(now) {
            self.live.written(workload, now);
        }
        if !self.keeps_series() {
            return;
        }
        let record = &mut self.recording.hpas[hpa];
        record.desired.set(now, desired);
        if let Some(asked) = asked {
            record.asked.set(now, asked);
        }
        for (curve, value) in record.metric_values.iter_mut().zip(values) {
            if let Some(value) = *value {
                curve.set(now, value);
            }
        }
    }

    /// A sync of an HPA has left what the one before left, and ended as well; false if it has to be told all
    /// the same.
    pub fn sync_again(&mut self, hpa: usize, now: SimTime) -> bool {
        // No curve has another step by it.
        let is_known = !self.recording.episodes.watches_rollouts()
            && !self.folds.is_measured(hpa)
            && (!self.keeps_series() || self.recording.decisions.push_again(hpa, now));
        if is_known {
            self.sync_ended(hpa, now, None);
        }
        is_known
    }

    /// A sync of an HPA has ended: well, or with the reason and the message of the condition that
    /// does not hold.
    pub fn sync_ended(&mut self, hpa: usize, now: SimTime, failure: Option<(&'static str, &str)>) {
        if now < SimTime::ZERO + self.recording.warm_up {
            return;
        }
        let record = &mut self.recording.hpas[hpa];
        record.syncs += 1;
        let Some((reason, message)) = failure else {
            return;
        };
        let known = record.failures.iter().position(|one| one.reason == reason);
        let place = known.unwrap_or_else(|| {
            record.failures.push(SyncFailure {
                reason,
                ..SyncFailure::default()
            });
            record.failures.len() - 1
        });
        let known = &mut record.failures[place];
        known.count += 1;
        message.clone_into(&mut known.message);
    }

    /// Pods of a workload by stage, from now on.
    pub fn counts(&mut self, workload: usize, now: SimTime, counts: Counts) {
        self.recording.episodes.counts(workload, now, &counts);
        self.folds.counts(workload, now, counts);
        if self.keeps_series() {
            self.recording.workloads[workload].counts.set(now, counts);
        }
    }

    /// A pod of a workload finds no node. Why is asked only of the first that waits.
    pub fn waits(
        &mut self,
        workload: usize,
        now: SimTime,
        counts: &Counts,
        why: impl FnOnce() -> String,
    ) {
        let episodes = &mut self.recording.episodes;
        if !episodes.is_waiting(workload) {
            episodes.waits(workload, now, counts, why());
        }
    }

    /// The condition Progressing of a Deployment is this, with its message; it has so many
    /// replicas and pods.
    pub fn progress(
        &mut self,
        workload: usize,
        now: SimTime,
        condition: (Progress, &str),
        sizes: (i32, u32),
    ) {
        let episodes = &mut self.recording.episodes;
        episodes.progress(workload, now, condition, sizes);
    }

    /// A budget refuses an eviction of a drain.
    pub fn refused(&mut self, one: BlockedRecord) {
        self.recording.episodes.refused(one);
    }

    /// A spot node gets notice on which these workloads have pods.
    pub fn struck(&mut self, workloads: &[usize], now: SimTime) {
        self.recording.episodes.struck(workloads, now);
    }

    /// Whether events are kept.
    pub fn keeps_events(&self) -> bool {
        self.detail == Detail::Full
    }

    fn keeps_series(&self) -> bool {
        self.detail == Detail::Full
    }

    /// A pod is created; it is known by the number that is returned until it is deleted.
    pub fn pod_created(&mut self, pod: PodRecord) -> usize {
        let place = self.recording.pods.len();
        if self.keeps_series() {
            let nameless = PodRecord {
                namespace: Arc::clone(&pod.namespace),
                name: String::new(),
                resized: Vec::new(),
                ..pod
            };
            self.recording.pods.push(pod);
            self.live.created(nameless, place, &mut self.folds)
        } else {
            self.live.created(pod, place, &mut self.folds)
        }
    }

    /// Notes something of a pod that is there, wherever it is kept.
    fn note_pod(&mut self, pod: usize, note: impl Fn(&mut PodRecord)) {
        if self.keeps_series()
            && let Some(place) = self.live.place(pod)
            && let Some(record) = self.recording.pods.get_mut(place)
        {
            note(record);
        }
        if let Some(record) = self.live.get(pod) {
            note(record);
        }
    }

    /// A node is launched; returns its place in the recording.
    pub fn node_launched(&mut self, node: NodeRecord) -> usize {
        let place = self.recording.nodes.len();
        self.meter.node_up(place, &node);
        self.recording.nodes.push(node);
        place
    }

    /// A node is terminated: nobody pays for it any more.
    pub fn node_terminated(&mut self, node: usize, now: SimTime) {
        let record = &mut self.recording.nodes[node];
        record.ended = record.ended.or(Some(now));
        self.meter.node_down(node, record.refunded, now);
    }

    /// The provider takes a node back that costs nothing if that is in its first hour.
    pub fn node_reclaimed(&mut self, node: usize, now: SimTime) {
        let record = &mut self.recording.nodes[node];
        record.refunded =
            record.ended.is_none() && now - record.started < SimDuration::from_secs(3600);
        self.node_terminated(node, now);
    }

    /// A pod got a node, which is named by its place in the recording.
    pub fn pod_scheduled(&mut self, pod: usize, node: Option<usize>, now: SimTime) {
        self.note_pod(pod, |record| record.scheduled = Some(now));
        if let Some(record) = self.live.get(pod) {
            let (workload, asked) = (record.workload, record.requested());
            if let Some(node) = node {
                let daemon = self.recording.workloads[workload].kind == "DaemonSet";
                self.meter.knows(&self.recording.workloads);
                self.meter.placed(pod, node, workload, asked, daemon, now);
            }
        }
    }

    /// The containers of a pod have ended: it takes nothing of its node any more.
    pub fn pod_ended(&mut self, pod: usize, now: SimTime) {
        self.meter.left(pod, now);
    }

    /// A container of a pod started; the first one counts.
    pub fn pod_started(&mut self, pod: usize, now: SimTime) {
        self.note_pod(pod, |record| {
            record.started.get_or_insert(now);
        });
    }

    /// A pod is ready; the first time counts.
    pub fn pod_ready(&mut self, pod: usize, now: SimTime) {
        self.live.ready(pod, now, &mut self.folds);
        self.note_pod(pod, |record| {
            record.ready.get_or_insert(now);
        });
    }

    /// A pod requests so many cores and GiB from now on.
    pub fn pod_resized(&mut self, pod: usize, now: SimTime, cores: f64, gib: f64) {
        self.meter.resized(pod, (cores, gib), now);
        self.live.resized(pod, now, (cores, gib), &mut self.folds);
        if self.keeps_series()
            && let Some(place) = self.live.place(pod)
        {
            self.recording.pods[place].resized.push((now, cores, gib));
        }
    }

    /// A pod's object goes away, which has this UID.
    pub fn pod_deleted(&mut self, pod: usize, uid: u64, now: SimTime) {
        self.meter.left(pod, now);
        let place = self.live.place(pod);
        self.live.deleted(pod, now, &mut self.folds);
        if self.keeps_series()
            && let Some(record) = place.and_then(|place| self.recording.pods.get_mut(place))
        {
            record.deleted = Some(now);
            for object in self.recording.events.with_uid(uid) {
                self.correlator.is_gone(object, now);
            }
        }
    }

    /// A pod is evicted, resized or killed.
    pub fn disruption(&mut self, one: DisruptionRecord) {
        self.folds.disruption(&one);
        if self.keeps_series() {
            self.recording.disruptions.push(one);
        }
    }

    /// A VPA appears during the run, without containers; returns its place.
    pub fn add_vpa(&mut self, vpa: VpaRecord) -> usize {
        self.recording.vpas.push(vpa);
        self.folds.add_vpa();
        self.recording.vpas.len() - 1
    }

    /// A container of a VPA's target appears during the run.
    pub fn add_vpa_container(&mut self, vpa: usize, container: VpaContainerRecord) {
        self.recording.vpas[vpa].containers.push(container);
        self.folds.add_vpa_container(vpa);
    }

    /// A pass of a VPA's recommender over a container.
    pub fn vpa_row(&mut self, vpa: usize, container: usize, row: VpaRow) {
        self.folds.row(vpa, container, &row);
        if self.keeps_series() {
            let container = &mut self.recording.vpas[vpa].containers[container];
            container.rows.push(row);
        }
    }

    /// What a container of a VPA's target requests when the run ends.
    pub fn vpa_at_end(&mut self, vpa: usize, container: usize, request: Amounts) {
        self.recording.vpas[vpa].containers[container].at_end = Some(request);
        self.folds.vpa_at_end(vpa, container, request);
    }

    /// Requests issued to a service since the last call.
    pub fn take_issued(&mut self, service: usize) -> u64 {
        std::mem::take(&mut self.issued[service])
    }

    /// Keeps a sample of a service and closes its windows.
    pub fn sample(&mut self, service: usize, sample: Sample) {
        let used = (sample.cpu_used, sample.memory_used / f64::from(1 << 30));
        let workload = self.recording.services[service].workload;
        self.meter
            .used(workload, sample.time, self.recording.step, used);
        self.windows[service].close(sample.time);
        let keeps_series = self.keeps_series();
        let record = &mut self.recording.services[service];
        for window in self.windows[service].take_closed() {
            self.folds.window(service, &window);
            if keeps_series {
                record.windows.push(window);
            }
        }
        self.folds.sample(service, &sample);
        if keeps_series {
            record.samples.push(sample);
        }
    }

    /// Keeps a sample of a queue.
    pub fn queue_sample(&mut self, queue: usize, sample: QueueSample) {
        let start = SimTime::ZERO + self.recording.warm_up;
        let record = &mut self.recording.queues[queue];
        record.add(&sample, start);
        if self.detail == Detail::Full {
            record.samples.push(sample);
        }
    }

    /// Keeps a sample of calls.
    pub fn call_sample(&mut self, way: usize, sample: CallSample) {
        let start = SimTime::ZERO + self.recording.warm_up;
        let record = &mut self.recording.calls[way];
        record.add(&sample, start);
        if self.detail == Detail::Full {
            record.samples.push(sample);
        }
    }

    /// Ends the recording.
    pub fn finish(self) -> Recording {
        let keeps_series = self.keeps_series();
        let Self {
            mut recording,
            mut folds,
            live,
            meter,
            ..
        } = self;
        recording.costs = meter.finish();
        recording
            .episodes
            .finish(SimTime::ZERO + recording.duration);
        for (place, windows) in self.windows.into_iter().enumerate() {
            let (closed, latency) = windows.finish();
            let service = &mut recording.services[place];
            service.latency = latency;
            for window in closed {
                folds.window(place, &window);
                if keeps_series {
                    service.windows.push(window);
                }
            }
        }
        for (call, counts) in recording.calls.iter_mut().zip(&self.calls) {
            call.latency = stats_of(counts, 95.0);
        }
        for (place, load) in self.loads.into_iter().enumerate() {
            let record = &mut recording.loads[place];
            record.sent = load.ever.0;
            record.unanswered = load.ever.0 - load.ever.1;
            record.counts = load.finish();
        }
        live.finish(&mut folds);
        recording.folded = Some(folds.finish());
        recording
    }
}

/// The start of the first window that lies after the warm-up: requests count from then on.
fn counted_from(recording: &Recording) -> SimTime {
    let (warm_up, step) = (recording.warm_up.0, recording.step.0.max(1));
    SimTime(warm_up.div_euclid(step) * step + if warm_up % step == 0 { 0 } else { step })
}

impl RequestSink for Recorder {
    #[inline]
    fn issue(&mut self, service: usize, load: usize, now: SimTime) {
        self.issued[service] += 1;
        self.windows[service].issue(now);
        // A call comes from no load.
        if let Some(load) = self.loads.get_mut(load) {
            load.issue(now);
        }
    }

    #[inline]
    fn answer(
        &mut self,
        service: usize,
        load: usize,
        arrival: SimTime,
        now: SimTime,
        outcome: Outcome,
    ) {
        let latency = Latency::new(arrival, now);
        self.windows[service].answer(arrival, latency, outcome);
        if let Some(load) = self.loads.get_mut(load) {
            load.answer(arrival, latency, outcome);
        }
    }

    fn issue_block(&mut self, service: usize, load: usize, times: &[SimTime]) {
        self.issued[service] += times.len() as u64;
        self.windows[service].issue_block(times);
        if let Some(load) = self.loads.get_mut(load) {
            load.issue_block(times);
        }
    }

    fn serve_block(
        &mut self,
        service: usize,
        load: usize,
        times: impl Iterator<Item = (SimTime, SimTime)>,
    ) {
        let windows = &mut self.windows[service];
        let mut load = self.loads.get_mut(load);
        for (arrival, now) in times {
            let latency = Latency::new(arrival, now);
            windows.answer(arrival, latency, Outcome::Ok);
            if let Some(load) = &mut load {
                load.answer(arrival, latency, Outcome::Ok);
            }
        }
    }

    fn too_early(&mut self, service: usize, now: SimTime) {
        if now >= SimTime::ZERO + self.recording.warm_up {
            self.recording.services[service].too_early += 1;
        }
    }

    fn call_answered(&mut self, way: usize, began: SimTime, now: SimTime) {
        if began >= SimTime::ZERO + self.recording.warm_up {
            Latency::new(began, now).count(&mut self.calls[way]);
        }
    }
}
