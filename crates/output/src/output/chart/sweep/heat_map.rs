//! A figure over two parameters, a cell per pair of values.

use super::super::Chart;
use super::super::axis::{Axis, extent};
use super::super::font::{self, Weight};
use super::super::legend;
use super::super::panel::{Frame, SMALL};
use super::super::scene::{Anchor, Label, Scene, Shape, Stroke};
use super::super::theme::{Color, Theme, viridis};
use super::super::timeline::{self, WIDTH};
use super::super::unit::Unit;

/// Of more cells that are equally good, frames would point at nothing.
const FRAMED: usize = 12;

/// A figure over two parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatMap {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// What the columns are.
    pub x_label: String,
    /// The columns' values, left to right.
    pub x_values: Vec<String>,
    /// What the rows are.
    pub y_label: String,
    /// The rows' values, from the lowest row up.
    pub y_values: Vec<String>,
    /// What the figure is.
    pub value_label: String,
    /// Unit of the figure.
    pub unit: Unit,
    /// Rows from the lowest up, each with its columns; NaN where there is no figure.
    pub values: Vec<Vec<f64>>,
    /// Which figure is best; it is framed and named.
    pub best: Best,
}

/// Which end of a figure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Best {
    /// Neither.
    #[default]
    Neither,
    /// The lowest.
    Lowest,
    /// The highest.
    Highest,
}

impl Chart for HeatMap {
    fn scene(&self, theme: &Theme) -> Scene {
        let mut scene = Scene::new(&self.title, WIDTH, theme);
        let top = timeline::title(&mut scene, theme, &self.title, &self.subtitle);
        let place = (24.0, top, WIDTH - 24.0);
        let used = legend::heading(&mut scene, theme, place, (&self.value_label, ""), &[]);
        let frame = self.frame(top + used);
        let found = extent(self.values.iter().flatten().copied());
        self.cells(&mut scene, theme, frame, found);
        self.rows(&mut scene, theme, frame);
        let x = Axis::named(&self.x_values, (frame.left, frame.right));
        let bottom = super::x_axis(&mut scene, theme, frame, &x, &self.x_label);
        self.color_bar(&mut scene, theme, frame, found);
        scene.height = bottom + self.best_note(&mut scene, theme, (frame.left, bottom));
        scene
    }
}

impl HeatMap {
    fn size(&self) -> (usize, usize) {
        let columns = self.values.iter().map(Vec::len).max().unwrap_or(0);
        let columns = columns.max(self.x_values.len()).max(1);
        let rows = self.values.len().max(self.y_values.len()).max(1);
        (columns, rows)
    }

    fn frame(&self, top: f64) -> Frame {
        let (columns, rows) = self.size();
        let width = |text: &String| font::width(text, SMALL, Weight::Regular);
        let widest = self
            .y_values
            .iter()
            .map(width)
            .fold(24.0, f64::max)
            .min(240.0);
        let left = 24.0 + widest + 12.0;
        let room = WIDTH - 130.0 - left;
        let height = (480.0 / rows as f64).clamp(2.0, 60.0) * rows as f64;
        Frame {
            left,
            // The name of the rows stands above them.
            top: top + 18.0,
            right: left + (room / columns as f64).min(150.0) * columns as f64,
            bottom: top + 18.0 + height,
        }
    }

    /// Upper left and lower right corner of a cell.
    fn cell(&self, frame: Frame, row: usize, column: usize) -> ((f64, f64), (f64, f64)) {
        let (columns, rows) = self.size();
        let width = (frame.right - frame.left) / columns as f64;
        let height = (frame.bottom - frame.top) / rows as f64;
        // Whole pixels: no seams between cells.
        let x = |column: usize| (frame.left + width * column as f64).round();
        let y = |row: usize| (frame.bottom - height * row as f64).round();
        ((x(column), y(row + 1)), (x(column + 1), y(row)))
    }

