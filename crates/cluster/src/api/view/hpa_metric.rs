//! Metrics of an HPA: what its spec asks for, what its status shows.

use serde_json::{Value, json};

use super::selector;
use crate::api::LabelSelector;
use crate::autoscaler::hpa::{
    CurrentMetric, MetricSpec, ObjectReference, Resource, ResourceTarget, ValueTarget,
};
use crate::units::{Quantity, QuantityFormat};

/// An entry of `spec.metrics`.
pub(super) fn metric(metric: &MetricSpec) -> Value {
    match metric {
        MetricSpec::Resource { resource, target } => json!({
            "resource": {"name": resource.to_string(), "target": resource_target(*resource, *target)},
            "type": "Resource",
        }),
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => json!({
            "containerResource": {
                "container": container,
                "name": resource.to_string(),
                "target": resource_target(*resource, *target),
            },
            "type": "ContainerResource",
        }),
        MetricSpec::Unmeasured {
            resource,
            container,
            target,
        } => {
            let target = amount_target(*target, QuantityFormat::DecimalSi);
            match container {
                None => json!({
                    "resource": {"name": resource, "target": target},
                    "type": "Resource",
                }),
                Some(container) => json!({
                    "containerResource": {
                        "container": container,
                        "name": resource,
                        "target": target,
                    },
                    "type": "ContainerResource",
                }),
            }
        }
        MetricSpec::Pods {
            name,
            selector,
            average_value,
        } => json!({
            "pods": {
                "metric": identifier(name, selector.as_ref()),
                "target": value_target(ValueTarget::AverageValue(*average_value)),
            },
            "type": "Pods",
        }),
        MetricSpec::Object {
            name,
            selector,
            object,
            target,
        } => json!({
            "object": {
                "describedObject": described(object),
                "metric": identifier(name, selector.as_ref()),
                "target": value_target(*target),
            },
            "type": "Object",
        }),
        MetricSpec::Untargeted {
            name,
            selector,
            object,
            target,
        } => json!({
            "object": {
                "describedObject": described(object),
                "metric": identifier(name, selector.as_ref()),
                "target": {
                    "averageValue": target.average_value.map(milli),
                    "type": target.kind,
                    "value": target.value.map(milli),
                },
            },
            "type": "Object",
        }),
        MetricSpec::External {
            name,
            selector,
            target,
        } => json!({
            "external": {
                "metric": identifier(name, selector.as_ref()),
                "target": value_target(*target),
            },
            "type": "External",
        }),
    }
}

/// An entry of `status.currentMetrics`; one that failed has an empty type.
pub(super) fn current(metric: &CurrentMetric) -> Value {
    match metric {
        CurrentMetric::Empty => json!({"type": ""}),
        CurrentMetric::Resource {
            resource,
            utilization,
            average,
        } => json!({
            "resource": {
                "current": {"averageUtilization": utilization, "averageValue": milli(*average)},
                "name": resource.to_string(),
            },
            "type": "Resource",
        }),
        CurrentMetric::ContainerResource {
            resource,
            container,
            utilization,
            average,
        } => json!({
            "containerResource": {
                "container": container,
                "current": {"averageUtilization": utilization, "averageValue": milli(*average)},
                "name": resource.to_string(),
            },
            "type": "ContainerResource",
        }),
        CurrentMetric::Pods {
            name,
            selector,
            average,
        } => json!({
            "pods": {
                "current": {"averageValue": milli(*average)},
                "metric": identifier(name, selector.as_ref()),
            },
            "type": "Pods",
        }),
        CurrentMetric::Object {
            name,
            selector,
            object,
            value,
            average,
        } => json!({
            "object": {
                "current": {"averageValue": average.map(milli), "value": value.map(milli)},
                "describedObject": described(object),
                "metric": identifier(name, selector.as_ref()),
            },
            "type": "Object",
        }),
        CurrentMetric::External {
            name,
            selector,
            value,
            average,
        } => json!({
            "external": {
                "current": {"averageValue": average.map(milli), "value": value.map(milli)},
                "metric": identifier(name, selector.as_ref()),
            },
            "type": "External",
        }),
    }
}

fn milli(value: i64) -> String {
    Quantity::from_millis(value, QuantityFormat::DecimalSi).to_string()
}

fn identifier(name: &str, of: Option<&LabelSelector>) -> Value {
    json!({"name": name, "selector": of.map(selector)})
}

fn described(object: &ObjectReference) -> Value {
    json!({"kind": object.kind, "name": object.name})
}

fn resource_target(resource: Resource, target: ResourceTarget) -> Value {
    // Memory is written in binary units as a rule.
    let format = match resource {
        Resource::Cpu => QuantityFormat::DecimalSi,
        Resource::Memory => QuantityFormat::BinarySi,
    };
    amount_target(target, format)
}

fn amount_target(target: ResourceTarget, format: QuantityFormat) -> Value {
    match target {
        ResourceTarget::Utilization(percent) => {
            json!({"averageUtilization": percent, "type": "Utilization"})
        }
        ResourceTarget::AverageValue(value) => {
            let value = Quantity::from_millis(value, format).to_string();
            json!({"averageValue": value, "type": "AverageValue"})
        }
    }
}

fn value_target(target: ValueTarget) -> Value {
    match target {
        ValueTarget::Value(value) => json!({"type": "Value", "value": milli(value)}),
        ValueTarget::AverageValue(value) => {
            json!({"averageValue": milli(value), "type": "AverageValue"})
        }
    }
}
