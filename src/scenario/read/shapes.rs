//! Declared load profiles: the rate of requests over time.

use super::known::Known;
use super::services::curve;
use crate::load::spec::Shape;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{Reader, number};
use crate::sim::{SimDuration, SimTime};

/// Requests a second of one load at most: each is simulated.
const MOST_REQUESTS: f64 = 1e7;

/// A rate of requests that can be simulated.
fn rate(node: &Node) -> Result<f64, String> {
    at_most(number(node)?)
}

fn at_most(rate: f64) -> Result<f64, String> {
    if rate > MOST_REQUESTS {
        return Err(format!(
            "{rate:e} requests a second are too many: each is simulated, at most {MOST_REQUESTS}"
        ));
    }
    Ok(rate)
}

/// Reads the table of a profile.
pub(super) fn shape(
    kind: &str,
    node: &Node,
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
        _ => {
            let has_file = table.get("file").is_some();
            let file = table.text("file", diagnostics);
            let linear = table.boolean("linear", diagnostics).unwrap_or(false);
            if !has_file {
                table.missing("file", &what, "file = \"rates.csv\"", diagnostics);
            }
            if let Some(node) = table.get("file") {
                known.parsed.check_read(node, diagnostics);
            }
            file.and_then(|file| known.parsed.traces.get(file))
                .map(|points| Shape::Trace {
                    points: points.clone(),
                    linear,
                })
        }
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

/// Reads a trace: rows of time (seconds or a duration) and rate; a heading is passed over.
pub(in crate::scenario) fn trace(
    text: &str,
    file: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(SimDuration, f64)>> {
    let mut points: Vec<(SimDuration, f64)> = Vec::new();
    let mut start = 0;
    let mut fine = true;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let span = Span {
            file,
            start,
            end: start + line.trim_end().len(),
        };
        start += line.len();
        let cells: Vec<&str> = line.trim().split(',').map(str::trim).collect();
        if cells == [""] || cells[0].starts_with('#') {
            continue;
        }
        let point = match cells.as_slice() {
            [time, rate] => parse_point(time, rate),
            _ => Err("expected two columns: time and rate".to_owned()),
        };
        match point {
            Err(_) if number == 0 => {}
            Err(problem) => {
                diagnostics.error(span, "wrong row in the trace", problem);
                fine = false;
            }
            Ok((time, _)) if points.last().is_some_and(|last| last.0 >= time) => {
                diagnostics.error(span, "wrong row in the trace", "times must ascend");
                fine = false;
            }
            Ok(point) => points.push(point),
        }
    }
    if points.is_empty() && fine {
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        diagnostics.error(
            span,
            "the trace has no rows",
            "expected rows of time and rate, for example `60,12.5`",
        );
        fine = false;
    }
    fine.then_some(points)
}

fn parse_point(time: &str, rate: &str) -> Result<(SimDuration, f64), String> {
    let offset = match time.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => SimDuration::from_secs_f64(seconds),
        Ok(_) => return Err(format!("the time {time} is not a number of at least 0")),
        Err(_) => time
            .parse()
            .map_err(|_| format!("\"{time}\" is no time: write seconds or a duration"))?,
    };
    match rate.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok((offset, at_most(rate)?)),
        _ => Err(format!("the rate \"{rate}\" is not a number of at least 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_may_have_a_heading_and_durations() {
        let mut diagnostics = Diagnostics::default();
        let points = trace("time,rate\n0,1\n1m,2.5\n", 0, &mut diagnostics);
        assert_eq!(
            points,
            Some(vec![
                (SimDuration::ZERO, 1.0),
                (SimDuration::from_secs(60), 2.5)
            ])
        );
    }
}
