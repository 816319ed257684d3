//! How wide what is printed may be.

use terminal_size::{Width, terminal_size_of};

use crate::output::terminal::WIDTH;

/// Wider lines are hard to read.
const WIDEST: usize = 160;
/// Narrower tables cannot be.
const NARROWEST: usize = 40;

/// Characters in a line of stdout: what `COLUMNS` says, the terminal's width, or 80.
pub(super) fn of_stdout() -> usize {
    let asked = std::env::var("COLUMNS");
    let asked = asked.ok().and_then(|columns| columns.trim().parse().ok());
    let terminal = || terminal_size_of(std::io::stdout());
    let width = asked.or_else(|| terminal().map(|(Width(columns), _)| usize::from(columns)));
    width.unwrap_or(WIDTH).clamp(NARROWEST, WIDEST)
}
