//! The chart of a workload's pods by stage.

use super::axis::extent;
use super::legend::{Entry, Swatch};
use super::scene::{Scene, Stroke};
use super::theme::{Color, Theme};
use super::timeline::{Heading, LoadSpan, Timeline, Vertical};
use super::unit::Unit;
use super::{Chart, Points};

/// Pods by stage, stacked, and the nodes they run on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodStatesChart {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Length of the run, in seconds.
    pub duration: f64,
    /// Calendar time of the start, in seconds since 1970, if it has one.
    pub start: Option<i64>,
    /// Pods by stage; steps.
    pub states: Vec<(f64, PodStates)>,
    /// What the autoscaler last wrote; steps, empty if nothing scales the workload.
    pub desired: Points,
    /// Nodes; steps, empty if their number is of no interest.
    pub nodes: Points,
    /// When loads ran.
    pub load_spans: Vec<LoadSpan>,
}

/// How many pods are in each stage.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PodStates {
    /// Not on a node yet.
    pub pending: f64,
    /// On a node, not running yet.
    pub starting: f64,
    /// Running, not ready.
    pub running_not_ready: f64,
    /// Ready.
    pub ready: f64,
    /// Deleted, still there.
    pub terminating: f64,
}

impl From<crate::record::Counts> for PodStates {
    fn from(counts: crate::record::Counts) -> Self {
        Self {
            pending: f64::from(counts.pending),
            starting: f64::from(counts.starting),
            running_not_ready: f64::from(counts.running),
            ready: f64::from(counts.ready),
            terminating: f64::from(counts.terminating),
        }
    }
}

impl PodStates {
    /// The stages from the base of the stack to its top, with their colours.
    fn stages(theme: &Theme) -> [(&'static str, Color); 5] {
        [
            ("ready", theme.soft(theme.green(), 0.55)),
            ("running, not ready", theme.soft(theme.sky(), 0.75)),
            ("starting", theme.soft(theme.blue(), 0.75)),
            ("pending", theme.soft(theme.orange(), 0.95)),
            ("terminating", theme.soft(theme.grey(), 0.55)),
        ]
    }

    /// Pods in the lowest `count` stages of the stack.
    fn up_to(&self, count: usize) -> f64 {
        let stages = [
            self.ready,
            self.running_not_ready,
            self.starting,
            self.pending,
            self.terminating,
        ];
        stages[..count].iter().sum()
    }
}

impl Chart for PodStatesChart {
    fn scene(&self, theme: &Theme) -> Scene {
        let names = (self.title.as_str(), self.subtitle.as_str());
        let mut timeline =
            Timeline::new(theme, names, (self.duration, self.start), &self.load_spans);
        self.stack(&mut timeline);
        if !self.nodes.is_empty() {
            self.nodes(&mut timeline);
        }
        timeline.finish()
    }
}

impl PodStatesChart {
    fn stack(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let stages = PodStates::stages(theme);
        let desired = Stroke::solid(theme.ink, 1.5);
        let mut legend: Vec<Entry> = stages
            .iter()
            .map(|(name, color)| Entry(Swatch::Fill(*color), (*name).to_owned()))
            .collect();
        if !self.desired.is_empty() {
            legend.push(Entry(Swatch::Line(desired), "desired".to_owned()));
        }
        let sum = |count: usize| -> Points {
            let states = self.states.iter();
            states
                .map(|(time, pods)| (*time, pods.up_to(count)))
                .collect()
        };
        let all = sum(stages.len());
        let values = all.iter().chain(&self.desired).map(|point| point.1);
        let heading = Heading {
            title: "Pods by stage",
            unit: "",
            legend: &legend,
            height: if self.nodes.is_empty() { 460.0 } else { 340.0 },
        };
        let vertical = Vertical::Linear(Unit::Count, extent(values));
        timeline.panel(&heading, &vertical, |panel| {
            // From the highest stack to the lowest, so that no seam shows between stages.
            for count in (1..=stages.len()).rev() {
                panel.step_area(&sum(count), end, stages[count - 1].1);
            }
            panel.banded(&self.desired, end, desired, theme.ink.alpha(0.08));
        });
    }

    fn nodes(&self, timeline: &mut Timeline) {
        let (theme, end) = (timeline.theme, timeline.end);
        let heading = Heading {
            title: "Nodes",
            unit: "",
            legend: &[],
            height: 90.0,
        };
        let values = self.nodes.iter().map(|point| point.1);
        let vertical = Vertical::Linear(Unit::Count, extent(values));
        timeline.panel(&heading, &vertical, |panel| {
            panel.step_area(&self.nodes, end, theme.soft(theme.purple(), 0.18));
            panel.steps(&self.nodes, end, Stroke::solid(theme.purple(), 1.6));
        });
    }
}
