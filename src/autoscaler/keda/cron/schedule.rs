//! A five-field cron schedule: robfig/cron's `parser.go` and `spec.go`.

use super::zone::{Civil, Zone};

/// Set beside a field's bits when it is `*` or `?`.
const STAR: u64 = 1 << 63;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When something happens: one bit for each minute, hour, day, month and weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// The zone written before the fields as `TZ=…`.
    zone: Option<Zone>,
}

/// A field's range and the names of its values, from the first one on.
struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads `minute hour day month weekday`.
    pub fn parse(spec: &str) -> Result<Self, String> {
        if spec.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let mut fields = spec;
        let mut zone = None;
        if let Some(rest) = spec
            .strip_prefix("TZ=")
            .or_else(|| spec.strip_prefix("CRON_TZ="))
        {
            let Some((name, rest)) = rest.split_once(' ') else {
                return Err(format!("no schedule after the time zone: {spec}"));
            };
            let found = Zone::load(name)
                .map_err(|error| format!("provided bad location {name}: {error}"))?;
            zone = (name != "Local").then_some(found);
            fields = rest.trim();
        }
        if fields.starts_with('@') {
            return Err(format!("parser does not accept descriptors: {fields}"));
        }
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "expected exactly 5 fields, found {}: [{}]",
                fields.len(),
                fields.join(" ")
            ));
        };
        let bounds = |min, max, names| Bounds { min, max, names };
        Ok(Self {
            minute: field(minute, &bounds(0, 59, &[]))?,
            hour: field(hour, &bounds(0, 23, &[]))?,
            day: field(day, &bounds(1, 31, &[]))?,
            month: field(month, &bounds(1, 12, &MONTHS))?,
            weekday: field(weekday, &bounds(0, 6, &WEEKDAYS))?,
            zone,
        })
    }

    /// The next occurrence strictly after `now`, both in seconds since 1970; none within five
    /// years is `None`. A time that a change of the clocks leaves out does not occur.
    pub fn next(&self, now: i64, default: &Zone) -> Option<i64> {
        let zone = self.zone.as_ref().unwrap_or(default);
        let mut at = now.saturating_add(1);
        let last_year = zone.civil(at).year + 5;
        // Whether the lower fields have been set to their beginnings.
        let mut rounded = false;
        'again: loop {
            let mut civil = zone.civil(at);
            if civil.year > last_year {
                return None;
            }
            while self.month & (1 << civil.month) == 0 {
                if !rounded {
                    rounded = true;
                    civil = zone.civil(zone.instant(civil.year, civil.month, 1, 0));
                }
                at = zone.instant(
                    civil.year,
                    civil.month + 1,
                    civil.day,
                    civil.second_of_day(),
                );
                civil = zone.civil(at);
                if civil.month == 1 {
                    continue 'again;
                }
            }
            while !self.day_matches(civil) {
                if !rounded {
                    rounded = true;
                    at = zone.instant(civil.year, civil.month, civil.day, 0);
                    civil = zone.civil(at);
                }
                at = zone.instant(
                    civil.year,
                    civil.month,
                    civil.day + 1,
                    civil.second_of_day(),
                );
                // A change of the clocks can move midnight.
                civil = zone.civil(at);
                match civil.hour {
                    0 => {}
                    hour if hour > 12 => at += (24 - hour) * 3600,
                    hour => at -= hour * 3600,
                }
                civil = zone.civil(at);
                if civil.day == 1 {
                    continue 'again;
                }
            }
            while self.hour & (1 << civil.hour) == 0 {
                if !rounded {
                    rounded = true;
                    at = zone.instant(civil.year, civil.month, civil.day, civil.hour * 3600);
                }
                at += 3600;
                civil = zone.civil(at);
                if civil.hour == 0 {
                    continue 'again;
                }
            }
            while self.minute & (1 << civil.minute) == 0 {
                if !rounded {
                    rounded = true;
                    at = at.div_euclid(60) * 60;
                }
                at += 60;
                civil = zone.civil(at);
                if civil.minute == 0 {
                    continue 'again;
                }
            }
            while civil.second != 0 {
                rounded = true;
                at += 1;
                civil = zone.civil(at);
                if civil.second == 0 {
                    continue 'again;
                }
            }
            return Some(at);
        }
    }

    /// Both day fields, or either of them if neither is a star.
    const fn day_matches(&self, civil: Civil) -> bool {
        let day = self.day & (1 << civil.day) != 0;
        let weekday = self.weekday & (1 << civil.weekday) != 0;
        if self.day & STAR != 0 || self.weekday & STAR != 0 {
            day && weekday
        } else {
            day || weekday
        }
    }
}

