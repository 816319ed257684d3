//! `kubectl rollout status` and `kubectl wait` while they wait: a line for each change of the object, or
//! at the end, until it is as it should be or the time is over.
//!
//! Upstream: kubectl's `pkg/cmd/rollout/rollout_status.go`, `pkg/cmd/wait`.

use std::collections::VecDeque;

use super::act::{Printed, Target};
use super::{Event, Simulation};
use crate::api::{Change, ObjectId, What};
use crate::controller::rollout_status::RolloutStatus;
use crate::kubectl::command::WaitFor;
use crate::record::EventRecord;
use crate::sim::{SimDuration, SimTime};

/// What a command waits for.
#[derive(Debug, Clone)]
pub(in crate::world) enum Asked {
    /// `rollout status`.
    Rollout {
        /// `--revision`, 0 for any.
        revision: i64,
        /// `--watch`.
        watch: bool,
        /// `--timeout`; for ever without.
        timeout: Option<SimDuration>,
    },
    /// `wait`.
    Conditions {
        /// `--for`.
        conditions: Vec<WaitFor>,
        /// `--timeout`: of each object.
        timeout: SimDuration,
    },
}

impl Asked {
    fn timeout(&self) -> Option<SimDuration> {
        match self {
            Self::Rollout { timeout, .. } => timeout.filter(|timeout| timeout.0 > 0),
            Self::Conditions { timeout, .. } => Some(*timeout),
        }
    }

    /// Whether a command looks once.
    fn is_over(&self) -> bool {
        match self {
            Self::Rollout { watch, .. } => !watch,
            Self::Conditions { timeout, .. } => timeout.0 == 0,
        }
    }
}

/// A command that waits for an object.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    target: Target,
    object: ObjectId,
    asked: Asked,
    /// Its place in the recording.
    action: usize,
    /// The line that was printed last.
    last: String,
    /// Other objects of the command: their turn comes when this one's is over.
    rest: VecDeque<Target>,
}

