//! The CronJob controller in the cluster: its queue, its calls, the Jobs that it makes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::spec::CronJobSpec;
use super::sync::{Child, Step, View, job_name, next_wake, sync};
use crate::api::{
    ActiveJob, Change, Context, CronJobId, CronJobStatus, Job, Kind, ObjectId, ObjectMeta, What,
    Write,
};
use crate::cluster::spec::ClusterConfig;
use crate::controller::calls::Caller;
use crate::controller::pod_control::PodControl;
use crate::sim::{SimDuration, SimTime, Stream};

const NANOS: i64 = 1_000_000_000;

/// What the CronJob controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It looks at a CronJob.
    Sync(CronJobId),
    /// A start is due.
    Wake(CronJobId),
    /// A call arrives.
    Call(CronJobId),
}

/// What the controller knows of a CronJob.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The schedule as it saw it last.
    seen: Option<(String, Option<String>)>,
    /// Whether a sync waits in the queue.
    queued: bool,
    /// When it looks at it by itself.
    wake_at: Option<SimTime>,
    /// What a sync that is under way still does.
    under_way: Option<UnderWay>,
}

#[derive(Debug, Clone)]
struct UnderWay {
    steps: VecDeque<Step>,
    status: CronJobStatus,
    writes_status: bool,
    again: Option<i64>,
    /// Whether something changed meanwhile.
    again_at_once: bool,
}

/// The controller of all CronJobs.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
    /// The calendar time of the start, in seconds since 1970.
    unix_start: i64,
    known: Vec<Known>,
}

impl Controller {
    /// A controller with these settings and draws, in a run that starts at this time, in seconds
    /// since 1970.
    pub fn new(config: &ClusterConfig, stream: Stream, unix_start: i64) -> Self {
        Self {
            calls: Caller::new(config, stream),
            unix_start,
            known: Vec::new(),
        }
    }

    /// Nanoseconds since 1970.
    fn unix(&self, time: SimTime) -> i64 {
        time.0.saturating_add(self.unix_start.saturating_mul(NANOS))
    }

    fn of(&mut self, id: CronJobId) -> &mut Known {
        if self.known.len() <= id.slot() {
            self.known.resize(id.slot() + 1, Known::default());
        }
        &mut self.known[id.slot()]
    }

