//! Exit codes, and how an error becomes one.

use std::io;
use std::process::ExitCode;

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
}

/// An error with the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// What the user gave is wrong; the text is complete.
    #[error("{0}")]
    BadInput(String),
    /// Something failed that the user did not cause.
    #[error("{0}")]
    RunFailed(String),
    /// Printing failed.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Prints an error to stderr and turns the result into the exit code. A closed pipe
/// (`nlsim … | head`) is no error.
pub(super) fn report(result: Result<Exit, CliError>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            anstream::eprintln!("{error}");
            match error {
                CliError::BadInput(_) => Exit::BadInput,
                CliError::RunFailed(_) | CliError::Output(_) => Exit::RunFailed,
            }
        }
    };
    ExitCode::from(exit as u8)
}
