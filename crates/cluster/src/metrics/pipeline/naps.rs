//! Pods that scrapes pass over: what they use lies on a line, so their rate stays what it is.
//!
//! A pod whose CPU is used evenly has the same rate, in millicores, whichever two of its measurements a
//! scrape reads: counters are cut to the nanosecond, so over some seconds a rate is off by less than a
//! nanocore, which rounding up to millicores hides. Such a pod naps until its line ends or somebody
//! wants to know more of it than its rate. Then it catches up: it draws the times of the measurements
//! that it missed, and takes those that the last scrapes read.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::lone::Lone;
use super::{FreshRule, ScrapedNode};
use crate::metrics::spec::PipelineConfig;
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, CpuTime, Millicores};

/// What a container uses as long as its owner does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Which containers' lines end together, by a number of their owner's.
    pub class: u32,
    /// How many lines of this class ended before.
    pub epoch: u32,
    /// From when on.
    pub since: SimTime,
    /// The CPU that it had used by then, in 1/1024 ns of one millionth of a core.
    pub used: u128,
    /// The CPU that it uses, in millionths of a core.
    pub rate: u64,
    /// Its working set.
    pub memory: Bytes,
}

impl Line {
    /// The CPU used by a time on the line, cut to the nanosecond.
    #[inline]
    pub fn cpu(&self, time: SimTime) -> CpuTime {
        let elapsed = (time - self.since).0 as u128;
        let used = self
            .used
            .wrapping_add(u128::from(self.rate) * (elapsed << 10));
        let whole = used >> 10;
        let nanos = u64::try_from(whole).map_or_else(
            |_| (whole / 1_000_000) as i64,
            |whole| (whole / 1_000_000) as i64,
        );
        CpuTime(nanos)
    }

    /// The rate that each two of its measurements come to.
    pub(super) fn millicores(&self) -> Millicores {
        Millicores(self.rate.div_ceil(1000) as i64)
    }
}

/// Shorter gaps between measurements might show how counters are cut.
const LEAST_GAP: SimDuration = SimDuration::from_secs(5);
/// So often is it looked for pods that could nap: each so many scrapes.
const LOOK_EVERY: usize = 3;
/// In no class.
const NONE: u32 = u32::MAX;

/// A pod that naps.
#[derive(Debug, Clone, Copy)]
struct Nap {
    line: Line,
    /// Scrapes so far when it began.
    rounds: usize,
}

/// A scrape, as those that nap missed it.
#[derive(Debug, Clone, Default)]
struct Round {
    began: SimTime,
    published: SimTime,
    /// How long after the begin each node was asked; none if it is gone.
    delays: Vec<Option<SimDuration>>,
}

/// Pods of which lines end together.
#[derive(Debug, Clone, Default)]
struct Class {
    epoch: u32,
    /// Their slots; some may be awake by now.
    slots: Vec<u32>,
}

/// Who naps, and what they missed.
#[derive(Debug, Clone, Default)]
pub(super) struct Naps {
    /// Scrapes that are kept; none if nobody may nap.
    keeps: usize,
    rounds: VecDeque<Round>,
    /// Scrapes so far.
    count: usize,
    /// By slot, in 64 bits each: who naps, or is not there.
    passed: Vec<u64>,
    /// By slot, in 64 bits each: who was looked at since pods lay down last.
    looked_at: Vec<u64>,
    /// By slot.
    asleep: Vec<Option<Nap>>,
    /// By slot: the class whose list it is in.
    listed: Vec<u32>,
    classes: Vec<Class>,
}

impl Naps {
    pub(super) fn new(config: &PipelineConfig) -> Self {
        let interval = config.housekeeping_max.max(config.housekeeping_interval);
        let longest = SimDuration((interval.0 as f64 * (1.0 + config.housekeeping_jitter)) as i64);
        let stagger = config.node_stagger_max;
        // The rate hangs on two points, each of them at most so old when it is read.
        let depth = longest * 2 + stagger * 2;
        let keeps = (depth.0 / config.metric_resolution.0.max(1)) as usize + 4;
        let may_nap = config.housekeeping_interval >= stagger.max(LEAST_GAP)
            && !config.housekeeping_events
            && !config.stats_on_request
            && config.first_scrapes.is_empty();
        Self {
            keeps: if may_nap { keeps } else { 0 },
            ..Self::default()
        }
    }

    /// Notes a scrape for those who nap through it.
    pub(super) fn note(
        &mut self,
        (began, published): (SimTime, SimTime),
        nodes: &[Option<ScrapedNode>],
    ) {
        self.count += 1;
        if self.keeps == 0 {
            return;
        }
        let full = self.rounds.len() == self.keeps;
        let mut round = full
            .then(|| self.rounds.pop_front())
            .flatten()
            .unwrap_or_default();
        (round.began, round.published) = (began, published);
        round.delays.clear();
        let delays = nodes.iter().map(|node| node.map(|node| node.delay));
        round.delays.extend(delays);
        self.rounds.push_back(round);
    }

    /// Whether this is a scrape after which pods may lie down.
    pub(super) fn is_time(&self) -> bool {
        self.keeps > 0 && self.count.is_multiple_of(LOOK_EVERY)
    }

