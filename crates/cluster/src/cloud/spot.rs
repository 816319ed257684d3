//! Spot nodes that the provider takes back: when, and which.
//!
//! A node's life until then is exponential, so that nothing is lost by drawing it at the launch. Nodes
//! of a correlated group go together: its interruptions come at a rate of the group, and each takes every node
//! with some chance.

use super::{Agenda, Cloud, Event, InstanceId, Stage};
use crate::sim::{SimDuration, SimTime, Stream};

/// An exponential time with this many events an hour; none without any.
fn time_to_next(hazard: f64, stream: &mut Stream) -> Option<SimDuration> {
    let hours = -(1.0 - stream.unit()).ln() / hazard;
    // Longer than any run is never.
    (hazard > 0.0 && hours < 1e6).then(|| SimDuration::from_secs_f64(hours * 3600.0))
}

impl Cloud {
    /// The interruptions that are known at the start.
    pub fn interruptions(&mut self) -> Agenda {
        let mut agenda = Agenda::new();
        for place in 0..self.groups.len() {
            let number = place as u32;
            let Some(spec) = self.groups[place].spec.interruption.clone() else {
                continue;
            };
            // Whoever gets a recommendation is drawn when that comes.
            let lead = spec.rebalance.unwrap_or(SimDuration::ZERO);
            for time in &spec.times {
                agenda.push((*time - lead, Event::Interruption(number)));
            }
            if spec.correlated.is_some() {
                agenda.extend(self.next_of_group(number, SimTime::ZERO));
            }
            for id in self.groups[place].instances.clone() {
                agenda.extend(self.end_of_life(id, SimTime::ZERO));
            }
        }
        agenda
    }

    /// When a group whose nodes go together is struck next.
    fn next_of_group(&mut self, place: u32, now: SimTime) -> Option<(SimTime, Event)> {
        let group = &mut self.groups[place as usize];
        let hazard = group.spec.interruption.as_ref()?.hazard;
        let after = time_to_next(hazard, &mut group.interruptions)?;
        Some((now + after, Event::RandomInterruption(place)))
    }

    /// When an instance that is launched is taken back: at a time of its own, if nodes of its group go one by
    /// one, and so that it is gone when its longest life is over.
    pub fn end_of_life(&self, id: InstanceId, now: SimTime) -> Agenda {
        self.notice_of(id, now)
            .map_or_else(Agenda::new, |(notice, lead)| {
                let recommended = lead.map(|lead| ((notice - lead).max(now), Event::Rebalance(id)));
                let notice = (notice, Event::Notice(id));
                recommended.into_iter().chain([notice]).collect()
            })
    }

    /// When an instance is noticed, and how long before that it is recommended to leave it.
    fn notice_of(&self, id: InstanceId, now: SimTime) -> Option<(SimTime, Option<SimDuration>)> {
        let instance = self.instance(id);
        let group = &self.groups[instance.group];
        let spec = group.spec.interruption.as_ref()?;
        let longest = spec.max_lifetime.map(|life| life - spec.notice.min(life));
        let drawn = if spec.correlated.is_some() {
            None
        } else {
            let own = group.streams.of("interruption");
            time_to_next(spec.hazard, &mut own.nth(u64::from(instance.number)))
        };
        let after = drawn.into_iter().chain(longest).min()?;
        Some((now + after, spec.rebalance))
    }

    /// A group is struck: the instances that are taken back.
    pub fn struck(&mut self, place: u32) -> Vec<InstanceId> {
        let instances = &self.instances;
        let group = &mut self.groups[place as usize];
        let Some(spec) = &group.spec.interruption else {
            return Vec::new();
        };
        let runs = |id: &InstanceId| {
            let one = &instances[id.index()];
            one.stage == Stage::Running && !one.noticed
        };
        let running: Vec<InstanceId> = group.instances.iter().copied().filter(runs).collect();
        let draws = &mut group.interruptions;
        match spec.correlated {
            Some(chance) => {
                let mut is_hit = |_: &InstanceId| draws.unit() < chance;
                running.into_iter().filter(|id| is_hit(id)).collect()
            }
            None if running.is_empty() => Vec::new(),
            None => vec![running[draws.below(running.len())]],
        }
    }

    /// A group was struck at random: when it is next.
    pub fn strikes_again(&mut self, place: u32, now: SimTime) -> Agenda {
        self.next_of_group(place, now).into_iter().collect()
    }
}
