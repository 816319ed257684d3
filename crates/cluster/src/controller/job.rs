//! The Job controller: so many pods at once until enough have succeeded, with a back-off
//! after failures; follows `pkg/controller/job`.

use super::calls::Caller;
use super::owner;
use super::pod_control::{PodControl, active_pods, delete_pod};
use crate::api::{
    Change, Context, GaveUp, JobEnd, JobId, JobStatus, ObjectId, Pod, PodId, PodPhase, Store, What,
    Write,
};
use crate::cluster::spec::ClusterConfig;
use crate::sim::{SimDuration, SimTime, Stream};

const FIRST_BACKOFF: SimDuration = SimDuration::from_secs(10);
const LONGEST_BACKOFF: SimDuration = SimDuration::from_secs(600);
/// Changes of pods are gathered for so long (`SyncJobBatchPeriod`).
const SYNC_BATCH: SimDuration = SimDuration::from_secs(1);

/// What a Job controller waits for.
pub type Event = owner::Event<JobId>;

/// The controller of all Jobs.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
}

impl Controller {
    /// A controller with these settings and draws.
    pub fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            calls: Caller::new(config, stream),
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Job(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                if let Some(limit) = context
                    .store
                    .job(id)
                    .and_then(|job| job.spec.active_deadline)
                {
                    context.after(limit, Event::Sync(id));
                }
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::Job(id), What::Spec) => self.schedule(id, self.calls.api_latency, context),
            (ObjectId::Pod(pod), what) => self.observe_pod(pod, what, context),
            _ => {}
        }
    }

    fn observe_pod(&mut self, id: PodId, what: What, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let Some(ObjectId::Job(job)) = owner::owner_of(id, context.store) else {
            return;
        };
        let (phase, deleting) = (pod.phase, pod.is_deleting());
        match what {
            // `active` and `ready` of the status change.
            What::Created | What::Ready => context.store.notify(ObjectId::Job(job), What::Status),
            What::Deleting => {
                self.calls.of(job.slot()).deleted(id);
                // Unless it has ended by itself, that is a failure of now.
                if matches!(phase, PodPhase::Pending | PodPhase::Running) {
                    count_failure(job, context);
                }
                self.schedule(job, self.calls.api_latency, context);
            }
            What::Deleted => self.schedule(job, self.calls.api_latency, context),
            What::Ended if !deleting => {
                match phase {
                    PodPhase::Succeeded => count_success(job, context),
                    _ => count_failure(job, context),
                }
                self.schedule(job, SYNC_BATCH, context);
            }
            // A Job counts restarts.
            What::ContainerStarted(container)
                if pod.containers[usize::from(container)].restarts > 0 =>
            {
                self.schedule(job, SYNC_BATCH, context);
            }
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        match event {
            Event::Sync(id) => self.sync(id, context),
            Event::Create(id) => {
                let object = ObjectId::Job(id);
                let make = |cx: &mut Context<'_, Event>| pods.create(object, 0, cx.now, cx);
                self.calls.create_arrives(id, make, owner::created, context);
            }
            Event::Delete(id) => delete_pod(id, context),
        }
    }

    fn schedule(&mut self, id: JobId, delay: SimDuration, context: &mut Context<'_, Event>) {
        self.calls.sync_in(id, delay, context);
    }

    fn sync(&mut self, id: JobId, context: &mut Context<'_, Event>) {
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(job) = context.store.job(id).filter(|_| may_go_ahead) else {
            return;
        };
        let (spec, status) = (job.spec, job.status);
        if status.end.is_some() {
            return;
        }
        let past_deadline = spec
            .active_deadline
            .is_some_and(|limit| context.now >= job.meta.created + limit);
        let active = active_pods(ObjectId::Job(id), job.workload, context);
        let restarts = if spec.restarts_in_place {
            restarts(&active, context.store)
        } else {
            0
        };
        let beyond_limit =
            status.failed > spec.backoff_limit || restarts >= spec.backoff_limit.max(1) as u32;
        let gives_up = (beyond_limit.then_some(GaveUp::BackoffLimit))
            .or_else(|| past_deadline.then_some(GaveUp::Deadline));
        if let Some(reason) = status.given_up.or(gives_up) {
            let given_up = JobStatus {
                given_up: Some(reason),
                ..status
            };
            if given_up != status {
                context.commit(Write::JobStatus(id, given_up));
            }
            for pod in active {
                self.calls.delete_pod(id, pod, owner::deleted, context);
            }
            end(id, Some(reason), context);
            return;
        }
        let enough = match spec.completions {
            Some(completions) => status.succeeded >= completions,
            None => status.succeeded > 0 && active.is_empty(),
        };
        if enough {
            end(id, None, context);
        }
        let wanted = match spec.completions {
            Some(completions) => spec.parallelism.min(completions - status.succeeded),
            None if status.succeeded == 0 => spec.parallelism,
            // A queue of work that one pod found empty: the others come to their ends.
            None => active.len() as i32,
        };
        let missing = wanted - active.len() as i32;
        let wait = back_off(&status, context.now);
        if missing > 0 && wait > SimDuration::ZERO {
            self.schedule(id, wait, context);
        } else if missing > 0 {
            self.calls.create_pods(id, missing as usize, context);
        }
    }
}

