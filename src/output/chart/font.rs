//! The two fonts of the charts, compiled in: widths of texts, and their outlines for pictures.
//!
//! Both are subsets of DejaVu Sans (`assets/fonts/`). Plotters' own `ab_glyph` text drops the
//! side bearings of glyphs, which spaces letters unevenly; so glyphs are placed here. Sizes
//! are the font's em in pixels.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, Point, PxScale, ScaleFont};
use tiny_skia::{Path, PathBuilder};

static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-Bold-subset.ttf");

/// What an SVG asks its viewer for; the first is the font that texts are measured with, the
/// second is as wide.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

fn font(weight: Weight) -> &'static FontRef<'static> {
    static FONTS: OnceLock<[FontRef<'static>; 2]> = OnceLock::new();
    let read = |bytes| FontRef::try_from_slice(bytes).expect("the fonts compiled in are valid");
    &FONTS.get_or_init(|| [read(REGULAR), read(BOLD)])[usize::from(weight == Weight::Bold)]
}

/// `ab_glyph` scales by the height from descent to ascent instead of by the em.
fn scale(font: &FontRef<'static>, em: f64) -> PxScale {
    let height = font.height_unscaled() / font.units_per_em().unwrap_or(1.0);
    PxScale::from(em as f32 * height)
}

/// Calls `place` with each glyph and its distance from the start; returns the width.
fn lay_out(text: &str, em: f64, weight: Weight, mut place: impl FnMut(GlyphId, f32)) -> f64 {
    let font = font(weight);
    let scaled = font.as_scaled(scale(font, em));
    let (mut x, mut last) = (0.0, None);
    for c in text.chars() {
        let glyph = scaled.glyph_id(c);
        if let Some(last) = last {
            x += scaled.kern(last, glyph);
        }
        place(glyph, x);
        x += scaled.h_advance(glyph);
        last = Some(glyph);
    }
    f64::from(x)
}

/// Width of a text.
pub(super) fn width(text: &str, em: f64, weight: Weight) -> f64 {
    lay_out(text, em, weight, |_, _| {})
}

/// The text, cut with an ellipsis where it is wider than the room.
pub(super) fn fit(text: &str, em: f64, weight: Weight, room: f64) -> String {
    if width(text, em, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let cut: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&cut, em, weight) <= room {
            return cut;
        }
    }
    String::new()
}

/// The outlines of a text that starts at `x` on the baseline `y`; `None` if nothing of it is
/// visible.
pub(super) fn outline(text: &str, em: f64, weight: Weight, (x, y): (f64, f64)) -> Option<Path> {
    let font = font(weight);
    let factor = em as f32 / font.units_per_em()?;
    let mut path = PathBuilder::new();
    lay_out(text, em, weight, |glyph, ahead| {
        // Fonts count upwards.
        let at = |p: Point| (x as f32 + ahead + p.x * factor, y as f32 - p.y * factor);
        let mut pen = None;
        for curve in font
            .outline(glyph)
            .map_or(Vec::new(), |outline| outline.curves)
        {
            let (from, to) = match curve {
                OutlineCurve::Line(from, to)
                | OutlineCurve::Quad(from, _, to)
                | OutlineCurve::Cubic(from, _, _, to) => (from, to),
            };
            if pen != Some(from) {
                let (x, y) = at(from);
                path.move_to(x, y);
            }
            pen = Some(to);
            let (x, y) = at(to);
            match curve {
                OutlineCurve::Line(..) => path.line_to(x, y),
                OutlineCurve::Quad(_, bend, _) => {
                    let (bend_x, bend_y) = at(bend);
                    path.quad_to(bend_x, bend_y, x, y);
                }
                OutlineCurve::Cubic(_, first, second, _) => {
                    let ((x1, y1), (x2, y2)) = (at(first), at(second));
                    path.cubic_to(x1, y1, x2, y2, x, y);
                }
            }
        }
    });
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fonts_have_every_sign_that_charts_use() {
        let signs = (' '..='~').chain("µ±–—…×°≥≤%→−≈".chars());
        for weight in [Weight::Regular, Weight::Bold] {
            for sign in signs.clone() {
                assert_ne!(font(weight).glyph_id(sign), GlyphId(0), "{sign}");
            }
        }
    }

    #[test]
    fn a_text_is_cut_to_its_room() {
        let whole = width("neurolake-api", 11.0, Weight::Regular);
        assert!((60.0..100.0).contains(&whole), "{whole}");
        assert_eq!(
            fit("neurolake-api", 11.0, Weight::Regular, whole),
            "neurolake-api"
        );
        let cut = fit("neurolake-api", 11.0, Weight::Regular, whole - 1.0);
        assert!(cut.starts_with("neurolake") && cut.ends_with('…'), "{cut}");
        assert!(width(&cut, 11.0, Weight::Regular) <= whole - 1.0);
        assert_eq!(fit("neurolake-api", 11.0, Weight::Regular, 1.0), "");
    }
}
