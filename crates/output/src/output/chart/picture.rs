//! A scene as a PNG, by tiny-skia.
//!
//! The picture is, pixel for pixel, what resvg makes of the scene's document with its texts as
//! outlines: the same shapes in whole tenths of pixels, drawn by the same library, without a document
//! that is written and read again.

use tiny_skia::{
    Color as Shade, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, StrokeDash,
    Transform,
};

use super::ChartError;
use super::font;
use super::paint::{UNITS, units};
use super::scene::{Label, Point, Scene, Shape, Stroke};
use super::svg::is_smooth;
use super::theme::Color;

/// Pixels per unit in each direction.
const SCALE: f32 = 2.0;

/// Higher scenes, in units, get one pixel per unit.
const HIGH: f32 = 4000.0;

/// Pixels per unit of a scene of this height.
pub(super) fn scale(height: f32) -> f32 {
    if height > HIGH { 1.0 } else { SCALE }
}

/// Draws a scene, whose paper has to be opaque.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, ChartError> {
    encode(&draw(scene)?).map_err(|error| ChartError::Encoding(error.to_string()))
}

/// The pixels of a scene.
pub(super) fn draw(scene: &Scene) -> Result<Pixmap, ChartError> {
    let size @ (width, height) = (scene.width as f32, scene.height as f32);
    let scale = scale(height);
    let pixels = |length: f32| (length * scale).ceil().clamp(1.0, 65_536.0) as u32;
    let (columns, rows) = (pixels(width), pixels(height));
    let pixmap = Pixmap::new(columns, rows)
        .ok_or_else(|| ChartError::Drawing(format!("{columns} × {rows} pixels are too many")))?;
    let view = (units(scene.width) as f32, units(scene.height) as f32);
    let transform = Transform::from_scale(scale, scale).pre_concat(fitted(view, size));
    let mut canvas = Canvas { pixmap, transform };
    let paper = Shape::Rect((0.0, 0.0), (scene.width, scene.height), scene.paper);
    canvas.shape(&paper);
    for (shape, _) in &scene.items {
        canvas.shape(shape);
    }
    Ok(canvas.pixmap)
}

/// What puts a view box into the middle of a picture, as large as it fits.
fn fitted(view: (f32, f32), size: (f32, f32)) -> Transform {
    let (across, down) = (size.0 / view.0, size.1 / view.1);
    let unit = if across > down { down } else { across };
    let left = (size.0 - view.0 * unit) / 2.0;
    let top = (size.1 - view.1 * unit) / 2.0;
    Transform::from_row(unit, 0.0, 0.0, unit, left, top)
}

/// Pixels, and what places are in them.
struct Canvas {
    pixmap: Pixmap,
    transform: Transform,
}

fn place(point: Point) -> (f32, f32) {
    (units(point.0) as f32, units(point.1) as f32)
}

fn paint(color: Color, is_smooth: bool) -> Paint<'static> {
    let [r, g, b] = color.rgb;
    let alpha = (color.alpha as f32).clamp(0.0, 1.0);
    let mut paint = Paint {
        anti_alias: is_smooth,
        ..Paint::default()
    };
    paint.set_color(Shade::from_rgba8(r, g, b, (alpha * 255.0 + 0.5) as u8));
    paint
}

/// A line through these points.
fn through(points: &[Point]) -> Option<PathBuilder> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    let (x, y) = place(*first);
    path.move_to(x, y);
    for point in rest {
        let (x, y) = place(*point);
        path.line_to(x, y);
    }
    (path.len() > 1).then_some(path)
}

/// A circle of four curves.
fn circle(center: Point, radius: f64) -> Option<Path> {
    let (x, y) = (f64::from(units(center.0)), f64::from(units(center.1)));
    let radius = f64::from(units(radius).max(0));
    let arm = radius * (4.0 / 3.0) * (std::f64::consts::PI / 8.0).tan();
    let at = |across: f64, down: f64| ((x + across) as f32, (y + down) as f32);
    let mut path = PathBuilder::new();
    let (right, middle) = at(radius, 0.0);
    path.move_to(right, middle);
    // From right to below, and so on: the end of each quarter, and where it begins.
    for (end, begin) in [
        ((0.0, 1.0), (1.0, 0.0)),
        ((-1.0, 0.0), (0.0, 1.0)),
        ((0.0, -1.0), (-1.0, 0.0)),
        ((1.0, 0.0), (0.0, -1.0)),
    ] {
        let control = |one: (f64, f64), other: (f64, f64)| {
            at(
                one.0 * radius + other.0 * arm,
                one.1 * radius + other.1 * arm,
            )
        };
        let ((x1, y1), (x2, y2)) = (control(begin, end), control(end, begin));
        let (x, y) = at(end.0 * radius, end.1 * radius);
        path.cubic_to(x1, y1, x2, y2, x, y);
    }
    path.close();
    path.finish()
}

