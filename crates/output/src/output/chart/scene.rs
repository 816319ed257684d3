//! What a chart consists of before it is drawn: lines, areas, rectangles, circles, texts.
//!
//! Coordinates are pixels from the upper left corner, as real numbers. A scene knows nothing
//! of data; it is written as SVG (`svg`) and drawn as a
//! picture (`picture`), and tests read it to find texts that overlap or leave the canvas.

use super::font::{self, Weight};
use super::svg::{self, Texts};
use super::theme::{Color, Theme};
use super::{ChartError, picture};

/// A point in pixels.
pub(super) type Point = (f64, f64);

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    pub(super) color: Color,
    pub(super) width: f64,
    /// Lengths of dashes and gaps; `None` for a solid line.
    pub(super) dash: Option<(f64, f64)>,
}

impl Stroke {
    pub(super) fn solid(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            dash: None,
        }
    }

    pub(super) fn dashed(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            dash: Some((6.0, 4.0)),
        }
    }
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text on its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    pub(super) at: Point,
    pub(super) text: String,
    pub(super) size: f64,
    pub(super) color: Color,
    pub(super) anchor: Anchor,
    pub(super) weight: Weight,
}

impl Label {
    /// A label in the regular weight that starts at its place.
    pub(super) fn new(at: Point, text: impl Into<String>, size: f64, color: Color) -> Self {
        Self {
            at,
            text: text.into(),
            size,
            color,
            anchor: Anchor::Start,
            weight: Weight::Regular,
        }
    }

    pub(super) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn bold(self) -> Self {
        let weight = Weight::Bold;
        Self { weight, ..self }
    }

    pub(super) fn width(&self) -> f64 {
        font::width(&self.text, self.size, self.weight)
    }

    /// Where the first letter starts.
    pub(super) fn left(&self) -> f64 {
        let before = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => self.width() / 2.0,
            Anchor::End => self.width(),
        };
        self.at.0 - before
    }

    /// Left, top, right and bottom of the letters.
    #[cfg(test)]
    pub(super) fn bounds(&self) -> [f64; 4] {
        let (left, y) = (self.left(), self.at.1);
        [
            left,
            y - 0.76 * self.size,
            left + self.width(),
            y + 0.24 * self.size,
        ]
    }
}

/// One thing that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Path(Vec<Point>, Stroke),
    Area(Vec<Point>, Color),
    /// Upper left and lower right corner.
    Rect(Point, Point, Color),
    Circle(Point, f64, Color),
    Text(Label),
}

/// A chart, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) name: String,
    pub(super) paper: Color,
    /// The shapes from back to front, some with a tooltip.
    pub(super) items: Vec<(Shape, Option<String>)>,
}

impl Scene {
    pub(super) fn new(name: &str, width: f64, theme: &Theme) -> Self {
        Self {
            width,
            height: 0.0,
            name: printable(name),
            paper: theme.paper,
            items: Vec::new(),
        }
    }

    /// The scene as an SVG document.
    pub fn svg(&self) -> Result<String, ChartError> {
        svg::write(self, Texts::Written)
    }

    /// The scene as a PNG with two pixels per unit in each direction, or one if it is very high.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        picture::png(self)
    }

    pub(super) fn add(&mut self, shape: Shape) {
        self.items.push((shape, None));
    }

    pub(super) fn add_with_tooltip(&mut self, shape: Shape, tooltip: &str) {
        self.items.push((shape, Some(printable(tooltip))));
    }

    pub(super) fn line(&mut self, from: Point, to: Point, stroke: Stroke) {
        self.add(Shape::Path(vec![from, to], stroke));
    }

    pub(super) fn rect(&mut self, from: Point, to: Point, color: Color) {
        self.add(Shape::Rect(from, to, color));
    }

    /// Adds a text; what cannot be printed becomes a space.
    pub(super) fn text(&mut self, mut label: Label) {
        label.text = printable(&label.text);
        if !label.text.trim().is_empty() {
            self.add(Shape::Text(label));
        }
    }
}

/// The text without the characters that XML forbids or that break a line.
fn printable(text: &str) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars()
        .map(|c| if forbidden(c) { ' ' } else { c })
        .collect()
}
