//! The functions by name, and those that need few words.

mod calendar;
mod over_time;
mod relabel;

use super::ast::Expr;
use super::eval::{EvalError, Evaluator, Range};
use super::float::{self, sort_short};
use super::histogram;
use super::rate;
use super::{Edition, Sample};
use crate::prometheus::labels::{Labels, METRIC_NAME, Matcher};
use calendar::Field;

/// A function of PromQL.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// Of each series' samples in a window.
    Range(RangeFunction),
    /// Of each value alone.
    Each(fn(f64) -> f64),
    /// Of each value as a time in seconds, or of the time of the evaluation.
    Date(Field),
    Absent,
    AbsentOverTime,
    Clamp,
    ClampMax,
    ClampMin,
    HistogramFraction,
    HistogramQuantile,
    /// Of native histograms alone.
    Native,
    LabelJoin,
    LabelReplace,
    Pi,
    Round,
    Scalar,
    Sort,
    SortDesc,
    Time,
    Timestamp,
    Vector,
}

/// A function of a series' samples in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Deriv,
    PredictLinear,
    Changes,
    Resets,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Quantile,
    Stddev,
    Stdvar,
    First,
    Last,
    Present,
}

impl RangeFunction {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Increase => "increase",
            Self::Delta => "delta",
            Self::Irate => "irate",
            Self::Idelta => "idelta",
            Self::Deriv => "deriv",
            Self::PredictLinear => "predict_linear",
            Self::Changes => "changes",
            Self::Resets => "resets",
            Self::Avg => "avg_over_time",
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Sum => "sum_over_time",
            Self::Count => "count_over_time",
            Self::Quantile => "quantile_over_time",
            Self::Stddev => "stddev_over_time",
            Self::Stdvar => "stdvar_over_time",
            Self::Last => "last_over_time",
            Self::First => "first_over_time",
            Self::Present => "present_over_time",
        }
    }
}

impl Function {
    /// The function of this name, unless it is outside of what is evaluated here.
    pub(super) fn named(name: &str) -> Option<Self> {
        let range = match name {
            "rate" => RangeFunction::Rate,
            "increase" => RangeFunction::Increase,
            "delta" => RangeFunction::Delta,
            "irate" => RangeFunction::Irate,
            "idelta" => RangeFunction::Idelta,
            "deriv" => RangeFunction::Deriv,
            "predict_linear" => RangeFunction::PredictLinear,
            "changes" => RangeFunction::Changes,
            "resets" => RangeFunction::Resets,
            "avg_over_time" => RangeFunction::Avg,
            "min_over_time" => RangeFunction::Min,
            "max_over_time" => RangeFunction::Max,
            "sum_over_time" => RangeFunction::Sum,
            "count_over_time" => RangeFunction::Count,
            "quantile_over_time" => RangeFunction::Quantile,
            "stddev_over_time" => RangeFunction::Stddev,
            "stdvar_over_time" => RangeFunction::Stdvar,
            "first_over_time" => RangeFunction::First,
            "last_over_time" => RangeFunction::Last,
            "present_over_time" => RangeFunction::Present,
            _ => return Self::of_vectors(name),
        };
        Some(Self::Range(range))
    }

    fn of_vectors(name: &str) -> Option<Self> {
        let each: fn(f64) -> f64 = match name {
            "abs" => f64::abs,
            "acos" => f64::acos,
            "acosh" => f64::acosh,
            "asin" => f64::asin,
            "asinh" => f64::asinh,
            "atan" => f64::atan,
            "atanh" => f64::atanh,
            "ceil" => f64::ceil,
            "cos" => f64::cos,
            "cosh" => f64::cosh,
            "deg" => |v| v * 180.0 / std::f64::consts::PI,
            "exp" => f64::exp,
            "floor" => f64::floor,
            "ln" => f64::ln,
            "log10" => f64::log10,
            "log2" => f64::log2,
            "rad" => |v| v * std::f64::consts::PI / 180.0,
            "sgn" => |v| {
                if v < 0.0 {
                    -1.0
                } else if v > 0.0 {
                    1.0
                } else {
                    v
                }
            },
            "sin" => f64::sin,
            "sinh" => f64::sinh,
            "sqrt" => f64::sqrt,
            "tan" => f64::tan,
            "tanh" => f64::tanh,
            _ => return Self::others(name),
        };
        Some(Self::Each(each))
    }

