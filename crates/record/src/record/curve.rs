//! A piecewise constant curve over simulated time.

use crate::sim::SimTime;

/// Values from each instant on; right-continuous.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<T> {
    steps: Vec<(SimTime, T)>,
}

impl<T> Default for Curve<T> {
    fn default() -> Self {
        Self { steps: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Curve<T> {
    /// A curve through these steps, times ascending.
    pub fn from_steps(steps: Vec<(SimTime, T)>) -> Self {
        Self { steps }
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
    pub fn steps(&self) -> &[(SimTime, T)] {
        &self.steps
    }

    /// The value at an instant; `None` before the first step.
    pub fn at(&self, time: SimTime) -> Option<T> {
        let after = self.steps.partition_point(|(at, _)| *at <= time);
        after.checked_sub(1).map(|place| self.steps[place].1)
    }

    /// Since when the value of an instant holds; `None` before the first step.
    pub fn since(&self, time: SimTime) -> Option<SimTime> {
        let after = self.steps.partition_point(|(at, _)| *at <= time);
        after.checked_sub(1).map(|place| self.steps[place].0)
    }
}
