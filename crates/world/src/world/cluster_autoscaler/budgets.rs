//! The PodDisruptionBudgets that the Cluster Autoscaler sees.

use std::sync::Arc;

use super::classes::Classes;
use crate::api::{LabelSelector, PdbId, Store};
use crate::autoscaler::cluster_autoscaler::{ClassId, Pdb};
use crate::controller::disruption::budget_status;
use crate::sim::work;

/// A budget as it was last looked at.
#[derive(Debug)]
struct Known {
    id: PdbId,
    version: u64,
    selector: Arc<LabelSelector>,
    /// The classes that its selector has been held against.
    searched: usize,
}

/// All budgets.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    known: Vec<Known>,
    list: Vec<Pdb>,
}

impl Budgets {
    pub(super) fn list(&self) -> &[Pdb] {
        &self.list
    }

    /// Looks at the budgets whose pods have changed; at all if anything was scaled. Classes never
    /// change: only new ones are matched.
    pub(super) fn update(
        &mut self,
        store: &Store,
        classes: &Classes,
        scaled: bool,
        changed: &[ClassId],
    ) {
        let same = store.pdbs().count() == self.known.len()
            && (store.pdbs().zip(&self.known)).all(|((id, _), known)| id == known.id);
        if !same {
            self.known.clear();
            self.list.clear();
        }
        for (index, (id, pdb)) in store.pdbs().enumerate() {
            let version = pdb.meta.resource_version;
            let is_new = index == self.known.len();
            if is_new {
                self.known.push(Known {
                    id,
                    version,
                    selector: Arc::clone(&pdb.selector),
                    searched: 0,
                });
                self.list.push(Pdb {
                    disruptions_allowed: 0,
                    classes: Vec::new(),
                });
            }
            let (known, seen) = (&mut self.known[index], &mut self.list[index]);
            if known.selector != pdb.selector {
                known.selector = Arc::clone(&pdb.selector);
                known.searched = 0;
                seen.classes.clear();
            }
            let more = classes.selected(known.searched, &pdb.meta.namespace, &known.selector);
            seen.classes.extend(more);
            known.searched = classes.list().len();
            let touched = || {
                let mut own = seen.classes.iter();
                own.any(|class| changed.binary_search(class).is_ok())
            };
            if is_new || scaled || known.version != version || touched() {
                work::count(seen.classes.len());
                known.version = version;
                seen.disruptions_allowed = budget_status(id, store).disruptions_allowed;
            }
        }
    }
}
