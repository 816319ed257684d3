//! A load's report: the figures of its tool, by that tool's own rules.

mod ab;
mod hey;
mod plain;

use std::fmt;

pub use ab::{AbReport, Row};
pub use hey::HeyReport;
pub use plain::PlainReport;

use super::{AnswerCounts, LatencySummary, Source};
pub use crate::load::ab::{AbAbort, AbCounters};
use crate::sim::SimTime;

/// A load's report at some time, usually after its end. `Display` prints what its tool prints.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadReport {
    /// The load's name.
    pub name: String,
    /// When it started.
    pub started: Option<SimTime>,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// How the requests ended of which the tool knows the end.
    pub answers: AnswerCounts,
    /// Latencies by the tool's clock of the requests that got an answer (with `ab -r`, of
    /// failed ones too).
    pub latency: LatencySummary,
    /// The tool's own report.
    pub tool: ToolReport,
}

/// The report of a tool.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolReport {
    /// Of `ab`.
    Ab(AbReport),
    /// Of `hey`.
    Hey(HeyReport),
    /// Of loops and profiles, which have no tool that prints.
    Plain(PlainReport),
}

impl LoadReport {
    /// The report of a source at `now`.
    pub fn new(name: &str, source: &Source, now: SimTime) -> Self {
        let (started, ended) = match source {
            Source::Ab(ab) => ab.span(),
            Source::Hey(hey) => hey.span(),
            Source::WgetJob(job) => job.span(),
            Source::Open(open) => open.span(),
        };
        let seconds = started.map_or(0.0, |start| {
            ended.unwrap_or(now).since(start).as_secs_f64().max(0.0)
        });
        let (answers, latency, tool) = match source {
            Source::Ab(ab) => {
                let report = AbReport::new(ab, seconds);
                let latency = LatencySummary::of_sorted(&report.sorted);
                (ab.answers, latency, ToolReport::Ab(report))
            }
            Source::Hey(hey) => {
                let report = HeyReport::new(hey, seconds);
                let latency = LatencySummary::of_sorted(&report.sorted);
                (hey.answers, latency, ToolReport::Hey(report))
            }
            Source::WgetJob(job) => {
                let latency = job.latencies.summary();
                let plain = PlainReport::new("wget", seconds, job.answers, latency);
                (job.answers, latency, ToolReport::Plain(plain))
            }
            Source::Open(open) => {
                let latency = open.latencies.summary();
                let plain = PlainReport::new("profile", seconds, open.answers, latency);
                (open.answers, latency, ToolReport::Plain(plain))
            }
        };
        Self {
            name: name.to_owned(),
            started,
            ended,
            answers,
            latency,
            tool,
        }
    }

    /// The tool's name.
    pub fn tool_name(&self) -> &'static str {
        match &self.tool {
            ToolReport::Ab(_) => "ab",
            ToolReport::Hey(_) => "hey",
            ToolReport::Plain(report) => report.what,
        }
    }

    /// Seconds from start to end.
    pub fn seconds(&self) -> f64 {
        match &self.tool {
            ToolReport::Ab(report) => report.seconds,
            ToolReport::Hey(report) => report.total,
            ToolReport::Plain(report) => report.seconds,
        }
    }

    /// The percentiles that the tool prints, by its own rule: percent and milliseconds.
    pub fn percentiles(&self) -> Vec<(u8, f64)> {
        match &self.tool {
            ToolReport::Ab(report) => {
                let rows = report.percentiles().into_iter();
                rows.map(|(percent, ms)| (percent as u8, ms as f64))
                    .collect()
            }
            ToolReport::Hey(report) => {
                let rows = report.percentiles().into_iter();
                rows.map(|(percent, seconds)| (percent as u8, seconds * 1000.0))
                    .collect()
            }
            ToolReport::Plain(_) => {
                let latency = &self.latency;
                let all = [
                    (50, latency.p50_ms),
                    (75, latency.p75_ms),
                    (90, latency.p90_ms),
                    (95, latency.p95_ms),
                    (99, latency.p99_ms),
                ];
                all.into_iter().filter(|_| latency.count > 0).collect()
            }
        }
    }

    /// Requests per second as the tool computes it.
    pub fn requests_per_second(&self) -> f64 {
        match &self.tool {
            ToolReport::Ab(report) => report.requests_per_second(),
            ToolReport::Hey(report) => report.requests_per_second,
            ToolReport::Plain(report) => report.requests_per_second,
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            ToolReport::Ab(report) => report.fmt(f),
            ToolReport::Hey(report) => report.fmt(f),
            ToolReport::Plain(report) => report.fmt(f),
        }
    }
}