    fn others(name: &str) -> Option<Self> {
        Some(match name {
            "absent" => Self::Absent,
            "absent_over_time" => Self::AbsentOverTime,
            "clamp" => Self::Clamp,
            "clamp_max" => Self::ClampMax,
            "clamp_min" => Self::ClampMin,
            "day_of_month" => Self::Date(Field::DayOfMonth),
            "day_of_week" => Self::Date(Field::DayOfWeek),
            "day_of_year" => Self::Date(Field::DayOfYear),
            "days_in_month" => Self::Date(Field::DaysInMonth),
            "histogram_avg" | "histogram_count" | "histogram_stddev" | "histogram_stdvar"
            | "histogram_sum" => Self::Native,
            "histogram_fraction" => Self::HistogramFraction,
            "histogram_quantile" => Self::HistogramQuantile,
            "hour" => Self::Date(Field::Hour),
            "label_join" => Self::LabelJoin,
            "label_replace" => Self::LabelReplace,
            "minute" => Self::Date(Field::Minute),
            "month" => Self::Date(Field::Month),
            "pi" => Self::Pi,
            "round" => Self::Round,
            "scalar" => Self::Scalar,
            "sort" => Self::Sort,
            "sort_desc" => Self::SortDesc,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "vector" => Self::Vector,
            "year" => Self::Date(Field::Year),
            _ => return None,
        })
    }
}

/// The value of a function that makes a scalar.
pub(super) fn scalar(
    evaluator: &Evaluator,
    function: Function,
    arguments: &[Expr],
    at: i64,
) -> Result<f64, EvalError> {
    Ok(match function {
        Function::Pi => std::f64::consts::PI,
        Function::Scalar => match evaluator.vector(&arguments[0], at)?.as_slice() {
            [one] => one.value,
            _ => f64::NAN,
        },
        _ => at as f64 / 1000.0,
    })
}

/// The values of a function that makes a vector.
pub(super) fn vector(
    evaluator: &Evaluator,
    function: Function,
    arguments: &[Expr],
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    let vector = |index: usize| evaluator.vector(&arguments[index], at);
    let scalar = |index: usize| evaluator.scalar(&arguments[index], at);
    Ok(match function {
        Function::Range(function) => over_ranges(evaluator, function, arguments, at)?,
        Function::Each(each) => mapped(vector(0)?, each),
        Function::Date(field) if arguments.is_empty() => {
            vec![nameless(field.of(at.div_euclid(1000)))]
        }
        Function::Date(field) => mapped(vector(0)?, |v| field.of_value(v)),
        Function::Absent if vector(0)?.is_empty() => vec![absent(&arguments[0])],
        Function::Absent => Vec::new(),
        Function::AbsentOverTime => {
            let ranges = evaluator.ranges(&arguments[0], at)?;
            if ranges.iter().all(|range| range.points.is_empty()) {
                vec![absent(&arguments[0])]
            } else {
                Vec::new()
            }
        }
        Function::Clamp => clamp(vector(0)?, scalar(1)?, scalar(2)?),
        Function::ClampMax => clamp(vector(0)?, f64::NEG_INFINITY, scalar(1)?),
        Function::ClampMin => clamp(vector(0)?, scalar(1)?, f64::INFINITY),
        // Prometheus 2 has fractions of native histograms only.
        Function::HistogramFraction if evaluator.edition == Edition::Two => Vec::new(),
        Function::HistogramFraction => histogram::fractions(scalar(0)?, scalar(1)?, &vector(2)?),
        Function::HistogramQuantile => histogram::quantiles(scalar(0)?, &vector(1)?),
        Function::Native => {
            vector(0)?;
            Vec::new()
        }
        Function::LabelJoin => relabel::join(evaluator, arguments, at)?,
        Function::LabelReplace => relabel::replace(evaluator, arguments, at)?,
        Function::Round => {
            let inverse = 1.0 / if arguments.len() > 1 { scalar(1)? } else { 1.0 };
            mapped(vector(0)?, |v| (v * inverse + 0.5).floor() / inverse)
        }
        Function::Sort => sorted(vector(0)?, |a, b| b.is_nan() || b > a),
        Function::SortDesc => sorted(vector(0)?, |a, b| b.is_nan() || b < a),
        Function::Timestamp => timestamps(evaluator, &arguments[0], at)?,
        Function::Vector => vec![nameless(scalar(0)?)],
        Function::Pi | Function::Scalar | Function::Time => {
            vec![nameless(self::scalar(evaluator, function, arguments, at)?)]
        }
    })
}

