//! What is found of VerticalPodAutoscalers.

use super::{Finding, Severity};
use crate::analysis::vpa::Disruptions;
use crate::record::fold::{ContainerFold, Folded, WorkloadFold};
use crate::record::{Amounts, HeldBy, HpaRecord, Labels, Recording, VpaContainerRecord, VpaRecord};

/// Requests this far from the target are reported.
const FAR: f64 = 0.1;
/// From so many evictions in vain on they are reported.
const IN_VAIN: u64 = 3;

/// A VPA and what is known of it.
pub(super) struct View<'a> {
    vpa: &'a VpaRecord,
    containers: &'a [ContainerFold],
    workload: &'a WorkloadFold,
    did: Disruptions,
    /// Whether it disrupted pods in the last quarter of the run.
    acts: bool,
    /// What the VPAs are called.
    labels: &'a [String],
    subject: String,
}

/// How one of the two resources is read off amounts.
type Read = fn(&Amounts) -> Option<f64>;

const RESOURCES: [(&str, Read); 2] = [
    ("cpu", |amounts| amounts.cpu),
    ("memory", |amounts| amounts.memory),
];

pub(super) fn amount(resource: &str, value: f64) -> String {
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
        labels: &'a Labels,
        place: usize,
    ) -> Self {
        let vpa = &recording.vpas[place];
        let workload = &folded.workloads[vpa.workload];
        Self {
            vpa,
            containers: &folded.vpas[place],
            workload,
            did: Disruptions::by(&folded.vpa_disruptions[place], Some(workload)),
            acts: folded.last_disruptions[place]
                .is_some_and(|last| recording.is_last_quarter(last)),
            labels: &labels.vpas,
            subject: format!("VerticalPodAutoscaler/{}", labels.vpas[place]),
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
            // An HPA divides by the sum over the containers.
            let sum = |request: fn(&ContainerFold) -> &Amounts| {
                let all = self.containers.iter();
                all.filter_map(|one| read(request(one)))
                    .reduce(|a, b| a + b)
            };
            let (first, last) = (
                sum(|one| &one.first_request)?,
                sum(|one| &one.last_request)?,
            );
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
        } = self.did;
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
        let was_used = |one: &ContainerFold| one.last.is_some_and(|row| row.running > 0);
        let text = if self.containers.iter().any(was_used) {
            "never had a recommendation: its container policies leave every container out (mode Off)"
        } else {
            "never had a recommendation: no usage of its pods was seen"
        };
        never.then(|| self.finding(Severity::Warning, text.to_owned()))
    }

    /// Evicted pods that came back as they were.
    pub(super) fn in_vain(&self) -> Option<Finding> {
        let vain = self.vpa.evictions_in_vain;
        let all = self.did.evictions.max(vain);
        if vain < IN_VAIN {
            return None;
        }
        let reason = match self.vpa.overruled_by {
            Some(other) => format!(
                "VPA {} sets the requests of new pods, and this one evicts them again. Keep one of the two, or set updateMode Off in the other",
                self.labels[other]
            ),
            None => "nothing set the recommended requests on the new pods: was the admission controller running?".to_owned(),
        };
        let text = format!(
            "evicted pods that came back with the same requests ({vain} of {all} evictions): {reason}"
        );
        Some(self.finding(Severity::Warning, text))
    }

    /// Nothing was changed in the last quarter of the run, and requests are far from the target.
    pub(super) fn far_from_target(&self) -> Vec<Finding> {
        if self.acts {
            return Vec::new();
        }
        let unanswered = (self.did.resizes > 0).then_some(HeldBy::ResizeNotDone);
        let Some(reason) = self.reason().or(unanswered) else {
            return Vec::new();
        };

        let containers = self.vpa.containers.iter().zip(self.containers);
        let of = |(container, fold): (&'a VpaContainerRecord, &'a ContainerFold)| {
            let name = container.name.as_str();
            RESOURCES
                .iter()
                .filter_map(move |resource| self.far(reason, name, fold, resource))
        };
        containers.flat_map(of).collect()
    }

    fn far(
        &self,
        reason: HeldBy,
        name: &str,
        fold: &ContainerFold,
        (resource, read): &(&str, Read),
    ) -> Option<Finding> {
        let row = fold.last?;
        let band = row.recommendation?;
        let (request, target) = (read(&row.request)?, read(&band.target)?);
        let difference = target / request - 1.0;
        if difference.abs() < FAR {
            return None;
        }
        let amount = |value| amount(resource, value);
        let reason = match (reason, read(&band.lower), read(&band.upper)) {
            (HeldBy::Young(age), Some(lower), Some(upper)) => format!(
                "that is within its bounds of {} to {}, and pods younger than {age} are then left alone",
                amount(lower),
                amount(upper)
            ),
            (reason, ..) => self.words(reason),
        };
        let text = format!(
            "container {name} requests {} of {resource}, {} is recommended ({:+.0}%): {reason}",
            amount(request),
            amount(target),
            100.0 * difference,
        );
        Some(self.finding(Severity::Info, text))
    }

    /// What held the updater back most of the time at last.
    fn reason(&self) -> Option<HeldBy> {
        let held = self.vpa.held_at_last.iter();
        let most = held
            .filter(|(reason, _)| *reason != HeldBy::AtTarget)
            .max_by_key(|(_, count)| *count);
        most.map(|(reason, _)| *reason)
    }

    fn words(&self, reason: HeldBy) -> String {
        match reason {
            HeldBy::Off => "the mode is Off".to_owned(),
            HeldBy::Initial => "the mode is Initial, running pods are left alone".to_owned(),
            HeldBy::Gate(mode) => format!("the feature gate {mode} is off in vpa-updater"),
            HeldBy::OtherVpa(other) => format!(
                "VPA {} controls the pods, since it is older or comes first by name",
                self.labels[other]
            ),
            HeldBy::UpdaterDown => "vpa-updater was down".to_owned(),
            HeldBy::AdmissionControllerDown => {
                "vpa-admission-controller was down, and the updater waits for it".to_owned()
            }
            HeldBy::Namespace => "flags of vpa-updater leave its namespace out".to_owned(),
            HeldBy::NoRecommendation => {
                "for most of the run there was no recommendation".to_owned()
            }
            HeldBy::MinReplicas(least) => format!(
                "fewer than {least} pods were alive, and the updater acts from that many on (minReplicas)"
            ),
            HeldBy::NoReplicas => "its target is to have no pods".to_owned(),
            HeldBy::Tolerance(part) => {
                format!("as many pods were away as eviction-tolerance {part} allows")
            }
            HeldBy::Pending => "its pods had not started".to_owned(),
            HeldBy::ResizeUnderWay => {
                "a resize in place was under way or waited for room on the node".to_owned()
            }
            HeldBy::Infeasible => {
                "the nodes cannot hold what is recommended, and mode InPlace never evicts"
                    .to_owned()
            }
            HeldBy::Boosted => "its pods had their startup boost".to_owned(),
            HeldBy::AtTarget => "its pods had what is recommended".to_owned(),
            HeldBy::ResizeNotDone => {
                "the nodes had not carried out the resizes (see events ResizeError)".to_owned()
            }
            HeldBy::LimitRange => "the LimitRange caps what new pods may request".to_owned(),
            HeldBy::Young(age) => format!(
                "the requests are within the recommended bounds, and pods younger than {age} are then left alone"
            ),
            HeldBy::SmallDifference(part) => format!(
                "the requests are within the recommended bounds and less than {:.0}% from the target",
                100.0 * part
            ),
            HeldBy::EvictionRequirements => {
                "its evictionRequirements allow no such change".to_owned()
            }
            HeldBy::RateLimit(rate) => {
                format!("eviction-rate-limit {rate} left no time for its pods")
            }
            HeldBy::EvictionRefused => "a PodDisruptionBudget refused the evictions".to_owned(),
            HeldBy::ResizeRefused => "the API server refused the resizes".to_owned(),
        }
    }
}
