//! How wide what is printed may be.

use terminal_size::{Width, terminal_size_of};

/// Wider lines are hard to read.
const WIDEST: usize = 160;
/// Width of what goes into a file or to another program.
const PIPED: usize = 120;
/// Narrower tables cannot be.
const NARROWEST: usize = 40;

/// Characters in a line of stdout: what `COLUMNS` says, the terminal's width, or that of a
/// file or a log.
pub(super) fn of_stdout() -> usize {
    let asked = std::env::var("COLUMNS");
    let asked = asked.ok().and_then(|columns| columns.trim().parse().ok());
    let terminal = || terminal_size_of(std::io::stdout());
    let width = asked.or_else(|| terminal().map(|(Width(columns), _)| usize::from(columns)));
    width.unwrap_or(PIPED).clamp(NARROWEST, WIDEST)
}
