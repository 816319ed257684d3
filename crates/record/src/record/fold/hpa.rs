//! An HPA and its workload: demand and supply, what the HPA wrote, the responses to steps of the
//! load.
//!
//! The demand of a step of the series is known at its end only. What comes meanwhile waits, so
//! that all is worked off in order of time; of one instant the last value of each kind counts.

use std::collections::VecDeque;

use super::super::hpas::{HpaRecord, HpaSpecRecord, Shown};
use super::super::recording::{Recording, Sample};
use super::answer::AtStep;
use super::demand::Need;
use super::flaps::Flaps;
use super::follow::Follow;
use super::hpa_folded::{HpaFolded, closer};
use super::integral::Integral;
use super::steps::{Marks, Moment, Steps};
use super::{Correlation, Demand, FLAP_WINDOW};
use crate::sim::{SimDuration, SimTime};

/// An input that waits for its turn.
#[derive(Debug, Clone)]
enum Told {
    Ready(u32),
    /// The number written, the largest value over target and the replicas that the metrics ask
    /// for, where they change.
    Sync(Option<i32>, [Option<f64>; 2]),
    Pod(Marks),
    /// `maxReplicas`, and how far above its target utilization may be.
    Spec(f64, f64),
}

/// What the demand of the last sample's step is worked out from.
#[derive(Debug, Clone, Copy)]
struct Asked {
    sample: Sample,
    /// Cores, and requests per second.
    load: (f64, f64),
    /// Ready pods at the sample's time, once that has passed.
    ready: Option<u32>,
}

/// What is known of an HPA up to now.
#[derive(Debug, Clone)]
pub(super) struct HpaFold {
    pub(super) workload: usize,
    /// How far above and below its target its utilization may be.
    tolerance: (f64, f64),
    demand: Demand,
    shown: Shown,
    from: f64,
    most: f64,
    step: SimDuration,
    targets: Vec<f64>,
    queue: VecDeque<(SimTime, Told)>,
    /// Replicas that would be right on the target.
    demands: VecDeque<(SimTime, f64)>,
    asked: Option<Asked>,
    /// Ready pods as they were last told.
    ready_told: u32,
    /// What the metrics ask for, as it was last told.
    asked_told: Option<f64>,
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
    ready: f64,
    ratio: f64,
    /// Replicas that the metrics ask for.
    measured: Option<f64>,
    /// When late metrics will show the load that there is now.
    settles: Option<SimTime>,
    need: Option<Need>,
    /// The replicas that the need was worked out from, by the spec in force.
    needed_of: Option<f64>,
    /// Begin and demand of the last step of the series, and of the one before.
    windows: [Option<(SimTime, f64)>; 2],
    /// The demand over time, where it is wanted.
    needed: Option<Vec<(f64, f64)>>,
    follow: Follow,
    least: Integral,
    /// Most replicas needed.
    highest: f64,
    steps: Steps,
}

impl HpaFold {
    /// The spec is this from now on.
    pub(super) fn respec(&mut self, spec: &HpaSpecRecord) {
        // What came before is worked off by the spec of before. Syncs without news are no reason
        // to do so: a run's series do not have them.
        if self.demand.is_measured() {
            self.advance(spec.since);
        }
        self.targets.clone_from(&spec.metric_targets);
        self.values.resize(self.targets.len(), None);
        self.demand.respec(spec);
        self.tolerance = spec.tolerance;
        self.most = f64::from(spec.bounds.1);
        let told = Told::Spec(self.most, spec.tolerance.0);
        self.queue.push_back((spec.since, told));
        self.shown = spec.shown;
        self.needed_of = None;
        self.settles = self.settles.filter(|_| self.demand.is_measured());
    }

