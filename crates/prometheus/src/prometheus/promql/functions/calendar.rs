//! Parts of a time, in UTC.

/// Seconds from the beginning of Go's absolute years to 1970 (`unixToAbsolute`).
const ABSOLUTE_TO_UNIX: i128 = 9_223_372_028_715_321_600;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::prometheus::promql) enum Field {
    Minute,
    Hour,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

impl Field {
    /// This part of a time in seconds since 1970 as a sample has it. As on amd64, what no whole
    /// number of 64 bits is, `NaN` and infinities among it, is the smallest of them.
    pub(super) fn of_value(self, seconds: f64) -> f64 {
        // 2⁶³ itself is out of range.
        const BOUND: f64 = 9_223_372_036_854_775_808.0;
        let fits = (-BOUND..BOUND).contains(&seconds);
        self.of(if fits { seconds as i64 } else { i64::MIN })
    }

    /// This part of a time in seconds since 1970.
    pub(super) fn of(self, seconds: i64) -> f64 {
        // Go counts from the year -292277022399, modulo 2⁶⁴: what lies before is far behind it.
        let mut seconds = i128::from(seconds);
        if seconds < -ABSOLUTE_TO_UNIX {
            seconds += 1 << 64;
        }
        let days = seconds.div_euclid(86_400);
        let second = seconds.rem_euclid(86_400);
        let (year, month, day) = date(days);
        let part = match self {
            Self::Minute => second % 3600 / 60,
            Self::Hour => second / 3600,
            // 1 January 1970 was a Thursday.
            Self::DayOfWeek => (days + 4).rem_euclid(7),
            Self::DayOfMonth => day,
            Self::DayOfYear => days - days_before(year) + 1,
            Self::DaysInMonth => days_in_month(year, month),
            Self::Month => month,
            Self::Year => year,
        };
        part as f64
    }
}

fn is_leap(year: i128) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the beginning of a year.
fn days_before(year: i128) -> i128 {
    let past = year - 1;
    let leaps = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    365 * (year - 1970) + leaps - 477
}

/// Year, month and day of a day counted from 1970.
fn date(days: i128) -> (i128, i128, i128) {
    let mut year = 1970 + days.div_euclid(366);
    while days_before(year + 1) <= days {
        year += (days - days_before(year + 1)) / 366 + 1;
    }
    let mut rest = days - days_before(year);
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_times() {
        let parts = |seconds: i64| {
            [
                Field::Year,
                Field::Month,
                Field::DayOfMonth,
                Field::Hour,
                Field::Minute,
                Field::DayOfWeek,
                Field::DayOfYear,
                Field::DaysInMonth,
            ]
            .map(|field| field.of(seconds))
        };
        assert_eq!(parts(0), [1970.0, 1.0, 1.0, 0.0, 0.0, 4.0, 1.0, 31.0]);
        // 29 February 2024, 12:34:56, a Thursday.
        assert_eq!(
            parts(1_709_210_096),
            [2024.0, 2.0, 29.0, 12.0, 34.0, 4.0, 60.0, 29.0]
        );
        // 4 December 292277026596, 15:30:08, a Sunday: where Go's clock is at its end.
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
            assert_eq!(Field::Year.of_value(value), 292_277_026_596.0);
            assert_eq!(Field::Month.of_value(value), 12.0);
            assert_eq!(Field::DayOfMonth.of_value(value), 4.0);
            assert_eq!(Field::Hour.of_value(value), 15.0);
            assert_eq!(Field::Minute.of_value(value), 30.0);
            assert_eq!(Field::DayOfWeek.of_value(value), 0.0);
            assert_eq!(Field::DayOfYear.of_value(value), 339.0);
        }
        // 31 December 1969, 23:59:59, a Wednesday.
        assert_eq!(
            parts(-1),
            [1969.0, 12.0, 31.0, 23.0, 59.0, 3.0, 365.0, 31.0]
        );
        // 31 December 2000, a Sunday.
        assert_eq!(
            parts(978_220_800),
            [2000.0, 12.0, 31.0, 0.0, 0.0, 0.0, 366.0, 31.0]
        );
    }
}
