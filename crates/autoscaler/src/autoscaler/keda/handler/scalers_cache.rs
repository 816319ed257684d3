//! The scalers of a ScaledObject, built once and kept: `pkg/scaling/cache/scalers_cache.go`,
//! `scalers_builder.go`.

use std::collections::BTreeMap;

use super::super::Hpa;
use super::super::events::{Event, SCALER_FAILED, SCALERS_STARTED};
use super::super::metric::{MetricSpec, MetricValue};
use super::super::scaled_job::ScaledJob;
use super::super::scaled_object::ScaledObject;
use super::super::scalers::{self, ExternalMetric, Reading, Scaler};
use super::super::triggers::ScaleTrigger;
use super::super::typed_config::{AuthParams, ScalerConfig};

/// What triggers look at.
pub trait Sources {
    /// What the source of a trigger answers now; `metric` has no prefix. Not asked for triggers
    /// that need no source.
    fn read(&mut self, trigger: usize, scaler: &Scaler, metric: &str) -> Result<Reading, String>;

    /// The metrics that an external scaler names; none if it does not answer.
    fn external_metrics(&mut self, trigger: usize) -> Vec<ExternalMetric>;

    /// The environment of the target's container, or why there is none.
    fn environment(&self) -> Result<&BTreeMap<String, String>, String>;

    /// Whether the target, whose pods the scalers are built for, is there.
    fn target(&self) -> Result<(), String> {
        Ok(())
    }

    /// What else happens when a scaler is built: some connect to their source. The error is the
    /// scaler's.
    fn open(&self, _trigger: usize, _scaler: &Scaler) -> Result<(), String> {
        Ok(())
    }

    /// What a trigger's authentication gives. Unless somebody knows better, nothing is known of
    /// a trigger that refers to one.
    fn auth(&self, trigger: &ScaleTrigger) -> AuthParams {
        match trigger.authentication_ref {
            Some(_) => AuthParams::Unknown,
            None => AuthParams::default(),
        }
    }

    /// Whether the API server takes an HPA that is created or, else, changed; the error is its
    /// answer.
    fn admit_hpa(&self, _: &Hpa, _: bool) -> Result<(), String> {
        Ok(())
    }
}

/// The part of a ScaledObject or ScaledJob that scalers are built of: upstream's `WithTriggers`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WithTriggers {
    generation: i64,
    namespace: String,
    triggers: Vec<ScaleTrigger>,
    as_metric_source: bool,
}

impl From<&ScaledObject> for WithTriggers {
    fn from(object: &ScaledObject) -> Self {
        Self {
            generation: object.metadata.generation,
            namespace: object.metadata.namespace().to_owned(),
            triggers: object.spec.triggers.clone(),
            as_metric_source: object.modifiers().is_some(),
        }
    }
}

impl From<&ScaledJob> for WithTriggers {
    fn from(job: &ScaledJob) -> Self {
        Self {
            generation: job.metadata.generation,
            namespace: job.metadata.namespace().to_owned(),
            triggers: job.spec.triggers.clone(),
            as_metric_source: false,
        }
    }
}

/// Scalers that have been built, with what they were built of: the object may have changed since,
/// and a scaler that is built anew is built of the same trigger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Built {
    pub(crate) scalers: Vec<Scaler>,
    object: WithTriggers,
}

impl Built {
    /// Builds every scaler.
    pub(crate) fn new(
        object: WithTriggers,
        sources: &dyn Sources,
        events: &mut Vec<Event>,
    ) -> Result<Self, String> {
        let mut built = Vec::new();
        for (index, trigger) in object.triggers.iter().enumerate() {
            match build(&object, index, sources) {
                Ok(scaler) => {
                    let message = format!("Scaler {} is built", trigger.kind);
                    events.push(Event::normal(SCALERS_STARTED, message));
                    built.push(scaler);
                }
                Err(error) => {
                    events.push(Event::warning(SCALER_FAILED, error.clone()));
                    return Err(error);
                }
            }
        }
        Ok(Self {
            scalers: built,
            object,
        })
    }

    /// The generation of the object when they were built.
    pub(crate) const fn generation(&self) -> i64 {
        self.object.generation
    }

    /// The trigger that a scaler was built of.
    pub(crate) fn trigger(&self, index: usize) -> &ScaleTrigger {
        &self.object.triggers[index]
    }

    /// The metrics of all scalers, in the triggers' order.
    pub(crate) fn metric_specs(&self, sources: &mut dyn Sources) -> Vec<MetricSpec> {
        let specs = |scaler| specs_of(scaler, sources);
        self.scalers.iter().flat_map(specs).collect()
    }

    /// The metrics of one scaler.
    pub(crate) fn metric_specs_at(
        &self,
        index: usize,
        sources: &mut dyn Sources,
    ) -> Vec<MetricSpec> {
        specs_of(&self.scalers[index], sources)
    }

    /// The metrics of one scaler. One that has none is built anew and asked again.
    pub(crate) fn metric_specs_of(
        &mut self,
        index: usize,
        sources: &mut dyn Sources,
    ) -> Result<Vec<MetricSpec>, String> {
        let mut specs = specs_of(&self.scalers[index], sources);
        if specs.is_empty() {
            self.scalers[index] = build(&self.object, index, sources)?;
            specs = specs_of(&self.scalers[index], sources);
            if specs.is_empty() {
                return Err("got empty metric spec".to_owned());
            }
        }
        Ok(specs)
    }

    /// `GetMetricsAndActivityForScaler`: a failing fetch is tried once more, with a new scaler.
    pub(crate) fn fetch(
        &mut self,
        index: usize,
        metric: &str,
        sources: &mut dyn Sources,
        unix_time: i64,
    ) -> Result<(Vec<MetricValue>, bool), String> {
        if let Ok(measured) = once(&mut self.scalers[index], metric, sources, unix_time) {
            return Ok(measured);
        }
        self.scalers[index] = build(&self.object, index, sources)?;
        once(&mut self.scalers[index], metric, sources, unix_time)
    }
}

fn build(object: &WithTriggers, index: usize, sources: &dyn Sources) -> Result<Scaler, String> {
    let trigger = &object.triggers[index];
    let environment = sources.environment();
    let environment =
        environment.map_err(|why| format!("error resolving secrets for ScaleTarget: {why}"))?;
    let scaler = scalers::build(ScalerConfig {
        namespace: &object.namespace,
        trigger,
        index,
        as_metric_source: object.as_metric_source,
        environment,
        auth: &sources.auth(trigger),
    })?;
    sources.open(index, &scaler)?;
    Ok(scaler)
}

fn specs_of(scaler: &Scaler, sources: &mut dyn Sources) -> Vec<MetricSpec> {
    let external = if scaler.is_external() {
        sources.external_metrics(scaler.index())
    } else {
        Vec::new()
    };
    scaler.metric_specs(&external)
}

fn once(
    scaler: &mut Scaler,
    metric: &str,
    sources: &mut dyn Sources,
    unix_time: i64,
) -> Result<(Vec<MetricValue>, bool), String> {
    let index = scaler.index();
    let bare = metric.strip_prefix(&format!("s{index}-")).unwrap_or(metric);
    let reading = if scaler.needs_reading() {
        sources.read(index, scaler, bare)?
    } else {
        Reading::None
    };
    scaler.measure(metric, &reading, unix_time)
}
