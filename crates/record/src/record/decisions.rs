//! The decisions of a run, compactly: most syncs of an HPA come to what an earlier one came to.

use super::events::hash_of;
use super::packed::{Differ, Packed, put, take};
use super::texts::{Recent, Text, Texts};
use crate::sim::SimTime;

/// One metric's part in a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRecord<'a> {
    /// Its name in the spec.
    pub name: &'a str,
    /// The value seen, in the unit of the target.
    pub value: Option<f64>,
    /// The target.
    pub target: f64,
    /// The replicas it proposes.
    pub proposal: Option<i32>,
    /// Why it proposes none.
    pub error: Option<&'a str>,
    /// Usage over target.
    pub ratio: Option<f64>,
    /// The same with unready and missing pods filled in, where that was done.
    pub adjusted_ratio: Option<f64>,
    /// Pods that count, that are not ready, without a value, and ignored.
    pub pods: Option<[u32; 4]>,
}

/// One sync of an HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord<'a> {
    /// When.
    pub time: SimTime,
    /// The HPA.
    pub hpa: usize,
    /// Replicas before.
    pub current: i32,
    /// Largest proposal.
    pub raw: Option<i32>,
    /// After the stabilization windows.
    pub stabilized: Option<i32>,
    /// After rate limits and bounds.
    pub limited: Option<i32>,
    /// Replicas after.
    pub desired: i32,
    /// Whether the scale was written.
    pub written: bool,
    /// Why the number changed.
    pub reason: &'a str,
    /// Reasons of the conditions AbleToScale, ScalingActive and ScalingLimited.
    pub conditions: [&'a str; 3],
}

/// What a metric came to; numbers by their bits, so that equal ones are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Metric {
    name: Text,
    error: Option<Text>,
    proposal: Option<i32>,
    target: u64,
    value: Option<u64>,
    ratio: Option<u64>,
    adjusted_ratio: Option<u64>,
    pods: Option<[u32; 4]>,
}

impl Metric {
    fn is_it(&self, metric: &MetricRecord<'_>, texts: &Texts) -> bool {
        self.value == metric.value.map(f64::to_bits)
            && self.target == metric.target.to_bits()
            && self.proposal == metric.proposal
            && self.ratio == metric.ratio.map(f64::to_bits)
            && self.adjusted_ratio == metric.adjusted_ratio.map(f64::to_bits)
            && self.pods == metric.pods
            && texts.get(self.name) == metric.name
            && self.error.map(|error| texts.get(error)) == metric.error
    }
}

/// What a sync came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Steps {
    current: i32,
    raw: Option<i32>,
    stabilized: Option<i32>,
    limited: Option<i32>,
    desired: i32,
    written: bool,
    reason: Text,
    conditions: [Text; 3],
    /// The first of its metrics, and how many they are.
    metrics: (u32, u32),
}

/// When an HPA was synced, and what that came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sync {
    /// When.
    pub time: SimTime,
    /// The HPA.
    pub hpa: u32,
    /// A number of what it came to: syncs with the same number differ in nothing but time and HPA.
    pub outcome: u32,
}

impl Differ for Sync {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        self.time.write(&before.time, to);
        put(to, u64::from(self.hpa));
        put(to, u64::from(self.outcome));
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        Self {
            time: SimTime::read(&before.time, from),
            hpa: take(from) as u32,
            outcome: take(from) as u32,
        }
    }
}

/// Outcomes that are remembered for being met again, at most.
const REMEMBERED: usize = 1 << 15;

/// Decisions in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecisionLog {
    syncs: Packed<Sync>,
    /// What the last sync of each HPA came to.
    latest: Vec<Option<u32>>,
    outcomes: Vec<Steps>,
    metrics: Vec<Metric>,
    texts: Texts,
    recent: (Recent<REMEMBERED>, Recent<REMEMBERED>),
    /// Room for the metrics of a decision.
    room: Vec<Metric>,
}

