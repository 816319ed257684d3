//! An HPA and its workload: demand and supply, what the HPA wrote, the responses to steps of the
//! load.
//!
//! The demand of a step of the series is known at its end only. What comes meanwhile waits, so
//! that all is worked off in order of time; of one instant the last value of each kind counts.

use std::collections::VecDeque;

use super::super::recording::{HpaRecord, HpaSpecRecord, Recording, Sample};
use super::answer::{Answer, AtStep, Latencies, ScalingStep, Stages};
use super::flaps::{Flapping, Flaps};
use super::follow::{Follow, Followed};
use super::integral::Integral;
use super::{Correlation, Demand, FLAP_WINDOW};
use crate::sim::{SimDuration, SimTime};

/// How long it must stay there, in seconds.
const HOLD: f64 = 60.0;
/// A jump of demand is a step of the load after at least this time without change, in seconds.
const QUIET: f64 = 60.0;
/// What is in force this long before a sync, in seconds, is what its values were measured on.
const BEFORE: f64 = 1e-6;

/// An input that waits for its turn.
#[derive(Debug, Clone)]
enum Told {
    Ready(u32),
    /// The number written and the largest value over target, where they change.
    Sync(Option<i32>, Option<f64>),
    Pod(Marks),
}

/// The way of a pod that is ready for the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// Its place in the order of creation.
    pub(super) number: usize,
    /// When the number was written that was in force when it was created.
    pub(super) decided: Option<SimTime>,
    pub(super) created: SimTime,
    pub(super) scheduled: Option<SimTime>,
    pub(super) started: Option<SimTime>,
}

/// What the demand of the last sample's step is worked out from.
#[derive(Debug, Clone, Copy)]
struct Asked {
    sample: Sample,
    offered: f64,
    /// Ready pods at the sample's time, once that has passed.
    ready: Option<u32>,
}

/// A step of the load under observation.
#[derive(Debug, Clone)]
struct Open {
    answer: Answer,
    /// The first sync from the step on that saw a metric above its target.
    seen: Option<f64>,
    stages: Option<Stages>,
}

/// What is known of an HPA up to now.
#[derive(Debug, Clone)]
pub(super) struct HpaFold {
    pub(super) workload: usize,
    /// How far above its target its utilization may be.
    tolerance: f64,
    demand: Demand,
    from: f64,
    most: f64,
    step: SimDuration,
    targets: Vec<f64>,
    queue: VecDeque<(SimTime, Told)>,
    demands: VecDeque<(SimTime, f64)>,
    asked: Option<Asked>,
    /// Ready pods as they were last told.
    ready_told: u32,
    // What was told at syncs, up to now.
    written: Option<i32>,
    pub(super) last_write: Option<SimTime>,
    values: Vec<Option<f64>>,
    beyond: Vec<Integral>,
    /// The load against each metric, and against it times the replicas.
    follows: Vec<[Correlation; 2]>,
    flaps: Flaps,
    // What was worked off, up to an instant before.
    desired: f64,
    desired_steps: [(f64, f64); 2],
    ready: f64,
    ratio: f64,
    demanded: Option<(f64, f64)>,
    follow: Follow,
    least: Integral,
    open: Option<Open>,
    latencies: Latencies,
    /// Every step, where they are wanted.
    steps: Option<Vec<ScalingStep>>,
}

/// The figures of an HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaFolded {
    /// Supply and demand.
    pub followed: Followed,
    /// Of the numbers that it wrote.
    pub flapping: Flapping,
    /// Means over the steps of the load.
    pub latencies: Latencies,
    /// The steps, where they are kept.
    pub steps: Vec<ScalingStep>,
    /// Seconds with each metric beyond its tolerance at `maxReplicas`.
    pub beyond: Vec<f64>,
    /// The load against each metric: of its value and of that times the replicas (an average of
    /// pods falls as they become more) what correlates more.
    pub follows: Vec<Correlation>,
    /// Demanded replicas × seconds.
    pub demanded: f64,
}

impl HpaFold {
    /// The spec is this from now on.
    pub(super) fn respec(&mut self, spec: &HpaSpecRecord) {
        self.targets.clone_from(&spec.metric_targets);
        self.values.resize(self.targets.len(), None);
        self.demand.respec(spec);
    }

