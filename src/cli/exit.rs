//! Exit codes, and how an error becomes one.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::signal;
use crate::output::folder::FolderError;
use crate::world::RunError;

/// How a subcommand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Fine = 0,
    /// A check or a comparison failed.
    CheckFailed = 1,
    /// Wrong usage or wrong input.
    BadInput = 2,
    /// The run itself failed, or broke an invariant.
    RunFailed = 3,
    /// Ctrl-C, as shells count it.
    Interrupted = 130,
}

/// An error with the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// What the user gave is wrong; the text is complete.
    #[error("{0}")]
    BadInput(String),
    /// Something failed that the user did not cause.
    #[error("error: {0}")]
    RunFailed(String),
    /// The user interrupted.
    #[error("Interrupted; nothing was written")]
    Interrupted,
    /// Printing failed.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted(_) => Self::Interrupted,
            other => Self::RunFailed(other.to_string()),
        }
    }
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Foreign(_) | FolderError::Fixed(_) => {
                Self::BadInput(format!("error: {error}"))
            }
            FolderError::Interrupted => Self::Interrupted,
            FolderError::Io { .. } => Self::RunFailed(error.to_string()),
        }
    }
}

/// A closed pipe does not stop the rest of the work.
pub(super) fn unless_closed(printed: Result<(), CliError>) -> Result<(), CliError> {
    match printed {
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes to stderr. If that fails too, only the exit code is left.
pub(super) fn tell(text: impl Display) {
    let _ = write!(anstream::stderr().lock(), "{text}");
}

/// Prints an error to stderr and turns the result into the exit code. A closed pipe
/// (`nlsim … | head`) is no error.
pub(super) fn report(result: Result<Exit, CliError>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            if let Some(code) = signal::exit_code() {
                tell(format_args!("{}\n", CliError::Interrupted));
                return ExitCode::from(code);
            }
            tell(format_args!("{error}\n"));
            match error {
                CliError::BadInput(_) => Exit::BadInput,
                CliError::RunFailed(_) | CliError::Output(_) => Exit::RunFailed,
                CliError::Interrupted => Exit::Interrupted,
            }
        }
    };
    ExitCode::from(exit as u8)
}