impl DecisionLog {
    /// Keeps a decision, with its metrics in the order of the spec.
    pub fn push<'a>(
        &mut self,
        decision: &DecisionRecord,
        metrics: impl Iterator<Item = MetricRecord<'a>> + Clone,
    ) {
        if self.latest.len() <= decision.hpa {
            self.latest.resize(decision.hpa + 1, None);
        }
        let latest = self.latest[decision.hpa];
        let place = match latest {
            Some(place) if self.is_it(place, decision, metrics.clone()) => place,
            _ => self.outcome(latest, decision, metrics),
        };
        self.latest[decision.hpa] = Some(place);
        self.syncs.push(Sync {
            time: decision.time,
            hpa: decision.hpa as u32,
            outcome: place,
        });
    }

    /// Keeps a decision that came to what the last one of its HPA came to; false if there is none.
    pub(super) fn push_again(&mut self, hpa: usize, time: SimTime) -> bool {
        let Some(Some(outcome)) = self.latest.get(hpa).copied() else {
            return false;
        };
        self.syncs.push(Sync {
            time,
            hpa: hpa as u32,
            outcome,
        });
        true
    }

    /// Whether a decision comes to what an earlier one came to.
    fn is_it<'a>(
        &self,
        place: u32,
        decision: &DecisionRecord,
        mut metrics: impl Iterator<Item = MetricRecord<'a>>,
    ) -> bool {
        let kept = &self.outcomes[place as usize];
        let is_alike = kept.current == decision.current
            && kept.desired == decision.desired
            && kept.raw == decision.raw
            && kept.stabilized == decision.stabilized
            && kept.limited == decision.limited
            && kept.written == decision.written;
        let mut known = self.metrics_of(kept).iter();
        is_alike
            && metrics.all(|metric| {
                let known = known.next();
                known.is_some_and(|known| known.is_it(&metric, &self.texts))
            })
            && known.next().is_none()
            && self.texts.get(kept.reason) == decision.reason
            && (kept.conditions.iter().zip(decision.conditions))
                .all(|(kept, reason)| self.texts.get(*kept) == reason)
    }

    /// The place of what a decision comes to; its texts are probably those of the latest one.
    fn outcome<'a>(
        &mut self,
        latest: Option<u32>,
        decision: &DecisionRecord,
        metrics: impl Iterator<Item = MetricRecord<'a>>,
    ) -> u32 {
        let latest = latest.map(|place| self.outcomes[place as usize]);
        let mut known = latest.map_or(0..0, |latest| {
            latest.metrics.0 as usize..(latest.metrics.0 + latest.metrics.1) as usize
        });
        let texts = &mut self.texts;
        let mut keep = |probably: Option<Text>, text: &str| match probably {
            Some(known) if texts.get(known) == text => known,
            _ => texts.keep(text),
        };
        let mut all = std::mem::take(&mut self.room);
        all.clear();
        for metric in metrics {
            let probably = known.next().map(|place| self.metrics[place].name);
            all.push(Metric {
                name: keep(probably, metric.name),
                error: metric.error.map(|error| keep(None, error)),
                proposal: metric.proposal,
                target: metric.target.to_bits(),
                value: metric.value.map(f64::to_bits),
                ratio: metric.ratio.map(f64::to_bits),
                adjusted_ratio: metric.adjusted_ratio.map(f64::to_bits),
                pods: metric.pods,
            });
        }
        let mut place = 0;
        let conditions = decision.conditions.map(|condition| {
            let probably = latest.map(|latest| latest.conditions[place]);
            place += 1;
            keep(probably, condition)
        });
        let reason = keep(latest.map(|latest| latest.reason), decision.reason);
        let (of_metrics, of_outcomes) = &mut self.recent;
        let (kept, count) = (&self.metrics, all.len());
        let is_it = |from: u32| kept.get(from as usize..from as usize + count) == Some(&all[..]);
        let next = kept.len() as u32;
        let from = of_metrics.place(hash_of(&all[..]), is_it, || next);
        if from == next {
            self.metrics.extend(&all);
        }
        let outcome = Steps {
            current: decision.current,
            raw: decision.raw,
            stabilized: decision.stabilized,
            limited: decision.limited,
            desired: decision.desired,
            written: decision.written,
            reason,
            conditions,
            metrics: (from, count as u32),
        };
        self.room = all;
        let next = self.outcomes.len() as u32;
        let is_it = |place: u32| self.outcomes[place as usize] == outcome;
        let place = of_outcomes.place(hash_of(outcome), is_it, || next);
        if place == next {
            self.outcomes.push(outcome);
        }
        place
    }

    fn metrics_of(&self, outcome: &Steps) -> &[Metric] {
        let (from, count) = outcome.metrics;
        &self.metrics[from as usize..(from + count) as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.syncs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.syncs.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = DecisionRecord<'_>> {
        self.with_metrics().map(|(decision, _)| decision)
    }

    /// All of them, in order, each with its metrics in the order of the spec.
    pub fn with_metrics(
        &self,
    ) -> impl Iterator<
        Item = (
            DecisionRecord<'_>,
            impl Iterator<Item = MetricRecord<'_>> + Clone,
        ),
    > {
        self.syncs().map(|sync| self.at(sync))
    }

    /// The syncs in order.
    pub fn syncs(&self) -> impl Iterator<Item = Sync> + '_ {
        self.syncs.iter()
    }

    /// What was decided at a sync of these, with its metrics in the order of the spec.
    pub fn at(
        &self,
        sync: Sync,
    ) -> (
        DecisionRecord<'_>,
        impl Iterator<Item = MetricRecord<'_>> + Clone,
    ) {
        let outcome = &self.outcomes[sync.outcome as usize];
        let decision = DecisionRecord {
            time: sync.time,
            hpa: sync.hpa as usize,
            current: outcome.current,
            raw: outcome.raw,
            stabilized: outcome.stabilized,
            limited: outcome.limited,
            desired: outcome.desired,
            written: outcome.written,
            reason: self.texts.get(outcome.reason),
            conditions: outcome.conditions.map(|reason| self.texts.get(reason)),
        };
        let metrics = self.metrics_of(outcome).iter();
        (decision, metrics.map(|metric| self.shown(metric)))
    }

    fn shown(&self, metric: &Metric) -> MetricRecord<'_> {
        MetricRecord {
            name: self.texts.get(metric.name),
            value: metric.value.map(f64::from_bits),
            target: f64::from_bits(metric.target),
            proposal: metric.proposal,
            error: metric.error.map(|error| self.texts.get(error)),
            ratio: metric.ratio.map(f64::from_bits),
            adjusted_ratio: metric.adjusted_ratio.map(f64::from_bits),
            pods: metric.pods,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(second: i64, desired: i32) -> DecisionRecord<'static> {
        DecisionRecord {
            time: SimTime::from_secs(second),
            hpa: 1,
            current: 2,
            raw: Some(desired),
            stabilized: None,
            limited: Some(desired),
            desired,
            written: desired != 2,
            reason: "All metrics below target",
            conditions: ["ReadyForNewScale", "ValidMetricFound", "DesiredWithinRange"],
        }
    }

    fn metric(value: f64) -> MetricRecord<'static> {
        MetricRecord {
            name: "cpu",
            value: Some(value),
            target: 60.0,
            proposal: Some(3),
            error: None,
            ratio: Some(value / 60.0),
            adjusted_ratio: None,
            pods: Some([2, 0, 0, 1]),
        }
    }

    #[test]
    fn decisions_come_back_as_they_were_made_and_equal_ones_are_kept_once() {
        let mut log = DecisionLog::default();
        for second in 0..100 {
            let desired = if second == 50 { 4 } else { 2 };
            let metrics = [metric(f64::from(desired)), metric(7.0)];
            log.push(&decision(second, desired), metrics.into_iter());
        }
        log.push(&decision(100, 2), std::iter::empty());
        assert!(log.push_again(1, SimTime::from_secs(101)));
        assert!(!log.push_again(2, SimTime::from_secs(101)));
        assert_eq!(
            (log.len(), log.outcomes.len(), log.metrics.len()),
            (102, 3, 4)
        );
        let all: Vec<_> = log.with_metrics().collect();
        assert_eq!(all[50].0, decision(50, 4));
        assert_eq!(all[99].0, decision(99, 2));
        let metrics: Vec<_> = all[50].1.clone().collect();
        assert_eq!(metrics, [metric(4.0), metric(7.0)]);
        assert_eq!(all[100].1.clone().count(), 0);
        assert_eq!(all[101].0, decision(101, 2));
    }
}
