//! The decisions of a run, compactly: most syncs of an HPA come to what an earlier one came to.

use super::chunks::Chunks;
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

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sync {
    time: SimTime,
    hpa: u32,
    outcome: u32,
}

/// Decisions in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecisionLog {
    syncs: Chunks<Sync>,
    outcomes: Vec<Steps>,
    metrics: Vec<Metric>,
    texts: Texts,
    recent: (Recent, Recent),
}

impl DecisionLog {
    /// Keeps a decision, with its metrics in the order of the spec.
    pub fn push<'a>(
        &mut self,
        decision: &DecisionRecord,
        metrics: impl Iterator<Item = MetricRecord<'a>>,
    ) {
        let texts = &mut self.texts;
        let metrics: Vec<Metric> = metrics
            .map(|metric| Metric {
                name: texts.keep(metric.name),
                error: metric.error.map(|error| texts.keep(error)),
                proposal: metric.proposal,
                target: metric.target.to_bits(),
                value: metric.value.map(f64::to_bits),
                ratio: metric.ratio.map(f64::to_bits),
                adjusted_ratio: metric.adjusted_ratio.map(f64::to_bits),
                pods: metric.pods,
            })
            .collect();
        let (of_metrics, of_outcomes) = &mut self.recent;
        let (kept, count) = (&self.metrics, metrics.len());
        let is_it =
            |from: u32| kept.get(from as usize..from as usize + count) == Some(&metrics[..]);
        let known = kept.len() as u32;
        let from = of_metrics.place(&metrics[..], is_it, || known);
        if from == known {
            self.metrics.extend(&metrics);
        }
        let outcome = Steps {
            current: decision.current,
            raw: decision.raw,
            stabilized: decision.stabilized,
            limited: decision.limited,
            desired: decision.desired,
            written: decision.written,
            reason: texts.keep(decision.reason),
            conditions: decision.conditions.map(|reason| texts.keep(reason)),
            metrics: (from, count as u32),
        };
        let known = self.outcomes.len() as u32;
        let is_it = |place: u32| self.outcomes[place as usize] == outcome;
        let place = of_outcomes.place(&outcome, is_it, || known);
        if place == known {
            self.outcomes.push(outcome);
        }
        self.syncs.push(Sync {
            time: decision.time,
            hpa: decision.hpa as u32,
            outcome: place,
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.syncs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.syncs.len() == 0
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
        self.syncs.since(0).map(|sync| {
            let outcome = &self.outcomes[sync.outcome as usize];
            let (from, count) = outcome.metrics;
            let metrics = &self.metrics[from as usize..(from + count) as usize];
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
            (decision, metrics.iter().map(|metric| self.shown(metric)))
        })
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
        assert_eq!(
            (log.len(), log.outcomes.len(), log.metrics.len()),
            (101, 3, 4)
        );
        let all: Vec<_> = log.with_metrics().collect();
        assert_eq!(all[50].0, decision(50, 4));
        assert_eq!(all[99].0, decision(99, 2));
        let metrics: Vec<_> = all[50].1.clone().collect();
        assert_eq!(metrics, [metric(4.0), metric(7.0)]);
        assert_eq!(all[100].1.clone().count(), 0);
    }
}
