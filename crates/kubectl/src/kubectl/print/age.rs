//! Times as objects carry them, and ages as kubectl prints them.
//!
//! Upstream: apimachinery's `pkg/util/duration/duration.go`, `HumanDuration`.

use std::str::FromStr;

use crate::sim::SimDuration;

const NANOS: i64 = 1_000_000_000;

/// A moment: nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time passed since `earlier`.
    pub fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0 - earlier.0)
    }
}

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time in UTC such as 2026-11-26T12:00:00Z")]
pub struct NoTimestamp;

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    /// Reads RFC 3339 in UTC, with or without a fraction of a second.
    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        let text = text.strip_suffix('Z').ok_or(NoTimestamp)?;
        let (date, time) = text.split_once('T').ok_or(NoTimestamp)?;
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        let nanos = if fraction.is_empty() {
            0
        } else {
            let digits = fraction.get(..9).unwrap_or(fraction);
            let number: i64 = digits.parse().map_err(|_| NoTimestamp)?;
            number * 10i64.pow(9 - digits.len() as u32)
        };
        let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        seconds
            .checked_mul(NANOS)
            .and_then(|seconds| seconds.checked_add(nanos))
            .map(Self)
            .ok_or(NoTimestamp)
    }
}

fn numbers(text: &str, between: char) -> Result<[i64; 3], NoTimestamp> {
    let mut parts = text.split(between).map(|part| {
        let digits = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    });
    let mut next = || parts.next().flatten().ok_or(NoTimestamp);
    let found = [next()?, next()?, next()?];
    match parts.next() {
        None => Ok(found),
        Some(_) => Err(NoTimestamp),
    }
}

/// Days from 1970 to a date of the Gregorian calendar: years begin in March, so that the
/// leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// An age as kubectl prints it: `5s`, `2m1s`, `3h`, `2d4h`.
pub fn human_duration(age: SimDuration) -> String {
    let seconds = age.0 / NANOS;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    if seconds < 120 {
        return format!("{}s", seconds.max(0));
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    let with = |large: i64, unit: char, small: i64, part: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{part}"),
    };
    match (minutes, hours) {
        (..10, _) => with(minutes, 'm', seconds % 60, 's'),
        (..180, _) => format!("{minutes}m"),
        (_, ..8) => with(hours, 'h', minutes % 60, 'm'),
        (_, ..48) => format!("{hours}h"),
        (_, ..192) => with(days, 'd', hours % 24, 'h'),
        (_, ..17_520) => format!("{days}d"),
        (_, ..70_080) => with(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

/// The age of what happened at a time given as text (`translateTimestampSince`).
pub(super) fn age(now: Timestamp, time: Option<&str>) -> String {
    match time.map(str::parse) {
        Some(Ok(time)) => human_duration(now.since(time)),
        _ => "<unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let seconds = |text: &str| text.parse::<Timestamp>().map(|time| time.0 / NANOS);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(seconds("2000-02-29T23:59:59Z"), Ok(951_868_799));
        assert_eq!(seconds("2026-11-26T11:43:06Z"), Ok(1_795_693_386));
        assert_eq!(seconds("1969-12-31T23:59:59Z"), Ok(-1));
        let micro: Timestamp = "1970-01-01T00:00:01.000345Z".parse().expect("a time");
        assert_eq!(micro, Timestamp(1_000_345_000));
        for wrong in [
            "",
            "2026-11-26",
            "2026-11-26T12:00:00",
            "2026-11-26T12:00Z",
            "x-1-1T1:1:1Z",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }
}
