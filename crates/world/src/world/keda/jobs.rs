//! ScaledJobs: their loops, and the Jobs that they make.

use std::sync::Arc;

use serde_json::Value;

use super::sources::{WorldSources, invalid};
use super::{Event, Turn};
use crate::api::{
    Job, JobId, KedaStatus, Kind, Labels, ObjectId, ObjectMeta, Pod, PodPhase, PodTemplate,
    ScaledJob, ScaledJobId, WorkloadId, Write, true_conditions,
};
use crate::autoscaler::keda::{
    self, Environment, FinishedJob, JOB_CREATE_FAILED, JOB_LABEL, JOBS_CREATED, JobDecision,
    JobObservation, PAUSED, ScaledJobState,
};
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::controller::job::JobSpec;
use crate::controller::pod_control::generated_name;
use crate::record::Detail;
use crate::scenario::model::{Component, From};
use crate::sim::{SimTime, Stream};
use crate::world::{self, Simulation};

/// The annotation by which KEDA knows which spec a Job was made from.
const GENERATION: &str = "scaledjob.keda.sh/generation";

/// A ScaledJob under the operator's care.
#[derive(Debug, Clone)]
pub(super) struct ScaledJobs {
    id: ScaledJobId,
    namespace: Arc<str>,
    name: Arc<str>,
    state: ScaledJobState,
    workload: WorkloadId,
    spec: Arc<JobSpec>,
    template: Arc<PodTemplate>,
    /// How many loops it has had: the last one runs.
    loops: u32,
    pub(super) turn: Turn,
    /// What its Jobs' names end with.
    names: Stream,
    deleted: bool,
}

