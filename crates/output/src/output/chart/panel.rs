//! A panel: a rectangle with two axes, and what is drawn of data in it.

use super::Points;
use super::axis::Axis;
use super::columns::{Column, columns};
use super::font::{self, Weight};
use super::scene::{Anchor, Label, Point, Scene, Shape, Stroke};
use super::theme::{Color, Theme};

/// Size of tick labels, legends and notes.
pub(super) const SMALL: f64 = 11.5;

/// Distance of baselines of texts that stand above each other.
const LINE: f64 = 14.0;

/// The rectangle that data are drawn in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// A text right of the panel, at the height of a value.
struct Note {
    y: f64,
    text: String,
    color: Color,
}

/// A panel that is being drawn.
pub(super) struct Panel<'a> {
    pub(super) scene: &'a mut Scene,
    pub(super) theme: &'a Theme,
    pub(super) frame: Frame,
    pub(super) x: Axis,
    pub(super) y: Axis,
    notes: Vec<Note>,
    /// What an empty panel says.
    pub(super) empty: &'static str,
    drawn: bool,
    gridded: bool,
    /// Whether some curve is shown as a mean within a band.
    has_bands: bool,
}

impl<'a> Panel<'a> {
    /// Draws the labels of the left axis.
    pub(super) fn open(
        scene: &'a mut Scene,
        theme: &'a Theme,
        frame: Frame,
        (x, y): (Axis, Axis),
    ) -> Self {
        for (value, text) in &y.ticks {
            let at = y.at(*value).round() + 0.5;
            let text = font::fit(text, SMALL, Weight::Regular, frame.left - 12.0);
            let label = Label::new(
                (frame.left - 8.0, at + SMALL * 0.36),
                text,
                SMALL,
                theme.muted,
            );
            scene.text(label.anchored(Anchor::End));
        }
        Self {
            scene,
            theme,
            frame,
            x,
            y,
            notes: Vec::new(),
            empty: "no data",
            drawn: false,
            gridded: false,
            has_bands: false,
        }
    }

    /// Draws the grid, unless that is done: over areas and under lines.
    fn grid(&mut self) {
        if std::mem::replace(&mut self.gridded, true) {
            return;
        }
        let (frame, stroke) = (self.frame, Stroke::solid(self.theme.ink.alpha(0.1), 1.0));
        for (value, _) in &self.x.ticks {
            let at = self.x.at(*value).round() + 0.5;
            self.scene.line((at, frame.top), (at, frame.bottom), stroke);
        }
        for (value, _) in &self.y.ticks {
            let at = self.y.at(*value).round() + 0.5;
            self.scene.line((frame.left, at), (frame.right, at), stroke);
        }
    }

    /// Draws the base line and the notes; returns whether some curve is shown as a mean within a
    /// band.
    pub(super) fn close(mut self) -> bool {
        self.grid();
        let bottom = self.y.at(self.y.low().max(0.0)).round() + 0.5;
        let axis = Stroke::solid(self.theme.axis, 1.0);
        self.scene
            .line((self.frame.left, bottom), (self.frame.right, bottom), axis);
        if !self.drawn {
            let middle = |a: f64, b: f64| f64::midpoint(a, b);
            let at = (
                middle(self.frame.left, self.frame.right),
                middle(self.frame.top, self.frame.bottom),
            );
            let label = Label::new(at, self.empty, SMALL, self.theme.muted);
            self.scene.text(label.anchored(Anchor::Middle));
        }
        self.write_notes();
        self.has_bands
    }

    /// Puts the notes right of the panel, moved apart where they would overlap.
    fn write_notes(&mut self) {
        self.notes.sort_by(|a, b| a.y.total_cmp(&b.y));
        let room = (self.frame.bottom - self.frame.top + LINE) / LINE;
        self.notes.truncate(room.max(1.0) as usize);
        let mut lowest = f64::NEG_INFINITY;
        for note in &mut self.notes {
            note.y = note.y.max(lowest + LINE);
            lowest = note.y;
        }
        let mut highest = self.frame.bottom + LINE;
        for note in self.notes.iter_mut().rev() {
            note.y = note.y.min(highest - LINE);
            highest = note.y;
        }
        let left = self.frame.right + 8.0;
        for note in &self.notes {
            let text = font::fit(
                &note.text,
                SMALL,
                Weight::Regular,
                self.scene.width - left - 6.0,
            );
            let at = (left, note.y + SMALL * 0.36);
            // A little darker than the line, for thin letters need more contrast.
            let color = note.color.mix(self.theme.ink, 0.2);
            self.scene.text(Label::new(at, text, SMALL, color));
        }
    }

