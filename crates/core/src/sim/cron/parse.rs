//! Texts to schedules, with robfig/cron's words for what is wrong.

use std::num::IntErrorKind;
use std::str::FromStr;

use super::{Fields, STAR, Schedule};
use crate::sim::{DurationError, SimDuration};

/// Why a text is not a schedule, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(String);

/// What a field may hold.
struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
    /// The value of the first name.
    first: u64,
}

const fn numbers(min: u64, max: u64) -> Bounds {
    Bounds {
        min,
        max,
        names: &[],
        first: 0,
    }
}

const MINUTES: Bounds = numbers(0, 59);
const HOURS: Bounds = numbers(0, 23);
const DAYS_OF_MONTH: Bounds = numbers(1, 31);
const MONTHS: Bounds = Bounds {
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    first: 1,
    ..numbers(1, 12)
};
const DAYS_OF_WEEK: Bounds = Bounds {
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ..numbers(0, 6)
};

/// The time zone before a schedule, if it names one (`TZ=Europe/Berlin 0 9 * * *`), and the rest.
pub fn split_zone(text: &str) -> (Option<&str>, &str) {
    let named = text
        .strip_prefix("TZ=")
        .or_else(|| text.strip_prefix("CRON_TZ="));
    match named.and_then(|rest| rest.split_once(' ')) {
        Some((zone, rest)) => (Some(zone), rest.trim()),
        None => (None, text),
    }
}

impl FromStr for Schedule {
    type Err = CronError;

    /// Reads a schedule without a zone.
    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.is_empty() {
            return Err(CronError("empty spec string".to_owned()));
        }
        if text.starts_with('@') {
            return descriptor(text);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            return Err(CronError(format!(
                "expected exactly 5 fields, found {}: [{}]",
                fields.len(),
                fields.join(" ")
            )));
        };
        Ok(Self::Fields(Fields {
            minute: field(minute, &MINUTES)?,
            hour: field(hour, &HOURS)?,
            day_of_month: field(day_of_month, &DAYS_OF_MONTH)?,
            month: field(month, &MONTHS)?,
            day_of_week: field(day_of_week, &DAYS_OF_WEEK)?,
        }))
    }
}

fn descriptor(text: &str) -> Result<Schedule, CronError> {
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(delay) = text.strip_prefix("@every ") else {
                return Err(CronError(format!("unrecognized descriptor: {text}")));
            };
            let second = SimDuration::from_secs(1);
            let parsed = SimDuration::parse_go(delay)
                .map_err(|why| CronError(format!("failed to parse duration {text}: {why}")))?
                .max(second);
            return Ok(Schedule::Every(parsed - parsed % second));
        }
    };
    fields.parse()
}

impl SimDuration {
    /// `time.ParseDuration`: a duration with Go's units and Go's words for what is wrong.
    pub fn parse_go(text: &str) -> Result<Self, String> {
        let unknown = |unit: &str| format!("time: unknown unit \"{unit}\" in duration \"{text}\"");
        match text.parse() {
            // Go has no days.
            Ok(_) if text.contains('d') => Err(unknown("d")),
            Ok(duration) => Ok(duration),
            Err(DurationError::UnknownUnit(unit)) if !text.starts_with(&unit) => {
                Err(unknown(&unit))
            }
            Err(DurationError::NoUnit(_)) => {
                Err(format!("time: missing unit in duration \"{text}\""))
            }
            Err(_) => Err(format!("time: invalid duration \"{text}\"")),
        }
    }
}

/// A list of ranges.
fn field(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| range(part, bounds))
        .try_fold(0, |set, part| Ok(set | part?))
}

