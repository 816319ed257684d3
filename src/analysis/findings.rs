//! What a run shows that its owner should know: sentences with figures, from the recording
//! alone. Each rule says only what the data shows.

use super::vpa::Disruptions;
use crate::record::{
    Amounts, DisruptionKind, HpaRecord, Recording, ServiceRecord, VpaBand, VpaRecord, VpaRow,
};
use crate::sim::{SimDuration, SimTime};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something goes wrong.
    Warning,
    /// Something could be better.
    Info,
}

impl Severity {
    /// `warning` or `info`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The object it is about.
    pub subject: String,
    /// What was found, and what helps.
    pub text: String,
}

/// An HPA's reaction to a change of requests comes within this time: its window and some syncs.
const REACTION: SimDuration = SimDuration::from_secs(600);
/// Requests this far from the target are worth a word; the updater's own threshold.
const FAR: f64 = 0.1;
/// The updater's `in-recommendation-bounds-eviction-lifetime-threshold`.
const LIFETIME: SimDuration = SimDuration::from_secs(12 * 3600);
/// From this many kills on a container is in a loop.
const LOOP: u64 = 3;

/// Everything found in a run.
pub fn findings(recording: &Recording) -> Vec<Finding> {
    let mut found = Vec::new();
    for vpa in &recording.vpas {
        for hpa in recording
            .hpas
            .iter()
            .filter(|hpa| hpa.workload == vpa.workload)
        {
            found.extend(shared_metric(recording, hpa, vpa));
        }
        found.extend(blocked(recording, vpa));
        found.extend(far_from_target(recording, vpa));
    }
    found.extend(recording.vpas.iter().filter_map(without_recommendation));
    for workload in 0..recording.workloads.len() {
        found.extend(oom_loop(recording, workload));
    }
    found.extend((recording.services.iter()).filter_map(|service| failures(recording, service)));
    found
}

fn subject(vpa: &VpaRecord) -> String {
    format!("VerticalPodAutoscaler/{}", vpa.name)
}

/// How one of the two resources is read off amounts.
type Read = fn(&Amounts) -> Option<f64>;

const RESOURCES: [(&str, Read); 2] = [
    ("cpu", |amounts| amounts.cpu),
    ("memory", |amounts| amounts.memory),
];

fn amount(resource: &str, value: f64) -> String {
    if resource == "cpu" {
        format!("{:.0}m", value * 1000.0)
    } else {
        format!("{:.0}Mi", value / f64::from(1 << 20))
    }
}

/// An HPA and a VPA on one resource: the HPA divides by what the VPA changes.
fn shared_metric(recording: &Recording, hpa: &HpaRecord, vpa: &VpaRecord) -> Vec<Finding> {
    let changes: Vec<SimTime> = (recording.disruptions.iter())
        .filter(|one| one.workload == vpa.workload)
        .filter(|one| matches!(one.kind, DisruptionKind::Eviction | DisruptionKind::Resize))
        .map(|one| one.time)
        .collect();
    if vpa.mode == "Off" {
        return Vec::new();
    }
    let rescales = hpa.desired.steps().windows(2).map(|pair| pair[1].0);
    let after = |time: SimTime| {
        changes
            .iter()
            .any(|change| *change <= time && time - *change <= REACTION)
    };
    let (all, reactions) = rescales.fold((0, 0), |(all, reactions), time| {
        (all + 1, reactions + u32::from(after(time)))
    });
    let find = |(resource, read): &(&str, Read)| {
        let is_measured = hpa
            .metric_names
            .iter()
            .any(|name| name == resource || name.ends_with(&format!("/{resource}")));
        let rows = vpa.containers.iter().flat_map(|container| &container.rows);
        let targets = rows.clone().filter_map(|row| row.recommendation);
        let is_set = targets
            .map(|band| band.target)
            .any(|target| read(&target).is_some());
        if !is_measured || !is_set {
            return None;
        }
        let requests: Vec<f64> = rows.filter_map(|row| read(&row.request)).collect();
        let (first, last) = (*requests.first()?, *requests.last()?);
        let text = if changes.is_empty() {
            format!(
                "scales on {resource}, and so does HPA {}; no pod was changed in this run, but the HPA's percentages will jump when one is. Leave {resource} to one of the two",
                hpa.name
            )
        } else {
            format!(
                "changed the {resource} request from {} to {} ({} pods evicted or resized) while HPA {} divides by it: {reactions} of its {all} rescales came within 10 minutes of such a change. Leave {resource} to one of the two",
                amount(resource, first),
                amount(resource, last),
                changes.len(),
                hpa.name,
            )
        };
        Some(Finding {
            severity: Severity::Warning,
            subject: subject(vpa),
            text,
        })
    };
    RESOURCES.iter().filter_map(find).collect()
}

