//! The command line: thin faces over the library, one file per subcommand.
//!
//! This is the only module that prints, reads files and looks at the environment.

#[cfg(feature = "charts")]
mod charts;
mod check;
mod compare;
mod conformance;
mod exit;
mod export;
mod files;
mod get;
mod init;
mod kustomizations;
mod manifests;
mod metric;
mod passed_over;
mod progress;
mod run;
mod scenario;
mod seeds;
mod signal;
mod sweep;
mod width;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// Simulate Kubernetes autoscaling with your own manifests and load
#[derive(Debug, Parser)]
#[command(name = "nlsim", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Run(run::Args),
    Sweep(sweep::Args),
    Check(check::Args),
    Compare(compare::Args),
    Get(get::Args),
    Export(export::Args),
    Conformance(conformance::Args),
}

/// Parses the command line, runs the subcommand and returns the process's exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Conformance(args) => conformance::run(&args),
    };
    exit::report(result)
}
