//! The chart of what a service's requests ask of others: where their time is spent, what is sent, what
//! fails.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::scene::{Scene, Stroke};
use super::theme::{Color, Theme};
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::Unit;
use super::{Chart, Points};

/// Colours of the services that are called before they come again.
const COLORS: usize = 7;

/// Calls of a service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallsChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// What is called, in the order of the calls.
    pub ways: Vec<CallsOfWay>,
    /// What an answered request takes besides its calls, in milliseconds; steps.
    pub own: Points,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// Calls to a service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallsOfWay {
    /// Its name.
    pub name: String,
    /// Milliseconds of a request that are spent in these calls; steps.
    pub spent: Points,
    /// Attempts a second; steps.
    pub attempts: Points,
    /// Attempts over the calls that would be made without any retry; steps, NaN where there is none.
    pub amplification: Points,
    /// Failed calls a second; steps.
    pub failed: Points,
}

fn color(theme: &Theme, place: usize) -> Color {
    theme.series[place % COLORS]
}

impl Chart for CallsChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        self.spent(&mut timeline);
        let of = |points: fn(&CallsOfWay) -> &Points| -> Vec<&Points> {
            self.ways.iter().map(points).collect()
        };
        let panels = [
            ("Attempts", "per second", of(|way| &way.attempts), 130.0),
            (
                "Amplification",
                "attempts over calls without any retry",
                of(|way| &way.amplification),
                100.0,
            ),
            ("Failed calls", "per second", of(|way| &way.failed), 100.0),
        ];
        for (title, unit, points, height) in panels {
            lines(&mut timeline, (title, unit, height), &points);
        }
        timeline.finish()
    }
}

/// A panel of steps, one line for each service that is called.
fn lines(timeline: &mut Timeline, (title, unit, height): (&str, &str, f64), all: &[&Points]) {
    let (theme, end) = (timeline.theme, timeline.end);
    let heading = Heading {
        title,
        unit,
        legend: &[],
        height,
    };
    let values = all.iter().flat_map(|points| points.iter());
    let vertical = Vertical::Linear(Unit::Number, extent(values.map(|point| point.1)));
    timeline.panel(&heading, &vertical, |panel| {
        for (place, points) in all.iter().enumerate() {
            panel.steps(points, end, Stroke::solid(color(theme, place), 1.5));
        }
    });
}

impl CallsChart {
    /// The parts of a request's time, one upon the other.
    fn spent(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let own = theme.soft(theme.grey(), 0.5);
        let mut sums: Vec<(Color, Points)> = vec![(own, self.own.clone())];
        let mut legend = vec![Entry(Swatch::Fill(own), "itself".to_owned())];
        for (place, way) in self.ways.iter().enumerate() {
            let fill = theme.soft(color(theme, place), 0.75);
            let mut sum = way.spent.clone();
            if let Some((_, below)) = sums.last() {
                for (point, below) in sum.iter_mut().zip(below) {
                    point.1 += below.1;
                }
            }
            sums.push((fill, sum));
            legend.push(Entry(Swatch::Fill(fill), way.name.clone()));
        }
        let heading = Heading {
            title: "Where a request's time is spent",
            unit: "mean of a step, calls beside each other added up",
            legend: &legend,
            height: 230.0,
        };
        let top = sums.last().into_iter().flat_map(|(_, points)| points);
        let vertical = Vertical::Linear(Unit::Milliseconds, extent(top.map(|point| point.1)));
        timeline.panel(&heading, &vertical, |panel| {
            // From the top of the stack down, so that no seam shows between the parts.
            for (fill, sum) in sums.iter().rev() {
                panel.step_area(sum, end, *fill);
            }
        });
    }
}
