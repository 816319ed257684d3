//! What is found of VerticalPodAutoscalers.

use super::{Finding, Severity};
use crate::analysis::vpa::Disruptions;
use crate::record::{Amounts, DisruptionKind, HpaRecord, Recording, VpaBand, VpaRecord, VpaRow};
use crate::sim::{SimDuration, SimTime};

/// An HPA's reaction to a change of requests comes within this time: its window and some syncs.
const REACTION: SimDuration = SimDuration::from_secs(600);
/// Requests this far from the target are worth a word; the updater's own threshold.
const FAR: f64 = 0.1;
/// The updater's `in-recommendation-bounds-eviction-lifetime-threshold`.
const LIFETIME: SimDuration = SimDuration::from_secs(12 * 3600);

fn subject(label: &str) -> String {
    format!("VerticalPodAutoscaler/{label}")
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
pub(super) fn shared_metric(
    recording: &Recording,
    (hpa, hpa_label): (&HpaRecord, &str),
    (vpa, label): (&VpaRecord, &str),
) -> Vec<Finding> {
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
                "scales on {resource}, and so does HPA {hpa_label}; no pod was changed in this run, but the HPA's percentages will jump when one is. Leave {resource} to one of the two"
            )
        } else {
            format!(
                "changed the {resource} request from {} to {} (pods evicted or resized: {}) while HPA {hpa_label} divides by it: {reactions} of its {all} rescales came within 10 minutes of such a change. Leave {resource} to one of the two",
                amount(resource, first),
                amount(resource, last),
                changes.len(),
            )
        };
        Some(Finding {
            severity: Severity::Warning,
            subject: subject(label),
            text,
        })
    };
    RESOURCES.iter().filter_map(find).collect()
}

/// A PodDisruptionBudget that lets no eviction through.
pub(super) fn blocked(recording: &Recording, vpa: &VpaRecord, label: &str) -> Option<Finding> {
    let Disruptions {
        evictions,
        evictions_refused: refused,
        ..
    } = Disruptions::of(recording, Some(vpa.workload));
    (refused > 0 && refused > evictions).then(|| Finding {
        severity: Severity::Warning,
        subject: subject(label),
        text: format!(
            "a PodDisruptionBudget refused {refused} of {} evictions: pods keep their old requests. Allow at least one disruption, or use InPlaceOrRecreate",
            refused + evictions
        ),
    })
}

pub(super) fn without_recommendation(vpa: &VpaRecord, label: &str) -> Option<Finding> {
    let rows = || vpa.containers.iter().flat_map(|container| &container.rows);
    let never = rows().next().is_some() && rows().all(|row| row.recommendation.is_none());
    never.then(|| Finding {
        severity: Severity::Warning,
        subject: subject(label),
        text: "never had a recommendation: no usage of its pods was seen".to_owned(),
    })
}

/// Nothing was changed in the whole run, and requests are far from the target.
pub(super) fn far_from_target(recording: &Recording, vpa: &VpaRecord, label: &str) -> Vec<Finding> {
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
            "InPlace" => {
                "the feature gate InPlace is not open, or there are too few pods".to_owned()
            }
            _ => "there are fewer pods than `minReplicas` asks for, or none may be away".to_owned(),
        };
        Some(Finding {
            severity: Severity::Info,
            subject: subject(label),
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