/// A PodDisruptionBudget that lets no eviction through.
fn blocked(recording: &Recording, vpa: &VpaRecord) -> Option<Finding> {
    let Disruptions {
        evictions,
        evictions_refused: refused,
        ..
    } = Disruptions::of(recording, Some(vpa.workload));
    (refused > 0 && refused > evictions).then(|| Finding {
        severity: Severity::Warning,
        subject: subject(vpa),
        text: format!(
            "a PodDisruptionBudget refused {refused} of {} evictions: pods keep their old requests. Allow at least one disruption, or use InPlaceOrRecreate",
            refused + evictions
        ),
    })
}

fn without_recommendation(vpa: &VpaRecord) -> Option<Finding> {
    let rows = || vpa.containers.iter().flat_map(|container| &container.rows);
    let never = rows().next().is_some() && rows().all(|row| row.recommendation.is_none());
    never.then(|| Finding {
        severity: Severity::Warning,
        subject: subject(vpa),
        text: "never had a recommendation: no usage of its pods was seen".to_owned(),
    })
}

/// Nothing was changed in the whole run, and requests are far from the target.
fn far_from_target(recording: &Recording, vpa: &VpaRecord) -> Vec<Finding> {
    let happened = Disruptions::of(recording, Some(vpa.workload));
    if happened.evictions + happened.evictions_refused + happened.resizes > 0 {
        return Vec::new();
    }
    let rows = vpa.containers.iter().filter_map(|container| {
        let last = container.rows.last()?;
        Some((container.name.as_str(), last, last.recommendation?))
    });
    let find = |(name, row, band): (&str, &VpaRow, VpaBand), (resource, read): &(&str, Read)| {
        let (request, target) = (read(&row.request)?, read(&band.target)?);
        let (lower, upper) = (read(&band.lower)?, read(&band.upper)?);
        let difference = target / request - 1.0;
        if difference.abs() < FAR {
            return None;
        }
        let amount = |value| amount(resource, value);
        let reason = match vpa.mode {
            "Off" => "the mode is Off".to_owned(),
            "Initial" => "the mode is Initial, running pods are left alone".to_owned(),
            _ if recording.duration < LIFETIME && (lower..=upper).contains(&request) => format!(
                "with so little history the bounds are still {} to {}, and no pod within them is 12 hours old",
                amount(lower),
                amount(upper)
            ),
            _ => "there are fewer pods than `minReplicas` asks for, or none may be away".to_owned(),
        };
        Some(Finding {
            severity: Severity::Info,
            subject: subject(vpa),
            text: format!(
                "container {name} requests {} of {resource}, {} is recommended ({:+.0}%): {reason}",
                amount(request),
                amount(target),
                100.0 * difference,
            ),
        })
    };
    rows.flat_map(|row| {
        RESOURCES
            .iter()
            .filter_map(move |resource| find(row, resource))
    })
    .collect()
}

/// More failed requests than the objective allows.
fn failures(recording: &Recording, service: &ServiceRecord) -> Option<Finding> {
    let start = SimTime::ZERO + recording.warm_up;
    let windows = service
        .windows
        .iter()
        .filter(|window| window.start >= start);
    let (failed, all) = windows.fold((0, 0), |(failed, all), window| {
        (failed + window.failed(), all + window.issued)
    });
    let (rate, allowed) = (
        super::figures::percent(failed as f64, all as f64),
        100.0 * service.objective.error_rate,
    );
    (rate > allowed).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("service/{}", service.name),
        text: format!(
            "{rate:.2}% of its requests failed ({failed} of {all}), the objective allows {allowed}%"
        ),
    })
}