    /// A pod naps from now on.
    pub(super) fn lie_down(&mut self, slot: usize, line: Line) {
        if self.asleep.len() <= slot {
            self.asleep.resize(slot + 1, None);
            self.listed.resize(slot + 1, NONE);
        }
        let class = line.class as usize;
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Class::default);
        }
        self.classes[class].epoch = line.epoch;
        if self.listed[slot] != line.class {
            self.listed[slot] = line.class;
            self.classes[class].slots.push(slot as u32);
        }
        self.pass(slot);
        let rounds = self.count;
        self.asleep[slot] = Some(Nap { line, rounds });
    }

    fn pass(&mut self, slot: usize) {
        if self.passed.len() <= slot / 64 {
            self.passed.resize(slot / 64 + 1, 0);
        }
        self.passed[slot / 64] |= 1 << (slot % 64);
    }

    /// There is a pod in this slot from now on, and it is awake.
    pub(super) fn come(&mut self, slot: usize) {
        if let Some(passed) = self.passed.get_mut(slot / 64) {
            *passed &= !(1 << (slot % 64));
        }
    }

    /// There is no pod in this slot any more.
    pub(super) fn go(&mut self, slot: usize) {
        self.rise(slot);
        self.pass(slot);
    }

    /// Of 64 slots, counted from the first ones, those where a pod may be awake, one bit each.
    #[inline]
    pub(super) fn awake_in(&self, place: usize) -> u64 {
        !self.passed.get(place).copied().unwrap_or(0)
    }

    /// The pod in a slot is looked at: as long as somebody does, it has nothing of a nap.
    #[inline]
    pub(super) fn look_at(&mut self, slot: usize) {
        if self.looked_at.len() <= slot / 64 {
            self.looked_at.resize(slot / 64 + 1, 0);
        }
        self.looked_at[slot / 64] |= 1 << (slot % 64);
    }

    /// Of 64 slots, counted from the first ones, those whose pods nobody has looked at since this was
    /// asked last, one bit each.
    pub(super) fn take_left_alone(&mut self, place: usize) -> u64 {
        let looked_at = self.looked_at.get_mut(place);
        !looked_at.map_or(0, std::mem::take)
    }

    /// Whether the pod in a slot naps, or there is none.
    #[inline]
    pub(super) fn is_passed(&self, slot: usize) -> bool {
        self.awake_in(slot / 64) & (1 << (slot % 64)) == 0
    }

    /// The pods of classes of which a line has ended: their slots go to `slots`.
    pub(super) fn ended(&mut self, epoch: impl Fn(u32) -> u32, slots: &mut Vec<u32>) {
        for (number, class) in self.classes.iter_mut().enumerate() {
            if class.slots.is_empty() || epoch(number as u32) == class.epoch {
                continue;
            }
            for slot in class.slots.drain(..) {
                if self.listed[slot as usize] == number as u32 {
                    self.listed[slot as usize] = NONE;
                    slots.push(slot);
                }
            }
        }
    }

    /// All slots whose pods nap.
    pub(super) fn all(&self) -> Vec<u32> {
        let naps = self.asleep.iter().enumerate();
        naps.filter_map(|(slot, nap)| nap.map(|_| slot as u32))
            .collect()
    }

    fn rise(&mut self, slot: usize) -> Option<Nap> {
        let nap = self.asleep.get_mut(slot)?.take()?;
        self.come(slot);
        Some(nap)
    }

    /// The pod in a slot catches up with the scrapes so far, if it naps.
    #[inline]
    pub(super) fn wake(
        &mut self,
        slot: usize,
        lone: &mut Lone,
        config: &PipelineConfig,
        rule: FreshRule,
    ) {
        if let Some(nap) = self.rise(slot) {
            self.make_up(nap, lone, config, rule);
        }
    }

    /// What the pod in a slot comes to when it has caught up.
    pub(super) fn awake<'a>(
        &self,
        slot: usize,
        lone: &'a Lone,
        config: &PipelineConfig,
        rule: FreshRule,
    ) -> Cow<'a, Lone> {
        let Some(nap) = self.asleep.get(slot).copied().flatten() else {
            return Cow::Borrowed(lone);
        };
        let mut lone = lone.clone();
        self.make_up(nap, &mut lone, config, rule);
        Cow::Owned(lone)
    }

    fn make_up(&self, nap: Nap, lone: &mut Lone, config: &PipelineConfig, rule: FreshRule) {
        let missed = self.count - nap.rounds;
        let mut rounds = self.rounds.len().saturating_sub(missed);
        if missed >= self.rounds.len()
            && let Some(first) = self.rounds.front()
        {
            lone.pass_over(first.published, config);
            rounds = 1;
        }
        for round in self.rounds.range(rounds..) {
            lone.catch_up_along(round.published, config, &nap.line);
            let delay = round.delays.get(lone.node.0 as usize).copied().flatten();
            let asked = round.began + delay.unwrap_or_default();
            lone.scrape(asked, delay.is_some(), rule);
        }
    }
}

#[cfg(test)]
mod tests;
