//! `--charts`: which charts are written.

use crate::output::Charts;

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ChartsArg {
    /// No charts
    None,
    /// SVG only
    Svg,
    /// PNG only
    Png,
    /// SVG and PNG, of every workload
    All,
}

/// The charts that are wanted.
pub(super) fn wanted(asked: Option<ChartsArg>) -> Charts {
    match asked {
        None => Charts::Both,
        Some(ChartsArg::None) => Charts::None,
        Some(ChartsArg::Svg) => Charts::Svg,
        Some(ChartsArg::Png) => Charts::Png,
        Some(ChartsArg::All) => Charts::All,
    }
}
