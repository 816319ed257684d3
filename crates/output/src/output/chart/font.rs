//! The two fonts of the charts, compiled in: the widths of texts in them, and their outlines.
//!
//! Both are subsets of DejaVu Sans (`assets/fonts/`). Sizes are the font's em in pixels.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, Outline, OutlineCurve, PxScale, ScaleFont};
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

/// Sets a text from `x = 0` on, hands out each glyph with its place, and says how wide all are.
fn set(text: &str, em: f64, weight: Weight, mut glyph_at: impl FnMut(GlyphId, f32)) -> f64 {
    let font = font(weight);
    let scaled = font.as_scaled(scale(font, em));
    let (mut x, mut last) = (0.0, None);
    for c in text.chars() {
        let glyph = scaled.glyph_id(c);
        if let Some(last) = last {
            x += scaled.kern(last, glyph);
        }
        glyph_at(glyph, x);
        x += scaled.h_advance(glyph);
        last = Some(glyph);
    }
    f64::from(x)
}

/// Width of a text.
pub(super) fn width(text: &str, em: f64, weight: Weight) -> f64 {
    set(text, em, weight, |_, _| ())
}

/// The outline of a glyph; each is read from its font once.
fn outline(glyph: GlyphId, weight: Weight) -> Option<&'static Outline> {
    static READ: [OnceLock<Vec<OnceLock<Option<Outline>>>>; 2] = [const { OnceLock::new() }; 2];
    let font = font(weight);
    let read = READ[usize::from(weight == Weight::Bold)].get_or_init(|| {
        let unread = |_| OnceLock::new();
        (0..font.glyph_count()).map(unread).collect()
    });
    let read = read.get(usize::from(glyph.0))?;
    read.get_or_init(|| font.outline(glyph)).as_ref()
}

/// The outlines of a text, its baseline starting at `(x, y)`, in hundredths; nothing if there is
/// nothing to be seen.
pub(super) fn outlines(text: &str, em: f64, weight: Weight, (x, y): (f64, f64)) -> Option<Path> {
    let unit = em as f32 / font(weight).units_per_em().unwrap_or(1.0);
    let mut path = PathBuilder::new();
    set(text, em, weight, |glyph, offset| {
        if let Some(outline) = outline(glyph, weight) {
            let (x, y) = (x as f32 + offset, y as f32);
            let place = |point: &ab_glyph::Point| {
                (rounded(x + point.x * unit), rounded(y - point.y * unit))
            };
            append(&mut path, &outline.curves, place);
        }
    });
    path.finish()
}

fn rounded(length: f32) -> f32 {
    // The product is exact, so that ties are ties.
    ((f64::from(length) * 100.0).round_ties_even() / 100.0) as f32
}

/// Appends curves, each of which names where it starts; a contour goes on while they join.
fn append(
    path: &mut PathBuilder,
    curves: &[OutlineCurve],
    place: impl Fn(&ab_glyph::Point) -> (f32, f32),
) {
    let mut at = None;
    for curve in curves {
        let (OutlineCurve::Line(start, end)
        | OutlineCurve::Quad(start, _, end)
        | OutlineCurve::Cubic(start, _, _, end)) = curve;
        if at != Some(*start) {
            let (x, y) = place(start);
            path.move_to(x, y);
        }
        let (x, y) = place(end);
        match curve {
            OutlineCurve::Line(..) => path.line_to(x, y),
            OutlineCurve::Quad(_, a, _) => {
                let (x1, y1) = place(a);
                path.quad_to(x1, y1, x, y);
            }
            OutlineCurve::Cubic(_, a, b, _) => {
                let ((x1, y1), (x2, y2)) = (place(a), place(b));
                path.cubic_to(x1, y1, x2, y2, x, y);
            }
        }
        at = Some(*end);
    }
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
    use tiny_skia::PathSegment;

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
    fn outlines_stand_where_the_text_does() {
        // An l is one upright bar, from the baseline to the height of the ascenders.
        let of = |text: &str, em, weight, at| outlines(text, em, weight, at);
        let contours = |path: &Path| {
            let starts = path.segments();
            let starts = starts.filter(|one| matches!(one, PathSegment::MoveTo(_)));
            starts.count()
        };
        let path = of("l", 100.0, Weight::Regular, (1000.0, 500.0)).expect("a bar");
        let bounds = path.bounds();
        assert_eq!(contours(&path), 1, "{path:?}");
        assert!(
            bounds.left() >= 1000.0 && bounds.right() <= 1028.0,
            "{bounds:?}"
        );
        assert!(
            bounds.top() >= 420.0 && bounds.bottom() <= 500.0,
            "{bounds:?}"
        );
        assert_eq!(of(" ", 100.0, Weight::Bold, (0.0, 0.0)), None);
        // An o is two contours, and a second one stands a width further on.
        let two = of("oo", 10.0, Weight::Bold, (0.0, 0.0)).expect("two letters");
        assert_eq!(contours(&two), 4, "{two:?}");
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
