//! Why a pass leaves a pod as it is. Upstream logs these reasons; here they are told.

/// Why the updater did nothing about a live pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The mode needs a feature gate that is off.
    Gate,
    /// There is no recommendation yet.
    NoRecommendation,
    /// Fewer pods are alive than `minReplicas`, or the flag `min-replicas`, asks for.
    MinReplicas,
    /// Its controller is to have no pods.
    NoReplicas,
    /// As many pods are away as `eviction-tolerance` allows.
    Tolerance,
    /// It has not started, and a pod is resized only once it runs.
    Pending,
    /// A resize of it is under way or waits for room.
    ResizeUnderWay,
    /// Its node could not hold what was asked for, and nothing recommended is lower now.
    Infeasible,
    /// It has more CPU while it starts.
    Boosted,
    /// It has what is recommended.
    AtTarget,
    /// Its requests are within the bounds, and it is too young for a smaller difference to count
    /// (`in-recommendation-bounds-eviction-lifetime-threshold`).
    Young,
    /// Its requests are within the bounds and less than `pod-update-threshold` from the target.
    SmallDifference,
    /// The change is none that `evictionRequirements` ask for.
    EvictionRequirements,
    /// The rate limit has used up the pass.
    RateLimit,
    /// The API server refused the eviction.
    EvictionRefused,
    /// The API server refused the resize.
    ResizeRefused,
}
