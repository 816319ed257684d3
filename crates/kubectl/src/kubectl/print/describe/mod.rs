//! `kubectl describe`: an object and its events as text.
//!
//! Upstream: kubectl's `pkg/describe/describe.go`.

mod events;
mod generic;
mod hpa;
mod writer;

use serde_json::Value;

use super::age::Timestamp;
use crate::kubectl::kind::Kind;

/// Describes an object as kubectl does: HPAs by their own describer, kinds of custom resource
/// definitions (VPAs) by the generic one. Other kinds are described generically too, though
/// kubectl has describers for most of them.
///
/// `events` are those about the object, if they are to be shown; `now` is when it is printed.
pub fn describe(kind: &Kind, object: &Value, events: Option<&[Value]>, now: Timestamp) -> String {
    let mut writer = writer::Writer::default();
    match kind.kind {
        "HorizontalPodAutoscaler" => hpa::describe(object, &mut writer),
        _ => generic::describe(object, &mut writer),
    }
    if let Some(events) = events {
        events::describe(events, now, &mut writer);
    }
    writer.text()
}
