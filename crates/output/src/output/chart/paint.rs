//! Paints a scene with plotters, on any of its backends.
//!
//! Backends count in whole units, so a pixel has ten of them.

use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, DrawingBackend, FontFamily, FontStyle, PathElement, Polygon, RGBAColor,
    Rectangle, ShapeStyle, Text, TextStyle,
};
use plotters::style::IntoFont;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::BackendColor;

use super::ChartError;
use super::font::{FAMILY, Weight};
use super::scene::{Anchor, Label, Point, Shape, Stroke};
use super::theme::Color;

/// Units of the backends per pixel.
pub(super) const UNITS: f64 = 10.0;

/// Plotters' text size per em.
pub(super) const SIZE_PER_EM: f64 = 1.24;

/// Plotters' SVG puts the top of a text this many em above its baseline.
pub(super) const TOP: f64 = 0.76;

/// A length in the units of the backends.
pub(super) fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round().clamp(-1e7, 1e7) as i32
}

fn place(point: &Point) -> (i32, i32) {
    (units(point.0), units(point.1))
}

fn rgba(color: Color) -> RGBAColor {
    let [r, g, b] = color.rgb;
    RGBAColor(r, g, b, color.alpha)
}

fn filled(color: Color) -> ShapeStyle {
    ShapeStyle {
        color: rgba(color),
        filled: true,
        stroke_width: 0,
    }
}

fn stroked(stroke: &Stroke) -> ShapeStyle {
    ShapeStyle {
        color: rgba(stroke.color),
        filled: false,
        stroke_width: units(stroke.width).max(1) as u32,
    }
}

/// Paints one shape; dashes are left to the backend.
pub(super) fn shape<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    shape: &Shape,
) -> Result<(), ChartError> {
    let drawn = match shape {
        Shape::Path(points, stroke) => {
            let points: Vec<_> = points.iter().map(place).collect();
            area.draw(&PathElement::new(points, stroked(stroke)))
        }
        Shape::Area(points, color) => {
            let points: Vec<_> = points.iter().map(place).collect();
            area.draw(&Polygon::new(points, filled(*color)))
        }
        Shape::Rect(from, to, color) => {
            area.draw(&Rectangle::new([place(from), place(to)], filled(*color)))
        }
        Shape::Circle(center, radius, color) => {
            let radius = units(*radius).max(0) as u32;
            area.draw(&Circle::new(place(center), radius, filled(*color)))
        }
        Shape::Text(label) => area.draw(&text(label)),
    };
    drawn.map_err(|error| ChartError::Drawing(error.to_string()))
}

fn text(label: &Label) -> Text<'_, (i32, i32), &str> {
    let em = label.size * UNITS;
    let weight = match label.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    let anchor = match label.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = (FontFamily::Name(FAMILY), em * SIZE_PER_EM)
        .into_font()
        .style(weight);
    let mut style = TextStyle::from(font).pos(Pos::new(anchor, VPos::Top));
    style.color = BackendColor {
        alpha: label.color.alpha,
        rgb: label.color.rgb.into(),
    };
    let (x, y) = place(&label.at);
    let top = y - (TOP * em).round() as i32;
    Text::new(label.text.as_str(), (x, top), style)
}
