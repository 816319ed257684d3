//! Limits on the rate of change (`convertDesiredReplicasWithRules`,
//! `convertDesiredReplicasWithBehaviorRate`, `storeScaleEvent`).

use super::arithmetic::to_i32;
use super::conditions::Limit;
use super::spec::{Policy, PolicyType, ScalingRules, SelectPolicy};
use crate::sim::{SimDuration, SimTime};

/// A change that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScaleEvent {
    pub(super) time: SimTime,
    pub(super) change: i32,
    pub(super) outdated: bool,
}

/// Changes in one direction, in slot order.
pub(super) type ScaleEvents = Vec<ScaleEvent>;

/// Stores a change; the last slot outdated by the direction's longest period is reused.
pub(super) fn store(events: &mut ScaleEvents, rules: &ScalingRules, now: SimTime, change: i32) {
    let longest = rules
        .policies
        .iter()
        .map(|policy| policy.period)
        .max()
        .unwrap_or_default();
    let cutoff = now - longest;
    let mut old_slot = None;
    for (slot, event) in events.iter_mut().enumerate() {
        if event.time < cutoff {
            event.outdated = true;
        }
        if event.outdated {
            old_slot = Some(slot);
        }
    }
    let event = ScaleEvent {
        time: now,
        change,
        outdated: false,
    };
    match old_slot {
        Some(slot) => events[slot] = event,
        None => events.push(event),
    }
}

/// Sum of the changes within the period; outdated marks do not count here.
pub(super) fn change_within(events: &[ScaleEvent], now: SimTime, period: SimDuration) -> i32 {
    let cutoff = now - period;
    events
        .iter()
        .filter(|event| event.time > cutoff)
        .fold(0, |sum, event| sum.wrapping_add(event.change))
}

/// Without `behavior`: at most twice the current number, or 4. The result, and what held
/// it back if anything did.
pub(super) fn limit_by_rules(
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
) -> (i32, Option<Limit>) {
    let scale_up_limit = to_i32((2.0 * f64::from(current)).max(4.0));
    let (upper, reason) = if max > scale_up_limit {
        (scale_up_limit, Limit::ScaleUpLimit)
    } else {
        (max, Limit::TooManyReplicas)
    };
    if desired < min {
        (min, Some(Limit::TooFewReplicas))
    } else if desired > upper {
        (upper, Some(reason))
    } else {
        (desired, None)
    }
}

/// What a rate limit looks at.
pub(super) struct Rates<'a> {
    pub(super) now: SimTime,
    pub(super) current: i32,
    pub(super) min: i32,
    pub(super) max: i32,
    pub(super) up_events: &'a [ScaleEvent],
    pub(super) down_events: &'a [ScaleEvent],
}

impl Rates<'_> {
    /// The number at the start of the policy's period.
    fn period_start(&self, policy: &Policy) -> i32 {
        let added = change_within(self.up_events, self.now, policy.period);
        let removed = change_within(self.down_events, self.now, policy.period);
        self.current.wrapping_sub(added).wrapping_add(removed)
    }

    /// `calculateScaleUpLimitWithScalingRules`.
    fn scale_up_limit(&self, rules: &ScalingRules) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let base = self.period_start(policy);
            match policy.kind {
                PolicyType::Pods => base.wrapping_add(policy.value),
                PolicyType::Percent => {
                    to_i32((f64::from(base) * (1.0 + f64::from(policy.value) / 100.0)).ceil())
                }
            }
        });
        match rules.select_policy {
            SelectPolicy::Disabled => self.current,
            SelectPolicy::Min => limits.min().unwrap_or(i32::MAX),
            SelectPolicy::Max => limits.max().unwrap_or(i32::MIN),
        }
    }

    /// `calculateScaleDownLimitWithBehaviors`.
    fn scale_down_limit(&self, rules: &ScalingRules) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let base = self.period_start(policy);
            match policy.kind {
                PolicyType::Pods => base.wrapping_sub(policy.value),
                PolicyType::Percent => {
                    to_i32(f64::from(base) * (1.0 - f64::from(policy.value) / 100.0))
                }
            }
        });
        match rules.select_policy {
            SelectPolicy::Disabled => self.current,
            SelectPolicy::Min => limits.max().unwrap_or(i32::MIN),
            SelectPolicy::Max => limits.min().unwrap_or(i32::MAX),
        }
    }

    /// With `behavior`: limits a change in its own direction only. The result, and what
    /// held it back if anything did.
    pub(super) fn limit(
        &self,
        desired: i32,
        up: &ScalingRules,
        down: &ScalingRules,
    ) -> (i32, Option<Limit>) {
        if desired > self.current {
            let limit = self.scale_up_limit(up).max(self.current);
            let (upper, reason) = if self.max > limit {
                (limit, Limit::ScaleUpLimit)
            } else {
                (self.max, Limit::TooManyReplicas)
            };
            if desired > upper {
                return (upper, Some(reason));
            }
        } else if desired < self.current {
            let limit = self.scale_down_limit(down).min(self.current);
            let (lower, reason) = if self.min < limit {
                (limit, Limit::ScaleDownLimit)
            } else {
                (self.min, Limit::TooFewReplicas)
            };
            if desired < lower {
                return (lower, Some(reason));
            }
        }
        (desired, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(policies: &[(PolicyType, i32)]) -> ScalingRules {
        let period = SimDuration::from_secs(60);
        let policies = policies
            .iter()
            .map(|&(kind, value)| Policy {
                kind,
                value,
                period,
            })
            .collect();
        ScalingRules {
            stabilization_window: None,
            select_policy: SelectPolicy::Max,
            policies,
            tolerance: None,
        }
    }

    fn limit(current: i32, desired: i32, up: &ScalingRules, down: &ScalingRules) -> i32 {
        let rates = Rates {
            now: SimTime::ZERO,
            current,
            min: 0,
            max: 1000,
            up_events: &[],
            down_events: &[],
        };
        rates.limit(desired, up, down).0
    }

    #[test]
    fn percent_policies_keep_upstreams_float_noise() {
        let none = rules(&[]);
        assert_eq!(
            limit(100, 1000, &rules(&[(PolicyType::Percent, 10)]), &none),
            111
        );
        assert_eq!(limit(5, 0, &none, &rules(&[(PolicyType::Percent, 80)])), 0);
        assert_eq!(limit(10, 0, &none, &rules(&[(PolicyType::Percent, 90)])), 0);
    }

    #[test]
    fn the_larger_change_wins_with_max() {
        let up = rules(&[(PolicyType::Percent, 100), (PolicyType::Pods, 4)]);
        assert_eq!(limit(3, 100, &up, &up), 7);
        assert_eq!(limit(6, 100, &up, &up), 12);
    }
}
