//! `[[assert]]`: bounds on the figures of a run, or on their means over several seeds.

use std::io::{self, Write};

use super::number::short;
use super::{Metrics, Statistics};
use crate::record::long_forms;
use crate::scenario::Span;
use crate::scenario::model::AssertSpec;

/// One bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// At least this.
    Min(f64),
    /// At most this.
    Max(f64),
    /// Equal up to rounding.
    Equals(f64),
}

/// Whether a bound holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The metric.
    pub metric: String,
    /// Its mean over the seeds; not a number if it does not exist.
    pub value: f64,
    /// Standard error of the mean; not a number for a single seed.
    pub standard_error: f64,
    /// The bound.
    pub check: Check,
}

/// A metric that no run reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownMetric {
    /// Its name.
    pub name: String,
    /// Where it is asked for.
    pub place: Span,
    /// Similar names.
    pub near: Vec<String>,
    /// Names that end with it.
    pub long_forms: Vec<String>,
}

/// Relative difference up to which numbers count as equal.
const ROUNDING: f64 = 1e-9;

impl Check {
    fn distance(self, value: f64) -> f64 {
        match self {
            Self::Min(bound) => bound - value,
            Self::Max(bound) => value - bound,
            Self::Equals(bound) => {
                let distance = (value - bound).abs();
                if distance <= ROUNDING * bound.abs().max(value.abs()) {
                    0.0
                } else {
                    distance
                }
            }
        }
    }

    fn bound(self) -> f64 {
        match self {
            Self::Min(bound) | Self::Max(bound) | Self::Equals(bound) => bound,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Min(_) => "at least",
            Self::Max(_) => "at most",
            Self::Equals(_) => "exactly",
        }
    }
}

impl Verdict {
    /// Whether the bound holds; a value that does not exist holds no bound.
    pub fn held(&self) -> bool {
        self.check.distance(self.value) <= 0.0
    }

    /// How far beyond the bound the value lies.
    pub fn by(&self) -> f64 {
        self.check.distance(self.value)
    }
}

/// Compares the runs' figures with the bounds: a verdict per bound, in order.
pub fn evaluate(
    asserts: &[AssertSpec],
    runs: &[Metrics],
) -> Result<Vec<Verdict>, Vec<UnknownMetric>> {
    let mut verdicts = Vec::new();
    let mut unknown = Vec::new();
    for assert in asserts {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.iter().find(|(name, _)| *name == assert.metric))
            .map(|(_, value)| *value)
            .collect();
        if values.is_empty() {
            unknown.push(UnknownMetric {
                name: assert.metric.clone(),
                place: assert.place,
                near: near(&assert.metric, runs),
                long_forms: several(&assert.metric, runs),
            });
            continue;
        }
        let statistics = Statistics::of(values);
        let checks = [
            assert.min.map(Check::Min),
            assert.max.map(Check::Max),
            assert.equals.map(Check::Equals),
        ];
        verdicts.extend(checks.into_iter().flatten().map(|check| Verdict {
            metric: assert.metric.clone(),
            value: statistics.mean,
            standard_error: statistics.standard_error,
            check,
        }));
    }
    if unknown.is_empty() {
        Ok(verdicts)
    } else {
        Err(unknown)
    }
}

/// The metrics of objects of several namespaces that a name fits.
fn several(name: &str, runs: &[Metrics]) -> Vec<String> {
    let known = runs.first().map_or(&[][..], Vec::as_slice);
    let long = long_forms(name, known.iter().map(|(name, _)| name.as_str()));
    long.into_iter().map(str::to_owned).collect()
}

/// Up to three known names that resemble the one that is not known.
fn near(name: &str, runs: &[Metrics]) -> Vec<String> {
    let known = runs.first().map_or(&[][..], Vec::as_slice);
    let mut scored: Vec<(f64, &str)> = known
        .iter()
        .map(|(other, _)| (strsim::jaro_winkler(name, other), other.as_str()))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .iter()
        .take(3)
        .map(|(_, other)| (*other).to_owned())
        .collect()
}

