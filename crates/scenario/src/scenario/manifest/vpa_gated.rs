//! What a VerticalPodAutoscaler may say only behind a feature gate: `CPUStartupBoost`, `InPlace`,
//! `PerVPAConfig` (`pkg/admission-controller/resource/vpa/validation.go`).

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::Deserialize;

use super::hpa::unsupported;
use super::{Context, Gated, VpaGate, VpaManifest};
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
    for (path, gate, wrong) in &manifest.gated {
        let (name, is_open) = match gate {
            VpaGate::CpuStartupBoost => ("CPUStartupBoost", gates.cpu_startup_boost),
            VpaGate::InPlace => ("InPlace", gates.in_place),
            VpaGate::PerVpaConfig => ("PerVPAConfig", gates.per_vpa_config),
        };
        if is_open {
            if let Some(words) = wrong {
                context.refuse(path, words, None);
            }
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
    let missing = format!("Required value: required when type is {kind}");
    let amount = match kind.as_str() {
        "Factor" => match cpu.factor {
            Some(factor) if factor >= 1 => Some(BoostAmount::Factor(factor)),
            Some(factor) => {
                let words = format!("Invalid value: {factor}: must be >= 1 for type Factor");
                context.refuse(&at("factor"), words, None);
                None
            }
            None => {
                let help = Some("for example `factor: 2`");
                context.refuse(&at("factor"), missing, help);
                None
            }
        },
        "Quantity" => {
            let quantity = cpu.quantity.as_ref();
            if quantity.is_none() {
                let help = Some("for example `quantity: 500m`");
                context.refuse(&at("quantity"), missing, help);
            }
            let quantity = quantity.and_then(|cpu| read(cpu, &at("quantity"), context));
            if let Some(cpu) = quantity.filter(|cpu| cpu.nanos() % 1_000_000 != 0) {
                let words =
                    format!("Invalid value: \"{cpu}\": must be a whole number of milli CPUs");
                context.refuse(&at("quantity"), words, None);
            }
            quantity.map(BoostAmount::Quantity)
        }
        "" => {
            let words = "Required value: must be either Factor or Quantity";
            context.refuse(&at("type"), words, None);
            return None;
        }
        other => {
            let names = ["Factor", "Quantity"];
            let help = advice(other, &names);
            context.refuse(&at("type"), unsupported(other, &names), Some(&help));
            return None;
        }
    };
    for (field, given, of) in [
        ("factor", cpu.factor.is_some(), "Factor"),
        ("quantity", cpu.quantity.is_some(), "Quantity"),
    ] {
        if given && kind != of {
            let words = format!(
                "Invalid value: \"object\": {field} is required when type is {of} and forbidden otherwise"
            );
            let known = format!("{path}.cpu");
            context.refuse_at(&at(field), &known, words, Some("remove one of the two"));
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
pub(super) fn at_least(least: i64, number: Option<i64>, path: &str, needs: &mut Vec<Gated>) {
    let Some(number) = number else { return };
    let wrong = (number < least)
        .then(|| format!("Invalid value: {number}: must be greater than or equal to {least}"));
    needs.push((path.to_owned(), VpaGate::PerVpaConfig, wrong));
}

/// A quantity behind the gate `PerVPAConfig`: a factor of 1 at least, or an amount.
pub(super) fn quantity(
    is_factor: bool,
    quantity: Option<&ApiQuantity>,
    path: &str,
    needs: &mut Vec<Gated>,
    context: &mut Context<'_>,
) -> Option<Quantity> {
    let read = read(quantity?, path, context)?;
    let wrong = if is_factor {
        let factor = read.milli_value() as f64 / 1000.0;
        (factor < 1.0)
            .then(|| format!("Invalid value: {factor}: must be greater than or equal to 1.0"))
    } else {
        let amount = read.value();
        (amount < 0).then(|| format!("Invalid value: {amount}: must be greater than or equal to 0"))
    };
    needs.push((path.to_owned(), VpaGate::PerVpaConfig, wrong));
    Some(read)
}
