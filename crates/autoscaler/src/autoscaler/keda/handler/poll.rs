//! A poll: all triggers are measured, then the executor decides. `checkScalers`,
//! `getScaledObjectState`.

use std::collections::BTreeMap;

use super::super::conditions::{ConditionStatus, ConditionType};
use super::super::events::{
    Event, FALLBACK_ACTIVATED, FALLBACK_DEACTIVATED, METRIC_SOURCE_FAILED, SCALER_FAILED,
};
use super::super::executor::{Activity, ScaleResult, request_scale};
use super::super::fallback::with_fallback;
use super::super::metric::MetricValue;
use super::super::modifiers::{self, NamedMetric};
use super::super::triggers::ScaleTrigger;
use super::{Built, Copy, Decision, Holder, Record, ScaledObjectState, ScalersCache, Surroundings};

/// What all triggers come to.
#[derive(Default)]
struct Totals {
    active: bool,
    error: bool,
    active_triggers: Vec<String>,
    metrics: Vec<NamedMetric>,
    fallback: Option<Vec<MetricValue>>,
    records: BTreeMap<String, Record>,
}

impl ScaledObjectState {
    /// One poll of the scale loop. Nothing happens if the scalers cannot be built.
    pub fn poll(&mut self, around: &mut Surroundings) -> Decision {
        let mut decision = Decision::default();
        if self.polling.is_none() {
            return decision;
        }
        let mut copy = self.copy();
        let conditions = copy.status.known_conditions();
        let fell_back = conditions.status(ConditionType::Fallback) == ConditionStatus::True;
        let found = self.measure_all(&mut copy, around, &mut decision.events);
        let (totals, activity) = match found {
            Ok(found) => found,
            Err(error) => {
                self.polling = Some(copy);
                decision.error = Some(error);
                return decision;
            }
        };
        if totals.fallback.is_some() && !fell_back {
            let message = "ScaledObject fallback is active";
            decision
                .events
                .push(Event::normal(FALLBACK_ACTIVATED, message));
        } else if totals.fallback.is_none() && fell_back {
            let message = "ScaledObject fallback is no longer active";
            decision
                .events
                .push(Event::normal(FALLBACK_DEACTIVATED, message));
        }
        let result = request_scale(
            &copy.object,
            &copy.status,
            self.created,
            around.target,
            around.hpa_health.as_ref(),
            &activity,
            around.now,
        );
        self.polling = Some(copy);
        self.apply(result, &mut decision);
        if !totals.records.is_empty() {
            self.records = totals.records;
        }
        decision
    }

    /// A push scaler tells that it is active, between polls. That it is no longer so waits for
    /// the next poll.
    pub fn push_activated(&mut self, trigger: usize, around: &Surroundings) -> Decision {
        let mut decision = Decision::default();
        let prefix = format!("s{trigger}-");
        let names = self.status.external_metric_names.iter();
        let Some(metric) = names
            .clone()
            .find(|name| name.starts_with(&prefix))
            .cloned()
        else {
            return decision;
        };
        if self.polling.is_none() {
            return decision;
        }
        let activity = Activity {
            active: true,
            error: false,
            active_triggers: vec![metric.clone()],
            pushed_metric: Some(metric),
        };
        let result = request_scale(
            &self.object,
            &self.status,
            self.created,
            around.target,
            around.hpa_health.as_ref(),
            &activity,
            around.now,
        );
        self.apply(result, &mut decision);
        decision
    }

    /// `handleResult`.
    fn apply(&mut self, result: ScaleResult, decision: &mut Decision) {
        self.status.conditions_mut().apply(&result.conditions);
        if result.last_active_time.is_some() {
            self.status.last_active_time = result.last_active_time;
        }
        self.status.triggers_activity = result.triggers_activity;
        decision.set_replicas = result.set_replicas;
        decision.events.extend(result.events);
        decision.error = result.error;
    }

