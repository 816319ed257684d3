//! Steps up of the load, and the HPA's answers to them.
//!
//! When the load steps up is known beforehand; what it asks for from then on is known at the end
//! of the first step of the series that lies after it. What comes meanwhile is kept until then.

use std::collections::VecDeque;

use super::answer::{Answer, AtStep, Latencies, ScalingStep, Stages};
use super::demand::Need;
use crate::sim::{SimDuration, SimTime};

/// How long utilization must stay low to count as recovered, in seconds.
const HOLD: f64 = 60.0;
/// How long a metric may take to show a step that is read off metrics alone.
const SHOWN: SimDuration = SimDuration::from_secs(300);

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

/// What happens at an instant; a value is there if it changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// When, in seconds.
    pub(super) now: f64,
    /// The number written.
    pub(super) desired: Option<f64>,
    /// The largest value over target.
    pub(super) ratio: Option<f64>,
    /// Replicas that the metrics ask for.
    pub(super) asked: Option<f64>,
    /// Ready pods.
    pub(super) ready: Option<f64>,
    /// The last pod that became ready.
    pub(super) pod: Option<Marks>,
}

/// A step under observation.
#[derive(Debug, Clone)]
struct Open {
    answer: Answer,
    /// The demand before.
    low: f64,
    /// The first sync from the step on that saw a metric above its target.
    seen: Option<f64>,
    /// The largest value over target, as last seen.
    ratio: f64,
    /// Whether that is of the new load: before, a late metric shows the old one.
    is_of_step: bool,
    stages: Option<Stages>,
}

/// A step of which it is not known yet what it asks for.
#[derive(Debug, Clone)]
struct Pending {
    at: AtStep,
    low: f64,
    /// When the load has come to its new height.
    full: SimTime,
    /// Until when metrics may take to show it; none if what is offered tells at once.
    until: Option<SimTime>,
    moments: Vec<Moment>,
}

/// All steps of the load of one HPA.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    /// Begin of each step that is still to come, and when the load has come to its new height.
    known: VecDeque<(SimTime, SimTime)>,
    /// Above this part of its target utilization has not recovered.
    limit: f64,
    pending: Option<Pending>,
    open: Option<Open>,
    latencies: Latencies,
    /// Every step, where they are wanted.
    kept: Option<Vec<ScalingStep>>,
}

impl Steps {
    pub(super) fn new(known: &[(SimTime, SimTime)], tolerance: f64, keep: bool) -> Self {
        Self {
            known: known.iter().copied().collect(),
            limit: 1.0 + tolerance,
            pending: None,
            open: None,
            latencies: Latencies::default(),
            kept: keep.then(Vec::new),
        }
    }

    /// The tolerance of the steps that begin from now on.
    pub(super) fn tolerate(&mut self, tolerance: f64) {
        self.limit = 1.0 + tolerance;
    }

    /// When the next step begins.
    pub(super) fn next(&self) -> Option<SimTime> {
        self.known.front().map(|step| step.0)
    }

    /// Whether no step is looked into, and none begins before `until`.
    pub(super) fn rest(&self, until: SimTime) -> bool {
        self.pending.is_none() && self.next().is_none_or(|step| step >= until)
    }

    /// Something happens.
    pub(super) fn moment(&mut self, moment: &Moment) {
        if let Some(open) = &mut self.open {
            open.moment(moment);
        }
        let is_late = |until: SimTime| moment.now > until.as_secs_f64();
        let is_lost = |pending: &Pending| pending.until.is_some_and(is_late);
        if self.pending.as_ref().is_some_and(is_lost) {
            self.pending = None;
        }
        if let Some(pending) = &mut self.pending {
            pending.moments.push(*moment);
        }
    }

    /// If a step begins now, when the load has come to its new height: `low` is the demand before,
    /// if that is known, and `state` what holds now. `shown_after` is the time that metrics take to
    /// show it, if the demand is read off them.
    pub(super) fn begin(
        &mut self,
        time: SimTime,
        low: Option<f64>,
        shown_after: Option<SimDuration>,
        state: AtStep,
        now: &Moment,
    ) -> Option<SimTime> {
        let (_, full) = self.known.front().copied().filter(|step| step.0 <= time)?;
        self.known.pop_front();
        self.close(state.time);
        self.pending = low.map(|low| Pending {
            at: AtStep {
                // Utilization is back when it is no further above the target than the HPA lets it.
                limit: self.limit,
                hold: HOLD,
                ..state
            },
            low,
            full,
            until: shown_after.map(|after| full + after + SHOWN),
            moments: vec![Moment {
                desired: None,
                ready: None,
                ..*now
            }],
        });
        Some(full)
    }

    /// What a step of the series that begins now needs, as far as that is known.
    pub(super) fn demand(&mut self, time: SimTime, need: Need) {
        let demand = need.needed;
        let is_over = |open: &Open| demand < f64::midpoint(open.low, open.answer.at.demand);
        if self.open.as_ref().is_some_and(is_over) {
            self.close(time.as_secs_f64());
        }
        let is_told = |pending: &mut Pending| need.is_known() && time >= pending.full;
        let Some(pending) = self.pending.take_if(is_told) else {
            return;
        };
        if demand >= pending.low + 1.0 {
            let at = AtStep {
                demand,
                enough: need.least,
                ..pending.at
            };
            let mut open = Open::new(at, pending.low);
            pending.moments.iter().for_each(|one| open.moment(one));
            self.open = Some(open);
        } else if pending.until.is_some_and(|until| time <= until) {
            self.pending = Some(pending);
        }
    }

    /// Ends the observation of a step.
    fn close(&mut self, end: f64) {
        self.pending = None;
        let Some(open) = self.open.take() else {
            return;
        };
        let at = open.answer.at;
        let latency = open.answer.finish(end);
        if at.ready < at.enough {
            self.latencies.add(&latency);
        }
        if let Some(kept) = &mut self.kept {
            kept.push(ScalingStep {
                time: at.time,
                from: at.ready,
                demand: at.demand,
                latency,
                stages: open.stages,
            });
        }
    }

    /// The run ends.
    pub(super) fn finish(mut self, end: f64) -> (Latencies, Vec<ScalingStep>) {
        self.close(end);
        (self.latencies, self.kept.unwrap_or_default())
    }
}

impl Open {
    fn new(at: AtStep, low: f64) -> Self {
        // Where there are enough pods already, there is nothing to wait for.
        let is_of_step = at.ready >= at.enough;
        let utilization = if is_of_step {
            at.utilization
        } else {
            f64::INFINITY
        };
        Self {
            answer: Answer::new(AtStep { utilization, ..at }),
            low,
            seen: None,
            ratio: at.utilization,
            is_of_step,
            stages: None,
        }
    }

    fn moment(&mut self, moment: &Moment) {
        let now = moment.now;
        let at = self.answer.at;
        self.ratio = moment.ratio.unwrap_or(self.ratio);
        let answers = moment.desired.is_some_and(|desired| desired > at.before);
        let begins = !self.is_of_step && (answers || moment.ratio.is_some_and(|r| r > at.limit));
        self.is_of_step |= begins;
        if self.is_of_step && (begins || moment.ratio.is_some()) {
            self.answer.utilization(now, self.ratio);
        }
        if moment.ratio.is_some_and(|ratio| ratio > 1.0) {
            self.seen.get_or_insert(now);
        }
        if let Some(desired) = moment.desired {
            self.answer.desired(now, desired);
        }
        if let Some(ready) = moment.ready
            && self.answer.ready(now, ready)
        {
            self.stages = moment.pod.and_then(|pod| self.stages_to(now, &pod));
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
