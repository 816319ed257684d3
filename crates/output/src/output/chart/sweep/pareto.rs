//! Two figures that cannot both be best, a dot per point of a sweep.

use super::super::Chart;
use super::super::axis::{Axis, extent};
use super::super::font::{self, Weight};
use super::super::legend::{self, Entry, Swatch};
use super::super::panel::{Frame, Panel, SMALL};
use super::super::scene::{Anchor, Label, Scene, Shape, Stroke};
use super::super::theme::Theme;
use super::super::timeline::{self, LEFT, RIGHT, WIDTH};
use super::super::unit::Unit;

/// Two figures of which less is better, and the points that no other beats in both.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParetoChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// What x is.
    pub x_label: String,
    /// Unit of x.
    pub x_unit: Unit,
    /// What y is.
    pub y_label: String,
    /// Unit of y.
    pub y_unit: Unit,
    /// The points, in any order.
    pub points: Vec<ParetoPoint>,
}

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParetoPoint {
    /// Its parameters, short.
    pub label: String,
    /// First figure.
    pub x: f64,
    /// Second figure.
    pub y: f64,
}

impl Chart for ParetoChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let mut scene = Scene::new(&self.title, WIDTH, theme);
        let top = timeline::title(&mut scene, theme, &self.title, &self.subtitle);
        let front_line = Stroke::solid(theme.blue(), 1.75);
        let legend = [
            Entry(Swatch::Line(front_line), "best trade-offs".to_owned()),
            Entry(
                Swatch::Fill(theme.soft(theme.grey(), 0.6)),
                "others".to_owned(),
            ),
        ];
        let place = (24.0, top, WIDTH - 24.0);
        let heading = (self.y_label.as_str(), self.y_unit.name());
        let used = legend::heading(&mut scene, theme, place, heading, &legend);
        let frame = Frame {
            left: LEFT,
            top: top + used,
            right: WIDTH - RIGHT,
            bottom: top + used + 480.0,
        };
        let finite = |value: &ParetoPoint| value.x.is_finite() && value.y.is_finite();
        let points: Vec<&ParetoPoint> = self.points.iter().filter(|point| finite(point)).collect();
        let xs = extent(points.iter().map(|point| point.x));
        let range = (frame.left, frame.right);
        let x = match xs {
            // Far from zero, zero would leave half of the panel empty.
            Some((low, high)) if low > 0.4 * high => {
                Axis::spanning(self.x_unit, (low, high), range)
            }
            _ => Axis::linear(self.x_unit, xs, range),
        };
        let ys = extent(points.iter().map(|point| point.y));
        let y = Axis::linear(self.y_unit, ys, (frame.bottom, frame.top));
        let mut panel = Panel::open(&mut scene, theme, frame, (x.clone(), y));
        draw(&mut panel, &points, front_line);
        panel.close();
        scene.height = super::x_axis(&mut scene, theme, frame, &x, &self.x_label);
        scene
    }
}

/// The points that no other beats in both figures, x ascending.
fn front<'a>(points: &[&'a ParetoPoint]) -> Vec<&'a ParetoPoint> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let mut front: Vec<&ParetoPoint> = Vec::new();
    for point in sorted {
        if front.last().is_none_or(|last| point.y < last.y) {
            front.push(point);
        }
    }
    front
}

fn draw(panel: &mut Panel, points: &[&ParetoPoint], front_line: Stroke) {
    let front = front(points);
    let line: Vec<(f64, f64)> = front.iter().map(|point| (point.x, point.y)).collect();
    for point in points {
        let at = (panel.x.at(point.x), panel.y.at(point.y));
        let dot = Shape::Circle(at, 4.0, panel.theme.soft(panel.theme.grey(), 0.6));
        panel.scene.add_with_tooltip(dot, &point.label);
    }
    if let Some((end, _)) = line.last().copied() {
        panel.steps(&line, end, front_line);
    }
    // Nothing lies below and left of the front, so the labels go there.
    let mut taken: Vec<[f64; 4]> = Vec::new();
    for point in front {
        let (x, y) = (panel.x.at(point.x), panel.y.at(point.y));
        let dot = Shape::Circle((x, y), 5.0, front_line.color);
        panel.scene.add_with_tooltip(dot, &point.label);
        let width = font::width(&point.label, SMALL, Weight::Regular);
        let bounds = [x - 8.0 - width, y + 3.0, x - 8.0, y + 18.0];
        let meets = |other: &[f64; 4]| {
            bounds[0] < other[2]
                && other[0] < bounds[2]
                && bounds[1] < other[3]
                && other[1] < bounds[3]
        };
        let inside = bounds[0] > panel.frame.left + 4.0 && bounds[3] < panel.frame.bottom;
        if inside && !taken.iter().any(meets) {
            let at = (bounds[2], y + 14.0);
            let label = Label::new(at, &point.label, SMALL, panel.theme.ink);
            panel.scene.text(label.anchored(Anchor::End));
            taken.push(bounds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_holds_what_no_other_point_beats() {
        let point = |x: f64, y: f64| ParetoPoint {
            label: String::new(),
            x,
            y,
        };
        let points = [
            point(3.0, 1.0),
            point(1.0, 5.0),
            point(2.0, 5.0),
            point(2.0, 3.0),
            point(4.0, 1.0),
        ];
        let all: Vec<&ParetoPoint> = points.iter().collect();
        let found: Vec<(f64, f64)> = front(&all).iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(found, [(1.0, 5.0), (2.0, 3.0), (3.0, 1.0)]);
    }
}
