//! What admission notes about a container in the pod's annotation `vpaUpdates`.
//!
//! The texts are upstream's: `cappingAction` in `pkg/utils/vpa/capping.go` and the
//! remarks of `limit_and_request_scaling.go`.

use std::fmt;

use crate::autoscaler::vpa::Resource;

/// A remark on one resource of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// The resource.
    pub resource: Resource,
    /// The remark.
    pub remark: Remark,
}

/// Why an amount is not what was recommended, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remark {
    /// Raised to the policy's `minAllowed`.
    MinAllowed,
    /// Lowered to the policy's `maxAllowed`.
    MaxAllowed,
    /// Lowered to the container's limit.
    ContainerLimit,
    /// Lowered, so that the limit fits the LimitRange's maximum for containers.
    LimitRangeMax,
    /// Raised to fit the LimitRange's minimum for containers.
    LimitRangeMin,
    /// No limit: the container had none.
    NoOriginalLimit,
    /// No limit: there is no recommended request.
    NoRecommendedRequest,
    /// The limit is the largest number there is, not in proportion.
    RatioLost,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, remark } = self;
        match remark {
            Remark::MinAllowed => write!(f, "{resource} capped to minAllowed"),
            Remark::MaxAllowed => write!(f, "{resource} capped to maxAllowed"),
            Remark::ContainerLimit => write!(f, "{resource} capped to container limit"),
            Remark::LimitRangeMax => {
                write!(f, "{resource} capped to fit Max in container LimitRange")
            }
            Remark::LimitRangeMin => {
                write!(f, "{resource} capped to fit Min in container LimitRange")
            }
            Remark::NoOriginalLimit => {
                write!(
                    f,
                    "{resource}: limit NOT set since originalLimit is nil or 0"
                )
            }
            Remark::NoRecommendedRequest => write!(
                f,
                "{resource}: limit NOT set since recommendedRequest is nil or 0"
            ),
            Remark::RatioLost => write!(
                f,
                "{resource}: failed to keep limit to request ratio; capping limit to int64"
            ),
        }
    }
}
