//! The two fonts of the charts, compiled in: widths of texts, and their glyphs for pictures.
//!
//! Both are subsets of DejaVu Sans (`assets/fonts/`). Plotters' own `ab_glyph` text drops the
//! side bearings of glyphs, which spaces letters unevenly; so glyphs are placed here. Sizes
//! are the font's em in pixels.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

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

/// Calls `place` with each glyph and its distance from the start; answers the width.
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

/// Calls `cover` with each pixel that the text covers, and how much of it. The text starts at
/// `x` on the baseline `y`.
pub(super) fn draw(
    text: &str,
    em: f64,
    weight: Weight,
    (x, y): (f64, f64),
    mut cover: impl FnMut(i32, i32, f32),
) {
    let font = font(weight);
    let scale = scale(font, em);
    lay_out(text, em, weight, |glyph, ahead| {
        let at = point(x as f32 + ahead, y as f32);
        let Some(outline) = font.outline_glyph(glyph.with_scale_and_position(scale, at)) else {
            return;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|dx, dy, share| {
            cover(
                corner.x as i32 + dx as i32,
                corner.y as i32 + dy as i32,
                share,
            );
        });
    });
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
