//! Declared load profiles: the rate of requests over time.

use super::known::Known;
use super::services::curve;
use super::trace::trace;
use crate::load::spec::Shape;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::reader::{Reader, number};
use crate::sim::{SimDuration, SimTime};

/// Requests a second of one load at most: each is simulated.
const MOST_REQUESTS: f64 = 1e7;

/// A rate of requests that can be simulated.
fn rate(node: &Node) -> Result<f64, String> {
    at_most(number(node)?)
}

pub(super) fn at_most(rate: f64) -> Result<f64, String> {
    if rate > MOST_REQUESTS {
        return Err(format!(
            "{rate:e} requests a second are too many: each is simulated, at most {MOST_REQUESTS}"
        ));
    }
    Ok(rate)
}

/// Reads the table of a profile of a load that begins at `at`.
pub(super) fn shape(
    kind: &str,
    node: &Node,
    at: SimTime,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Shape> {
    let what = format!("`{kind}`");
    if kind == "steps" {
        let points = curve(kind, node, &rate, diagnostics);
        if points.is_empty() {
            return None;
        }
        return Some(Shape::Steps(
            points
                .into_iter()
                .map(|(time, rate)| (time - SimTime::ZERO, rate))
                .collect(),
        ));
    }
    let mut table = Reader::new(node, &what, diagnostics)?;
    let made = match kind {
        "constant" | "poisson" => {
            need(&mut table, "rate", &what, diagnostics).map(|rate| Shape::Constant { rate })
        }
        "ramp" => {
            let (from, to) = (
                need(&mut table, "from", &what, diagnostics),
                need(&mut table, "to", &what, diagnostics),
            );
            let over = table
                .duration("over", diagnostics)
                .unwrap_or(SimDuration::from_secs(60));
            from.zip(to)
                .map(|(from, to)| Shape::Ramp { from, to, over })
        }
        "spike" => spike(&mut table, &what, diagnostics),
        "diurnal" => diurnal(&mut table, &what, diagnostics),
        _ => trace(&mut table, at, known, diagnostics),
    };
    table.finish(&what, diagnostics);
    made
}

/// A rate that has to be there.
fn need(
    table: &mut Reader<'_>,
    key: &'static str,
    what: &str,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    if table.get(key).is_none() {
        table.missing(key, what, &format!("{key} = 50"), diagnostics);
    }
    table.read(key, diagnostics, rate)
}

fn spike(table: &mut Reader<'_>, what: &str, diagnostics: &mut Diagnostics) -> Option<Shape> {
    let (base, peak) = (
        need(table, "base", what, diagnostics),
        need(table, "peak", what, diagnostics),
    );
    let mut length = |key: &'static str, default: i64, diagnostics: &mut Diagnostics| {
        table
            .duration(key, diagnostics)
            .unwrap_or(SimDuration::from_secs(default))
    };
    let at = length("at", 0, diagnostics);
    let rise = length("rise", 0, diagnostics);
    let hold = length("hold", 60, diagnostics);
    let fall = length("fall", 0, diagnostics);
    base.zip(peak).map(|(base, peak)| Shape::Spike {
        base,
        peak,
        at,
        rise,
        hold,
        fall,
    })
}

fn diurnal(table: &mut Reader<'_>, what: &str, diagnostics: &mut Diagnostics) -> Option<Shape> {
    let (mean, amplitude) = (
        need(table, "mean", what, diagnostics),
        need(table, "amplitude", what, diagnostics),
    );
    let amplitude_span = table.key_span("amplitude");
    let period = table
        .duration("period", diagnostics)
        .unwrap_or(SimDuration::from_secs(86_400));
    let peak_at = table
        .duration("peak_at", diagnostics)
        .unwrap_or(SimDuration::from_secs(14 * 3600));
    let weekend = table.number("weekend", diagnostics).unwrap_or(1.0);
    if period < SimDuration::from_secs(1) {
        diagnostics.error(
            table.key_span("period"),
            "the period is too short",
            "must be at least 1s",
        );
    }
    let both = mean.zip(amplitude);
    if both.is_some_and(|(mean, amplitude)| amplitude > mean) {
        diagnostics.error(
            amplitude_span,
            "the amplitude is above the mean",
            "the rate would be negative",
        );
    }
    if let Some((mean, amplitude)) = both
        && let Err(problem) = at_most((mean + amplitude) * weekend.max(1.0))
    {
        let title = "the peak is too high";
        diagnostics.error(amplitude_span, title, problem);
    }
    both.map(|(mean, amplitude)| Shape::Diurnal {
        mean,
        amplitude,
        period,
        peak_at,
        weekend,
    })
}
