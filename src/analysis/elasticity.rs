//! Elasticity of a supply that follows a demand, after Herbst et al., "Ready for Rain? A View
//! from SPEC Research on the Future of Cloud Metrics" (SPEC-RG-2016-01).

use super::steps::{Steps, at, changes, integrate};

/// How well supply s(t) follows demand d(t) on [T0, T1), T = T1 − T0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Elasticity {
    /// a_U = 1/T ∫ max(d − s, 0) dt, in replicas.
    pub mean_missing: f64,
    /// a_O = 1/T ∫ max(s − d, 0) dt, in replicas.
    pub mean_excess: f64,
    /// θ_U = 100/T ∫ max(d − s, 0)/max(d, 1) dt.
    pub theta_u_pct: f64,
    /// θ_O = 100/T ∫ max(s − d, 0)/max(d, 1) dt.
    pub theta_o_pct: f64,
    /// τ_U: percent of the time with d > s.
    pub tau_u_pct: f64,
    /// τ_O: percent of the time with s > d.
    pub tau_o_pct: f64,
    /// υ: percent of the steps in which supply and demand do not move the same way.
    pub instability_pct: f64,
    /// Percent of the steps in which they move in opposite ways.
    pub opposite_pct: f64,
    /// Changes of supply strictly inside.
    pub supply_changes: usize,
    /// Changes of demand strictly inside.
    pub demand_changes: usize,
    /// (changes of supply − changes of demand) per hour; above 0 nervous, below 0 sluggish.
    pub jitter_per_hour: f64,
}

/// Computes all figures; `step` is the distance of the samples of υ, in seconds.
pub fn elasticity(supply: &Steps, demand: &Steps, from: f64, to: f64, step: f64) -> Elasticity {
    let length = to - from;
    if length <= 0.0 {
        return Elasticity::default();
    }
    let mean = |f: &dyn Fn(f64, f64) -> f64| integrate(supply, demand, from, to, f) / length;
    let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
    let (instability_pct, opposite_pct) = instability(supply, demand, from, to, step);
    let (supply_changes, demand_changes) = (changes(supply, from, to), changes(demand, from, to));
    Elasticity {
        mean_missing: mean(&|s, d| (d - s).max(0.0)),
        mean_excess: mean(&|s, d| (s - d).max(0.0)),
        theta_u_pct: 100.0 * mean(&|s, d| (d - s).max(0.0) / d.max(1.0)),
        theta_o_pct: 100.0 * mean(&|s, d| (s - d).max(0.0) / d.max(1.0)),
        tau_u_pct: 100.0 * mean(&|s, d| flag(d > s)),
        tau_o_pct: 100.0 * mean(&|s, d| flag(s > d)),
        instability_pct,
        opposite_pct,
        supply_changes,
        demand_changes,
        jitter_per_hour: (supply_changes as f64 - demand_changes as f64) / (length / 3600.0),
    }
}

/// Samples at T0 + i × step, the end included.
fn instability(supply: &Steps, demand: &Steps, from: f64, to: f64, step: f64) -> (f64, f64) {
    let count = ((to - from) / step).floor() as usize;
    let direction = |curve: &Steps, index: usize| {
        let (before, after) = (
            at(curve, from + (index - 1) as f64 * step),
            at(curve, from + index as f64 * step),
        );
        after.total_cmp(&before) as i8
    };
    let (mut differ, mut opposite) = (0usize, 0usize);
    for index in 1..=count {
        let (s, d) = (direction(supply, index), direction(demand, index));
        differ += usize::from(s != d);
        opposite += usize::from(s * d < 0);
    }
    let percent = |part: usize| {
        if count == 0 {
            0.0
        } else {
            100.0 * part as f64 / count as f64
        }
    };
    (percent(differ), percent(opposite))
}

/// Elastic speed-up of a candidate over a baseline: the geometric mean of the four ratios
/// (θ_U, θ_O, τ_U, τ_O), each value floored; above 1 is better than the baseline.
pub fn elastic_speedup(baseline: [f64; 4], candidate: [f64; 4], floor_pct: f64) -> f64 {
    let ratio = |(b, c): (f64, f64)| b.max(floor_pct) / c.max(floor_pct);
    let product: f64 = baseline.into_iter().zip(candidate).map(ratio).product();
    product.powf(0.25)
}
