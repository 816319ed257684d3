//! What the updater did to a pod, and the events it writes about it.
//!
//! The texts are upstream's (`pkg/updater/restriction`, `pkg/updater/logic/updater.go`);
//! all are of type `Normal`, from component `vpa-updater`.

use std::borrow::Cow;

use super::ResizeRefused;
use crate::sim::SimTime;

/// One thing done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The pod's place in the view.
    pub pod: usize,
    /// When; later than the pass began only under a rate limit.
    pub at: SimTime,
    /// What.
    pub kind: ActionKind,
}

/// Kinds of things done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// The pod was evicted.
    Evicted,
    /// The eviction API refused.
    EvictionRefused,
    /// A resize was started.
    Resized,
    /// A resize could not be started.
    ResizeFailed(ResizeRefused),
    /// No resize, as the last one was infeasible and nothing recommended is lower now.
    ResizeSkipped,
}

/// A Kubernetes event's reason and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `reason`.
    pub reason: &'static str,
    /// `message`.
    pub message: Cow<'static, str>,
}

impl ActionKind {
    /// The event on the pod.
    pub const fn pod_event(self) -> Option<Event> {
        let (reason, message) = match self {
            Self::Evicted => (
                "EvictedByVPA",
                "Pod was evicted by VPA Updater to apply resource recommendation.",
            ),
            Self::Resized => (
                "InPlaceResizedByVPA",
                "Pod was resized in place by VPA Updater.",
            ),
            Self::ResizeSkipped => (
                "InPlaceResizeSkipped",
                "Previously recorded in-place update was infeasible, current recommendation is not lower than previous, skipping resize",
            ),
            Self::EvictionRefused | Self::ResizeFailed(_) => return None,
        };
        let message = Cow::Borrowed(message);
        Some(Event { reason, message })
    }

    /// The event on the VPA.
    pub fn vpa_event(self, pod_name: &str) -> Option<Event> {
        (self == Self::Evicted).then(|| Event {
            reason: "EvictedPod",
            message: format!(
                "VPA Updater evicted Pod {pod_name} to apply resource recommendation."
            )
            .into(),
        })
    }
}
