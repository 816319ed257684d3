//! `kubectl rollout status` while it waits: a line for each change of the object, until the
//! roll-out is over or the time is.
//!
//! Upstream: kubectl's `pkg/cmd/rollout/rollout_status.go`.

use super::act::Printed;
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
    /// That of `--revision`, 0 for any.
    revision: i64,
    /// Its place in the recording.
    action: usize,
    /// The line that was printed last.
    last: String,
}

impl Simulation<'_> {
    /// Looks at a roll-out for the first time, and waits for its end if that is wanted.
    pub(super) fn watch_rollout(
        &mut self,
        (object, kind): (ObjectId, &str),
        asked: Asked,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let revision = asked.revision;
        match self.look_at_rollout(object, revision, now) {
            Some(Ok(RolloutStatus { line, is_done })) => {
                printed.out(line.as_str());
                if is_done || !asked.watch {
                    return;
                }
                let index = self.rollouts.len() as u32;
                self.rollouts.push(Some(Waiting {
                    object,
                    revision,
                    action: self.recorder.recording.actions.len(),
                    last: line,
                }));
                self.rollouts_waiting += 1;
                if let Some(timeout) = asked.timeout.filter(|timeout| timeout.0 > 0) {
                    let until = now + timeout;
                    self.queue.schedule(until, Event::RolloutTimeout(index));
                }
            }
            Some(Err(error)) => printed.error(format!("error: {error}")),
            None => printed.error(format!(
                "error: no status viewer has been implemented for {kind}"
            )),
        }
    }

    /// Looks again at the roll-outs that a change concerns.
    pub(super) fn look_at_rollouts(&mut self, change: Change, now: SimTime) {
        let owner = match change.object {
            ObjectId::Pod(id) => self.store.pod(id).and_then(|pod| pod.meta.owner),
            _ => None,
        };
        let of_set = |object| matches!(object, ObjectId::DaemonSet(_)) && owner == Some(object);
        for index in 0..self.rollouts.len() {
            let Some(waiting) = &self.rollouts[index] else {
                continue;
            };
            let (object, revision) = (waiting.object, waiting.revision);
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
                    // The status of a DaemonSet is not written: its pods are counted.
                    if is_news || change.object == object {
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
        let actions = &mut self.recorder.recording.actions;
        let Some(action) = actions.get_mut(waiting.action) else {
            return;
        };
        action.failed |= error.is_some();
        let message = format!("{} → {}", action.command, waiting.last);
        self.recorder.event(|| EventRecord {
            time: now,
            kind: if error.is_some() { "Warning" } else { "Normal" },
            reason: "Command".to_owned(),
            namespace: "".into(),
            object: "kubectl".to_owned(),
            message,
            ..EventRecord::default()
        });
    }
}
