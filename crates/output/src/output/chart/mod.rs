//! Charts of a run and of a sweep, as SVG and as PNG.
//!
//! A chart is built from plain data (seconds and values) and lays itself out as a [`Scene`] of
//! lines, areas and texts; plotters writes the scene as SVG, and tiny-skia draws it. The fonts are
//! compiled in, so that the bytes are the same on every machine. Charts take every input: nothing,
//! single points, NaN (a gap), constant and huge values.

mod axis;
mod calendar;
mod calls;
mod columns;
mod cost;
mod font;
mod latency;
mod legend;
mod mark;
mod paint;
mod panel;
mod picture;
mod pods;
mod replicas;
mod scene;
mod sheet;
mod svg;
mod sweep;
mod theme;
mod timeline;
mod unit;
mod usage;

#[cfg(test)]
mod tests;

pub use calls::{CallsChart, CallsOfWay};
pub use cost::{CostChart, CostSeries};
pub use latency::{LatencyChart, LatencySlo, LatencyWindow};
pub use mark::{Mark, MarkKind};
pub use pods::{PodStates, PodStatesChart};
pub use replicas::{MetricPanel, ReplicasChart};
pub use scene::Scene;
pub use sheet::{ContactSheet, SheetCell};
pub use sweep::{Best, HeatMap, LineChart, LineSeries, ParetoChart, ParetoPoint};
pub use theme::{Color, Theme, viridis};
pub use timeline::LoadSpan;
pub use unit::Unit;
pub use usage::{ResourcePanel, UsageChart};

/// Values from each second on (steps) or at each second (lines), times ascending.
pub type Points = Vec<(f64, f64)>;

/// Why a chart could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// A backend refused to draw.
    #[error("the chart could not be drawn: {0}")]
    Drawing(String),
    /// The picture could not be encoded.
    #[error("the picture could not be written: {0}")]
    Encoding(String),
}

/// Something that can be drawn.
pub trait Chart {
    /// Its shapes, in these colours.
    fn scene(&self, theme: &Theme) -> Scene;

    /// The chart as an SVG document, dark on white.
    fn svg(&self) -> Result<String, ChartError> {
        self.scene(&Theme::LIGHT).svg()
    }
}
