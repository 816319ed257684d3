//! The chart of a service's requests: latency against the objective, rate, failures.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::scene::{Scene, Stroke};
use super::theme::{Color, Theme};
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::{self, Unit};
use super::{Chart, Points};
use crate::record::{Outcome, Window};

/// Latency percentiles, request rate and failures by window of arrival.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatencyChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// Length of a window, in seconds.
    pub step: f64,
    /// The windows in order.
    pub windows: Vec<LatencyWindow>,
    /// Names of the kinds of failure.
    pub failure_kinds: Vec<String>,
    /// The objective, if there is one.
    pub slo: Option<LatencySlo>,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// A bound of a latency percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencySlo {
    /// The percentile, in percent.
    pub percentile: f64,
    /// Its bound, in milliseconds.
    pub limit_ms: f64,
}

/// The requests of a window by outcome.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatencyWindow {
    /// Its start, in seconds.
    pub start: f64,
    /// Requests issued.
    pub requests: f64,
    /// Percentiles 50, 95 and 99 of the successful ones; NaN if there are none.
    pub latency_ms: [f64; 3],
    /// The percentile of the objective; NaN if nothing succeeded.
    pub slo_ms: f64,
    /// Failed requests by kind.
    pub failures: Vec<f64>,
}

impl LatencyWindow {
    /// Names of the kinds in which recorded windows count failures.
    pub fn recorded_kinds() -> Vec<String> {
        let kinds = Outcome::ALL[1..].iter();
        let failures = kinds.map(|kind| kind.name().replace('_', " "));
        failures.chain(["no answer".to_owned()]).collect()
    }
}

impl From<&Window> for LatencyWindow {
    fn from(window: &Window) -> Self {
        let latency = &window.latency;
        let some = |value: f64| if latency.count == 0 { f64::NAN } else { value };
        Self {
            start: window.start.as_secs_f64(),
            requests: window.issued as f64,
            latency_ms: [latency.p50_ms, latency.p95_ms, latency.p99_ms].map(some),
            slo_ms: some(latency.slo_ms),
            failures: window.ended[1..]
                .iter()
                .chain([&window.unanswered()])
                .map(|count| *count as f64)
                .collect(),
        }
    }
}

impl Chart for LatencyChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        self.latency(&mut timeline);
        self.rate(&mut timeline);
        self.failures(&mut timeline);
        timeline.finish()
    }
}

impl LatencyChart {
    fn step(&self) -> f64 {
        if self.step.is_finite() {
            self.step.max(1e-3)
        } else {
            1.0
        }
    }

    fn violates(&self, window: &LatencyWindow) -> bool {
        let failed: f64 = window.failures.iter().sum();
        self.slo.is_some_and(|slo| {
            window.slo_ms > slo.limit_ms || (window.slo_ms.is_nan() && failed > 0.0)
        })
    }

    /// A logarithmic axis if the latencies span more than a factor of 30.
    fn vertical(&self) -> Vertical {
        let limit = self.slo.map(|slo| slo.limit_ms);
        let latencies = self.windows.iter().flat_map(|window| window.latency_ms);
        let positive = latencies.chain(limit).filter(|value| *value > 0.0);
        let unit = Unit::Milliseconds;
        match extent(positive) {
            Some((low, high)) if high > 30.0 * low => Vertical::Logarithmic(unit, (low, high)),
            found => Vertical::Linear(unit, found),
        }
    }

    fn latency(&self, timeline: &mut Timeline) {
        let theme = timeline.theme;
        let lines = [
            ("p99", Stroke::solid(theme.purple(), 1.5)),
            ("p95", Stroke::solid(theme.blue(), 1.9)),
            ("p50", Stroke::solid(theme.sky(), 1.5)),
        ];
        let shade = theme.red().alpha(0.3);
        let mut legend: Vec<Entry> = lines
            .iter()
            .map(|(name, stroke)| Entry(Swatch::Line(*stroke), (*name).to_owned()))
            .collect();
        if self.slo.is_some() {
            legend.push(Entry(Swatch::Fill(shade), "objective missed".to_owned()));
        }
        let vertical = self.vertical();
        let heading = Heading {
            title: "Latency",
            unit: match vertical {
                Vertical::Logarithmic(..) => "of successful requests, logarithmic",
                Vertical::Linear(..) => "of successful requests",
            },
            legend: &legend,
            height: 250.0,
        };
        timeline.panel(&heading, &vertical, |panel| {
            for (from, to) in self.missed() {
                panel.shade(from, to, shade);
            }
            for (place, (_, stroke)) in lines.iter().enumerate() {
                panel.line(&self.percentile(2 - place), *stroke);
            }
            if let Some(slo) = self.slo {
                let limit = Unit::Milliseconds.text(slo.limit_ms);
                let text = format!("p{} ≤ {limit}", Unit::Number.text(slo.percentile));
                panel.reference(slo.limit_ms, text, theme.red());
            }
        });
    }

