//! When a schedule is due next.

use super::{Civil, Fields, STAR};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// Years that are looked through.
const YEARS: i64 = 5;

/// The clocks of a zone.
struct Clocks<'a, F>(&'a F);

impl<F: Fn(i64) -> i64> Clocks<'_, F> {
    fn show(&self, time: i64) -> Civil {
        Civil::of(time + (self.0)(time))
    }

    /// When the clocks show a time; one that they leave out is read by one of the two offsets
    /// around the gap, as Go's `time.Date` does.
    fn time(&self, shown: Civil) -> i64 {
        let as_if_utc = shown.seconds();
        match (self.0)(as_if_utc) {
            0 => as_if_utc,
            offset => as_if_utc - (self.0)(as_if_utc - offset),
        }
    }

    /// The first moment of a day that the clocks show.
    fn midnight(&self, shown: Civil) -> i64 {
        self.time(Civil {
            hour: 0,
            minute: 0,
            second: 0,
            ..shown
        })
    }
}

fn has(set: u64, value: i64) -> bool {
    set >> value & 1 == 1
}

impl Fields {
    /// Goes from the largest field to the smallest; whatever does not match is put forward until
    /// it does, and a larger field that changes by this is looked at anew.
    pub(super) fn next(&self, after: i64, offset: &impl Fn(i64) -> i64) -> Option<i64> {
        let every = [self.minute, self.hour, self.month];
        if every.iter().any(|set| set & !STAR == 0) {
            return None;
        }
        let clocks = Clocks(offset);
        let mut time = after + 1;
        let last_year = clocks.show(time).year + YEARS;
        // Whether a field was put forward: then all smaller ones are at their beginning.
        let mut moved = false;
        'again: while clocks.show(time).year <= last_year {
            while !has(self.month, clocks.show(time).month) {
                let mut shown = clocks.show(time);
                if !moved {
                    moved = true;
                    shown.day = 1;
                    time = clocks.midnight(shown);
                    shown = clocks.show(time);
                }
                shown.month += 1;
                time = clocks.time(shown);
                if clocks.show(time).month == 1 {
                    continue 'again;
                }
            }
            while !self.is_day(clocks.show(time)) {
                if !moved {
                    moved = true;
                    time = clocks.midnight(clocks.show(time));
                }
                let mut shown = clocks.show(time);
                shown.day += 1;
                time = clocks.time(shown);
                // Where clocks leave midnight out, the day begins at another hour.
                time += match clocks.show(time).hour {
                    hour @ 13.. => (24 - hour) * HOUR,
                    hour => -hour * HOUR,
                };
                if clocks.show(time).day == 1 {
                    continue 'again;
                }
            }
            while !has(self.hour, clocks.show(time).hour) {
                if !moved {
                    moved = true;
                    let shown = clocks.show(time);
                    time = clocks.time(Civil {
                        minute: 0,
                        second: 0,
                        ..shown
                    });
                }
                time += HOUR;
                if clocks.show(time).hour == 0 {
                    continue 'again;
                }
            }
            while !has(self.minute, clocks.show(time).minute) {
                if !moved {
                    moved = true;
                    time -= time.rem_euclid(MINUTE);
                }
                time += MINUTE;
                if clocks.show(time).minute == 0 {
                    continue 'again;
                }
            }
            while clocks.show(time).second != 0 {
                // Nothing was put forward: the minute of `after` goes on.
                moved = true;
                time += 1;
                if clocks.show(time).second == 0 {
                    continue 'again;
                }
            }
            return Some(time);
        }
        None
    }

    /// With both kinds of days restricted, a day of either kind will do.
    fn is_day(&self, shown: Civil) -> bool {
        let of_month = has(self.day_of_month, shown.day);
        let of_week = has(self.day_of_week, shown.weekday());
        if (self.day_of_month | self.day_of_week) & STAR == 0 {
            of_month || of_week
        } else {
            of_month && of_week
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schedule;
    use super::*;

    fn at(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
        let shown = Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        };
        shown.seconds()
    }

    fn parse(text: &str) -> Schedule {
        text.parse().expect("a schedule")
    }

    fn next(text: &str, after: i64) -> Option<i64> {
        parse(text).next_in_utc(after)
    }

    #[test]
    fn the_next_time_is_later_and_whole() {
        let noon = at(2026, 1, 5, 12, 0, 0);
        assert_eq!(next("* * * * *", noon), Some(noon + 60));
        assert_eq!(next("* * * * *", noon + 1), Some(noon + 60));
        assert_eq!(next("*/15 * * * *", noon + 59), Some(noon + 900));
        assert_eq!(next("0 12 * * *", noon), Some(noon + 86_400));
        assert_eq!(next("0 12 * * *", noon - 1), Some(noon));
        assert_eq!(next("@hourly", noon), Some(noon + 3600));
        assert_eq!(next("@daily", noon), Some(at(2026, 1, 6, 0, 0, 0)));
        assert_eq!(next("@weekly", noon), Some(at(2026, 1, 11, 0, 0, 0)));
        assert_eq!(next("@monthly", noon), Some(at(2026, 2, 1, 0, 0, 0)));
        assert_eq!(next("@yearly", noon), Some(at(2027, 1, 1, 0, 0, 0)));
        assert_eq!(next("@every 90s", noon), Some(noon + 90));
    }

    #[test]
    fn days_of_month_and_week_are_alternatives_where_both_are_restricted() {
        let monday = at(2026, 1, 5, 12, 0, 0);
        // The 13th is a Tuesday; the next Friday is the 9th.
        assert_eq!(next("0 0 13 * *", monday), Some(at(2026, 1, 13, 0, 0, 0)));
        assert_eq!(next("0 0 * * 5", monday), Some(at(2026, 1, 9, 0, 0, 0)));
        assert_eq!(next("0 0 13 * 5", monday), Some(at(2026, 1, 9, 0, 0, 0)));
        // A step of one leaves a field unrestricted, another does not.
        assert_eq!(next("0 0 */1 * 5", monday), Some(at(2026, 1, 9, 0, 0, 0)));
        assert_eq!(next("0 0 */2 * 5", monday), Some(at(2026, 1, 7, 0, 0, 0)));
    }

    #[test]
    fn five_years_are_looked_through() {
        let start = at(2026, 1, 5, 12, 0, 0);
        assert_eq!(next("0 0 31 2 *", start), None);
        assert_eq!(next("0 0 29 2 *", start), Some(at(2028, 2, 29, 0, 0, 0)));
        assert_eq!(next(", * * * *", start), None);
        assert_eq!(next("0 0 31 12 *", start), Some(at(2026, 12, 31, 0, 0, 0)));
    }

    #[test]
    fn clocks_that_jump_leave_out_and_repeat_times() {
        // Ahead by an hour, and by two between these times.
        let (forth, back) = (at(2026, 3, 29, 1, 0, 0), at(2026, 10, 25, 1, 0, 0));
        let offset = |time: i64| {
            if (forth..back).contains(&time) {
                7200
            } else {
                3600
            }
        };
        let next = |text: &str, after| parse(text).next(after, &offset);
        // 02:30 is left out: the hours wrap to the next day.
        assert_eq!(
            next("30 2 * * *", at(2026, 3, 28, 12, 0, 0)),
            Some(at(2026, 3, 30, 0, 30, 0))
        );
        // 02:30 comes twice, at 00:30 and at 01:30 UTC.
        let first = at(2026, 10, 25, 0, 30, 0);
        assert_eq!(next("30 2 * * *", at(2026, 10, 24, 12, 0, 0)), Some(first));
        assert_eq!(next("30 2 * * *", first), Some(first + 3600));
    }

    #[test]
    fn a_day_may_begin_later_than_midnight() {
        // Clocks go from 00:00 to 01:00 on the third of the month.
        let jump = at(2018, 11, 4, 3, 0, 0);
        let offset = |time: i64| if time >= jump { -7200 } else { -10_800 };
        let found = parse("0 5 4 11 *").next(at(2018, 11, 3, 12, 0, 0), &offset);
        assert_eq!(found, Some(at(2018, 11, 4, 7, 0, 0)));
    }
}
