//! `nlsim conformance`: replays recordings of the real systems.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::exit::{CliError, Exit};
use crate::conformance::{Difference, Report, kinds, replay};

/// Differences that are printed; the rest is only counted.
const SHOWN: usize = 10;

/// Replay recorded decisions of the real systems and count the steps that differ
///
/// KIND is a controller (hpa, vpa-recommender, vpa-updater, vpa-admission) or, for tables, the file's name without its endings; a wrong KIND lists them all. Recordings may
/// be gzip-compressed (.gz). Exit code 1 if any step differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nlsim conformance hpa recordings/*.jsonl")]
pub(super) struct Args {
    /// What was recorded
    #[arg(value_parser = kind_parser)]
    kind: String,
    /// Recordings to replay
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn kind_parser(given: &str) -> Result<String, String> {
    if kinds().any(|kind| kind == given) {
        return Ok(given.to_owned());
    }
    Err(format!(
        "the kinds are: {}",
        kinds().collect::<Vec<_>>().join(", ")
    ))
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let mut report = Report::default();
    for path in &args.files {
        let text = read(path)?;
        let found = replay(&args.kind, &text)
            .map_err(|error| CliError::BadInput(format!("error: {}: {error}", path.display())))?;
        if found.cases == 0 {
            // A pattern that matches the wrong file must not pass in CI.
            return Err(CliError::BadInput(format!(
                "error: {}: there is no case in it",
                path.display()
            )));
        }
        report.merge(found);
    }
    let mut out = anstream::stdout().lock();
    writeln!(out, "{report}")?;
    for difference in report.differences.iter().take(SHOWN) {
        print(&mut out, difference)?;
    }
    let hidden = report.differences.len().saturating_sub(SHOWN);
    if hidden > 0 {
        writeln!(out, "\n({hidden} more steps differ)")?;
    }
    Ok(if report.differences.is_empty() {
        Exit::Fine
    } else {
        Exit::CheckFailed
    })
}

fn print(out: &mut impl Write, difference: &Difference) -> std::io::Result<()> {
    let Difference {
        place,
        expected,
        got,
        input,
    } = difference;
    writeln!(
        out,
        "\n{place}\n  expected  {expected}\n  got       {got}\n  input     {input}"
    )
}

fn read(path: &Path) -> Result<String, CliError> {
    let wrong = |error: std::io::Error| {
        let why = super::files::describe(&error);
        CliError::BadInput(format!("error: cannot read {}: {why}", path.display()))
    };
    let bytes = fs::read(path).map_err(wrong)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(bytes.as_slice())
            .read_to_string(&mut text)
            .map_err(wrong)?;
    } else {
        bytes.as_slice().read_to_string(&mut text).map_err(wrong)?;
    }
    Ok(text)
}
