//! PodDisruptionBudgets.

use std::sync::Arc;

use super::LabelSelector;
use super::index::SelectionId;
use super::meta::ObjectMeta;
use crate::sim::Key;

pub use crate::controller::deployment::IntOrPercent;

/// A PodDisruptionBudget's key.
pub type PdbId = Key<PodDisruptionBudget>;

/// A PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq)]
pub struct PodDisruptionBudget {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// `spec.selector`; an empty one selects all pods of the namespace.
    pub selector: Arc<LabelSelector>,
    /// The pods that the selector matches; the store fills it in.
    pub selection: SelectionId,
    /// `spec.minAvailable`.
    pub min_available: Option<IntOrPercent>,
    /// `spec.maxUnavailable`.
    pub max_unavailable: Option<IntOrPercent>,
    /// `spec.unhealthyPodEvictionPolicy: AlwaysAllow`.
    pub always_allow_unhealthy: bool,
}
