//! `[controllers.vpa-recommender]`, `vpa-updater`, `vpa-admission-controller`: the flags of the
//! VPA's components by their own names.

use super::controllers::section;
use crate::autoscaler::vpa::{
    AdmissionFlags, FeatureGates, FlagError, GateError, RecommenderFlags, UpdaterFlags,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{VpaConfig, VpaGates};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::sim::SimDuration;

pub(super) fn vpa(table: &mut Reader<'_>, config: &mut VpaConfig, diagnostics: &mut Diagnostics) {
    section(table, "vpa", diagnostics, |flags, diagnostics| {
        let mut made = FeatureGates::default();
        gates(flags, &mut made, diagnostics);
        config.gates = VpaGates {
            recommender: made,
            updater: made,
            admission: made,
        };
    });
    section(
        table,
        "vpa-recommender",
        diagnostics,
        |flags, diagnostics| {
            let made = &mut config.recommender;
            let set = |flag: &str, text: &str| made.set(flag, text);
            each(flags, RecommenderFlags::NAMES, set, diagnostics);
            gates(flags, &mut config.gates.recommender, diagnostics);
            without_effect(flags, RecommenderFlags::WITHOUT_EFFECT, diagnostics);
            without_effect(flags, [RecommenderFlags::READ_ONLY, &[]], diagnostics);
            one_or_the_other(
                (
                    &made.vpa_object_namespace,
                    &made.ignored_vpa_object_namespaces,
                ),
                flags,
                diagnostics,
            );
            for (flag, span) in [
                ("recommender-interval", made.recommender_interval),
                ("confidence-interval-cpu", made.confidence_interval_cpu),
                (
                    "confidence-interval-memory",
                    made.confidence_interval_memory,
                ),
                (
                    "memory-aggregation-interval",
                    made.memory_aggregation_interval,
                ),
                (
                    "memory-histogram-decay-half-life",
                    made.memory_histogram_decay_half_life,
                ),
                (
                    "cpu-histogram-decay-half-life",
                    made.cpu_histogram_decay_half_life,
                ),
            ] {
                positive(flag, span, flags, diagnostics);
            }
        },
    );
    section(table, "vpa-updater", diagnostics, |flags, diagnostics| {
        let made = &mut config.updater;
        let set = |flag: &str, text: &str| made.set(flag, text);
        each(flags, UpdaterFlags::NAMES, set, diagnostics);
        gates(flags, &mut config.gates.updater, diagnostics);
        without_effect(flags, UpdaterFlags::WITHOUT_EFFECT, diagnostics);
        without_effect(flags, [UpdaterFlags::READ_ONLY, &[]], diagnostics);
        one_or_the_other(
            (
                &made.vpa_object_namespace,
                &made.ignored_vpa_object_namespaces,
            ),
            flags,
            diagnostics,
        );
        positive(
            "updater-interval",
            made.updater_interval,
            flags,
            diagnostics,
        );
        if let Some(open) = flags.boolean("in-place", diagnostics) {
            config.gates.updater.in_place = open;
            config.gates.admission.in_place = open;
        }
    });
    section(
        table,
        "vpa-admission-controller",
        diagnostics,
        |flags, diagnostics| {
            let made = &mut config.admission;
            let set = |flag: &str, text: &str| made.set(flag, text);
            each(flags, AdmissionFlags::NAMES, set, diagnostics);
            gates(flags, &mut config.gates.admission, diagnostics);
            without_effect(flags, AdmissionFlags::WITHOUT_EFFECT, diagnostics);
            without_effect(flags, [AdmissionFlags::READ_ONLY, &[]], diagnostics);
            one_or_the_other(
                (
                    &made.vpa_object_namespace,
                    &made.ignored_vpa_object_namespaces,
                ),
                flags,
                diagnostics,
            );
        },
    );
}

/// Sets the feature gates that a component's flag names.
fn gates(table: &mut Reader<'_>, made: &mut FeatureGates, diagnostics: &mut Diagnostics) {
    table.read("feature-gates", diagnostics, |node| {
        made.set(&text(node)?).map_err(|error| match &error {
            GateError::Unknown(name) => {
                format!("{error}; {}", advice(name, &FeatureGates::NAMES))
            }
            GateError::Form(_) => format!("{error}, as in \"CPUStartupBoost=true\""),
        })
    });
}

/// Sets every flag that the table has.
fn each(
    table: &mut Reader<'_>,
    names: &[&'static str],
    mut set: impl FnMut(&str, &str) -> Result<(), FlagError>,
    diagnostics: &mut Diagnostics,
) {
    for name in names {
        table.read(name, diagnostics, |node| {
            set(name, &text(node)?).map_err(|error| match error {
                FlagError::Value { problem, .. } => problem,
                unknown @ FlagError::Unknown(_) => unknown.to_string(),
            })
        });
    }
}

/// Flags that the component has, but that change nothing here.
fn without_effect(
    table: &mut Reader<'_>,
    names: [&[&'static str]; 2],
    diagnostics: &mut Diagnostics,
) {
    for name in names.into_iter().flatten() {
        let span = table.key_span(name);
        if span != table.span() {
            table.ask(&[name]);
            let title = format!("the flag {name} changes nothing in a simulation");
            diagnostics.warning(span, title, "no decision depends on it");
        }
    }
}

/// A component ends at once if it is given both flags about namespaces (`ValidateCommonConfig`).
fn one_or_the_other(
    (only, ignored): (&str, &str),
    table: &Reader<'_>,
    diagnostics: &mut Diagnostics,
) {
    if !only.is_empty() && !ignored.is_empty() {
        let flag = "ignored-vpa-object-namespaces";
        let title = format!("vpa-object-namespace and {flag} are mutually exclusive");
        diagnostics.error(table.key_span(flag), title, "remove one of the two");
    }
}

/// A flag as it would stand on the command line.
pub(super) fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Int(value) => Ok(value.to_string()),
        Value::Float(value) if value.is_finite() => Ok(value.to_string()),
        _ => Err(expected("a flag's value", node)),
    }
}

fn positive(flag: &str, span: SimDuration, table: &Reader<'_>, diagnostics: &mut Diagnostics) {
    if span < SimDuration::from_secs(1) {
        let title = format!("the {flag} is too short");
        diagnostics.error(table.key_span(flag), title, "must be at least 1s");
    }
}
