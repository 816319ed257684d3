//! `[pricing]`: what pods, nodes and the cluster cost.

use super::controllers::assign;
use crate::cluster::prices::{IdlePayer, PodBilling};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::Pricing;
use crate::scenario::reader::Reader;
use crate::sim::SimDuration;
use crate::units::Usd;

/// Compute classes of GKE Autopilot that may have prices of their own.
const CLASSES: [&str; 3] = ["general-purpose", "Balanced", "Scale-Out"];

pub(super) fn pricing(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Pricing {
    // Fargate, Linux on x86, us-east-1, mid-2026.
    let mut made = Pricing {
        cpu_hour: Usd(0.040_48),
        gib_hour: Usd(0.004_445),
        pods: PodBilling::AsRequested,
        classes: [None; 3],
        minimum_seconds: 60.0,
        cluster_hour: Usd(0.0),
        // The minimum of per-second billing at AWS (Linux) and Google Cloud.
        node_minimum_seconds: 60.0,
        credit: Usd(0.0),
        idle: IdlePayer::Separate,
    };
    let Some(node) = root.get("pricing") else {
        return made;
    };
    let Some(mut table) = Reader::new(node, "`pricing`", diagnostics) else {
        return made;
    };
    pods(&mut table, &mut made, diagnostics);
    for (key, target) in [
        ("cpu_hour", &mut made.cpu_hour),
        ("gib_hour", &mut made.gib_hour),
        ("cluster_hour", &mut made.cluster_hour),
        ("credit", &mut made.credit),
    ] {
        assign(target, table.number(key, diagnostics).map(Usd));
    }
    for (key, target) in [
        ("minimum", &mut made.minimum_seconds),
        ("node_minimum", &mut made.node_minimum_seconds),
    ] {
        let length = table.duration(key, diagnostics);
        assign(target, length.map(SimDuration::as_secs_f64));
    }
    let idle = table.one_of("idle", &IdlePayer::NAMES, diagnostics);
    assign(&mut made.idle, idle.and_then(IdlePayer::from_name));
    table.finish("`pricing`", diagnostics);
    made
}

/// Who bills pods. Fargate's prices are built in, those of Autopilot are not.
fn pods(table: &mut Reader<'_>, made: &mut Pricing, diagnostics: &mut Diagnostics) {
    let billing = table.one_of("pods", &PodBilling::NAMES, diagnostics);
    assign(&mut made.pods, billing.and_then(PodBilling::from_name));
    if let Some(node) = table.get("classes") {
        if !made.pods.is_autopilot() {
            let title = "compute classes are those of GKE Autopilot";
            let span = table.key_span("classes");
            diagnostics
                .error(span, title, "without `pods` that has them")
                .help = Some("write `pods = \"gke-autopilot\"`".to_owned());
        }
        classes(node, made, diagnostics);
    }
    if made.pods.is_autopilot() {
        // It bills by the second, without a minimum.
        made.minimum_seconds = 0.0;
        for key in ["cpu_hour", "gib_hour"] {
            if table.get(key).is_none() {
                let what = "`pricing` with the pods of GKE Autopilot";
                let example = match key {
                    "cpu_hour" => "cpu_hour = 0.0445",
                    _ => "gib_hour = 0.0049",
                };
                table.missing(key, what, example, diagnostics);
            }
        }
    }
}

fn classes(node: &crate::scenario::node::Node, made: &mut Pricing, diagnostics: &mut Diagnostics) {
    let Some(mut table) = Reader::new(node, "`pricing.classes`", diagnostics) else {
        return;
    };
    for (place, name) in CLASSES.into_iter().enumerate() {
        let Some(node) = table.get(name) else {
            continue;
        };
        let what = format!("`pricing.classes.{name}`");
        let Some(mut own) = Reader::new(node, &what, diagnostics) else {
            continue;
        };
        let prices = ["cpu_hour", "gib_hour"].map(|key| {
            if own.get(key).is_none() {
                own.missing(key, &what, "cpu_hour = 0.06, gib_hour = 0.007", diagnostics);
            }
            own.number(key, diagnostics).map(Usd)
        });
        own.finish(&what, diagnostics);
        if let [Some(core), Some(gib)] = prices {
            made.classes[place] = Some((core, gib));
        }
    }
    table.finish("`pricing.classes`", diagnostics);
}
