//! What PodDisruptionBudgets still allow within a loop.
//!
//! Source: `core/scaledown/pdb/basic.go`.

use super::model::{ClassId, Pdb};

/// Budgets that shrink as removals are planned.
#[derive(Debug, Clone, Default)]
pub struct RemainingPdbTracker {
    allowed: Vec<i32>,
    /// The budgets of each class.
    by_class: Vec<Vec<usize>>,
}

impl RemainingPdbTracker {
    /// Starts from what the API server says.
    pub fn new(pdbs: &[Pdb]) -> Self {
        let mut by_class: Vec<Vec<usize>> = Vec::new();
        for (index, pdb) in pdbs.iter().enumerate() {
            for class in &pdb.classes {
                if by_class.len() <= class.index() {
                    by_class.resize(class.index() + 1, Vec::new());
                }
                by_class[class.index()].push(index);
            }
        }
        Self {
            allowed: pdbs.iter().map(|pdb| pdb.disruptions_allowed).collect(),
            by_class,
        }
    }

    /// The budgets that select a class.
    fn matching(&self, class: ClassId) -> &[usize] {
        self.by_class.get(class.index()).map_or(&[], Vec::as_slice)
    }

    /// Whether any budget selects a class.
    pub fn has_match(&self, class: ClassId) -> bool {
        !self.matching(class).is_empty()
    }

    /// Whether a budget that selects a class allows nothing.
    pub fn blocks(&self, class: ClassId) -> bool {
        self.matching(class)
            .iter()
            .any(|pdb| self.allowed[*pdb] < 1)
    }

    /// Whether all these pods may go at once.
    pub fn can_remove_in_parallel(&self, pods: impl IntoIterator<Item = ClassId>) -> bool {
        let mut counts = vec![0; self.allowed.len()];
        for class in pods {
            for pdb in self.matching(class) {
                counts[*pdb] += 1;
                if self.allowed[*pdb] < counts[*pdb] {
                    return false;
                }
            }
        }
        true
    }

    /// Counts these pods as gone.
    pub fn remove(&mut self, pods: impl IntoIterator<Item = ClassId>) {
        for class in pods {
            for index in 0..self.matching(class).len() {
                let pdb = self.matching(class)[index];
                self.allowed[pdb] -= 1;
            }
        }
    }
}
