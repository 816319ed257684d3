//! Parameters of a trigger, from its metadata, its authentication and the target's environment.
//!
//! Follows `pkg/scalers/scalersconfig/typed_config.go`: all faults of a trigger are collected, in
//! the order of the fields, before its own validation speaks.

use std::collections::BTreeMap;

use super::go::FromMetadata;
use super::triggers::ScaleTrigger;

/// Where a parameter may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    TriggerMetadata,
    ResolvedEnv,
    AuthParams,
}

/// What a TriggerAuthentication gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthParams {
    /// These parameters; empty without a reference.
    Known(BTreeMap<String, String>),
    /// The trigger refers to secrets that nobody can read here: whatever could come from them
    /// counts as given.
    Unknown,
}

impl Default for AuthParams {
    fn default() -> Self {
        Self::Known(BTreeMap::new())
    }
}

/// A trigger with its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct ScalerConfig<'a> {
    /// The ScaledObject's or ScaledJob's namespace.
    pub namespace: &'a str,
    /// The trigger.
    pub trigger: &'a ScaleTrigger,
    /// Its position in the object, from 0.
    pub index: usize,
    /// Whether a formula uses it, so that it needs no target of its own.
    pub as_metric_source: bool,
    /// The environment of the target's container.
    pub environment: &'a BTreeMap<String, String>,
    /// What its TriggerAuthentication gives.
    pub auth: &'a AuthParams,
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param<'a> {
    names: &'a [&'a str],
    order: &'a [Source],
    optional: bool,
    default: Option<&'a str>,
    choices: &'a [&'a str],
}

impl<'a> Param<'a> {
    /// A mandatory parameter of the trigger's metadata.
    pub(crate) const fn new(names: &'a [&'a str]) -> Self {
        Self {
            names,
            order: &[Source::TriggerMetadata],
            optional: false,
            default: None,
            choices: &[],
        }
    }

    pub(crate) const fn from(self, order: &'a [Source]) -> Self {
        Self { order, ..self }
    }

    pub(crate) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    pub(crate) const fn or(self, default: &'a str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    pub(crate) const fn one_of(self, choices: &'a [&'a str]) -> Self {
        Self { choices, ..self }
    }
}

/// Reads parameters and collects faults.
pub(crate) struct Params<'a> {
    config: ScalerConfig<'a>,
    faults: Vec<String>,
}

impl<'a> Params<'a> {
    pub(crate) const fn new(config: ScalerConfig<'a>) -> Self {
        Self {
            config,
            faults: Vec::new(),
        }
    }

    /// The text of the first place that has it.
    pub(crate) fn find(&self, param: Param) -> Option<&'a str> {
        let config = self.config;
        for source in param.order {
            for name in param.names {
                let found = match (source, config.auth) {
                    (Source::TriggerMetadata, _) => config.trigger.metadata.get(*name),
                    (Source::AuthParams, AuthParams::Known(auth)) => auth.get(*name),
                    (Source::AuthParams, AuthParams::Unknown) => None,
                    (Source::ResolvedEnv, _) => config
                        .trigger
                        .metadata
                        .get(&format!("{name}FromEnv"))
                        .and_then(|variable| config.environment.get(variable)),
                };
                if let Some(text) = found
                    .map(|text| text.trim())
                    .filter(|text| !text.is_empty())
                {
                    return Some(text);
                }
            }
        }
        None
    }

    /// Whether the parameter may stand in a secret that cannot be read.
    pub(crate) fn may_be_secret(&self, param: Param) -> bool {
        *self.config.auth == AuthParams::Unknown && param.order.contains(&Source::AuthParams)
    }

    /// The parameter's value; its type's empty value if it is missing or faulty.
    pub(crate) fn read<T: FromMetadata>(&mut self, param: Param) -> T {
        match self.value(param) {
            Ok(value) => value,
            Err(fault) => {
                self.faults.push(fault);
                T::default()
            }
        }
    }

    fn value<T: FromMetadata>(&self, param: Param) -> Result<T, String> {
        let name = param.names.join(",");
        let Some(text) = self.find(param).or(param.default) else {
            if param.optional || self.may_be_secret(param) {
                return Ok(T::default());
            }
            let order: Vec<&str> = param.order.iter().map(|source| source.name()).collect();
            return Err(format!(
                "missing required parameter {name:?} in [{}]",
                order.join(" ")
            ));
        };
        let allowed = |part: &str| param.choices.contains(&part.trim());
        if !param.choices.is_empty() && !text.split(',').all(allowed) {
            return Err(format!(
                "parameter {name:?} value {text:?} must be one of [{}]",
                param.choices.join(" ")
            ));
        }
        T::from_metadata(text)
            .map_err(|fault| format!("unable to set param {name:?} value {text:?}: {fault}"))
    }

    /// Adds a fault.
    pub(crate) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// All faults, with the one of the trigger's own validation.
    pub(crate) fn finish(mut self, validation: Result<(), String>) -> Result<(), String> {
        self.faults.extend(validation.err());
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(self.faults.join("\n"))
        }
    }
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::TriggerMetadata => "triggerMetadata",
            Self::ResolvedEnv => "resolvedEnv",
            Self::AuthParams => "authParams",
        }
    }
}
