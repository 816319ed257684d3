//! The kustomizations of a folder: which of them to build.

use std::collections::BTreeSet;
use std::path::Path;

use super::exit::CliError;
use super::files::Disk;
use crate::scenario::KustomizationParts;

/// Names of the file.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a folder has a kustomization of its own.
pub(super) fn is_in(folder: &str) -> bool {
    NAMES
        .iter()
        .any(|name| Path::new(folder).join(name).is_file())
}

/// The kustomizations among some files.
pub(super) struct Kustomizations {
    all: Vec<KustomizationParts>,
    /// What any of them is made of.
    listed: BTreeSet<String>,
}

impl Kustomizations {
    /// Those among these files.
    pub(super) fn among(paths: &[String]) -> Self {
        let parts = paths
            .iter()
            .filter_map(|path| KustomizationParts::of(path, &Disk));
        let all: Vec<KustomizationParts> = parts.collect();
        let listed = all
            .iter()
            .flat_map(|one| one.resources.iter().chain(&one.components));
        Self {
            listed: listed.cloned().collect(),
            all,
        }
    }

    /// Whether a file lies in the folder of one, or below.
    pub(super) fn hold(&self, path: &str) -> bool {
        self.all
            .iter()
            .any(|one| Path::new(path).starts_with(&one.folder))
    }

    /// Whether a file is a kustomization or a resource of one.
    pub(super) fn list(&self, path: &str) -> bool {
        let is_one = NAMES.iter().any(|name| Path::new(path).ends_with(name));
        is_one || self.listed.contains(path)
    }

    /// The folders of those that no other builds on. If several build on one base they are
    /// variants of one another, of which one has to be chosen.
    pub(super) fn built(&self, folder: &str) -> Result<Vec<&str>, CliError> {
        let is_root =
            |one: &&KustomizationParts| !one.is_component && !self.listed.contains(&one.folder);
        let roots: Vec<&KustomizationParts> = self.all.iter().filter(is_root).collect();
        let bases: Vec<BTreeSet<&str>> = roots.iter().map(|root| self.below(root)).collect();
        let has_twin = |place: &usize| {
            let mut others = (0..roots.len()).filter(|other| other != place);
            others.any(|other| !bases[*place].is_disjoint(&bases[other]))
        };
        let folders = |places: &mut dyn Iterator<Item = usize>| -> Vec<&str> {
            places.map(|place| roots[place].folder.as_str()).collect()
        };
        let variants = folders(&mut (0..roots.len()).filter(has_twin));
        if let Some(first) = variants.first() {
            return Err(CliError::BadInput(format!(
                "error: {folder} holds kustomizations that are variants of one another: {}\n\n\
                 Name one of them:\n  nlsim run {first}",
                variants.join(", ")
            )));
        }
        Ok(folders(&mut (0..roots.len())))
    }

    /// The resources of a kustomization and of all that it builds on.
    fn below<'a>(&'a self, root: &'a KustomizationParts) -> BTreeSet<&'a str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![root]);
        while let Some(one) = open.pop() {
            for part in &one.resources {
                if found.insert(part.as_str()) {
                    open.extend(self.all.iter().filter(|known| known.folder == *part));
                }
            }
        }
        found
    }
}
