//! Flapping: scale events that take back what was just done.

use crate::record::fold::Flaps;

pub use crate::record::fold::Flapping;

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

/// Counts over events in order; `window` and `duration` in seconds. Events without a change
/// are dropped.
pub fn flapping(events: &[ScaleEvent], window: f64, duration: f64) -> Flapping {
    let mut flaps = Flaps::new(window);
    for event in events {
        flaps.change(event.time, event.to - event.from);
    }
    flaps.finish(duration)
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
