//! The HPA's spec: as users write it, and as the API server completes it. Follows
//! `pkg/apis/autoscaling/v2/defaults.go`.

use std::fmt;

use crate::autoscaler::label_selector::LabelSelector;
use crate::sim::SimDuration;

/// The spec as written; absent fields are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HpaSpecInput {
    /// `minReplicas`.
    pub min_replicas: Option<i32>,
    /// `maxReplicas`.
    pub max_replicas: i32,
    /// `metrics`.
    pub metrics: Vec<MetricSpec>,
    /// `behavior`.
    pub behavior: Option<BehaviorInput>,
}

/// `behavior` as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BehaviorInput {
    /// `scaleUp`.
    pub scale_up: Option<ScalingRulesInput>,
    /// `scaleDown`.
    pub scale_down: Option<ScalingRulesInput>,
}

/// One direction's rules as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingRulesInput {
    /// `stabilizationWindowSeconds`.
    pub stabilization_window: Option<i32>,
    /// `selectPolicy`.
    pub select_policy: Option<SelectPolicy>,
    /// `policies`.
    pub policies: Option<Vec<Policy>>,
    /// `tolerance`.
    pub tolerance: Option<f64>,
}

/// The completed spec.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaSpec {
    /// `minReplicas`.
    pub min_replicas: i32,
    /// `maxReplicas`.
    pub max_replicas: i32,
    /// `metrics`; never empty.
    pub metrics: Vec<MetricSpec>,
    /// `behavior`; its absence selects rules of their own.
    pub behavior: Option<Behavior>,
}

/// Completed rules of both directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Behavior {
    /// `scaleUp`.
    pub scale_up: ScalingRules,
    /// `scaleDown`.
    pub scale_down: ScalingRules,
}

/// Completed rules of one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingRules {
    /// `stabilizationWindowSeconds`; absent (scale-down only) means the controller's flag.
    pub stabilization_window: Option<SimDuration>,
    /// `selectPolicy`.
    pub select_policy: SelectPolicy,
    /// `policies`.
    pub policies: Vec<Policy>,
    /// `tolerance`; absent means the controller's flag.
    pub tolerance: Option<f64>,
}

/// Which of several policies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// A limit on the change within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// In pods or percent.
    pub kind: PolicyType,
    /// How many pods or percent.
    pub value: i32,
    /// `periodSeconds`.
    pub period: SimDuration,
}

/// What a policy's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Pods.
    Pods,
    /// Percent of the replicas at the period's start.
    Percent,
}

/// A resource of the resource metrics API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// CPU, counted in millicores.
    Cpu,
    /// Memory, counted in milli-bytes.
    Memory,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

/// One metric of the spec.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricSpec {
    /// Usage of all containers of each pod.
    Resource {
        /// Which resource.
        resource: Resource,
        /// The target.
        target: ResourceTarget,
    },
    /// Usage of one container of each pod.
    ContainerResource {
        /// Which resource.
        resource: Resource,
        /// Which container.
        container: String,
        /// The target.
        target: ResourceTarget,
    },
    /// A resource of which the resource metrics API tells nothing. The API server takes any name;
    /// the metric fails at every sync.
    Unmeasured {
        /// Name of the resource.
        resource: String,
        /// Which container, of a metric of type ContainerResource.
        container: Option<String>,
        /// The target.
        target: ResourceTarget,
    },
    /// A metric of each pod.
    Pods {
        /// Name of the metric.
        name: String,
        /// `metric.selector`.
        selector: Option<LabelSelector>,
        /// Target average per pod, in thousandths.
        average_value: i64,
    },
    /// A metric of one object.
    Object {
        /// Name of the metric.
        name: String,
        /// `metric.selector`.
        selector: Option<LabelSelector>,
        /// The object.
        object: ObjectReference,
        /// The target.
        target: ValueTarget,
    },
    /// A metric of one object whose target lacks the value that its type names. The API server
    /// takes it; it fails at every sync.
    Untargeted {
        /// Name of the metric.
        name: String,
        /// `metric.selector`.
        selector: Option<LabelSelector>,
        /// The object.
        object: ObjectReference,
        /// The target as it is written.
        target: TypedTarget,
    },
    /// A metric from outside the cluster.
    External {
        /// Name of the metric.
        name: String,
        /// `metric.selector`.
        selector: Option<LabelSelector>,
        /// The target.
        target: ValueTarget,
    },
}

/// The object that an Object metric describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    /// `apiVersion`; empty is the core group's.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
}

/// Target of a resource metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceTarget {
    /// `averageUtilization`: percent of the request.
    Utilization(i32),
    /// `averageValue`, in thousandths.
    AverageValue(i64),
}

/// Target of an Object or External metric, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueTarget {
    /// `value`.
    Value(i64),
    /// `averageValue`: per pod.
    AverageValue(i64),
}

/// A target as it is written, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedTarget {
    /// `type`.
    pub kind: String,
    /// `value`.
    pub value: Option<i64>,
    /// `averageValue`.
    pub average_value: Option<i64>,
}

const SECONDS_15: SimDuration = SimDuration::from_secs(15);

impl HpaSpecInput {
    /// Completes the spec as the API server does.
    pub fn defaulted(self) -> HpaSpec {
        let cpu_80 = MetricSpec::Resource {
            resource: Resource::Cpu,
            target: ResourceTarget::Utilization(80),
        };
        HpaSpec {
            min_replicas: self.min_replicas.unwrap_or(1),
            max_replicas: self.max_replicas,
            metrics: if self.metrics.is_empty() {
                vec![cpu_80]
            } else {
                self.metrics
            },
            behavior: self.behavior.map(BehaviorInput::defaulted),
        }
    }
}

impl MetricSpec {
    /// Whether the metric is one of an object or from outside the cluster, so that it has
    /// a value even without any pod.
    pub fn is_outside_pods(&self) -> bool {
        matches!(
            self,
            Self::Object { .. } | Self::Untargeted { .. } | Self::External { .. }
        )
    }
}

impl BehaviorInput {
    /// Completes both directions; a field that is given replaces the default as a whole.
    pub fn defaulted(self) -> Behavior {
        let percent_100 = Policy {
            kind: PolicyType::Percent,
            value: 100,
            period: SECONDS_15,
        };
        let pods_4 = Policy {
            kind: PolicyType::Pods,
            value: 4,
            period: SECONDS_15,
        };
        Behavior {
            scale_up: self
                .scale_up
                .unwrap_or_default()
                .defaulted(Some(SimDuration::ZERO), vec![pods_4, percent_100]),
            scale_down: self
                .scale_down
                .unwrap_or_default()
                .defaulted(None, vec![percent_100]),
        }
    }
}

impl ScalingRulesInput {
    fn defaulted(self, window: Option<SimDuration>, policies: Vec<Policy>) -> ScalingRules {
        let given = self
            .stabilization_window
            .map(|seconds| SimDuration::from_secs(i64::from(seconds)));
        ScalingRules {
            stabilization_window: given.or(window),
            select_policy: self.select_policy.unwrap_or(SelectPolicy::Max),
            policies: self.policies.unwrap_or(policies),
            tolerance: self.tolerance,
        }
    }
}
