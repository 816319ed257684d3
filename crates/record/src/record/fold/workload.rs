//! A workload: what its pods requested and for how long, how they waited, and their evictions and
//! kills.

use std::collections::VecDeque;

use super::super::cost::ComputeClass;
use super::super::recording::{Counts, PodRecord, Prices, Recording, WorkloadRecord};
use super::super::vpa::{DisruptionKind, DisruptionRecord};
use super::REACTION;
use super::exact::ExactSum;
use super::integral::Integral;
use crate::sim::SimTime;

/// Part of a pod's life with the same requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::record) struct Phase {
    /// From when on it existed with them.
    pub(in crate::record) from: SimTime,
    /// Until when; the end of the run if absent.
    pub(in crate::record) to: Option<SimTime>,
    /// When the pod got its node, if it did.
    pub(in crate::record) bound: Option<SimTime>,
    /// CPU, in cores.
    pub(in crate::record) cores: f64,
    /// Memory, in GiB.
    pub(in crate::record) gib: f64,
    /// Whether it is the pod's whole life, of which there is a minimum.
    pub(in crate::record) whole: bool,
}

impl Phase {
    /// The phases of a whole life.
    pub(in crate::record) fn of(pod: &PodRecord) -> impl Iterator<Item = Self> {
        let phases = pod.requests(pod.created);
        phases.map(|(from, to, cores, gib)| Self {
            from,
            to,
            bound: pod.scheduled,
            cores,
            gib,
            whole: pod.resized.is_empty(),
        })
    }
}

/// What is known of a workload up to now.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadFold {
    /// What its pods cost by their requests after the warm-up, in dollars.
    pub request_cost: ExactSum,
    /// The same without minimum and rounding to seconds.
    pub plain_cost: ExactSum,
    /// What the first pod cost per hour, in dollars.
    pub first_rate: Option<f64>,
    /// Hours that pods existed after the warm-up.
    pub pod_hours: ExactSum,
    /// Requested cores × hours.
    pub cpu_hours: ExactSum,
    /// Requested GiB × hours.
    pub gib_hours: ExactSum,
    /// Seconds after the warm-up with a pod without a node.
    pub waited: Integral,
    /// Most pods without a node at a time.
    pub most_waiting: u32,
    /// Evictions, refused ones, resizes and kills after the warm-up.
    pub disruptions: [u64; 5],
    /// When a container was killed at its memory limit last.
    pub last_kill: Option<SimTime>,
    /// Evictions and resizes in all.
    pub changes: u64,
    /// Those that an HPA may still react to.
    recent: VecDeque<SimTime>,
    /// The current counts and since when.
    pub(super) counts: Option<(SimTime, Counts)>,
    prices: Prices,
    class: ComputeClass,
    unstated: (f64, f64),
    start: SimTime,
    end: SimTime,
}

impl WorkloadFold {
    pub(super) fn new(recording: &Recording, workload: &WorkloadRecord) -> Self {
        let (start, end) = (
            SimTime::ZERO + recording.warm_up,
            SimTime::ZERO + recording.duration,
        );
        Self {
            request_cost: ExactSum::default(),
            plain_cost: ExactSum::default(),
            first_rate: None,
            pod_hours: ExactSum::default(),
            cpu_hours: ExactSum::default(),
            gib_hours: ExactSum::default(),
            waited: Integral::new(start.as_secs_f64(), end.as_secs_f64()),
            most_waiting: 0,
            disruptions: [0; 5],
            last_kill: None,
            changes: 0,
            recent: VecDeque::new(),
            counts: None,
            prices: recording.prices,
            class: workload.class,
            unstated: workload.unstated,
            start,
            end,
        }
    }

    fn rate(&self, cores: f64, gib: f64) -> f64 {
        let asked = (cores, gib);
        self.prices.rate(self.class, self.unstated, asked)
    }

    pub(super) fn created(&mut self, cores: f64, gib: f64) {
        let rate = self.rate(cores, gib);
        self.first_rate.get_or_insert(rate);
    }

    /// The part of a life that lies after the warm-up and before the end, in seconds.
    fn billed(&self, from: SimTime, to: Option<SimTime>) -> f64 {
        let (from, to) = (from.max(self.start), to.unwrap_or(self.end).min(self.end));
        (to.as_secs_f64() - from.as_secs_f64()).max(0.0)
    }

    /// The part of a phase that is paid for by its requests, in seconds.
    fn paid(&self, phase: &Phase, length: f64) -> f64 {
        match phase.bound {
            _ if !self.prices.pods.from_its_node() => length,
            Some(bound) => self.billed(phase.from.max(bound), phase.to),
            None => 0.0,
        }
    }

    pub(super) fn phase(&mut self, phase: &Phase) {
        let &Phase { cores, gib, .. } = phase;
        let rate = self.rate(cores, gib);
        let length = self.billed(phase.from, phase.to);
        let paid = self.paid(phase, length);
        if paid > 0.0 {
            let minimum = if phase.whole {
                self.prices.minimum_seconds
            } else {
                0.0
            };
            let hours = billed_seconds(paid, minimum) / 3600.0;
            self.request_cost.add(hours * rate);
            self.plain_cost.add(paid / 3600.0 * rate);
        }
        if length > 0.0 {
            self.pod_hours.add(length / 3600.0);
            self.cpu_hours.add(cores * length / 3600.0);
            self.gib_hours.add(gib * length / 3600.0);
        }
    }

    /// The counts of an instant, once it has passed.
    pub(super) fn counted(&mut self, time: SimTime, counts: &Counts) {
        let is_waiting = f64::from(u8::from(counts.pending > 0));
        self.waited.set(time.as_secs_f64(), is_waiting);
        self.most_waiting = self.most_waiting.max(counts.pending);
    }

    pub(super) fn disruption(&mut self, one: &DisruptionRecord) {
        if one.time >= self.start {
            self.disruptions[one.kind as usize] += 1;
        }
        if one.kind == DisruptionKind::OomKill {
            self.last_kill = Some(one.time);
        }
        if matches!(one.kind, DisruptionKind::Eviction | DisruptionKind::Resize) {
            self.changes += 1;
            self.recent.push_back(one.time);
        }
    }

    /// Whether a rescale at that time came soon after a change of its pods.
    pub(super) fn is_reaction(&mut self, time: SimTime) -> bool {
        let is_old = |change: &SimTime| *change + REACTION < time;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        let mut recent = self.recent.iter();
        recent.any(|change| *change <= time && time <= *change + REACTION)
    }
}

/// Seconds billed for an object: whole seconds, at least a minimum.
pub fn billed_seconds(seconds: f64, minimum: f64) -> f64 {
    // The subtraction of two instants may leave noise below a nanosecond.
    ((seconds - 1e-9).ceil()).max(minimum)
}
