//! Panels above each other that share one axis of simulated time.
//!
//! Above the first panel lie the title and a lane with the loads; the loads shade all panels.
//! Each panel has a row with its heading and legend, so that legends never cover data.

use super::axis::Axis;
use super::columns;
use super::font::{self, Weight};
use super::legend::{self, Entry};
use super::mark::{self, Mark, MarkKind};
use super::panel::{Frame, Panel, SMALL};
use super::scene::{Anchor, Label, Scene, Shape, Stroke};
use super::theme::Theme;
use super::unit::{self, Unit};

/// Width of every chart.
pub(super) const WIDTH: f64 = 1200.0;

/// Room for tick labels.
pub(super) const LEFT: f64 = 72.0;

/// Room for notes.
pub(super) const RIGHT: f64 = 118.0;

/// When a load ran.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadSpan {
    /// Start, in seconds.
    pub from: f64,
    /// End, in seconds.
    pub to: f64,
    /// What the load was, such as its command.
    pub label: String,
}

/// What a panel is called and how high it is.
pub(super) struct Heading<'a> {
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    pub(super) legend: &'a [Entry],
    pub(super) height: f64,
}

/// How a panel's y axis is made.
pub(super) enum Vertical {
    Linear(Unit, Option<(f64, f64)>),
    Logarithmic(Unit, (f64, f64)),
}

/// A chart over time that is being laid out.
pub(super) struct Timeline<'a> {
    pub(super) scene: Scene,
    pub(super) theme: &'a Theme,
    /// The last second.
    pub(super) end: f64,
    /// Calendar time of second 0, in seconds since 1970, if it has one.
    start: Option<i64>,
    spans: Vec<LoadSpan>,
    /// Upper end of what is still free.
    free: f64,
    /// Whether some curve is shown as a mean within a band.
    has_bands: bool,
}

/// Draws a title and a subtitle; returns where the rest may begin.
pub(super) fn title(scene: &mut Scene, theme: &Theme, title: &str, subtitle: &str) -> f64 {
    const LARGE: f64 = 19.0;
    const MIDDLE: f64 = 13.0;
    let (left, room) = (24.0, scene.width - 48.0);
    let text = font::fit(title, LARGE, Weight::Bold, room);
    scene.text(Label::new((left, 34.0), text, LARGE, theme.ink).bold());
    if subtitle.is_empty() {
        return 48.0;
    }
    let text = font::fit(subtitle, MIDDLE, Weight::Regular, room);
    scene.text(Label::new((left, 55.0), text, MIDDLE, theme.muted));
    69.0
}

/// A length of time with two digits, in seconds.
fn rounded(seconds: f64) -> f64 {
    match seconds {
        minutes if minutes >= 600.0 => (minutes / 60.0).round() * 60.0,
        some if some >= 10.0 => some.round(),
        few => (few * 10.0).round() / 10.0,
    }
}

impl<'a> Timeline<'a> {
    pub(super) fn new(
        theme: &'a Theme,
        (name, subtitle): (&str, &str),
        (duration, start): (f64, Option<i64>),
        spans: &[LoadSpan],
    ) -> Self {
        let mut scene = Scene::new(name, WIDTH, theme);
        let free = title(&mut scene, theme, name, subtitle);
        let end = if duration.is_finite() {
            duration.clamp(1e-3, 1e12)
        } else {
            1.0
        };
        let mut spans: Vec<LoadSpan> = spans
            .iter()
            .filter(|span| span.from <= end && span.to >= 0.0 && span.from <= span.to)
            .cloned()
            .collect();
        spans.sort_by(|a, b| a.from.total_cmp(&b.from));
        let mut timeline = Self {
            scene,
            theme,
            end,
            start,
            spans,
            free,
            has_bands: false,
        };
        timeline.lanes();
        timeline
    }

    fn x(&self) -> Axis {
        Axis::time(self.end, self.start, (LEFT, self.scene.width - RIGHT))
    }

    /// Draws the loads as bars, each in the first lane where bar and label are free.
    fn lanes(&mut self) {
        const LANES: usize = 6;
        const HEIGHT: f64 = 18.0;
        let x = self.x();
        let limit = self.scene.width - RIGHT;
        let mut ends: Vec<f64> = Vec::new();
        for span in &self.spans {
            let (left, right) = (x.at(span.from), x.at(span.to).max(x.at(span.from) + 3.0));
            let room = self.scene.width - 6.0 - right - 6.0;
            let wide = font::width(&span.label, SMALL, Weight::Regular);
            // A label that does not fit right of its bar goes into it, if the bar is longer.
            let inside = wide + 12.0 <= right - left || room < right - left - 12.0;
            let text_room = if inside { right - left - 12.0 } else { room };
            let text = font::fit(&span.label, SMALL, Weight::Regular, text_room);
            let width = font::width(&text, SMALL, Weight::Regular);
            let end = if inside { right } else { right + 6.0 + width } + 10.0;
            let lane = ends
                .iter()
                .position(|end| *end <= left)
                .unwrap_or(ends.len());
            if lane >= LANES {
                continue;
            }
            ends.resize(ends.len().max(lane + 1), 0.0);
            ends[lane] = end;
            let top = self.free + HEIGHT * lane as f64;
            let bar = self.theme.soft(self.theme.grey(), 0.4);
            let shape = Shape::Rect(
                (left, top),
                (right.min(limit + 3.0), top + HEIGHT - 3.0),
                bar,
            );
            self.scene.add_with_tooltip(shape, &span.label);
            let at = if inside { left + 6.0 } else { right + 6.0 };
            self.scene
                .text(Label::new((at, top + 11.5), text, SMALL, self.theme.ink));
        }
        if !ends.is_empty() {
            self.free += HEIGHT * ends.len() as f64 + 4.0;
        }
    }

