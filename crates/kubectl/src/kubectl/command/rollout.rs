//! `rollout restart`, `undo`, `pause`, `resume`, `status`, `history`.
//!
//! Upstream: kubectl's `pkg/cmd/rollout`.

use super::flags::{Flag, invalid};
use super::targets::{KindAlone, only, targets};
use super::{Command, Line, ParseError, Rollout, RolloutAction};

pub(super) const UNDO: &[Flag] = &[Flag::value("to-revision")];

pub(super) const STATUS: &[Flag] = &[
    Flag::switch("watch").short('w'),
    Flag::value("timeout"),
    Flag::value("revision"),
];

pub(super) const HISTORY: &[Flag] = &[Flag::value("revision")];

const ROLLED_OUT: &[&str] = &["Deployment", "DaemonSet", "StatefulSet"];

fn rollout(
    line: &Line,
    kinds: &[&str],
    what: &str,
    action: RolloutAction,
) -> Result<Command, ParseError> {
    let targets = targets(line, KindAlone::All)?;
    only(line, &targets, kinds, what)?;
    Ok(Command::Rollout(Rollout { targets, action }))
}

fn revision(line: &Line, name: &str) -> Result<Option<i64>, ParseError> {
    let revision = line.args.integer(name)?;
    if let (Some(word), Some(..0)) = (line.args.last(name), revision) {
        return Err(invalid(word, name, "a revision such as 3"));
    }
    Ok(revision.filter(|revision| *revision > 0).map(i64::from))
}

pub(super) fn restart(line: &Line) -> Result<Command, ParseError> {
    rollout(
        line,
        ROLLED_OUT,
        "cannot be restarted",
        RolloutAction::Restart,
    )
}

pub(super) fn undo(line: &Line) -> Result<Command, ParseError> {
    let to_revision = revision(line, "to-revision")?;
    let action = RolloutAction::Undo { to_revision };
    rollout(line, ROLLED_OUT, "has no roll-outs to undo", action)
}

pub(super) fn pause(line: &Line) -> Result<Command, ParseError> {
    rollout(
        line,
        &["Deployment"],
        "cannot be paused",
        RolloutAction::Pause,
    )
}

pub(super) fn resume(line: &Line) -> Result<Command, ParseError> {
    rollout(
        line,
        &["Deployment"],
        "cannot be resumed",
        RolloutAction::Resume,
    )
}

pub(super) fn status(line: &Line) -> Result<Command, ParseError> {
    let action = RolloutAction::Status {
        watch: line.args.switch_or("watch", true)?,
        timeout: line.args.duration("timeout")?,
        revision: revision(line, "revision")?,
    };
    rollout(line, ROLLED_OUT, "has no roll-outs", action)
}

pub(super) fn history(line: &Line) -> Result<Command, ParseError> {
    let revision = revision(line, "revision")?;
    let action = RolloutAction::History { revision };
    rollout(line, ROLLED_OUT, "has no roll-outs", action)
}
