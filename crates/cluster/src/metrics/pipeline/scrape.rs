//! A scrape of metrics-server: what it takes over, and whom it passes over.

use super::lone::Lone;
use super::{Pipeline, Rate, UsageSource};
use crate::metrics::server::FreshRule;
use crate::sim::{SimDuration, SimTime};

impl Pipeline {
    pub(super) fn draw_node_delays(&mut self) -> SimDuration {
        let count = self.nodes.iter().flatten().count() as i64;
        let span = (self.config.node_stagger * count).min(self.config.node_stagger_max);
        let mut slowest = SimDuration::ZERO;
        for node in self.nodes.iter_mut().flatten() {
            node.delay = SimDuration((span.0 as f64 * self.stream.unit()) as i64);
            slowest = slowest.max(node.delay);
        }
        slowest
    }

    /// Measures what was due by now and is no event, and takes over what the nodes answered.
    pub(super) fn publish(&mut self, now: SimTime, usage: &mut impl UsageSource) {
        let (began, rule) = (self.scrape_began, self.fresh_rule());
        self.rouse(usage);
        self.naps.note((began, now), &self.nodes);
        for node in self.nodes.iter_mut().flatten() {
            let answers = !self.is_down && !node.is_silent;
            node.answers = if answers {
                (node.answers + 1).min(2)
            } else {
                0
            };
        }
        let slots = self.pods.slots();
        self.rates.resize(slots, None);
        self.lone.resize(slots, None);
        let lies_down = self.naps.is_time();
        for place in 0..slots.div_ceil(64) {
            let mut awake = self.naps.awake_in(place);
            let left_alone = if lies_down {
                self.naps.take_left_alone(place)
            } else {
                0
            };
            while awake != 0 {
                let slot = place * 64 + awake.trailing_zeros() as usize;
                awake &= awake - 1;
                if slot >= slots {
                    break;
                }
                let Some(lone) = &mut self.lone[slot] else {
                    self.take_over((began, now), slot, rule, usage);
                    continue;
                };
                let node = self.nodes[lone.node.0 as usize];
                let asked = began + node.map_or(SimDuration::ZERO, |node| node.delay);
                let answers = node.is_some_and(|node| !node.is_silent);
                let counted = self.groups.counts(slot).then(|| lone.rate());
                lone.catch_up(now, &self.config, usage);
                lone.scrape(asked, answers, rule);
                if let Some(before) = counted {
                    self.groups.replace(slot, before, lone.rate());
                }
                if left_alone & (1 << (slot % 64)) != 0
                    && let Some(line) = lone.line(usage, rule)
                {
                    self.naps.lie_down(slot, line);
                }
            }
        }
    }

    /// Takes over what the node of the pod in a slot answered, unless the pod is a lone one.
    fn take_over(
        &mut self,
        (began, now): (SimTime, SimTime),
        slot: usize,
        rule: FreshRule,
        usage: &mut impl UsageSource,
    ) {
        let key = self.pods.key_at(slot);
        let (Some(key), Some(pod)) = (key, self.pods.at_mut(slot)) else {
            return;
        };
        let node = self.nodes[pod.node.0 as usize];
        let asked = began + node.map_or(SimDuration::ZERO, |node| node.delay);
        // A container without any CPU or memory drops the whole pod from the scrape.
        let mut answers = node.is_some_and(|node| !node.is_silent);
        if let Some(id) = pod.first
            && pod.others.is_empty()
            && !self.is_down
            && let Some(container) = self.containers.get_mut(id)
        {
            container.catch_up(now, &self.config, usage);
            let point = container
                .samples
                .at(asked)
                .filter(|point| answers && point.cpu.0 > 0 && point.memory.0 > 0);
            pod.store
                .store_one(container.tracked.container, point, rule);
            let lone = Lone::of(key, pod, container);
            self.groups
                .replace(slot, None, lone.as_ref().and_then(Lone::rate));
            self.lone[slot] = lone;
            let rate = pod.store.read_one();
            self.rates[slot] = rate.map(|(end, window, usage)| Rate {
                pod: key,
                end,
                window,
                values: usage.milli_values(),
            });
            return;
        }
        self.rates[slot] = None;
        let points = &mut self.points;
        points.clear();
        for id in pod.containers() {
            let Some(container) = self.containers.get_mut(id) else {
                continue;
            };
            container.catch_up(now, &self.config, usage);
            if let Some(&point) = container.samples.at(asked) {
                answers &= point.cpu.0 > 0 && point.memory.0 > 0;
                points.push((container.tracked.container, point));
            }
        }
        if self.is_down {
            return;
        }
        if !answers {
            points.clear();
        }
        pod.store.store(points.iter().copied(), rule);
    }

    /// The pod in a slot catches up with the scrapes so far.
    #[inline]
    pub(super) fn wake(&mut self, slot: usize) {
        if !self.naps.is_passed(slot) {
            return;
        }
        let rule = self.fresh_rule();
        if let Some(Some(lone)) = self.lone.get_mut(slot) {
            self.naps.wake(slot, lone, &self.config, rule);
        }
    }

    /// Wakes the pods whose rate may not stay what it was.
    fn rouse(&mut self, usage: &impl UsageSource) {
        let mut slots = Vec::new();
        self.naps.ended(|class| usage.epoch(class), &mut slots);
        if std::mem::take(&mut self.has_lost_nodes) {
            let is_lost = |slot: &u32| {
                let lone = self.lone[*slot as usize].as_ref();
                lone.is_some_and(|lone| self.nodes[lone.node.0 as usize].is_none())
            };
            slots.extend(self.naps.all().into_iter().filter(is_lost));
        }
        for slot in slots {
            self.wake(slot as usize);
        }
    }

    pub(super) fn fresh_rule(&self) -> FreshRule {
        FreshRule {
            resolution: self.config.metric_resolution,
            min_age: self.config.fresh_min_age,
        }
    }
}