    /// Writes a text right of the panel at the height of a value.
    pub(super) fn note(&mut self, value: f64, text: impl Into<String>, color: Color) {
        if value.is_finite() {
            let (y, text) = (self.y.at(value), text.into());
            self.notes.push(Note { y, text, color });
        }
    }

    /// A line across the panel at a value, with a note.
    pub(super) fn reference(&mut self, value: f64, text: impl Into<String>, color: Color) {
        self.grid();
        if value.is_finite() {
            let y = self.y.at(value).round() + 0.5;
            let stroke = Stroke::dashed(color, 1.25);
            self.scene
                .line((self.frame.left, y), (self.frame.right, y), stroke);
            self.note(value, text, color);
        }
    }

    /// A band across the panel between two values.
    pub(super) fn band(&mut self, low: f64, high: f64, color: Color) {
        if low.is_finite() && high.is_finite() {
            let (top, bottom) = (self.y.at(high), self.y.at(low));
            self.scene
                .rect((self.frame.left, top), (self.frame.right, bottom), color);
        }
    }

    /// A shade over the whole height between two places of the x axis.
    pub(super) fn shade(&mut self, from: f64, to: f64, color: Color) {
        let (left, right) = (self.x.at(from), self.x.at(to));
        if from.is_finite() && to.is_finite() && right > left {
            self.scene
                .rect((left, self.frame.top), (right, self.frame.bottom), color);
        }
    }

    /// A line from point to point, interrupted where a value is not finite.
    pub(super) fn line(&mut self, points: &Points, stroke: Stroke) {
        self.grid();
        if self.in_columns(points, false, Some(band_of(stroke)), stroke) {
            return;
        }
        for run in runs(points) {
            let line: Vec<Point> = run
                .iter()
                .map(|&(x, y)| (self.x.at(x), self.y.at(y)))
                .collect();
            self.drawn = true;
            if let [point] = line[..] {
                self.scene
                    .add(Shape::Circle(point, stroke.width, stroke.color));
            } else {
                self.scene.add(Shape::Path(thinned(&line), stroke));
            }
        }
    }

    /// A stair: each value holds until the next, the last one until `end`.
    pub(super) fn steps(&mut self, points: &Points, end: f64, stroke: Stroke) {
        self.banded(points, end, stroke, band_of(stroke));
    }

    /// A stair with a band of its own colour where it swings too often.
    pub(super) fn banded(&mut self, points: &Points, end: f64, stroke: Stroke, band: Color) {
        self.stair(points, end, stroke, Some(band));
    }

    /// A stair of which only the mean is shown where it swings too often.
    pub(super) fn trend(&mut self, points: &Points, end: f64, stroke: Stroke) {
        self.stair(points, end, stroke, None);
    }

    fn stair(&mut self, points: &Points, end: f64, stroke: Stroke, band: Option<Color>) {
        self.grid();
        if self.in_columns(points, true, band, stroke) {
            return;
        }
        for stair in self.stairs(points, end) {
            self.drawn = true;
            self.scene.add(Shape::Path(thinned_stair(&stair), stroke));
        }
    }

