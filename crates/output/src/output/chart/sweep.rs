//! Charts of a sweep over one parameter, over two, and of two figures against each other.

mod heat_map;
mod line;
mod pareto;

pub use heat_map::{Best, HeatMap};
pub use line::{LineChart, LineSeries};
pub use pareto::{ParetoChart, ParetoPoint};

use super::axis::Axis;
use super::font::{self, Weight};
use super::panel::{Frame, SMALL};
use super::scene::{Anchor, Label, Scene};
use super::theme::Theme;

/// Labels the ticks of a panel's x axis and puts the axis's name below; returns the lower end.
fn x_axis(scene: &mut Scene, theme: &Theme, frame: Frame, x: &Axis, name: &str) -> f64 {
    let baseline = frame.bottom + 18.0;
    let widest = x
        .ticks
        .iter()
        .map(|(_, text)| font::width(text, SMALL, Weight::Regular));
    let widest = widest.fold(0.0, f64::max);
    let apart = match x.ticks[..] {
        [(first, _), (second, _), ..] => x.at(second) - x.at(first),
        _ => f64::INFINITY,
    };
    let every = ((widest + 10.0) / apart.max(0.1)).ceil().clamp(1.0, 1e6) as usize;
    for (value, text) in x.ticks.iter().step_by(every) {
        let label = Label::new((x.at(*value), baseline), text, SMALL, theme.muted);
        let half = label.width() / 2.0;
        let (left, right) = (label.at.0 - half, label.at.0 + half);
        if left > 4.0 && right < scene.width - 4.0 {
            scene.text(label.anchored(Anchor::Middle));
        }
    }
    let at = (f64::midpoint(frame.left, frame.right), baseline + 22.0);
    let room = frame.right - frame.left;
    let name = font::fit(name, 12.5, Weight::Regular, room);
    scene.text(Label::new(at, name, 12.5, theme.ink).anchored(Anchor::Middle));
    baseline + 38.0
}
