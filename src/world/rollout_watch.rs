//! `kubectl rollout status` while it waits: a line for each change of the object, until the
//! roll-out is over or the time is.
//!
//! Upstream: kubectl's `pkg/cmd/rollout/rollout_status.go`.

use std::collections::VecDeque;

use super::act::{Printed, Target};
use super::{Event, Simulation};
use crate::api::{Change, ObjectId, What};
use crate::controller::rollout_status::RolloutStatus;
use crate::record::EventRecord;
use crate::sim::{SimDuration, SimTime};

/// What a command asks for.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) struct Asked {
    /// `--revision`, 0 for any.
    pub(in crate::world) revision: i64,
    /// `--watch`.
    pub(in crate::world) watch: bool,
    /// `--timeout`; for ever without.
    pub(in crate::world) timeout: Option<SimDuration>,
}

/// A command that waits for a roll-out.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
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
    pub(in crate::world) fn watch_rollouts(
        &mut self,
        mut targets: VecDeque<Target>,
        asked: Asked,
        action: usize,
        printed: &mut Printed,
        now: SimTime,
    ) {
        while let Some(target) = targets.pop_front() {
            let Some(object) = self.target_object(&target) else {
                printed.error(target.not_found());
                continue;
            };
            match self.look_at_rollout(object, asked.revision, now) {
                Some(Ok(RolloutStatus { line, is_done })) => {
                    printed.out(line.as_str());
                    if is_done || !asked.watch {
                        continue;
                    }
                    let index = self.rollouts.len() as u32;
                    self.rollouts.push(Some(Waiting {
                        object,
                        asked,
                        action,
                        last: line,
                        rest: targets,
                    }));
                    self.rollouts_waiting += 1;
                    if let Some(timeout) = asked.timeout.filter(|timeout| timeout.0 > 0) {
                        let until = now + timeout;
                        self.queue.schedule(until, Event::RolloutTimeout(index));
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

    /// Looks again at the roll-outs that a change concerns.
    pub(super) fn look_at_rollouts(&mut self, change: Change, now: SimTime) {
        let owner = match change.object {
            ObjectId::Pod(id) if is_counted(change.what) => {
                self.store.pod(id).and_then(|pod| pod.meta.owner)
            }
            _ => None,
        };
        let of_set = |object| matches!(object, ObjectId::DaemonSet(_)) && owner == Some(object);
        for index in 0..self.rollouts.len() {
            let Some(waiting) = &self.rollouts[index] else {
                continue;
            };
            let (object, revision) = (waiting.object, waiting.asked.revision);
            if change.object != object && !of_set(object) {
                continue;
            }
            if change.object == object && change.what == What::Deleted {
                self.end_rollout(index, Some("error: object has been deleted"), now);
                continue;
            }
            match self.look_at_rollout(object, revision, now) {
                Some(Ok(RolloutStatus { line, is_done })) => {
                    let is_news = self.rollouts[index]
                        .as_ref()
                        .is_some_and(|waiting| waiting.last != line);
                    // The status of a DaemonSet is not written: its pods are counted, and that
                    // of others has changed.
                    if is_news || !matches!(object, ObjectId::DaemonSet(_)) {
                        self.print_rollout(index, line);
                    }
                    if is_done {
                        self.end_rollout(index, None, now);
                    }
                }
                Some(Err(error)) => {
                    self.end_rollout(index, Some(&format!("error: {error}")), now);
                }
                None => {}
            }
        }
    }

    /// The time of a command is over.
    pub(super) fn rollout_timed_out(&mut self, index: usize, now: SimTime) {
        if self.rollouts[index].is_some() {
            let error = "error: timed out waiting for the condition";
            self.end_rollout(index, Some(error), now);
        }
    }

    fn print_rollout(&mut self, index: usize, line: String) {
        if let Some(waiting) = &mut self.rollouts[index] {
            waiting.last.clone_from(&line);
            let actions = &mut self.recorder.recording.actions;
            if let Some(action) = actions.get_mut(waiting.action) {
                action.printed.push(line);
            }
        }
    }

    fn end_rollout(&mut self, index: usize, error: Option<&str>, now: SimTime) {
        if let Some(error) = error {
            self.print_rollout(index, error.to_owned());
        }
        let Some(waiting) = self.rollouts[index].take() else {
            return;
        };
        self.rollouts_waiting -= 1;
        let mut printed = Printed {
            lines: vec![waiting.last],
            failed: error.is_some(),
        };
        self.watch_rollouts(
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
