//! The simulated load tools against measurements of the real ones.
//!
//! A set-up is a command line of `ab` or `hey`, or a number of busybox `wget` loops, against a
//! server whose slots only wait. It is simulated as one pod with those slots, the service time
//! scaled to the measured mean, and the client overhead of the tool, one number for all
//! set-ups. Each figure, of random service the mean over many seeds, has to lie in the range of
//! the measured runs, widened by tolerances that were fixed with the measurements.

mod input;
mod rig;

use rayon::prelude::*;

use super::{Difference, ReplayError, Report, table};
use crate::load::report::{LoadReport, ToolReport};
use input::{Case, Latency, Run};
use rig::SetUp;

/// Seeds over which the figures of random set-ups are averaged.
const SEEDS: u64 = 400;
/// Below this many requests random service shows in the throughput.
const FEW_REQUESTS: u64 = 3000;

/// A figure that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Requests,
    Throughput,
    Mean,
    P50,
    P90,
    P95,
    P99,
}

impl Figure {
    const ALL: [Self; 7] = [
        Self::Requests,
        Self::Throughput,
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Throughput => "throughput_rps",
            Self::Mean => "mean_ms",
            Self::P50 => "p50_ms",
            Self::P90 => "p90_ms",
            Self::P95 => "p95_ms",
            Self::P99 => "p99_ms",
        }
    }

    /// What a run measured; `None` if it did not.
    fn measured(self, run: &Run) -> Option<f64> {
        let latency = |of: fn(&Latency) -> Option<f64>| run.latency_ms.as_ref().and_then(of);
        match self {
            Self::Requests => Some(run.requests as f64),
            Self::Throughput => Some(run.throughput_rps),
            Self::Mean => latency(|latency| latency.mean),
            Self::P50 => latency(|latency| latency.p50),
            Self::P90 => latency(|latency| latency.p90),
            Self::P95 => latency(|latency| latency.p95),
            Self::P99 => latency(|latency| latency.p99),
        }
    }

    /// What a simulated run shows, in the way in which it was measured: percentiles of `ab` by
    /// nearest rank over whole milliseconds, those of `hey` by its own rule.
    fn simulated(self, report: &LoadReport) -> f64 {
        let latency = report.latency;
        let percentile = |percent: u8, nearest_rank: f64| match &report.tool {
            ToolReport::Ab(_) => (nearest_rank + 1e-9).round(),
            ToolReport::Hey(_) => {
                let own = report.percentiles();
                let found = own.iter().find(|(other, _)| *other == percent);
                found.map_or(nearest_rank, |(_, ms)| *ms)
            }
            ToolReport::Plain(_) => nearest_rank,
        };
        match self {
            Self::Requests => report.answers.total() as f64,
            Self::Throughput => report.requests_per_second(),
            Self::Mean => latency.mean_ms,
            Self::P50 => percentile(50, latency.p50_ms),
            Self::P90 => percentile(90, latency.p90_ms),
            Self::P95 => percentile(95, latency.p95_ms),
            Self::P99 => percentile(99, latency.p99_ms),
        }
    }

    /// Relative and absolute tolerance; `None` if the figure of this set-up is left to chance.
    fn tolerance(self, case: &Case, set_up: &SetUp) -> Option<(f64, f64)> {
        let constant = !case.server.is_random();
        let few = case.runs.iter().all(|run| run.requests < FEW_REQUESTS);
        Some(match self {
            Self::Requests if set_up.counts_requests() => (0.0, 0.0),
            Self::Requests => return None,
            Self::Throughput if set_up.loops > 0 => (0.05, 0.0),
            Self::Throughput if !constant && few => (0.03, 0.0),
            Self::Throughput => (0.02, 0.0),
            Self::Mean | Self::P50 => (0.03, 1.0),
            Self::P90 | Self::P95 if constant => (0.05, 2.0),
            Self::P90 | Self::P95 => (0.08, 3.0),
            Self::P99 => (0.12, 4.0),
        })
    }
}

/// Replays set-ups; a compared figure is a step.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<Case>(text)? {
        report.cases += 1;
        let set_up = SetUp::of(&case).map_err(|what| malformed(&case, &what))?;
        let seeds = if case.server.is_random() { SEEDS } else { 1 };
        let runs: Vec<LoadReport> = (0..seeds)
            .into_par_iter()
            .map(|seed| set_up.simulate(seed))
            .collect();
        for figure in Figure::ALL {
            if let Some(tolerance) = figure.tolerance(&case, &set_up)
                && let Some(range) = range(&case, figure)
            {
                let values = runs.iter().map(|run| figure.simulated(run));
                let got = values.sum::<f64>() / runs.len() as f64;
                report.step(difference(&case, figure, range, tolerance, got));
            }
        }
    }
    Ok(report)
}

