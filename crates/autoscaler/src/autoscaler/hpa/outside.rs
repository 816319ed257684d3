//! Object and External metrics: one value for all pods, from an object of the cluster or
//! from outside it (`computeStatusForObjectMetric`, `computeStatusForExternalMetric`).

use std::borrow::Cow;
use std::fmt::Write;

use super::config::KubernetesVersion;
use super::decision::{Calculation, CurrentMetric};
use super::metric::{Failure, Outcome, Proposal, custom};
use super::observation::PodValue;
use super::replica_calculator::{Context, by_average, by_value};
use super::spec::{ObjectReference, ValueTarget};
use crate::autoscaler::label_selector::LabelSelector;

/// What Object and External metrics have in common.
pub(super) struct Outside<'a> {
    pub(super) name: &'a str,
    pub(super) selector: Option<&'a LabelSelector>,
    pub(super) target: ValueTarget,
    pub(super) status_replicas: i32,
}

/// A proposal, and the value or average that the status shows.
struct Valued {
    replicas: i32,
    value: Option<i64>,
    average: Option<i64>,
    calculation: Calculation,
}

impl Outside<'_> {
    /// An Object metric.
    pub(super) fn object(
        &self,
        context: &Context<'_>,
        index: usize,
        object: &ObjectReference,
    ) -> Outcome {
        let name = self.name;
        let fail = |cause: String| {
            let inner = match self.target {
                ValueTarget::Value(_) => String::new(),
                ValueTarget::AverageValue(_) => format!("failed to get {name} object metric: "),
            };
            Failure {
                reason: "FailedGetObjectMetric",
                error: format!("failed to get object metric value: {inner}{cause}"),
                cause,
            }
        };
        let ObjectReference { kind, name: of, .. } = object;
        let values = custom(context, index).map_err(|text| {
            let namespace = namespace(context);
            fail(format!(
                "unable to get metric {name}: {kind} on {namespace} {of}/unable to fetch metrics from custom metrics API: {text}"
            ))
        })?;
        let usage = values.first().map_or(0, |value| value.value);
        let found = self.propose(context, usage, false).map_err(fail)?;
        let label = match self.target {
            ValueTarget::Value(_) => format!("{kind} metric {name}"),
            ValueTarget::AverageValue(_) => self.label(),
        };
        Ok(Proposal {
            replicas: found.replicas,
            name: Cow::Owned(label),
            current: CurrentMetric::Object {
                name: name.to_owned(),
                selector: self.selector.cloned(),
                object: object.clone(),
                value: found.value,
                average: found.average,
            },
            calculation: found.calculation,
        })
    }

    /// An External metric.
    pub(super) fn external(&self, context: &Context<'_>, index: usize) -> Outcome {
        let name = self.name;
        let fail = |cause: String| {
            let inner = match self.target {
                ValueTarget::Value(_) => format!("failed to get external metric {name}: "),
                ValueTarget::AverageValue(_) => format!("failed to get {name} external metric: "),
            };
            let error = format!("failed to get {name} external metric value: {inner}{cause}");
            Failure {
                reason: "FailedGetExternalMetric",
                error,
                cause,
            }
        };
        let unable = |cause: String| {
            let (namespace, selector) = (namespace(context), selector_text(self.selector));
            fail(format!(
                "unable to get external metric {namespace}/{name}/{selector}: {cause}"
            ))
        };
        let values = match custom(context, index) {
            Ok([]) => {
                let nothing = "no metrics returned from external metrics API";
                return Err(unable(nothing.to_owned()));
            }
            Ok(values) => values,
            Err(text) => {
                return Err(unable(format!(
                    "unable to fetch metrics from external metrics API: {text}"
                )));
            }
        };
        let version = context.config.version;
        let usage = match self.target {
            ValueTarget::Value(_) => external_total(values, version),
            ValueTarget::AverageValue(_) => external_total_per_pod(values, version),
        };
        let found = self.propose(context, usage, true).map_err(fail)?;
        Ok(Proposal {
            replicas: found.replicas,
            name: Cow::Owned(self.label()),
            current: CurrentMetric::External {
                name: name.to_owned(),
                selector: self.selector.cloned(),
                value: found.value,
                average: found.average,
            },
            calculation: found.calculation,
        })
    }

    /// The name in messages; upstream calls Object metrics with an average so, too.
    fn label(&self) -> String {
        format!(
            "external metric {}({})",
            self.name,
            selector_text(self.selector)
        )
    }

    fn propose(&self, context: &Context<'_>, usage: i64, external: bool) -> Result<Valued, String> {
        match self.target {
            ValueTarget::Value(target) => {
                let (replicas, calculation) = by_value(context, usage, target)?;
                Ok(Valued {
                    replicas,
                    value: Some(usage),
                    average: None,
                    calculation,
                })
            }
            ValueTarget::AverageValue(target) => {
                let (replicas, average, calculation) =
                    by_average(context, usage, target, self.status_replicas, external);
                Ok(Valued {
                    replicas,
                    value: None,
                    average: Some(average),
                    calculation,
                })
            }
        }
    }
}

