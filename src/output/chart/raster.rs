//! A plotters backend that draws into pixels with anti-aliasing, and the PNG made of it.
//!
//! Plotters' own bitmap backend draws jagged lines. This one takes the same calls in tenths of
//! a pixel and blends by exact coverage.

use std::convert::Infallible;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ColorType, ImageEncoder};
use plotters::drawing::IntoDrawingArea;
use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle,
};

use super::ChartError;
use super::coverage::Coverage;
use super::font::{self, Weight};
use super::paint::{self, SIZE_PER_EM, TOP, UNITS};
use super::scene::{Point, Scene, Shape};

/// Draws a scene with `scale` pixels per unit in each direction.
pub(super) fn png(scene: &Scene, scale: u32) -> Result<Vec<u8>, ChartError> {
    let scale = scale.clamp(1, 8);
    let size = |length: f64| (length * f64::from(scale)).ceil().clamp(1.0, 65_536.0) as usize;
    let (width, height) = (size(scene.width), size(scene.height));
    let mut pixels = vec![0; width * height * 3];
    for pixel in pixels.chunks_exact_mut(3) {
        pixel.copy_from_slice(&scene.paper.rgb);
    }
    let raster = Raster {
        pixels: &mut pixels,
        size: (width, height),
        scale: f64::from(scale) / UNITS,
        coverage: Coverage::default(),
    };
    let area = raster.into_drawing_area();
    for (shape, _) in &scene.items {
        match shape {
            Shape::Path(points, stroke) if stroke.dash.is_some() => {
                let (on, off) = stroke.dash.unwrap_or_default();
                for points in dashes(points, on, off) {
                    paint::shape(&area, &Shape::Path(points, *stroke))?;
                }
            }
            shape => paint::shape(&area, shape)?,
        }
    }
    drop(area);
    encode(&pixels, (width as u32, height as u32))
}

fn encode(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, ChartError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(pixels, width, height, ColorType::Rgb8)
        .map_err(|error| ChartError::Encoding(error.to_string()))?;
    Ok(bytes)
}

/// The pieces of a line that its dashes leave.
fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut drawing, mut left) = (true, on.max(0.1));
    piece.extend(points.first().copied());
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            piece.push(from);
            if drawing {
                pieces.push(std::mem::take(&mut piece));
            }
            drawing = !drawing;
            left = if drawing { on.max(0.1) } else { off.max(0.1) };
            if !drawing {
                piece.clear();
            }
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Pixels in red, green and blue, drawn to in tenths of a scene's unit.
struct Raster<'a> {
    pixels: &'a mut [u8],
    size: (usize, usize),
    /// Pixels per unit of the backend.
    scale: f64,
    coverage: Coverage,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Raster<'_> {
    fn point(&self, (x, y): BackendCoord) -> Point {
        (f64::from(x) * self.scale, f64::from(y) * self.scale)
    }

    fn blend(
        pixels: &mut [u8],
        size: (usize, usize),
        at: (i32, i32),
        color: BackendColor,
        share: f32,
    ) {
        let (x, y) = at;
        if x < 0 || y < 0 || x as usize >= size.0 || y as usize >= size.1 {
            return;
        }
        let start = (y as usize * size.0 + x as usize) * 3;
        let weight = (share * color.alpha as f32 * 256.0).round() as i32;
        let (red, green, blue) = color.rgb;
        for (channel, new) in pixels[start..start + 3].iter_mut().zip([red, green, blue]) {
            let old = i32::from(*channel);
            *channel = (old + (((i32::from(new) - old) * weight + 128) >> 8)).clamp(0, 255) as u8;
        }
    }

    /// Fills what `add` puts into the mask within these bounds.
    fn fill(&mut self, bounds: [f64; 4], color: BackendColor, add: impl FnOnce(&mut Coverage)) {
        self.coverage.begin(bounds, self.size);
        add(&mut self.coverage);
        let (pixels, size) = (&mut *self.pixels, self.size);
        self.coverage
            .for_each(|x, y, share| Self::blend(pixels, size, (x, y), color, share));
    }

    fn stroke(&mut self, points: &[Point], color: BackendColor, width: f64) {
        let half = (width / 2.0).max(0.25);
        let [left, top, right, bottom] = bounds(points);
        let room = 2.0 * half;
        let around = [left - room, top - room, right + room, bottom + room];
        self.fill(around, color, |mask| outline(mask, points, half));
    }
}

/// Left, top, right, bottom.
fn bounds(points: &[Point]) -> [f64; 4] {
    let none = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    let around = points.iter().fold(none, |[l, t, r, b], &(x, y)| {
        [l.min(x), t.min(y), r.max(x), b.max(y)]
    });
    if points.is_empty() { [0.0; 4] } else { around }
}

