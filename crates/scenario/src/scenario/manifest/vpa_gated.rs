//! What a VerticalPodAutoscaler may say only behind a feature gate: `CPUStartupBoost`, `InPlace`,
//! `PerVPAConfig` (`pkg/admission-controller/resource/vpa/validation.go`).

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::Deserialize;

use super::{Context, VpaGate, VpaManifest};
use crate::autoscaler::vpa::{self, BoostAmount, FeatureGates};
use crate::scenario::suggest::advice;
use crate::units::Quantity;

/// `startupBoost`, of the VPA or of a container's policy.
#[derive(Deserialize)]
pub(super) struct StartupBoost {
    cpu: Option<CpuBoost>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CpuBoost {
    r#type: Option<String>,
    factor: Option<i32>,
    quantity: Option<ApiQuantity>,
    duration_seconds: Option<i32>,
}

/// Refuses what the admission controller does not allow without its feature gates.
pub(in crate::scenario) fn check(
    manifest: &VpaManifest,
    gates: FeatureGates,
    context: &mut Context<'_>,
) {
    for (path, gate) in &manifest.gated {
        let (name, is_open) = match gate {
            VpaGate::CpuStartupBoost => ("CPUStartupBoost", gates.cpu_startup_boost),
            VpaGate::InPlace => ("InPlace", gates.in_place),
            VpaGate::PerVpaConfig => ("PerVPAConfig", gates.per_vpa_config),
        };
        if is_open {
            continue;
        }
        let message = match gate {
            VpaGate::CpuStartupBoost => format!(
                "Forbidden: in order to use startupBoost, you must enable feature gate {name} in the admission-controller args"
            ),
            VpaGate::InPlace => format!(
                "Forbidden: in order to use UpdateMode InPlace, you must enable feature gate {name} in the admission-controller args"
            ),
            VpaGate::PerVpaConfig => {
                format!("Forbidden: not supported when feature flag {name} is disabled")
            }
        };
        let help = format!("set `feature-gates = \"{name}=true\"` in `[controllers.vpa]`");
        context.refuse(path, message, Some(&help));
    }
}

/// The boost that is written, if it is right.
pub(super) fn startup_boost(
    boost: StartupBoost,
    path: &str,
    context: &mut Context<'_>,
) -> Option<vpa::StartupBoost> {
    let Some(cpu) = boost.cpu else {
        return Some(vpa::StartupBoost {
            amount: None,
            duration_seconds: None,
        });
    };
    let at = |field: &str| format!("{path}.cpu.{field}");
    let kind = cpu.r#type.unwrap_or_default();
    let missing = |field: &str| format!("a boost of type {kind} needs a `{field}`");
    let amount = match kind.as_str() {
        "Factor" => match cpu.factor {
            Some(factor) if factor >= 1 => Some(BoostAmount::Factor(factor)),
            Some(_) => {
                context.error(&at("factor"), "must be >= 1 for type Factor", None);
                None
            }
            None => {
                context.error(
                    &at("factor"),
                    missing("factor"),
                    Some("for example `factor: 2`"),
                );
                None
            }
        },
        "Quantity" => {
            let quantity = cpu.quantity.as_ref();
            if quantity.is_none() {
                let help = Some("for example `quantity: 500m`");
                context.error(&at("quantity"), missing("quantity"), help);
            }
            let quantity = quantity.and_then(|cpu| read(cpu, &at("quantity"), context));
            if quantity.is_some_and(|cpu| cpu.nanos() % 1_000_000 != 0) {
                let message = "must be a whole number of milli CPUs";
                context.error(&at("quantity"), message, None);
            }
            quantity.map(BoostAmount::Quantity)
        }
        "" => {
            let message = "a startup boost needs a `type`";
            context.error(&at("type"), message, Some("`Factor` or `Quantity`"));
            return None;
        }
        other => {
            let message = format!("unknown type \"{other}\"");
            let help = advice(other, &["Factor", "Quantity"]);
            context.error(&at("type"), message, Some(&help));
            return None;
        }
    };
    for (field, given, of) in [
        ("factor", cpu.factor.is_some(), "Factor"),
        ("quantity", cpu.quantity.is_some(), "Quantity"),
    ] {
        if given && kind != of {
            let message = format!("{field} is required when type is {of} and forbidden otherwise");
            context.error(&at(field), message, Some("remove one of the two"));
        }
    }
    Some(vpa::StartupBoost {
        amount: Some(amount?),
        duration_seconds: cpu.duration_seconds,
    })
}

fn read(quantity: &ApiQuantity, path: &str, context: &mut Context<'_>) -> Option<Quantity> {
    let parsed = quantity.0.parse::<Quantity>();
    if let Err(error) = &parsed {
        context.error(path, error.to_string(), None);
    }
    parsed.ok()
}

/// A number behind the gate `PerVPAConfig`, at least this.
pub(super) fn at_least(
    least: i64,
    number: Option<i64>,
    path: &str,
    needs: &mut Vec<(String, VpaGate)>,
    context: &mut Context<'_>,
) {
    let Some(number) = number else { return };
    needs.push((path.to_owned(), VpaGate::PerVpaConfig));
    if number < least {
        let message = format!("must be greater than or equal to {least}");
        context.error(path, message, None);
    }
}

/// A quantity behind the gate `PerVPAConfig`, at least this.
pub(super) fn quantity(
    least: i64,
    quantity: Option<&ApiQuantity>,
    path: &str,
    needs: &mut Vec<(String, VpaGate)>,
    context: &mut Context<'_>,
) -> Option<Quantity> {
    let read = read(quantity?, path, context)?;
    needs.push((path.to_owned(), VpaGate::PerVpaConfig));
    if read.milli_value() < 1000 * least {
        let message = format!("must be greater than or equal to {least}");
        context.error(path, message, None);
    }
    Some(read)
}