/// `n`, `n-m`, `*`, each with or without a step.
fn range(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let (mut start, mut end, mut star) = (bounds.min, bounds.max, STAR);
    let mut parts = text.split('/');
    let values: Vec<&str> = parts.next().unwrap_or_default().split('-').collect();
    if !matches!(values[0], "*" | "?") {
        star = 0;
        start = value(values[0], bounds)?;
        end = match values[..] {
            [_] => start,
            [_, end] => value(end, bounds)?,
            _ => return Err(CronError(format!("too many hyphens: {text}"))),
        };
    }
    let mut step = 1;
    if let Some(written) = parts.next() {
        if parts.next().is_some() {
            return Err(CronError(format!("too many slashes: {text}")));
        }
        step = number(written)?;
        if values.len() == 1 {
            end = bounds.max;
        }
        if step > 1 {
            star = 0;
        }
    }
    let wrong = if start < bounds.min {
        format!(
            "beginning of range ({start}) below minimum ({})",
            bounds.min
        )
    } else if end > bounds.max {
        format!("end of range ({end}) above maximum ({})", bounds.max)
    } else if start > end {
        format!("beginning of range ({start}) beyond end of range ({end})")
    } else if step == 0 {
        "step of range should be a positive number".to_owned()
    } else {
        let values = (start..=end).step_by(step as usize);
        return Ok(values.fold(star, |set, value| set | 1 << value));
    };
    Err(CronError(format!("{wrong}: {text}")))
}

fn value(text: &str, bounds: &Bounds) -> Result<u64, CronError> {
    let lower = text.to_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(place) => Ok(bounds.first + place as u64),
        None => number(text),
    }
}

/// A number as Go's `strconv.Atoi` reads it.
fn number(text: &str) -> Result<u64, CronError> {
    let parsed: i64 = text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        CronError(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": {why}"
        ))
    })?;
    u64::try_from(parsed)
        .map_err(|_| CronError(format!("negative number ({parsed}) not allowed: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        match text.parse() {
            Ok(Schedule::Fields(fields)) => fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_are_lists_of_ranges_with_steps() {
        let set = |values: &[u64]| values.iter().fold(0, |set, value| set | 1 << value);
        let read = fields("5,10-12,50/4 */6 ? JAN,mar-may mon-Fri");
        assert_eq!(read.minute, set(&[5, 10, 11, 12, 50, 54, 58]));
        assert_eq!(read.hour, set(&[0, 6, 12, 18]));
        assert_eq!(read.day_of_month, ((1u64 << 32) - 2) | STAR);
        assert_eq!(read.month, set(&[1, 3, 4, 5]));
        assert_eq!(read.day_of_week, set(&[1, 2, 3, 4, 5]));
        assert_eq!(fields("0 0 * * */1").day_of_week & STAR, STAR);
        assert_eq!(fields("10-30/10 0 * * 0").minute, set(&[10, 20, 30]));
    }

    #[test]
    fn wrong_schedules_are_told_in_upstreams_words() {
        for (text, message) in [
            ("", "empty spec string"),
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            (
                "9-5 * * * *",
                "beginning of range (9) beyond end of range (5): 9-5",
            ),
            (
                "*/0 * * * *",
                "step of range should be a positive number: */0",
            ),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            ("* * * * 7", "end of range (7) above maximum (6): 7"),
            (
                "x * * * *",
                "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            ("@never", "unrecognized descriptor: @never"),
            (
                "@every soon",
                "failed to parse duration @every soon: time: invalid duration \"soon\"",
            ),
            (
                "@every 1d",
                "failed to parse duration @every 1d: time: unknown unit \"d\" in duration \"1d\"",
            ),
        ] {
            let error = text.parse::<Schedule>().expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn delays_are_whole_seconds_and_at_least_one() {
        let every = |text: &str| match text.parse() {
            Ok(Schedule::Every(delay)) => delay,
            other => panic!("{other:?}"),
        };
        assert_eq!(every("@every 1h30m"), SimDuration::from_secs(5400));
        assert_eq!(every("@every 2500ms"), SimDuration::from_secs(2));
        assert_eq!(every("@every 10ms"), SimDuration::from_secs(1));
    }

    #[test]
    fn a_zone_stands_before_its_schedule() {
        assert_eq!(
            split_zone("TZ=Europe/Berlin 0 9 * * *"),
            (Some("Europe/Berlin"), "0 9 * * *")
        );
        assert_eq!(split_zone("CRON_TZ=UTC  @daily"), (Some("UTC"), "@daily"));
        assert_eq!(split_zone("0 9 * * *"), (None, "0 9 * * *"));
    }
}
