//! Axes: which values a panel spans, where they lie, and which are labelled.

use super::calendar;
use super::unit::{self, Unit};

/// Maps values to pixels, and knows its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Least and largest value.
    domain: (f64, f64),
    /// Where these lie, in pixels.
    range: (f64, f64),
    logarithmic: bool,
    /// Labelled values.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Least and largest finite value; `None` of nothing.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |found, value| {
        let (low, high) = found.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// The least of 1, 2 and 5 × 10ⁿ that parts the span into at most `count` steps.
fn nice_step(span: f64, count: f64, whole: bool) -> f64 {
    let raw = (span / count.max(1.0)).max(1e-300);
    let power = 10.0_f64.powf(raw.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|f| f * power >= raw * 0.999_999);
    let step = factor.unwrap_or(10.0) * power;
    if whole { step.max(1.0) } else { step }
}

impl Axis {
    /// A linear axis from 0, or from the least value if that is negative.
    pub(super) fn linear(unit: Unit, extent: Option<(f64, f64)>, range: (f64, f64)) -> Self {
        const LARGEST: f64 = 1e200;
        let (low, high) = extent.unwrap_or((0.0, 1.0));
        let (low, high) = (low.clamp(-LARGEST, 0.0), high.clamp(0.0, LARGEST));
        let (low, high) = if high - low < 1e-12 {
            (0.0, 1.0)
        } else {
            (low, high)
        };
        let form = unit.form(high.max(-low));
        let (low, high) = (low / form.divisor, high / form.divisor);
        let room = (range.1 - range.0).abs();
        let whole = unit.whole() && form.divisor == 1.0;
        let step = nice_step(high - low, (room / 34.0).clamp(2.0, 8.0), whole);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil().max(first + 1.0);
        let count = (last - first).min(50.0) as i32;
        let ticks = (0..=count)
            .map(|i| (first + f64::from(i)) * step)
            .map(|value| (value * form.divisor, form.tick(value, step)))
            .collect();
        // A line at the very top would touch the panel's edge.
        let top = if high > last * step - step * 0.04 {
            last * step + step * 0.12
        } else {
            last * step
        };
        Self {
            domain: (first * step * form.divisor, top * form.divisor),
            range,
            logarithmic: false,
            ticks,
        }
    }

    /// A linear axis over just these values, for parameters.
    pub(super) fn spanning(unit: Unit, extent: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = (extent.0.clamp(-1e200, 1e200), extent.1.clamp(-1e200, 1e200));
        let margin = if high > low { (high - low) * 0.03 } else { 1.0 };
        let form = unit.form(high.abs().max(low.abs()));
        let room = (range.1 - range.0).abs() / 80.0;
        let step = nice_step(
            (high - low) / form.divisor,
            room.clamp(2.0, 12.0),
            unit.whole(),
        );
        let first = (low / form.divisor / step - 1e-9).ceil();
        let count = ((high / form.divisor / step + 1e-9).floor() - first).clamp(0.0, 50.0);
        let ticks = (0..=count as i32).map(|i| (first + f64::from(i)) * step);
        Self {
            domain: (low - margin, high + margin),
            range,
            logarithmic: false,
            ticks: ticks
                .map(|value| (value * form.divisor, form.tick(value, step)))
                .collect(),
        }
    }

    /// An axis of names, one at each of 0, 1, 2 …
    pub(super) fn named(names: &[String], range: (f64, f64)) -> Self {
        let ticks = names.iter().enumerate();
        Self {
            domain: (-0.5, names.len().max(1) as f64 - 0.5),
            range,
            logarithmic: false,
            ticks: ticks.map(|(i, name)| (i as f64, name.clone())).collect(),
        }
    }

