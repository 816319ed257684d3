//! `kubectl wait`: whether an object is as a command asks for.
//!
//! Upstream: kubectl's `pkg/cmd/wait`.

use serde_json::Value;

use super::Printed;
use super::targets::Target;
use crate::api::ObjectId;
use crate::kubectl::command::{CommandLine, Targets, Wait, WaitFor};
use crate::kubectl::jsonpath::{JsonPath, shown};
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;
use crate::world::command_watch::{Asked, Looked, TIMED_OUT};

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
        let timeout = if command.timeout < SimDuration::ZERO {
            WEEK
        } else {
            command.timeout
        };
        let asked = Asked::Conditions {
            conditions: command.conditions.clone(),
            until: (timeout.0 > 0).then(|| now + timeout),
            listed: matches!(command.targets, Targets::Selected(_)),
        };
        let action = self.recorder.recording.actions.len();
        if command.conditions.contains(&WaitFor::Create)
            && self.all_there(line, documents).is_none()
        {
            if timeout.0 > 0 {
                self.wait_for_creation(line, documents, asked, action, now);
            } else {
                printed.error(TIMED_OUT);
            }
            return;
        }
        let targets = self.targets(&command.targets, line, documents);
        if targets.is_empty() && !asked.takes_what_is_gone() {
            printed.error("error: no matching resources found");
            return;
        }
        self.wait_for_targets(targets.into(), asked, action, printed, now);
    }

    /// The objects of a command, if all that it names are there, or some that it selects.
    pub(in crate::world) fn all_there(
        &self,
        line: &CommandLine,
        documents: &[Value],
    ) -> Option<Vec<Target>> {
        let targets = self.targets(line.command.targets()?, line, documents);
        let is_there = |target: &Target| self.live(target.key()).is_some();
        let found = !targets.is_empty() && targets.iter().all(is_there);
        found.then_some(targets)
    }

    /// The conditions of an object that hold, from the first that has not been met on; the error
    /// says what cannot be looked at.
    pub(in crate::world) fn look_at_conditions(
        &self,
        target: &Target,
        object: ObjectId,
        conditions: &[WaitFor],
        met: usize,
    ) -> Result<Looked, String> {
        let view = self.store.view(object, self.clock()).unwrap_or_default();
        let mut looked = Looked {
            met,
            ..Looked::default()
        };
        for condition in conditions.iter().skip(met) {
            let holds = match condition {
                WaitFor::Create => true,
                WaitFor::Delete => view.is_null(),
                WaitFor::Condition { name, status } => is_in(&view, name, status),
                WaitFor::JsonPath { path, value } => is_at(&view, path, value.as_deref())?,
            };
            if !holds {
                return Ok(looked);
            }
            looked.met += 1;
            looked.lines.push(target.printed("condition met"));
        }
        looked.is_done = true;
        Ok(looked)
    }
}

/// Whether a condition of an object has this status (`ConditionalWait`); not before what it says
/// is of the object's last change.
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
    let Some(condition) = named.next() else {
        return false;
    };
    let observed = condition["observedGeneration"].as_i64();
    let observed = observed.or_else(|| object["status"]["observedGeneration"].as_i64());
    let generation = object["metadata"]["generation"].as_i64();
    let is_old = observed
        .zip(generation)
        .is_some_and(|(seen, now)| seen < now);
    !is_old && is(&condition["status"], status)
}

/// Whether a path leads to this value, or to any (`JSONPathWait`).
fn is_at(object: &Value, path: &JsonPath, wanted: Option<&str>) -> Result<bool, String> {
    let found = path.find(object);
    let value = match found.as_slice() {
        [] => return Ok(false),
        [one] => match one.as_slice() {
            [] => return Ok(false),
            [value] => *value,
            _ => return Err("given jsonpath expression matches more than one value".to_owned()),
        },
        [first, ..] if first.is_empty() => return Ok(false),
        _ => return Err("given jsonpath expression matches more than one list".to_owned()),
    };
    match (wanted, value) {
        (None, _) => Ok(true),
        (Some(_), Value::Object(_) | Value::Array(_)) => {
            Err("jsonpath leads to a nested object or list which is not supported".to_owned())
        }
        (Some(wanted), Value::Null) => Ok(wanted.trim() == "<nil>"),
        (Some(wanted), value) => Ok(shown(value).trim() == wanted.trim()),
    }
}
