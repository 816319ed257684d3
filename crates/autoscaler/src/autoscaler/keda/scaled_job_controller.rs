//! A ScaledJob's state, reconciles and polls: `controllers/keda/scaledjob_controller.go` and the
//! ScaledJob part of `pkg/scaling/scale_handler.go`.

use serde_json::{Value, json};

use super::conditions::{ConditionStatus, ConditionType};
use super::events::{
    Event, ROLLOUT_COMPLETED, ROLLOUT_STARTED, SCALED_JOB_CHECK_FAILED, SCALED_JOB_DELETED,
    SCALED_JOB_PAUSED, SCALED_JOB_READY, SCALED_JOB_UNPAUSED, SCALER_FAILED, SCALERS_STARTED,
    SCALERS_STOPPED,
};
use super::executor::{JobObservation, request_job_scale, superseded};
use super::handler::{Built, Sources};
use super::hpa::labels;
use super::scaled_job::{
    EXCLUDED_JOB_LABELS, JOB_LABEL, ScaledJob, ScalerMetrics, demand, queue_and_max_value,
};
use super::status::Status;
use super::triggers::{combined_types, validate_triggers};
use crate::sim::{SimDuration, SimTime};

const GENERATION: &str = "scaledjob.keda.sh/generation";

/// What a ScaledJob wants done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobDecision {
    /// Jobs to create, all of [`ScaledJobState::new_job`].
    pub create: i64,
    /// Jobs to delete.
    pub delete: Vec<String>,
    /// Whether deletion waits for the jobs' pods.
    pub foreground: bool,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Whether a new loop starts: it polls at once, then at every polling interval.
    pub start_loop: bool,
    /// Whether the loop ends.
    pub stop_loop: bool,
    /// What upstream logs as an error.
    pub error: Option<String>,
}

/// A ScaledJob under KEDA's care.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledJobState {
    job: ScaledJob,
    status: Status,
    /// Seconds from 1970 to the start of the run.
    epoch: i64,
    polling: bool,
    cache: Option<Built>,
}

impl ScaledJobState {
    /// A new object in a run that starts `epoch` seconds after 1970.
    pub fn new(job: ScaledJob, epoch: i64) -> Self {
        Self {
            job,
            status: Status::default(),
            epoch,
            polling: false,
            cache: None,
        }
    }

    /// The object.
    pub const fn job(&self) -> &ScaledJob {
        &self.job
    }

    /// Its status; what concerns HPAs and targets stays empty.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// The operator has started anew: what it had only in memory is gone.
    pub fn restart(&mut self) {
        self.polling = false;
        self.cache = None;
    }

    /// Whether a loop runs.
    pub const fn is_polling(&self) -> bool {
        self.polling
    }

    /// Notes a changed object; a changed spec needs a higher generation. A reconcile follows.
    pub fn set_job(&mut self, job: ScaledJob) {
        self.job = job;
    }

    /// Time between polls.
    pub fn polling_interval(&self) -> SimDuration {
        SimDuration::from_secs(self.job.spec.polling_interval.map_or(30, i64::from))
    }

    /// One reconcile. Every one that succeeds starts a new loop.
    pub fn reconcile(&mut self, jobs: &[JobObservation], sources: &dyn Sources) -> JobDecision {
        let mut decision = JobDecision::default();
        self.status.conditions_mut();
        if self.job.spec.job_target_ref.is_none() {
            let message = "ScaledJob.spec.jobTargetRef not found";
            decision
                .events
                .push(Event::warning(SCALED_JOB_CHECK_FAILED, message));
            decision.error = Some(message.to_owned());
            return decision;
        }
        let checked = self.check(jobs, sources, &mut decision);
        let conditions = self.status.conditions_mut();
        let (status, reason, message) = match checked {
            Ok(message) => {
                if conditions.status(ConditionType::Ready) != ConditionStatus::True {
                    let ready = "ScaledJob is ready for scaling";
                    decision.events.push(Event::normal(SCALED_JOB_READY, ready));
                }
                (ConditionStatus::True, SCALED_JOB_READY, message)
            }
            Err((message, why)) => {
                decision
                    .events
                    .push(Event::warning(SCALED_JOB_CHECK_FAILED, message));
                decision.error = Some(why);
                conditions.set(
                    ConditionType::Active,
                    ConditionStatus::Unknown,
                    "UnknownState",
                    "ScaledJob check failed",
                );
                (ConditionStatus::False, SCALED_JOB_CHECK_FAILED, message)
            }
        };
        conditions.set(ConditionType::Ready, status, reason, message);
        decision
    }

