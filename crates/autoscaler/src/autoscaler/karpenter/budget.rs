//! Disruption budgets: how many nodes of a NodePool may go at once.
//!
//! Upstream: `pkg/apis/v1/nodepool.go`, `GetAllowedDisruptionsByReason`, and
//! `pkg/controllers/disruption/helpers.go`, `BuildDisruptionBudgetMapping`.

use crate::sim::SimDuration;
use crate::sim::cron::{CronError, Schedule};

/// What a budget allows that does not limit.
pub const UNLIMITED: i64 = i32::MAX as i64;

/// Why a node is disrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
pub enum Reason {
    /// Its pods fit elsewhere, or on a cheaper node.
    Underutilized,
    /// It has no pods.
    Empty,
    /// Its NodePool or NodeClass says something else by now.
    Drifted,
}

/// How many nodes: a number, or percent of the NodePool's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// So many.
    Count(i64),
    /// So many percent, rounded up.
    Percent(i64),
}

/// When a budget is in force: for so long after each time that it is due, by UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// `schedule`.
    pub schedule: Schedule,
    /// `duration`.
    pub duration: SimDuration,
}

/// A budget of `spec.disruption.budgets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// `nodes`.
    pub nodes: Nodes,
    /// `reasons`; all of them if there are none.
    pub reasons: Option<Vec<Reason>>,
    /// `schedule` and `duration`; always in force without.
    pub window: Option<Window>,
}

/// Why a budget cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// `nodes` is neither a number nor percent.
    #[error("\"{0}\" is neither a number of nodes nor a percentage of 0% to 100%")]
    Nodes(String),
    /// The schedule does not read.
    #[error("{0}")]
    Schedule(#[from] CronError),
    /// The duration does not read.
    #[error("\"{0}\" is not a duration of hours and minutes")]
    Duration(String),
    /// One of `schedule` and `duration` is missing.
    #[error("'schedule' must be set with 'duration'")]
    HalfWindow,
}

impl std::str::FromStr for Nodes {
    type Err = BudgetError;

    /// Reads `3` or `10%` (`^((100|[0-9]{1,2})%|[0-9]+)$`).
    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let wrong = || BudgetError::Nodes(text.to_owned());
        let digits = |text: &str| {
            let only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            only.then(|| text.parse::<i64>().ok()).flatten()
        };
        match text.strip_suffix('%') {
            None => digits(text).map(Self::Count).ok_or_else(wrong),
            Some(percent) if percent == "100" || percent.len() <= 2 => {
                digits(percent).map(Self::Percent).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }
}

/// `2h`, `30m` or `1h30m`, with `0s` behind it or not.
fn is_hours_and_minutes(text: &str) -> bool {
    let text = text.strip_suffix("0s").unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = |text: &str| text.strip_suffix('m').is_some_and(digits);
    match text.split_once('h') {
        Some((hours, rest)) => digits(hours) && (rest.is_empty() || minutes(rest)),
        None => minutes(text),
    }
}

impl Window {
    /// Reads `schedule` and `duration`, of which either both or none are given.
    pub fn read(
        schedule: Option<&str>,
        duration: Option<&str>,
    ) -> Result<Option<Self>, BudgetError> {
        match (schedule, duration) {
            (None, None) => Ok(None),
            (Some(schedule), Some(text)) => {
                let duration = text.parse().ok().filter(|_| is_hours_and_minutes(text));
                Ok(Some(Self {
                    schedule: schedule.parse()?,
                    duration: duration.ok_or_else(|| BudgetError::Duration(text.to_owned()))?,
                }))
            }
            _ => Err(BudgetError::HalfWindow),
        }
    }

    /// Whether the schedule was due within the duration. `now` is in nanoseconds since 1970.
    pub fn is_open(&self, now: i64) -> bool {
        let seconds = |nanos: i64| nanos.div_euclid(1_000_000_000);
        let next = self.schedule.next_in_utc(seconds(now - self.duration.0));
        // Upstream's zero time, for a schedule that is never due, is in the past.
        next.is_none_or(|next| next <= seconds(now))
    }
}

impl Budget {
    /// The budget of a NodePool that states none.
    pub const fn default_of_pools() -> Self {
        Self {
            nodes: Nodes::Percent(10),
            reasons: None,
            window: None,
        }
    }

    /// Whether it is in force. `now` is in nanoseconds since 1970.
    pub fn is_active(&self, now: i64) -> bool {
        self.window
            .as_ref()
            .is_none_or(|window| window.is_open(now))
    }

