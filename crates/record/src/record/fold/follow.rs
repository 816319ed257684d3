//! How a supply follows a demand, added up while both go on: elasticity after Herbst et al.,
//! "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics"
//! (SPEC-RG-2016-01).

use super::demand::Need;

/// How well supply s(t) follows demand d(t) on [T0, T1), T = T1 − T0, less the time in which the
/// demand is not known. Supply that the HPA's tolerance lets stand is neither too low nor too high:
/// below, d_U(t) is the least supply that is not too low, d_O(t) the most that is not too high.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Elasticity {
    /// a_U = 1/T ∫ max(d_U − s, 0) dt, in replicas.
    pub mean_missing: f64,
    /// a_O = 1/T ∫ max(s − d_O, 0) dt, in replicas.
    pub mean_excess: f64,
    /// θ_U = 100/T ∫ max(d_U − s, 0)/max(d, 1) dt.
    pub theta_u_pct: f64,
    /// θ_O = 100/T ∫ max(s − d_O, 0)/max(d, 1) dt.
    pub theta_o_pct: f64,
    /// τ_U: percent of the time with d_U > s.
    pub tau_u_pct: f64,
    /// τ_O: percent of the time with s > d_O.
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

/// Integrals and counts of a supply and a demand up to now.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// T0 and T1, in seconds.
    from: f64,
    to: f64,
    /// Distance of the samples of υ, in seconds.
    step: f64,
    supply: f64,
    demand: Need,
    /// Seconds in which the demand was not known.
    unknown: f64,
    /// Up to where the integrals go.
    integrated: f64,
    missing: f64,
    excess: f64,
    theta_u: f64,
    theta_o: f64,
    tau_u: f64,
    tau_o: f64,
    supplied: f64,
    saturated: f64,
    /// The largest supply, at which all of it is demanded.
    most: f64,
    least: (f64, f64),
    changes: (usize, usize),
    /// The next sample of υ, and both values at the one before.
    sample: usize,
    sampled: (f64, f64),
    /// Pairs of samples in which the demand was known.
    compared: usize,
    differ: usize,
    opposite: usize,
}

impl Follow {
    /// No supply and no demand. `step` is the distance of the samples of υ; `most` the largest
    /// supply possible. All times in seconds.
    pub fn new(from: f64, to: f64, step: f64, most: f64) -> Self {
        Self {
            from,
            to,
            step,
            supply: 0.0,
            demand: Need::NOTHING,
            unknown: 0.0,
            integrated: from,
            missing: 0.0,
            excess: 0.0,
            theta_u: 0.0,
            theta_o: 0.0,
            tau_u: 0.0,
            tau_o: 0.0,
            supplied: 0.0,
            saturated: 0.0,
            most,
            least: (f64::INFINITY, 0.0),
            changes: (0, 0),
            sample: 0,
            sampled: (0.0, 0.0),
            compared: 0,
            differ: 0,
            opposite: 0,
        }
    }

    /// Both values from `time` on; times ascend.
    pub fn set(&mut self, time: f64, supply: f64, demand: Need) {
        if supply == self.supply && demand == self.demand {
            return;
        }
        self.samples_before(time);
        self.integrate(time);
        if time > self.from && time < self.to {
            self.changes.0 += usize::from(supply != self.supply);
            let (before, now) = (self.demand.needed, demand.needed);
            self.changes.1 += usize::from(before != now && demand.is_known());
        }
        (self.supply, self.demand) = (supply, demand);
        if time < self.to {
            self.integrated = self.integrated.max(time);
        }
    }

    /// The largest supply possible from `time` on.
    pub(super) fn bound(&mut self, time: f64, most: f64) {
        if most != self.most {
            self.integrate(time);
            self.most = most;
        }
    }

    /// Adds what holds up to `time`.
    fn integrate(&mut self, time: f64) {
        let until = time.min(self.to);
        let length = until - self.integrated;
        if length <= 0.0 {
            return;
        }
        let s = self.supply;
        self.supplied += s * length;
        self.least = (self.least.0.min(s), self.least.1.max(s));
        self.integrated = until;
        if !self.demand.is_known() {
            self.unknown += length;
            return;
        }
        let Need {
            least,
            needed: d,
            most,
        } = self.demand;
        let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
        self.missing += (least - s).max(0.0) * length;
        self.excess += (s - most).max(0.0) * length;
        self.theta_u += (least - s).max(0.0) / d.max(1.0) * length;
        self.theta_o += (s - most).max(0.0) / d.max(1.0) * length;
        self.tau_u += flag(least > s) * length;
        self.tau_o += flag(s > most) * length;
        self.saturated += flag(d >= self.most && s >= self.most) * length;
    }

    /// Samples after the first one.
    fn count(&self) -> usize {
        if self.step > 0.0 {
            ((self.to - self.from) / self.step).floor() as usize
        } else {
            0
        }
    }

    /// Takes the samples of υ at T0 + i × step that lie before `time`.
    fn samples_before(&mut self, time: f64) {
        let count = self.count();
        while self.sample <= count && self.from + (self.sample as f64 * self.step) < time {
            let now = (self.supply, self.demand.needed);
            let known = !now.1.is_nan() && !self.sampled.1.is_nan();
            if self.sample > 0 && known {
                self.compared += 1;
                let s = now.0.total_cmp(&self.sampled.0) as i8;
                let d = now.1.total_cmp(&self.sampled.1) as i8;
                self.differ += usize::from(s != d);
                self.opposite += usize::from(s * d < 0);
            }
            self.sampled = now;
            self.sample += 1;
        }
    }

    /// Ends at T1.
    pub fn finish(mut self) -> Followed {
        let length = self.to - self.from;
        if length <= 0.0 {
            return Followed {
                least: self.supply,
                mean: f64::NAN,
                most: self.supply,
                saturated_pct: f64::NAN,
                elasticity: Elasticity::default(),
            };
        }
        self.samples_before(f64::INFINITY);
        self.integrate(self.to);
        let (supply_changes, demand_changes) = self.changes;
        // Nothing is known of a supply whose demand is not.
        let known = if self.unknown > 0.0 {
            Some(length - self.unknown).filter(|known| *known > 1e-6)
        } else {
            Some(length)
        };
        let known = known.unwrap_or(f64::NAN);
        let percent = |part: usize| {
            if known.is_nan() {
                f64::NAN
            } else if self.compared == 0 {
                0.0
            } else {
                100.0 * part as f64 / self.compared as f64
            }
        };
        Followed {
            least: self.least.0,
            mean: self.supplied / length,
            most: self.least.1,
            saturated_pct: 100.0 * self.saturated / length,
            elasticity: Elasticity {
                mean_missing: self.missing / known,
                mean_excess: self.excess / known,
                theta_u_pct: 100.0 * (self.theta_u / known),
                theta_o_pct: 100.0 * (self.theta_o / known),
                tau_u_pct: 100.0 * (self.tau_u / known),
                tau_o_pct: 100.0 * (self.tau_o / known),
                instability_pct: percent(self.differ),
                opposite_pct: percent(self.opposite),
                supply_changes,
                demand_changes,
                jitter_per_hour: (supply_changes as f64 - demand_changes as f64) / (known / 3600.0),
            },
        }
    }
}

/// The figures of a [`Follow`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// Least supply.
    pub least: f64,
    /// Its time-weighted mean.
    pub mean: f64,
    /// Most of it.
    pub most: f64,
    /// Percent of the time in which the largest supply was there and demanded.
    pub saturated_pct: f64,
    /// How well it followed.
    pub elasticity: Elasticity,
}
