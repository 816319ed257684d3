//! The chart of a container's usage against its request and the VPA's recommendation.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::mark::{self, Mark};
use super::scene::{Scene, Stroke};
use super::theme::Theme;
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::Unit;
use super::{Chart, Points};

/// Usage, requests and recommendations, a panel per resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UsageChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// CPU, memory.
    pub resources: Vec<ResourcePanel>,
    /// Evictions and kills.
    pub marks: Vec<Mark>,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// One resource of a container.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResourcePanel {
    /// Heading, such as `Memory of api`.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Names and values of what was used, such as percentiles over the pods, highest first.
    pub usage: Vec<(String, Points)>,
    /// What a pod requests; steps.
    pub request: Points,
    /// What a pod may use; steps, empty without a limit.
    pub limit: Points,
    /// Lower bound, target and upper bound recommended from each second on.
    pub recommendation: Vec<(f64, [f64; 3])>,
}

impl Chart for UsageChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        let height = if self.resources.len() > 1 {
            215.0
        } else {
            430.0
        };
        for (place, resource) in self.resources.iter().enumerate() {
            let marks = if place == 0 { &self.marks[..] } else { &[] };
            resource.draw(&mut timeline, marks, height);
            timeline.marks(marks);
        }
        timeline.finish()
    }
}

impl ResourcePanel {
    fn draw(&self, timeline: &mut Timeline, marks: &[Mark], height: f64) {
        let (theme, end) = (timeline.theme, timeline.end);
        let request = Stroke::solid(theme.ink, 1.9);
        let limit = Stroke::dashed(theme.grey(), 1.5);
        let target = Stroke::solid(theme.green(), 1.6);
        let band = theme.green().alpha(0.16);
        let usage = |place: usize| {
            let colors = [theme.orange(), theme.sky(), theme.purple()];
            Stroke::solid(colors[place % colors.len()], 1.4)
        };
        let mut legend = vec![Entry(Swatch::Line(request), "request".to_owned())];
        let names = self.usage.iter().enumerate();
        legend.extend(names.map(|(i, (name, _))| Entry(Swatch::Line(usage(i)), name.clone())));
        if !self.recommendation.is_empty() {
            legend.push(Entry(Swatch::Line(target), "recommended target".to_owned()));
            legend.push(Entry(Swatch::Fill(band), "lower to upper bound".to_owned()));
        }
        if !self.limit.is_empty() {
            legend.push(Entry(Swatch::Line(limit), "limit".to_owned()));
        }
        legend.extend(mark::legend(marks));
        let heading = Heading {
            title: &self.name,
            unit: self.unit.name(),
            legend: &legend,
            height,
        };
        let vertical = Vertical::Linear(self.unit, self.extent());
        timeline.panel(&heading, &vertical, |panel| {
            panel.step_band(&self.bound(0), &self.bound(2), end, band);
            for (place, (_, points)) in self.usage.iter().enumerate() {
                panel.line(points, usage(place));
            }
            panel.steps(&self.bound(1), end, target);
            panel.steps(&self.limit, end, limit);
            panel.steps(&self.request, end, request);
            if let Some((_, last)) = self.request.last() {
                panel.note(*last, self.unit.text(*last), theme.ink);
            }
            if let Some((_, [_, last, _])) = self.recommendation.last() {
                panel.note(*last, self.unit.text(*last), theme.green());
            }
        });
    }

    /// One of the three recommended values.
    fn bound(&self, place: usize) -> Points {
        let values = self.recommendation.iter();
        values
            .map(|(time, bounds)| (*time, bounds[place]))
            .collect()
    }

    /// Upper bounds start at huge values while there is little history: they may leave the
    /// panel, so that usage stays readable.
    fn extent(&self) -> Option<(f64, f64)> {
        let lines = self.usage.iter().map(|(_, points)| points);
        let lines = lines.chain([&self.request, &self.limit]).flatten();
        let targets = self.recommendation.iter().map(|(_, bounds)| bounds[1]);
        let (low, high) = extent(lines.map(|point| point.1).chain(targets))?;
        let upper = self.recommendation.iter().map(|(_, bounds)| bounds[2]);
        let upper = extent(upper).map_or(high, |(_, upper)| upper);
        Some((low, high.max(upper.min(high * 1.3))))
    }
}
