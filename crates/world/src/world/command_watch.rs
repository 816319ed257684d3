//! `kubectl rollout status` and `kubectl wait` while they wait: a line for each change of the object, or
//! at the end, until it is as it should be or the time is over.
//!
//! Upstream: kubectl's `pkg/cmd/rollout/rollout_status.go`, `pkg/cmd/wait`.

use std::collections::VecDeque;

use serde_json::Value;

use super::act::{Printed, Target};
use super::{Event, Simulation};
use crate::api::{Change, ObjectId, What};
use crate::kubectl::command::{Attached, CommandLine, WaitFor};
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
    /// `run`, which stays with its pod.
    Attached(Attached),
    /// `wait`.
    Conditions {
        /// `--for`.
        conditions: Vec<WaitFor>,
        /// When its time is over; none for a command that looks once.
        until: Option<SimTime>,
        /// Whether its objects were listed: one that is gone by its turn has been there.
        listed: bool,
    },
}

impl Asked {
    /// When the time of an object that is looked at now is over.
    fn until(&self, now: SimTime) -> Option<SimTime> {
        match self {
            Self::Rollout { timeout, .. } => {
                let timeout = timeout.filter(|timeout| timeout.0 > 0);
                timeout.map(|timeout| now + timeout)
            }
            Self::Attached(_) => None,
            Self::Conditions { until, .. } => *until,
        }
    }

    /// Whether a command looks once.
    fn is_over(&self) -> bool {
        match self {
            Self::Rollout { watch, .. } => !watch,
            Self::Attached(_) => false,
            Self::Conditions { until, .. } => until.is_none(),
        }
    }

    /// Whether the time of a `wait` was over before an object had its turn.
    fn is_late(&self, now: SimTime) -> bool {
        matches!(self, Self::Conditions { until: Some(until), .. } if *until <= now)
    }
}

/// What a command has seen of an object.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Looked {
    /// What it prints of that.
    pub(in crate::world) lines: Vec<String>,
    /// Whether it is all that it waits for.
    pub(in crate::world) is_done: bool,
    /// How many of the conditions have been met, in their order.
    pub(in crate::world) met: usize,
}

/// A command that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    on: On,
    asked: Asked,
    /// Its place in the recording.
    action: usize,
    /// The line that was printed last.
    last: String,
}

/// On what a command waits.
#[derive(Debug, Clone)]
enum On {
    /// That what it is about is there: all objects that it names, or one that it selects.
    Creation(Box<(CommandLine, Vec<Value>)>),
    /// An object.
    Object {
        target: Target,
        /// None while it is gone: another may get its name.
        object: Option<ObjectId>,
        /// How many conditions it has met.
        met: usize,
        /// Other objects of the command: their turn comes when this one's is over.
        rest: VecDeque<Target>,
    },
}

