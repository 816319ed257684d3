//! Time zones by IANA name, from a database in the binary, and Go's calendar arithmetic in them.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
}

/// A moment on the calendar of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// 0 is Sunday.
    pub(super) weekday: i64,
}

const DAY: i64 = 86_400;

impl Zone {
    /// UTC.
    pub const UTC: Self = Self {
        zone: TimeZone::UTC,
    };

    /// `time.LoadLocation` on a machine whose own zone is UTC; names keep their capitals.
    pub fn load(name: &str) -> Result<Self, String> {
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::UTC);
        }
        let found = TimeZoneDatabase::bundled().get(name).ok();
        found
            .filter(|zone| zone.iana_name() == Some(name))
            .map(|zone| Self { zone })
            .ok_or_else(|| format!("unknown time zone {name}"))
    }

    /// Seconds that the zone is ahead of UTC at an instant.
    fn offset(&self, unix: i64) -> i64 {
        Timestamp::from_second(unix).map_or(0, |at| self.zone.to_offset(at).seconds().into())
    }

    /// The calendar's reading of an instant, in seconds since 1970.
    pub(super) fn civil(&self, unix: i64) -> Civil {
        let local = unix.saturating_add(self.offset(unix));
        let days = local.div_euclid(DAY);
        let second_of_day = local.rem_euclid(DAY);
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            weekday: (days + 4).rem_euclid(7),
        }
    }

    /// `time.Date`: the instant that the calendar reads so. Days beyond the month's end run
    /// over; of a time that exists twice or never, one of the two readings, as Go chooses.
    pub(super) fn instant(&self, year: i64, month: i64, day: i64, second_of_day: i64) -> i64 {
        let year = year + (month - 1).div_euclid(12);
        let month = (month - 1).rem_euclid(12) + 1;
        let local = (days_before(year, month) + day - 1) * DAY + second_of_day;
        let first = self.offset(local);
        if first == 0 {
            return local;
        }
        local - self.offset(local - first)
    }
}

/// Days from 1970 to the first of a month.
const fn days_before(year: i64, month: i64) -> i64 {
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date so many days after 1970.
const fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert!(Zone::load("Europe/Berlin").is_ok());
        assert!(Zone::load("Etc/UTC").is_ok());
        assert_eq!(Zone::load(""), Ok(Zone::UTC));
        assert_eq!(
            Zone::load("Mars/Olympus"),
            Err("unknown time zone Mars/Olympus".to_owned())
        );
        assert!(Zone::load("europe/berlin").is_err());
    }

    #[test]
    fn dates_and_days_agree() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = date(days);
            assert_eq!(days_before(year, month) + day - 1, days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(10_957), (2000, 1, 1));
    }

    #[test]
    fn a_time_in_the_gap_is_moved_as_go_moves_it() {
        let berlin = Zone::load("Europe/Berlin").expect("a zone");
        // 2000-03-26 02:30 does not exist; Go reads 03:30 with the offset of before.
        let unix = berlin.instant(2000, 3, 26, 9_000);
        let civil = berlin.civil(unix);
        assert_eq!((civil.hour, civil.minute), (3, 30));
        assert_eq!(berlin.civil(954_028_800).weekday, 0);
    }
}
