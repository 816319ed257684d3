//! The scale handler: one ScaledObject's state, its polls and the metrics that its HPA fetches,
//! `pkg/scaling/scale_handler.go`.
//!
//! Upstream keeps the object in three places that drift apart: at the API server, in the scale
//! loop (read anew at each poll) and beside the cached scalers (read when they were built). A
//! patch of a status refreshes the copy that it was made from. Failure counters show the
//! difference, so all three are kept here.

mod metrics;
mod poll;
mod scalers_cache;

use std::collections::BTreeMap;

pub(crate) use scalers_cache::Built;
pub use scalers_cache::Sources;

use super::conditions::Conditions;
use super::events::Event;
use super::executor::{HpaHealth, Target};
use super::expr::Program;
use super::hpa::Hpa;
use super::metric::{MetricSpec, MetricValue};
use super::modifiers;
use super::scaled_object::ScaledObject;
use super::status::Status;
use crate::sim::{SimDuration, SimTime};

const DEFAULT_POLLING_INTERVAL_S: i64 = 30;

/// The object and its status, as one place knows them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Copy {
    object: ScaledObject,
    pub(super) status: Status,
}

/// Which copy stands beside the cached scalers.
#[derive(Debug, Clone, PartialEq)]
enum Holder {
    /// The scale loop's, because a poll built the scalers.
    Loop,
    /// Its own, made when something else built them.
    Own(Box<Copy>),
}

#[derive(Debug, Clone, PartialEq)]
struct ScalersCache {
    built: Built,
    formula: Option<Program>,
    holder: Holder,
}

impl ScalersCache {
    /// Builds every scaler, then compiles the formula.
    fn new(
        object: &ScaledObject,
        holder: Holder,
        sources: &dyn Sources,
        events: &mut Vec<Event>,
    ) -> Result<Self, String> {
        sources.target()?;
        Ok(Self {
            built: Built::new(object.into(), sources, events)?,
            formula: modifiers::compile(object)?,
            holder,
        })
    }
}

/// What a poll stored of a metric.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    fetched: Result<Vec<MetricValue>, String>,
}

/// What is around a ScaledObject at some instant.
pub struct Surroundings<'a> {
    /// The time.
    pub now: SimTime,
    /// The scale target.
    pub target: &'a Target,
    /// The triggers' sources.
    pub sources: &'a mut dyn Sources,
    /// The HPA's `ScalingActive`, if there is an HPA that has it.
    pub hpa_health: Option<HpaHealth>,
}

/// What a ScaledObject wants done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// HPAs to write or delete, in order.
    pub hpa: Vec<HpaChange>,
    /// Replicas to set on the target.
    pub set_replicas: Option<i32>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Whether a new scale loop starts: it polls at once, then at every polling interval.
    pub start_loop: bool,
    /// Whether the scale loop ends.
    pub stop_loop: bool,
    /// What upstream logs as an error.
    pub error: Option<String>,
}

/// A change of the generated HPA.
#[derive(Debug, Clone, PartialEq)]
pub enum HpaChange {
    /// Create it.
    Create(Hpa),
    /// Write it over the existing one.
    Update(Hpa),
    /// Delete the one of this name.
    Delete(String),
}

/// A ScaledObject under KEDA's care.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledObjectState {
    pub(super) object: ScaledObject,
    pub(super) status: Status,
    created: SimTime,
    /// Seconds from 1970 to the start of the run.
    epoch: i64,
    /// The HPA that exists under the name that KEDA looks for.
    pub(super) hpa: Option<Hpa>,
    /// The loop's copy, while it runs.
    polling: Option<Copy>,
    /// The generation for which the loop was started.
    pub(super) loop_generation: Option<i64>,
    cache: Option<ScalersCache>,
    records: BTreeMap<String, Record>,
}

impl ScaledObjectState {
    /// A new object, created at `created` in a run that starts `epoch` seconds after 1970.
    pub fn new(object: ScaledObject, created: SimTime, epoch: i64) -> Self {
        Self {
            object,
            status: Status::default(),
            created: created.truncate_to_second(),
            epoch,
            hpa: None,
            polling: None,
            loop_generation: None,
            cache: None,
            records: BTreeMap::new(),
        }
    }