    pub(super) fn new(recording: &Recording, hpa: &HpaRecord, keep_steps: bool) -> Self {
        let (from, to) = (
            recording.warm_up.as_secs_f64(),
            recording.duration.as_secs_f64(),
        );
        let first = hpa.specs.first();
        let bounds = first.map_or(hpa.bounds, |spec| spec.bounds);
        let tolerance = first.map_or((hpa.tolerance, hpa.tolerance_down), |spec| spec.tolerance);
        let targets = first.map_or(&hpa.metric_targets, |spec| &spec.metric_targets);
        let most = f64::from(bounds.1);
        let metrics = targets.len();
        let mut demand = Demand::of(recording, hpa);
        if let Some(spec) = first {
            demand.respec(spec);
        }
        Self {
            workload: hpa.workload,
            tolerance,
            demand,
            shown: first.map_or_else(Shown::default, |spec| spec.shown),
            from,
            most,
            step: recording.step,
            targets: targets.clone(),
            queue: VecDeque::new(),
            demands: VecDeque::new(),
            asked: None,
            ready_told: 0,
            asked_told: None,
            written: None,
            last_write: None,
            values: vec![None; metrics],
            beyond: vec![Integral::new(from, to); metrics],
            follows: vec![<[Correlation; 2]>::default(); metrics],
            flaps: Flaps::new(FLAP_WINDOW),
            desired: 0.0,
            ready: 0.0,
            ratio: 0.0,
            measured: None,
            settles: None,
            need: None,
            needed_of: None,
            windows: [None; 2],
            needed: keep_steps.then(Vec::new),
            follow: Follow::new(from, to, recording.step.as_secs_f64(), most),
            least: Integral::new(from, to),
            highest: 0.0,
            steps: Steps::new(&hpa.load_steps, tolerance.0, keep_steps),
        }
    }

    pub(super) fn is_measured(&self) -> bool {
        self.demand.is_measured()
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

    /// A sync leaves this number, these values of the metrics and the replicas that they ask for;
    /// true if the number is another.
    pub(super) fn sync(
        &mut self,
        time: SimTime,
        desired: i32,
        values: &[Option<f64>],
        asked: Option<f64>,
    ) -> bool {
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
            let beyond = at_most && value.unwrap_or(0.0) > (1.0 + self.tolerance.0) * target;
            integral.set(now, f64::from(u8::from(beyond)));
        }
        let ratios = self.values.iter().zip(&self.targets);
        let ratio = ratios
            .filter_map(|(value, target)| Some((*value)? / target))
            .fold(0.0, f64::max);
        let asked = asked.filter(|asked| self.asked_told != Some(*asked));
        self.asked_told = asked.or(self.asked_told);
        if changed || seen || asked.is_some() {
            let values = [seen.then_some(ratio), asked];
            let told = Told::Sync(changed.then_some(desired), values);
            self.queue.push_back((time, told));
        }
        if self.demand.is_measured() {
            self.advance(time);
        }
        changed && before.is_some()
    }

