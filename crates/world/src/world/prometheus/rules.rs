//! When recording rules are evaluated: each group at its own place in its interval.

use super::lives::PAST;
use super::{Prometheus, PrometheusEvent};
use crate::prometheus::scrape::offset;
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::world::{Event, Simulation};

impl Prometheus {
    /// Records what rules would have recorded before the start, as far back as there are samples:
    /// groups take turns, as they may read each other's series.
    fn record_past(&mut self) {
        let from = -self.head.retention().min(PAST.0 / 1_000_000);
        let groups = 0..self.rules.len();
        let mut next: Vec<i64> = groups
            .map(|place| self.first_evaluation(place, from))
            .collect();
        let first = |next: &[i64]| {
            let times = next.iter().copied().enumerate();
            times.min_by_key(|(_, time)| *time)
        };
        while let Some((place, time)) = first(&next).filter(|(_, time)| *time < 0) {
            let (rules, _, interval) = &mut self.rules[place];
            rules.evaluate(&mut self.head, self.known.epoch.0 + time);
            next[place] += interval.0 / 1_000_000;
        }
    }

    /// The first evaluation of a group from a time on, milliseconds.
    fn first_evaluation(&self, place: usize, from: i64) -> i64 {
        let (_, name, interval) = &self.rules[place];
        let identity = format!("rules/{place}/{name}");
        offset(&identity, self.seed, interval.0 / 1_000_000, from)
    }
}

impl Simulation<'_> {
    /// The rules of the start, with what they recorded before.
    pub(super) fn start_rules(&mut self) {
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        prometheus.record_past();
        for place in 0..prometheus.rules.len() {
            let first = prometheus.first_evaluation(place, 0);
            let event = PrometheusEvent::Rules(place as u32);
            self.queue
                .schedule(SimTime(first * 1_000_000), Event::Prometheus(event));
        }
    }

    /// A group's turn.
    pub(super) fn evaluate_rules(&mut self, group: u32, now: SimTime) {
        let is_down = self.is_down(Component::Prometheus, now);
        let Some(prometheus) = &mut self.prometheus else {
            return;
        };
        let (rules, _, interval) = &mut prometheus.rules[group as usize];
        if !is_down {
            rules.evaluate(&mut prometheus.head, prometheus.known.epoch.unix(now));
        }
        let event = PrometheusEvent::Rules(group);
        self.queue
            .schedule(now + *interval, Event::Prometheus(event));
    }
}
