//! The controller's flags, by their own names and with upstream's defaults.

use std::str::FromStr;

use crate::sim::SimDuration;

/// Flags of kube-controller-manager that concern the HPA, and its feature gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `--horizontal-pod-autoscaler-sync-period`.
    pub sync_period: SimDuration,
    /// `--horizontal-pod-autoscaler-tolerance`.
    pub tolerance: f64,
    /// `--horizontal-pod-autoscaler-downscale-stabilization`.
    pub downscale_stabilization: SimDuration,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`.
    pub cpu_initialization_period: SimDuration,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`.
    pub initial_readiness_delay: SimDuration,
    /// Feature gate HPAScaleToZero; off by default up to 1.36.
    pub scale_to_zero: bool,
    /// Feature gate HPAConfigurableTolerance; on by default since 1.35.
    pub configurable_tolerance: bool,
    /// The rules of the PredictiveHorizontalPodAutoscaler's controller where they are others: metrics
    /// count whatever the number of replicas is, those that fail do not hold the others down, and
    /// nothing is remembered before the first sync.
    pub is_predictive: bool,
    /// The release whose rules apply where releases differ.
    pub version: KubernetesVersion,
}

impl Default for Config {
    fn default() -> Self {
        Self::of(KubernetesVersion::default())
    }
}

impl Config {
    /// The defaults of a release.
    pub fn of(version: KubernetesVersion) -> Self {
        Self {
            sync_period: SimDuration::from_secs(15),
            tolerance: 0.1,
            downscale_stabilization: SimDuration::from_secs(300),
            cpu_initialization_period: SimDuration::from_secs(300),
            initial_readiness_delay: SimDuration::from_secs(30),
            scale_to_zero: version >= KubernetesVersion(37),
            is_predictive: false,
            configurable_tolerance: version >= KubernetesVersion(35),
            version,
        }
    }
}

/// A minor release of Kubernetes 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion(pub u32);

impl Default for KubernetesVersion {
    fn default() -> Self {
        Self(36)
    }
}

impl FromStr for KubernetesVersion {
    type Err = String;

    /// Reads `1.33` to `1.37`, with or without `v` and patch level.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.trim_start_matches('v').split('.');
        let minor = (parts.next() == Some("1"))
            .then(|| parts.next().and_then(|minor| minor.parse().ok()))
            .flatten();
        match minor {
            Some(minor @ 33..=37) => Ok(Self(minor)),
            _ => Err(format!(
                "\"{text}\" is not a supported release: 1.33 to 1.37 are"
            )),
        }
    }
}
