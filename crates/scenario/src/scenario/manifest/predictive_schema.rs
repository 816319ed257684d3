//! What the CustomResourceDefinition of a PredictiveHorizontalPodAutoscaler refuses.
//!
//! Upstream: the markers in PHPA's `api/v1alpha1/predictivehorizontalpodautoscaler_types.go`.

use serde_json::Value;

use super::{Context, hpa};
use crate::sim::SimDuration;

/// What the CustomResourceDefinition checks of a part of the object.
pub(super) struct Checked<'a, 'b> {
    pub(super) of: &'a Value,
    pub(super) path: String,
    pub(super) context: &'a mut Context<'b>,
    /// Whether nothing has been refused so far.
    pub(super) is_good: bool,
}

const TRENDS: &[&str] = &["add", "additive", "mul", "multiplicative"];

impl Checked<'_, '_> {
    /// The spec, without its models.
    pub(super) fn spec(&mut self) {
        self.at_least("minReplicas", 0, false);
        self.at_least("maxReplicas", 1, false);
        for key in [
            "cpuInitializationPeriod",
            "initialReadinessDelay",
            "tolerance",
        ] {
            self.at_least(key, 0, false);
        }
        self.at_least("syncPeriod", 1, false);
        self.one_of(
            "decisionType",
            &["maximum", "minimum", "mean", "median"],
            false,
        );
        self.there("models", true);
    }

    /// A model.
    pub(super) fn model(&mut self) {
        self.one_of("type", &["Linear", "HoltWinters"], true);
        self.there("name", true);
        self.duration("startInterval");
        self.duration("resetDuration");
        self.at_least("calculationTimeout", 1, false);
        self.at_least("perSyncPeriod", 1, false);
        self.within("linear", |of| {
            of.at_least("historySize", 1, true);
            of.at_least("lookAhead", 1, true);
        });
        self.within("holtWinters", |of| {
            for key in ["alpha", "beta", "gamma"] {
                of.at_least(key, 0, false);
            }
            of.one_of("trend", TRENDS, true);
            of.one_of("seasonal", TRENDS, true);
            of.at_least("seasonalPeriods", 1, true);
            of.at_least("storedSeasons", 1, true);
            let methods = ["estimated", "heuristic", "known", "legacy-heuristic"];
            of.one_of("initializationMethod", &methods, false);
            of.within("runtimeTuningFetchHook", Self::hook);
        });
    }

    fn hook(of: &mut Checked<'_, '_>) {
        of.one_of("type", &["http"], true);
        of.at_least("timeout", 1, true);
        if of.of.get("http").is_none_or(Value::is_null) && of.is_good {
            let words = "invalid model, runtimeTuningFetchHook is type 'http' but no HTTP hook configuration provided";
            of.context.error(&of.path, words, None);
            of.is_good = false;
        }
        of.within("http", |of| {
            let methods = [
                "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
            ];
            of.one_of("method", &methods, true);
            of.there("url", true);
            of.there("successCodes", true);
            of.one_of("parameterMode", &["query", "body"], true);
        });
    }

    /// A field that is there and not null.
    fn there(&mut self, key: &str, is_required: bool) -> Option<Value> {
        let found = self.of.get(key).filter(|value| !value.is_null()).cloned();
        if found.is_none() && is_required {
            self.refuse(key, "Required value".to_owned());
        }
        found
    }

    fn refuse(&mut self, key: &str, words: String) {
        let path = format!("{}.{key}", self.path);
        self.context.refuse(&path, words, None);
        self.is_good = false;
    }

    fn at_least(&mut self, key: &str, least: i64, is_required: bool) {
        let Some(value) = self.there(key, is_required) else {
            return;
        };
        if value.as_f64().is_some_and(|number| number < least as f64) {
            let path = &self.path;
            let words = format!(
                "Invalid value: {value}: {path}.{key} in body should be greater than or equal to {least}"
            );
            self.refuse(key, words);
        }
    }

    fn one_of(&mut self, key: &str, all: &[&str], is_required: bool) {
        let Some(value) = self.there(key, is_required) else {
            return;
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if !all.contains(&text.as_str()) {
            self.refuse(key, hpa::unsupported(&text, all));
        }
    }

    fn duration(&mut self, key: &str) {
        let Some(value) = self.there(key, false) else {
            return;
        };
        let problem = match value.as_str() {
            None => Some("it is a text such as \"60s\"".to_owned()),
            Some(text) => SimDuration::parse_go(text).err(),
        };
        if let Some(problem) = problem {
            self.refuse(key, format!("Invalid value: {value}: {problem}"));
        }
    }

    fn within(&mut self, key: &str, check: impl FnOnce(&mut Checked<'_, '_>)) {
        let Some(value) = self.there(key, false) else {
            return;
        };
        let mut inner = Checked {
            of: &value,
            path: format!("{}.{key}", self.path),
            context: self.context,
            is_good: true,
        };
        check(&mut inner);
        self.is_good &= inner.is_good;
    }
}