fn nameless(value: f64) -> Sample {
    Sample {
        labels: Labels::default(),
        value,
    }
}

fn mapped(vector: Vec<Sample>, f: impl Fn(f64) -> f64) -> Vec<Sample> {
    let map = |sample: Sample| Sample {
        labels: sample.labels.drop_metadata(),
        value: f(sample.value),
    };
    vector.into_iter().map(map).collect()
}

fn clamp(vector: Vec<Sample>, least: f64, most: f64) -> Vec<Sample> {
    if most < least {
        return Vec::new();
    }
    mapped(vector, |v| float::max(least, float::min(most, v)))
}

/// Sorts by "comes before"; NaN goes to the end either way.
fn sorted(mut vector: Vec<Sample>, before: impl Fn(f64, f64) -> bool) -> Vec<Sample> {
    sort_short(&mut vector, |a, b| before(a.value, b.value));
    vector
}

/// When each sample was taken; of a computed vector, the time of the evaluation.
fn timestamps(evaluator: &Evaluator, argument: &Expr, at: i64) -> Result<Vec<Sample>, EvalError> {
    if let Expr::Vector(selector) = argument {
        let latest = evaluator
            .latest(selector, at)
            .map(|(series, point)| Sample {
                labels: series.labels.drop_metadata(),
                value: point.t as f64 / 1000.0,
            });
        return Ok(latest.collect());
    }
    Ok(mapped(evaluator.vector(argument, at)?, |_| {
        at as f64 / 1000.0
    }))
}

/// The series that says that there is none: with the labels that the selector asks for by value.
fn absent(argument: &Expr) -> Sample {
    let matchers: &[Matcher] = match argument {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => &selector.matchers,
        _ => &[],
    };
    let mut labels = Labels::default();
    let mut set: Vec<&str> = Vec::new();
    for matcher in matchers
        .iter()
        .filter(|matcher| matcher.name != METRIC_NAME)
    {
        if matcher.is_equal() && !set.contains(&matcher.name.as_str()) {
            labels = labels.with(&matcher.name, &matcher.value);
            set.push(&matcher.name);
        } else {
            labels = labels.drop(&[&matcher.name]);
        }
    }
    Sample { labels, value: 1.0 }
}

/// A range function over each series that has samples in its window.
fn over_ranges(
    evaluator: &Evaluator,
    function: RangeFunction,
    arguments: &[Expr],
    at: i64,
) -> Result<Vec<Sample>, EvalError> {
    let (range, parameter) = match function {
        RangeFunction::Quantile => (&arguments[1], evaluator.scalar(&arguments[0], at)?),
        RangeFunction::PredictLinear => (&arguments[0], evaluator.scalar(&arguments[1], at)?),
        _ => (&arguments[0], 0.0),
    };
    let ranges = evaluator.ranges(range, at)?;
    let mut results = Vec::with_capacity(ranges.len());
    for one in ranges {
        let Some(value) = of_range(evaluator, function, &one, parameter, at) else {
            continue;
        };
        let labels = match function {
            RangeFunction::First | RangeFunction::Last => one.labels,
            _ => {
                let labels = one.labels.drop_metadata();
                evaluator.only_source(range, &one.labels, &labels)?;
                labels
            }
        };
        results.push(Sample { labels, value });
    }
    Ok(results)
}

fn of_range(
    evaluator: &Evaluator,
    function: RangeFunction,
    range: &Range,
    parameter: f64,
    at: i64,
) -> Option<f64> {
    let points: &[_] = &range.points;
    let increase = |counter, per_second| {
        rate::increase(evaluator.edition, points, range.window, counter, per_second)
    };
    if points.is_empty() {
        return None;
    }
    match function {
        RangeFunction::Rate => increase(true, true),
        RangeFunction::Increase => increase(true, false),
        RangeFunction::Delta => increase(false, false),
        RangeFunction::Irate => rate::instant(points, true),
        RangeFunction::Idelta => rate::instant(points, false),
        RangeFunction::Deriv => over_time::line(points, points[0].t).map(|(slope, _)| slope),
        RangeFunction::PredictLinear => {
            over_time::line(points, at).map(|(slope, now)| slope * parameter + now)
        }
        _ => Some(over_time::aggregate(function, points, parameter)),
    }
}
