//! Marks for events, in a lane of their own below a panel.

use super::legend::{Entry, Swatch};
use super::scene::{Point, Shape};
use super::theme::Theme;

/// What happened; each kind has its colour and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// More replicas were asked for.
    ScaledUp,
    /// Fewer replicas were asked for.
    ScaledDown,
    /// A pod was evicted.
    Evicted,
    /// A pod was to be evicted, and a budget was in the way.
    EvictionRefused,
    /// A pod was resized in place.
    Resized,
    /// A container ran out of memory.
    OomKilled,
    /// A command was typed.
    Command,
}

/// Something that happened at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// When, in seconds.
    pub time: f64,
    /// What.
    pub kind: MarkKind,
    /// A short text, such as `3→6`; shown where there is room.
    pub label: String,
    /// A sentence that the SVG shows on hovering.
    pub tooltip: String,
}

impl MarkKind {
    const ALL: [Self; 7] = [
        Self::ScaledUp,
        Self::ScaledDown,
        Self::Evicted,
        Self::EvictionRefused,
        Self::Resized,
        Self::OomKilled,
        Self::Command,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ScaledUp => "scaled up",
            Self::ScaledDown => "scaled down",
            Self::Evicted => "evicted",
            Self::EvictionRefused => "eviction refused",
            Self::Resized => "resized in place",
            Self::OomKilled => "OOM killed",
            Self::Command => "command",
        }
    }

    /// The mark's shape around a point where marks would cover each other: small, and what goes
    /// up apart from what goes down.
    pub(super) fn crowded_shape(self, (x, y): Point, theme: &Theme) -> Shape {
        let triangle = |tip: f64, base: f64| vec![(x, tip), (x - 2.5, base), (x + 2.5, base)];
        match self {
            Self::ScaledUp => Shape::Area(triangle(y - 6.5, y - 1.0), theme.blue()),
            Self::ScaledDown => Shape::Area(triangle(y + 6.5, y + 1.0), theme.red()),
            other => other.shape((x, y), theme),
        }
    }

    /// The mark's shape around a point.
    pub(super) fn shape(self, (x, y): Point, theme: &Theme) -> Shape {
        let triangle = |height: f64| {
            vec![
                (x, y - height / 2.0),
                (x - 5.25, y + height / 2.0),
                (x + 5.25, y + height / 2.0),
            ]
        };
        match self {
            Self::ScaledUp => Shape::Area(triangle(9.0), theme.blue()),
            Self::ScaledDown => Shape::Area(triangle(-9.0), theme.red()),
            Self::Evicted => Shape::Circle((x, y), 4.25, theme.purple()),
            Self::EvictionRefused => Shape::Circle((x, y), 3.0, theme.grey()),
            Self::Resized => Shape::Circle((x, y), 3.5, theme.sky()),
            Self::OomKilled => {
                let corners = vec![(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y)];
                Shape::Area(corners, theme.red())
            }
            Self::Command => {
                let (left, right) = (x - 4.0, x + 4.0);
                let corners = vec![
                    (left, y - 4.0),
                    (right, y - 4.0),
                    (right, y + 4.0),
                    (left, y + 4.0),
                ];
                Shape::Area(corners, theme.purple())
            }
        }
    }
}

/// Entries for the kinds that occur.
pub(super) fn legend(marks: &[Mark]) -> impl Iterator<Item = Entry> {
    let kinds = MarkKind::ALL.into_iter();
    kinds
        .filter(|kind| marks.iter().any(|mark| mark.kind == *kind))
        .map(|kind| Entry(Swatch::Mark(kind), kind.name().to_owned()))
}
