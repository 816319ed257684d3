//! The two fonts of the charts, compiled in: the widths of texts in them, and their outlines.
//!
//! Both are subsets of DejaVu Sans (`assets/fonts/`). Sizes are the font's em in pixels.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, PxScale, ScaleFont};

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

/// The outlines of a text as SVG path data, its baseline starting at `(x, y)`.
pub(super) fn outlines(text: &str, em: f64, weight: Weight, (x, y): (f64, f64)) -> String {
    let font = font(weight);
    let unit = em as f32 / font.units_per_em().unwrap_or(1.0);
    let mut path = String::new();
    set(text, em, weight, |glyph, offset| {
        let Some(outline) = font.outline(glyph) else {
            return;
        };
        let place = |point: ab_glyph::Point| {
            let (x, y) = (x as f32 + offset, y as f32);
            (x + point.x * unit, y - point.y * unit)
        };
        append(&mut path, &outline.curves, place);
    });
    path
}

/// Appends curves, each of which names where it starts; a contour goes on while they join.
fn append(
    path: &mut String,
    curves: &[OutlineCurve],
    place: impl Fn(ab_glyph::Point) -> (f32, f32),
) {
    let mut at = None;
    for curve in curves {
        let (start, through, end) = match curve {
            OutlineCurve::Line(start, end) => (start, &[][..], end),
            OutlineCurve::Quad(start, a, end) => (start, &[*a][..], end),
            OutlineCurve::Cubic(start, a, b, end) => (start, &[*a, *b][..], end),
        };
        let mut write = |command: char, points: &[ab_glyph::Point]| {
            path.push(command);
            for point in points {
                let (x, y) = place(*point);
                for length in [x, y] {
                    push(path, length);
                    path.push(' ');
                }
            }
        };
        if at != Some(*start) {
            write('M', &[*start]);
        }
        match through {
            [] => write('L', &[*end]),
            [a] => write('Q', &[*a, *end]),
            [a, b, ..] => write('C', &[*a, *b, *end]),
        }
        at = Some(*end);
    }
}

/// Appends a length with two decimals, but for zeros at its end: thousands of them make up the
/// texts of a chart.
fn push(path: &mut String, length: f32) {
    // The product is exact, so that ties are ties.
    let hundredths = (f64::from(length) * 100.0).round_ties_even() as i64;
    if hundredths < 0 {
        path.push('-');
    }
    let mut rest = hundredths.unsigned_abs();
    let mut digits = [0; 24];
    let mut from = digits.len();
    let mut put = |digit: u8| {
        from -= 1;
        digits[from] = digit;
    };
    let (tenths, last) = (rest / 10, rest % 10);
    if last > 0 {
        put(b'0' + last as u8);
    }
    if last > 0 || tenths % 10 > 0 {
        put(b'0' + (tenths % 10) as u8);
        put(b'.');
    }
    rest = tenths / 10;
    loop {
        put(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    path.extend(digits[from..].iter().map(|digit| char::from(*digit)));
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
        let path = outlines("l", 100.0, Weight::Regular, (1000.0, 500.0));
        let numbers: Vec<f64> = path
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|number| number.parse().ok())
            .collect();
        let of = |axis: usize| numbers.iter().copied().skip(axis).step_by(2);
        let within = |mut values: Box<dyn Iterator<Item = f64>>, from, to| {
            values.all(|value| (from..=to).contains(&value))
        };
        assert_eq!(path.matches('M').count(), 1, "{path}");
        assert!(within(Box::new(of(0)), 1000.0, 1028.0), "{path}");
        assert!(within(Box::new(of(1)), 420.0, 500.0), "{path}");
        assert_eq!(outlines(" ", 100.0, Weight::Bold, (0.0, 0.0)), "");
        // An o is two contours, and a second one stands a width further on.
        let two = outlines("oo", 10.0, Weight::Bold, (0.0, 0.0));
        assert_eq!(two.matches('M').count(), 4, "{two}");
    }

    proptest::proptest! {
        #[test]
        fn lengths_are_written_as_rust_formats_them(quarters in -4_000_000i32..4_000_000, other in -40_000.0..40_000.0f32) {
            for length in [quarters as f32 / 8.0, other] {
                let mut text = String::new();
                push(&mut text, length);
                let whole = format!("{length:.2}");
                let whole = whole.trim_end_matches('0').trim_end_matches('.');
                let whole = if whole == "-0" { "0" } else { whole };
                proptest::prop_assert_eq!(text, whole);
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
