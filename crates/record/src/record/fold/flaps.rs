//! Flapping: scale events that take back what was just done, counted as they come.

/// Flapping figures of one target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flapping {
    /// Events.
    pub events: usize,
    /// Upward ones.
    pub ups: usize,
    /// Downward ones.
    pub downs: usize,
    /// Σ |change|.
    pub churn: i64,
    /// Consecutive events of opposite sign.
    pub reversals: usize,
    /// Reversals whose two events are at most the window apart.
    pub flaps: usize,
    /// Three consecutive events, alternating, within the window.
    pub oscillations: usize,
    /// Σ over flaps of the smaller of the two changes.
    pub wasted_replicas: i64,
    /// flaps × 3600 / T.
    pub flaps_per_hour: f64,
}

/// The count up to now.
#[derive(Debug, Clone, PartialEq)]
pub struct Flaps {
    window: f64,
    found: Flapping,
    /// Time and change of the last event, and of the one before.
    last: [Option<(f64, i64)>; 2],
}

impl Flaps {
    /// No events yet; `window` in seconds.
    pub fn new(window: f64) -> Self {
        Self {
            window,
            found: Flapping::default(),
            last: [None; 2],
        }
    }

    /// Replicas change by so many; times ascend. No change is no event.
    pub fn change(&mut self, time: f64, by: i64) {
        if by == 0 {
            return;
        }
        let found = &mut self.found;
        found.events += 1;
        *(if by > 0 {
            &mut found.ups
        } else {
            &mut found.downs
        }) += 1;
        found.churn += by.abs();
        let reverses = |a: i64, b: i64| a.signum() != b.signum();
        let [last, before] = self.last;
        if let Some((at, change)) = last
            && reverses(change, by)
        {
            found.reversals += 1;
            if time - at <= self.window {
                found.flaps += 1;
                found.wasted_replicas += change.abs().min(by.abs());
            }
            if let Some((first, earlier)) = before
                && reverses(earlier, change)
                && time - first <= self.window
            {
                found.oscillations += 1;
            }
        }
        self.last = [Some((time, by)), last];
    }

    /// The figures over this many seconds.
    pub fn finish(self, duration: f64) -> Flapping {
        let mut found = self.found;
        if duration > 0.0 {
            found.flaps_per_hour = found.flaps as f64 * 3600.0 / duration;
        }
        found
    }
}
