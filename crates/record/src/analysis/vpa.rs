//! Figures of VerticalPodAutoscalers: what they did to pods, and how well what they recommend
//! follows what is used.

use std::sync::Arc;

use crate::record::fold::{ContainerFold, WorkloadFold};
use crate::record::{Amounts, VpaRecord};

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
    /// What it did to pods, and the kills of its workload.
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
    /// Those of some workloads after the warm-up.
    pub fn of<'a>(workloads: impl IntoIterator<Item = &'a WorkloadFold>) -> Self {
        let mut made = Self::default();
        for workload in workloads {
            let [evictions, refused, resizes, kills, _] = workload.disruptions;
            made.evictions += evictions;
            made.evictions_refused += refused;
            made.resizes += resizes;
            made.oom_kills += kills;
        }
        made
    }

    /// What a VPA did itself after the warm-up, and the kills of its workload.
    pub fn by(vpa: &[u64; 5], workload: Option<&WorkloadFold>) -> Self {
        let [evictions, evictions_refused, resizes, _, _] = *vpa;
        Self {
            evictions,
            evictions_refused,
            resizes,
            oom_kills: Self::of(workload).oom_kills,
        }
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

pub(super) fn vpa_figures(
    vpa: &VpaRecord,
    disruptions: Disruptions,
    folded: &[ContainerFold],
    label: &str,
) -> VpaFigures {
    let containers = vpa
        .containers
        .iter()
        .zip(folded)
        .map(|(container, folded)| {
            let last = folded.last.unwrap_or_default();
            VpaContainerFigures {
                name: container.name.clone(),
                request: last.request,
                target: last.recommendation.unwrap_or_default().target,
            }
        });
    let behind = folded.iter().map(|container| container.behind).sum();
    let all = folded.iter().map(|container| container.all).sum();
    VpaFigures {
        namespace: vpa.namespace.clone(),
        name: vpa.name.clone(),
        label: label.to_owned(),
        mode: vpa.mode,
        disruptions,
        recommendation_lag: folded
            .iter()
            .map(|container| container.lag)
            .fold(0.0, f64::max),
        under_recommended_pct: super::figures::percent(behind, all),
        containers: containers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fold::Folds;
    use crate::record::{
        DisruptionKind, DisruptionRecord, Recording, VpaBand, VpaContainerRecord, VpaRow,
        WorkloadRecord,
    };
    use crate::sim::{SimDuration, SimTime};

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
                at_end: None,
            }],
            ..VpaRecord::default()
        };
        let recording = Recording {
            vpas: vec![vpa],
            ..Recording::default()
        };
        let folded = Folds::of(&recording);
        let figures = vpa_figures(
            &recording.vpas[0],
            Disruptions::default(),
            &folded.vpas[0],
            "api",
        );
        assert!((figures.recommendation_lag - 120.0).abs() < 1e-9);
        assert!((figures.under_recommended_pct - 50.0).abs() < 1e-9);
        assert_eq!(figures.containers[0].target.cpu, Some(0.8));
    }

    #[test]
    fn disruptions_are_counted_by_kind_and_workload_after_the_warm_up() {
        let one = |second, workload, kind| DisruptionRecord {
            time: SimTime::from_secs(second),
            workload,
            vpa: None,
            kind,
        };
        let recording = Recording {
            warm_up: SimDuration::from_secs(10),
            workloads: vec![WorkloadRecord::default(); 2],
            disruptions: vec![
                one(5, 0, DisruptionKind::Eviction),
                one(15, 0, DisruptionKind::Eviction),
                one(16, 1, DisruptionKind::Eviction),
                one(17, 0, DisruptionKind::OomKill),
            ],
            ..Recording::default()
        };
        let workloads = Folds::of(&recording).workloads;
        let of = |workloads: &[WorkloadFold]| Disruptions::of(workloads).named().map(|(_, n)| n);
        assert_eq!(of(&workloads[..1]), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(of(&workloads), [2.0, 0.0, 0.0, 1.0]);
    }
}
