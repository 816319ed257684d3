//! A chart's SVG document as a PNG, by resvg.
//!
//! Texts come as outlines (`svg::Texts`), so that no engine for text is needed.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use super::ChartError;

/// Pixels per unit in each direction.
const SCALE: f32 = 2.0;

/// Higher documents, in units, get one pixel per unit.
const HIGH: f32 = 4000.0;

/// Draws a document, whose paper has to be opaque.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, ChartError> {
    let drawing = |error: &dyn std::fmt::Display| ChartError::Drawing(error.to_string());
    let tree =
        usvg::Tree::from_str(svg, &usvg::Options::default()).map_err(|error| drawing(&error))?;
    let scale = if tree.size().height() > HIGH {
        1.0
    } else {
        SCALE
    };
    let size = |length: f32| (length * scale).ceil().clamp(1.0, 65_536.0) as u32;
    let (width, height) = (size(tree.size().width()), size(tree.size().height()));
    let mut pixmap = Pixmap::new(width, height)
        .ok_or_else(|| drawing(&format!("{width} × {height} pixels are too many")))?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    encode(&pixmap).map_err(|error| ChartError::Encoding(error.to_string()))
}

/// Quick rather than small: encoding would take longer than drawing. Rows of a chart differ little
/// from those above them, so no other filter is tried. Colours are not multiplied by their alpha,
/// since the paper is opaque.
fn encode(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Up);
    encoder.write_header()?.write_image_data(pixmap.data())?;
    Ok(bytes)
}
