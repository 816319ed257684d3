//! The log of all writes: the cluster's history.

use super::store::Store;
use super::write::Write;
use crate::sim::SimTime;

/// Every write of a run with its time, in order.
///
/// The state at any time is the fold of the log: the same writes, carried out by the same
/// code on an empty store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeLog {
    writes: Vec<(SimTime, Write)>,
}

impl ChangeLog {
    pub(super) fn push(&mut self, time: SimTime, write: Write) {
        self.writes.push((time, write));
    }

    /// All writes, in order.
    pub fn writes(&self) -> &[(SimTime, Write)] {
        &self.writes
    }

    /// The store as it was at a time, after everything that was written then.
    pub fn at(&self, time: SimTime) -> Store {
        let mut store = Store::default();
        for (written, write) in self.writes.iter().take_while(|(at, _)| *at <= time) {
            store.commit(*written, write.clone());
            store.take_changes().for_each(drop);
        }
        store
    }
}