impl Simulation<'_> {
    /// Looks at one object after the other for the first time, until one is to be waited for.
    pub(in crate::world) fn wait_for_targets(
        &mut self,
        mut targets: VecDeque<Target>,
        asked: Asked,
        action: usize,
        printed: &mut Printed,
        now: SimTime,
    ) {
        while let Some(target) = targets.pop_front() {
            let Some(object) = self.target_object(&target) else {
                if asked.waits_for_creation() {
                    printed.error("error: waiting for what is not there yet is not simulated");
                } else if !asked.takes_what_is_gone() {
                    printed.error(target.not_found());
                }
                continue;
            };
            match self.look(&target, object, &asked, now) {
                Some(Ok(RolloutStatus { line, is_done })) => {
                    if !line.is_empty() {
                        printed.out(line.as_str());
                    }
                    if is_done {
                        continue;
                    }
                    if asked.is_over() {
                        if let Asked::Conditions { .. } = asked {
                            let name = target.resource_name();
                            printed.error(format!("error: condition not met for {name}"));
                        }
                        continue;
                    }
                    let index = self.watches.len() as u32;
                    if let Some(timeout) = asked.timeout() {
                        let until = now + timeout;
                        self.queue.schedule(until, Event::WatchTimeout(index));
                    }
                    self.watches.push(Some(Waiting {
                        target,
                        object,
                        asked,
                        action,
                        last: line,
                        rest: targets,
                    }));
                    self.watching += 1;
                    return;
                }
                Some(Err(error)) => printed.error(format!("error: {error}")),
                None => printed.error(format!(
                    "error: no status viewer has been implemented for {}",
                    target.kind.group_kind()
                )),
            }
        }
    }

    /// What is to be said of an object; nothing of one that has no roll-outs.
    fn look(
        &mut self,
        target: &Target,
        object: ObjectId,
        asked: &Asked,
        now: SimTime,
    ) -> Option<Result<RolloutStatus, String>> {
        match asked {
            Asked::Rollout { revision, .. } => {
                let status = self.look_at_rollout(object, *revision, now)?;
                Some(status.map_err(|error| error.to_string()))
            }
            Asked::Conditions { conditions, .. } => {
                Some(self.conditions_met(object, conditions).map(|is_done| {
                    let line = if is_done {
                        target.printed("condition met")
                    } else {
                        String::new()
                    };
                    RolloutStatus { line, is_done }
                }))
            }
        }
    }

    /// Looks again at the objects that a change concerns.
    pub(super) fn look_again(&mut self, change: Change, now: SimTime) {
        let owner = match change.object {
            ObjectId::Pod(id) if is_counted(change.what) => {
                self.store.pod(id).and_then(|pod| pod.meta.owner)
            }
            _ => None,
        };
        let of_set = |object| matches!(object, ObjectId::DaemonSet(_)) && owner == Some(object);
        for index in 0..self.watches.len() {
            let Some(waiting) = &self.watches[index] else {
                continue;
            };
            let object = waiting.object;
            if change.object != object && !of_set(object) {
                continue;
            }
            if change.object == object && change.what == What::Deleted {
                self.watched_is_gone(index, now);
                continue;
            }
            let (target, asked) = (waiting.target.clone(), waiting.asked.clone());
            match self.look(&target, object, &asked, now) {
                Some(Ok(RolloutStatus { line, is_done })) => {
                    let is_news = self.watches[index]
                        .as_ref()
                        .is_some_and(|waiting| waiting.last != line);
                    // The status of a DaemonSet is not written: its pods are counted, and that
                    // of others has changed.
                    let is_told = is_news || !matches!(object, ObjectId::DaemonSet(_));
                    if is_told && !line.is_empty() {
                        self.print_watch(index, line);
                    }
                    if is_done {
                        self.end_watch(index, None, now);
                    }
                }
                Some(Err(error)) => {
                    self.end_watch(index, Some(&format!("error: {error}")), now);
                }
                None => {}
            }
        }
    }

    /// An object that a command waits for is deleted.
    fn watched_is_gone(&mut self, index: usize, now: SimTime) {
        let Some(waiting) = &self.watches[index] else {
            return;
        };
        if waiting.asked.takes_what_is_gone() {
            let line = waiting.target.printed("condition met");
            self.print_watch(index, line);
            self.end_watch(index, None, now);
        } else if let Asked::Rollout { .. } = waiting.asked {
            self.end_watch(index, Some("error: object has been deleted"), now);
        }
    }

    /// The time of a command is over.
    pub(super) fn watch_timed_out(&mut self, index: usize, now: SimTime) {
        let Some(waiting) = &self.watches[index] else {
            return;
        };
        let mut error = "error: timed out waiting for the condition".to_owned();
        if let Asked::Conditions { .. } = waiting.asked {
            error.push_str(" on ");
            error.push_str(&waiting.target.resource_name());
        }
        self.end_watch(index, Some(&error), now);
    }

    fn print_watch(&mut self, index: usize, line: String) {
        if let Some(waiting) = &mut self.watches[index] {
            waiting.last.clone_from(&line);
            let actions = &mut self.recorder.recording.actions;
            if let Some(action) = actions.get_mut(waiting.action) {
                action.printed.push(line);
            }
        }
    }

    fn end_watch(&mut self, index: usize, error: Option<&str>, now: SimTime) {
        if let Some(error) = error {
            self.print_watch(index, error.to_owned());
        }
        let Some(waiting) = self.watches[index].take() else {
            return;
        };
        self.watching -= 1;
        let mut printed = Printed {
            lines: vec![waiting.last],
            failed: error.is_some(),
        };
        self.wait_for_targets(
            waiting.rest,
            waiting.asked,
            waiting.action,
            &mut printed,
            now,
        );
        let actions = &mut self.recorder.recording.actions;
        let Some(action) = actions.get_mut(waiting.action) else {
            return;
        };
        action.failed |= printed.failed;
        action.printed.extend_from_slice(&printed.lines[1..]);
        let message = format!("{} → {}", action.command, printed.lines.join("; "));
        self.recorder.event(|| EventRecord {
            time: now,
            kind: if printed.failed { "Warning" } else { "Normal" },
            reason: "Command".to_owned(),
            namespace: "".into(),
            object: "kubectl".to_owned(),
            message,
            ..EventRecord::default()
        });
    }
}

/// Whether the status of a DaemonSet may count its pods otherwise after such a change of one.
fn is_counted(what: What) -> bool {
    matches!(
        what,
        What::Created | What::Ready | What::Deleting | What::Ended | What::Deleted
    )
}
