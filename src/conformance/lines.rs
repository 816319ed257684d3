//! Recordings of one case per line.

use serde::Deserialize;

use super::{ReplayError, Report};

/// Replays every line that is not blank; the replay counts its steps itself.
pub(super) fn replay<'t, C: Deserialize<'t>>(
    text: &'t str,
    replay_case: impl Fn(&C, &mut Report) -> Result<(), serde_json::Error>,
) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let malformed = |source| ReplayError::Malformed {
            line: index + 1,
            source,
        };
        let case: C = serde_json::from_str(line).map_err(malformed)?;
        report.cases += 1;
        replay_case(&case, &mut report).map_err(malformed)?;
    }
    Ok(report)
}