fn malformed(case: &Case, what: &str) -> ReplayError {
    ReplayError::Malformed {
        line: 1,
        source: serde::de::Error::custom(format!("{}: {what}", case.id)),
    }
}

/// The least and the greatest that was measured.
fn range(case: &Case, figure: Figure) -> Option<(f64, f64)> {
    let measured = case.runs.iter().filter_map(|run| figure.measured(run));
    measured.fold(None, |range, value| {
        let (least, most) = range.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    })
}

fn difference(
    case: &Case,
    figure: Figure,
    (least, most): (f64, f64),
    (relative, absolute): (f64, f64),
    got: f64,
) -> Option<Difference> {
    let low = least * (1.0 - relative) - absolute;
    let high = most * (1.0 + relative) + absolute;
    (!(low..=high).contains(&got)).then(|| Difference {
        place: format!("{} {}", case.id, figure.name()),
        expected: format!("{low:.2} to {high:.2} (measured {least:.2} to {most:.2})"),
        got: format!("{got:.2}"),
        input: format!("{}, {}", case.command, case.server),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One set-up with figures that depend on what is passed.
    fn recording(command: &str, server: &str, run: &str) -> String {
        format!(r#"[{{"id":"a","command":"{command}","server":{server},"runs":[{run}]}}]"#)
    }

    const SERVER: &str = r#"{"slots":4,"dist":"const","ms":20}"#;

    fn run(requests: u64, throughput: f64) -> String {
        format!(
            r#"{{"requests":{requests},"throughput_rps":{throughput},
                "server":{{"mean_ms":20.0}}}}"#
        )
    }

    fn differing(text: &str) -> Vec<String> {
        let report = replay(text).expect("a recording");
        report.differences.into_iter().map(|d| d.place).collect()
    }

    #[test]
    fn a_figure_beyond_its_tolerance_differs() {
        // Four slots of 20 ms answer 200 requests a second.
        let at = |throughput| recording("ab -n 2000 -c 20 URL", SERVER, &run(2000, throughput));
        assert_eq!(differing(&at(200.0)), [""; 0]);
        assert_eq!(differing(&at(203.0)), [""; 0]);
        assert_eq!(differing(&at(206.0)), ["a throughput_rps"]);
        assert_eq!(differing(&at(194.0)), ["a throughput_rps"]);
    }

    #[test]
    fn a_fixed_number_of_requests_is_exact() {
        let hey = |requests| recording("hey -n 2010 -c 50 URL", SERVER, &run(requests, 200.0));
        assert_eq!(differing(&hey(2000)), [""; 0]);
        assert_eq!(differing(&hey(2010)), ["a requests"]);
        let timed = recording("hey -z 10s -c 50 URL", SERVER, &run(1, 200.0));
        assert_eq!(differing(&timed), [""; 0]);
    }

    /// Eight workers that tick in step on four slots: half of the latencies are 20 ms, half 40.
    /// hey calls the first of the slower half its median, nearest rank the last of the faster.
    #[test]
    fn percentiles_of_hey_are_by_its_own_rule() {
        let at = |p50: f64| {
            let run = format!(
                r#"{{"requests":400,"throughput_rps":39.8,"latency_ms":{{"p50":{p50}}},
                    "server":{{"mean_ms":20.0}}}}"#
            );
            recording("hey -z 10s -q 5 -c 8 URL", SERVER, &run)
        };
        assert_eq!(differing(&at(40.0)), [""; 0]);
        assert_eq!(differing(&at(20.0)), ["a p50_ms"]);
    }

    #[test]
    fn loops_are_observed_for_the_time_that_is_said() {
        let text = |seconds: &str| {
            let command = format!(
                "3 x busybox sh: while true; do wget -q -O- URL; sleep 0.016; done, \
                 observed for {seconds}"
            );
            recording(&command, SERVER, &run(1, 75.0))
        };
        for seconds in ["10 s", "30s", "1m"] {
            assert_eq!(differing(&text(seconds)), [""; 0], "{seconds}");
        }
    }

    #[test]
    fn what_is_not_a_set_up_is_told() {
        let told = |text: &str| replay(text).expect_err("not a set-up").to_string();
        let messages = [
            recording("wrk -c 3 URL", SERVER, &run(1, 1.0)),
            recording("3 x busybox sh: sleep 1", SERVER, &run(1, 1.0)),
            recording(
                "ab -n 9 URL",
                r#"{"slots":4,"dist":"gamma","ms":20}"#,
                &run(1, 1.0),
            ),
            recording(
                "ab -n 9 URL",
                r#"{"slots":4,"dist":"lognormal","ms":20}"#,
                &run(1, 1.0),
            ),
            recording("ab -n 9 URL", SERVER, ""),
        ]
        .map(|text| told(&text));
        insta::assert_snapshot!(messages.join("\n"));
    }
}
