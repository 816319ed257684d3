//! The chart of an autoscaled workload: replicas, load, metrics against their targets.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::mark::{self, Mark};
use super::scene::{Scene, Stroke};
use super::theme::Theme;
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::Unit;
use super::{Chart, Points};

/// A bound that is this many times as high as everything else is not shown at its place.
const FAR: f64 = 2.5;

/// Desired, existing and ready replicas over time, with the load and the metrics that moved
/// them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicasChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// What the autoscaler last wrote; steps.
    pub desired: Points,
    /// What the load needs; steps.
    pub needed: Points,
    /// Pods that exist; steps.
    pub current: Points,
    /// Ready pods; steps.
    pub ready: Points,
    /// Least and largest number of replicas allowed.
    pub bounds: Option<(f64, f64)>,
    /// Offered load and the metrics, a panel each.
    pub metrics: Vec<MetricPanel>,
    /// Changes of the desired number.
    pub events: Vec<Mark>,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// A quantity over time in its own panel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricPanel {
    /// Heading, such as `CPU utilization`.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Values; steps.
    pub points: Points,
    /// The autoscaler's target, if it has one.
    pub target: Option<f64>,
    /// Share of the target within which the autoscaler does nothing.
    pub tolerance: f64,
}

impl Chart for ReplicasChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        self.replicas(&mut timeline);
        timeline.marks(&self.events);
        for metric in &self.metrics {
            metric.draw(&mut timeline);
        }
        timeline.finish()
    }
}

impl ReplicasChart {
    fn replicas(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let desired = Stroke::solid(theme.blue(), 1.75);
        let current = Stroke::solid(theme.soft(theme.orange(), 0.9), 4.0);
        let ready = Stroke::solid(theme.green(), 1.75);
        let needed = Stroke::dashed(theme.ink.alpha(0.75), 1.25);
        let mut legend = vec![
            Entry(Swatch::Line(desired), "desired".to_owned()),
            Entry(Swatch::Line(current), "existing".to_owned()),
            Entry(
                Swatch::Fill(theme.soft(theme.green(), 0.35)),
                "ready".to_owned(),
            ),
        ];
        if !self.needed.is_empty() {
            legend.push(Entry(Swatch::Line(needed), "needed".to_owned()));
        }
        legend.extend(mark::legend(&self.events));
        let values = [&self.desired, &self.current, &self.ready, &self.needed];
        let values = values.into_iter().flatten().map(|point| point.1);
        let values = extent(values);
        // A bound that is far away would press the curves to the ground.
        let is_far = |max: f64| values.is_some_and(|(_, top)| max > FAR * top.max(1.0));
        let limits = self.bounds.into_iter().flat_map(|(min, max)| [min, max]);
        let limits = limits.filter(|limit| !is_far(*limit));
        let values = values.into_iter().flat_map(|(low, high)| [low, high]);
        let heading = Heading {
            title: "Replicas",
            unit: "",
            legend: &legend,
            height: 230.0,
        };
        let vertical = Vertical::Linear(Unit::Count, extent(values.chain(limits)));
        timeline.panel(&heading, &vertical, |panel| {
            panel.step_area(&self.ready, end, theme.soft(theme.green(), 0.25));
            if let Some((min, max)) = self.bounds {
                let text = format!("max {}", Unit::Count.text(max));
                if is_far(max) {
                    panel.note(panel.y.high(), format!("{text}, above"), theme.muted);
                } else {
                    panel.reference(max, text, theme.muted);
                }
                panel.reference(min, format!("min {}", Unit::Count.text(min)), theme.muted);
            }
            // Wide below the others, so that it shows beside them.
            panel.trend(&self.current, end, current);
            panel.trend(&self.ready, end, ready);
            panel.steps(&self.desired, end, desired);
            panel.trend(&self.needed, end, needed);
        });
    }
}

impl MetricPanel {
    fn draw(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let values = self.points.iter().map(|point| point.1);
        let target = self.target.filter(|target| target.is_finite());
        let stroke = match target {
            Some(_) => Stroke::solid(theme.blue(), 1.6),
            None => Stroke::solid(theme.purple(), 1.6),
        };
        let heading = Heading {
            title: &self.name,
            unit: self.unit.name(),
            legend: &[],
            height: 110.0,
        };
        let band = target.map(|target| target * self.tolerance.max(0.0));
        let top = target.iter().zip(&band).map(|(target, band)| target + band);
        let vertical = Vertical::Linear(self.unit, extent(values.chain(top)));
        timeline.panel(&heading, &vertical, |panel| {
            if let (Some(target), Some(band)) = (target, band) {
                panel.band(target - band, target + band, theme.red().alpha(0.13));
            } else {
                panel.step_area(&self.points, end, theme.soft(theme.purple(), 0.18));
            }
            panel.steps(&self.points, end, stroke);
            if let Some(target) = target {
                // Above the values, which hide it where they are many.
                let text = format!("target {}", self.unit.text(target));
                panel.reference(target, text, theme.red());
            }
        });
    }
}
