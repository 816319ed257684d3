//! `[simulation]` and `[slo]`.

use super::controllers::assign;
use crate::autoscaler::vpa::WallClock;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{From, Simulation, Slo};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected, number, wrong};
use crate::sim::{SimDuration, SimTime};

/// The longest run. Beyond it the CPU clocks of pods that are never idle would not fit.
const LONGEST: SimDuration = SimDuration::from_secs(180 * 86_400);
/// Rows of a time series that are kept in memory.
const MOST_ROWS: i64 = 2_000_000;
/// Row distance of time series, unless stated.
const STEP: SimDuration = SimDuration::from_secs(15);

pub(super) fn simulation(
    root: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Simulation> {
    let Some(node) = root.get("simulation") else {
        root.missing(
            "simulation",
            "the scenario",
            "simulation.duration = \"1h\"",
            diagnostics,
        );
        return None;
    };
    let mut table = Reader::new(node, "`simulation`", diagnostics)?;
    let has_duration = table.get("duration").is_some();
    let duration = table.duration("duration", diagnostics);
    if !has_duration {
        table.missing("duration", "`simulation`", "duration = \"1h\"", diagnostics);
    }
    let seed = table.read("seed", diagnostics, |node| match node.value {
        Value::Int(seed) => u64::try_from(seed).map_err(|_| "a seed is at least 0".to_owned()),
        _ => Err(expected("a whole number", node)),
    });
    table.read("model", diagnostics, |node| match node.text() {
        Some("request") => Ok(()),
        Some("fluid") => {
            Err("the fluid model is not available; `request` simulates every request".to_owned())
        }
        _ => Err("expected \"request\"".to_owned()),
    });
    table.ask(&["start"]);
    let from = match table.one_of("from", &["steady", "apply"], diagnostics) {
        Some("apply") => From::Apply,
        _ => From::Steady,
    };
    let warm_up = table.duration("warm_up", diagnostics).unwrap_or_default();
    let step = table.duration("step", diagnostics).unwrap_or(STEP);
    let (warm_span, step_span) = (table.key_span("warm_up"), table.key_span("step"));
    let duration_span = table.key_span("duration");
    table.finish("`simulation`", diagnostics);
    let duration = duration?;
    if duration == SimDuration::ZERO {
        diagnostics.error(
            duration_span,
            "the simulation has no length",
            "must be longer than 0s",
        );
    } else if warm_up >= duration {
        diagnostics.error(
            warm_span,
            "the warm-up is as long as the simulation",
            format!("must be below {duration}"),
        );
    }
    if duration > LONGEST {
        let title = "the simulation is too long";
        let label = format!("at most {LONGEST}, which are 180 days");
        diagnostics.error(duration_span, title, label);
        return None;
    }
    if step < SimDuration::from_secs(1) {
        diagnostics.error(step_span, "the step is too short", "must be at least 1s");
    } else if duration.0 / step.0 > MOST_ROWS {
        let title = format!("the step is too short for {duration}");
        let label = format!("{} rows; at most {MOST_ROWS} are kept", duration.0 / step.0);
        diagnostics.error(step_span, title, label);
    }
    Some(Simulation {
        duration,
        seed: seed.unwrap_or(42),
        warm_up,
        step,
        from,
        has_calendar: false,
    })
}

/// `simulation.start`: the calendar time at which the run begins.
pub(super) fn start(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<WallClock> {
    let node = root.get("simulation")?.get("start")?;
    let unix = WallClock { unix_start: 0 };
    let Some(time) = node.text().and_then(|text| unix.parse(text)) else {
        let label = "expected a time such as \"2026-01-31T12:00:00Z\"".to_owned();
        wrong("start", node, label, diagnostics);
        return None;
    };
    Some(WallClock {
        unix_start: time.since(SimTime::ZERO).0.div_euclid(1_000_000_000),
    })
}

/// `[slo]`: the objective of services without their own.
pub(super) fn slo(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Slo {
    let general = Slo {
        percentile: 95.0,
        latency: None,
        error_rate: 0.01,
    };
    match root.get("slo") {
        Some(node) => slo_table(node, general, diagnostics),
        None => general,
    }
}

/// An objective; what it leaves out is as in `base`.
pub(super) fn slo_table(node: &Node, base: Slo, diagnostics: &mut Diagnostics) -> Slo {
    let mut made = base;
    let Some(mut table) = Reader::new(node, "`slo`", diagnostics) else {
        return made;
    };
    let mut bounded = false;
    for (key, percentile) in [
        ("latency_p50", 50.0),
        ("latency_p90", 90.0),
        ("latency_p95", 95.0),
        ("latency_p99", 99.0),
        ("latency_p999", 99.9),
    ] {
        let span = table.key_span(key);
        if let Some(limit) = table.duration(key, diagnostics) {
            if std::mem::replace(&mut bounded, true) {
                diagnostics.error(
                    span,
                    "a second latency objective",
                    "one percentile can be bounded",
                );
            }
            (made.percentile, made.latency) = (percentile, Some(limit));
        }
    }
    let error_rate = table.read("error_rate", diagnostics, |node| match number(node)? {
        rate if rate > 1.0 => Err(format!(
            "{rate} is not a share: expected 0 to 1, as in 0.01"
        )),
        rate => Ok(rate),
    });
    assign(&mut made.error_rate, error_rate);
    table.finish("`slo`", diagnostics);
    made
}
