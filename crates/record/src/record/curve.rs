//! A piecewise constant curve over simulated time.

use std::iter::Peekable;

use super::packed::{Differ, Packed, Unpacked};
use crate::sim::SimTime;

/// Values from each instant on; right-continuous.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<T> {
    steps: Packed<(SimTime, T)>,
}

impl<T> Default for Curve<T> {
    fn default() -> Self {
        Self {
            steps: Packed::default(),
        }
    }
}

impl<T: Copy + PartialEq + Differ> Curve<T> {
    /// A curve through these steps, times ascending.
    pub fn from_steps(steps: Vec<(SimTime, T)>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
        }
    }

    /// The value from `time` on; a value that does not change adds nothing.
    pub fn set(&mut self, time: SimTime, value: T) {
        match self.steps.last_mut() {
            Some((_, last)) if *last == value => {}
            Some((at, last)) if *at == time => *last = value,
            _ => self.steps.push((time, value)),
        }
    }

    /// The steps: from each time on, this value.
    pub fn steps(&self) -> Vec<(SimTime, T)> {
        self.steps.iter().collect()
    }

    /// The steps one by one.
    pub fn iter(&self) -> impl Iterator<Item = (SimTime, T)> + '_ {
        self.steps.iter()
    }

    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has no value at all.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The value at an instant; `None` before the first step.
    pub fn at(&self, time: SimTime) -> Option<T> {
        self.step(time).map(|step| step.1)
    }

    /// Since when the value of an instant holds; `None` before the first step.
    pub fn since(&self, time: SimTime) -> Option<SimTime> {
        self.step(time).map(|step| step.0)
    }

    fn step(&self, time: SimTime) -> Option<(SimTime, T)> {
        if let Some(last) = self.steps.last().filter(|last| last.0 <= time) {
            return Some(*last);
        }
        let about = self.steps.about(|step| step.0 <= time);
        about.take_while(|step| step.0 <= time).last()
    }

    /// Its values at instants that are asked for in order.
    pub fn along(&self) -> Along<'_, T> {
        Along {
            steps: self.steps.iter().peekable(),
            value: None,
        }
    }
}

/// Goes along a curve.
#[derive(Debug, Clone)]
pub struct Along<'a, T: Differ + Copy> {
    steps: Peekable<Unpacked<'a, (SimTime, T)>>,
    value: Option<T>,
}

impl<T: Copy + Differ> Along<'_, T> {
    /// The value at an instant that is not before the last one; `None` before the first step.
    pub fn at(&mut self, time: SimTime) -> Option<T> {
        while let Some((_, value)) = self.steps.next_if(|step| step.0 <= time) {
            self.value = Some(value);
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_curve_has_the_value_of_its_last_step(
            mut steps in prop::collection::vec((0i64..5_000, 0i32..4), 0..900),
            mut times in prop::collection::vec(-1i64..5_001, 1..50),
        ) {
            steps.sort_by_key(|step| step.0);
            let mut curve = Curve::default();
            let mut long: Vec<(SimTime, i32)> = Vec::new();
            for (at, value) in steps {
                curve.set(SimTime(at), value);
                long.push((SimTime(at), value));
            }
            prop_assert!(curve.steps().windows(2).all(|pair| pair[0].0 < pair[1].0));
            times.sort_unstable();
            let mut along = curve.along();
            for time in times.into_iter().map(SimTime) {
                let value = long.iter().rfind(|step| step.0 <= time).map(|step| step.1);
                prop_assert_eq!(curve.at(time), value);
                prop_assert_eq!(along.at(time), value);
                let since = curve.since(time);
                prop_assert_eq!(since.and_then(|since| curve.at(since)), value);
            }
        }
    }
}
