//! Metrics as KEDA gives them to the HPA: specs, targets and values.

use serde_json::{Value, json};

use crate::units::{Quantity, QuantityFormat};

/// A target that is divided by the replicas.
pub const AVERAGE_VALUE: &str = "AverageValue";
/// A target that is not.
pub const VALUE: &str = "Value";
/// A target in percent of requests.
pub const UTILIZATION: &str = "Utilization";

/// The value of an external metric: a quantity of whole units or of thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    unscaled: i128,
    milli: bool,
}

impl Amount {
    /// Whole units.
    pub const fn whole(units: i64) -> Self {
        Self {
            unscaled: units as i128,
            milli: false,
        }
    }

    /// Thousandths.
    pub const fn milli(thousandths: i64) -> Self {
        Self {
            unscaled: thousandths as i128,
            milli: true,
        }
    }

    /// A float rounded to thousandths; negatives, infinities and NaN are 0.
    pub fn from_f64(value: f64) -> Self {
        if !value.is_finite() || value < 0.0 {
            return Self::whole(0);
        }
        let digits = format!("{value:.3}").replace('.', "");
        Self {
            unscaled: digits.parse().unwrap_or(i128::MAX),
            milli: true,
        }
    }

    /// `AsApproximateFloat64`: thousandths are multiplied, not divided.
    pub fn as_f64(self) -> f64 {
        let base = self.unscaled as f64;
        if self.milli { base * 0.001 } else { base }
    }

    /// The exact quantity.
    pub const fn quantity(self) -> Quantity {
        let nanos = if self.milli { 1_000_000 } else { 1_000_000_000 };
        Quantity::from_nanos(
            self.unscaled.saturating_mul(nanos),
            QuantityFormat::DecimalSi,
        )
    }
}

/// A value of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricValue {
    /// The metric's name in the HPA.
    pub name: String,
    /// Its value.
    pub value: Amount,
}

/// What a metric is held to.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricTarget {
    /// `AverageValue`, `Value`, `Utilization` or whatever the trigger says.
    pub kind: String,
    /// The amount, for all but `Utilization`.
    pub amount: Option<Quantity>,
    /// The amount as the fallback calculates with it.
    pub approximate: f64,
    /// Percent of requests.
    pub average_utilization: Option<i32>,
}

impl MetricTarget {
    /// A whole target, taken as given.
    pub fn whole(kind: &str, value: i64) -> Self {
        Self::of(kind, Amount::whole(value))
    }

    /// A fractional target, rounded to thousandths.
    pub fn milli(kind: &str, value: f64) -> Self {
        Self::of(kind, Amount::from_f64(value))
    }

    /// A target of this amount.
    pub fn of(kind: &str, amount: Amount) -> Self {
        Self {
            kind: kind.to_owned(),
            amount: Some(amount.quantity()),
            approximate: amount.as_f64(),
            average_utilization: None,
        }
    }

    /// The target of `autoscaling/v2`.
    fn manifest(&self) -> Value {
        let mut target = json!({ "type": self.kind });
        if let Some(amount) = self.amount {
            let field = if self.kind == AVERAGE_VALUE {
                "averageValue"
            } else {
                "value"
            };
            target[field] = amount.to_string().into();
        }
        if let Some(percent) = self.average_utilization {
            target["averageUtilization"] = percent.into();
        }
        target
    }
}

/// Where a metric comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricSource {
    /// KEDA's metrics server.
    External {
        /// The metric's name.
        name: String,
    },
    /// The pods' usage.
    Resource {
        /// `cpu` or `memory`.
        resource: String,
    },
    /// One container's usage in each pod.
    ContainerResource {
        /// `cpu` or `memory`.
        resource: String,
        /// The container's name.
        container: String,
    },
}

/// A metric of an HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSpec {
    /// Where its value comes from.
    pub source: MetricSource,
    /// What it is held to.
    pub target: MetricTarget,
}

impl MetricSpec {
    /// An external metric with the prefix of its trigger.
    pub fn external(trigger: usize, name: &str, target: MetricTarget) -> Self {
        Self {
            source: MetricSource::External {
                name: with_index(trigger, name),
            },
            target,
        }
    }

    /// The name, if the metric is external.
    pub fn external_name(&self) -> Option<&str> {
        match &self.source {
            MetricSource::External { name } => Some(name),
            _ => None,
        }
    }

    /// The word by which KEDA sorts metrics.
    pub const fn kind(&self) -> &'static str {
        match self.source {
            MetricSource::External { .. } => "External",
            MetricSource::Resource { .. } => "Resource",
            MetricSource::ContainerResource { .. } => "ContainerResource",
        }
    }

    /// The entry in `spec.metrics`; external metrics select the ScaledObject by its label.
    pub fn manifest(&self, scaled_object: &str) -> Value {
        let target = self.target.manifest();
        match &self.source {
            MetricSource::External { name } => json!({
                "type": "External",
                "external": {
                    "metric": {
                        "name": name,
                        "selector": { "matchLabels": { super::OWNER_LABEL: scaled_object } },
                    },
                    "target": target,
                },
            }),
            MetricSource::Resource { resource } => json!({
                "type": "Resource",
                "resource": { "name": resource, "target": target },
            }),
            MetricSource::ContainerResource {
                resource,
                container,
            } => json!({
                "type": "ContainerResource",
                "containerResource": { "name": resource, "container": container, "target": target },
            }),
        }
    }
}

/// `s<trigger>-<name>`.
pub(crate) fn with_index(trigger: usize, name: &str) -> String {
    format!("s{trigger}-{name}")
}

/// What Kubernetes' names do not allow becomes a dash.
pub(crate) fn normalize(name: &str) -> String {
    name.replace(['/', '.', ':', '%', '(', ')'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_to_thousandths() {
        let text = |value| Amount::from_f64(value).quantity().to_string();
        assert_eq!(text(12.3456), "12346m");
        assert_eq!(text(0.0004), "0");
        assert_eq!(text(-3.0), "0");
        assert_eq!(text(f64::NAN), "0");
        assert_eq!(text(f64::INFINITY), "0");
        assert_eq!(text(5.0), "5");
        assert_eq!(text(1e20), "100E");
    }

    #[test]
    fn thousandths_are_multiplied() {
        assert_eq!(Amount::milli(1009).as_f64(), 1009.0 * 0.001);
        assert_eq!(Amount::whole(-1).as_f64(), -1.0);
    }
}