/// How often the containers of a Job's unfinished pods were restarted in place.
fn restarts(active: &[PodId], store: &Store) -> u32 {
    let restarts = |pod: &Pod| pod.containers.iter().map(|one| one.restarts).sum::<u32>();
    active
        .iter()
        .filter_map(|id| store.pod(*id))
        .map(restarts)
        .sum()
}

fn count_failure(id: JobId, context: &mut Context<'_, Event>) {
    if let Some(job) = context.store.job(id) {
        let status = JobStatus {
            failed: job.status.failed + 1,
            failures_in_a_row: job.status.failures_in_a_row + 1,
            last_failure: context.now,
            ..job.status
        };
        context.commit(Write::JobStatus(id, status));
    }
}

fn count_success(id: JobId, context: &mut Context<'_, Event>) {
    if let Some(job) = context.store.job(id) {
        let status = JobStatus {
            succeeded: job.status.succeeded + 1,
            failures_in_a_row: 0,
            ..job.status
        };
        context.commit(Write::JobStatus(id, status));
    }
}

/// A Job has ended, once all its pods have.
fn end(id: JobId, gave_up: Option<GaveUp>, context: &mut Context<'_, Event>) {
    let object = ObjectId::Job(id);
    let Some(job) = context.store.job(id) else {
        return;
    };
    let goes_on = |pod: &PodId| {
        let pod = context.store.pod(*pod);
        pod.is_some_and(|pod| pod.meta.owner == Some(object) && !pod.removed && !pod.has_ended())
    };
    let entry = context.store.workload(job.workload);
    if entry.pods.iter().any(goes_on) {
        return;
    }
    if let Some(gave_up) = gave_up {
        let (reason, message) = gave_up.reason();
        context
            .events
            .warning(object, reason, || message.to_owned());
    } else {
        let message = || "Job completed".to_owned();
        context.events.normal(object, "Completed", message);
    }
    let status = JobStatus {
        end: Some(JobEnd {
            failed: gave_up.is_some(),
            at: context.now,
        }),
        ..job.status
    };
    context.commit(Write::JobStatus(id, status));
}

/// How long a Job still waits after its failures.
fn back_off(status: &JobStatus, now: SimTime) -> SimDuration {
    if status.failures_in_a_row == 0 {
        return SimDuration::ZERO;
    }
    let doublings = (status.failures_in_a_row - 1).min(10);
    let length = (FIRST_BACKOFF * 2i64.pow(doublings)).min(LONGEST_BACKOFF);
    (status.last_failure + length - now).max(SimDuration::ZERO)
}