    fn measure_all(
        &mut self,
        copy: &mut Copy,
        around: &mut Surroundings,
        events: &mut Vec<Event>,
    ) -> Result<(Totals, Activity), String> {
        if !self.is_cached() {
            let cache = ScalersCache::new(&copy.object, Holder::Loop, around.sources, events);
            let getting = |error| format!("error getting scalers cache {error}");
            self.cache = Some(cache.map_err(getting)?);
        }
        let Some(mut cache) = self.cache.take() else {
            return Err("error getting scalers cache".to_owned());
        };
        let mut totals = Totals::default();
        for index in 0..cache.built.scalers.len() {
            self.measure(&mut cache.built, copy, index, around, &mut totals, events);
        }
        let formula = cache.formula.clone();
        // After an error the scalers are built anew at the next call.
        if !totals.error {
            self.cache = Some(cache);
        }
        let mut activity = Activity {
            active: totals.active,
            error: totals.error,
            active_triggers: std::mem::take(&mut totals.active_triggers),
            pushed_metric: None,
        };
        if copy.object.modifiers().is_some() {
            activity.active_triggers.clear();
            if !totals.error {
                let metrics = std::mem::take(&mut totals.metrics);
                let fallback = totals.fallback.as_deref();
                let composite = modifiers::handle(
                    &copy.object,
                    &copy.status,
                    formula.as_ref(),
                    metrics,
                    fallback,
                )
                .unwrap_or_default();
                activity.active_triggers = modifiers::activity(&copy.object, &composite)?;
            }
            activity.active = !activity.active_triggers.is_empty();
        }
        let triggers = &copy.object.spec.triggers;
        if triggers.iter().all(ScaleTrigger::is_cpu_or_memory) && !totals.error {
            activity.active = true;
        }
        Ok((totals, activity))
    }

    /// `getScalerState` of one trigger.
    fn measure(
        &mut self,
        built: &mut Built,
        copy: &mut Copy,
        index: usize,
        around: &mut Surroundings,
        totals: &mut Totals,
        events: &mut Vec<Event>,
    ) {
        let trigger = built.trigger(index).clone();
        let specs = match built.metric_specs_of(index, around.sources) {
            Ok(specs) => specs,
            Err(error) => {
                totals.error = true;
                events.push(Event::warning(SCALER_FAILED, error));
                return;
            }
        };
        // The last metric without an error decides whether the trigger is active.
        let mut active = false;
        let mut names = Vec::new();
        let last = specs
            .iter()
            .filter_map(|spec| spec.external_name())
            .next_back();
        for spec in &specs {
            let Some(name) = spec.external_name() else {
                continue;
            };
            let unix_time = self.unix_time(around.now);
            let raw = built.fetch(index, name, around.sources, unix_time);
            let is_active = raw.as_ref().is_ok_and(|(_, active)| *active);
            let raw = raw.map(|(metrics, _)| metrics);
            let before = copy.status.clone();
            let fetched = with_fallback(&copy.object, &mut copy.status, around.target, spec, raw);
            self.patch_status(copy, name, &before);
            let is_active = is_active || fetched.fallback_active;
            if fetched.fallback_active {
                let fallback = totals.fallback.get_or_insert_default();
                fallback.extend(fetched.metrics.iter().cloned());
            }
            names.extend(fetched.metrics.iter().map(|metric| metric.name.clone()));
            // Of several metrics of a trigger, the formula gets the last one by its name.
            let in_formula = if Some(name) == last {
                trigger.name.as_str()
            } else {
                ""
            };
            let named = |metric: &MetricValue| (metric.clone(), in_formula.to_owned());
            totals.metrics.extend(fetched.metrics.iter().map(named));
            if let Some(error) = &fetched.error {
                totals.error = true;
                let reason = if copy.object.modifiers().is_some() {
                    METRIC_SOURCE_FAILED
                } else {
                    SCALER_FAILED
                };
                events.push(Event::warning(reason, error.clone()));
            } else {
                active = is_active;
            }
            if trigger.use_cached_metrics {
                let record = Record {
                    fetched: fetched.error.map_or(Ok(fetched.metrics), Err),
                };
                totals.records.insert(name.to_owned(), record);
            }
        }
        if active {
            totals.active = true;
            totals.active_triggers.extend(names);
        }
    }
}