/// Adds a line as a quadrilateral per segment and a mitre, or bevel, per joint. The pieces
/// touch without overlapping at the outer side, so that edges keep their softness.
fn outline(mask: &mut Coverage, points: &[Point], half: f64) {
    let mut last: Option<Point> = None;
    for pair in points.windows(2) {
        let (p, q) = (pair[0], pair[1]);
        let length = (q.0 - p.0).hypot(q.1 - p.1);
        if length < 1e-9 {
            continue;
        }
        let normal = ((p.1 - q.1) / length * half, (q.0 - p.0) / length * half);
        mask.convex(&mut [
            (p.0 + normal.0, p.1 + normal.1),
            (q.0 + normal.0, q.1 + normal.1),
            (q.0 - normal.0, q.1 - normal.1),
            (p.0 - normal.0, p.1 - normal.1),
        ]);
        if let Some(before) = last {
            joint(mask, p, before, normal, half);
        }
        last = Some(normal);
    }
}

/// Fills the outer side of the joint at `p` between two segments with these normals.
fn joint(mask: &mut Coverage, p: Point, before: Point, after: Point, half: f64) {
    let turn = before.0 * after.1 - before.1 * after.0;
    if turn == 0.0 {
        return;
    }
    let side = if turn > 0.0 { -1.0 } else { 1.0 };
    let a = (p.0 + side * before.0, p.1 + side * before.1);
    let b = (p.0 + side * after.0, p.1 + side * after.1);
    let middle = (before.0 + after.0, before.1 + after.1);
    let square = middle.0 * middle.0 + middle.1 * middle.1;
    // The mitre's tip lies at 2 half² / |n1 + n2| from the joint: kept to 1.5 widths.
    let reach = 2.0 * half * half / square.max(1e-12);
    if reach * square.sqrt() <= 1.5 * half {
        let tip = (p.0 + side * middle.0 * reach, p.1 + side * middle.1 * reach);
        mask.convex(&mut [p, a, tip, b]);
    } else {
        mask.convex(&mut [p, a, b]);
    }
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = |pixels: usize| (pixels as f64 / self.scale).round() as u32;
        (units(self.size.0), units(self.size.1))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        let (x, y) = self.point(point);
        Self::blend(self.pixels, self.size, (x as i32, y as i32), color, 1.0);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let ((left, top), (right, bottom)) = (upper_left, bottom_right);
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        if fill {
            self.fill_polygon(corners, style)
        } else {
            self.draw_path(corners.into_iter().chain([(left, top)]), style)
        }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<Point> = path.into_iter().map(|point| self.point(point)).collect();
        let width = f64::from(style.stroke_width()) * self.scale;
        self.stroke(&points, style.color(), width);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        const CORNERS: u32 = 40;
        let radius = f64::from(radius);
        let corner = |i: u32| {
            let (sin, cos) = (f64::from(i) / f64::from(CORNERS) * std::f64::consts::TAU).sin_cos();
            let from = |middle: i32, offset: f64| middle + (offset * radius).round() as i32;
            (from(center.0, cos), from(center.1, sin))
        };
        if fill {
            self.fill_polygon((0..CORNERS).map(corner), style)
        } else {
            self.draw_path((0..=CORNERS).map(corner), style)
        }
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<Point> = vert.into_iter().map(|point| self.point(point)).collect();
        self.fill(bounds(&points), style.color(), |mask| mask.polygon(&points));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        pos: BackendCoord,
    ) -> Drawn {
        let em = style.size() / SIZE_PER_EM * self.scale;
        let weight = match style.style() {
            FontStyle::Bold => Weight::Bold,
            _ => Weight::Regular,
        };
        let before = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => font::width(text, em, weight) / 2.0,
            HPos::Right => font::width(text, em, weight),
        };
        let (x, top) = self.point(pos);
        let (pixels, size, color) = (&mut *self.pixels, self.size, style.color());
        font::draw(
            text,
            em,
            weight,
            (x - before, top + TOP * em),
            |x, y, share| {
                Self::blend(pixels, size, (x, y), color, share);
            },
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_around_corners() {
        let line = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let pieces = dashes(&line, 6.0, 3.0);
        assert_eq!(
            pieces,
            vec![
                vec![(0.0, 0.0), (6.0, 0.0)],
                vec![(9.0, 0.0), (10.0, 0.0), (10.0, 5.0)],
                vec![(10.0, 8.0), (10.0, 10.0)],
            ]
        );
    }

    #[test]
    fn a_line_covers_its_width_and_length() {
        let mut mask = Coverage::default();
        mask.begin([0.0, 0.0, 60.0, 60.0], (60, 60));
        outline(&mut mask, &[(10.0, 10.0), (40.0, 10.0), (40.0, 40.0)], 1.0);
        let mut sum = 0.0;
        mask.for_each(|_, _, share| sum += share);
        // Two legs of 30 × 2, the corner's mitre, less where the legs overlap.
        assert!((sum - 120.0).abs() < 1.5, "{sum}");
    }
}
