//! What a run's fold of an HPA comes to.

use super::Correlation;
use super::answer::{Latencies, ScalingStep};
use super::flaps::Flapping;
use super::follow::Followed;

/// The figures of an HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaFolded {
    /// Supply and demand.
    pub followed: Followed,
    /// Of the numbers that it wrote.
    pub flapping: Flapping,
    /// Means over the steps of the load.
    pub latencies: Latencies,
    /// The steps, where they are kept.
    pub steps: Vec<ScalingStep>,
    /// The demand over time, where it is kept: from each second on.
    pub needed: Vec<(f64, f64)>,
    /// Seconds with each metric beyond its tolerance at `maxReplicas`.
    pub beyond: Vec<f64>,
    /// The load against each metric: of its value and of that times the replicas (an average of
    /// pods falls as they become more) what correlates more.
    pub follows: Vec<Correlation>,
    /// Replicas × seconds, of the fewest that the demand lets stand.
    pub demanded: f64,
    /// Most replicas demanded after the warm-up.
    pub most_demanded: f64,
}

/// What correlates more.
pub(super) fn closer([a, b]: [Correlation; 2]) -> Correlation {
    if b.coefficient() > a.coefficient() {
        b
    } else {
        a
    }
}
