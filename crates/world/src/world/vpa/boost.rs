//! Pods whose containers have more CPU while they start (annotations
//! `vpaCpuStartupBoost/NAME`).

use crate::autoscaler::vpa::Container;
use crate::autoscaler::vpa::updater::OriginalResources;

/// What the boosted containers of a pod would have had, by the container's place.
#[derive(Debug, Clone)]
pub(in crate::world) struct Boosted(pub(super) Vec<Option<OriginalResources>>);

impl Boosted {
    /// Those of a new pod's containers that admission has boosted.
    pub(super) fn new(boosted: &[bool], containers: &[Container<'_>]) -> Option<Self> {
        let original = |(boosted, container): (&bool, &Container<'_>)| {
            boosted.then_some(OriginalResources {
                requests: container.requests,
                limits: container.limits,
            })
        };
        let originals: Vec<_> = boosted.iter().zip(containers).map(original).collect();
        originals
            .iter()
            .any(Option::is_some)
            .then_some(Self(originals))
    }

    /// Whether any boost goes on.
    pub(super) fn goes_on(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }
}