impl Civil {
    const fn second_of_day(self) -> i64 {
        self.hour * 3600 + self.minute * 60 + self.second
    }
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| range(part, bounds))
        .try_fold(0, |bits, part| Ok(bits | part?))
}

/// `n`, `n-m`, `*` or `?`, each perhaps with `/step`.
fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let mut star = 0;
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        star = STAR;
        (bounds.min, bounds.max)
    } else {
        let start = number_or_name(ends[0], bounds)?;
        match ends.as_slice() {
            [_] => (start, start),
            [_, end] => (start, number_or_name(end, bounds)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            // `n/step` runs to the end of the range.
            if ends.len() == 1 {
                end = bounds.max;
            }
            if step > 1 {
                star = 0;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    if start < bounds.min {
        let min = bounds.min;
        return Err(format!(
            "beginning of range ({start}) below minimum ({min}): {text}"
        ));
    }
    if end > bounds.max {
        let max = bounds.max;
        return Err(format!(
            "end of range ({end}) above maximum ({max}): {text}"
        ));
    }
    if start > end {
        return Err(format!(
            "beginning of range ({start}) beyond end of range ({end}): {text}"
        ));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let mut bits = star;
    let mut value = start;
    while value <= end {
        bits |= 1 << value;
        value = value.saturating_add(step);
    }
    Ok(bits)
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let lower = text.to_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(position) => Ok(position as u64 + bounds.min),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number: i64 = text.parse().map_err(|_| {
        format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")
    })?;
    u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(spec: &str, zone: &str, now: i64) -> Option<i64> {
        let zone = Zone::load(zone).expect("a zone");
        Schedule::parse(spec).expect("a schedule").next(now, &zone)
    }

    #[test]
    fn an_occurrence_is_strictly_later() {
        assert_eq!(next("* * * * *", "UTC", 0), Some(60));
        assert_eq!(next("* * * * *", "UTC", 59), Some(60));
        assert_eq!(next("0 0 1 jan ?", "UTC", 0), Some(365 * 86_400));
        assert_eq!(
            next("*/20 5-6 * * mon", "UTC", 0),
            Some(4 * 86_400 + 5 * 3600)
        );
        assert_eq!(next("0 0 31 2 *", "UTC", 0), None);
    }

    #[test]
    fn two_day_fields_are_either_or() {
        // 1970-01-01 is a Thursday.
        assert_eq!(next("0 0 15 * 5", "UTC", 0), Some(86_400));
        assert_eq!(next("0 0 15 * *", "UTC", 0), Some(14 * 86_400));
    }

    #[test]
    fn a_written_zone_wins() {
        let midnight = next("TZ=Asia/Kolkata 0 0 * * *", "UTC", 0);
        assert_eq!(midnight, Some(86_400 - 5 * 3600 - 1800));
    }

    #[test]
    fn a_time_in_the_gap_is_left_out() {
        // 2000-03-26 in Berlin has no 02:30.
        let before = 954_028_800; // 2000-03-26 00:00 UTC
        let expected = 954_028_800 + 86_400 + 1800; // the 27th, 02:30 CEST
        assert_eq!(next("30 2 * * *", "Europe/Berlin", before), Some(expected));
    }

    #[test]
    fn faults_have_the_parsers_words() {
        let fault = |spec: &str| Schedule::parse(spec).expect_err(spec);
        assert_eq!(fault(""), "empty spec string");
        assert_eq!(
            fault("* * *"),
            "expected exactly 5 fields, found 3: [* * *]"
        );
        assert_eq!(
            fault("60 * * * *"),
            "end of range (60) above maximum (59): 60"
        );
        assert_eq!(
            fault("* * 0 * *"),
            "beginning of range (0) below minimum (1): 0"
        );
        assert_eq!(
            fault("5-1 * * * *"),
            "beginning of range (5) beyond end of range (1): 5-1"
        );
        assert_eq!(
            fault("*/0 * * * *"),
            "step of range should be a positive number: */0"
        );
        assert_eq!(fault("1-2-3 * * * *"), "too many hyphens: 1-2-3");
        assert_eq!(fault("1/2/3 * * * *"), "too many slashes: 1/2/3");
        assert_eq!(
            fault("@daily"),
            "parser does not accept descriptors: @daily"
        );
        assert!(fault("x * * * *").starts_with("failed to parse int from x"));
        assert!(fault("TZ=Mars/Olympus * * * * *").contains("bad location Mars/Olympus"));
    }
}
