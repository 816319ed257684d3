//! What is found of VerticalPodAutoscalers.

use super::{Finding, Severity};
use crate::analysis::vpa::Disruptions;
use crate::record::fold::{ContainerFold, Folded, WorkloadFold};
use crate::record::{Amounts, HpaRecord, Recording, VpaContainerRecord, VpaRecord};
use crate::sim::SimDuration;

/// Requests this far from the target are reported; the updater's own threshold.
const FAR: f64 = 0.1;
/// The updater's `in-recommendation-bounds-eviction-lifetime-threshold`.
const LIFETIME: SimDuration = SimDuration::from_secs(12 * 3600);

/// A VPA and what is known of it.
pub(super) struct View<'a> {
    vpa: &'a VpaRecord,
    containers: &'a [ContainerFold],
    workload: &'a WorkloadFold,
    subject: String,
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

impl<'a> View<'a> {
    pub(super) fn new(
        recording: &'a Recording,
        folded: &'a Folded,
        place: usize,
        label: &str,
    ) -> Self {
        let vpa = &recording.vpas[place];
        Self {
            vpa,
            containers: &folded.vpas[place],
            workload: &folded.workloads[vpa.workload],
            subject: format!("VerticalPodAutoscaler/{label}"),
        }
    }

    fn finding(&self, severity: Severity, text: String) -> Finding {
        Finding {
            severity,
            subject: self.subject.clone(),
            text,
        }
    }

    /// An HPA and a VPA on one resource: the HPA divides by what the VPA changes. `rescales` are
    /// those of the HPA, and those of them that came soon after such a change.
    pub(super) fn shared_metric(
        &self,
        hpa: &HpaRecord,
        hpa_label: &str,
        (all, reactions): (u64, u64),
    ) -> Vec<Finding> {
        if self.vpa.mode == "Off" {
            return Vec::new();
        }
        let changes = self.workload.changes;
        let find = |(place, (resource, read)): (usize, &(&str, Read))| {
            let is_measured = hpa
                .metric_names
                .iter()
                .any(|name| name == resource || name.ends_with(&format!("/{resource}")));
            let is_set = self.containers.iter().any(|one| one.has_target[place]);
            if !is_measured || !is_set {
                return None;
            }
            let containers = || self.containers.iter();
            let first = containers().find_map(|one| read(&one.first_request))?;
            let last = containers().rev().find_map(|one| read(&one.last_request))?;
            let text = if changes == 0 {
                format!(
                    "scales on {resource}, and so does HPA {hpa_label}; no pod was changed in this run, but the HPA's percentages will jump when one is. Leave {resource} to one of the two"
                )
            } else {
                format!(
                    "changed the {resource} request from {} to {} (pods evicted or resized: {changes}) while HPA {hpa_label} divides by it: {reactions} of its {all} rescales came within 10 minutes of such a change. Leave {resource} to one of the two",
                    amount(resource, first),
                    amount(resource, last),
                )
            };
            Some(self.finding(Severity::Warning, text))
        };
        RESOURCES.iter().enumerate().filter_map(find).collect()
    }

    /// A PodDisruptionBudget that lets no eviction through.
    pub(super) fn blocked(&self) -> Option<Finding> {
        let Disruptions {
            evictions,
            evictions_refused: refused,
            ..
        } = Disruptions::of([self.workload]);
        let text = || {
            format!(
                "a PodDisruptionBudget refused {refused} of {} evictions: pods keep their old requests. Allow at least one disruption, or use InPlaceOrRecreate",
                refused + evictions
            )
        };
        (refused > 0 && refused > evictions).then(|| self.finding(Severity::Warning, text()))
    }

    pub(super) fn without_recommendation(&self) -> Option<Finding> {
        let has_rows = self.containers.iter().any(|one| one.rows > 0);
        let never = has_rows && self.containers.iter().all(|one| !one.recommended);
        let text = "never had a recommendation: no usage of its pods was seen";
        never.then(|| self.finding(Severity::Warning, text.to_owned()))
    }

    /// Nothing was changed in the whole run, and requests are far from the target.
    pub(super) fn far_from_target(&self, recording: &Recording) -> Vec<Finding> {
        let happened = Disruptions::of([self.workload]);
        if happened.evictions + happened.evictions_refused + happened.resizes > 0 {
            return Vec::new();
        }
        let containers = self.vpa.containers.iter().zip(self.containers);
        let of = |(container, fold): (&'a VpaContainerRecord, &'a ContainerFold)| {
            let name = container.name.as_str();
            RESOURCES
                .iter()
                .filter_map(move |resource| self.far(recording, name, fold, resource))
        };
        containers.flat_map(of).collect()
    }

    fn far(
        &self,
        recording: &Recording,
        name: &str,
        fold: &ContainerFold,
        (resource, read): &(&str, Read),
    ) -> Option<Finding> {
        let row = fold.last?;
        let band = row.recommendation?;
        let (request, target) = (read(&row.request)?, read(&band.target)?);
        let (lower, upper) = (read(&band.lower)?, read(&band.upper)?);
        let difference = target / request - 1.0;
        if difference.abs() < FAR {
            return None;
        }
        let amount = |value| amount(resource, value);
        let reason = match self.vpa.mode {
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
        let text = format!(
            "container {name} requests {} of {resource}, {} is recommended ({:+.0}%): {reason}",
            amount(request),
            amount(target),
            100.0 * difference,
        );
        Some(self.finding(Severity::Info, text))
    }
}
