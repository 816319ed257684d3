//! `delete`.
//!
//! Upstream: kubectl's `pkg/cmd/delete/delete.go`.

use super::flags::{Flag, invalid};
use super::targets::{KindAlone, targets};
use super::{Cascade, Command, Delete, Line, ParseError, Targets};

pub(super) const DELETE: &[Flag] = &[
    Flag::value("grace-period"),
    Flag::switch("force"),
    Flag::switch("now"),
    Flag::optional("cascade", "background"),
    Flag::switch("wait"),
    Flag::switch("ignore-not-found"),
    Flag::value("timeout"),
    Flag::switch("interactive").short('i').refused(),
    Flag::value("raw").refused(),
];

pub(super) fn delete(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    let (force, now) = (args.switch("force")?, args.switch("now")?);
    let grace = args.last("grace-period");
    if let Some(word) = grace.filter(|_| now) {
        return Err(word.wrong("--now and --grace-period cannot be specified together"));
    }
    let seconds = args
        .integer("grace-period")?
        .filter(|seconds| *seconds >= 0);
    // `--now` is a grace period of 1.
    let long = grace
        .filter(|_| seconds > Some(0))
        .or(args.last("now").filter(|_| now));
    if let Some(word) = long.filter(|_| force) {
        return Err(
            word.wrong("--force and --grace-period greater than 0 cannot be specified together")
        );
    }
    let grace_period = match seconds {
        _ if now => Some(1),
        Some(0) if !force => Some(1),
        Some(seconds) => Some(i64::from(seconds)),
        None => force.then_some(0),
    };
    let cascade = match args.last("cascade").map(|word| (word, word.text.as_str())) {
        None | Some((_, "background" | "true")) => Cascade::Background,
        Some((_, "foreground")) => Cascade::Foreground,
        Some((_, "orphan" | "false")) => Cascade::Orphan,
        Some((word, _)) => {
            return Err(invalid(
                word,
                "cascade",
                "`background`, `foreground` or `orphan`",
            ));
        }
    };
    let selected = matches!(targets, Targets::Selected(_));
    Ok(Command::Delete(Delete {
        targets,
        grace_period,
        force,
        cascade,
        wait: args.switch_or("wait", !force)?,
        ignore_not_found: args.switch_or("ignore-not-found", selected)?,
        timeout: args.duration("timeout")?,
    }))
}
