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

/// Marks and where they are shown, ascending; those of one kind that are nearer to each other than
/// `near` pixels as one, which says how many they are.
pub(super) fn joined(marks: &[&Mark], near: f64, place: impl Fn(&Mark) -> f64) -> Vec<(f64, Mark)> {
    let mut groups: Vec<Vec<&Mark>> = Vec::new();
    let mut sorted = marks.to_vec();
    sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
    // The last group of each kind.
    let mut last = [None; MarkKind::ALL.len()];
    for mark in sorted {
        let last = &mut last[mark.kind as usize];
        let is_near = |group: &usize| place(mark) - place(groups[*group][0]) < near;
        if let Some(group) = last.filter(is_near) {
            groups[group].push(mark);
        } else {
            *last = Some(groups.len());
            groups.push(vec![mark]);
        }
    }
    let mut joined: Vec<(f64, Mark)> = (groups.iter())
        .map(|group| {
            (
                f64::midpoint(place(group[0]), place(group[group.len() - 1])),
                one(group),
            )
        })
        .collect();
    joined.sort_by(|a, b| a.0.total_cmp(&b.0));
    joined
}

/// Marks of one kind as one.
fn one(group: &[&Mark]) -> Mark {
    const TOLD: usize = 8;
    let (first, rest) = (group[0], &group[1..]);
    if rest.is_empty() {
        return first.clone();
    }
    let mut tooltip: Vec<String> = group
        .iter()
        .take(TOLD)
        .map(|mark| mark.tooltip.clone())
        .collect();
    if group.len() > TOLD {
        tooltip.push(format!("and {} more", group.len() - TOLD));
    }
    // Of 3→6 and 6→9 what comes of both: 3→9.
    let ends = first.label.split_once('→');
    let ends = ends.zip(rest[rest.len() - 1].label.split_once('→'));
    Mark {
        label: match ends {
            Some(((from, _), (_, to))) => format!("{from}→{to}"),
            None => format!("{}×", group.len()),
        },
        tooltip: tooltip.join("; "),
        ..first.clone()
    }
}

/// Entries for the kinds that occur.
pub(super) fn legend(marks: &[Mark]) -> impl Iterator<Item = Entry> {
    let kinds = MarkKind::ALL.into_iter();
    kinds
        .filter(|kind| marks.iter().any(|mark| mark.kind == *kind))
        .map(|kind| Entry(Swatch::Mark(kind), kind.name().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(time: f64, kind: MarkKind, label: &str) -> Mark {
        Mark {
            time,
            kind,
            label: label.to_owned(),
            tooltip: format!("at {time}"),
        }
    }

    #[test]
    fn marks_of_one_kind_that_are_near_are_one() {
        let all = [
            mark(0.0, MarkKind::ScaledUp, "3→6"),
            mark(4.0, MarkKind::ScaledUp, "6→9"),
            mark(5.0, MarkKind::Command, "patch hpa"),
            mark(6.0, MarkKind::Command, "scale deploy"),
            mark(30.0, MarkKind::ScaledUp, "9→10"),
        ];
        let marks: Vec<&Mark> = all.iter().collect();
        let joined = joined(&marks, 10.0, |mark| mark.time);
        let told: Vec<_> = joined.iter().map(|(at, one)| (*at, &*one.label)).collect();
        assert_eq!(told, [(2.0, "3→9"), (5.5, "2×"), (30.0, "9→10")]);
        assert_eq!(joined[0].1.tooltip, "at 0; at 4");
    }

    #[test]
    fn twenty_commands_in_a_minute_are_few_marks() {
        let all: Vec<Mark> = (0..20)
            .map(|i| mark(f64::from(i), MarkKind::Command, "patch hpa"))
            .collect();
        let marks: Vec<&Mark> = all.iter().collect();
        let joined = joined(&marks, 10.0, |mark| mark.time);
        assert_eq!(joined.len(), 2);
        assert!(joined[0].1.tooltip.ends_with("and 2 more"));
    }
}
