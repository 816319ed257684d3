//! `nlsim init`: a first scenario, guessed from manifests.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::exit::{CliError, Exit, tell};
use super::manifests::{Guessed, guess};
use super::scenario::bad;

/// Write a first scenario, guessed from manifests
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nlsim init k8s -o scenario.toml
  nlsim init deployment.yaml hpa.yaml service.yaml")]
pub(super) struct Args {
    /// Folders with manifests, and manifests
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<String>,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let guessed = guess(&args.paths)?;
    // What is written has to run as it is.
    if let Err(problems) = guessed.load()?.build(&[]) {
        return Err(bad(&problems));
    }
    let folder = match &args.output {
        Some(file) => file.parent().filter(|folder| *folder != Path::new("")),
        None => None,
    };
    let manifests = relative(&guessed, folder.unwrap_or(Path::new(".")))?;
    let text = guessed.guess.toml(&manifests);
    match &args.output {
        None => {
            let mut out = anstream::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Some(file) => write(file, &text, args.force)?,
    }
    tell(format_args!("Guessed from {}:\n", guessed.number()));
    guessed.tell_lines();
    if let Some(file) = &args.output {
        let file = file.display();
        tell(format_args!("Wrote {file}; nlsim run {file} runs it\n"));
    }
    Ok(Exit::Fine)
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true);
    let options = if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options
        .open(file)
        .and_then(|mut out| out.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::BadInput(format!(
            "error: {} exists already; --force replaces it",
            file.display()
        )),
        _ => CliError::BadInput(format!("error: cannot write {}: {error}", file.display())),
    })
}

/// The paths of the manifests from a folder.
fn relative(guessed: &Guessed, folder: &Path) -> Result<Vec<String>, CliError> {
    let problem = |path: &Path, error: &std::io::Error| {
        CliError::BadInput(format!("error: {}: {error}", path.display()))
    };
    let base = folder
        .canonicalize()
        .map_err(|error| problem(folder, &error))?;
    let mut paths = Vec::new();
    for file in &guessed.found.files {
        let file = Path::new(file);
        let full = file.canonicalize().map_err(|error| problem(file, &error))?;
        let path = pathdiff::diff_paths(&full, &base).unwrap_or(full);
        paths.push(path.to_string_lossy().into_owned());
    }
    Ok(paths)
}