/// A container that is killed again and again.
fn oom_loop(recording: &Recording, workload: usize) -> Option<Finding> {
    let kills = Disruptions::of(recording, Some(workload)).oom_kills;
    (kills >= LOOP).then(|| {
        let under_vpa = recording.vpas.iter().any(|vpa| vpa.workload == workload);
        let advice = if under_vpa {
            "raised requests only put a leak off"
        } else {
            "raise its limit, or let a VPA find one"
        };
        Finding {
            severity: Severity::Warning,
            subject: recording.workloads[workload].name.clone(),
            text: format!("containers were killed {kills} times at their memory limit: {advice}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        Curve, DisruptionRecord, Objective, VpaContainerRecord, Window, WorkloadRecord,
    };

    fn row(request: f64, target: Option<f64>) -> VpaRow {
        let amounts = |cpu| Amounts {
            cpu: Some(cpu),
            memory: None,
        };
        VpaRow {
            request: amounts(request),
            recommendation: target.map(|target| VpaBand {
                lower: amounts(0.1),
                target: amounts(target),
                upper: amounts(3.0),
                ..VpaBand::default()
            }),
            ..VpaRow::default()
        }
    }

    fn recording(mode: &'static str, rows: Vec<VpaRow>) -> Recording {
        Recording {
            duration: SimDuration::from_secs(7200),
            workloads: vec![WorkloadRecord {
                name: "Deployment/api".to_owned(),
                ..WorkloadRecord::default()
            }],
            vpas: vec![VpaRecord {
                name: "api-vpa".to_owned(),
                mode,
                containers: vec![VpaContainerRecord {
                    name: "api".to_owned(),
                    rows,
                }],
                ..VpaRecord::default()
            }],
            ..Recording::default()
        }
    }

    fn happened(recording: &mut Recording, seconds: &[i64], kind: DisruptionKind) {
        recording
            .disruptions
            .extend(seconds.iter().map(|second| DisruptionRecord {
                time: SimTime::from_secs(*second),
                workload: 0,
                kind,
            }));
    }

    #[test]
    fn nothing_is_found_where_all_is_well() {
        let mut recording = recording("Recreate", vec![row(0.5, Some(0.6))]);
        happened(&mut recording, &[60, 120], DisruptionKind::Eviction);
        assert_eq!(findings(&recording), []);
    }

    #[test]
    fn an_hpa_that_reacts_to_changed_requests_is_told() {
        let rows = vec![row(0.5, Some(0.8)), row(0.8, Some(0.8))];
        let mut recording = recording("Recreate", rows);
        happened(&mut recording, &[600], DisruptionKind::Eviction);
        recording.hpas.push(HpaRecord {
            name: "api-hpa".to_owned(),
            metric_names: vec!["cpu".to_owned()],
            desired: Curve::from_steps(vec![
                (SimTime::ZERO, 3),
                (SimTime::from_secs(700), 2),
                (SimTime::from_secs(5000), 3),
            ]),
            ..HpaRecord::default()
        });
        let found = findings(&recording);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].text,
            "changed the cpu request from 500m to 800m (1 pods evicted or resized) while HPA api-hpa divides by it: 1 of its 2 rescales came within 10 minutes of such a change. Leave cpu to one of the two"
        );
        recording.vpas[0].mode = "Off";
        assert_eq!(findings(&recording), []);
        recording.vpas[0].mode = "Recreate";
        recording.hpas[0].metric_names = vec!["requests_per_second".to_owned()];
        assert_eq!(findings(&recording), []);
    }

    #[test]
    fn a_budget_that_blocks_is_told() {
        let mut recording = recording("Recreate", vec![row(0.5, Some(0.6))]);
        happened(
            &mut recording,
            &[60, 120, 180],
            DisruptionKind::EvictionRefused,
        );
        let found = findings(&recording);
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .text
                .starts_with("a PodDisruptionBudget refused 3 of 3 evictions")
        );
    }

    #[test]
    fn a_vpa_without_recommendation_and_one_that_is_not_heeded_are_told() {
        let found = findings(&recording("Off", vec![row(0.5, None)]));
        assert_eq!(
            found[0].text,
            "never had a recommendation: no usage of its pods was seen"
        );
        let found = findings(&recording("Off", vec![row(0.5, Some(0.2))]));
        assert_eq!(
            found[0].text,
            "container api requests 500m of cpu, 200m is recommended (-60%): the mode is Off"
        );
        assert_eq!(found[0].severity, Severity::Info);
        let found = findings(&recording("Auto", vec![row(0.5, Some(0.3))]));
        assert!(found[0].text.ends_with(
            "(-40%): with so little history the bounds are still 100m to 3000m, and no pod within them is 12 hours old"
        ));
    }

    #[test]
    fn more_failures_than_the_objective_allows_are_told() {
        let mut window = Window {
            issued: 1000,
            ..Window::default()
        };
        window.ended[1] = 10;
        let mut recording = Recording {
            services: vec![ServiceRecord {
                name: "api".to_owned(),
                objective: Objective {
                    error_rate: 0.01,
                    ..Objective::default()
                },
                windows: vec![window],
                ..ServiceRecord::default()
            }],
            ..Recording::default()
        };
        assert_eq!(findings(&recording), []);
        recording.services[0].windows[0].ended[1] = 25;
        assert_eq!(
            findings(&recording)[0].text,
            "2.50% of its requests failed (25 of 1000), the objective allows 1%"
        );
    }

    #[test]
    fn repeated_kills_are_told() {
        let mut recording = recording("Recreate", vec![row(0.5, Some(0.51))]);
        happened(&mut recording, &[60, 120], DisruptionKind::OomKill);
        assert_eq!(findings(&recording), []);
        happened(&mut recording, &[180], DisruptionKind::OomKill);
        let found = findings(&recording);
        assert_eq!(found[0].subject, "Deployment/api");
        assert!(found[0].text.contains("killed 3 times"));
    }
}