    /// A percentile at the middle of each window.
    fn percentile(&self, place: usize) -> Points {
        let half = self.step() / 2.0;
        let windows = self.windows.iter();
        windows
            .map(|window| (window.start + half, window.latency_ms[place]))
            .collect()
    }

    /// Stretches of windows that missed the objective.
    fn missed(&self) -> Vec<(f64, f64)> {
        let mut stretches: Vec<(f64, f64)> = Vec::new();
        for window in self.windows.iter().filter(|window| self.violates(window)) {
            let end = window.start + self.step();
            match stretches.last_mut() {
                Some(last) if window.start <= last.1 + 1e-9 => last.1 = end,
                _ => stretches.push((window.start, end)),
            }
        }
        stretches
    }

    /// Requests per second from the start of each window on. There are no windows after the last
    /// request, and the end of the run may cut a window short.
    fn rates(&self) -> Points {
        let step = self.step();
        let mut rates: Points = Vec::with_capacity(self.windows.len() + 1);
        for window in &self.windows {
            let length = step.min(self.duration - window.start);
            let length = if length > 0.0 { length } else { step };
            rates.push((window.start, window.requests / length));
        }
        let after = rates.last().map(|last| last.0 + step);
        rates.extend(
            after
                .filter(|after| *after < self.duration)
                .map(|after| (after, 0.0)),
        );
        rates
    }

    fn rate(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let rate = self.rates();
        let heading = Heading {
            title: "Requests",
            unit: "per second",
            legend: &[],
            height: 90.0,
        };
        let vertical = Vertical::Linear(Unit::PerSecond, extent(rate.iter().map(|point| point.1)));
        timeline.panel(&heading, &vertical, |panel| {
            panel.step_area(&rate, end, theme.soft(theme.green(), 0.2));
            panel.steps(&rate, end, Stroke::solid(theme.green(), 1.5));
        });
    }

    fn failures(&self, timeline: &mut Timeline) {
        const BARS: usize = 480;
        let theme = timeline.theme;
        let [blue, orange, _, purple, sky, red, yellow, grey] = theme.series;
        let colors = [red, orange, purple, sky, yellow, blue, grey];
        let color = |kind: usize| -> Color { colors[kind % colors.len()] };
        let joined = self.windows.len().div_ceil(BARS).max(1);
        let bars: Vec<(f64, Vec<f64>)> = self.windows.chunks(joined).map(sum).collect();
        let total: f64 = bars.iter().flat_map(|(_, kinds)| kinds).sum();
        let occurs = |kind: usize| {
            let mut counts = bars.iter().filter_map(|(_, kinds)| kinds.get(kind));
            counts.any(|count| *count > 0.0)
        };
        let names = self.failure_kinds.iter().enumerate();
        let legend: Vec<Entry> = names
            .filter(|(kind, _)| occurs(*kind))
            .map(|(kind, name)| Entry(Swatch::Fill(color(kind)), name.clone()))
            .collect();
        let width = self.step() * joined as f64;
        let heading = Heading {
            title: "Failed and unanswered requests",
            unit: &format!("per {}", unit::duration(width)),
            legend: &legend,
            height: if total > 0.0 { 110.0 } else { 44.0 },
        };
        let heights = bars.iter().map(|(_, kinds)| kinds.iter().sum());
        let vertical = Vertical::Linear(Unit::Count, extent(heights));
        timeline.panel(&heading, &vertical, |panel| {
            panel.empty = "no request failed";
            for (start, kinds) in &bars {
                let parts: Vec<(f64, Color)> = kinds
                    .iter()
                    .enumerate()
                    .map(|(kind, count)| (*count, color(kind)))
                    .collect();
                panel.stacked_bars(*start, start + width, &parts);
            }
        });
    }
}

/// Start and failures by kind of several windows together.
fn sum(windows: &[LatencyWindow]) -> (f64, Vec<f64>) {
    let kinds = windows.iter().map(|window| window.failures.len()).max();
    let mut sums = vec![0.0; kinds.unwrap_or(0)];
    for window in windows {
        for (sum, count) in sums.iter_mut().zip(&window.failures) {
            *sum += if count.is_finite() {
                count.max(0.0)
            } else {
                0.0
            };
        }
    }
    (windows.first().map_or(0.0, |window| window.start), sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(duration: f64, requests: &[f64]) -> LatencyChart {
        let window = |(place, requests): (usize, &f64)| LatencyWindow {
            start: 15.0 * place as f64,
            requests: *requests,
            ..LatencyWindow::default()
        };
        LatencyChart {
            duration,
            step: 15.0,
            windows: requests.iter().enumerate().map(window).collect(),
            ..LatencyChart::default()
        }
    }

    #[test]
    fn the_rate_ends_with_the_last_request() {
        let rates = chart(600.0, &[300.0, 150.0]).rates();
        assert_eq!(rates, [(0.0, 20.0), (15.0, 10.0), (30.0, 0.0)]);
    }

    #[test]
    fn a_window_cut_short_has_its_own_length() {
        let rates = chart(20.0, &[300.0, 100.0]).rates();
        assert_eq!(rates, [(0.0, 20.0), (15.0, 20.0)]);
    }
}
