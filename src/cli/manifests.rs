//! Manifests without a scenario: which files of a folder they are, and the scenario that is
//! guessed from them.

use std::fmt::Write as _;
use std::path::Path;

use super::exit::{CliError, tell};
use super::files::Disk;
use super::kustomizations::{self, Kustomizations};
use super::passed_over::{CHART, NO_OBJECT, UNLISTED, chart_of, named, reason};
use super::scenario::bad;
use crate::scenario::{
    Diagnostics, FileProvider, GUESSED, Guess, LARGEST_FILE, Loaded, Overlay, manifest_text,
};

/// How the names of manifests end.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The manifests that were named, and what was passed over.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths of files that hold Kubernetes objects.
    pub(super) files: Vec<String>,
    /// Other files of folders, each with the reason.
    passed_over: Vec<(String, &'static str)>,
}

/// What a path names in the place of a scenario.
pub(super) enum Given {
    /// A scenario.
    Scenario(String),
    /// Manifests.
    Manifests,
}

/// A folder or a file of YAML is no scenario; a folder that holds one stands for it.
pub(super) fn given(path: &str) -> Result<Given, CliError> {
    let is_manifest = ENDINGS.iter().any(|ending| has_ending(path, ending));
    if !Path::new(path).is_dir() {
        return Ok(if is_manifest {
            Given::Manifests
        } else {
            Given::Scenario(path.to_owned())
        });
    }
    let pattern = format!("{}/*.toml", escaped(path));
    let mut scenarios = Disk.glob(&pattern).map_err(wrong)?;
    scenarios.retain(|path| is_scenario(path));
    match scenarios.as_slice() {
        [] => Ok(Given::Manifests),
        [one] => {
            tell(format_args!("{one} is the scenario of {path}\n\n"));
            Ok(Given::Scenario(one.clone()))
        }
        several => Err(wrong(format!(
            "{path} holds several scenarios: name one of {}",
            several.join(", ")
        ))),
    }
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Whether a TOML file is a scenario, and not for example a Cargo.toml.
fn is_scenario(path: &str) -> bool {
    let table = read(path).and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| table.contains_key("manifests") && table.contains_key("simulation"))
}

/// A manifest's text.
pub(super) fn read(path: &str) -> Option<String> {
    let bytes = Disk.read(path, LARGEST_FILE).ok()?;
    Some(manifest_text(&bytes))
}

fn wrong(text: impl std::fmt::Display) -> CliError {
    CliError::BadInput(format!("error: {text}"))
}

/// A path as a pattern that matches it alone.
fn escaped(path: &str) -> String {
    glob::Pattern::escape(path.trim_end_matches('/'))
}

impl Found {
    /// The manifests at these paths, those of folders with all that is below.
    pub(super) fn at(paths: &[String]) -> Result<Self, CliError> {
        let mut found = Self::default();
        for path in paths {
            if Path::new(path).is_dir() {
                found.add_folder(path)?;
            } else {
                found.add(path.clone());
            }
        }
        match (found.files.is_empty(), found.passed_over.first()) {
            (false, _) => Ok(found),
            (true, None) => Err(wrong(format!(
                "{} holds no manifest: no file below it ends with .yaml, .yml or .json",
                paths.join(", ")
            ))),
            (true, Some((first, CHART))) => Err(wrong(format!(
                "{} is a Helm chart: render it first, for example with\n  helm template {} > manifests.yaml",
                paths.join(", "),
                named(&chart_of(first).unwrap_or_default())
            ))),
            (true, Some((first, why))) => Err(wrong(format!(
                "{} holds no Kubernetes object: {first} is {why}",
                paths.join(", ")
            ))),
        }
    }

    fn add(&mut self, path: String) {
        if !self.files.contains(&path) {
            self.files.push(path);
        }
    }

    /// Takes what `kubectl apply -f` takes of a folder, or `-k` of one with a kustomization; if
    /// no workload is among it, what is below, too.
    fn add_folder(&mut self, folder: &str) -> Result<(), CliError> {
        if kustomizations::is_in(folder) {
            self.add(folder.to_owned());
            return Ok(());
        }
        let mut paths = listed(folder, "*")?;
        if !paths.iter().any(|path| holds_workload(path)) {
            paths = listed(folder, "**/*")?;
        }
        // As paths that are found begin.
        let folder = match folder.trim_start_matches("./").trim_end_matches('/') {
            "." => "",
            folder => folder,
        };
        let is_hidden = |path: &str| {
            let below = path.strip_prefix(folder).unwrap_or(path);
            below.split('/').any(|part| part.starts_with('.'))
        };
        paths.retain(|path| !is_hidden(path));
        let kustomizations = Kustomizations::among(&paths);
        for built in kustomizations.built(folder)? {
            self.add(built.to_owned());
        }
        for path in paths {
            if kustomizations.hold(&path) {
                if !kustomizations.list(&path) {
                    self.passed_over.push((path, UNLISTED));
                }
                continue;
            }
            match reason(folder, &path) {
                Some(why) => self.passed_over.push((path, why)),
                None => self.add(path),
            }
        }
        Ok(())
    }