    fn cells(&self, scene: &mut Scene, theme: &Theme, frame: Frame, found: Option<(f64, f64)>) {
        // Tooltips of more cells than anyone points at would only swell the file.
        let small = self.values.iter().map(Vec::len).sum::<usize>() <= 2000;
        for (row, values) in self.values.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let (from, to) = self.cell(frame, row, column);
                let gap = if to.0 - from.0 > 12.0 && to.1 - from.1 > 12.0 {
                    1.0
                } else {
                    0.0
                };
                let color = match found {
                    Some(found) if value.is_finite() => viridis(share(*value, found)),
                    _ => theme.blank,
                };
                let corner = (to.0 - gap, to.1 - gap);
                let cell = Shape::Rect(from, corner, color);
                if small {
                    let text = self.text(*value, found);
                    scene.add_with_tooltip(cell, &self.tooltip(row, column, &text));
                } else {
                    scene.add(cell);
                }
                let text = self.text(*value, found);
                print(scene, (from, corner), text, color);
            }
        }
        let best = self.best();
        for (row, column) in best.iter().filter(|_| best.len() <= FRAMED) {
            let (row, column) = (*row, *column);
            let ((left, top), (right, bottom)) = self.cell(frame, row, column);
            let (right, bottom) = (right - 1.0, bottom - 1.0);
            let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
            let path: Vec<_> = corners.into_iter().chain(corners).take(6).collect();
            scene.add(Shape::Path(path.clone(), Stroke::solid(theme.paper, 5.5)));
            scene.add(Shape::Path(path, Stroke::solid(theme.red(), 3.0)));
        }
    }

    /// A figure with the digits that tell it from the others.
    fn text(&self, value: f64, found: Option<(f64, f64)>) -> String {
        match found {
            Some(found) => self.unit.text_among(value, found),
            None => self.unit.text(value),
        }
    }

    fn tooltip(&self, row: usize, column: usize, text: &str) -> String {
        let name = |names: &[String], place: usize| names.get(place).cloned().unwrap_or_default();
        format!(
            "{} {}, {} {}: {}",
            self.x_label,
            name(&self.x_values, column),
            self.y_label,
            name(&self.y_values, row),
            text,
        )
    }

    fn rows(&self, scene: &mut Scene, theme: &Theme, frame: Frame) {
        let room = frame.right - frame.left;
        let name = font::fit(&self.y_label, 12.5, Weight::Regular, room);
        scene.text(Label::new((24.0, frame.top - 10.0), name, 12.5, theme.ink));
        let (_, rows) = self.size();
        let height = (frame.bottom - frame.top) / rows as f64;
        let every = ((SMALL + 3.0) / height).ceil().max(1.0) as usize;
        for (row, text) in self.y_values.iter().enumerate().step_by(every) {
            let y = frame.bottom - height * (row as f64 + 0.5) + SMALL * 0.36;
            let text = font::fit(text, SMALL, Weight::Regular, frame.left - 32.0);
            let label = Label::new((frame.left - 8.0, y), text, SMALL, theme.muted);
            scene.text(label.anchored(Anchor::End));
        }
    }

    /// The scale of the colours, right of the cells.
    fn color_bar(&self, scene: &mut Scene, theme: &Theme, frame: Frame, found: Option<(f64, f64)>) {
        const PARTS: u32 = 64;
        let Some(found) = found else {
            return;
        };
        let left = frame.right + 18.0;
        let height = (frame.bottom - frame.top).clamp(60.0, 480.0);
        let step = height / f64::from(PARTS);
        for part in 0..PARTS {
            let top = frame.top + height - step * f64::from(part + 1);
            let color = viridis(f64::from(part) / f64::from(PARTS - 1));
            // Half a pixel of overlap hides the seams.
            let bottom = if part == 0 {
                top + step
            } else {
                top + step + 0.5
            };
            scene.rect((left, top), (left + 14.0, bottom), color);
        }
        let (low, high) = found;
        let ends: &[(f64, f64)] = if low == high {
            &[(low, 0.5)]
        } else {
            &[(high, 0.0), (f64::midpoint(low, high), 0.5), (low, 1.0)]
        };
        for (value, place) in ends {
            let y = frame.top + height * place + SMALL * (0.76 - 0.76 * place);
            let text = self.unit.text_among(*value, found);
            scene.text(Label::new((left + 20.0, y), text, SMALL, theme.muted));
        }
    }

    /// Row and column of the best figure, and of all that equal it.
    fn best(&self) -> Vec<(usize, usize)> {
        let finite = self
            .values
            .iter()
            .flatten()
            .filter(|value| value.is_finite());
        let best = match self.best {
            Best::Neither => return Vec::new(),
            Best::Lowest => finite.copied().reduce(f64::min),
            Best::Highest => finite.copied().reduce(f64::max),
        };
        let rows = self.values.iter().enumerate();
        let cells = rows.flat_map(|(row, values)| {
            let columns = values.iter().enumerate();
            columns.map(move |(column, value)| ((row, column), *value))
        });
        let is_best = |(_, value): &((usize, usize), f64)| Some(*value) == best;
        cells.filter(is_best).map(|(cell, _)| cell).collect()
    }

    /// Names the best figure below the chart; returns the height that takes.
    fn best_note(&self, scene: &mut Scene, theme: &Theme, (left, top): (f64, f64)) -> f64 {
        let best = self.best();
        let Some(&(row, column)) = best.first() else {
            return 4.0;
        };
        let others = match best.len() - 1 {
            0 => String::new(),
            1 => ", and one that equals it".to_owned(),
            count => format!(", and {count} that equal it"),
        };
        let text = format!(
            "best: {}{others}",
            self.tooltip(row, column, &self.unit.text(self.values[row][column]))
        );
        let text = font::fit(&text, SMALL, Weight::Regular, scene.width - left - 24.0);
        scene.text(Label::new((left, top + 12.0), text, SMALL, theme.red()));
        28.0
    }
}

/// Writes the figure into its cell if there is room.
fn print(scene: &mut Scene, cell: ((f64, f64), (f64, f64)), text: String, color: Color) {
    let ((left, top), (right, bottom)) = cell;
    let ink = if color.lightness() > 0.5 {
        Theme::LIGHT.ink
    } else {
        Theme::LIGHT.paper
    };
    let at = (
        f64::midpoint(left, right),
        f64::midpoint(top, bottom) + SMALL * 0.36,
    );
    let label = Label::new(at, text, SMALL, ink).anchored(Anchor::Middle);
    if label.width() + 6.0 <= right - left && bottom - top >= SMALL + 4.0 {
        scene.text(label);
    }
}

/// Where a value lies between two others.
fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    if high > low {
        // Halves keep the difference of huge values finite.
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_cells_are_all_that_are_as_good() {
        let mut map = HeatMap {
            values: vec![vec![f64::NAN, 3.0], vec![1.0, 1.0]],
            best: Best::Lowest,
            ..HeatMap::default()
        };
        assert_eq!(map.best(), [(1, 0), (1, 1)]);
        map.best = Best::Highest;
        assert_eq!(map.best(), [(0, 1)]);
        map.best = Best::Neither;
        assert_eq!(map.best(), []);
    }
}
