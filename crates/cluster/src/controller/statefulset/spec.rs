//! What of a StatefulSet's spec decides the life of its pods, defaulted as the API server
//! defaults it (`pkg/apis/apps/v1/defaults.go`, `SetDefaults_StatefulSet`).

use super::super::deployment::IntOrPercent;
use crate::cluster::spec::FeatureGate;

/// `spec.updateStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStrategy {
    /// Pods get the new template when somebody deletes them.
    OnDelete,
    /// Pods are replaced from the highest ordinal down.
    RollingUpdate {
        /// `rollingUpdate.partition`: ordinals below it stay as they are. `None` where a
        /// manifest names the type without the block, which replaces all pods, but gives those
        /// that go missing in the roll-out their old revision back.
        partition: Option<i32>,
    },
}

/// A StatefulSet's spec without its templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatefulSetSpec {
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.ordinals.start`: the lowest ordinal.
    pub start_ordinal: i32,
    /// `spec.podManagementPolicy: Parallel`: pods are created and deleted without waiting for
    /// each other; the other policy is OrderedReady.
    pub is_parallel: bool,
    /// `spec.updateStrategy`.
    pub update_strategy: UpdateStrategy,
    /// `spec.updateStrategy.rollingUpdate.maxUnavailable`; always there with the gate
    /// MaxUnavailableStatefulSet, and never without it.
    pub max_unavailable: Option<IntOrPercent>,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `spec.revisionHistoryLimit`: revisions kept that no pod has.
    pub revision_history_limit: i32,
}

impl StatefulSetSpec {
    /// What the API server keeps of it with the gate MaxUnavailableStatefulSet open or not.
    #[must_use]
    pub fn behind_gate(self, gate: FeatureGate) -> Self {
        let most = self.max_unavailable.unwrap_or(IntOrPercent::Int(1));
        Self {
            max_unavailable: (gate == FeatureGate::On).then_some(most),
            ..self
        }
    }
}

/// `spec.updateStrategy.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStrategyType {
    /// `OnDelete`.
    OnDelete,
    /// `RollingUpdate`.
    RollingUpdate,
}

/// A spec as it is written in a manifest: what is left out is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatefulSetSpecInput {
    /// `spec.replicas`.
    pub replicas: Option<i32>,
    /// `spec.ordinals.start`.
    pub start_ordinal: i32,
    /// `spec.podManagementPolicy: Parallel`.
    pub is_parallel: bool,
    /// `spec.updateStrategy.type`.
    pub update_strategy: Option<UpdateStrategyType>,
    /// Whether `spec.updateStrategy.rollingUpdate` is there.
    pub has_rolling_update: bool,
    /// `spec.updateStrategy.rollingUpdate.partition`.
    pub partition: Option<i32>,
    /// `spec.updateStrategy.rollingUpdate.maxUnavailable`.
    pub max_unavailable: Option<IntOrPercent>,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `spec.revisionHistoryLimit`.
    pub revision_history_limit: Option<i32>,
}

impl From<StatefulSetSpecInput> for StatefulSetSpec {
    fn from(input: StatefulSetSpecInput) -> Self {
        let partition = input.partition.unwrap_or(0);
        let has_partition = input.has_rolling_update || input.partition.is_some();
        let update_strategy = match input.update_strategy {
            Some(UpdateStrategyType::OnDelete) => UpdateStrategy::OnDelete,
            Some(UpdateStrategyType::RollingUpdate) => UpdateStrategy::RollingUpdate {
                partition: has_partition.then_some(partition),
            },
            None => UpdateStrategy::RollingUpdate {
                partition: Some(partition),
            },
        };
        Self {
            replicas: input.replicas.unwrap_or(1),
            start_ordinal: input.start_ordinal,
            is_parallel: input.is_parallel,
            update_strategy,
            max_unavailable: input.max_unavailable,
            min_ready_seconds: input.min_ready_seconds,
            revision_history_limit: input.revision_history_limit.unwrap_or(10),
        }
    }
}

impl Default for StatefulSetSpec {
    /// A spec with every default.
    fn default() -> Self {
        StatefulSetSpecInput::default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_defaulted_as_by_the_api_server() {
        let spec = StatefulSetSpec::default();
        assert_eq!((spec.replicas, spec.revision_history_limit), (1, 10));
        let partition = Some(0);
        assert_eq!(
            spec.update_strategy,
            UpdateStrategy::RollingUpdate { partition }
        );
    }

    #[test]
    fn a_strategy_named_without_its_block_has_no_partition() {
        let spec = StatefulSetSpec::from(StatefulSetSpecInput {
            update_strategy: Some(UpdateStrategyType::RollingUpdate),
            ..StatefulSetSpecInput::default()
        });
        let partition = None;
        assert_eq!(
            spec.update_strategy,
            UpdateStrategy::RollingUpdate { partition }
        );
    }
}
