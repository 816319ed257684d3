//! The HPA's spec: as users write it, as the API server completes it, and what the API
//! server refuses. Follows `pkg/apis/autoscaling/v2/defaults.go` and
//! `pkg/apis/autoscaling/validation`.

use std::collections::BTreeMap;
use std::fmt;

use crate::sim::SimDuration;
use crate::units::{Quantity, QuantityFormat};

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
    /// What is wrong, in the API server's words: `Invalid value: 0: must be greater than 0`.
    pub message: String,
    /// What would be right, where the words leave it open.
    pub help: Option<&'static str>,
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

    /// Everything that the API server would refuse, in its order
    /// (`validateHorizontalPodAutoscalerSpec`).
    pub fn problems(&self, scale_to_zero: bool) -> Vec<SpecProblem> {
        let mut problems = Problems::default();
        let (min, max) = (self.min_replicas.unwrap_or(1), self.max_replicas);
        let least = i32::from(!scale_to_zero);
        if min < least {
            let words = format!("must be greater than or equal to {least}");
            problems.invalid("spec.minReplicas", min, &words).help =
                (min == 0).then_some(SCALE_TO_ZERO);
        }
        if max < 1 {
            problems.invalid("spec.maxReplicas", max, "must be greater than 0");
        }
        if max < min {
            let words = "must be greater than or equal to `minReplicas`";
            problems.invalid("spec.maxReplicas", max, words);
        }
        for (index, metric) in self.metrics.iter().enumerate() {
            metric.check(&format!("spec.metrics[{index}]"), &mut problems);
        }
        if min == 0 && !self.metrics.iter().any(MetricSpec::is_outside_pods) {
            let words = "must specify at least one Object or External metric to support scaling to zero replicas";
            problems.add("spec.metrics", format!("Forbidden: {words}"));
        }
        let behavior = self.behavior.as_ref();
        for (name, rules) in [
            ("scaleUp", behavior.and_then(|b| b.scale_up.as_ref())),
            ("scaleDown", behavior.and_then(|b| b.scale_down.as_ref())),
        ] {
            if let Some(rules) = rules {
                rules.check(&format!("spec.behavior.{name}"), &mut problems);
            }
        }
        problems.0
    }
}

/// What zero replicas need.
const SCALE_TO_ZERO: &str =
    "0 needs the feature gate HPAScaleToZero and an Object or External metric";
/// `MaxStabilizationWindowSeconds`.
const MOST_WINDOW: i32 = 3600;
/// `MaxPeriodSeconds`.
const MOST_PERIOD: i64 = 1800;

#[derive(Default)]
struct Problems(Vec<SpecProblem>);

impl Problems {
    fn add(&mut self, path: &str, message: String) -> &mut SpecProblem {
        self.0.push(SpecProblem {
            path: path.to_owned(),
            message,
            help: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// `field.Invalid`.
    fn invalid(&mut self, path: &str, value: impl fmt::Display, words: &str) -> &mut SpecProblem {
        self.add(path, format!("Invalid value: {value}: {words}"))
    }
}

impl MetricSpec {
    /// Whether the metric is one of an object or from outside the cluster, so that it has
    /// a value even without any pod.
    pub fn is_outside_pods(&self) -> bool {
        matches!(self, Self::Object { .. } | Self::External { .. })
    }

    /// `validateMetricTarget`: targets are above 0.
    fn check(&self, path: &str, problems: &mut Problems) {
        let mut amount = |field: &str, value: i64| {
            if value <= 0 {
                let path = format!("{path}.{field}");
                let value = Quantity::from_millis(value, QuantityFormat::DecimalSi);
                problems.invalid(&path, value, "must be positive");
            }
        };
        match self {
            Self::Resource { target, .. } | Self::ContainerResource { target, .. } => {
                let field = match self {
                    Self::Resource { .. } => "resource",
                    _ => "containerResource",
                };
                match target {
                    ResourceTarget::Utilization(value) if *value < 1 => {
                        let path = format!("{path}.{field}.target.averageUtilization");
                        problems.invalid(&path, value, "must be greater than 0");
                    }
                    ResourceTarget::Utilization(_) => {}
                    ResourceTarget::AverageValue(value) => {
                        amount(&format!("{field}.target.averageValue"), *value);
                    }
                }
            }
            Self::Pods { average_value, .. } => {
                amount("pods.target.averageValue", *average_value);
                if *average_value <= 0 {
                    let words = "Required value: must specify a positive target averageValue";
                    problems.add(
                        &format!("{path}.pods.target.averageValue"),
                        words.to_owned(),
                    );
                }
            }
            Self::Object { target, .. } | Self::External { target, .. } => {
                let field = match self {
                    Self::Object { .. } => "object",
                    _ => "external",
                };
                match target {
                    ValueTarget::Value(value) => amount(&format!("{field}.target.value"), *value),
                    ValueTarget::AverageValue(value) => {
                        amount(&format!("{field}.target.averageValue"), *value);
                    }
                }
            }
        }
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

    /// `validateScalingRules` and `validateScalingPolicy`.
    fn check(&self, path: &str, problems: &mut Problems) {
        if let Some(window) = self.stabilization_window {
            let path = format!("{path}.stabilizationWindowSeconds");
            if window < 0 {
                problems.invalid(&path, window, "must be greater than or equal to zero");
            }
            if window > MOST_WINDOW {
                let words = format!("must be less than or equal to {MOST_WINDOW}");
                problems.invalid(&path, window, &words);
            }
        }
        for (index, policy) in self.policies.iter().flatten().enumerate() {
            let path = format!("{path}.policies[{index}]");
            if policy.value <= 0 {
                let path = format!("{path}.value");
                problems.invalid(&path, policy.value, "must be greater than zero");
            }
            let path = format!("{path}.periodSeconds");
            let seconds = policy.period.0 / 1_000_000_000;
            if seconds <= 0 {
                problems.invalid(&path, seconds, "must be greater than zero");
            }
            if seconds > MOST_PERIOD {
                let words = format!("must be less than or equal to {MOST_PERIOD}");
                problems.invalid(&path, seconds, &words);
            }
        }
        if self.policies.as_ref().is_some_and(Vec::is_empty) {
            let words = "Required value: must specify at least one Policy";
            problems
                .add(&format!("{path}.policies"), words.to_owned())
                .help = Some("give at least one policy or leave the field out");
        }
        if let Some(tolerance) = self.tolerance.filter(|tolerance| *tolerance < 0.0) {
            let nanos = (tolerance * 1e9).round() as i128;
            let value = Quantity::from_nanos(nanos, QuantityFormat::DecimalSi);
            let words = "must be greater than or equal to 0";
            problems.invalid(&format!("{path}.tolerance"), format!("\"{value}\""), words);
        }
    }
}
