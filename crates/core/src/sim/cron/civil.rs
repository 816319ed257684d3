//! Dates and times of day, without a zone.

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days of 400 years, after which the Gregorian calendar repeats.
const ERA: i64 = 146_097;

/// A date of the Gregorian calendar and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// Hour, 0 to 23.
    pub hour: i64,
    /// Minute, 0 to 59.
    pub minute: i64,
    /// Second, 0 to 59.
    pub second: i64,
}

impl Civil {
    /// What clocks show so many seconds after 1970 began by them.
    pub fn of(seconds: i64) -> Self {
        let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Years begin in March, so that the leap day is the last of its year.
        let days = days + 719_468;
        let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = (from_march + 2) % 12 + 1;
        Self {
            year: era * 400 + year + i64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// Seconds from the beginning of 1970 by the same clocks. A month or a day out of range means
    /// so many before or after (Go's `time.Date`).
    pub fn seconds(self) -> i64 {
        let months = self.year * 12 + self.month - 1;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let year = if month <= 2 { year - 1 } else { year };
        let from_march = (month + 9) % 12;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = year * 365 + leap_days + (153 * from_march + 2) / 5 + self.day - 1 - 719_468;
        days * DAY + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// The day of the week, 0 for Sunday.
    pub fn weekday(self) -> i64 {
        // 1970 began on a Thursday.
        (self.seconds().div_euclid(DAY) + 4).rem_euclid(7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_the_same_both_ways() {
        for seconds in (-4_000_000_000..8_000_000_000i64).step_by(7_654_321) {
            assert_eq!(Civil::of(seconds).seconds(), seconds);
        }
        let leap_day = Civil::of(951_827_696);
        assert_eq!((leap_day.year, leap_day.month, leap_day.day), (2000, 2, 29));
        assert_eq!(
            (leap_day.hour, leap_day.minute, leap_day.second),
            (12, 34, 56)
        );
        assert_eq!(leap_day.weekday(), 2);
    }

    #[test]
    fn days_and_months_out_of_range_go_on() {
        let date = |year, month, day| Civil {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
        };
        assert_eq!(date(2026, 13, 1).seconds(), date(2027, 1, 1).seconds());
        assert_eq!(date(2026, 2, 30).seconds(), date(2026, 3, 2).seconds());
        assert_eq!(date(2026, 3, 0).seconds(), date(2026, 2, 28).seconds());
    }
}
