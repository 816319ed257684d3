//! A figure over one parameter, a line per variant.

use super::super::axis::{Axis, extent};
use super::super::legend::{self, Entry, Swatch};
use super::super::panel::{Frame, Panel};
use super::super::scene::{Scene, Shape, Stroke};
use super::super::theme::Theme;
use super::super::timeline::{self, LEFT, RIGHT, WIDTH};
use super::super::unit::Unit;
use super::super::{Chart, Points};

/// A figure over a parameter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// What x is: the parameter.
    pub x_label: String,
    /// Unit of x.
    pub x_unit: Unit,
    /// Values of a parameter that is no number; x is then the place in this list.
    pub x_names: Vec<String>,
    /// What y is: the figure.
    pub y_label: String,
    /// Unit of y.
    pub y_unit: Unit,
    /// The lines; at most eight can be told apart.
    pub series: Vec<LineSeries>,
    /// Goals: name and value.
    pub references: Vec<(String, f64)>,
}

/// A line of a [`LineChart`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineSeries {
    /// Its name.
    pub name: String,
    /// Parameter and figure, parameters ascending.
    pub points: Points,
    /// Least and largest figure over the seeds at each point; empty if there is one seed.
    pub spread: Vec<(f64, f64)>,
}

impl Chart for LineChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let mut scene = Scene::new(&self.title, WIDTH, theme);
        let top = timeline::title(&mut scene, theme, &self.title, &self.subtitle);
        let names = self.series.iter().enumerate();
        let legend: Vec<Entry> = names
            .filter(|_| self.series.len() > 1)
            .map(|(i, series)| Entry(Swatch::Line(stroke(theme, i)), series.name.clone()))
            .collect();
        let place = (24.0, top, WIDTH - 24.0);
        let heading = (self.y_label.as_str(), self.y_unit.name());
        let used = legend::heading(&mut scene, theme, place, heading, &legend);
        let frame = Frame {
            left: LEFT,
            top: top + used,
            right: WIDTH - RIGHT,
            bottom: top + used + 480.0,
        };
        let x = self.x((frame.left, frame.right));
        let axes = (x.clone(), self.y((frame.bottom, frame.top)));
        let mut panel = Panel::open(&mut scene, theme, frame, axes);
        for (place, series) in self.series.iter().enumerate() {
            panel.line_band(&series.band(), stroke(theme, place).color.alpha(0.13));
        }
        for (place, series) in self.series.iter().enumerate() {
            series.draw(&mut panel, stroke(theme, place), self.y_unit);
        }
        for (name, value) in &self.references {
            let text = format!("{name} {}", self.y_unit.text(*value));
            panel.reference(*value, text, theme.red());
        }
        panel.close();
        scene.height = super::x_axis(&mut scene, theme, frame, &x, &self.x_label);
        scene
    }
}

/// Colours first, then dashes.
fn stroke(theme: &Theme, place: usize) -> Stroke {
    let color = theme.series[place % theme.series.len()];
    if place < theme.series.len() {
        Stroke::solid(color, 2.0)
    } else {
        Stroke::dashed(color, 2.0)
    }
}

impl LineChart {
    fn x(&self, range: (f64, f64)) -> Axis {
        if !self.x_names.is_empty() {
            return Axis::named(&self.x_names, range);
        }
        let values = self.series.iter().flat_map(|series| &series.points);
        let extent = extent(values.map(|point| point.0)).unwrap_or((0.0, 1.0));
        Axis::spanning(self.x_unit, extent, range)
    }

    fn y(&self, range: (f64, f64)) -> Axis {
        let lines = self.series.iter();
        let values = lines.flat_map(|series| {
            let means = series.points.iter().map(|point| point.1);
            means.chain(series.spread.iter().flat_map(|(low, high)| [*low, *high]))
        });
        let goals = self.references.iter().map(|(_, value)| *value);
        Axis::linear(self.y_unit, extent(values.chain(goals)), range)
    }
}

impl LineSeries {
    /// Parameter, least and largest figure.
    fn band(&self) -> Vec<(f64, f64, f64)> {
        let both = self.points.iter().zip(&self.spread);
        both.map(|((x, _), (low, high))| (*x, *low, *high))
            .collect()
    }

    fn draw(&self, panel: &mut Panel, stroke: Stroke, unit: Unit) {
        panel.line(&self.points, stroke);
        for &(x, y) in self
            .points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
        {
            let at = (panel.x.at(x), panel.y.at(y));
            let tooltip = format!("{} {}", self.name, unit.text(y));
            let dot = Shape::Circle(at, 3.5, stroke.color);
            panel.scene.add_with_tooltip(dot, tooltip.trim_start());
        }
        if let Some((_, last)) = self.points.iter().rfind(|point| point.1.is_finite()) {
            panel.note(*last, unit.text(*last), stroke.color);
        }
    }
}
