//! The scalers of a ScaledObject, built once and kept: `pkg/scaling/cache/scalers_cache.go`,
//! `scalers_builder.go`.

use std::collections::BTreeMap;

use super::super::events::{Event, SCALER_FAILED, SCALERS_STARTED};
use super::super::metric::{MetricSpec, MetricValue};
use super::super::scaled_job::ScaledJob;
use super::super::scaled_object::{Metadata, ScaledObject};
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

    /// The environment of the target's container.
    fn environment(&self) -> &BTreeMap<String, String>;

    /// What a trigger's authentication gives. Unless somebody knows better, nothing is known of
    /// a trigger that refers to one.
    fn auth(&self, trigger: &ScaleTrigger) -> AuthParams {
        match trigger.authentication_ref {
            Some(_) => AuthParams::Unknown,
            None => AuthParams::default(),
        }
    }
}

/// The part of a ScaledObject or ScaledJob that scalers are built of: upstream's `WithTriggers`.
#[derive(Clone, Copy)]
pub(crate) struct WithTriggers<'a> {
    metadata: &'a Metadata,
    triggers: &'a [ScaleTrigger],
    as_metric_source: bool,
}

impl<'a> From<&'a ScaledObject> for WithTriggers<'a> {
    fn from(object: &'a ScaledObject) -> Self {
        Self {
            metadata: &object.metadata,
            triggers: &object.spec.triggers,
            as_metric_source: object.modifiers().is_some(),
        }
    }
}

impl<'a> From<&'a ScaledJob> for WithTriggers<'a> {
    fn from(job: &'a ScaledJob) -> Self {
        Self {
            metadata: &job.metadata,
            triggers: &job.spec.triggers,
            as_metric_source: false,
        }
    }
}

/// Scalers that have been built.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Built {
    pub(crate) scalers: Vec<Scaler>,
    pub(crate) generation: i64,
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
            match build(object, index, sources) {
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
            generation: object.metadata.generation,
        })
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
        object: WithTriggers,
        index: usize,
        sources: &mut dyn Sources,
    ) -> Result<Vec<MetricSpec>, String> {
        let mut specs = specs_of(&self.scalers[index], sources);
        if specs.is_empty() {
            self.scalers[index] = build(object, index, sources)?;
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
        object: WithTriggers,
        index: usize,
        metric: &str,
        sources: &mut dyn Sources,
        unix_time: i64,
    ) -> Result<(Vec<MetricValue>, bool), String> {
        if let Ok(measured) = once(&mut self.scalers[index], metric, sources, unix_time) {
            return Ok(measured);
        }
        self.scalers[index] = build(object, index, sources)?;
        once(&mut self.scalers[index], metric, sources, unix_time)
    }
}

fn build(object: WithTriggers, index: usize, sources: &dyn Sources) -> Result<Scaler, String> {
    let trigger = &object.triggers[index];
    scalers::build(ScalerConfig {
        namespace: object.metadata.namespace(),
        trigger,
        index,
        as_metric_source: object.as_metric_source,
        environment: sources.environment(),
        auth: &sources.auth(trigger),
    })
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
