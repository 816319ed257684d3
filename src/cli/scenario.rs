//! What all subcommands that read a scenario have in common.

use std::sync::Arc;

use clap::Args;

use super::exit::{CliError, tell};
use super::files::Disk;
use super::manifests::{Given, given, guess};
use crate::record::{Provenance, SourceText};
use crate::scenario::{Built, Diagnostics, Loaded, Scenario, Severity, Span};
use crate::sim::fingerprint;

/// A scenario and its overrides.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// The scenario file (TOML); or manifests, a folder or a file, from which one is guessed
    #[arg(value_name = "SCENARIO")]
    path: String,
    #[command(flatten)]
    changes: Changes,
}

/// Overrides of a scenario.
#[derive(Debug, Clone, Args)]
pub(super) struct Changes {
    /// Replace a value of the scenario or of its manifests
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    replaced: Vec<(String, String)>,
    /// Replace the seed
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write PATH=VALUE, for example simulation.duration=30m".to_owned()),
    }
}

/// The files of a scenario, read; of manifests, a scenario is guessed.
pub(super) fn read(args: &ScenarioArgs) -> Result<Loaded, CliError> {
    match given(&args.path)? {
        Given::Scenario(path) => {
            Loaded::load(&path, &Disk).map_err(|diagnostics| bad(&diagnostics))
        }
        Given::Manifests => {
            let path = &args.path;
            let guessed = guess(std::slice::from_ref(path))?;
            let number = guessed.number();
            tell(format_args!(
                "no scenario given: guessed one from {number}; nlsim init {path} -o scenario.toml writes it down\n"
            ));
            guessed.tell_lines();
            guessed.load()
        }
    }
}

/// Reads and builds a scenario; warnings go to stderr, and notes unless it is to be quiet.
pub(super) fn load(args: &ScenarioArgs, quiet: bool) -> Result<Built, CliError> {
    build(args, &read(args)?, quiet)
}

/// Builds what was read; warnings go to stderr, and notes unless it is to be quiet.
pub(super) fn build(args: &ScenarioArgs, loaded: &Loaded, quiet: bool) -> Result<Built, CliError> {
    let mut built = loaded
        .build(&args.changes.replaced)
        .map_err(|diagnostics| bad(&diagnostics))?;
    if quiet {
        let told = &mut built.warnings.list;
        told.retain(|one| one.severity != Severity::Note);
    }
    if !built.warnings.list.is_empty() {
        tell(format_args!("{}\n\n", built.warnings.render(true)));
    }
    if let Some(seed) = args.changes.seed {
        built.scenario.simulation.seed = seed;
    }
    Ok(built)
}

/// What a run of the scenario is made of.
pub(super) fn provenance(args: &ScenarioArgs, loaded: &Loaded, scenario: &Scenario) -> Provenance {
    let file = |(path, text, is_whole): (&str, &Arc<str>, bool)| SourceText {
        path: path.to_owned(),
        text: is_whole.then(|| text.clone()),
        bytes: text.len() as u64,
        fnv1a: fingerprint(text.as_bytes()),
    };
    Provenance {
        scenario: scenario.name.clone(),
        seed: scenario.simulation.seed,
        kubernetes: format!("1.{}", scenario.controllers.hpa.version.0),
        files: loaded.sources().map(file).collect(),
        set: args.changes.replaced.clone(),
    }
}

impl ScenarioArgs {
    /// A scenario that a subcommand has found among its own arguments.
    pub(super) fn new(path: String, changes: Changes) -> Self {
        Self { path, changes }
    }

    /// What `--set` replaces.
    pub(super) fn replaced(&self) -> &[(String, String)] {
        &self.changes.replaced
    }
}

/// What a subcommand needs and the scenario does not have.
pub(super) fn needs(built: &Built, title: &str, help: &str) -> CliError {
    let mut problems = Diagnostics {
        files: built.warnings.files.clone(),
        ..Diagnostics::default()
    };
    // The scenario is the file that is read first.
    problems
        .error(Span::at(0, 0), title, "not in this file")
        .help = Some(help.to_owned());
    bad(&problems)
}

/// What is wrong with the files.
pub(super) fn bad(diagnostics: &Diagnostics) -> CliError {
    // Colours are removed where they are not wanted.
    CliError::BadInput(diagnostics.render(true).trim_end().to_owned())
}
