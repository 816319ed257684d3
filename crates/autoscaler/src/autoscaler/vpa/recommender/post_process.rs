//! From estimates to what the status shows: rounding, whole cores, bounds.
//!
//! Follows `ResourcesAsResourceList` in `pkg/recommender/model/types.go` and the
//! post-processors of `pkg/recommender/routines`, in their order.

use super::amount;
use super::estimator::{Bounds, Estimate};
use crate::autoscaler::vpa::{Recommendation, RecommenderFlags, Resources, VpaSpec, apply_policy};
use crate::units::{Bytes, Millicores, Quantity, QuantityFormat};

/// The recommendations that the status shows for estimates.
pub(super) fn recommendations(
    estimates: &[Estimate],
    vpa: &VpaSpec,
    flags: &RecommenderFlags,
) -> Vec<Recommendation> {
    let mut recommendations: Vec<Recommendation> = estimates
        .iter()
        .map(|estimate| recommendation(estimate, flags))
        .collect();
    if flags.cpu_integer_post_processor_enabled {
        for recommendation in &mut recommendations {
            if vpa.integer_cpu.contains(&recommendation.container_name) {
                to_whole_cores(recommendation);
            }
        }
    }
    let global_max_allowed = Resources {
        cpu: flags.container_recommendation_max_allowed_cpu,
        memory: flags.container_recommendation_max_allowed_memory,
    };
    apply_policy(&mut recommendations, vpa, &global_max_allowed);
    recommendations
}

fn recommendation(estimate: &Estimate, flags: &RecommenderFlags) -> Recommendation {
    let amounts = |cpu: fn(Bounds<Millicores>) -> Millicores,
                   memory: fn(Bounds<Bytes>) -> Bytes| Resources {
        cpu: estimate.cpu.map(|bounds| cpu_quantity(cpu(bounds), flags)),
        memory: estimate
            .memory
            .map(|bounds| memory_quantity(memory(bounds), flags)),
    };
    let target = amounts(|cpu| cpu.target, |memory| memory.target);
    Recommendation {
        container_name: estimate.container_name.clone(),
        lower_bound: amounts(|cpu| cpu.lower, |memory| memory.lower),
        target,
        upper_bound: amounts(|cpu| cpu.upper, |memory| memory.upper),
        uncapped_target: target,
    }
}

fn cpu_quantity(Millicores(cpu): Millicores, flags: &RecommenderFlags) -> Quantity {
    let rounded = amount::round_up(cpu, flags.round_cpu_millicores);
    Quantity::from_millicores(Millicores(rounded))
}

fn memory_quantity(Bytes(memory): Bytes, flags: &RecommenderFlags) -> Quantity {
    let rounded = amount::round_up(memory, flags.round_memory_bytes);
    if flags.humanize_memory {
        humanized(rounded)
    } else {
        Quantity::from_bytes(Bytes(rounded))
    }
}

/// The amount in the largest of Ki, Mi, Gi and Ti that it reaches, with two decimals
/// (`HumanizeMemoryQuantity`).
fn humanized(bytes: i64) -> Quantity {
    let Some(shift) = [40, 30, 20, 10]
        .into_iter()
        .find(|shift| bytes >= 1 << shift)
    else {
        return Quantity::from_bytes(Bytes(bytes));
    };
    // Exact: a division by a power of two, then decimal rounding of halves to even.
    let (hundredfold, unit) = (i128::from(bytes) * 100, 1i128 << shift);
    let (floor, rest) = (hundredfold / unit, hundredfold % unit);
    let up = rest * 2 > unit || rest * 2 == unit && floor % 2 == 1;
    let hundredths = floor + i128::from(up);
    Quantity::from_nanos(hundredths * unit * 10_000_000, QuantityFormat::BinarySi)
}

/// Rounds CPU up to whole cores (`IntegerCPUPostProcessor`).
fn to_whole_cores(recommendation: &mut Recommendation) {
    for amounts in [
        &mut recommendation.target,
        &mut recommendation.lower_bound,
        &mut recommendation.upper_bound,
        &mut recommendation.uncapped_target,
    ] {
        amounts.cpu = amounts.cpu.map(|cpu| {
            let cores = (cpu.milli_value() as f64 / 1000.0).ceil() as i64;
            Quantity::from_units(cores, cpu.format())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(flags: &RecommenderFlags, vpa: &VpaSpec) -> Recommendation {
        let cpu = |lower, target, upper| Bounds {
            lower: Millicores(lower),
            target: Millicores(target),
            upper: Millicores(upper),
        };
        let estimates = [Estimate {
            container_name: "api".to_owned(),
            cpu: Some(cpu(80, 1101, 2000)),
            memory: Some(Bounds::default().map(|()| Bytes(300_000_000))),
        }];
        let [recommendation] = recommendations(&estimates, vpa, flags)
            .try_into()
            .expect("one estimate gives one recommendation");
        recommendation
    }

    fn cpus(recommendation: &Recommendation) -> [String; 3] {
        let Recommendation {
            lower_bound,
            target,
            upper_bound,
            ..
        } = recommendation;
        [lower_bound, target, upper_bound]
            .map(|amounts| amounts.cpu.expect("CPU is controlled").to_string())
    }

    #[test]
    fn amounts_are_rounded_up_to_the_flags_multiples() {
        let flags = RecommenderFlags {
            round_cpu_millicores: 50,
            round_memory_bytes: 1 << 20,
            ..RecommenderFlags::default()
        };
        let recommendation = shown(&flags, &VpaSpec::default());
        assert_eq!(cpus(&recommendation), ["100m", "1150m", "2"]);
        let memory = recommendation.target.memory.expect("memory is controlled");
        assert_eq!(memory.to_string(), "287Mi");
    }

    #[test]
    fn whole_cores_are_for_named_containers_only() {
        let mut vpa = VpaSpec::default();
        let flags = RecommenderFlags {
            cpu_integer_post_processor_enabled: true,
            ..RecommenderFlags::default()
        };
        assert_eq!(cpus(&shown(&flags, &vpa)), ["80m", "1101m", "2"]);
        vpa.integer_cpu.insert("api".to_owned());
        assert_eq!(cpus(&shown(&flags, &vpa)), ["1", "2", "2"]);
    }

    #[test]
    fn humanized_memory_has_two_decimals_of_the_largest_unit() {
        let text = |bytes: i64| humanized(bytes).to_string();
        assert_eq!(text(262_144_000), "250Mi");
        assert_eq!(text(67_509_462_216), "67506148474880m");
        assert_eq!(text(401_274_663_238), "401278794465280m");
        assert_eq!(text(1000), "1k");
        assert_eq!(text(1152), (112 * 1024 / 100).to_string() + "880m");
    }
}
