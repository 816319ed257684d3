//! What updater and admission know of a pod's containers.

use super::spec::{Recommendation, Resources};

/// One container of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container<'a> {
    /// Its name.
    pub name: &'a str,
    /// `resources.requests`. For a running pod those of the container's status, which differ
    /// from the spec's while a resize is under way.
    pub requests: Resources,
    /// `resources.limits`, of the spec or status as the requests are.
    pub limits: Resources,
}

/// The recommendation for a container, if there is one (`GetRecommendationForContainer`).
pub(super) fn recommendation<'r>(
    recommendations: &'r [Recommendation],
    container_name: &str,
) -> Option<&'r Recommendation> {
    recommendations
        .iter()
        .find(|recommendation| recommendation.container_name == container_name)
}
