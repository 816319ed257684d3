//! Messages in the order in which they were published: which is the oldest.

use std::collections::VecDeque;

use super::Handle;

/// Messages that are gone and may be in the list all the same.
const SLACK: usize = 64;

/// Messages by age, the oldest first; some of them are gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Ages {
    line: VecDeque<Handle>,
}

impl Ages {
    /// A message is published. At most as many as `room` are there at a time; `is_there` tells which.
    pub(super) fn push(&mut self, handle: Handle, room: usize, is_there: impl Fn(Handle) -> bool) {
        while self.line.front().is_some_and(|one| !is_there(*one)) {
            self.line.pop_front();
        }
        if self.line.len() > 2 * room + SLACK {
            self.line.retain(|one| is_there(*one));
        }
        self.line.push_back(handle);
    }

    /// All messages, the oldest first, and some that are gone.
    pub(super) fn iter(&self) -> impl Iterator<Item = Handle> {
        self.line.iter().copied()
    }
}