    /// The workload's service has a sample; `is_first` of those of this time.
    pub(super) fn sample(&mut self, sample: &Sample, is_first: bool) {
        if !is_first && let Some(asked) = &mut self.asked {
            asked.load.0 += sample.cpu_offered;
            asked.load.1 += sample.issued;
            return;
        }
        self.demand_of_last();
        self.asked = Some(Asked {
            sample: *sample,
            load: (sample.cpu_offered, sample.issued),
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
                    plain.add(asked.load.0, value);
                    total.add(asked.load.0, value * replicas);
                }
            }
        }
        if let Some(demand) = self.demand.offered(&asked.sample, asked.load, ready) {
            let start = SimTime(asked.sample.time.0 - self.step.0);
            if self.goes_on(demand, asked.sample.time) {
                let needed = self.need.map_or(f64::NAN, |need| need.needed);
                self.windows = [Some((start, needed)), self.windows[0]];
                return;
            }
            self.demands.push_back((start, demand));
            self.advance(asked.sample.time);
        }
    }

    /// Whether up to `until` nothing happens but that the demand stays what it is.
    fn goes_on(&self, demand: f64, until: SimTime) -> bool {
        self.needed_of == Some(demand)
            && self.demands.is_empty()
            && self.queue.front().is_none_or(|one| one.0 >= until)
            && self.steps.rest(until)
    }

    /// Works off what comes before `until`.
    fn advance(&mut self, until: SimTime) {
        loop {
            let fronts = [
                self.queue.front().map(|one| one.0),
                self.demands.front().map(|one| one.0),
                self.steps.next(),
                self.settles,
            ];
            match fronts.into_iter().flatten().min() {
                Some(time) if time < until => self.instant(time),
                _ => return,
            }
        }
    }

    /// All of one instant.
    fn instant(&mut self, time: SimTime) {
        let mut moment = Moment {
            now: time.as_secs_f64(),
            ..Moment::default()
        };
        let (now, desired_before) = (moment.now, self.desired);
        let mut ready = self.ready;
        while let Some(told) = next_at(&mut self.queue, time) {
            match told {
                Told::Ready(count) => ready = f64::from(count),
                Told::Sync(desired, [seen, asked]) => {
                    if let Some(desired) = desired {
                        self.desired = f64::from(desired);
                        moment.desired = Some(self.desired);
                    }
                    moment.ratio = seen.or(moment.ratio);
                    moment.asked = asked.or(moment.asked);
                }
                Told::Spec(most, tolerance) => {
                    self.follow.bound(now, most);
                    self.steps.tolerate(tolerance);
                }
                Told::Pod(marks) => {
                    let other = moment.pod.filter(|other| other.number < marks.number);
                    moment.pod = Some(other.unwrap_or(marks));
                }
            }
        }
        moment.ready = (ready != self.ready).then_some(ready);
        self.ready = ready;
        self.ratio = moment.ratio.unwrap_or(self.ratio);
        self.steps.moment(&moment);
        let is_measured = self.demand.is_measured();
        if self.shown.of_pods
            && moment
                .desired
                .is_some_and(|desired| desired != desired_before)
        {
            self.settle_from(time);
        }
        if self.steps.next().is_some_and(|step| step <= time) {
            let state = AtStep {
                time: now,
                demand: f64::NAN,
                enough: f64::NAN,
                before: desired_before,
                desired: self.desired,
                ready: self.ready,
                utilization: self.ratio,
                limit: f64::NAN,
                hold: f64::NAN,
            };
            let low = self.demand_before(time).filter(|_| now >= self.from);
            let after = is_measured.then_some(self.shown.after);
            if let Some(full) = self.steps.begin(time, low, after, state, &moment) {
                self.settle_from(full);
            }
        }
        let settled = self.settles.take_if(|settles| *settles <= time).is_some();
        let news = moment.asked.is_some() || settled;
        self.measured = moment.asked.or(self.measured);
        let replicas = match next_at(&mut self.demands, time) {
            Some(replicas) => Some(replicas),
            None => self.measured.filter(|_| news && is_measured),
        };
        if self.settles.is_some() {
            // Its metrics still show the load of before.
            if self.need.is_some_and(|need| need.is_known()) {
                self.demand_is(time, Need::UNKNOWN);
            }
        } else if let Some(replicas) = replicas {
            self.demand_is(time, self.demand.need(replicas, self.tolerance));
            self.needed_of = Some(replicas);
        }
        let need = self.need.unwrap_or(Need::UNKNOWN);
        self.follow.set(now, self.ready, need);
    }

    /// The load, or the pods over which late metrics are means, are others from `time` on.
    fn settle_from(&mut self, time: SimTime) {
        if self.demand.is_measured() && self.shown.after > SimDuration::ZERO {
            let until = time + self.shown.after;
            self.settles = self.settles.max(Some(until));
        }
    }

    /// The demand of the last step of the series that ended before `time`, or the last one that was
    /// measured.
    fn demand_before(&self, time: SimTime) -> Option<f64> {
        let is_whole =
            |(from, _): &(SimTime, f64)| self.demand.is_measured() || *from + self.step <= time;
        let mut windows = self.windows.iter().flatten();
        windows
            .find(|window| is_whole(window))
            .map(|window| window.1)
    }

    /// The demand from `time` on.
    fn demand_is(&mut self, time: SimTime, need: Need) {
        let now = time.as_secs_f64();
        self.steps.demand(time, need);
        let before = self.need.replace(need).map(|before| before.needed);
        if now >= self.from {
            self.highest = self.highest.max(need.needed);
        }
        if before != Some(need.needed)
            && let Some(needed) = &mut self.needed
        {
            needed.push((now, need.needed));
        }
        if need.is_known() {
            self.windows = [Some((time, need.needed)), self.windows[0]];
            // While it is not known, it counts as what it was.
            self.least.set(now, need.least);
        }
    }

    pub(super) fn finish(mut self, end: f64) -> HpaFolded {
        self.demand_of_last();
        self.settles = self.settles.filter(|settles| settles.as_secs_f64() < end);
        self.advance(SimTime(i64::MAX));
        let (latencies, steps) = self.steps.finish(end);
        HpaFolded {
            followed: self.follow.finish(),
            flapping: self.flaps.finish(end - self.from),
            latencies,
            steps,
            needed: self.needed.unwrap_or_default(),
            beyond: self.beyond.into_iter().map(Integral::finish).collect(),
            follows: self.follows.into_iter().map(closer).collect(),
            demanded: self.least.finish(),
            most_demanded: self.highest,
        }
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
