//! What of a Deployment's spec decides its roll-outs, defaulted as the API server defaults it
//! (`pkg/apis/apps/v1/defaults.go`, `SetDefaults_Deployment`).

use super::fenceposts::IntOrPercent;

/// `spec.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Old pods go as new ones become available.
    RollingUpdate(RollingUpdate),
    /// All old pods end before the first new one is created.
    Recreate,
}

/// `spec.strategy.rollingUpdate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollingUpdate {
    /// `maxSurge`: pods beyond `replicas`; a percentage rounds up.
    pub max_surge: IntOrPercent,
    /// `maxUnavailable`: pods short of `replicas`; a percentage rounds down.
    pub max_unavailable: IntOrPercent,
}

/// A Deployment's spec without its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeploymentSpec {
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.paused`.
    pub paused: bool,
    /// `spec.strategy`.
    pub strategy: Strategy,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `spec.revisionHistoryLimit`: old ReplicaSets that are kept; `i32::MAX` keeps all.
    pub revision_history_limit: i32,
    /// `spec.progressDeadlineSeconds`; `i32::MAX` is none.
    pub progress_deadline_seconds: i32,
}

/// `spec.strategy.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrategyType {
    /// `RollingUpdate`.
    RollingUpdate,
    /// `Recreate`.
    Recreate,
}

/// A spec as it is written in a manifest: what is left out is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeploymentSpecInput {
    /// `spec.replicas`.
    pub replicas: Option<i32>,
    /// `spec.paused`.
    pub paused: bool,
    /// `spec.strategy.type`.
    pub strategy: Option<StrategyType>,
    /// `spec.strategy.rollingUpdate.maxSurge`.
    pub max_surge: Option<IntOrPercent>,
    /// `spec.strategy.rollingUpdate.maxUnavailable`.
    pub max_unavailable: Option<IntOrPercent>,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `spec.revisionHistoryLimit`.
    pub revision_history_limit: Option<i32>,
    /// `spec.progressDeadlineSeconds`.
    pub progress_deadline_seconds: Option<i32>,
}

impl From<DeploymentSpecInput> for DeploymentSpec {
    fn from(input: DeploymentSpecInput) -> Self {
        const QUARTER: IntOrPercent = IntOrPercent::Percent(25);
        let strategy = match input.strategy {
            Some(StrategyType::Recreate) => Strategy::Recreate,
            None | Some(StrategyType::RollingUpdate) => Strategy::RollingUpdate(RollingUpdate {
                max_surge: input.max_surge.unwrap_or(QUARTER),
                max_unavailable: input.max_unavailable.unwrap_or(QUARTER),
            }),
        };
        Self {
            replicas: input.replicas.unwrap_or(1),
            paused: input.paused,
            strategy,
            min_ready_seconds: input.min_ready_seconds,
            revision_history_limit: input.revision_history_limit.unwrap_or(10),
            progress_deadline_seconds: input.progress_deadline_seconds.unwrap_or(600),
        }
    }
}

impl Default for DeploymentSpec {
    /// A spec with every default.
    fn default() -> Self {
        DeploymentSpecInput::default().into()
    }
}

impl DeploymentSpec {
    /// Whether lack of progress is reported (`HasProgressDeadline`).
    pub fn has_progress_deadline(&self) -> bool {
        self.progress_deadline_seconds != i32::MAX
    }

    /// Whether old ReplicaSets are deleted at all (`HasRevisionHistoryLimit`).
    pub fn has_revision_history_limit(&self) -> bool {
        self.revision_history_limit != i32::MAX
    }

    /// Whether pods are replaced a few at a time (`IsRollingUpdate`).
    pub fn is_rolling_update(&self) -> bool {
        matches!(self.strategy, Strategy::RollingUpdate(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_defaulted_as_by_the_api_server() {
        let spec = DeploymentSpec::default();
        let quarter = IntOrPercent::Percent(25);
        assert_eq!(spec.replicas, 1);
        assert_eq!(
            spec.strategy,
            Strategy::RollingUpdate(RollingUpdate {
                max_surge: quarter,
                max_unavailable: quarter,
            })
        );
        assert_eq!(spec.revision_history_limit, 10);
        assert_eq!(spec.progress_deadline_seconds, 600);
    }

    #[test]
    fn one_fencepost_given_leaves_the_other_at_its_default() {
        let spec = DeploymentSpec::from(DeploymentSpecInput {
            max_surge: Some(IntOrPercent::Int(0)),
            ..DeploymentSpecInput::default()
        });
        let Strategy::RollingUpdate(rolling) = spec.strategy else {
            panic!("rolling updates are the default");
        };
        assert_eq!(rolling.max_unavailable, IntOrPercent::Percent(25));
    }
}
