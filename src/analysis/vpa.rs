//! Figures of VerticalPodAutoscalers: what they did to pods, and how well what they recommend
//! follows what is used.

use std::sync::Arc;

use crate::record::{Amounts, DisruptionKind, Recording, VpaRecord, VpaRow};
use crate::sim::SimTime;

/// Figures of a VPA and the workload that it acts on, after the warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct VpaFigures {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: String,
    /// What it is called where one name has to do.
    pub label: String,
    /// `updateMode`.
    pub mode: &'static str,
    /// What befell its pods.
    pub disruptions: Disruptions,
    /// The longest time for which the median container used more CPU or memory than was
    /// recommended, in seconds.
    pub recommendation_lag: f64,
    /// The part of the time in which it did, in percent.
    pub under_recommended_pct: f64,
    /// Its containers.
    pub containers: Vec<VpaContainerFigures>,
}

/// What a VPA made of a container, at the end of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct VpaContainerFigures {
    /// Name.
    pub name: String,
    /// Mean request in force.
    pub request: Amounts,
    /// The target, if there is a recommendation.
    pub target: Amounts,
}

/// Evictions, resizes and kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disruptions {
    /// Pods evicted by the updater.
    pub evictions: u64,
    /// Evictions that a PodDisruptionBudget refused.
    pub evictions_refused: u64,
    /// Pods resized in place.
    pub resizes: u64,
    /// Containers killed at their memory limit.
    pub oom_kills: u64,
}

impl Disruptions {
    /// Those of a workload (or of all) after the warm-up.
    pub fn of(recording: &Recording, workload: Option<usize>) -> Self {
        let mut made = Self::default();
        let from = SimTime::ZERO + recording.warm_up;
        for one in &recording.disruptions {
            if one.time >= from && workload.is_none_or(|workload| workload == one.workload) {
                *match one.kind {
                    DisruptionKind::Eviction => &mut made.evictions,
                    DisruptionKind::EvictionRefused => &mut made.evictions_refused,
                    DisruptionKind::Resize => &mut made.resizes,
                    DisruptionKind::OomKill => &mut made.oom_kills,
                } += 1;
            }
        }
        made
    }

    /// Names and values.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("evictions", self.evictions as f64),
            ("evictions_refused", self.evictions_refused as f64),
            ("resizes", self.resizes as f64),
            ("oom_kills", self.oom_kills as f64),
        ]
    }
}

pub(super) fn vpa_figures(recording: &Recording, vpa: &VpaRecord, label: &str) -> VpaFigures {
    let from = SimTime::ZERO + recording.warm_up;
    let (mut lag, mut behind, mut all) = (0.0f64, 0.0, 0.0);
    for container in &vpa.containers {
        let mut stretch = 0.0;
        for pair in container.rows.windows(2) {
            if pair[0].time < from {
                continue;
            }
            let length = (pair[1].time - pair[0].time).as_secs_f64();
            all += length;
            if is_behind(&pair[0]) {
                behind += length;
                stretch += length;
                lag = lag.max(stretch);
            } else {
                stretch = 0.0;
            }
        }
    }
    let containers = vpa.containers.iter().map(|container| {
        let last = container.rows.last().copied().unwrap_or_default();
        VpaContainerFigures {
            name: container.name.clone(),
            request: last.request,
            target: last.recommendation.unwrap_or_default().target,
        }
    });
    VpaFigures {
        namespace: vpa.namespace.clone(),
        name: vpa.name.clone(),
        label: label.to_owned(),
        mode: vpa.mode,
        disruptions: Disruptions::of(recording, Some(vpa.workload)),
        recommendation_lag: lag,
        under_recommended_pct: super::figures::percent(behind, all),
        containers: containers.collect(),
    }
}

/// Whether the median container uses more than the target.
fn is_behind(row: &VpaRow) -> bool {
    let Some(band) = row.recommendation else {
        return false;
    };
    let exceeds = |used: Option<f64>, target: Option<f64>| used > target && target.is_some();
    exceeds(row.usage_p50.cpu, band.target.cpu) || exceeds(row.usage_p50.memory, band.target.memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{DisruptionRecord, VpaBand, VpaContainerRecord};
    use crate::sim::SimDuration;

    fn row(minute: i64, used: f64, target: Option<f64>) -> VpaRow {
        let amounts = |cpu| Amounts {
            cpu: Some(cpu),
            memory: None,
        };
        VpaRow {
            time: SimTime::from_secs(60 * minute),
            recommendation: target.map(|target| VpaBand {
                target: amounts(target),
                ..VpaBand::default()
            }),
            usage_p50: amounts(used),
            ..VpaRow::default()
        }
    }

    #[test]
    fn the_lag_is_the_longest_time_above_the_target() {
        let rows = vec![
            row(0, 0.9, None),
            row(1, 0.2, Some(0.5)),
            row(2, 0.6, Some(0.5)),
            row(3, 0.7, Some(0.5)),
            row(4, 0.7, Some(0.8)),
            row(5, 0.9, Some(0.8)),
            row(6, 0.4, Some(0.8)),
        ];
        let vpa = VpaRecord {
            containers: vec![VpaContainerRecord {
                name: "api".to_owned(),
                rows,
            }],
            ..VpaRecord::default()
        };
        let figures = vpa_figures(&Recording::default(), &vpa, "api");
        assert!((figures.recommendation_lag - 120.0).abs() < 1e-9);
        assert!((figures.under_recommended_pct - 50.0).abs() < 1e-9);
        assert_eq!(figures.containers[0].target.cpu, Some(0.8));
    }

    #[test]
    fn disruptions_are_counted_by_kind_and_workload_after_the_warm_up() {
        let one = |second, workload, kind| DisruptionRecord {
            time: SimTime::from_secs(second),
            workload,
            kind,
        };
        let recording = Recording {
            warm_up: SimDuration::from_secs(10),
            disruptions: vec![
                one(5, 0, DisruptionKind::Eviction),
                one(15, 0, DisruptionKind::Eviction),
                one(16, 1, DisruptionKind::Eviction),
                one(17, 0, DisruptionKind::OomKill),
            ],
            ..Recording::default()
        };
        let of = |workload| {
            Disruptions::of(&recording, workload)
                .named()
                .map(|(_, n)| n)
        };
        assert_eq!(of(Some(0)), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(of(None), [2.0, 0.0, 0.0, 1.0]);
    }
}