    /// The object as the API server has it.
    pub const fn object(&self) -> &ScaledObject {
        &self.object
    }

    /// The status as the API server has it.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// The HPA that KEDA knows.
    pub const fn hpa(&self) -> Option<&Hpa> {
        self.hpa.as_ref()
    }

    /// Notes an HPA that somebody else made, changed or deleted under KEDA's name for it.
    pub fn set_found_hpa(&mut self, hpa: Option<Hpa>) {
        self.hpa = hpa;
    }

    /// Notes a changed object; a changed spec needs a higher generation. A reconcile follows.
    pub fn set_object(&mut self, object: ScaledObject) {
        self.object = object;
    }

    /// The operator has started anew: what it had only in memory is gone.
    pub fn restart(&mut self) {
        self.polling = None;
        self.loop_generation = None;
        self.cache = None;
        self.records.clear();
    }

    /// Whether a scale loop runs.
    pub const fn is_polling(&self) -> bool {
        self.polling.is_some()
    }

    /// Time between polls.
    pub fn polling_interval(&self) -> SimDuration {
        let seconds = self.object.spec.polling_interval;
        SimDuration::from_secs(seconds.map_or(DEFAULT_POLLING_INTERVAL_S, i64::from))
    }

    fn unix_time(&self, now: SimTime) -> i64 {
        self.epoch + now.0.div_euclid(1_000_000_000)
    }

    pub(super) fn copy(&self) -> Copy {
        Copy {
            object: self.object.clone(),
            status: self.status.clone(),
        }
    }

    /// Starts the loop anew; its first poll is due at once.
    pub(super) fn start_loop(&mut self) -> bool {
        let first = self.polling.is_none();
        if !first {
            // The loop before clears what was cached when it ends.
            self.records.clear();
            self.cache = None;
        }
        self.polling = Some(self.copy());
        self.loop_generation = Some(self.object.metadata.generation);
        first
    }

    /// Ends the loop; false if none ran.
    pub(super) fn stop_loop(&mut self) -> bool {
        self.loop_generation = None;
        if self.polling.take().is_none() {
            return false;
        }
        self.records.clear();
        self.cache = None;
        true
    }

    /// `GetScalersCache` of a reconcile: the metrics of all scalers, which are built if the spec
    /// has changed since they were.
    pub(super) fn metric_specs(
        &mut self,
        sources: &mut dyn Sources,
        events: &mut Vec<Event>,
    ) -> Result<Vec<MetricSpec>, String> {
        if !self.is_cached() {
            let holder = Holder::Own(Box::new(self.copy()));
            self.cache = Some(ScalersCache::new(&self.object, holder, sources, events)?);
        }
        let cache = self.cache.as_ref();
        Ok(cache.map_or_else(Vec::new, |cache| cache.built.metric_specs(sources)))
    }

    fn is_cached(&self) -> bool {
        let generation = self.object.metadata.generation;
        self.cache
            .as_ref()
            .is_some_and(|cache| cache.built.generation() == generation)
    }

    /// `updateStatus`: a merge patch with those fields of a copy's health and conditions that
    /// have changed, if any have. It reads the object back into the copy.
    pub(super) fn patch_status(&mut self, copy: &mut Copy, metric: &str, before: &Status) {
        if copy.status == *before {
            return;
        }
        if let Some(health) = copy.status.health.get(metric) {
            let before = before.health.get(metric);
            let at_server = self.status.health.entry(metric.to_owned()).or_default();
            if before.is_none_or(|before| before.failures != health.failures) {
                at_server.failures = health.failures;
            }
            if before.is_none_or(|before| before.failing != health.failing) {
                at_server.failing = health.failing;
            }
        }
        if before.conditions != copy.status.conditions {
            self.status.conditions.clone_from(&copy.status.conditions);
        }
        *copy = self.copy();
    }

    /// The conditions at the API server.
    pub fn conditions(&self) -> Conditions {
        self.status.known_conditions()
    }
}
