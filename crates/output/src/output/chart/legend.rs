//! The row above a panel: its heading, its unit, and its legend, which thus never covers data.

use super::font::{self, Weight};
use super::mark::MarkKind;
use super::panel::SMALL;
use super::scene::{Label, Point, Scene, Stroke};
use super::theme::{Color, Theme};

/// What a legend shows beside its text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Swatch {
    Line(Stroke),
    Fill(Color),
    Mark(MarkKind),
}

/// One entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry(pub(super) Swatch, pub(super) String);

/// A heading with its legend in rows of this width; returns the height of the rows.
pub(super) fn heading(
    scene: &mut Scene,
    theme: &Theme,
    (left, top, right): (f64, f64, f64),
    (title, unit): (&str, &str),
    legend: &[Entry],
) -> f64 {
    const ROW: f64 = 20.0;
    const SIZE: f64 = 13.0;
    let title = font::fit(title, SIZE, Weight::Bold, (right - left) * 0.6);
    let mut baseline = top + 14.0;
    let label = Label::new((left, baseline), title, SIZE, theme.ink).bold();
    let mut x = left + label.width();
    scene.text(label);
    if !unit.is_empty() {
        let label = Label::new((x + 6.0, baseline), unit, SMALL, theme.muted);
        x += 6.0 + label.width();
        scene.text(label);
    }
    let indent = left;
    for Entry(swatch, text) in legend {
        let text = font::fit(text, SMALL, Weight::Regular, (right - left) * 0.5);
        let width = 24.0 + font::width(&text, SMALL, Weight::Regular);
        if x + 20.0 + width > right {
            baseline += ROW;
            x = indent - 20.0;
        }
        x += 20.0;
        draw_swatch(scene, theme, *swatch, (x, baseline - 4.0));
        scene.text(Label::new((x + 24.0, baseline), text, SMALL, theme.muted));
        x += width;
    }
    baseline - top + 13.0
}

fn draw_swatch(scene: &mut Scene, theme: &Theme, swatch: Swatch, (x, y): Point) {
    match swatch {
        Swatch::Line(stroke) => scene.line((x, y), (x + 18.0, y), stroke),
        Swatch::Fill(color) => scene.rect((x + 2.0, y - 5.0), (x + 16.0, y + 5.0), color),
        Swatch::Mark(kind) => scene.add(kind.shape((x + 12.0, y), theme)),
    }
}
