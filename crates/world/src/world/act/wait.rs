//! `kubectl wait`: whether an object is as a command asks for.
//!
//! Upstream: kubectl's `pkg/cmd/wait`.

use serde_json::Value;

use super::Printed;
use super::targets::Target;
use crate::api::ObjectId;
use crate::kubectl::command::{CommandLine, Wait, WaitFor};
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;
use crate::world::command_watch::Asked;

/// What a negative timeout stands for.
const WEEK: SimDuration = SimDuration::from_secs(7 * 24 * 3600);

impl Target {
    /// `jobs/migrate`.
    pub(in crate::world) fn resource_name(&self) -> String {
        format!("{}/{}", self.kind.plural, self.name)
    }

    /// `job.batch/migrate condition met`.
    pub(in crate::world) fn printed(&self, what: &str) -> String {
        let group = self.kind.group;
        let dot = if group.is_empty() { "" } else { "." };
        format!("{}{dot}{group}/{} {what}", self.kind.singular, self.name)
    }
}

impl Asked {
    /// Whether an object may be made while the command waits.
    pub(in crate::world) fn waits_for_creation(&self) -> bool {
        let Self::Conditions { conditions, .. } = self else {
            return false;
        };
        conditions.contains(&WaitFor::Create)
    }

    /// Whether it is what the command waits for that an object is gone.
    pub(in crate::world) fn takes_what_is_gone(&self) -> bool {
        let Self::Conditions { conditions, .. } = self else {
            return false;
        };
        conditions.contains(&WaitFor::Delete)
    }
}

impl Simulation<'_> {
    pub(super) fn wait(
        &mut self,
        command: &Wait,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        let asked = Asked::Conditions {
            conditions: command.conditions.clone(),
            timeout: if command.timeout < SimDuration::ZERO {
                WEEK
            } else {
                command.timeout
            },
        };
        let targets = self.targets(&command.targets, line, documents);
        if targets.is_empty() && !asked.takes_what_is_gone() {
            printed.error("error: no matching resources found");
            return;
        }
        let action = self.recorder.recording.actions.len();
        self.wait_for_targets(targets.into(), asked, action, printed, now);
    }

    /// Whether all conditions hold of an object; the error says what cannot be looked at.
    pub(in crate::world) fn conditions_met(
        &self,
        object: ObjectId,
        conditions: &[WaitFor],
    ) -> Result<bool, String> {
        let view = self.store.view(object, self.clock()).unwrap_or_default();
        for condition in conditions {
            let holds = match condition {
                WaitFor::Create => true,
                WaitFor::Delete => view.is_null(),
                WaitFor::Condition { name, status } => is_in(&view, name, status),
                WaitFor::JsonPath { .. } => {
                    return Err("--for=jsonpath is not simulated".to_owned());
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a condition of an object has this status (`ConditionalWait`).
fn is_in(object: &Value, name: &str, status: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let is = |value: &Value, wanted: &str| {
        let text = value.as_str();
        text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    };
    let mut named = conditions
        .into_iter()
        .flatten()
        .filter(|one| is(&one["type"], name));
    named.next().is_some_and(|one| is(&one["status"], status))
}
