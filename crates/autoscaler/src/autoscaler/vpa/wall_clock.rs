//! Which calendar time the simulation's start stands for.
//!
//! Decisions depend on it in one point: histograms count their half-lives from Go's zero
//! time, the year 1. Checkpoints and usage histories are written in calendar time too.

use crate::sim::{SimDuration, SimTime};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Seconds from 0001-01-01 to 1970-01-01, both at midnight UTC.
const YEAR_ONE_TO_UNIX: i64 = 62_135_596_800;
const SECONDS_PER_DAY: i64 = 86_400;

/// The calendar time of [`SimTime::ZERO`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_start: i64,
}

impl Default for WallClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self {
            unix_start: 1_767_225_600,
        }
    }
}

impl WallClock {
    /// The instant nearest to `time` that is a whole number of periods after the year 1
    /// began (`Time.Round`); halfway goes up.
    pub(in crate::autoscaler::vpa) fn round(self, time: SimTime, period: SimDuration) -> SimTime {
        if period.0 <= 0 {
            return time;
        }
        let start = i128::from(self.unix_start + YEAR_ONE_TO_UNIX) * i128::from(NANOS_PER_SECOND);
        let past = (i128::from(time.0) + start).rem_euclid(i128::from(period.0)) as i64;
        if past < period.0 - past {
            SimTime(time.0.saturating_sub(past))
        } else {
            SimTime(time.0.saturating_add(period.0 - past))
        }
    }

    /// A Unix time in seconds as an instant of the simulation; `None` if out of range.
    pub fn from_unix(self, seconds: f64) -> Option<SimTime> {
        let whole = seconds.floor();
        let nanos = ((seconds - whole) * 1e9).round() as i64;
        (whole as i64)
            .checked_sub(self.unix_start)?
            .checked_mul(NANOS_PER_SECOND)?
            .checked_add(nanos)
            .map(SimTime)
    }

    /// Prints an instant as the API server does, cut to seconds (`2026-01-01T00:00:00Z`).
    pub fn print(self, time: SimTime) -> String {
        let seconds = time.0.div_euclid(NANOS_PER_SECOND) + self.unix_start;
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Reads `2026-01-01T00:00:00Z`, with a fraction of seconds or an offset (`+01:00`) too.
    pub fn parse(self, text: &str) -> Option<SimTime> {
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            let digits = digits
                .bytes()
                .all(|c| c.is_ascii_digit())
                .then_some(digits)?;
            digits.parse().ok()
        };
        let mark = |at: usize, marks: &str| text.get(at..=at).is_some_and(|c| marks.contains(c));
        if !(mark(4, "-") && mark(7, "-") && mark(10, "Tt ") && mark(13, ":") && mark(16, ":")) {
            return None;
        }
        let days = days_since_unix(number(0..4)?, number(5..7)?, number(8..10)?)?;
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (nanos, zone) = fraction(text.get(19..)?)?;
        let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
        (seconds - self.unix_start)
            .checked_mul(NANOS_PER_SECOND)?
            .checked_add(nanos)
            .map(SimTime)
    }
}

/// The nanoseconds of a leading `.123` and the rest.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, zone) = rest.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let nanos = format!("{digits:0<9}").get(..9)?.parse().ok()?;
    Some((nanos, zone))
}

/// Seconds that a zone (`Z`, `+01:00`) is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    let ahead = zone.strip_prefix('+');
    let (hours, minutes) = ahead.or_else(|| zone.strip_prefix('-'))?.split_once(':')?;
    let number = |text: &str| text.parse::<u8>().ok().map(i64::from);
    let seconds = number(hours)? * 3600 + number(minutes)? * 60;
    Some(if ahead.is_some() { seconds } else { -seconds })
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; years counted from March, so
/// that the leap day comes last.
fn days_since_unix(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// Year, month and day from days since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + i64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_rounded_to_midnight() {
        let clock = WallClock::default();
        let day = SimDuration::from_secs(SECONDS_PER_DAY);
        for (hours, rounded) in [(0, 0), (11, 0), (12, 24), (13, 24), (-13, -24)] {
            let time = SimTime::from_secs(hours * 3600);
            assert_eq!(clock.round(time, day), SimTime::from_secs(rounded * 3600));
        }
    }

    #[test]
    fn periods_count_from_the_year_one() {
        // 63,902,822,400 s lie before 2026; 5,000 s divide them with a remainder of 2,400.
        let rounded = WallClock::default().round(SimTime::ZERO, SimDuration::from_secs(5000));
        assert_eq!(rounded, SimTime::from_secs(-2400));
    }

    #[test]
    fn calendar_times_are_read_with_fraction_and_zone() {
        let clock = WallClock::default();
        let reads = |text: &str| clock.parse(text).map(|time| time.0);
        assert_eq!(reads("2026-01-01T00:00:01.5Z"), Some(1_500_000_000));
        assert_eq!(reads("2026-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(reads("2025-12-31T23:00:00-01:00"), Some(0));
        for wrong in [
            "",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
        ] {
            assert_eq!(reads(wrong), None, "{wrong}");
        }
        assert_eq!(
            clock.print(SimTime::from_secs(59 * SECONDS_PER_DAY - 1)),
            "2026-02-28T23:59:59Z"
        );
        assert_eq!(
            clock.from_unix(1_767_225_600.25),
            Some(SimTime::from_millis(250))
        );
    }

    proptest! {
        #[test]
        fn printing_and_reading_undo_each_other(seconds in -4_000_000_000i64..4_000_000_000) {
            let (clock, time) = (WallClock::default(), SimTime::from_secs(seconds));
            prop_assert_eq!(clock.parse(&clock.print(time)), Some(time));
        }
    }
}
