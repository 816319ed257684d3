//! The chart of what a run costs, and how much of it is idle.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::scene::{Scene, Stroke};
use super::theme::{Color, Theme};
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::Unit;
use super::{Chart, Points};

/// Cumulative cost, cost per hour, idle share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CostChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// What is paid for, such as nodes, or what pods request.
    pub costs: Vec<CostSeries>,
    /// What each owner pays an hour, from the base of the stack to its top; steps.
    pub owners: Vec<(String, Points)>,
    /// Share of what is paid for that nobody uses, in percent; steps.
    pub idle_share: Points,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// One way to count cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CostSeries {
    /// Its name.
    pub name: String,
    /// Dollars per hour; steps.
    pub rate: Points,
    /// Dollars so far, as a line; if empty, the rate's integral.
    pub cumulative: Points,
}

impl CostSeries {
    /// Dollars so far, from the rate if they are not given.
    fn total(&self, end: f64) -> Points {
        if !self.cumulative.is_empty() {
            return self.cumulative.clone();
        }
        let mut sum = 0.0;
        let mut line = Points::new();
        for (place, &(time, rate)) in self.rate.iter().enumerate() {
            let next = self.rate.get(place + 1).map_or(end, |next| next.0.min(end));
            if rate.is_finite() && next > time {
                line.push((time, sum));
                sum += rate * (next - time) / 3600.0;
                line.push((next, sum));
            }
        }
        line.dedup();
        line
    }
}

fn color(theme: &Theme, place: usize) -> Color {
    let [blue, orange, green, purple, ..] = theme.series;
    [purple, blue, green, orange][place % 4]
}

impl Chart for CostChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        self.cumulative(&mut timeline);
        self.rate(&mut timeline);
        if !self.owners.is_empty() {
            self.stack(&mut timeline);
        }
        if !self.idle_share.is_empty() {
            self.idle(&mut timeline);
        }
        timeline.finish()
    }
}

impl CostChart {
    fn cumulative(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let totals: Vec<Points> = self.costs.iter().map(|cost| cost.total(end)).collect();
        let legend: Vec<Entry> = self.legend(theme);
        let heading = Heading {
            title: "Cost so far",
            unit: "",
            legend: &legend,
            height: 230.0,
        };
        let values = totals.iter().flatten().map(|point| point.1);
        let vertical = Vertical::Linear(Unit::Dollars, extent(values));
        timeline.panel(&heading, &vertical, |panel| {
            for (place, total) in totals.iter().enumerate() {
                panel.line(total, Stroke::solid(color(theme, place), 2.0));
                if let Some((_, last)) = total.last() {
                    panel.note(*last, Unit::Dollars.text(*last), color(theme, place));
                }
            }
        });
    }

    fn legend(&self, theme: &Theme) -> Vec<Entry> {
        let costs = self.costs.iter().enumerate();
        costs
            .map(|(place, cost)| {
                let stroke = Stroke::solid(color(theme, place), 2.0);
                Entry(Swatch::Line(stroke), cost.name.clone())
            })
            .collect()
    }

    fn rate(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let heading = Heading {
            title: "Cost per hour",
            unit: "",
            legend: &[],
            height: 140.0,
        };
        let values = self.costs.iter().flat_map(|cost| &cost.rate);
        let vertical = Vertical::Linear(Unit::Dollars, extent(values.map(|point| point.1)));
        timeline.panel(&heading, &vertical, |panel| {
            for (place, cost) in self.costs.iter().enumerate() {
                panel.steps(&cost.rate, end, Stroke::solid(color(theme, place), 1.6));
            }
        });
    }

    /// The owners' costs, one upon the other.
    fn stack(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let color = |place: usize, name: &str| match name {
            "idle" => theme.soft(theme.grey(), 0.5),
            _ => theme.soft(theme.series[place % 7], 0.75),
        };
        let mut sums: Vec<Points> = Vec::new();
        for (_, rates) in &self.owners {
            let mut sum = rates.clone();
            if let Some(below) = sums.last() {
                for (point, below) in sum.iter_mut().zip(below) {
                    point.1 += below.1;
                }
            }
            sums.push(sum);
        }
        let owners = self.owners.iter().enumerate();
        let legend: Vec<Entry> = owners
            .map(|(place, (name, _))| Entry(Swatch::Fill(color(place, name)), name.clone()))
            .collect();
        let heading = Heading {
            title: "Who pays for the nodes",
            unit: "an hour",
            legend: &legend,
            height: 180.0,
        };
        let values = sums.last().into_iter().flatten().map(|point| point.1);
        let vertical = Vertical::Linear(Unit::Dollars, extent(values));
        timeline.panel(&heading, &vertical, |panel| {
            // From the top of the stack down, so that no seam shows between owners.
            for (place, sum) in sums.iter().enumerate().rev() {
                panel.step_area(sum, end, color(place, &self.owners[place].0));
            }
        });
    }

    fn idle(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let heading = Heading {
            title: "Idle share",
            unit: "of what is paid for",
            legend: &[],
            height: 110.0,
        };
        let vertical = Vertical::Linear(Unit::Percent, Some((0.0, 100.0)));
        timeline.panel(&heading, &vertical, |panel| {
            panel.step_area(&self.idle_share, end, theme.soft(theme.grey(), 0.3));
            panel.steps(&self.idle_share, end, Stroke::solid(theme.grey(), 1.5));
        });
    }
}