    /// Draws a curve that swings too often as its mean, with a band from the least to the largest
    /// value if it has a colour for one; returns whether it is such a curve.
    fn in_columns(
        &mut self,
        points: &Points,
        is_steps: bool,
        band: Option<Color>,
        stroke: Stroke,
    ) -> bool {
        let Some(columns) = self.columns(points, is_steps) else {
            return false;
        };
        self.drawn = true;
        for run in &columns {
            if let Some(color) = band {
                self.has_bands = true;
                let edge =
                    |value: fn(&Column) -> f64| move |column: &Column| (column.x, value(column));
                let upper = run.iter().map(edge(|column| column.high));
                let lower = run.iter().rev().map(edge(|column| column.low));
                let place = |(x, y)| (self.x.at(x), self.y.at(y));
                let outline = upper.chain(lower).map(place).collect();
                self.scene.add(Shape::Area(outline, color));
            }
            let line = run.iter().map(|column| (column.x, column.mean));
            let line = line.map(|(x, y)| (self.x.at(x), self.y.at(y)));
            self.scene.add(Shape::Path(line.collect(), stroke));
        }
        true
    }

    fn columns(&self, points: &Points, is_steps: bool) -> Option<Vec<Vec<Column>>> {
        let width = self.frame.right - self.frame.left;
        if self.x.low() != 0.0 {
            return None; // parameters, not time
        }
        columns(points, self.x.high(), width, is_steps)
    }

    /// The area between a stair and the base line.
    pub(super) fn step_area(&mut self, points: &Points, end: f64, color: Color) {
        let base = self.y.at(self.y.low().max(0.0));
        if let Some(columns) = self.columns(points, true) {
            self.drawn = true;
            for run in &columns {
                let means = run.iter().map(|column| (column.x, column.mean));
                let line: Vec<Point> = means.map(|(x, y)| (self.x.at(x), self.y.at(y))).collect();
                self.scene.add(Shape::Area(closed(line, base), color));
            }
            return;
        }
        for stair in self.stairs(points, end) {
            self.drawn = true;
            let outline = closed(thinned_stair(&stair), base);
            self.scene.add(Shape::Area(outline, color));
        }
    }

    /// The area between two stairs with the same steps.
    pub(super) fn step_band(&mut self, low: &Points, high: &Points, end: f64, color: Color) {
        for (low, high) in self.stairs(low, end).iter().zip(self.stairs(high, end)) {
            self.drawn = true;
            let mut outline = thinned_stair(&high);
            outline.extend(thinned_stair(low).into_iter().rev());
            outline.extend(outline.first().copied());
            self.scene.add(Shape::Area(outline, color));
        }
    }

    /// The area between two lines over the same places.
    pub(super) fn line_band(&mut self, band: &[(f64, f64, f64)], color: Color) {
        let finite = |(x, low, high): &(f64, f64, f64)| (x + low + high).is_finite();
        for run in band.chunk_by(|a, b| finite(a) && finite(b)) {
            let run: Vec<_> = run.iter().filter(|point| finite(point)).collect();
            let upper = run
                .iter()
                .map(|(x, _, high)| (self.x.at(*x), self.y.at(*high)));
            let lower = run
                .iter()
                .rev()
                .map(|(x, low, _)| (self.x.at(*x), self.y.at(*low)));
            let outline: Vec<Point> = upper.chain(lower).collect();
            if outline.len() > 2 {
                self.scene.add(Shape::Area(outline, color));
            }
        }
    }

    /// Bars between two places of the x axis, stacked from the base line.
    pub(super) fn stacked_bars(&mut self, from: f64, to: f64, parts: &[(f64, Color)]) {
        self.grid();
        let (left, right) = (self.x.at(from), self.x.at(to));
        let gap = if right - left > 4.0 { 1.0 } else { 0.0 };
        let mut sum = 0.0;
        for &(part, color) in parts.iter().filter(|(part, _)| *part > 0.0) {
            let bottom = self.y.at(sum);
            sum += part;
            let top = self.y.at(sum).min(bottom - 1.5);
            self.drawn = true;
            self.scene.rect((left, top), (right - gap, bottom), color);
        }
    }