    /// Adds a panel; `draw` puts its data in.
    pub(super) fn panel(
        &mut self,
        heading: &Heading,
        vertical: &Vertical,
        draw: impl FnOnce(&mut Panel),
    ) {
        let right = self.scene.width - RIGHT;
        let place = (24.0, self.free, self.scene.width - 24.0);
        let names = (heading.title, heading.unit);
        let used = legend::heading(&mut self.scene, self.theme, place, names, heading.legend);
        let top = self.free + used;
        let frame = Frame {
            left: LEFT,
            top,
            right,
            bottom: top + heading.height,
        };
        let range = (frame.bottom, frame.top);
        let y = match *vertical {
            Vertical::Linear(unit, extent) => Axis::linear(unit, extent, range),
            Vertical::Logarithmic(unit, extent) => Axis::logarithmic(unit, extent, range),
        };
        let x = self.x();
        for span in &self.spans {
            let (left, right) = (x.at(span.from), x.at(span.to));
            let shade = self.theme.grey().alpha(0.13);
            self.scene.rect((left, top), (right, frame.bottom), shade);
        }
        let mut panel = Panel::open(&mut self.scene, self.theme, frame, (x, y));
        draw(&mut panel);
        self.has_bands |= panel.close();
        self.free = frame.bottom + 14.0;
    }

    /// Adds lanes of marks below the last panel, labelled where there is room; commands have one of
    /// their own.
    pub(super) fn marks(&mut self, marks: &[Mark]) {
        let shown = |mark: &&Mark| (0.0..=self.end).contains(&mark.time);
        let (typed, others): (Vec<&Mark>, Vec<&Mark>) = (marks.iter())
            .filter(shown)
            .partition(|mark| mark.kind == MarkKind::Command);
        for lane in [others, typed] {
            if !lane.is_empty() {
                self.lane_of(&lane);
            }
        }
    }

    fn lane_of(&mut self, marks: &[&Mark]) {
        // With less room for each on average they run into one another.
        const ROOM: f64 = 12.0;
        // Marks of one kind that are nearer are shown as one.
        const NEAR: f64 = 10.0;
        const NEAR_IN_CROWD: f64 = 5.0;
        let x = self.x();
        let place = |mark: &Mark| x.at(mark.time);
        let width = x.at(self.end) - x.at(0.0);
        let mut placed = mark::joined(marks, NEAR, place);
        let is_crowded = placed.len() as f64 * ROOM > width;
        if is_crowded {
            placed = mark::joined(marks, NEAR_IN_CROWD, place);
        }
        let y = self.free + 2.0;
        for (at, mark) in &placed {
            let shape = if is_crowded {
                mark.kind.crowded_shape((*at, y), self.theme)
            } else {
                mark.kind.shape((*at, y), self.theme)
            };
            self.scene.add_with_tooltip(shape, &mark.tooltip);
        }
        if !is_crowded {
            self.mark_labels(&placed, y + SMALL * 0.36);
        }
        self.free += 18.0;
    }

    /// Labels marks at their right, or else at their left, where nothing else stands.
    fn mark_labels(&mut self, placed: &[(f64, Mark)], baseline: f64) {
        // From a mark's middle to its label, and to its edge.
        const LABEL: f64 = 8.0;
        const EDGE: f64 = 6.0;
        let mut taken = 0.0_f64;
        for (place, (at, mark)) in placed.iter().enumerate() {
            let width = font::width(&mark.label, SMALL, Weight::Regular);
            let next = placed.get(place + 1).map(|next| next.0 - LABEL - 2.0);
            let limit = next.unwrap_or(self.scene.width - EDGE);
            let label = |x: f64| Label::new((x, baseline), &mark.label, SMALL, self.theme.muted);
            if at + LABEL > taken && at + LABEL + width <= limit {
                self.scene.text(label(at + LABEL));
                taken = at + LABEL + width;
                continue;
            }
            if at - LABEL - width > taken + EDGE {
                self.scene.text(label(at - LABEL).anchored(Anchor::End));
            }
            taken = taken.max(at + EDGE);
        }
    }

    /// Draws the labels of the time axis below the last panel.
    pub(super) fn finish(mut self) -> Scene {
        let x = self.x();
        let top = self.free - 10.0;
        let mut taken = f64::NEG_INFINITY;
        for (time, text) in &x.ticks {
            let at = x.at(*time);
            let label = Label::new((at, top + 13.0), text, SMALL, self.theme.muted);
            let half = label.width() / 2.0;
            let tick = Stroke::solid(self.theme.axis, 1.0);
            let line = at.round() + 0.5;
            self.scene.line((line, top - 4.0), (line, top), tick);
            if at - half > taken + 6.0 {
                self.scene.text(label.anchored(Anchor::Middle));
                taken = at + half;
            }
        }
        self.scene.height = (top + 30.0).ceil();
        if self.has_bands {
            let breadth = columns::breadth(self.end, self.scene.width - RIGHT - LEFT);
            let text = format!(
                "Averaged over {}; bands show least and largest values.",
                unit::duration(rounded(breadth))
            );
            let text = font::fit(
                &text,
                SMALL,
                Weight::Regular,
                self.scene.width - LEFT - 24.0,
            );
            let at = (LEFT, top + 36.0);
            self.scene
                .text(Label::new(at, text, SMALL, self.theme.muted));
            self.scene.height += 20.0;
        }
        self.scene
    }
}
