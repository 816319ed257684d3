//! A PodDisruptionBudget.
//!
//! Upstream: `describePodDisruptionBudgetV1`.

use serde_json::Value;

use super::super::cells::{int_or_text, number, selector};
use super::writer::Writer;

pub(super) fn describe(pdb: &Value, writer: &mut Writer) {
    let spec = &pdb["spec"];
    writer.names(pdb);
    let least = int_or_text(&spec["minAvailable"]);
    if least.is_none() {
        let most = int_or_text(&spec["maxUnavailable"]);
        writer.given(0, "Max unavailable", most.as_deref());
    }
    writer.given(0, "Min available", least.as_deref());
    let selector = match &spec["selector"] {
        Value::Null => "<unset>".to_owned(),
        of => selector(of),
    };
    writer.write(0, &format!("Selector:\t{selector}\n"));
    writer.write(0, "Status:\n");
    for (title, field) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        let number = number(pdb, &["status", field]);
        writer.write(2, &format!("{title}:\t{number}\n"));
    }
}
