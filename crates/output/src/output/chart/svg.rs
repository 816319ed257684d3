//! A scene as an SVG document, through plotters' SVG backend.
//!
//! The backend knows no tooltips, no dashes and no edges on the grid of pixels: shapes that need
//! them are drawn on a backend of their own, whose output is put into a `<g>` that carries them.
//! Whatever has upright and level edges only is drawn without smoothing, which is crisp and quick.

use std::fmt::Write as _;

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::SVGBackend;

use super::ChartError;
use super::font::FAMILY;
#[cfg(test)]
use super::paint::UNITS;
use super::paint::{self, units};
use super::scene::{Point, Scene, Shape};

/// How texts stand in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// As texts, set in the fonts that its viewer has.
    Written,
    /// As the outlines of their letters in the fonts that are compiled in: what pictures show.
    #[cfg(test)]
    Outlined,
}

/// What the backend cannot say of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Look<'a> {
    tooltip: Option<&'a str>,
    dash: Option<(f64, f64)>,
    /// Whether edges are smoothed.
    is_smooth: bool,
}

impl<'a> Look<'a> {
    fn of(shape: &Shape, tooltip: Option<&'a str>) -> Self {
        let dash = match shape {
            Shape::Path(_, stroke) => stroke.dash,
            _ => None,
        };
        Self {
            tooltip,
            dash,
            is_smooth: is_smooth(shape),
        }
    }

    /// The opening of the group that it needs, or nothing.
    fn opening(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let mut text = "<g".to_owned();
        if self.is_smooth {
            text += " shape-rendering=\"auto\" stroke-linejoin=\"round\"";
        }
        if let Some((on, off)) = self.dash {
            let (on, off) = (units(on), units(off));
            write!(text, " stroke-dasharray=\"{on} {off}\"").expect("strings take every text");
        }
        text += ">\n";
        if let Some(tooltip) = self.tooltip {
            writeln!(text, "<title>{}</title>", escaped(tooltip)).expect("strings take every text");
        }
        text
    }
}

/// Whether the edges of a shape are smoothed; viewers see to those of texts.
pub(super) fn is_smooth(shape: &Shape) -> bool {
    match shape {
        Shape::Path(points, _) | Shape::Area(points, _) => !is_square(points),
        Shape::Circle(..) => true,
        Shape::Rect(..) | Shape::Text(_) => false,
    }
}

/// Whether a line goes up, down and sideways only.
fn is_square(points: &[Point]) -> bool {
    points
        .windows(2)
        .all(|pair| pair[0].0 == pair[1].0 || pair[0].1 == pair[1].1)
}

/// Writes the document.
pub(super) fn write(scene: &Scene, texts: Texts) -> Result<String, ChartError> {
    let size @ (width, height) = (units(scene.width) as u32, units(scene.height) as u32);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"{FAMILY}\" shape-rendering=\"crispEdges\">\n",
        scene.width,
        scene.height,
        escaped(&scene.name),
    );
    let paper = Shape::Rect((0.0, 0.0), (scene.width, scene.height), scene.paper);
    append(&mut text, size, [&paper])?;
    let looks = (scene.items.iter())
        .map(|(shape, tooltip)| (shape, Look::of(shape, tooltip.as_deref())))
        .collect::<Vec<_>>();
    for alike in looks.chunk_by(|a, b| a.1 == b.1 && a.1.tooltip.is_none()) {
        let opening = alike[0].1.opening();
        text += &opening;
        match texts {
            Texts::Written => append(&mut text, size, alike.iter().map(|(shape, _)| *shape))?,
            #[cfg(test)]
            Texts::Outlined => {
                for (shape, _) in alike {
                    match shape {
                        Shape::Text(label) => append_outlines(&mut text, label),
                        _ => append(&mut text, size, [*shape])?,
                    }
                }
            }
        }
        if !opening.is_empty() {
            text += "</g>\n";
        }
    }
    text += "</svg>\n";
    Ok(text)
}

