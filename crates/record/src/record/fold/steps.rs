//! Steps up of the load, and the HPA's answers to them.
//!
//! When the load steps up is known beforehand; what it asks for from then on is known at the end
//! of the first step of the series that lies after it. What comes meanwhile is kept until then.

use std::collections::VecDeque;

use super::answer::{Answer, AtStep, Latencies, ScalingStep, Stages};
use super::hpa::Marks;
use crate::sim::{SimDuration, SimTime};

/// How long utilization must stay low to count as recovered, in seconds.
const HOLD: f64 = 60.0;
/// How long a metric may take to show a step that is read off metrics alone.
const SHOWN: SimDuration = SimDuration::from_secs(300);

/// What happens at an instant; a value is there if it changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// When, in seconds.
    pub(super) now: f64,
    /// The number written.
    pub(super) desired: Option<f64>,
    /// The largest value over target.
    pub(super) ratio: Option<f64>,
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
    stages: Option<Stages>,
}

/// A step of which it is not known yet what it asks for.
#[derive(Debug, Clone)]
struct Pending {
    at: AtStep,
    low: f64,
    /// When the load has come to its new height.
    full: SimTime,
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
        if let Some(pending) = &mut self.pending {
            pending.moments.push(*moment);
        }
    }

    /// If a step begins now: `low` is the demand before, if that is known, and `state` what holds
    /// now.
    pub(super) fn begin(&mut self, time: SimTime, low: Option<f64>, state: AtStep, now: &Moment) {
        let Some((_, full)) = self.known.front().copied().filter(|step| step.0 <= time) else {
            return;
        };
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
            moments: vec![Moment {
                desired: None,
                ready: None,
                ..*now
            }],
        });
    }

    /// The demand of a step of the series that begins now; `measured` if it is read off metrics.
    pub(super) fn demand(&mut self, time: SimTime, demand: f64, measured: bool) {
        let is_over = |open: &Open| demand < f64::midpoint(open.low, open.answer.at.demand);
        if self.open.as_ref().is_some_and(is_over) {
            self.close(time.as_secs_f64());
        }
        let Some(pending) = self.pending.take_if(|pending| time >= pending.full) else {
            return;
        };
        if demand >= pending.low + 1.0 {
            let at = AtStep {
                demand,
                ..pending.at
            };
            let mut open = Open {
                answer: Answer::new(at),
                low: pending.low,
                seen: None,
                stages: None,
            };
            pending.moments.iter().for_each(|one| open.moment(one));
            self.open = Some(open);
        } else if measured && time <= pending.full + SHOWN {
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
        if at.ready < at.demand {
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
    fn moment(&mut self, moment: &Moment) {
        let now = moment.now;
        if let Some(desired) = moment.desired {
            self.answer.desired(now, desired);
        }
        if let Some(ratio) = moment.ratio {
            self.answer.utilization(now, ratio);
            if ratio > 1.0 {
                self.seen.get_or_insert(now);
            }
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
