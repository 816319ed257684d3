//! Many workloads on one sheet: a small chart of each.

use super::axis::{Axis, extent};
use super::font::{self, Weight};
use super::legend::{self, Entry, Swatch};
use super::panel::{Frame, Panel};
use super::scene::{Anchor, Label, Scene, Stroke};
use super::theme::Theme;
use super::timeline::{self, WIDTH};
use super::unit::{self, Unit};
use super::{Chart, Points};

/// Small charts of replicas, one per workload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContactSheet {
    /// First line.
    pub title: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// The workloads.
    pub cells: Vec<SheetCell>,
}

/// One workload on a [`ContactSheet`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SheetCell {
    /// What it is called.
    pub name: String,
    /// What is bad about it; empty if nothing is.
    pub note: String,
    /// Ready pods; steps.
    pub ready: Points,
    /// What its autoscaler last wrote; steps, empty without one.
    pub desired: Points,
}

/// Sizes of letters.
const NAME: f64 = 11.0;
const NOTE: f64 = 9.5;
/// Distance of cells.
const GAP: f64 = 18.0;
/// Room above a small chart for its two lines of text, and below.
const HEAD: f64 = 30.0;
const FOOT: f64 = 12.0;

impl Chart for ContactSheet {
    fn scene(&self, theme: &Theme) -> Scene {
        let mut scene = Scene::new(&self.title, WIDTH, theme);
        let end = if self.duration.is_finite() {
            self.duration.clamp(1e-3, 1e12)
        } else {
            1.0
        };
        let subtitle = format!(
            "{} workloads, the worst first · each from the start to {}, up to the number at its upper right",
            self.cells.len(),
            unit::duration(end)
        );
        let top = timeline::title(&mut scene, theme, &self.title, &subtitle);
        let legend = [
            Entry(
                Swatch::Fill(theme.soft(theme.green(), 0.35)),
                "ready".to_owned(),
            ),
            Entry(Swatch::Line(desired(theme)), "desired".to_owned()),
        ];
        let place = (24.0, top, WIDTH - 24.0);
        let top = top + legend::heading(&mut scene, theme, place, ("Replicas", ""), &legend);
        let (columns, height) = grid(self.cells.len());
        let width = (WIDTH - 48.0 + GAP) / columns as f64 - GAP;
        for (place, cell) in self.cells.iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let left = 24.0 + column as f64 * (width + GAP);
            let head = top + row as f64 * (HEAD + height + FOOT);
            let frame = Frame {
                left: left.round(),
                top: head + HEAD,
                right: (left + width).round(),
                bottom: head + HEAD + height,
            };
            cell.draw(&mut scene, theme, frame, end);
        }
        let rows = self.cells.len().div_ceil(columns);
        scene.height = (top + rows as f64 * (HEAD + height + FOOT) + 12.0).ceil();
        scene
    }
}

/// Columns and the height of a small chart: more are smaller.
fn grid(cells: usize) -> (usize, f64) {
    match cells {
        0..=60 => (4, 70.0),
        61..=200 => (6, 50.0),
        _ => (8, 34.0),
    }
}

fn desired(theme: &Theme) -> Stroke {
    Stroke::solid(theme.blue(), 1.25)
}

impl SheetCell {
    fn draw(&self, scene: &mut Scene, theme: &Theme, frame: Frame, end: f64) {
        let room = frame.right - frame.left;
        let values = self.ready.iter().chain(&self.desired);
        let values = extent(values.map(|point| point.1));
        let most = Unit::Count.text(values.map_or(0.0, |(_, most)| most));
        let most_width = font::width(&most, NOTE, Weight::Regular);
        let name = font::fit(&self.name, NAME, Weight::Bold, room);
        let at = (frame.left, frame.top - 18.0);
        scene.text(Label::new(at, name, NAME, theme.ink).bold());
        let note = font::fit(&self.note, NOTE, Weight::Regular, room - most_width - 8.0);
        let at = (frame.left, frame.top - 5.0);
        scene.text(Label::new(at, note, NOTE, theme.red()));
        let at = (frame.right, frame.top - 5.0);
        scene.text(Label::new(at, most, NOTE, theme.muted).anchored(Anchor::End));
        let x = Axis::time(end, None, (frame.left, frame.right));
        let mut y = Axis::linear(Unit::Count, values, (frame.bottom, frame.top));
        y.ticks.clear();
        let mut panel = Panel::open(scene, theme, frame, (x, y));
        panel.empty = "";
        panel.step_area(&self.ready, end, theme.soft(theme.green(), 0.35));
        panel.steps(&self.desired, end, desired(theme));
        panel.close();
    }
}
