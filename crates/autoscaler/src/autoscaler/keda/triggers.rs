//! Triggers of ScaledObjects and ScaledJobs: `scaletriggers_types.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A trigger as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleTrigger {
    /// Which scaler.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name in formulas and messages; may be empty.
    pub name: String,
    /// Whether the HPA gets the value of the last poll.
    pub use_cached_metrics: bool,
    /// The scaler's parameters.
    pub metadata: BTreeMap<String, String>,
    /// Where secrets come from.
    pub authentication_ref: Option<AuthenticationRef>,
    /// `AverageValue` (also if empty), `Value` or, for cpu and memory, `Utilization`.
    pub metric_type: String,
}

/// A reference to a TriggerAuthentication.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthenticationRef {
    /// Its name.
    pub name: String,
    /// `TriggerAuthentication` (also if empty) or `ClusterTriggerAuthentication`.
    pub kind: String,
}

impl ScaleTrigger {
    /// Whether some of its parameters come from where nobody can read them: an authentication, or
    /// a variable of the environment that `is_hidden`.
    pub fn is_secret(&self, is_hidden: impl Fn(&str) -> bool) -> bool {
        let from_environment =
            |(key, name): (&String, &String)| key.ends_with("FromEnv") && is_hidden(name);
        self.authentication_ref.is_some() || self.metadata.iter().any(from_environment)
    }

    /// Whether the HPA reads the pods' usage for it.
    pub fn is_cpu_or_memory(&self) -> bool {
        matches!(self.kind.as_str(), "cpu" | "memory")
    }
}

/// `ValidateTriggers`.
pub fn validate_triggers(triggers: &[ScaleTrigger]) -> Result<(), String> {
    if triggers.is_empty() {
        return Err("no triggers defined in the ScaledObject/ScaledJob".to_owned());
    }
    let mut names = BTreeSet::new();
    for trigger in triggers {
        let kind = &trigger.kind;
        if trigger.use_cached_metrics && matches!(kind.as_str(), "cpu" | "memory" | "cron") {
            return Err(format!(
                "property \"useCachedMetrics\" is not supported for {kind:?} scaler"
            ));
        }
        if !trigger.name.is_empty() && !names.insert(&trigger.name) {
            return Err(format!(
                "triggerName {:?} is defined multiple times in the ScaledObject/ScaledJob, but it \
                 must be unique",
                trigger.name
            ));
        }
    }
    Ok(())
}

/// The status fields `triggersTypes` and `authenticationsTypes`: each type and name once.
pub fn combined_types(triggers: &[ScaleTrigger]) -> (String, String) {
    let mut kinds: Vec<&str> = Vec::new();
    let mut authentications: Vec<&str> = Vec::new();
    for trigger in triggers {
        if !kinds.contains(&trigger.kind.as_str()) {
            kinds.push(&trigger.kind);
        }
        if let Some(reference) = &trigger.authentication_ref
            && !authentications.contains(&reference.name.as_str())
        {
            authentications.push(&reference.name);
        }
    }
    (kinds.join(","), authentications.join(","))
}
