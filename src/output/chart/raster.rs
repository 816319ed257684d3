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
use super::stroke::{dashes, outline};

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
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Paeth)
        .write_image(pixels, width, height, ColorType::Rgb8)
        .map_err(|error| ChartError::Encoding(error.to_string()))?;
    Ok(bytes)
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

    /// Blends a colour over `count` pixels from `at` on.
    fn blend(
        pixels: &mut [u8],
        size: (usize, usize),
        (at, count): ((i32, i32), usize),
        color: BackendColor,
        share: f32,
    ) {
        let (x, y) = at;
        if x < 0 || y < 0 || x as usize >= size.0 || y as usize >= size.1 {
            return;
        }
        let first = y as usize * size.0 + x as usize;
        let last = first + count.min(size.0 - x as usize);
        let weight = (share.min(1.0) * color.alpha as f32 * 256.0).round() as i32;
        let (red, green, blue) = color.rgb;
        for pixel in pixels[first * 3..last * 3].chunks_exact_mut(3) {
            for (channel, new) in pixel.iter_mut().zip([red, green, blue]) {
                let old = i32::from(*channel);
                // A weighted mean of bytes is a byte.
                *channel = (old + (((i32::from(new) - old) * weight + 128) >> 8)) as u8;
            }
        }
    }

    /// Fills what `add` puts into the mask within these bounds.
    fn fill(&mut self, bounds: [f64; 4], color: BackendColor, add: impl FnOnce(&mut Coverage)) {
        self.coverage.begin(bounds, self.size);
        add(&mut self.coverage);
        let (pixels, size) = (&mut *self.pixels, self.size);
        self.coverage
            .for_each_run(|at, count, share| Self::blend(pixels, size, (at, count), color, share));
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
        let at = (x as i32, y as i32);
        Self::blend(self.pixels, self.size, (at, 1), color, 1.0);
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
                Self::blend(pixels, size, ((x, y), 1), color, share);
            },
        );
        Ok(())
    }
}
