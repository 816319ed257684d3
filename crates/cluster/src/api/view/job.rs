//! Jobs.

use serde_json::{Value, json};

use super::replica_set::owned;
use super::template::{seconds, template};
use super::{Clock, count, list, meta, truth};
use crate::api::meta::ObjectId;
use crate::api::pod::{Pod, PodPhase};
use crate::api::store::Store;
use crate::api::workload::{GaveUp, Job, JobId};
use crate::sim::SimTime;

pub(super) fn view(id: JobId, store: &Store, clock: Clock) -> Option<Value> {
    let job = store.job(id)?;
    let (spec, status) = (&job.spec, &job.status);
    let pods: Vec<&Pod> = owned(ObjectId::Job(id), job.workload, store).collect();
    let number = |is: &dyn Fn(&Pod) -> bool| pods.iter().filter(|pod| is(pod)).count() as i32;
    let active = number(&Pod::is_active);
    let terminating = number(&|pod| pod.is_deleting() && !pod.has_ended());
    let end = End::of(job, active, &pods);
    let completed = end.as_ref().filter(|end| !end.failed).map(|end| end.at);
    let gone = status.end.is_some();
    let uid = job.meta.uid.to_string();
    let policy = if spec.restarts_in_place {
        "OnFailure"
    } else {
        "Never"
    };
    Some(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta::plain(&job.meta, store, clock),
        "spec": {
            "activeDeadlineSeconds": spec.active_deadline.map(seconds),
            "backoffLimit": spec.backoff_limit,
            "completionMode": "NonIndexed",
            "completions": spec.completions,
            "manualSelector": false,
            "parallelism": spec.parallelism,
            "podReplacementPolicy": "TerminatingOrFailed",
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
            "suspend": false,
            "template": template(&job.template, &job.pod_labels, policy),
        },
        "status": {
            "active": count(active),
            "completionTime": clock.maybe(completed.filter(|_| gone)),
            "conditions": list(end.map_or_else(Vec::new, |end| end.conditions(gone, clock))),
            "failed": count(status.failed),
            "ready": number(&Pod::is_ready),
            "startTime": clock.time(job.meta.created),
            "succeeded": count(status.succeeded),
            "terminating": terminating,
            "uncountedTerminatedPods": {},
        },
    }))
}

/// How a Job has ended.
struct End {
    failed: bool,
    reason: &'static str,
    message: &'static str,
    at: SimTime,
}

impl End {
    fn of(job: &Job, active: i32, pods: &[&Pod]) -> Option<Self> {
        let (spec, status) = (&job.spec, &job.status);
        if let Some(gave_up) = status.given_up {
            let (reason, message) = gave_up.reason();
            let deadline = spec.active_deadline.map(|limit| job.meta.created + limit);
            let deadline = deadline.filter(|_| gave_up == GaveUp::Deadline);
            return Some(Self {
                failed: true,
                reason,
                message,
                at: deadline.unwrap_or(status.last_failure),
            });
        }
        let enough = match spec.completions {
            Some(completions) => status.succeeded >= completions,
            None => status.succeeded > 0 && active == 0,
        };
        let succeeded = pods.iter().filter(|pod| pod.phase == PodPhase::Succeeded);
        let ends = succeeded.flat_map(|pod| &pod.containers);
        let ends = ends.filter_map(|status| status.last_termination.map(|(.., at)| at));
        enough.then(|| Self {
            failed: false,
            reason: "CompletionsReached",
            message: "Reached expected number of succeeded pods",
            at: ends.max().unwrap_or(job.meta.created),
        })
    }

    /// What is decided, and, once all pods are gone, what came of it.
    fn conditions(&self, gone: bool, clock: Clock) -> Vec<Value> {
        let kinds = if self.failed {
            ["FailureTarget", "Failed"]
        } else {
            ["SuccessCriteriaMet", "Complete"]
        };
        let kinds = kinds.iter().take(1 + usize::from(gone));
        kinds
            .map(|kind| {
                json!({
                    "lastProbeTime": clock.time(self.at),
                    "lastTransitionTime": clock.time(self.at),
                    "message": self.message,
                    "reason": self.reason,
                    "status": truth(true),
                    "type": kind,
                })
            })
            .collect()
    }
}