    pub(super) fn new(recording: &Recording, hpa: &HpaRecord, keep_steps: bool) -> Self {
        let (from, to) = (
            recording.warm_up.as_secs_f64(),
            recording.duration.as_secs_f64(),
        );
        let first = hpa.specs.first();
        let bounds = first.map_or(hpa.bounds, |spec| spec.bounds);
        let targets = first.map_or(&hpa.metric_targets, |spec| &spec.metric_targets);
        let most = f64::from(bounds.1);
        let metrics = targets.len();
        let mut demand = Demand::of(recording, hpa);
        if let Some(spec) = first {
            demand.respec(spec);
        }
        Self {
            workload: hpa.workload,
            tolerance: hpa.tolerance,
            demand,
            from,
            most,
            step: recording.step,
            targets: targets.clone(),
            queue: VecDeque::new(),
            demands: VecDeque::new(),
            asked: None,
            ready_told: 0,
            written: None,
            last_write: None,
            values: vec![None; metrics],
            beyond: vec![Integral::new(from, to); metrics],
            follows: vec![<[Correlation; 2]>::default(); metrics],
            flaps: Flaps::new(FLAP_WINDOW),
            desired: 0.0,
            desired_steps: [(f64::NEG_INFINITY, 0.0); 2],
            ready: 0.0,
            ratio: 0.0,
            demanded: None,
            follow: Follow::new(from, to, recording.step.as_secs_f64(), most),
            least: Integral::new(from, to),
            open: None,
            latencies: Latencies::default(),
            steps: keep_steps.then(Vec::new),
        }
    }

    pub(super) fn ready(&mut self, time: SimTime, ready: u32) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| time > asked.sample.time) {
            asked.ready.get_or_insert(self.ready_told);
        }
        if ready != self.ready_told {
            self.ready_told = ready;
            self.queue.push_back((time, Told::Ready(ready)));
        }
    }

    pub(super) fn pod(&mut self, time: SimTime, marks: Marks) {
        self.queue.push_back((time, Told::Pod(marks)));
    }

    /// A sync leaves this number and these values of the metrics; true if the number is another.
    pub(super) fn sync(&mut self, time: SimTime, desired: i32, values: &[Option<f64>]) -> bool {
        let now = time.as_secs_f64();
        let before = self.written.replace(desired);
        let changed = before != Some(desired);
        if changed {
            self.last_write = Some(time);
            if let Some(before) = before.filter(|_| now >= self.from) {
                self.flaps
                    .change(now, i64::from(desired) - i64::from(before));
            }
        }
        let mut seen = false;
        for (known, value) in self.values.iter_mut().zip(values) {
            if let Some(value) = *value
                && *known != Some(value)
            {
                *known = Some(value);
                seen = true;
            }
        }
        let at_most = f64::from(desired) >= self.most;
        let metrics = self.values.iter().zip(&self.targets);
        for (integral, (value, target)) in self.beyond.iter_mut().zip(metrics) {
            let beyond = at_most && value.unwrap_or(0.0) > (1.0 + self.tolerance) * target;
            integral.set(now, f64::from(u8::from(beyond)));
        }
        let ratios = self.values.iter().zip(&self.targets);
        let ratio = ratios
            .filter_map(|(value, target)| Some((*value)? / target))
            .fold(0.0, f64::max);
        if changed || seen {
            let told = Told::Sync(changed.then_some(desired), seen.then_some(ratio));
            self.queue.push_back((time, told));
        }
        if matches!(self.demand, Demand::Metrics { .. }) {
            self.advance(time);
        }
        changed && before.is_some()
    }

    /// The workload's service has a sample; `is_first` of those of this time.
    pub(super) fn sample(&mut self, sample: &Sample, is_first: bool) {
        if !is_first && let Some(asked) = &mut self.asked {
            asked.offered += sample.cpu_offered;
            return;
        }
        self.demand_of_last();
        self.asked = Some(Asked {
            sample: *sample,
            offered: sample.cpu_offered,
            ready: None,
        });
    }

    /// Works out the demand of the last sample's step, and all that waited for it.
    fn demand_of_last(&mut self) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let ready = f64::from(asked.ready.unwrap_or(self.ready_told));
        if asked.sample.time.as_secs_f64() > self.from {
            let replicas = f64::from(self.written.unwrap_or(0));
            for ([plain, total], value) in self.follows.iter_mut().zip(&self.values) {
                if let Some(value) = *value {
                    plain.add(asked.offered, value);
                    total.add(asked.offered, value * replicas);
                }
            }
        }
        if let Some(demand) = self.demand.offered(&asked.sample, asked.offered, ready) {
            let start = SimTime(asked.sample.time.0 - self.step.0);
            self.demands.push_back((start, demand));
            self.advance(asked.sample.time);
        }
    }

    /// Works off what comes before `until`.
    fn advance(&mut self, until: SimTime) {
        loop {
            let fronts = [
                self.queue.front().map(|one| one.0),
                self.demands.front().map(|one| one.0),
            ];
            match fronts.into_iter().flatten().min() {
                Some(time) if time < until => self.instant(time),
                _ => return,
            }
        }
    }

    /// All of one instant.
    fn instant(&mut self, time: SimTime) {
        let now = time.as_secs_f64();
        let before = self.desired;
        let (mut ratio, mut written, mut pod): (_, _, Option<Marks>) = (None, false, None);
        let mut ready = self.ready;
        while let Some(told) = next_at(&mut self.queue, time) {
            match told {
                Told::Ready(count) => ready = f64::from(count),
                Told::Sync(desired, seen) => {
                    if let Some(desired) = desired {
                        self.desired = f64::from(desired);
                        self.desired_steps = [(now, self.desired), self.desired_steps[0]];
                        written = true;
                    }
                    ratio = seen.or(ratio);
                }
                Told::Pod(marks) => {
                    pod = Some(
                        pod.filter(|other| other.number < marks.number)
                            .unwrap_or(marks),
                    );
                }
            }
        }
        let ready_changed = ready != self.ready;
        self.ready = ready;
        self.ratio = ratio.unwrap_or(self.ratio);
        if let Some(open) = &mut self.open {
            if written {
                open.answer.desired(now, self.desired);
            }
            if let Some(ratio) = ratio {
                open.answer.utilization(now, ratio);
                open.see(now, ratio);
            }
            if ready_changed && open.answer.ready(now, ready) {
                open.stages = pod.and_then(|pod| open.stages_to(now, &pod));
            }
        }
        let demand = match next_at(&mut self.demands, time) {
            Some(demand) => Some(demand),
            None => ratio.and_then(|ratio| self.demand.measured(self.replicas_before(now), ratio)),
        };
        if let Some(demand) = demand {
            self.demand_is(now, demand, before, ratio);
        }
        let demanded = self.demanded.map_or(0.0, |(_, demand)| demand);
        self.follow.set(now, self.ready, demanded);
    }

    /// The replicas that were desired just before.
    fn replicas_before(&self, now: f64) -> f64 {
        let steps = self.desired_steps.iter();
        let mut before = steps.filter(|(time, _)| *time <= now - BEFORE);
        before.next().map_or(0.0, |(_, replicas)| *replicas)
    }

    /// The demand from `now` on; a jump after a quiet time is a step of the load.
    fn demand_is(&mut self, now: f64, demand: f64, desired_before: f64, ratio: Option<f64>) {
        if self.demanded.is_some_and(|(_, last)| last == demand) {
            return;
        }
        let last = self.demanded.replace((now, demand));
        self.least.set(now, demand);
        let is_step = last.is_some_and(|(time, low)| {
            now >= self.from && demand >= low + 1.0 && now - time >= QUIET
        });
        if !is_step {
            return;
        }
        self.close(now);
        let mut open = Open {
            answer: Answer::new(AtStep {
                time: now,
                demand,
                before: desired_before,
                desired: self.desired,
                ready: self.ready,
                utilization: self.ratio,
                // Utilization is back when it is no further above the target than the HPA lets it.
                limit: 1.0 + self.tolerance,
                hold: HOLD,
            }),
            seen: None,
            stages: None,
        };
        if let Some(ratio) = ratio {
            open.see(now, ratio);
        }
        self.open = Some(open);
    }

    fn close(&mut self, end: f64) {
        let Some(open) = self.open.take() else {
            return;
        };
        let at = open.answer.at;
        let latency = open.answer.finish(end);
        self.latencies.add(&latency);
        if let Some(steps) = &mut self.steps {
            steps.push(ScalingStep {
                time: at.time,
                from: at.ready,
                demand: at.demand,
                latency,
                stages: open.stages,
            });
        }
    }

    pub(super) fn finish(mut self, end: f64) -> HpaFolded {
        self.demand_of_last();
        self.advance(SimTime(i64::MAX));
        self.close(end);
        HpaFolded {
            followed: self.follow.finish(),
            flapping: self.flaps.finish(end - self.from),
            latencies: self.latencies,
            steps: self.steps.unwrap_or_default(),
            beyond: self.beyond.into_iter().map(Integral::finish).collect(),
            follows: self.follows.into_iter().map(closer).collect(),
            demanded: self.least.finish(),
        }
    }
}

