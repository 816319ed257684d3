//! What `hey` prints (`requester/report.go` and `print.go`, 0.1.4): its arithmetic, its
//! layout.

use std::fmt;

use crate::load::AnswerCounts;
use crate::load::ab::BODY_200;
use crate::load::hey::Hey;
use crate::load::spec::Url;

const PERCENTS: [usize; 7] = [10, 25, 50, 75, 90, 95, 99];
const BUCKETS: usize = 10;
const LONGEST_BAR: u64 = 40;

/// The figures that `hey` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct HeyReport {
    url: Url,
    /// Seconds from start to end.
    pub total: f64,
    /// Results, errors among them, per second.
    pub requests_per_second: f64,
    /// Seconds: the sum of all latencies over the number of latencies kept, so too high beyond
    /// a million requests and not a number without any, as in hey.
    pub average: f64,
    /// How requests ended.
    pub answers: AnswerCounts,
    /// Latencies of the first million answers in microseconds, ascending.
    pub sorted: Vec<u32>,
}

fn seconds(micros: u32) -> f64 {
    f64::from(micros) / 1e6
}

/// A mean as Go's `%4.4f` prints it.
fn mean(seconds: f64) -> String {
    format!("{seconds:>4.4}")
}

impl HeyReport {
    pub(super) fn new(hey: &Hey, total: f64) -> Self {
        let mut sorted = hey.latencies.clone();
        sorted.sort_unstable();
        let rate = if total > 0.0 {
            hey.answers.total() as f64 / total
        } else {
            0.0
        };
        Self {
            url: hey.spec.url.clone(),
            total,
            requests_per_second: rate,
            average: hey.total_micros as f64 / 1e6 / sorted.len() as f64,
            answers: hey.answers,
            sorted,
        }
    }

    /// The latency distribution: percent and seconds. What the walk does not reach is left out
    /// here, as are zeros; hey prints `0%` in their place.
    pub fn percentiles(&self) -> Vec<(usize, f64)> {
        let count = self.sorted.len();
        let mut found = Vec::new();
        let mut wanted = PERCENTS.iter();
        let mut next = wanted.next();
        for (i, &latency) in self.sorted.iter().enumerate() {
            let Some(&percent) = next else { break };
            if i * 100 / count >= percent {
                if latency > 0 {
                    found.push((percent, seconds(latency)));
                }
                next = wanted.next();
            }
        }
        found
    }

    /// The histogram: upper bound in seconds and count of each of its 11 bars.
    pub fn histogram(&self) -> Vec<(f64, u64)> {
        let (Some(&first), Some(&last)) = (self.sorted.first(), self.sorted.last()) else {
            return Vec::new();
        };
        let (fastest, slowest) = (seconds(first), seconds(last));
        let width = (slowest - fastest) / BUCKETS as f64;
        let mut bars: Vec<(f64, u64)> = (0..BUCKETS)
            .map(|i| (fastest + width * i as f64, 0))
            .collect();
        bars.push((slowest, 0));
        let mut bar = 0;
        for &latency in &self.sorted {
            while seconds(latency) > bars[bar].0 && bar < BUCKETS {
                bar += 1;
            }
            bars[bar].1 += 1;
        }
        bars
    }

    fn fmt_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Url {
            scheme,
            host,
            port,
            path,
        } = &self.url;
        let url = format!("{scheme}://{host}:{port}{path}");
        let AnswerCounts {
            timeout,
            refused,
            reset,
            ..
        } = self.answers;
        let errors = [
            (
                timeout,
                format!(
                    "Get \"{url}\": context deadline exceeded \
                     (Client.Timeout exceeded while awaiting headers)"
                ),
            ),
            (
                refused,
                format!("Get \"{url}\": dial tcp {host}:{port}: connect: connection refused"),
            ),
            (reset, format!("Get \"{url}\": EOF")),
        ];
        write!(f, "Error distribution:")?;
        for (count, text) in errors.iter().filter(|(count, _)| *count > 0) {
            write!(f, "\n  [{count}]\t{text}")?;
        }
        Ok(())
    }
}

impl fmt::Display for HeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fastest = self.sorted.first().map_or(0.0, |&latency| seconds(latency));
        let slowest = self.sorted.last().map_or(0.0, |&latency| seconds(latency));
        writeln!(f, "\nSummary:")?;
        writeln!(f, "  Total:\t{:.4} secs", self.total)?;
        writeln!(f, "  Slowest:\t{slowest:.4} secs")?;
        writeln!(f, "  Fastest:\t{fastest:.4} secs")?;
        writeln!(f, "  Average:\t{} secs", mean(self.average))?;
        writeln!(f, "  Requests/sec:\t{:.4}", self.requests_per_second)?;
        write!(f, "  ")?;
        let size = self.answers.ok * BODY_200;
        if size > 0 {
            writeln!(f, "\n  Total data:\t{size} bytes")?;
            write!(
                f,
                "  Size/request:\t{} bytes",
                size / self.sorted.len().max(1) as u64
            )?;
        }
        writeln!(f, "\n\nResponse time histogram:")?;
        let bars = self.histogram();
        let most = bars.iter().map(|bar| bar.1).max().unwrap_or(0);
        for (bound, count) in bars {
            let length = (count * LONGEST_BAR + most / 2) / most.max(1);
            writeln!(
                f,
                "  {bound:.3} [{count}]\t|{}",
                "■".repeat(length as usize)
            )?;
        }
        write!(f, "\n\nLatency distribution:")?;
        let found = self.percentiles();
        for percent in PERCENTS.iter().filter(|_| !self.sorted.is_empty()) {
            let row = found.iter().find(|(of, _)| of == percent);
            let (percent, latency) = row.copied().unwrap_or_default();
            write!(f, "\n  {percent}% in {latency:.4} secs")?;
        }
        writeln!(f, "\n\nDetails (average, fastest, slowest):")?;
        // Nothing over nothing is not a number.
        let none = 0.0 * self.average;
        for (what, average, [least, greatest]) in [
            ("DNS+dialup:", none, [fastest, slowest]),
            ("DNS-lookup:", none, [0.0; 2]),
            ("req write:", none, [0.0; 2]),
            ("resp wait:", self.average, [fastest, slowest]),
            ("resp read:", none, [0.0; 2]),
        ] {
            writeln!(
                f,
                "  {what}\t{} secs, {least:.4} secs, {greatest:.4} secs",
                mean(average)
            )?;
        }
        write!(f, "\nStatus code distribution:")?;
        let AnswerCounts {
            ok,
            status_429,
            status_503,
            status_504,
            ..
        } = self.answers;
        let codes = [
            (200, ok),
            (429, status_429),
            (503, status_503),
            (504, status_504),
        ];
        for (code, count) in codes {
            if count > 0 {
                write!(f, "\n  [{code}]\t{count} responses")?;
            }
        }
        write!(f, "\n\n")?;
        if self.answers.without_status() > 0 {
            self.fmt_errors(f)?;
        }
        writeln!(f, "\n")
    }
}