impl Simulation<'_> {
    /// Creates the ScaledJobs of the scenario.
    pub(in crate::world) fn create_scaled_jobs(&mut self) {
        let scenario = self.scenario;
        let now = SimTime::ZERO;
        for job in &scenario.scaled_jobs {
            let (namespace, name) = (&job.metadata.namespace, &job.metadata.name);
            let is_own = |one: &&WorkloadSpec| {
                matches!(one.kind, WorkloadKind::ScaledJob(_))
                    && one.namespace == *namespace
                    && one.name == *name
            };
            let Some(workload) = scenario.workloads.iter().find(is_own) else {
                continue;
            };
            let value = self.manifests.get("ScaledJob", namespace, name);
            let spec = value.map_or(Value::Null, |value| value["spec"].clone());
            self.create_scaled_job(job, workload, spec, now);
        }
        if scenario.simulation.from == From::Steady {
            for index in 0..self.keda.jobs.len() {
                self.reconcile_scaled_job(index, now);
            }
            self.events.take_each(|_, _| {});
        }
    }

    fn create_scaled_job(
        &mut self,
        job: &keda::ScaledJob,
        workload: &WorkloadSpec,
        spec: Value,
        now: SimTime,
    ) {
        let WorkloadKind::ScaledJob(of_jobs) = &workload.kind else {
            return;
        };
        let (namespace, name) = (job.metadata.namespace.as_str(), job.metadata.name.as_str());
        let uid = format!("ScaledJob/{namespace}/{name}");
        let uid = self.components.pod_control.uid(&uid);
        let made = ScaledJob {
            meta: ObjectMeta::new(namespace, name, uid, now),
            spec: Arc::new(spec),
            status: Arc::new(KedaStatus::default()),
        };
        let kind = Kind::ScaledJob;
        let entry = Write::Workload(kind, namespace.into(), name.into());
        self.store.commit(now, entry);
        let write = Write::CreateScaledJob(Box::new(made));
        let found = self.store.find_workload(kind, namespace, name);
        let (Some(ObjectId::ScaledJob(id)), Some(entry)) = (self.store.commit(now, write), found)
        else {
            return;
        };
        let epoch = self.scenario.controllers.vpa.clock.unix_start;
        let index = self.keda.jobs.len();
        // One that is made again makes Jobs of other names.
        let is_same = |one: &&ScaledJobs| *one.namespace == *namespace && *one.name == *name;
        let before = self.keda.jobs.iter().filter(is_same).count() as u64;
        let names = self.keda.streams.of("jobs").of(namespace).of(name);
        self.keda.jobs.push(ScaledJobs {
            id,
            namespace: namespace.into(),
            name: name.into(),
            state: ScaledJobState::new(job.clone(), epoch),
            workload: entry,
            spec: Arc::clone(of_jobs),
            template: Arc::new(workload.template.clone()),
            loops: 0,
            turn: Turn::default(),
            names: names.nth(before),
            deleted: false,
        });
        if now > SimTime::ZERO || self.scenario.simulation.from == From::Apply {
            self.queue_job_reconcile(index, now);
        }
    }

    /// Creates or changes a ScaledJob; the error is what kubectl prints.
    pub(in crate::world) fn put_scaled_job(
        &mut self,
        job: &keda::ScaledJob,
        workload: &WorkloadSpec,
        value: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        keda::validate_triggers(&job.spec.triggers).map_err(|why| {
            format!(
                "Error from server (Forbidden): admission webhook \"vscaledjob.kb.io\" denied the request: {why}"
            )
        })?;
        let metadata = &job.metadata;
        let found = self
            .store
            .find(Kind::ScaledJob, &metadata.namespace, &metadata.name);
        let Some(ObjectId::ScaledJob(id)) = found else {
            let workload = self.as_declared(workload);
            self.create_scaled_job(job, &workload, value["spec"].clone(), now);
            if let Some(made) = self.keda.jobs.last() {
                let entry = made.workload;
                self.components.kubelet.set_startup(entry, workload.startup);
            }
            return Ok(());
        };
        let Some(index) = self.keda.jobs.iter().position(|one| one.id == id) else {
            return Ok(());
        };
        let before = self.store.scaled_job(id);
        let spec_changes = before.is_some_and(|before| *before.spec != value["spec"]);
        if spec_changes {
            let spec = Arc::new(value["spec"].clone());
            self.store.commit(now, Write::ScaledJobSpec(id, spec));
        }
        let meta = self.store.meta(ObjectId::ScaledJob(id));
        let mut job = job.clone();
        job.metadata.generation = meta.map_or(1, |meta| meta.generation);
        let own = &mut self.keda.jobs[index];
        if let WorkloadKind::ScaledJob(spec) = &workload.kind {
            own.spec = Arc::clone(spec);
        }
        let mut template = workload.template.clone();
        for (container, known) in template.containers.iter_mut().zip(&own.template.containers) {
            if container.name == known.name {
                container.idle_cpu = known.idle_cpu;
                container.idle_memory = known.idle_memory;
            }
        }
        own.template = Arc::new(template);
        let old = &own.state.job().metadata;
        let pauses = old.annotation(PAUSED) != job.metadata.annotation(PAUSED);
        own.state.set_job(job);
        if spec_changes || pauses {
            self.queue_job_reconcile(index, now);
        }
        Ok(())
    }

    /// A ScaledJob is to be deleted: the operator's finalizer comes first.
    pub(in crate::world) fn delete_scaled_job(&mut self, id: ScaledJobId, now: SimTime) {
        if let Some(index) = self.keda.jobs.iter().position(|one| one.id == id) {
            self.keda.jobs[index].deleted = true;
            self.queue_job_reconcile(index, now);
        }
    }

    fn queue_job_reconcile(&mut self, index: usize, now: SimTime) {
        let latency = self.scenario.controllers.cluster.api_latency;
        if let Some(at) = self.keda.jobs[index].turn.ask(now + latency) {
            let event = Event::ReconcileJob(index as u32);
            self.queue.schedule(at, world::Event::Keda(event));
        }
    }

    /// One reconcile; one that succeeds starts a loop anew, which polls at once.
    pub(super) fn reconcile_scaled_job(&mut self, index: usize, now: SimTime) {
        let own = &mut self.keda.jobs[index];
        let object = ObjectId::ScaledJob(own.id);
        if self.keda.is_down || self.store.meta(object).is_none() {
            return;
        }
        if own.deleted {
            let decision = own.state.finalize();
            self.tell_keda_events(object, &decision.events);
            self.record_object_events(now);
            self.store.commit(now, Write::Delete(object));
            return;
        }
        let decision = self.decide_jobs(index, now, |state, jobs, sources| {
            state.reconcile(jobs, sources)
        });
        let own = &mut self.keda.jobs[index];
        if let Some(at) = own.turn.finish(decision.error.is_some(), now) {
            let event = Event::ReconcileJob(index as u32);
            self.queue.schedule(at, world::Event::Keda(event));
        }
        let own = &mut self.keda.jobs[index];
        if decision.stop_loop || decision.start_loop {
            own.loops += 1;
        }
        let own = &self.keda.jobs[index];
        if decision.start_loop {
            let number = own.loops;
            let event = Event::PollJob(index as u32, number);
            let interval = own.state.polling_interval();
            let phase = self.keda.phase("ScaledJob", &own.namespace, &own.name);
            if self.begin_loop(event, interval, phase, now) {
                self.poll_scaled_job(index, number, now);
            }
        }
    }

    /// One poll of a loop, if it is the one that runs.
    pub(super) fn poll_scaled_job(&mut self, index: usize, number: u32, now: SimTime) {
        let own = &self.keda.jobs[index];
        if own.loops != number || !own.state.is_polling() || self.keda.is_down || own.deleted {
            return;
        }
        let next = now + own.state.polling_interval();
        let event = Event::PollJob(index as u32, number);
        self.queue.schedule(next, world::Event::Keda(event));
        self.decide_jobs(index, now, |state, jobs, sources| {
            state.poll(jobs, sources, now)
        });
    }

    /// The operator goes or comes back.
    pub(super) fn restart_scaled_jobs(&mut self, is_down: bool, now: SimTime) {
        for index in 0..self.keda.jobs.len() {
            let own = &mut self.keda.jobs[index];
            own.loops += 1;
            if !is_down {
                own.state.restart();
                own.turn = Turn::default();
                self.queue_job_reconcile(index, now);
            }
        }
    }

    /// Lets a ScaledJob decide something, and carries it out.
    fn decide_jobs(
        &mut self,
        index: usize,
        now: SimTime,
        decide: impl FnOnce(
            &mut ScaledJobState,
            &[JobObservation],
            &mut WorldSources<'_>,
        ) -> JobDecision,
    ) -> JobDecision {
        let is_down = self.is_down(Component::Prometheus, now);
        let jobs = self.jobs_of(index);
        let environment = self.environment_of_jobs(index);
        let own = &mut self.keda.jobs[index];
        let mut sources = WorldSources {
            scenario: self.scenario,
            store: &self.store,
            custom: &self.custom,
            traffic: &self.traffic,
            prometheus: self.prometheus.as_deref_mut().filter(|_| !is_down),
            first_source: self.keda.first_source,
            kind: "ScaledJob",
            namespace: Arc::clone(&own.namespace),
            name: Arc::clone(&own.name),
            triggers: own.state.job().spec.triggers.clone(),
            target: Ok(()),
            environment,
            admission: self.manifests.admission(),
            now,
        };
        let mut decision = decide(&mut own.state, &jobs, &mut sources);
        let id = ObjectId::ScaledJob(own.id);
        for name in &decision.delete {
            let namespace = Arc::clone(&self.keda.jobs[index].namespace);
            if let Some(job) = self.store.find(Kind::Job, &namespace, name) {
                self.store.commit(now, Write::Delete(job));
            }
        }
        let refused: Vec<keda::Event> = (0..decision.create)
            .filter_map(|_| self.create_job_of(index, now).err())
            .collect();
        // It says that it has created them all the same, afterwards.
        let mut told = decision.events.iter();
        let place = told.position(|event| event.reason == JOBS_CREATED);
        let place = place.unwrap_or(decision.events.len());
        decision.events.splice(place..place, refused);
        self.tell_keda_events(id, &decision.events);
        self.write_job_status(index, now);
        decision
    }

    fn write_job_status(&mut self, index: usize, now: SimTime) {
        let own = &self.keda.jobs[index];
        let (id, status) = (own.id, own.state.status());
        let stored = self.store.scaled_job(id);
        let differs = stored.is_some_and(|stored| *stored.status != *status);
        if differs && self.recorder.detail == Detail::Full {
            let status = Arc::new(status.clone());
            self.store.commit(now, Write::ScaledJobStatus(id, status));
        }
    }

    /// The Jobs of a ScaledJob in the order of their creation.
    fn jobs_of(&self, index: usize) -> Vec<JobObservation> {
        let own = &self.keda.jobs[index];
        // An orphan has the label, too.
        let is_own = |(_, job): &(JobId, &Job)| {
            let name = job.meta.labels.get(JOB_LABEL);
            *job.meta.namespace == *own.namespace && name.is_some_and(|name| **name == *own.name)
        };
        let jobs = self.store.jobs().filter(is_own);
        let mut jobs: Vec<(JobId, &Job)> = jobs.collect();
        jobs.sort_by(|(_, a), (_, b)| {
            let key = |job: &Job| (job.meta.created, Arc::clone(&job.meta.name));
            key(a).cmp(&key(b))
        });
        let strategy = &own.state.job().spec.scaling_strategy;
        let asks_for_conditions = !strategy.pending_pod_conditions.is_empty();
        let clock = self.clock();
        let standing = |pod: &Pod| {
            let started = matches!(pod.phase, PodPhase::Running | PodPhase::Succeeded);
            let conditions = asks_for_conditions.then(|| true_conditions(pod, clock));
            (started, conditions.unwrap_or_default())
        };
        let observe = |(id, job): (JobId, &Job)| {
            let object = Some(ObjectId::Job(id));
            let pods = &self.store.workload(job.workload).pods;
            let pods = pods.iter().filter_map(|id| self.store.pod(*id));
            let pods = pods.filter(|pod| pod.meta.owner == object && !pod.removed);
            JobObservation {
                name: job.meta.name.to_string(),
                generation: job.meta.annotations.get(GENERATION).cloned(),
                finished: job.status.end().map(|end| FinishedJob {
                    failed: end.failed,
                    completion_time: (!end.failed).then_some(end.at),
                }),
                pods: pods.map(standing).collect(),
            }
        };
        jobs.into_iter().map(observe).collect()
    }

    /// The environment of the container that triggers may read.
    fn environment_of_jobs(&self, index: usize) -> Result<Environment, String> {
        let spec = &self.keda.jobs[index].state.job().spec;
        let pods = spec
            .job_target_ref
            .as_ref()
            .map(|job| &job["template"]["spec"]);
        Environment::resolve(pods, &spec.env_source_container_name)
    }

    /// Creates a Job, unless the API server refuses it.
    fn create_job_of(&mut self, index: usize, now: SimTime) -> Result<(), keda::Event> {
        let own = &mut self.keda.jobs[index];
        let manifest = own.state.new_job();
        let prefix = format!("{}-", own.name);
        let name = generated_name(&prefix, &mut own.names);
        let causes = &own.state.job().refused;
        if !causes.is_empty() {
            let why = invalid("Job.batch", &name, causes);
            let message = format!("Failed to create job {prefix}: {why}");
            return Err(keda::Event::warning(JOB_CREATE_FAILED, message));
        }
        let uid = format!("Job/{}/{name}", own.namespace);
        let uid = self.components.pod_control.uid(&uid);
        let table = |key: &str| {
            let entries = manifest["metadata"][key].as_object().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let pairs = entries.map(|(key, value)| (key.clone(), text(value)));
            Arc::new(pairs.collect::<Labels>())
        };
        let meta = ObjectMeta {
            labels: table("labels"),
            annotations: table("annotations"),
            owner: Some(ObjectId::ScaledJob(own.id)),
            ..ObjectMeta::new(&own.namespace, &name, uid, now)
        };
        let job = Job {
            pod_labels: Arc::new(Job::labels_of_pods(&meta, &own.spec, &own.template.labels)),
            meta,
            workload: own.workload,
            spec: Arc::clone(&own.spec),
            template: Arc::clone(&own.template),
            status: Arc::default(),
        };
        self.store.commit(now, Write::CreateJob(Box::new(job)));
        Ok(())
    }
}
