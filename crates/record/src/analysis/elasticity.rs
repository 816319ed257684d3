//! Elasticity of a supply that follows a demand, after Herbst et al., "Ready for Rain? A View
//! from SPEC Research on the Future of Cloud Metrics" (SPEC-RG-2016-01).

use super::steps::{Steps, at};
use crate::record::fold::{Follow, Need};

pub use crate::record::fold::Elasticity;

/// Computes all figures; `step` is the distance of the samples of υ, in seconds.
pub fn elasticity(supply: &Steps, demand: &Steps, from: f64, to: f64, step: f64) -> Elasticity {
    let mut times: Vec<f64> = supply.iter().chain(demand).map(|step| step.0).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut follow = Follow::new(from, to, step, f64::INFINITY);
    for time in times {
        follow.set(time, at(supply, time), Need::exact(at(demand, time)));
    }
    follow.finish().elasticity
}

/// Elastic speed-up of a candidate over a baseline: the geometric mean of the four ratios
/// (θ_U, θ_O, τ_U, τ_O), each value floored; above 1 is better than the baseline.
pub fn elastic_speedup(baseline: [f64; 4], candidate: [f64; 4], floor_pct: f64) -> f64 {
    let ratio = |(b, c): (f64, f64)| b.max(floor_pct) / c.max(floor_pct);
    let product: f64 = baseline.into_iter().zip(candidate).map(ratio).product();
    product.powf(0.25)
}
