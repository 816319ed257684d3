//! A plotters backend that draws with tiny-skia, and the PNG made of it.
//!
//! Plotters' own bitmap backend draws jagged lines and knows no dashes.

use std::convert::Infallible;

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle,
};
use tiny_skia::{
    FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    StrokeDash, Transform,
};

use super::ChartError;
use super::font::{self, Weight};
use super::paint::{self, SIZE_PER_EM, TOP, UNITS, units};
use super::scene::{Scene, Shape};

/// Draws a scene with `scale` pixels per unit in each direction.
pub(super) fn png(scene: &Scene, scale: u32) -> Result<Vec<u8>, ChartError> {
    let scale = scale.clamp(1, 8) as f32;
    let size = |length: f64| (length as f32 * scale).ceil().clamp(1.0, 65_536.0) as u32;
    let (width, height) = (size(scene.width), size(scene.height));
    let mut pixmap = Pixmap::new(width, height)
        .ok_or_else(|| ChartError::Drawing(format!("{width} × {height} pixels are too many")))?;
    pixmap.fill(opaque(scene.paper.rgb));
    for (shape, _) in &scene.items {
        let dash = match shape {
            Shape::Path(_, stroke) => stroke.dash,
            _ => None,
        };
        let raster = Raster {
            pixmap: &mut pixmap,
            placed: Transform::from_scale(scale / UNITS as f32, scale / UNITS as f32),
            dash: dash.and_then(|(on, off)| {
                StrokeDash::new(vec![units(on) as f32, units(off) as f32], 0.0)
            }),
        };
        paint::shape(&raster.into_drawing_area(), shape)?;
    }
    encode(&pixmap).map_err(|error| ChartError::Encoding(error.to_string()))
}

/// The picture without its alpha, since the paper is opaque. Quick rather than small: encoding
/// takes longer than drawing.
fn encode(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let opaque = |pixel: &PremultipliedColorU8| [pixel.red(), pixel.green(), pixel.blue()];
    let pixels: Vec<u8> = pixmap.pixels().iter().flat_map(opaque).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

fn opaque([red, green, blue]: [u8; 3]) -> tiny_skia::Color {
    tiny_skia::Color::from_rgba8(red, green, blue, 255)
}

/// A picture that shapes are drawn on in the units of the backends.
struct Raster<'a> {
    pixmap: &'a mut Pixmap,
    /// From the backends' units to pixels.
    placed: Transform,
    /// How lines are broken.
    dash: Option<StrokeDash>,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn painted(color: BackendColor) -> Paint<'static> {
    let (red, green, blue) = color.rgb;
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (color.alpha * 255.0).round() as u8);
    paint
}

/// A line through these points; `None` if there are fewer than two.
fn line(points: impl IntoIterator<Item = BackendCoord>) -> Option<PathBuilder> {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        let (x, y) = (x as f32, y as f32);
        if path.is_empty() {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    (path.len() > 1).then_some(path)
}

impl Raster<'_> {
    /// Shapes of no extent are no paths and draw nothing.
    fn fill(&mut self, path: Option<&Path>, color: BackendColor) {
        if let Some(path) = path {
            let (paint, rule) = (painted(color), FillRule::Winding);
            self.pixmap.fill_path(path, &paint, rule, self.placed, None);
        }
    }

    fn stroke<S: BackendStyle>(&mut self, path: Option<&Path>, style: &S) {
        let stroke = Stroke {
            width: style.stroke_width() as f32,
            line_join: LineJoin::Round,
            dash: self.dash.clone(),
            ..Stroke::default()
        };
        if let Some(path) = path {
            let paint = painted(style.color());
            self.pixmap
                .stroke_path(path, &paint, &stroke, self.placed, None);
        }
    }
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = |pixels: u32| (pixels as f32 / self.placed.sx).round() as u32;
        (units(self.pixmap.width()), units(self.pixmap.height()))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let pixel = Rect::from_xywh(x as f32, y as f32, 1.0, 1.0).map(PathBuilder::from_rect);
        self.fill(pixel.as_ref(), color);
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
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let corners = [left, top, right, bottom].map(|side| side as f32);
        let rect = Rect::from_ltrb(corners[0], corners[1], corners[2], corners[3]);
        let path = rect.map(PathBuilder::from_rect);
        if fill {
            self.fill(path.as_ref(), style.color());
        } else {
            self.stroke(path.as_ref(), style);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.stroke(line(path).and_then(PathBuilder::finish).as_ref(), style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let path = PathBuilder::from_circle(x as f32, y as f32, radius as f32);
        if fill {
            self.fill(path.as_ref(), style.color());
        } else {
            self.stroke(path.as_ref(), style);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        let closed = line(vert).and_then(|mut path| {
            path.close();
            path.finish()
        });
        self.fill(closed.as_ref(), style.color());
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, top): BackendCoord,
    ) -> Drawn {
        let em = style.size() / SIZE_PER_EM;
        let weight = match style.style() {
            FontStyle::Bold => Weight::Bold,
            _ => Weight::Regular,
        };
        let before = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => font::width(text, em, weight) / 2.0,
            HPos::Right => font::width(text, em, weight),
        };
        let start = (f64::from(x) - before, f64::from(top) + TOP * em);
        self.fill(
            font::outline(text, em, weight, start).as_ref(),
            style.color(),
        );
        Ok(())
    }
}