    /// Wakes up for a change of a CronJob or of a Job.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::CronJob(id), What::Created) => {
                *self.of(id) = Known::default();
                self.observe_spec(id, context);
            }
            (ObjectId::CronJob(id), What::Spec | What::Status) => self.observe_spec(id, context),
            (ObjectId::Job(job), What::Created | What::Spec | What::Status) => {
                let owner = context.store.job(job).and_then(|job| job.meta.owner);
                if let Some(ObjectId::CronJob(id)) = owner {
                    self.enqueue(id, context);
                }
            }
            // Whose it was cannot be read any more.
            (ObjectId::Job(job), What::Deleted) => {
                let owners = context.store.all(Kind::CronJob);
                let is_its = |id: &ObjectId| match id {
                    ObjectId::CronJob(key) => (context.store.cron_job(*key))
                        .is_some_and(|one| one.status.active.iter().any(|one| one.id == job)),
                    _ => false,
                };
                let owners: Vec<ObjectId> = owners.filter(is_its).collect();
                for owner in owners {
                    if let ObjectId::CronJob(id) = owner {
                        self.enqueue(id, context);
                    }
                }
            }
            _ => {}
        }
    }

    /// A new schedule counts from now on; anything else is looked at at once.
    fn observe_spec(&mut self, id: CronJobId, context: &mut Context<'_, Event>) {
        let Some(cron_job) = context.store.cron_job(id) else {
            return;
        };
        let spec = Arc::clone(&cron_job.spec);
        let timing = Some((spec.schedule.clone(), spec.time_zone.clone()));
        let is_first = self.of(id).seen.is_none();
        let same = std::mem::replace(&mut self.of(id).seen, timing.clone()) == timing;
        if is_first || same {
            self.enqueue(id, context);
        } else if let Some(wait) = self.with_view(id, context, |view, _| next_wake(view)) {
            self.wake_in(id, SimDuration(wait), context);
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
            Event::Sync(id) => {
                self.of(id).queued = false;
                self.sync(id, context);
            }
            Event::Wake(id) => {
                if self.of(id).wake_at == Some(context.now) {
                    self.of(id).wake_at = None;
                    self.sync(id, context);
                }
            }
            // Without its object nothing is left to be done.
            Event::Call(id) if context.store.cron_job(id).is_none() => {}
            Event::Call(id) => {
                self.call(id, pods, context);
                self.proceed(id, context);
            }
        }
    }

    fn enqueue(&mut self, id: CronJobId, context: &mut Context<'_, Event>) {
        let known = self.of(id);
        if let Some(under_way) = &mut known.under_way {
            under_way.again_at_once = true;
        } else if !known.queued {
            known.queued = true;
            context.after(self.calls.api_latency, Event::Sync(id));
        }
    }

    fn wake_in(&mut self, id: CronJobId, wait: SimDuration, context: &mut Context<'_, Event>) {
        let (known, at) = (self.of(id), context.now + wait);
        if known.wake_at.is_none_or(|earlier| at < earlier) {
            known.wake_at = Some(at);
            context.at(at, Event::Wake(id));
        }
    }

    /// What the controller sees of a CronJob and its Jobs, by name.
    fn with_view<T>(
        &self,
        id: CronJobId,
        context: &Context<'_, Event>,
        read: impl FnOnce(&View<'_>, &[Child]) -> T,
    ) -> Option<T> {
        let cron_job = context.store.cron_job(id)?;
        let owner = Some(ObjectId::CronJob(id));
        let jobs = context
            .store
            .jobs()
            .filter(|(_, job)| job.meta.owner == owner);
        let mut children: Vec<Child> = jobs
            .map(|(id, job)| Child {
                id,
                name: Arc::clone(&job.meta.name),
                uid: job.meta.uid,
                started: (job.status.start_time).map(|start| start.0.div_euclid(NANOS)),
                end: job.status.end(),
                completed: job
                    .status
                    .end()
                    .filter(|end| !end.failed)
                    .map(|end| self.unix(end.at).div_euclid(NANOS)),
            })
            .collect();
        children.sort_by(|a, b| a.name.cmp(&b.name));
        let view = View {
            name: &cron_job.meta.name,
            created: self.unix(cron_job.meta.created).div_euclid(NANOS),
            spec: &cron_job.spec,
            status: &cron_job.status,
            now: self.unix(context.now),
        };
        Some(read(&view, &children))
    }

    fn sync(&mut self, id: CronJobId, context: &mut Context<'_, Event>) {
        if let Some(under_way) = &mut self.of(id).under_way {
            under_way.again_at_once = true;
            return;
        }
        if let Some(outcome) = self.with_view(id, context, sync) {
            self.of(id).under_way = Some(UnderWay {
                steps: outcome.steps.into(),
                status: outcome.status,
                writes_status: outcome.writes_status,
                again: outcome.again,
                again_at_once: false,
            });
            self.proceed(id, context);
        }
    }

    /// Reports what is to be reported and makes the next call; ends the sync if there is none.
    fn proceed(&mut self, id: CronJobId, context: &mut Context<'_, Event>) {
        let slot = id.slot();
        let Some(under_way) = &mut self.known[slot].under_way else {
            return;
        };
        while let Some(Step::Event(..)) = under_way.steps.front() {
            if let Some(Step::Event(kind, reason, message)) = under_way.steps.pop_front() {
                self.calls.report(slot, context.now);
                let object = ObjectId::CronJob(id);
                context.events.add(object, kind, reason, || message);
            }
        }
        if !under_way.steps.is_empty() || under_way.writes_status {
            let arrives = self.calls.reserve(context.now) + self.calls.api_latency;
            context.at(arrives, Event::Call(id));
            return;
        }
        let (again, at_once) = (under_way.again, under_way.again_at_once);
        self.known[slot].under_way = None;
        if let Some(wait) = again {
            self.wake_in(id, SimDuration(wait), context);
        }
        if at_once {
            self.enqueue(id, context);
        }
    }

    /// A call arrives at the API server.
    fn call(&mut self, id: CronJobId, pods: &mut PodControl, context: &mut Context<'_, Event>) {
        let slot = id.slot();
        let Some(mut under_way) = self.known[slot].under_way.take() else {
            return;
        };
        match under_way.steps.pop_front() {
            Some(Step::Delete(job, name)) => {
                if context.store.job(job).is_some() {
                    context.commit(Write::Delete(ObjectId::Job(job)));
                }
                self.report(
                    id,
                    "SuccessfulDelete",
                    format!("Deleted job {name}"),
                    context,
                );
            }
            Some(Step::Create(due)) => self.create(id, due, &mut under_way, pods, context),
            _ => {
                under_way.writes_status = false;
                let status = Arc::new(under_way.status.clone());
                context.commit(Write::CronJobStatus(id, status));
            }
        }
        self.known[slot].under_way = Some(under_way);
    }

    fn report(
        &mut self,
        id: CronJobId,
        reason: &'static str,
        message: String,
        context: &mut Context<'_, Event>,
    ) {
        self.calls.report(id.slot(), context.now);
        context
            .events
            .normal(ObjectId::CronJob(id), reason, || message);
    }

    /// Creates the Job that is due; one of its own that is there already is taken for it.
    fn create(
        &mut self,
        id: CronJobId,
        due: i64,
        under_way: &mut UnderWay,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let Some(cron_job) = context.store.cron_job(id) else {
            return;
        };
        let name = job_name(&cron_job.meta.name, due);
        let namespace = Arc::clone(&cron_job.meta.namespace);
        let found = context.store.find(Kind::Job, &namespace, &name);
        let job = if let Some(there) = found {
            let owner = context.store.meta(there).and_then(|meta| meta.owner);
            if owner != Some(ObjectId::CronJob(id)) {
                // It leaves the rest to whoever made that one.
                under_way.again = None;
                under_way.writes_status = *cron_job.status != under_way.status;
                return;
            }
            Some(there)
        } else {
            let uid = pods.uid(&format!("Job/{namespace}/{name}"));
            let meta = ObjectMeta {
                labels: Arc::clone(&cron_job.spec.job_labels),
                annotations: Arc::new(annotations(&cron_job.spec, due)),
                owner: Some(ObjectId::CronJob(id)),
                ..ObjectMeta::new(&namespace, &name, uid, context.now)
            };
            let template = Arc::clone(&cron_job.template);
            let spec = Arc::clone(&cron_job.spec.job);
            let job = Job {
                pod_labels: Arc::new(Job::labels_of_pods(&meta, &spec, &template.labels)),
                meta,
                workload: cron_job.workload,
                spec,
                template,
                status: Arc::default(),
            };
            let write = Write::CreateJob(Box::new(job));
            let made = context.store.commit(context.now, write);
            self.report(
                id,
                "SuccessfulCreate",
                format!("Created job {name}"),
                context,
            );
            made
        };
        let Some(ObjectId::Job(job)) = job else {
            return;
        };
        if let Some(meta) = context.store.meta(ObjectId::Job(job)) {
            let status = &mut under_way.status;
            status.last_schedule_time = Some(due);
            if !status.active.iter().any(|one| one.id == job) {
                status.active.push(ActiveJob {
                    id: job,
                    name: Arc::clone(&meta.name),
                    uid: meta.uid,
                });
            }
        }
    }
}

/// The annotations of the Job that is due at a time, which they tell by the clocks of the zone.
fn annotations(spec: &CronJobSpec, due: i64) -> crate::api::Labels {
    let mut annotations = (*spec.job_annotations).clone();
    let format = if spec.zone.offset(due) == 0 {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%:z"
    };
    annotations.insert(
        "batch.kubernetes.io/cronjob-scheduled-timestamp".to_owned(),
        spec.zone.print(due, format),
    );
    annotations
}