    fn check(
        &mut self,
        jobs: &[JobObservation],
        sources: &dyn Sources,
        decision: &mut JobDecision,
    ) -> Result<&'static str, (&'static str, String)> {
        if self.pause(decision) {
            return Ok("ScaledJob is paused, skipping reconcile loop");
        }
        validate_triggers(&self.job.spec.triggers)
            .map_err(|why| ("ScaledJob doesn't have correct triggers specification", why))?;
        let (triggers, authentications) = combined_types(&self.job.spec.triggers);
        self.status.triggers_types = triggers;
        self.status.authentications_types = authentications;
        decision.delete = superseded(&self.job, jobs);
        decision.foreground = self.job.spec.rollout.propagation_policy == "foreground";
        let count = decision.delete.len();
        if count > 0 {
            let owned = "jobs owned by the previous version of the scaledJob";
            for (reason, verb) in [
                (ROLLOUT_STARTED, "Deleting"),
                (ROLLOUT_COMPLETED, "Deleted"),
            ] {
                let message = format!("{verb} {count} {owned}");
                decision.events.push(Event::normal(reason, message));
            }
        }
        self.scalers(sources, &mut decision.events)
            .map_err(|why| ("Failed to ensure ScaledJob is correctly created", why))?;
        let mut triggers = self.job.spec.triggers.iter();
        if triggers.any(|trigger| !trigger.metric_type.is_empty()) {
            let why = "metricType is set in one of the ScaledJob scaler".to_owned();
            return Err(("Cannot set metricType in ScaledJob triggers", why));
        }
        if self.polling {
            // The loop before clears what was cached when it ends.
            self.cache = None;
        } else {
            let message = "Started scalers watch";
            decision
                .events
                .push(Event::normal(SCALERS_STARTED, message));
        }
        self.polling = true;
        decision.start_loop = true;
        Ok("ScaledJob is defined correctly and is ready to scaling")
    }

    /// `checkIfPaused`; true if nothing else is to be done.
    fn pause(&mut self, decision: &mut JobDecision) -> bool {
        let conditions = self.status.conditions_mut();
        let was_paused = conditions.status(ConditionType::Paused) == ConditionStatus::True;
        let paused = self.job.is_paused();
        let (status, reason, message) = if paused {
            (
                ConditionStatus::True,
                SCALED_JOB_PAUSED,
                "ScaledJob is paused",
            )
        } else {
            (
                ConditionStatus::False,
                SCALED_JOB_UNPAUSED,
                "ScaledJob is unpaused",
            )
        };
        if paused != was_paused {
            conditions.set(ConditionType::Paused, status, reason, message);
            decision.events.push(Event::normal(reason, message));
        }
        if paused {
            self.stop_loop(decision);
        }
        paused
    }

    fn stop_loop(&mut self, decision: &mut JobDecision) {
        if self.polling {
            self.polling = false;
            self.cache = None;
            decision.stop_loop = true;
            let message = "Stopped scalers watch";
            decision
                .events
                .push(Event::normal(SCALERS_STOPPED, message));
        }
    }

    /// The object is deleted; its jobs go with their owner.
    pub fn finalize(&mut self) -> JobDecision {
        let mut decision = JobDecision::default();
        self.stop_loop(&mut decision);
        let message = "ScaledJob was deleted";
        decision
            .events
            .push(Event::warning(SCALED_JOB_DELETED, message));
        decision
    }

    fn scalers(
        &mut self,
        sources: &dyn Sources,
        events: &mut Vec<Event>,
    ) -> Result<&mut Built, String> {
        let generation = self.job.metadata.generation;
        let built = match self.cache.take() {
            Some(built) if built.generation() == generation => built,
            _ => Built::new((&self.job).into(), sources, events)?,
        };
        Ok(self.cache.insert(built))
    }

    /// One poll of the loop.
    pub fn poll(
        &mut self,
        jobs: &[JobObservation],
        sources: &mut dyn Sources,
        now: SimTime,
    ) -> JobDecision {
        let mut decision = JobDecision::default();
        if !self.polling {
            return decision;
        }
        let mut active_triggers = Vec::new();
        let (metrics, error) =
            self.measure(sources, now, &mut active_triggers, &mut decision.events);
        let conditions = self.status.known_conditions();
        let was_active = conditions.status(ConditionType::Active) == ConditionStatus::True;
        let demand = demand(&self.job, &metrics);
        let result = request_job_scale(&self.job, jobs, demand, error, was_active, now);
        self.status.conditions_mut().apply(&result.conditions);
        if result.last_active_time.is_some() {
            self.status.last_active_time = result.last_active_time;
        }
        let names = self.status.external_metric_names.iter();
        let activity = names.map(|name| (name.clone(), active_triggers.contains(name)));
        self.status.triggers_activity = activity.collect();
        decision.create = result.create;
        decision.delete = result.delete;
        decision.events.extend(result.events);
        decision
    }

    /// `getScaledJobMetrics`: what every metric asks for, and whether any trigger failed.
    fn measure(
        &mut self,
        sources: &mut dyn Sources,
        now: SimTime,
        active_triggers: &mut Vec<String>,
        events: &mut Vec<Event>,
    ) -> (Vec<ScalerMetrics>, bool) {
        let unix_time = self.epoch + now.0.div_euclid(1_000_000_000);
        let max_replicas = self.job.max_replicas();
        let Ok(built) = self.scalers(sources, events) else {
            return (Vec::new(), true);
        };
        let (mut metrics, mut error) = (Vec::new(), false);
        let mut names = Vec::new();
        for index in 0..built.scalers.len() {
            let specs = built.metric_specs_at(index, sources);
            // A metric counts as active if its trigger's metrics before it were.
            let mut active = false;
            for name in specs.iter().filter_map(|spec| spec.external_name()) {
                names.push(name.to_owned());
                match built.fetch(index, name, sources, unix_time) {
                    Err(why) => {
                        error = true;
                        events.push(Event::warning(SCALER_FAILED, why));
                    }
                    Ok((values, is_active)) => {
                        if is_active {
                            active = true;
                            active_triggers.push(name.to_owned());
                        }
                        let (queue_length, max_value) =
                            queue_and_max_value(&values, &specs, max_replicas);
                        metrics.push(ScalerMetrics {
                            queue_length,
                            max_value,
                            active,
                        });
                    }
                }
            }
        }
        self.status.external_metric_names = names;
        (metrics, error)
    }

    /// The job that is created, as a manifest; the API server completes its name.
    pub fn new_job(&self) -> Value {
        let metadata = &self.job.metadata;
        let name = metadata.name.as_str();
        let mut labels = labels(metadata, name, EXCLUDED_JOB_LABELS);
        labels
            .entry(JOB_LABEL.to_owned())
            .or_insert_with(|| name.to_owned());
        let mut annotations = json!({ GENERATION: metadata.generation.to_string() });
        for (key, value) in metadata.annotations.iter().flatten() {
            annotations[key] = value.as_str().into();
        }
        let mut spec = self.job.spec.job_target_ref.clone().unwrap_or_default();
        let prefix = format!("{name}-");
        object_at(&mut spec, &["template", "metadata"])["generateName"] = prefix.as_str().into();
        object_at(&mut spec, &["template", "metadata", "labels"])[JOB_LABEL] = name.into();
        let policy = &mut object_at(&mut spec, &["template", "spec"])["restartPolicy"];
        if policy.as_str().unwrap_or_default().is_empty() {
            *policy = "OnFailure".into();
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "generateName": prefix,
                "namespace": metadata.namespace(),
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "keda.sh/v1alpha1",
                    "kind": "ScaledJob",
                    "name": name,
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": spec,
        })
    }
}

/// The object at a path, made if it is not there.
fn object_at<'a>(mut value: &'a mut Value, path: &[&str]) -> &'a mut Value {
    for key in path {
        if !value.is_object() {
            *value = json!({});
        }
        value = &mut value[*key];
    }
    if !value.is_object() {
        *value = json!({});
    }
    value
}