/// What correlates more.
fn closer([a, b]: [Correlation; 2]) -> Correlation {
    if b.coefficient() > a.coefficient() {
        b
    } else {
        a
    }
}

/// The next of a queue, if its turn is at this time.
fn next_at<T>(queue: &mut VecDeque<(SimTime, T)>, time: SimTime) -> Option<T> {
    let is_due = queue.front().is_some_and(|one| one.0 == time);
    is_due
        .then(|| queue.pop_front())
        .flatten()
        .map(|(_, one)| one)
}

impl Open {
    fn see(&mut self, now: f64, ratio: f64) {
        if ratio > 1.0 {
            self.seen.get_or_insert(now);
        }
    }

    /// The stages up to the pod that made enough; none if the HPA had not written anything yet.
    fn stages_to(&self, ready: f64, pod: &Marks) -> Option<Stages> {
        let seconds = |time: Option<SimTime>| time.map(SimTime::as_secs_f64);
        let decided = seconds(pod.decided)?;
        let seen = self.seen.unwrap_or(decided);
        let marks = [
            Some(seen.min(decided)),
            Some(decided),
            seconds(Some(pod.created)),
            seconds(pod.scheduled),
            seconds(pod.started),
            Some(ready),
        ];
        Some(Stages::through(self.answer.at.time, marks))
    }
}
