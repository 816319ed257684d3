//! A container under a VPA: its first and last requests, its recommendation, and how long it used
//! more than that.

use super::super::vpa::{Amounts, VpaRow};
use crate::sim::SimTime;

/// What is known of a container up to now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ContainerFold {
    /// Passes of the recommender.
    pub rows: u64,
    /// The first requests in force.
    pub first_request: Amounts,
    /// The last ones.
    pub last_request: Amounts,
    /// Whether the target ever had CPU, and memory.
    pub has_target: [bool; 2],
    /// Whether there ever was a recommendation.
    pub recommended: bool,
    /// The last row, with the requests at the end.
    pub last: Option<VpaRow>,
    /// The longest time after the warm-up for which the median container used more than was
    /// recommended, in seconds.
    pub lag: f64,
    /// All such time, in seconds.
    pub behind: f64,
    /// All time between rows after the warm-up, in seconds.
    pub all: f64,
    stretch: f64,
}

impl ContainerFold {
    pub(super) fn row(&mut self, row: &VpaRow, start: SimTime) {
        if let Some(before) = self.last.filter(|before| before.time >= start) {
            let length = (row.time - before.time).as_secs_f64();
            self.all += length;
            if is_behind(&before) {
                self.behind += length;
                self.stretch += length;
                self.lag = self.lag.max(self.stretch);
            } else {
                self.stretch = 0.0;
            }
        }
        self.rows += 1;
        let (first, last) = (&mut self.first_request, &mut self.last_request);
        first.cpu = first.cpu.or(row.request.cpu);
        first.memory = first.memory.or(row.request.memory);
        last.cpu = row.request.cpu.or(last.cpu);
        last.memory = row.request.memory.or(last.memory);
        if let Some(band) = row.recommendation {
            self.recommended = true;
            self.has_target[0] |= band.target.cpu.is_some();
            self.has_target[1] |= band.target.memory.is_some();
        }
        self.last = Some(*row);
    }
}

impl ContainerFold {
    /// The requests in force when the run ends; where no container runs, of those that are to.
    pub(super) fn at_end(&mut self, request: Amounts) {
        let last = &mut self.last_request;
        last.cpu = request.cpu.or(last.cpu);
        last.memory = request.memory.or(last.memory);
        if let Some(row) = &mut self.last {
            row.request = request;
        }
    }
}

/// Whether the median container uses more than the target.
fn is_behind(row: &VpaRow) -> bool {
    let Some(band) = row.recommendation else {
        return false;
    };
    let exceeds = |used: Option<f64>, target: Option<f64>| used > target && target.is_some();
    exceeds(row.usage_p50.cpu, band.target.cpu) || exceeds(row.usage_p50.memory, band.target.memory)
}
