//! CPU startup boost: more CPU for a container until its pod has been ready for a while
//! (feature gate `CPUStartupBoost`).
//!
//! What the VPA says of it; admission applies it, the updater ends it. Follows
//! `HasStartupBoost` and its neighbours in `pkg/utils/vpa/api.go`.

use super::admission::UpstreamPanic;
use super::spec::VpaSpec;
use crate::sim::SimDuration;
use crate::units::{Quantity, QuantityFormat};

/// `startupBoost`, of the VPA or of a container's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartupBoost {
    /// How much more; absent if it has no `cpu`.
    pub amount: Option<BoostAmount>,
    /// `durationSeconds`: how long the pod has to have been ready; absent in a policy means
    /// the VPA's, absent there 0.
    pub duration_seconds: Option<i32>,
}

/// `type` with its `factor` or `quantity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoostAmount {
    /// The CPU times a whole number, which the API holds to be at least 1.
    Factor(i32),
    /// So much in addition.
    Quantity(Quantity),
}

impl StartupBoost {
    /// An amount of CPU with the boost (`calculateBoostedCPUValue`, which takes `cpu` for granted).
    pub(super) fn of(&self, cpu: Quantity) -> Result<Quantity, UpstreamPanic> {
        let milli = cpu.milli_value();
        let boosted = match self.amount.ok_or(UpstreamPanic)? {
            BoostAmount::Factor(factor) => (milli as f64 * f64::from(factor)) as i64,
            BoostAmount::Quantity(quantity) => milli.wrapping_add(quantity.milli_value()),
        };
        Ok(Quantity::from_millis(boosted, QuantityFormat::DecimalSi))
    }
}

impl VpaSpec {
    /// True if any container may be boosted (`HasStartupBoost`).
    pub fn has_startup_boost(&self) -> bool {
        let mut policies = self.container_policies.iter();
        self.startup_boost.is_some() || policies.any(|policy| policy.startup_boost.is_some())
    }

    /// The boost of a container: its policy's, else the VPA's
    /// (`getContainerStartupBoostPolicy`).
    pub fn container_startup_boost(&self, container_name: &str) -> Option<StartupBoost> {
        let policy = self.policy(container_name);
        policy
            .and_then(|policy| policy.startup_boost)
            .or(self.startup_boost)
    }

    /// How long a boost outlasts the pod's becoming ready
    /// (`getContainerCPUStartupBoostDuration`).
    pub(super) fn startup_boost_duration(&self, container_name: &str) -> SimDuration {
        let policy = self.policy(container_name);
        let own = policy.and_then(|policy| policy.startup_boost?.duration_seconds);
        let seconds = own.or_else(|| self.startup_boost?.duration_seconds);
        SimDuration::from_secs(seconds.unwrap_or_default().into())
    }
}