/// The target's namespace, the middle of its reference.
fn namespace<'a>(context: &Context<'a>) -> &'a str {
    let mut parts = context.observation.reference.split('/');
    parts.nth(1).unwrap_or_default()
}

/// Sum of an External metric with a value target. Since 1.35 a sum that grows past the
/// largest integer stays there, whatever comes after.
fn external_total(values: &[PodValue], version: KubernetesVersion) -> i64 {
    let capped = version >= KubernetesVersion(35);
    let mut sum = 0i64;
    for &PodValue { value, .. } in values {
        sum = match sum.checked_add(value) {
            Some(sum) => sum,
            None if capped && value > 0 => return i64::MAX,
            None => sum.wrapping_add(value),
        };
    }
    sum
}

/// Sum of an External metric with an average target. Since 1.34 upstream takes a sum that
/// turns negative on the way, whatever the reason, for an overflow.
fn external_total_per_pod(values: &[PodValue], version: KubernetesVersion) -> i64 {
    let capped = version >= KubernetesVersion(34);
    let mut sum = 0i64;
    for &PodValue { value, .. } in values {
        sum = sum.wrapping_add(value);
        if capped && sum < 0 {
            return i64::MAX;
        }
    }
    sum
}

/// A label selector as Go prints it.
fn selector_text(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else {
        return "nil".to_owned();
    };
    let mut text = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
    for (key, value) in &selector.labels {
        let _ = write!(text, "{key}: {value},");
    }
    text.push_str("},MatchExpressions:[]LabelSelectorRequirement{");
    for one in &selector.expressions {
        let (key, operator, values) = (&one.key, one.operator.name(), one.values.join(" "));
        let _ = write!(
            text,
            "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},"
        );
    }
    text.push_str("},}");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::autoscaler::label_selector::{Operator, Requirement};

    fn values(values: &[i64]) -> Vec<PodValue> {
        let value = |&value| PodValue { pod: None, value };
        values.iter().map(value).collect()
    }

    #[test]
    fn a_total_that_overflows_upward_stays_at_the_top_since_1_35() {
        let values = values(&[i64::MAX, 1, -5]);
        let total = |minor| external_total(&values, KubernetesVersion(minor));
        assert_eq!(total(34), i64::MAX - 4);
        assert_eq!(total(35), i64::MAX);
    }

    #[test]
    fn a_per_pod_total_that_turns_negative_counts_as_overflow_since_1_34() {
        let values = values(&[10, -20, 30]);
        let total = |minor| external_total_per_pod(&values, KubernetesVersion(minor));
        assert_eq!(total(33), 20);
        assert_eq!(total(34), i64::MAX);
    }

    #[test]
    fn selectors_print_as_go_prints_them() {
        let labels =
            BTreeMap::from([("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let mut selector = LabelSelector::from(labels);
        assert_eq!(
            selector_text(Some(&selector)),
            "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{},}"
        );
        selector.labels.clear();
        selector.expressions.push(Requirement {
            key: "app".to_owned(),
            operator: Operator::In,
            values: vec!["x".to_owned(), "w".to_owned()],
        });
        assert_eq!(
            selector_text(Some(&selector)),
            "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:app,Operator:In,Values:[x w],},},}"
        );
        assert_eq!(selector_text(None), "nil");
    }
}