    /// What is wrong with the manifests, and which of them to leave out: folders often hold
    /// variants of one object.
    fn bad(&self, problems: &Diagnostics) -> CliError {
        let has_variants = problems
            .list
            .iter()
            .any(|one| one.title.starts_with("a second "));
        match bad(problems) {
            CliError::BadInput(text) if has_variants && self.files.len() > 1 => {
                CliError::BadInput(format!(
                    "{text}\n\nIf the files are variants of one another, name those that belong \
                     together:\n  nlsim init {} … -o scenario.toml",
                    self.files[0]
                ))
            }
            other => other,
        }
    }

    /// Tells which files were passed over.
    pub(super) fn tell_passed_over(&self) {
        let mut told = String::new();
        for why in [CHART, UNLISTED, NO_OBJECT] {
            let of_reason = self.passed_over.iter().filter(|one| one.1 == why);
            let mut names: Vec<&str> = of_reason.map(|one| one.0.as_str()).collect();
            let more = names.len().saturating_sub(MOST_NAMED);
            names.truncate(MOST_NAMED);
            if names.is_empty() {
                continue;
            }
            let _ = write!(told, "  passed over: {}", names.join(", "));
            if more > 0 {
                let _ = write!(told, " and {more} more");
            }
            let _ = writeln!(told, " ({why})");
        }
        tell(told);
    }
}

/// Files of a folder whose names end as manifests do.
fn listed(folder: &str, names: &str) -> Result<Vec<String>, CliError> {
    let mut paths = Vec::new();
    for ending in ENDINGS {
        let pattern = format!("{}/{names}.{ending}", escaped(folder));
        paths.extend(Disk.glob(&pattern).map_err(wrong)?);
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file holds a workload, or a List that may. An autoscaler's target is none.
fn holds_workload(path: &str) -> bool {
    const KINDS: [&str; 5] = [
        "Deployment",
        "StatefulSet",
        "ReplicaSet",
        "DaemonSet",
        "List",
    ];
    let Some(text) = read(path) else { return false };
    if has_ending(path, "json") {
        return KINDS
            .iter()
            .any(|kind| text.contains(&format!("\"{kind}\"")));
    }
    // At the left margin stands the kind of the object itself.
    let mut kinds = text.lines().filter_map(|line| line.strip_prefix("kind:"));
    kinds.any(|kind| KINDS.contains(&kind.trim().trim_matches(['"', '\''])))
}

/// Files of one kind that are named when they are passed over.
const MOST_NAMED: usize = 3;

/// A guess, and the files that it is from.
pub(super) struct Guessed {
    pub(super) guess: Guess,
    pub(super) found: Found,
}

/// Guesses a scenario from manifests.
pub(super) fn guess(paths: &[String]) -> Result<Guessed, CliError> {
    let found = Found::at(paths)?;
    let name = name(paths.first().map_or("", String::as_str));
    match Guess::of(&name, &found.files, &Disk) {
        Ok(guess) => Ok(Guessed { guess, found }),
        Err(problems) => Err(found.bad(&problems)),
    }
}

impl Guessed {
    /// The guessed scenario, read.
    pub(super) fn load(&self) -> Result<Loaded, CliError> {
        let text = self.guess.toml(&self.found.files);
        let overlay = Overlay::new(&Disk, GUESSED, &text);
        Loaded::load(GUESSED, &overlay).map_err(|problems| self.found.bad(&problems))
    }

    /// Tells what was guessed.
    pub(super) fn tell_lines(&self) {
        for line in self.guess.lines() {
            tell(format_args!("  {line}\n"));
        }
        self.found.tell_passed_over();
        tell("\n");
    }

    /// "12 manifests", "1 kustomization".
    pub(super) fn number(&self) -> String {
        let is_folder = |path: &&String| Path::new(path).is_dir();
        let folders = self.found.files.iter().filter(is_folder).count();
        let counts = [
            (folders, "kustomization"),
            (self.found.files.len() - folders, "manifest"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told
            .map(|(count, what)| match count {
                1 => format!("1 {what}"),
                count => format!("{count} {what}s"),
            })
            .collect();
        told.join(" and ")
    }
}

/// A name for the scenario: that of the folder or of the file.
fn name(path: &str) -> String {
    let full = std::path::absolute(path).unwrap_or_default();
    let name = if full.is_dir() {
        full.file_name()
    } else {
        full.file_stem()
    };
    let name = name.unwrap_or_default().to_string_lossy();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fitting: String = name
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    match fitting.trim_start_matches('.') {
        "" => "first-run".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_called_like_its_folder_or_file() {
        assert_eq!(name("k8s/web shop.yaml"), "web-shop");
        assert_eq!(name("some/where/.hidden.yaml"), "hidden");
        assert_eq!(name("tests/"), "tests");
        assert_eq!(name("/"), "first-run");
    }
}
