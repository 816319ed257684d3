//! Times as descriptions give them (Go's `time.RFC1123Z`).

use serde_json::Value;

use super::super::age::Timestamp;
use super::super::cells::text;
use crate::sim::cron::Civil;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time of an object; without one the beginning of the year 1.
pub(super) fn date_at(object: &Value, path: &[&str]) -> String {
    let time = text(object, path).map(str::parse);
    date(time.and_then(Result::ok))
}

/// `Mon, 05 Jan 2026 10:00:00 +0000`.
fn date(time: Option<Timestamp>) -> String {
    let Some(time) = time else {
        return "Mon, 01 Jan 0001 00:00:00 +0000".to_owned();
    };
    let date = Civil::of(time.0.div_euclid(1_000_000_000));
    let (weekday, month) = (
        WEEKDAYS[date.weekday() as usize],
        MONTHS[date.month as usize - 1],
    );
    format!(
        "{weekday}, {:02} {month} {:04} {:02}:{:02}:{:02} +0000",
        date.day, date.year, date.hour, date.minute, date.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_rfc_1123() {
        let time = "2026-01-05T10:00:00Z".parse().ok();
        assert_eq!(date(time), "Mon, 05 Jan 2026 10:00:00 +0000");
        assert_eq!(date(None), "Mon, 01 Jan 0001 00:00:00 +0000");
    }
}