    fn stairs(&self, points: &Points, end: f64) -> Vec<Vec<Point>> {
        let mut stairs = Vec::new();
        let mut stair: Vec<Point> = Vec::new();
        for (place, &(x, y)) in points.iter().enumerate() {
            if !x.is_finite() || x > end {
                continue;
            }
            let next = points.get(place + 1).map_or(end, |next| next.0);
            let next = if next.is_finite() { next.min(end) } else { end };
            if y.is_finite() {
                let y = halved(self.y.at(y));
                stair.push((halved(self.x.at(x)), y));
                stair.push((halved(self.x.at(next.max(x))), y));
            } else if !stair.is_empty() {
                stairs.push(std::mem::take(&mut stair));
            }
        }
        if !stair.is_empty() {
            stairs.push(stair);
        }
        stairs
    }
}

/// The colour of the band around a line.
fn band_of(stroke: Stroke) -> Color {
    stroke.color.alpha(0.2)
}

/// The nearest half pixel: a whole one of the pictures, so that upright and level lines are crisp.
fn halved(pixels: f64) -> f64 {
    (pixels * 2.0).round() / 2.0
}

/// Stretches of points that are finite.
fn runs(points: &Points) -> impl Iterator<Item = &[(f64, f64)]> {
    points
        .split(|(x, y)| !x.is_finite() || !y.is_finite())
        .filter(|run| !run.is_empty())
}

/// The outline of what lies between a line and the base line.
fn closed(mut line: Vec<Point>, base: f64) -> Vec<Point> {
    if let (Some(first), Some(last)) = (line.first().copied(), line.last().copied()) {
        line.extend([(last.0, base), (first.0, base), first]);
    }
    line
}

/// The line without the points that no eye could tell apart: of those within a pixel of breadth,
/// the first, the lowest, the highest and the last stay, in their order.
fn thinned(line: &[Point]) -> Vec<Point> {
    thinned_by(line, |point, _| point)
}

/// The same of a stair, which keeps its upright and level lines.
fn thinned_stair(line: &[Point]) -> Vec<Point> {
    thinned_by(line, |point, first| (first.0, point.1))
}

fn thinned_by(line: &[Point], place: impl Fn(Point, Point) -> Point) -> Vec<Point> {
    let straight = |a: Point, b: Point, c: Point| {
        (a.1 == b.1 && b.1 == c.1) || (a.0 == b.0 && b.0 == c.0 && (b.1 - a.1) * (c.1 - b.1) >= 0.0)
    };
    let mut kept: Vec<Point> = Vec::new();
    let mut keep = |point: Point| {
        if let [.., a, b] = kept[..]
            && straight(a, b, point)
        {
            kept.pop();
        }
        kept.push(point);
    };
    for group in line.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if let [one] | [one, _] = group {
            keep(*one);
            group[1..].iter().for_each(|other| keep(*other));
            continue;
        }
        let (mut low, mut high) = (0, 0);
        for (at, point) in group.iter().enumerate() {
            low = if point.1 < group[low].1 { at } else { low };
            high = if point.1 > group[high].1 { at } else { high };
        }
        for at in [0, low.min(high), low.max(high), group.len() - 1] {
            keep(place(group[at], group[0]));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let line: Vec<Point> = (0..1000)
            .map(|i| (f64::from(i) / 1000.0, if i == 333 { 50.0 } else { 10.0 }))
            .collect();
        let thin = thinned(&line);
        assert!(thin.len() < 12, "{}", thin.len());
        assert_eq!(thin.first(), line.first());
        assert_eq!(thin.last(), line.last());
        assert!(thin.iter().any(|point| point.1 == 50.0));
    }

    #[test]
    fn a_thinned_stair_stays_a_stair() {
        let steps = |i: u32| [(f64::from(i) / 7.0, f64::from(i * i % 11)); 2];
        let mut line: Vec<Point> = (0..400).flat_map(steps).collect();
        for place in 1..line.len() / 2 {
            line[2 * place].1 = line[2 * place - 1].1;
        }
        let is_stair = |line: &[Point]| {
            let mut pairs = line.windows(2);
            pairs.all(|pair| pair[0].0 == pair[1].0 || pair[0].1 == pair[1].1)
        };
        assert!(is_stair(&line));
        let thin = thinned_stair(&line);
        assert!(is_stair(&thin));
        assert!(thin.len() < 300, "{}", thin.len());
    }
}