/// Appends a text as the outlines of its letters.
#[cfg(test)]
fn append_outlines(text: &mut String, label: &super::scene::Label) {
    use super::font;
    use tiny_skia::PathSegment;

    let start = (label.left() * UNITS, label.at.1 * UNITS);
    let [r, g, b] = label.color.rgb;
    let opacity = label.color.alpha;
    let path = font::outlines(&label.text, label.size * UNITS, label.weight, start);
    let Some(path) = path else { return };
    let segment = |segment| match segment {
        PathSegment::MoveTo(to) => format!("M{} {}", to.x, to.y),
        PathSegment::LineTo(to) => format!("L{} {}", to.x, to.y),
        PathSegment::QuadTo(a, to) => format!("Q{} {} {} {}", a.x, a.y, to.x, to.y),
        PathSegment::CubicTo(a, b, to) => {
            format!("C{} {} {} {} {} {}", a.x, a.y, b.x, b.y, to.x, to.y)
        }
        PathSegment::Close => "Z".to_owned(),
    };
    let path: String = path.segments().map(segment).collect();
    writeln!(
        text,
        "<path fill=\"#{r:02X}{g:02X}{b:02X}\" fill-opacity=\"{opacity}\" \
         shape-rendering=\"auto\" d=\"{path}\"/>"
    )
    .expect("strings take every text");
}

/// Appends what the backend writes for these shapes, without its frame.
fn append<'a>(
    text: &mut String,
    size: (u32, u32),
    shapes: impl IntoIterator<Item = &'a Shape>,
) -> Result<(), ChartError> {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        for shape in shapes {
            paint::shape(&area, shape)?;
        }
        area.present()
            .map_err(|error| ChartError::Drawing(error.to_string()))?;
    }
    let body = drawn.split_once(">\n").map_or("", |(_, body)| body);
    let body = body.strip_suffix("</svg>\n").unwrap_or(body);
    for line in body.split_inclusive('\n') {
        append_line(text, line);
    }
    Ok(())
}

/// Appends an element or the text of one. The opacity of a whole element makes renderers draw it
/// on a sheet of its own: that of its stroke or its fill says the same.
fn append_line(text: &mut String, line: &str) {
    const OPACITY: &str = "opacity=\"";
    let is_element = line.starts_with('<');
    let Some(at) = line.find(OPACITY).filter(|_| is_element) else {
        text.push_str(line);
        return;
    };
    text.push_str(&line[..at]);
    let rest = &line[at..];
    if let Some(rest) = rest.strip_prefix("opacity=\"1\" ") {
        text.push_str(rest);
        return;
    }
    let is_line = line.starts_with("<polyline") || line.starts_with("<line");
    text.push_str(if is_line { "stroke-" } else { "fill-" });
    text.push_str(rest);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::theme::Theme;
    use super::*;

    #[test]
    fn opacity_is_that_of_the_stroke_or_the_fill() {
        let mut text = String::new();
        append_line(
            &mut text,
            "<polyline fill=\"none\" opacity=\"0.5\" stroke=\"#1\"/>\n",
        );
        append_line(&mut text, "<rect opacity=\"0.13\" fill=\"#1\"/>\n");
        append_line(&mut text, "<rect opacity=\"1\" fill=\"#1\"/>\n");
        append_line(&mut text, "opacity=\"0.1\"\n");
        assert_eq!(
            text,
            "<polyline fill=\"none\" stroke-opacity=\"0.5\" stroke=\"#1\"/>\n\
             <rect fill-opacity=\"0.13\" fill=\"#1\"/>\n<rect fill=\"#1\"/>\nopacity=\"0.1\"\n"
        );
    }

    #[test]
    fn shapes_that_look_alike_share_a_group() {
        let mut scene = Scene::new("a", 100.0, &Theme::LIGHT);
        for place in 0..3 {
            let at = (f64::from(place), 0.0);
            scene.add(Shape::Circle(at, 2.0, Theme::LIGHT.blue()));
        }
        scene.rect((0.0, 0.0), (1.0, 1.0), Theme::LIGHT.blue());
        let svg = scene.svg().unwrap();
        assert_eq!(svg.matches("<g").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 3);
    }
}