    /// Nodes that it lets go of so many, while it is in force.
    pub fn allows_of(&self, nodes: i64) -> i64 {
        match self.nodes {
            Nodes::Count(count) => count,
            // Ceil of a float, as apimachinery's `GetScaledValueFromIntOrPercent` works it out.
            Nodes::Percent(percent) => ((percent * nodes) as f64 / 100.0).ceil() as i64,
        }
    }

    fn is_for(&self, reason: Reason) -> bool {
        let reasons = self.reasons.as_deref();
        reasons.is_none_or(|reasons| reasons.contains(&reason))
    }
}

/// The nodes of a pool that count for its budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolNodes {
    /// Initialized ones whose instance is not terminating.
    pub initialized: i64,
    /// Those of them that are not ready or marked for deletion.
    pub disrupting: i64,
}

/// Nodes that may be disrupted for a reason: what the smallest budget in force allows, less those
/// that are gone already. `budgets` come with whether they are in force.
pub fn allowed<'a>(
    budgets: impl IntoIterator<Item = (&'a Budget, bool)>,
    reason: Reason,
    nodes: PoolNodes,
) -> i64 {
    let allowed = budgets
        .into_iter()
        .filter(|(budget, active)| *active && budget.is_for(reason))
        .map(|(budget, _)| budget.allows_of(nodes.initialized))
        .fold(UNLIMITED, i64::min);
    (allowed - nodes.disrupting).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn nodes_are_a_number_or_percent() {
        assert_eq!("3".parse(), Ok(Nodes::Count(3)));
        assert_eq!("0%".parse(), Ok(Nodes::Percent(0)));
        assert_eq!("100%".parse(), Ok(Nodes::Percent(100)));
        for wrong in ["", "%", "101%", "-1", "+3", "1.5", "010%", "x"] {
            let wrong = wrong.parse::<Nodes>();
            assert!(matches!(wrong, Err(BudgetError::Nodes(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_window_is_open_for_its_duration() {
        let window = Window::read(Some("0 9 * * *"), Some("8h0m0s"))
            .unwrap()
            .unwrap();
        let day = 24 * HOUR;
        assert!(!window.is_open(day + 9 * HOUR - 1));
        assert!(window.is_open(day + 9 * HOUR));
        assert!(window.is_open(day + 17 * HOUR - 1));
        // The time itself that lies just the duration back is not after it.
        assert!(!window.is_open(day + 17 * HOUR));
        let always = Window::read(Some("@hourly"), Some("90m")).unwrap().unwrap();
        assert!(always.is_open(day + 59 * HOUR / 60));
        let never = Window::read(Some("0 0 31 2 *"), Some("1h"))
            .unwrap()
            .unwrap();
        assert!(never.is_open(day));
    }

    #[test]
    fn windows_are_whole_or_refused() {
        assert_eq!(Window::read(None, None), Ok(None));
        assert_eq!(
            Window::read(Some("@daily"), None),
            Err(BudgetError::HalfWindow)
        );
        assert_eq!(Window::read(None, Some("1h")), Err(BudgetError::HalfWindow));
        for wrong in ["90s", "1m2m", "30m1h", "1.5h", "", "0s"] {
            let window = Window::read(Some("@daily"), Some(wrong));
            assert_eq!(window, Err(BudgetError::Duration(wrong.to_owned())));
        }
        assert!(matches!(
            Window::read(Some("daily"), Some("1h")),
            Err(BudgetError::Schedule(_))
        ));
    }

    #[test]
    fn the_smallest_budget_of_the_reason_counts() {
        let budget = |nodes: &str, reasons: Option<Vec<Reason>>| Budget {
            nodes: nodes.parse().unwrap(),
            reasons,
            window: None,
        };
        let budgets = [
            budget("50%", None),
            budget("2", Some(vec![Reason::Empty])),
            budget("0", Some(vec![Reason::Drifted])),
        ];
        let nodes = PoolNodes {
            initialized: 7,
            disrupting: 1,
        };
        let active = |active: [bool; 3]| budgets.iter().zip(active);
        let of = |reason| allowed(active([true; 3]), reason, nodes);
        assert_eq!(of(Reason::Underutilized), 3);
        assert_eq!(of(Reason::Empty), 1);
        assert_eq!(of(Reason::Drifted), 0);
        let drifted = allowed(active([false; 3]), Reason::Drifted, nodes);
        assert_eq!(drifted, UNLIMITED - 1);
        assert_eq!(Budget::default_of_pools().allows_of(11), 2);
    }
}
