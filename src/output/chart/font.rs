//! The two fonts of the charts, compiled in, and the widths of texts in them.
//!
//! Both are subsets of DejaVu Sans (`assets/fonts/`). Sizes are the font's em in pixels.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-Bold-subset.ttf");

/// The files of both fonts.
pub(super) static FILES: [&[u8]; 2] = [REGULAR, BOLD];

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

/// Width of a text.
pub(super) fn width(text: &str, em: f64, weight: Weight) -> f64 {
    let font = font(weight);
    let scaled = font.as_scaled(scale(font, em));
    let (mut x, mut last) = (0.0, None);
    for c in text.chars() {
        let glyph = scaled.glyph_id(c);
        if let Some(last) = last {
            x += scaled.kern(last, glyph);
        }
        x += scaled.h_advance(glyph);
        last = Some(glyph);
    }
    f64::from(x)
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

#[cfg(test)]
mod tests {
    use ab_glyph::GlyphId;

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