/// Writes a line per verdict and one that counts them.
pub fn write_verdicts(out: &mut impl Write, verdicts: &[Verdict], seeds: usize) -> io::Result<()> {
    let name_width = verdicts
        .iter()
        .map(|v| v.metric.chars().count())
        .max()
        .unwrap_or(0);
    for verdict in verdicts {
        let Verdict {
            metric,
            value,
            standard_error,
            check,
        } = verdict;
        let mark = if verdict.held() { "ok  " } else { "FAIL" };
        let mut shown = if value.is_finite() {
            short(*value)
        } else {
            "no value".to_owned()
        };
        if *standard_error > 0.0 {
            shown = format!("{shown} ± {}", short(*standard_error));
        }
        let bound = format!("{} {}", check.words(), short(check.bound()));
        write!(out, "{mark}  {metric:name_width$}  {shown:>10}  {bound}")?;
        if !verdict.held() && value.is_finite() {
            write!(out, ", off by {}", short(verdict.by()))?;
            if check.bound() != 0.0 {
                let percent = 100.0 * verdict.by() / check.bound().abs();
                write!(
                    out,
                    " ({} %)",
                    short(super::number::significant(percent, 2))
                )?;
            }
        }
        writeln!(out)?;
    }
    let held = verdicts.iter().filter(|verdict| verdict.held()).count();
    let over = match seeds {
        0 | 1 => String::new(),
        _ => format!(" (means over {seeds} seeds)"),
    };
    writeln!(out, "{held} of {} bounds hold{over}", verdicts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert(metric: &str, min: Option<f64>, max: Option<f64>, equals: Option<f64>) -> AssertSpec {
        AssertSpec {
            metric: metric.to_owned(),
            min,
            max,
            equals,
            place: Span::default(),
        }
    }

    fn run(flaps: f64, latency: f64, failed: f64) -> Metrics {
        let names = [
            "hpa.api.flaps",
            "service.api.latency_ms.p95",
            "service.api.failed",
        ];
        names
            .map(str::to_owned)
            .into_iter()
            .zip([flaps, latency, failed])
            .collect()
    }

    #[test]
    fn bounds_hold_at_the_bound_itself_and_the_list_says_what_failed() {
        let asserts = [
            assert("hpa.api.flaps", None, Some(2.0), None),
            assert("service.api.latency_ms.p95", Some(10.0), Some(500.0), None),
            assert("service.api.failed", None, None, Some(0.0)),
        ];
        let verdicts = evaluate(&asserts, &[run(2.0, 812.5, 0.0)]).unwrap();
        let held: Vec<bool> = verdicts.iter().map(Verdict::held).collect();
        assert_eq!(held, [true, true, false, true]);
        let mut text = Vec::new();
        write_verdicts(&mut text, &verdicts, 1).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }

    #[test]
    fn over_several_seeds_the_mean_counts() {
        let asserts = [assert("hpa.api.flaps", None, Some(2.0), None)];
        let runs = [run(1.0, 1.0, 0.0), run(2.0, 1.0, 0.0), run(6.0, 1.0, 0.0)];
        let verdicts = evaluate(&asserts, &runs).unwrap();
        assert_eq!(verdicts[0].value, 3.0);
        let mut text = Vec::new();
        write_verdicts(&mut text, &verdicts, runs.len()).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }

    #[test]
    fn a_value_that_does_not_exist_holds_nothing() {
        let asserts = [assert("service.api.failed", Some(0.0), None, None)];
        let verdicts = evaluate(&asserts, &[run(0.0, 0.0, f64::NAN)]).unwrap();
        assert!(!verdicts[0].held());
    }

    #[test]
    fn unknown_metrics_are_all_named_with_what_comes_near() {
        let asserts = [
            assert("hpa.api.flap", None, Some(1.0), None),
            assert("xyz", None, Some(1.0), None),
        ];
        let unknown = evaluate(&asserts, &[run(0.0, 0.0, 0.0)]).unwrap_err();
        let names: Vec<(&str, &[String])> = unknown
            .iter()
            .map(|one| (one.name.as_str(), one.near.as_slice()))
            .collect();
        let near = ["hpa.api.flaps".to_owned()];
        assert_eq!(names, [("hpa.api.flap", &near[..]), ("xyz", &[][..])]);
    }

    #[test]
    fn rounding_errors_are_no_difference() {
        assert_eq!(Check::Equals(0.3).distance(0.1 + 0.2), 0.0);
        assert!(Check::Equals(0.3).distance(0.31) > 0.0);
    }
}
