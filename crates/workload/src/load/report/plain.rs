//! A report for loads whose tool prints none: `wget` loops and declared profiles.

use std::fmt;

use crate::load::{AnswerCounts, LatencySummary};

/// Counts, rate and latencies of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainReport {
    pub(super) what: &'static str,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Ended requests per second.
    pub requests_per_second: f64,
    /// How requests ended.
    pub answers: AnswerCounts,
    /// Latencies of those with an answer.
    pub latency: LatencySummary,
}

impl PlainReport {
    pub(super) fn new(
        what: &'static str,
        seconds: f64,
        answers: AnswerCounts,
        latency: LatencySummary,
    ) -> Self {
        let rate = if seconds > 0.0 {
            answers.total() as f64 / seconds
        } else {
            0.0
        };
        Self {
            what,
            seconds,
            requests_per_second: rate,
            answers,
            latency,
        }
    }
}

impl fmt::Display for PlainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AnswerCounts {
            ok,
            status_429,
            status_503,
            status_504,
            timeout,
            refused,
            reset,
        } = self.answers;
        writeln!(f, "Load:                   {}", self.what)?;
        writeln!(f, "Time taken:             {:.3} seconds", self.seconds)?;
        writeln!(f, "Answered with 200:      {ok}")?;
        for (name, count) in [
            ("429 (rate limit):", status_429),
            ("503 (full):", status_503),
            ("504 (server time-out):", status_504),
            ("No answer in time:", timeout),
            ("Connection refused:", refused),
            ("Connection broken:", reset),
        ] {
            if count > 0 {
                writeln!(f, "{name:<23} {count}")?;
            }
        }
        writeln!(f, "Requests per second:    {:.2}", self.requests_per_second)?;
        let LatencySummary {
            count,
            mean_ms,
            p50_ms,
            p90_ms,
            p95_ms,
            p99_ms,
            max_ms,
            ..
        } = self.latency;
        if count == 0 {
            return Ok(());
        }
        writeln!(f, "Latency (ms)")?;
        writeln!(
            f,
            "{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "mean", "p50", "p90", "p95", "p99", "max"
        )?;
        for value in [mean_ms, p50_ms, p90_ms, p95_ms, p99_ms, max_ms] {
            write!(f, "{value:>11.1}")?;
        }
        writeln!(f)
    }
}
