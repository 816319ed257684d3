//! Which start is due, and how many were missed before it (`mostRecentScheduleTime`,
//! `nextScheduleTimeDuration`).

use super::spec::CronJobSpec;
use super::sync::View;

const NANOS: i64 = 1_000_000_000;
/// More missed starts than this are worth a warning.
const MANY: i64 = 100;
/// A start is looked for so long after it is due: clocks differ (`nextScheduleDelta`).
const DELTA: i64 = NANOS / 10;

/// How many starts were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    None,
    Few,
    Many,
}

/// What [`most_recent`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recent {
    /// From when on starts count.
    earliest: i64,
    /// The last start that is due.
    pub(super) due: Option<i64>,
    pub(super) missed: Missed,
}

/// What is wrong with a schedule that is never due.
pub(super) const NEVER: &str = "time difference between two schedules is less than 1 second";

/// The last start that is due by now.
pub(super) fn most_recent(of: &View<'_>, with_deadline: bool) -> Result<Recent, &'static str> {
    let spec = of.spec;
    let now = of.now.div_euclid(NANOS);
    let mut earliest = of.status.last_schedule_time.unwrap_or(of.created);
    if let Some(deadline) = spec.starting_deadline.filter(|_| with_deadline) {
        earliest = earliest.max(now.saturating_sub(deadline));
    }
    let found = |due, missed| Recent {
        earliest,
        due,
        missed,
    };
    let first = spec.next(earliest).ok_or(NEVER)?;
    if now < first {
        return Ok(found(None, Missed::None));
    }
    let second = spec.next(first).ok_or(NEVER)?;
    if now < second {
        return Ok(found(Some(first), Missed::None));
    }
    let between = second - first;
    let count = (now - first) / between + 1;
    // One start further back, for schedules whose starts are unevenly far apart.
    let mut due = None;
    let mut next = spec.next(first + (count - 2) * between);
    while let Some(time) = next.filter(|time| *time <= now) {
        due = Some(time);
        next = spec.next(time);
    }
    let missed = if count > MANY {
        Missed::Many
    } else {
        Missed::Few
    };
    Ok(found(due, missed))
}

/// How long from now, in nanoseconds, until the controller looks at the CronJob again.
pub(super) fn until_next(of: &View<'_>) -> i64 {
    let now = of.now.div_euclid(NANOS);
    let from = match most_recent(of, false) {
        Ok(Recent { due: Some(due), .. }) => due,
        Ok(recent) if recent.missed == Missed::None => recent.earliest,
        _ => now,
    };
    let next = next_or_now(of.spec, from, now);
    (next * NANOS + DELTA - of.now).max(0)
}

fn next_or_now(spec: &CronJobSpec, from: i64, now: i64) -> i64 {
    spec.next(from).unwrap_or(now)
}