impl Canvas {
    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Path(points, stroke) => {
                if let Some(path) = through(points).and_then(PathBuilder::finish) {
                    self.stroke(&path, stroke, is_smooth(shape));
                }
            }
            Shape::Area(points, color) => {
                let path = through(points).and_then(|mut path| {
                    path.close();
                    path.finish()
                });
                self.fill(path, *color, is_smooth(shape));
            }
            Shape::Rect(from, to, color) => {
                let ((left, top), (right, bottom)) = (place(*from), place(*to));
                let (left, right) = (left.min(right), left.max(right));
                let (top, bottom) = (top.min(bottom), top.max(bottom));
                let rect = Rect::from_ltrb(left, top, right, bottom);
                self.fill(rect.map(PathBuilder::from_rect), *color, false);
            }
            Shape::Circle(center, radius, color) => {
                self.fill(circle(*center, *radius), *color, true);
            }
            Shape::Text(label) => {
                let start = (label.left() * UNITS, label.at.1 * UNITS);
                let Label {
                    text, size, weight, ..
                } = label;
                let path = font::outlines(text, size * UNITS, *weight, start);
                self.fill(path, label.color, true);
            }
        }
    }

    fn fill(&mut self, path: Option<Path>, color: Color, is_smooth: bool) {
        let Some(path) = path else { return };
        let bounds = path.bounds();
        let is_flat = bounds.width() == 0.0 || bounds.height() == 0.0;
        if is_flat || color.alpha == 0.0 {
            return;
        }
        let paint = paint(color, is_smooth);
        let rule = FillRule::Winding;
        self.pixmap
            .fill_path(&path, &paint, rule, self.transform, None);
    }

    fn stroke(&mut self, path: &Path, stroke: &Stroke, is_smooth: bool) {
        if stroke.color.alpha == 0.0 {
            return;
        }
        let dash = stroke.dash.and_then(|(on, off)| {
            let lengths = [on, off].map(|length| units(length) as f32);
            StrokeDash::new(lengths.to_vec(), 0.0)
        });
        let paint = paint(stroke.color, is_smooth);
        let line_join = if is_smooth {
            LineJoin::Round
        } else {
            LineJoin::Miter
        };
        let stroke = tiny_skia::Stroke {
            width: units(stroke.width).max(1) as f32,
            line_join,
            dash,
            ..tiny_skia::Stroke::default()
        };
        self.pixmap
            .stroke_path(path, &paint, &stroke, self.transform, None);
    }
}

/// Quick rather than small: encoding would take longer than drawing. Rows of a chart differ little
/// from those above them, so no other filter is tried. The paper is opaque, so that no pixel has
/// an alpha.
fn encode(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let colors = without_alpha(pixmap);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Up);
    encoder.write_header()?.write_image_data(&colors)?;
    Ok(bytes)
}

/// Three bytes for each pixel. A row that is like the one above is copied from it.
fn without_alpha(pixmap: &Pixmap) -> Vec<u8> {
    let stride = pixmap.width() as usize * 3;
    let mut colors = Vec::with_capacity(stride * pixmap.height() as usize);
    let mut above: &[u8] = &[];
    for row in pixmap.data().chunks_exact(pixmap.width() as usize * 4) {
        let start = colors.len();
        if row == above {
            colors.extend_from_within(start - stride..);
        } else {
            colors.resize(start + stride, 0);
            let (triples, _) = colors[start..].as_chunks_mut::<3>();
            for (triple, [r, g, b, _]) in triples.iter_mut().zip(row.as_chunks::<4>().0) {
                *triple = [*r, *g, *b];
            }
        }
        above = row;
    }
    colors
}
