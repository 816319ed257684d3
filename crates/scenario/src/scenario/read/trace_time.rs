//! The times of a trace: offsets from its start, or calendar times.

use crate::autoscaler::vpa::WallClock;
use crate::sim::SimDuration;

/// The time of a row, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stamp {
    /// Since the start of the load.
    Offset(i64),
    /// Since 1970-01-01T00:00:00Z.
    Calendar(i64),
}

impl Stamp {
    /// Nanoseconds, from wherever they count.
    pub(super) fn nanos(self) -> i64 {
        match self {
            Self::Offset(nanos) | Self::Calendar(nanos) => nanos,
        }
    }

    /// Whether a cell that is no number is a time.
    pub(super) fn is_time(cell: &str) -> bool {
        calendar(cell).is_some() || cell.parse::<SimDuration>().is_ok()
    }
}

/// Reads the times of one trace: all in the form of the first.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    form: Option<Form>,
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Durations, or numbers of seconds, since the start of the load.
    Offset,
    /// A number since 1970; so many nanoseconds each.
    Epoch(i64),
    /// RFC 3339.
    Calendar,
}

/// Numbers below are seconds since the load's start: 10⁸ s are three years, and in 1973 nobody
/// recorded requests.
const LEAST_EPOCH: f64 = 1e8;

impl Stamps {
    /// Reads the time of the next row.
    pub(super) fn read(&mut self, cell: &str) -> Result<Stamp, String> {
        let number = cell.parse::<f64>().ok();
        let form = match number {
            Some(number) if !number.is_finite() || number < 0.0 => {
                return Err(format!("the time {cell} is not a number of at least 0"));
            }
            Some(number) => self.form.unwrap_or_else(|| form_of(number)),
            None if calendar(cell).is_some() => Form::Calendar,
            None => Form::Offset,
        };
        let first = *self.form.get_or_insert(form);
        let too_large = || format!("the time {cell} is out of range");
        match (form, number) {
            _ if form != first => Err(format!(
                "the time {cell} is of another form than the first one, {}",
                first.name()
            )),
            (Form::Calendar, Some(_)) => Err(format!(
                "the time {cell} is a number, the first one is a calendar time"
            )),
            (Form::Calendar, None) => calendar(cell).map(Stamp::Calendar).ok_or_else(too_large),
            (Form::Epoch(unit), _) => nanos(cell, unit).map(Stamp::Calendar).ok_or_else(too_large),
            (Form::Offset, Some(_)) => nanos(cell, 1_000_000_000)
                .map(Stamp::Offset)
                .ok_or_else(too_large),
            (Form::Offset, None) => match cell.parse::<SimDuration>() {
                Ok(offset) if offset >= SimDuration::ZERO => Ok(Stamp::Offset(offset.0)),
                Ok(_) => Err(format!("the time {cell} is negative")),
                Err(_) => Err(format!(
                    "\"{cell}\" is not a time: write seconds, a duration, or a calendar time such as 2026-01-31T12:00:00Z"
                )),
            },
        }
    }
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Offset => "an offset from the start",
            Self::Epoch(_) => "a number since 1970",
            Self::Calendar => "a calendar time",
        }
    }
}

/// The unit of a number of this size, if it counts from 1970.
fn form_of(number: f64) -> Form {
    let sizes = [
        (1e17, 1),
        (1e14, 1_000),
        (1e11, 1_000_000),
        (LEAST_EPOCH, 1_000_000_000),
    ];
    let unit = sizes.iter().find(|(least, _)| number >= *least);
    unit.map_or(Form::Offset, |(_, unit)| Form::Epoch(*unit))
}

/// A number of units in nanoseconds, whole numbers without rounding.
fn nanos(cell: &str, unit: i64) -> Option<i64> {
    if let Ok(whole) = cell.parse::<i64>() {
        return whole.checked_mul(unit);
    }
    let nanos = cell.parse::<f64>().ok()? * unit as f64;
    (nanos < i64::MAX as f64).then_some(nanos.round() as i64)
}

/// An RFC 3339 time; one without a zone is UTC.
fn calendar(cell: &str) -> Option<i64> {
    let unix = WallClock { unix_start: 0 };
    let time = unix
        .parse(cell)
        .or_else(|| unix.parse(&format!("{cell}Z")))?;
    Some(time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[&str]) -> Result<Vec<Stamp>, String> {
        let mut stamps = Stamps::default();
        cells.iter().map(|cell| stamps.read(cell)).collect()
    }

    #[test]
    fn times_are_offsets_or_calendar_times() {
        let seconds = |seconds: &[i64]| -> Vec<i64> {
            seconds.iter().map(|one| one * 1_000_000_000).collect()
        };
        for cells in [["0", "60.0"], ["0s", "1m"], ["0", "1m"]] {
            let offsets = seconds(&[0, 60]).into_iter().map(Stamp::Offset);
            assert_eq!(read(&cells), Ok(offsets.collect()));
        }
        for cells in [
            ["1767225600", "1767225660.0"],
            ["1767225600000", "1767225660000"],
            ["1767225600000000", "1767225660000000"],
            ["1767225600000000000", "1767225660000000000"],
            ["2026-01-01T00:00:00Z", "2026-01-01T01:01:00+01:00"],
            ["2026-01-01 00:00:00", "2026-01-01 00:01:00.000"],
        ] {
            let times = seconds(&[1_767_225_600, 1_767_225_660]);
            let times = times.into_iter().map(Stamp::Calendar);
            assert_eq!(read(&cells), Ok(times.collect()), "{cells:?}");
        }
    }

    #[test]
    fn wrong_times_are_refused() {
        for (cells, told) in [
            (["0", "-1"], "-1 is not a number"),
            (["0", "2026-01-01T00:00:00Z"], "an offset from the start"),
            (
                ["2026-01-01T00:00:00Z", "5"],
                "the first one is a calendar time",
            ),
            (["1767225600", "1m"], "a number since 1970"),
            (["0", "soon"], "\"soon\" is not a time"),
            (["0", "1e300"], "out of range"),
            (["1767225600", "99999999999999"], "out of range"),
        ] {
            let problem = read(&cells).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }
}