    /// A logarithmic axis; values that are not positive lie at its lower end.
    pub(super) fn logarithmic(unit: Unit, extent: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = (extent.0.clamp(1e-12, 1e200), extent.1.clamp(1e-12, 1e200));
        let decades = (high / low).log10();
        let factors: &[f64] = match decades {
            d if d <= 2.2 => &[1.0, 2.0, 5.0],
            d if d <= 4.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut steps = Vec::new();
        for power in low.log10().floor() as i32..=high.log10().ceil() as i32 + 1 {
            steps.extend(factors.iter().map(|factor| factor * 10.0_f64.powi(power)));
        }
        let first = steps
            .iter()
            .rposition(|step| *step <= low * 1.000_001)
            .unwrap_or(0);
        let last = steps.iter().position(|step| *step >= high * 0.999_999);
        let last = last
            .unwrap_or(steps.len() - 1)
            .max(first + 1)
            .min(steps.len() - 1);
        let kept = &steps[first..=last];
        let every = kept.len().div_ceil(12);
        let ticks = kept.iter().step_by(every);
        Self {
            domain: (kept[0], kept[kept.len() - 1]),
            range,
            logarithmic: true,
            ticks: ticks.map(|step| (*step, unit.text(*step))).collect(),
        }
    }

    /// Simulated time from 0 to `end` seconds; as calendar time if that of the start is known and
    /// ticks are a minute or more apart.
    pub(super) fn time(end: f64, start: Option<i64>, range: (f64, f64)) -> Self {
        const STEPS: [f64; 24] = [
            0.1,
            0.2,
            0.5,
            1.0,
            2.0,
            5.0,
            10.0,
            15.0,
            30.0,
            60.0,
            120.0,
            300.0,
            600.0,
            900.0,
            1800.0,
            3600.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            86_400.0,
            172_800.0,
            604_800.0,
            2_419_200.0,
        ];
        let room = ((range.1 - range.0) / 72.0).max(1.0);
        let fitting = STEPS.into_iter().find(|step| end / step <= room);
        let step = fitting.unwrap_or_else(|| 86_400.0 * nice_step(end / 86_400.0, room, true));
        let start = start.filter(|_| (60.0..=2_419_200.0).contains(&step));
        let first = start.map_or(0.0, |start| calendar::first(start, step));
        let count = ((end - first) / step + 1e-9).floor().clamp(-1.0, 200.0) as i32;
        let ticks = (0..=count).map(|i| first + f64::from(i) * step);
        let text = |time: f64| match start {
            Some(start) => calendar::text(start + time as i64, time == first),
            None => unit::duration(time),
        };
        Self {
            domain: (0.0, end),
            range,
            logarithmic: false,
            ticks: ticks.map(|time| (time, text(time))).collect(),
        }
    }

    /// Where a value lies; values beyond the axis lie at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let share = if self.logarithmic {
            (value.max(low) / low).ln() / (high / low).ln()
        } else {
            (value - low) / (high - low)
        };
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self.range.0 + (self.range.1 - self.range.0) * share
    }

    /// The value of the axis's upper end.
    pub(super) fn high(&self) -> f64 {
        self.domain.1
    }

    /// The value of the axis's lower end.
    pub(super) fn low(&self) -> f64 {
        self.domain.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn counts_get_whole_ticks_from_zero() {
        let axis = Axis::linear(Unit::Count, Some((3.0, 10.0)), (200.0, 0.0));
        assert_eq!(labels(&axis), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(axis.at(0.0), 200.0);
        assert!(axis.at(10.0) > 0.0 && axis.at(10.0) < 10.0);
        let axis = Axis::linear(Unit::Count, Some((0.0, 1.0)), (200.0, 0.0));
        assert_eq!(labels(&axis), ["0", "1"]);
    }

    #[test]
    fn small_and_large_values_get_readable_ticks() {
        let axis = Axis::linear(Unit::Cores, Some((0.0, 0.3)), (120.0, 0.0));
        assert_eq!(labels(&axis), ["0", "100m", "200m", "300m"]);
        let axis = Axis::linear(Unit::Count, Some((0.0, 64_000.0)), (120.0, 0.0));
        assert_eq!(labels(&axis), ["0", "20k", "40k", "60k", "80k"]);
        let axis = Axis::linear(Unit::Milliseconds, Some((0.0, 2400.0)), (120.0, 0.0));
        assert_eq!(labels(&axis), ["0 s", "1 s", "2 s", "3 s"]);
    }

    #[test]
    fn latencies_get_decades() {
        let axis = Axis::logarithmic(Unit::Milliseconds, (7.0, 21_000.0), (200.0, 0.0));
        assert_eq!(
            labels(&axis),
            [
                "3 ms", "10 ms", "30 ms", "100 ms", "300 ms", "1 s", "3 s", "10 s", "30 s"
            ]
        );
        assert_eq!(axis.at(0.0), 200.0);
        assert_eq!(axis.at(30_000.0), 0.0);
    }

    #[test]
    fn time_is_parted_as_people_part_it() {
        assert_eq!(
            labels(&Axis::time(7200.0, None, (0.0, 1000.0))),
            [
                "0", "10m", "20m", "30m", "40m", "50m", "1h", "1h10m", "1h20m", "1h30m", "1h40m",
                "1h50m", "2h"
            ]
        );
        assert_eq!(
            labels(&Axis::time(0.3, None, (0.0, 1000.0))),
            ["0", "100ms", "200ms", "300ms"]
        );
        assert_eq!(
            labels(&Axis::time(86_400.0 * 3.0, None, (0.0, 600.0))).last(),
            Some(&"3d")
        );
    }

    #[test]
    fn calendar_times_are_round_ones() {
        // 2026-01-01T09:20:00Z
        let start = Some(1_767_259_200);
        let axis = Axis::time(7200.0, start, (0.0, 400.0));
        assert_eq!(labels(&axis), ["1 Jan 09:30", "10:00", "10:30", "11:00"]);
        assert_eq!(axis.ticks[0].0, 600.0);
        let axis = Axis::time(86_400.0 * 3.0, start, (0.0, 500.0));
        assert_eq!(
            labels(&axis),
            ["1 Jan 12:00", "2 Jan", "12:00", "3 Jan", "12:00", "4 Jan"]
        );
    }
}
