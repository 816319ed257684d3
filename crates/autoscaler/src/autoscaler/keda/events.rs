//! Events, with upstream's reasons and messages: `eventreason.go`, `message.go`.

/// An event about a ScaledObject or ScaledJob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether its type is `Warning`; else `Normal`.
    pub warning: bool,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

impl Event {
    /// A `Normal` event.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            message: message.into(),
        }
    }

    /// A `Warning` event.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            reason,
            message: message.into(),
        }
    }

    /// `Normal` or `Warning`.
    pub const fn kind(&self) -> &'static str {
        if self.warning { "Warning" } else { "Normal" }
    }
}

/// `eventreason.KEDAScalersInfo`, whose text has no second `s`.
pub const SCALERS_INFO: &str = "KEDAScalerInfo";
pub(crate) const SCALED_OBJECT_READY: &str = "ScaledObjectReady";
pub(crate) const SCALED_OBJECT_CHECK_FAILED: &str = "ScaledObjectCheckFailed";
pub(crate) const SCALED_OBJECT_UPDATE_FAILED: &str = "ScaledObjectUpdateFailed";
pub(crate) const SCALED_OBJECT_DELETED: &str = "ScaledObjectDeleted";
pub(crate) const SCALED_OBJECT_PAUSED: &str = "ScaledObjectPaused";
pub(crate) const SCALED_OBJECT_UNPAUSED: &str = "ScaledObjectUnpaused";
pub(crate) const FALLBACK_ACTIVATED: &str = "ScaledObjectFallbackActivated";
pub(crate) const FALLBACK_DEACTIVATED: &str = "ScaledObjectFallbackDeactivated";
pub(crate) const SCALERS_STARTED: &str = "KEDAScalersStarted";
pub(crate) const SCALERS_STOPPED: &str = "KEDAScalersStopped";
pub(crate) const SCALER_FAILED: &str = "KEDAScalerFailed";
pub(crate) const METRIC_SOURCE_FAILED: &str = "KEDAMetricSourceFailed";
pub(crate) const ACTIVATED: &str = "KEDAScaleTargetActivated";
pub(crate) const DEACTIVATED: &str = "KEDAScaleTargetDeactivated";
pub(crate) const ACTIVATION_FAILED: &str = "KEDAScaleTargetActivationFailed";
pub(crate) const DEACTIVATION_FAILED: &str = "KEDAScaleTargetDeactivationFailed";
pub(crate) const SCALED_JOB_ACTIVE: &str = "ScaledJobActive";
pub(crate) const SCALED_JOB_INACTIVE: &str = "ScaledJobInactive";
/// `eventreason.KEDAJobsCreated`.
pub const JOBS_CREATED: &str = "KEDAJobsCreated";
/// `eventreason.KEDAJobCreateFailed`.
pub const JOB_CREATE_FAILED: &str = "KEDAJobCreateFailed";
pub(crate) const SCALED_JOB_READY: &str = "ScaledJobReady";
pub(crate) const SCALED_JOB_CHECK_FAILED: &str = "ScaledJobCheckFailed";
pub(crate) const SCALED_JOB_PAUSED: &str = "ScaledJobPaused";
pub(crate) const SCALED_JOB_UNPAUSED: &str = "ScaledJobUnpaused";
pub(crate) const ROLLOUT_STARTED: &str = "ScaledJobRolloutCleanupStarted";
pub(crate) const ROLLOUT_COMPLETED: &str = "ScaledJobRolloutCleanupCompleted";
pub(crate) const SCALED_JOB_DELETED: &str = "ScaledJobDeleted";
