//! The HPA's spec: as users write it, as the API server completes it, and what the API
//! server refuses. Follows `pkg/apis/autoscaling/v2/defaults.go` and
//! `pkg/apis/autoscaling/validation`.

use std::collections::BTreeMap;
use std::fmt;

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
    /// A metric of each pod.
    Pods {
        /// Name of the metric.
        name: String,
        /// `metric.selector.matchLabels`.
        selector: Option<BTreeMap<String, String>>,
        /// Target average per pod, in thousandths.
        average_value: i64,
    },
    /// A metric of one object.
    Object {
        /// Name of the metric.
        name: String,
        /// `metric.selector.matchLabels`.
        selector: Option<BTreeMap<String, String>>,
        /// The object.
        object: ObjectReference,
        /// The target.
        target: ValueTarget,
    },
    /// A metric from outside the cluster.
    External {
        /// Name of the metric.
        name: String,
        /// `metric.selector.matchLabels`.
        selector: Option<BTreeMap<String, String>>,
        /// The target.
        target: ValueTarget,
    },
}

/// The object that an Object metric describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
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

/// What the API server would refuse, with the path of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecProblem {
    /// Path below the object, for example `spec.behavior.scaleUp.policies[0].periodSeconds`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
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

    /// Everything that the API server would refuse, in field order.
    pub fn problems(&self, scale_to_zero: bool) -> Vec<SpecProblem> {
        let mut problems = Problems::default();
        let scales_to_zero = scale_to_zero && self.metrics.iter().any(MetricSpec::is_outside_pods);
        let least = i32::from(!scales_to_zero);
        let min = self.min_replicas.unwrap_or(1);
        problems.check(min >= least, "spec.minReplicas", || {
            let zero = "0 needs the feature gate HPAScaleToZero and an Object or External metric";
            format!("minReplicas is {min}; it must be at least 1 ({zero})")
        });
        problems.check(self.max_replicas >= 1, "spec.maxReplicas", || {
            format!(
                "maxReplicas is {}; it must be given and at least 1",
                self.max_replicas
            )
        });
        problems.check(
            self.max_replicas < 1 || self.max_replicas >= min,
            "spec.maxReplicas",
            || {
                format!(
                    "maxReplicas ({}) is below minReplicas ({min}); it must be at least {min}",
                    self.max_replicas
                )
            },
        );
        for (index, metric) in self.metrics.iter().enumerate() {
            metric.check(&format!("spec.metrics[{index}]"), &mut problems);
        }
        for (name, rules) in [
            (
                "scaleUp",
                self.behavior.as_ref().and_then(|b| b.scale_up.as_ref()),
            ),
            (
                "scaleDown",
                self.behavior.as_ref().and_then(|b| b.scale_down.as_ref()),
            ),
        ] {
            if let Some(rules) = rules {
                rules.check(&format!("spec.behavior.{name}"), &mut problems);
            }
        }
        problems.0
    }
}

#[derive(Default)]
struct Problems(Vec<SpecProblem>);

impl Problems {
    fn check(&mut self, holds: bool, path: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(SpecProblem {
                path: path.to_owned(),
                message: message(),
            });
        }
    }
}

impl MetricSpec {
    /// Whether the metric is one of an object or from outside the cluster, so that it has
    /// a value even without any pod.
    pub fn is_outside_pods(&self) -> bool {
        matches!(self, Self::Object { .. } | Self::External { .. })
    }

    fn check(&self, path: &str, problems: &mut Problems) {
        let (field, positive) = match self {
            Self::Resource { target, .. } | Self::ContainerResource { target, .. } => {
                let field = if matches!(self, Self::Resource { .. }) {
                    "resource"
                } else {
                    "containerResource"
                };
                match target {
                    ResourceTarget::Utilization(value) => {
                        (format!("{field}.target.averageUtilization"), *value > 0)
                    }
                    ResourceTarget::AverageValue(value) => {
                        (format!("{field}.target.averageValue"), *value > 0)
                    }
                }
            }
            Self::Pods { average_value, .. } => {
                ("pods.target.averageValue".to_owned(), *average_value > 0)
            }
            Self::Object { target, .. } | Self::External { target, .. } => {
                let field = if matches!(self, Self::Object { .. }) {
                    "object"
                } else {
                    "external"
                };
                match target {
                    ValueTarget::Value(value) => (format!("{field}.target.value"), *value > 0),
                    ValueTarget::AverageValue(value) => {
                        (format!("{field}.target.averageValue"), *value > 0)
                    }
                }
            }
        };
        problems.check(positive, &format!("{path}.{field}"), || {
            "the target must be greater than 0".to_owned()
        });
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

    fn check(&self, path: &str, problems: &mut Problems) {
        if let Some(window) = self.stabilization_window {
            problems.check(
                (0..=3600).contains(&window),
                &format!("{path}.stabilizationWindowSeconds"),
                || format!("stabilizationWindowSeconds is {window}; it must be between 0 and 3600"),
            );
        }
        if let Some(tolerance) = self.tolerance {
            problems.check(tolerance >= 0.0, &format!("{path}.tolerance"), || {
                format!("tolerance is {tolerance}; it must not be negative")
            });
        }
        let Some(policies) = &self.policies else {
            return;
        };
        problems.check(!policies.is_empty(), &format!("{path}.policies"), || {
            "policies is empty; give at least one policy or leave the field out".to_owned()
        });
        for (index, policy) in policies.iter().enumerate() {
            problems.check(
                policy.value > 0,
                &format!("{path}.policies[{index}].value"),
                || format!("value is {}; it must be greater than 0", policy.value),
            );
            let seconds = policy.period.0 / 1_000_000_000;
            problems.check(
                (1..=1800).contains(&seconds),
                &format!("{path}.policies[{index}].periodSeconds"),
                || format!("periodSeconds is {seconds}; it must be between 1 and 1800"),
            );
        }
    }
}
