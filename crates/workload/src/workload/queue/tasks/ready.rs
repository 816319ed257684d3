//! Messages that are ready, in the order in which the broker hands them out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::Handle;

/// A place in the queue: it grows towards the back.
pub(super) type Position = i64;

/// Messages that are ready. Those that have come back stand apart from those that come for the first
/// time, whose places ascend.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    line: VecDeque<(Position, Handle)>,
    back: BinaryHeap<Reverse<(Position, Handle)>>,
    first: Position,
    next: Position,
}

impl Ready {
    /// A message comes to the back of the queue. Returns its place.
    pub(super) fn append(&mut self, handle: Handle) -> Position {
        let position = self.next;
        self.next += 1;
        self.line.push_back((position, handle));
        position
    }

    /// A message comes back to the place that it had.
    pub(super) fn restore(&mut self, position: Position, handle: Handle) {
        self.back.push(Reverse((position, handle)));
    }

    /// A message comes before all others.
    pub(super) fn prepend(&mut self, handle: Handle) {
        self.first -= 1;
        self.restore(self.first, handle);
    }

    fn is_first_back(&self) -> bool {
        let Some(Reverse((back, _))) = self.back.peek() else {
            return false;
        };
        self.line.front().is_none_or(|(first, _)| back < first)
    }

    /// The first of them.
    pub(super) fn peek(&self) -> Option<Handle> {
        if self.is_first_back() {
            self.back.peek().map(|Reverse((_, handle))| *handle)
        } else {
            self.line.front().map(|(_, handle)| *handle)
        }
    }

    /// Takes the first of them out.
    pub(super) fn pop(&mut self) -> Option<Handle> {
        if self.is_first_back() {
            self.back.pop().map(|Reverse((_, handle))| handle)
        } else {
            self.line.pop_front().map(|(_, handle)| handle)
        }
    }
}
