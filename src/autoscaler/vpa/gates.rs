//! Feature gates.

/// The feature gates of the three components that decisions depend on, all off by default
/// (`pkg/features/features.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureGates {
    /// `InPlace`: the updater acts on VPAs in that mode.
    pub in_place: bool,
    /// `PerVPAConfig`: VPAs set for themselves what flags set for all.
    pub per_vpa_config: bool,
    /// `CPUStartupBoost`: containers get more CPU while they start.
    pub cpu_startup_boost: bool,
}
