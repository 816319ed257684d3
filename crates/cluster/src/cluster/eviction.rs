//! What the kubelet's eviction manager keeps free (`pkg/kubelet/eviction`, of its thresholds those
//! of the signal `memory.available`).

use crate::sim::SimDuration;
use crate::units::Bytes;

/// An amount of memory, or a share of what a node has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// So much.
    Quantity(Bytes),
    /// So much of the node's capacity; upstream keeps it in single precision.
    Share(f32),
}

impl Threshold {
    /// The amount on a node with this capacity (`GetThresholdQuantity`).
    pub fn of(self, capacity: Bytes) -> Bytes {
        match self {
            Self::Quantity(amount) => amount,
            Self::Share(share) => Bytes((capacity.0 as f64 * f64::from(share)) as i64),
        }
    }
}

/// The settings of the eviction manager.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eviction {
    /// `evictionHard`: with less the kubelet evicts pods at once.
    pub hard: Threshold,
    /// `evictionSoft` and `evictionSoftGracePeriod`: with less for so long it evicts pods within
    /// their grace periods.
    pub soft: Option<(Threshold, SimDuration)>,
    /// `evictionMaxPodGracePeriod`: the longest of those.
    pub max_pod_grace: SimDuration,
    /// `evictionMinimumReclaim`: once it evicts, it goes on until so much more is free.
    pub minimum_reclaim: Option<Threshold>,
    /// `evictionPressureTransitionPeriod`: how long the condition MemoryPressure lasts at least.
    pub pressure_transition: SimDuration,
}

impl Default for Eviction {
    fn default() -> Self {
        Self {
            hard: Threshold::Quantity(Bytes(100 << 20)),
            soft: None,
            max_pod_grace: SimDuration::ZERO,
            minimum_reclaim: None,
            pressure_transition: SimDuration::from_secs(300),
        }
    }
}
