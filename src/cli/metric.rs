//! Metrics that are named on the command line.

use super::exit::CliError;
use crate::record::long_forms;
use crate::scenario::nearest;
use crate::sweep::Metrics;

/// Checks that one of some runs has the metric that an option names.
pub(super) fn known(option: &str, name: &str, runs: &[&Metrics]) -> Result<(), CliError> {
    let names = || (runs.iter().copied().flatten()).map(|(name, _)| name.as_str());
    if names().any(|other| other == name) {
        return Ok(());
    }
    let long = long_forms(name, names());
    if !long.is_empty() {
        return Err(CliError::BadInput(format!(
            "error: {option} {name}: objects of this name are in several namespaces: name one with its own: {}",
            long.join(", ")
        )));
    }
    let meant = nearest(name, names()).map_or_else(
        || " (summary.csv of a run lists all)".to_owned(),
        |name| format!(": did you mean `{name}`?"),
    );
    Err(CliError::BadInput(format!(
        "error: {option} {name}: there is no such metric{meant}"
    )))
}
