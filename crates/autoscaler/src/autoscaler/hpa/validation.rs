//! What the API server refuses of an HPA's spec, in its words. Follows
//! `pkg/apis/autoscaling/validation/validation.go` and `field.Error` of apimachinery.

use std::fmt;

use super::config::KubernetesVersion;
use super::spec::{HpaSpecInput, MetricSpec, ResourceTarget, ScalingRulesInput, ValueTarget};
use crate::units::{Quantity, QuantityFormat};

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

/// What zero replicas need.
const SCALE_TO_ZERO: &str =
    "0 needs the feature gate HPAScaleToZero and an Object or External metric";
/// `MaxStabilizationWindowSeconds`.
const MOST_WINDOW: i32 = 3600;
/// `MaxPeriodSeconds`.
const MOST_PERIOD: i64 = 1800;

impl HpaSpecInput {
    /// Everything that the API server would refuse, in its order
    /// (`validateHorizontalPodAutoscalerSpec`).
    pub fn problems(&self, scale_to_zero: bool, release: KubernetesVersion) -> Vec<SpecProblem> {
        let mut problems = Problems::default();
        let (min, max) = (self.min_replicas.unwrap_or(1), self.max_replicas);
        let least = i32::from(!scale_to_zero);
        if min < least {
            let words = format!("must be greater than or equal to {least}");
            problems.invalid("spec.minReplicas", min, &words).help =
                (min == 0).then_some(SCALE_TO_ZERO);
        }
        match max {
            1.. => {}
            _ if release < KubernetesVersion(36) => {
                problems.invalid("spec.maxReplicas", max, "must be greater than 0");
            }
            0 => {
                let words = "Required value: must be set and greater than 0";
                problems.add("spec.maxReplicas", words.to_owned());
            }
            _ => {
                let words = "must be greater than or equal to 1";
                problems.invalid("spec.maxReplicas", max, words);
            }
        }
        if max < min {
            let words = "must be greater than or equal to `minReplicas`";
            problems.invalid("spec.maxReplicas", max, words);
        }
        for (index, metric) in self.metrics.iter().enumerate() {
            let path = format!("spec.metrics[{index}]");
            if release >= KubernetesVersion(34) {
                metric.check_object(&path, &mut problems);
            }
            metric.check(&path, &mut problems);
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
    /// `ValidateAPIVersion`: the version of an object has one group at most.
    fn check_object(&self, path: &str, problems: &mut Problems) {
        if let Self::Object { object, .. } | Self::Untargeted { object, .. } = self
            && object.api_version.matches('/').count() > 1
        {
            let version = &object.api_version;
            let words = format!("unexpected GroupVersion string: {version}");
            let path = format!("{path}.object.describedObject.apiVersion");
            problems.invalid(&path, format!("\"{version}\""), &words);
        }
    }

    /// `validateMetricTarget`: targets are above 0.
    fn check(&self, path: &str, problems: &mut Problems) {
        let mut amount = |field: &str, value: i64| {
            if value <= 0 {
                let path = format!("{path}.{field}");
                let value = Quantity::from_millis(value, QuantityFormat::DecimalSi);
                problems.invalid(&path, format!("\"{value}\""), "must be positive");
            }
        };
        match self {
            Self::Resource { target, .. }
            | Self::ContainerResource { target, .. }
            | Self::Unmeasured { target, .. } => {
                let field = match self {
                    Self::Resource { .. }
                    | Self::Unmeasured {
                        container: None, ..
                    } => "resource",
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
            Self::Untargeted { target, .. } => {
                let given = [
                    ("value", target.value),
                    ("averageValue", target.average_value),
                ];
                for (field, value) in given {
                    amount(&format!("object.target.{field}"), value.unwrap_or(1));
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

impl ScalingRulesInput {
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
