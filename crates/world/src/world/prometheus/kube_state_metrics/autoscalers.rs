//! HorizontalPodAutoscalers (`horizontalpodautoscaler.go`) and, as the custom resource state
//! configuration in kube-state-metrics' documentation has them, VerticalPodAutoscalers.

use super::family::{Family, Samples, Seen, annotations, created, deletion, labels};
use crate::api::{HorizontalPodAutoscaler, HpaId, VerticalPodAutoscaler};
use crate::autoscaler::hpa::{
    Behavior, ConditionStatus, CurrentMetric, MetricSpec, ResourceTarget, Status, ValueTarget,
};
use crate::autoscaler::vpa::{ContainerPolicy, Recommendation, Resources};
use crate::units::Quantity;

/// An HPA by the status that the controller holds.
type Seeing<'v> = Seen<'v, Status, HpaId>;

/// What of an HPA's object is shown, as long as there is one.
fn of_object(
    h: &Seeing<'_>,
    out: &mut Samples<'_>,
    show: impl FnOnce(&HorizontalPodAutoscaler, &mut Samples<'_>),
) {
    if let Some(object) = h.store.hpa(h.status) {
        show(object, out);
    }
}

fn currents(h: &Seeing<'_>, out: &mut Samples<'_>) {
    for metric in &h.of.current_metrics {
        current(metric, out);
    }
}

pub(super) const HORIZONTAL: &[Family<Status, HpaId>] = &[
    ("kube_horizontalpodautoscaler_info", |h, out| {
        of_object(h, out, |hpa, out| {
            let labels = [
                ("scaletargetref_api_version", &*hpa.target.api_version),
                ("scaletargetref_kind", &hpa.target.kind),
                ("scaletargetref_name", &hpa.target.name),
            ];
            out.labelled(&labels, 1.0);
        });
    }),
    // The API server counts no generations of this kind.
    (
        "kube_horizontalpodautoscaler_metadata_generation",
        |_, out| out.one(0.0),
    ),
    (
        "kube_horizontalpodautoscaler_spec_min_replicas",
        |h, out| {
            of_object(h, out, |hpa, out| out.one(hpa.spec.min_replicas.into()));
        },
    ),
    (
        "kube_horizontalpodautoscaler_spec_max_replicas",
        |h, out| {
            of_object(h, out, |hpa, out| out.one(hpa.spec.max_replicas.into()));
        },
    ),
    (
        "kube_horizontalpodautoscaler_spec_target_metric",
        |h, out| {
            of_object(h, out, |hpa, out| {
                for metric in &hpa.spec.metrics {
                    target(metric, out);
                }
            });
        },
    ),
    (
        "kube_horizontalpodautoscaler_spec_behavior_scale_down_tolerance",
        |h, out| {
            tolerance(h, out, |behavior| behavior.scale_down.tolerance);
        },
    ),
    (
        "kube_horizontalpodautoscaler_spec_behavior_scale_up_tolerance",
        |h, out| {
            tolerance(h, out, |behavior| behavior.scale_up.tolerance);
        },
    ),
    (
        "kube_horizontalpodautoscaler_status_target_metric",
        currents,
    ),
    // No kube-state-metrics has it; guides ask for it, and mean the one above.
    (
        "kube_horizontalpodautoscaler_status_current_metrics",
        currents,
    ),
    (
        "kube_horizontalpodautoscaler_status_current_replicas",
        |h, out| {
            out.one(h.of.current_replicas.into());
        },
    ),
    (
        "kube_horizontalpodautoscaler_status_desired_replicas",
        |h, out| {
            out.one(h.of.desired_replicas.into());
        },
    ),
    ("kube_horizontalpodautoscaler_status_condition", |h, out| {
        for condition in &h.of.conditions {
            let kind = condition.kind.to_string();
            let holds = condition.status == ConditionStatus::True;
            out.condition(&[("condition", &kind)], "status", Some(holds));
        }
    }),
    ("kube_horizontalpodautoscaler_created", created),
    ("kube_horizontalpodautoscaler_deletion_timestamp", deletion),
    ("kube_horizontalpodautoscaler_labels", labels),
    ("kube_horizontalpodautoscaler_annotations", annotations),
];

fn tolerance(h: &Seeing<'_>, out: &mut Samples<'_>, of: impl Fn(&Behavior) -> Option<f64>) {
    of_object(h, out, |hpa, out| {
        if let Some(tolerance) = hpa.spec.behavior.as_ref().and_then(of) {
            out.one(tolerance);
        }
    });
}

/// One value of a metric in thousandths, if there is one.
fn value(out: &mut Samples<'_>, name: &str, container: &str, kind: &str, value: Option<i64>) {
    if let Some(value) = value {
        let labels = [
            ("container", container),
            ("metric_name", name),
            ("metric_target_type", kind),
        ];
        out.labelled(&labels, value as f64 / 1000.0);
    }
}

fn target(metric: &MetricSpec, out: &mut Samples<'_>) {
    let of_resource = |target: &ResourceTarget| match target {
        ResourceTarget::Utilization(percent) => ("utilization", i64::from(*percent) * 1000),
        ResourceTarget::AverageValue(value) => ("average", *value),
    };
    let of_value = |target: &ValueTarget| match target {
        ValueTarget::Value(value) => ("value", *value),
        ValueTarget::AverageValue(value) => ("average", *value),
    };
    let text;
    let (name, container, (kind, number)) = match metric {
        MetricSpec::Resource { resource, target } => {
            text = resource.to_string();
            (&text, "", of_resource(target))
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => {
            text = resource.to_string();
            (&text, container.as_str(), of_resource(target))
        }
        MetricSpec::Unmeasured {
            resource,
            container,
            target,
        } => (
            resource,
            container.as_deref().unwrap_or_default(),
            of_resource(target),
        ),
        MetricSpec::Untargeted { name, target, .. } => {
            let given = [("value", target.value), ("average", target.average_value)];
            for (kind, number) in given {
                value(out, name, "", kind, number);
            }
            return;
        }
        MetricSpec::Pods {
            name,
            average_value,
            ..
        } => (name, "", ("average", *average_value)),
        MetricSpec::Object { name, target, .. } | MetricSpec::External { name, target, .. } => {
            (name, "", of_value(target))
        }
    };
    value(out, name, container, kind, Some(number));
}

fn current(metric: &CurrentMetric, out: &mut Samples<'_>) {
    let percent = |utilization: &Option<i32>| utilization.map(|one| i64::from(one) * 1000);
    match metric {
        // One that failed has no type and is left out.
        CurrentMetric::Empty => {}
        CurrentMetric::Resource {
            resource,
            utilization,
            average,
        } => {
            let name = resource.to_string();
            value(out, &name, "", "average", Some(*average));
            value(out, &name, "", "utilization", percent(utilization));
        }
        CurrentMetric::ContainerResource {
            resource,
            container,
            utilization,
            average,
        } => {
            let name = resource.to_string();
            value(out, &name, container, "average", Some(*average));
            value(out, &name, container, "utilization", percent(utilization));
        }
        CurrentMetric::Pods { name, average, .. } => {
            value(out, name, "", "average", Some(*average));
        }
        CurrentMetric::Object {
            name,
            value: number,
            average,
            ..
        }
        | CurrentMetric::External {
            name,
            value: number,
            average,
            ..
        } => {
            value(out, name, "", "value", *number);
            value(out, name, "", "average", *average);
        }
    }
}

/// The update modes that the configuration lists: others are none of them.
const MODES: [&str; 4] = ["Auto", "Initial", "Off", "Recreate"];
/// Which resources a family is about: all, with their names and units in labels.
const BOTH: [bool; 2] = [true, true];
const CPU: [bool; 2] = [true, false];
const MEMORY: [bool; 2] = [false, true];

/// The families of VPAs: amounts per container have the names that kube-state-metrics had built in
/// up to 2.8, those of the whole configuration in its documentation, and those of the short one.
macro_rules! vertical {
    ($($status:literal $bound:ident,)* ; $($spec:literal $limit:ident,)*) => {
        pub(super) const VERTICAL: &[Family<VerticalPodAutoscaler>] = &[
            $(
                (concat!("kube_verticalpodautoscaler_status_recommendation_containerrecommendations_", $status),
                    |v, out| recommended(v, out, BOTH, |one| &one.$bound)),
                (concat!("kube_verticalpodautoscaler_status_recommendation_containerrecommendations_", $status, "_cpu"),
                    |v, out| recommended(v, out, CPU, |one| &one.$bound)),
                (concat!("kube_verticalpodautoscaler_status_recommendation_containerrecommendations_", $status, "_memory"),
                    |v, out| recommended(v, out, MEMORY, |one| &one.$bound)),
                (concat!("kube_customresource_verticalpodautoscaler_status_recommendation_containerrecommendations_", $status),
                    |v, out| recommended(v, out, BOTH, |one| &one.$bound)),
            )*
            $(
                (concat!("kube_verticalpodautoscaler_spec_resourcepolicy_container_policies_", $spec),
                    |v, out| allowed(v, out, BOTH, |one| &one.$limit)),
                (concat!("kube_verticalpodautoscaler_spec_resourcepolicy_container_policies_", $spec, "_cpu"),
                    |v, out| allowed(v, out, CPU, |one| &one.$limit)),
                (concat!("kube_verticalpodautoscaler_spec_resourcepolicy_container_policies_", $spec, "_memory"),
                    |v, out| allowed(v, out, MEMORY, |one| &one.$limit)),
            )*
            ("kube_verticalpodautoscaler_spec_updatepolicy_updatemode", |v, out| {
                let own = v.of.spec.update_mode.name();
                for mode in MODES {
                    let [version, kind, name] = target_of(v.of);
                    out.flag(&[version, kind, name, ("update_mode", mode)], mode == own);
                }
            }),
        ];
    };
}

vertical! {
    "lowerbound" lower_bound,
    "target" target,
    "uncappedtarget" uncapped_target,
    "upperbound" upper_bound,
    ;
    "minallowed" min_allowed,
    "maxallowed" max_allowed,
}

/// Labels about a VPA's target.
fn target_of(vpa: &VerticalPodAutoscaler) -> [(&'static str, &str); 3] {
    [
        ("target_api_version", &vpa.target.api_version),
        ("target_kind", &vpa.target.kind),
        ("target_name", &vpa.target.name),
    ]
}

/// Amounts of a container, as far as they are shown and there are any.
fn amounts(
    vpa: &VerticalPodAutoscaler,
    container: &str,
    of: &Resources,
    [cpu, memory]: [bool; 2],
    out: &mut Samples<'_>,
) {
    let all = [
        ("cpu", "core", of.cpu.filter(|_| cpu).map(Quantity::as_f64)),
        (
            "memory",
            "byte",
            of.memory.filter(|_| memory).map(Quantity::as_f64),
        ),
    ];
    let [version, kind, name] = target_of(vpa);
    for (resource, unit, amount) in all {
        if let Some(amount) = amount {
            let labels = [
                ("container", container),
                ("resource", resource),
                version,
                kind,
                name,
                ("unit", unit),
            ];
            out.labelled(&labels, amount);
        }
    }
}

fn recommended(
    v: &Seen<'_, VerticalPodAutoscaler>,
    out: &mut Samples<'_>,
    which: [bool; 2],
    of: impl Fn(&Recommendation) -> &Resources,
) {
    for one in &v.of.status.recommendations {
        amounts(v.of, &one.container_name, of(one), which, out);
    }
}

fn allowed(
    v: &Seen<'_, VerticalPodAutoscaler>,
    out: &mut Samples<'_>,
    which: [bool; 2],
    of: impl Fn(&ContainerPolicy) -> &Resources,
) {
    for one in &v.of.spec.container_policies {
        amounts(v.of, &one.container_name, of(one), which, out);
    }
}
