//! A scene as an SVG document, through plotters' SVG backend.
//!
//! The backend has no tooltips and no dashes: shapes that need them are drawn on a backend of
//! their own, whose output is put into a `<g>` that carries them.

use std::fmt::Write as _;

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::SVGBackend;

use super::ChartError;
use super::font::FAMILY;
use super::paint::{self, units};
use super::scene::{Scene, Shape, Stroke};

/// Writes the document.
pub(super) fn write(scene: &Scene) -> Result<String, ChartError> {
    let size @ (width, height) = (units(scene.width) as u32, units(scene.height) as u32);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"{FAMILY}\" stroke-linejoin=\"round\">\n",
        scene.width,
        scene.height,
        escaped(&scene.name),
    );
    let paper = Shape::Rect((0.0, 0.0), (scene.width, scene.height), scene.paper);
    text += &fragment(size, [&paper])?;
    let mut plain: Vec<&Shape> = Vec::new();
    for (shape, tooltip) in &scene.items {
        let group = group(shape, tooltip.as_deref());
        if group.is_empty() {
            plain.push(shape);
            continue;
        }
        text += &fragment(size, plain.drain(..))?;
        text += &group;
        text += &fragment(size, [shape])?;
        text += "</g>\n";
    }
    text += &fragment(size, plain)?;
    text += "</svg>\n";
    Ok(text)
}

/// The opening of the group that a shape needs, or nothing.
fn group(shape: &Shape, tooltip: Option<&str>) -> String {
    let dash = match shape {
        Shape::Path(_, Stroke { dash, .. }) => *dash,
        _ => None,
    };
    let mut text = String::new();
    if dash.is_none() && tooltip.is_none() {
        return text;
    }
    text += "<g";
    if let Some((on, off)) = dash {
        let (on, off) = (units(on), units(off));
        write!(text, " stroke-dasharray=\"{on} {off}\"").expect("strings take every text");
    }
    text += ">\n";
    if let Some(tooltip) = tooltip {
        writeln!(text, "<title>{}</title>", escaped(tooltip)).expect("strings take every text");
    }
    text
}

/// What the backend writes for these shapes, without its frame.
fn fragment<'a>(
    size: (u32, u32),
    shapes: impl IntoIterator<Item = &'a Shape>,
) -> Result<String, ChartError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        for shape in shapes {
            paint::shape(&area, shape)?;
        }
        area.present()
            .map_err(|error| ChartError::Drawing(error.to_string()))?;
    }
    let body = text.split_once(">\n").map_or("", |(_, body)| body);
    Ok(body.strip_suffix("</svg>\n").unwrap_or(body).to_owned())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
