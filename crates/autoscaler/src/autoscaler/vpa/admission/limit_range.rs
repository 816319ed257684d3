//! The namespace's LimitRange: what of it the VPA heeds, and how several become one.
//!
//! Follows `pkg/utils/limitrange/limit_range_calculator.go` and, for bounds on one
//! container, `applyContainerLimitRange` in `pkg/utils/vpa/capping.go`. Bounds on the sum
//! over a pod are in `pod_limit_range`.

use super::annotation::{Annotation, Remark};
use super::proportional;
use crate::autoscaler::vpa::pod::Container;
use crate::autoscaler::vpa::{Resource, Resources, cap_to_max, cap_to_min};
use crate::units::Quantity;

/// What all LimitRanges of a namespace come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitRange {
    /// Items of type `Container`.
    pub container: Option<LimitRangeItem>,
    /// Items of type `Pod`.
    pub pod: Option<LimitRangeItem>,
}

/// An item of a LimitRange. An absent amount is no bound, and so is one of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitRangeItem {
    /// `max`: limits are at most this.
    pub max: Resources,
    /// `min`: requests and limits are at least this.
    pub min: Resources,
    /// `default`: the limit of containers that set none.
    pub default: Resources,
}

impl LimitRangeItem {
    /// The bounds of this item and a later one together: the lower maximum, the higher
    /// minimum, the later defaults.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let default = if later.default.is_empty() {
            self.default
        } else {
            later.default
        };
        Self {
            max: combine(
                self.max,
                later.max,
                |one, later| if one < later { one } else { later },
            ),
            min: combine(
                self.min,
                later.min,
                |one, later| if one > later { one } else { later },
            ),
            default,
        }
    }
}

fn combine(
    one: Resources,
    other: Resources,
    pick: fn(Quantity, Quantity) -> Quantity,
) -> Resources {
    let both = |resource| match (one.get(resource), other.get(resource)) {
        (Some(one), Some(other)) => Some(pick(one, other)),
        (one, other) => one.or(other),
    };
    Resources {
        cpu: both(Resource::Cpu),
        memory: both(Resource::Memory),
    }
}

/// The requests that a LimitRange for containers allows one container.
pub(super) struct RequestBounds {
    min: Resources,
    max: Resources,
}

impl RequestBounds {
    /// Bounds on limits, translated by the container's ratio of limit to request. The
    /// minimum also holds for the request itself.
    pub(super) fn new(container: &Container<'_>, item: &LimitRangeItem) -> Self {
        let translate = |resource, boundary: &Resources| {
            proportional::boundary_request(
                resource,
                container.requests.get(resource),
                container.limits.get(resource),
                boundary.get(resource),
                item.default.get(resource),
            )
        };
        let min = |resource| item.min.get(resource).max(translate(resource, &item.min));
        Self {
            min: Resources {
                cpu: min(Resource::Cpu),
                memory: min(Resource::Memory),
            },
            max: Resources {
                cpu: translate(Resource::Cpu, &item.max),
                memory: translate(Resource::Memory, &item.max),
            },
        }
    }

    /// Brings requests within the bounds and notes what was changed.
    pub(super) fn apply(&self, requests: &mut Resources, mut note: impl FnMut(Annotation)) {
        for (resource, amount) in requests.iter() {
            let (amount, raised) = cap_to_min(amount, resource, &self.min);
            let (amount, lowered) = cap_to_max(amount, resource, &self.max);
            *requests.get_mut(resource) = Some(amount);
            for (changed, remark) in [
                (raised, Remark::LimitRangeMin),
                (lowered, Remark::LimitRangeMax),
            ] {
                if changed {
                    note(Annotation { resource, remark });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(cpu: &str, memory: &str) -> Resources {
        let read = |text: &str| text.parse().ok();
        Resources {
            cpu: read(cpu),
            memory: read(memory),
        }
    }

    #[test]
    fn several_limit_ranges_come_to_the_tightest_bounds() {
        let one = LimitRangeItem {
            max: amounts("2", "1Gi"),
            min: amounts("100m", ""),
            default: amounts("500m", ""),
        };
        let later = LimitRangeItem {
            max: amounts("1", "2Gi"),
            min: amounts("50m", "64Mi"),
            default: Resources::default(),
        };
        let both = LimitRangeItem {
            max: amounts("1", "1Gi"),
            min: amounts("100m", "64Mi"),
            default: amounts("500m", ""),
        };
        assert_eq!(one.and(later), both);
        assert_eq!(later.and(one), both);
    }

    #[test]
    fn bounds_on_limits_hold_requests_in_proportion() {
        let container = Container {
            name: "api",
            requests: amounts("100m", "100Mi"),
            limits: amounts("200m", ""),
        };
        let item = LimitRangeItem {
            max: amounts("1", "1Gi"),
            min: amounts("300m", "200Mi"),
            default: Resources::default(),
        };
        let bounds = RequestBounds::new(&container, &item);
        let apply = |mut requests| {
            let mut notes = Vec::new();
            bounds.apply(&mut requests, |note| notes.push(note.to_string()));
            (requests, notes)
        };
        // A maximum of 1 for limits is one of 500m for requests. Memory has no limit, hence
        // no maximum; the minimum holds for the request itself.
        assert_eq!(
            apply(amounts("800m", "4Gi")),
            (
                amounts("500m", "4Gi"),
                vec!["cpu capped to fit Max in container LimitRange".to_owned()]
            )
        );
        assert_eq!(
            apply(amounts("200m", "100Mi")),
            (
                amounts("300m", "200Mi"),
                vec![
                    "cpu capped to fit Min in container LimitRange".to_owned(),
                    "memory capped to fit Min in container LimitRange".to_owned()
                ]
            )
        );
    }
}
