//! DaemonSets.

use k8s_openapi::api::apps::v1 as apps;

use super::others::share;
use super::workload::{check_not_negative, json, need_spec, workload};
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::{IntOrPercent, WorkloadKind};
use crate::controller::daemonset::DaemonSetUpdate;

pub(super) fn daemon_set(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: apps::DaemonSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let update = daemon_set_update(&spec, context);
    Some(workload(
        WorkloadKind::DaemonSet(update),
        &object.metadata,
        0,
        Some(&spec.selector),
        &spec.template,
        context,
    ))
}

/// How a DaemonSet replaces its pods, completed as the API server does.
fn daemon_set_update(spec: &apps::DaemonSetSpec, context: &mut Context<'_>) -> DaemonSetUpdate {
    let strategy = spec.update_strategy.as_ref();
    let kind = strategy.and_then(|strategy| strategy.type_.as_deref());
    let kind = kind.filter(|kind| !kind.is_empty());
    let history = spec.revision_history_limit;
    check_not_negative("spec.minReadySeconds", spec.min_ready_seconds, context);
    check_not_negative("spec.revisionHistoryLimit", history, context);
    if !matches!(kind, None | Some("RollingUpdate" | "OnDelete")) {
        let words = format!(
            "Unsupported value: {{\"Type\":\"{}\",\"RollingUpdate\":null}}: supported values: \"RollingUpdate\", \"OnDelete\"",
            kind.unwrap_or_default()
        );
        context.refuse_at(
            "spec.updateStrategy.type",
            "spec.updateStrategy",
            words,
            None,
        );
    }
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let rolling = rolling.filter(|_| kind != Some("OnDelete"));
    let path = |field: &str| format!("spec.updateStrategy.rollingUpdate.{field}");
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    let given = surge.map_or_else(|| "0".to_owned(), json);
    let surge = surge.and_then(|value| share(value, &path("maxSurge"), context));
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let unavailable = unavailable.and_then(|value| share(value, &path("maxUnavailable"), context));
    let default = DaemonSetUpdate::default();
    let (surge, unavailable) = (
        surge.unwrap_or(default.max_surge),
        unavailable.unwrap_or(default.max_unavailable),
    );
    let is_zero = |value| matches!(value, IntOrPercent::Int(0) | IntOrPercent::Percent(0));
    match (is_zero(surge), is_zero(unavailable)) {
        (true, true) => {
            let words = "Required value: cannot be 0 when maxSurge is 0";
            context.refuse(&path("maxUnavailable"), words, None);
        }
        (false, false) => {
            let words =
                format!("Invalid value: {given}: may not be set when maxUnavailable is non-zero");
            let help = Some("write `maxUnavailable: 0`, which is 1 by default");
            context.refuse(&path("maxSurge"), words, help);
        }
        _ => {}
    }
    DaemonSetUpdate {
        on_delete: kind == Some("OnDelete"),
        max_unavailable: unavailable,
        max_surge: surge,
        min_ready_seconds: spec.min_ready_seconds.unwrap_or_default(),
    }
}