impl Simulation<'_> {
    /// Waits until there is what a `wait` is about.
    pub(in crate::world) fn wait_for_creation(
        &mut self,
        line: &CommandLine,
        documents: &[Value],
        asked: Asked,
        action: usize,
        now: SimTime,
    ) {
        let on = On::Creation(Box::new((line.clone(), documents.to_vec())));
        self.begin_watch(on, asked, action, now);
    }

    fn begin_watch(&mut self, on: On, asked: Asked, action: usize, now: SimTime) {
        let index = self.watches.len() as u32;
        if let Some(until) = asked.until(now) {
            self.queue.schedule(until, Event::WatchTimeout(index));
        }
        let last = String::new();
        self.watches.push(Some(Waiting {
            on,
            asked,
            action,
            last,
        }));
        self.watching += 1;
    }

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
                if !asked.takes_what_is_gone() {
                    printed.error(target.not_found());
                } else if matches!(asked, Asked::Conditions { listed: true, .. }) {
                    printed.out(target.printed("condition met"));
                }
                continue;
            };
            if asked.is_late(now) {
                printed.error(timed_out_on(&target));
                continue;
            }
            match self.look(&target, object, &asked, (0, now)) {
                Some(Ok(Looked {
                    lines,
                    is_done,
                    met,
                })) => {
                    let last = lines.last().cloned().unwrap_or_default();
                    printed.lines.extend(lines);
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
                    let on = On::Object {
                        target,
                        object: Some(object),
                        met,
                        rest: targets,
                    };
                    self.begin_watch(on, asked, action, now);
                    if let Some(Some(waiting)) = self.watches.last_mut() {
                        waiting.last = last;
                    }
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

    /// What is to be said of an object of which some conditions have been met; nothing of one that
    /// has no roll-outs.
    fn look(
        &mut self,
        target: &Target,
        object: ObjectId,
        asked: &Asked,
        (met, now): (usize, SimTime),
    ) -> Option<Result<Looked, String>> {
        match asked {
            Asked::Rollout { revision, .. } => {
                let status = self.look_at_rollout(object, *revision, now)?;
                let looked = status.map(|status| Looked {
                    lines: Some(status.line)
                        .filter(|line| !line.is_empty())
                        .into_iter()
                        .collect(),
                    is_done: status.is_done,
                    met,
                });
                Some(looked.map_err(|error| error.to_string()))
            }
            Asked::Attached(attached) => Some(Ok(self.look_at_attached(target, *attached, now))),
            Asked::Conditions { conditions, .. } => {
                Some(self.look_at_conditions(target, object, conditions, met))
            }
        }
    }

    /// Looks again at the objects that a change concerns.
    pub(super) fn look_again(&mut self, change: Change, now: SimTime) {
        let owner = match change.object {
            ObjectId::Pod(id) => self.store.pod(id).and_then(|pod| pod.meta.owner),
            _ => None,
        };
        for index in 0..self.watches.len() {
            let Some(waiting) = &self.watches[index] else {
                continue;
            };
            let On::Object { target, object, .. } = &waiting.on else {
                if change.what == What::Created {
                    self.look_for_created(index, now);
                }
                continue;
            };
            let Some(object) = *object else {
                if change.what == What::Created && self.target_object(target) == Some(change.object)
                {
                    self.look_at_watched(index, change.object, now);
                }
                continue;
            };
            if change.object == object && change.what == What::Deleted {
                self.watched_is_gone(index, now);
            } else if change.object == object || waiting.asked.counts(object, owner, change.what) {
                self.look_at_watched(index, object, now);
            }
        }
    }

    /// Something was made: perhaps what a command waits for.
    fn look_for_created(&mut self, index: usize, now: SimTime) {
        let Some(Waiting {
            on: On::Creation(wanted),
            ..
        }) = &self.watches[index]
        else {
            return;
        };
        let Some(targets) = self.all_there(&wanted.0, &wanted.1) else {
            return;
        };
        let Some(waiting) = self.watches[index].take() else {
            return;
        };
        self.watching -= 1;
        self.go_on_watching(waiting, targets.into(), false, now);
    }

    fn look_at_watched(&mut self, index: usize, object: ObjectId, now: SimTime) {
        let Some(waiting) = &self.watches[index] else {
            return;
        };
        let On::Object { target, met, .. } = &waiting.on else {
            return;
        };
        let (target, met, asked) = (target.clone(), *met, waiting.asked.clone());
        match self.look(&target, object, &asked, (met, now)) {
            Some(Ok(looked)) => {
                if let Some(Waiting {
                    on:
                        On::Object {
                            object: of, met, ..
                        },
                    last,
                    ..
                }) = &mut self.watches[index]
                {
                    (*of, *met) = (Some(object), looked.met);
                    // The status of a DaemonSet is not written: its pods are counted, and that
                    // of others has changed.
                    let is_news = looked.lines.last().is_some_and(|line| line != last);
                    let is_told = is_news || !matches!(object, ObjectId::DaemonSet(_));
                    for line in looked.lines.into_iter().filter(|_| is_told) {
                        self.print_watch(index, line);
                    }
                }
                if looked.is_done {
                    self.end_watch(index, None, now);
                }
            }
            Some(Err(error)) => {
                self.end_watch(index, Some(&format!("error: {error}")), now);
            }
            None => {}
        }
    }

    /// An object that a command waits for is deleted.
    fn watched_is_gone(&mut self, index: usize, now: SimTime) {
        let Some(waiting) = &mut self.watches[index] else {
            return;
        };
        let On::Object { target, object, .. } = &mut waiting.on else {
            return;
        };
        if waiting.asked.takes_what_is_gone() {
            let line = target.printed("condition met");
            self.print_watch(index, line);
            self.end_watch(index, None, now);
        } else if let Asked::Attached(_) = waiting.asked {
            self.end_watch(index, None, now);
        } else if let Asked::Rollout { .. } = waiting.asked {
            self.end_watch(index, Some("error: object has been deleted"), now);
        } else {
            *object = None;
        }
    }

    /// The time of a command is over.
    pub(super) fn watch_timed_out(&mut self, index: usize, now: SimTime) {
        let Some(waiting) = &self.watches[index] else {
            return;
        };
        let error = match (&waiting.on, &waiting.asked) {
            (On::Object { target, .. }, Asked::Conditions { .. }) => timed_out_on(target),
            _ => TIMED_OUT.to_owned(),
        };
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
        let Some(mut waiting) = self.watches[index].take() else {
            return;
        };
        self.watching -= 1;
        let rest = match &mut waiting.on {
            On::Creation(_) => VecDeque::new(),
            On::Object { rest, .. } => std::mem::take(rest),
        };
        self.go_on_watching(waiting, rest, error.is_some(), now);
    }

    /// A command goes on with other objects.
    fn go_on_watching(
        &mut self,
        waiting: Waiting,
        targets: VecDeque<Target>,
        failed: bool,
        now: SimTime,
    ) {
        let mut printed = Printed {
            lines: vec![waiting.last],
            failed,
            ..Printed::default()
        };
        self.wait_for_targets(targets, waiting.asked, waiting.action, &mut printed, now);
        let actions = &mut self.recorder.recording.actions;
        let Some(action) = actions.get_mut(waiting.action) else {
            return;
        };
        action.failed |= printed.failed;
        action.printed.extend_from_slice(&printed.lines[1..]);
        let told = printed.lines.iter().filter(|line| !line.is_empty());
        let told: Vec<&str> = told.map(String::as_str).collect();
        let message = format!("{} → {}", action.command, told.join("; "));
        self.tell_of_command(message, printed.failed, now);
    }
}

pub(in crate::world) const TIMED_OUT: &str = "error: timed out waiting for the condition";

fn timed_out_on(target: &Target) -> String {
    format!("{TIMED_OUT} on {}", target.resource_name())
}

impl Asked {
    /// Whether what is asked of an object follows from a change of a pod, which the object's status
    /// counts without being written.
    fn counts(&self, object: ObjectId, owner: Option<ObjectId>, what: What) -> bool {
        match self {
            Self::Rollout { .. } => {
                matches!(object, ObjectId::DaemonSet(_))
                    && owner == Some(object)
                    && is_counted(what)
            }
            Self::Attached(_) => false,
            Self::Conditions { .. } => {
                owner == Some(object)
                    || owner.is_some() && matches!(object, ObjectId::PodDisruptionBudget(_))
            }
        }
    }
}

/// Whether the status of a DaemonSet may count its pods otherwise after such a change of one.
fn is_counted(what: What) -> bool {
    matches!(
        what,
        What::Created | What::Ready | What::Deleting | What::Ended | What::Deleted
    )
}
