//! Calendar times on the axis of time, in UTC.

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The first second of a run that starts at `start`, in seconds since 1970, at which a tick stands:
/// steps count from midnight.
pub(super) fn first(start: i64, step: f64) -> f64 {
    (-start).rem_euclid((step as i64).clamp(1, DAY)) as f64
}

/// A time of day; the date at midnight, and both where nothing stands before it.
pub(super) fn text(unix: i64, is_first: bool) -> String {
    let (days, second) = (unix.div_euclid(DAY), unix.rem_euclid(DAY));
    let time = format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    match (second, is_first) {
        (0, _) => date(days),
        (_, true) => format!("{} {time}", date(days)),
        (_, false) => time,
    }
}

/// The day and the month of a number of days since 1970, by Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    // Months count from March.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    format!("{day} {}", MONTHS[((month + 2) % 12) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        let dates = [0, 58, 59, 789, 20_454].map(date);
        assert_eq!(dates, ["1 Jan", "28 Feb", "1 Mar", "29 Feb", "1 Jan"]);
        assert_eq!(text(1_767_259_200, false), "09:20");
        assert_eq!(text(1_767_225_600, true), "1 Jan");
    }
}
