//! Flapping: scale events that take back what was just done.

/// A change of desired replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleEvent {
    /// When, in seconds.
    pub time: f64,
    /// Replicas before.
    pub from: i64,
    /// Replicas after.
    pub to: i64,
}

/// What the events of one target amount to.
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

/// Counts over events in order; `window` and `duration` in seconds. Events without a change
/// are dropped.
pub fn flapping(events: &[ScaleEvent], window: f64, duration: f64) -> Flapping {
    let changes: Vec<(f64, i64)> = events
        .iter()
        .map(|event| (event.time, event.to - event.from))
        .filter(|(_, change)| *change != 0)
        .collect();
    let mut found = Flapping {
        events: changes.len(),
        ups: changes.iter().filter(|(_, change)| *change > 0).count(),
        churn: changes.iter().map(|(_, change)| change.abs()).sum(),
        ..Flapping::default()
    };
    found.downs = found.events - found.ups;
    let reverses = |a: i64, b: i64| a.signum() != b.signum();
    for pair in changes.windows(2) {
        let [(t0, a), (t1, b)] = [pair[0], pair[1]];
        if reverses(a, b) {
            found.reversals += 1;
            if t1 - t0 <= window {
                found.flaps += 1;
                found.wasted_replicas += a.abs().min(b.abs());
            }
        }
    }
    for triple in changes.windows(3) {
        let [(t0, a), (_, b), (t2, c)] = [triple[0], triple[1], triple[2]];
        if reverses(a, b) && reverses(b, c) && t2 - t0 <= window {
            found.oscillations += 1;
        }
    }
    if duration > 0.0 {
        found.flaps_per_hour = found.flaps as f64 * 3600.0 / duration;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn flaps_are_reversals_and_reversals_are_pairs(counts in prop::collection::vec(1i64..20, 1..40), gap in 1.0f64..900.0) {
            let events: Vec<ScaleEvent> = counts.windows(2).enumerate()
                .map(|(i, pair)| ScaleEvent { time: i as f64 * gap, from: pair[0], to: pair[1] })
                .collect();
            let found = flapping(&events, 600.0, 3600.0);
            prop_assert!(found.oscillations <= found.reversals && found.flaps <= found.reversals);
            prop_assert!(found.reversals < found.events.max(1));
            prop_assert!(found.wasted_replicas <= found.churn);
        }
    }
}
