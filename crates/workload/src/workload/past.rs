//! What a server used lately: measurements of a time that has passed are read off it.
//!
//! A measurement is taken when a scrape reads it, not when it is due. Whatever changes a server's
//! use of its node in between leaves behind what held before.

use std::collections::VecDeque;

use crate::sim::SimTime;

/// What held until an instant, each from where the one before ends.
#[derive(Debug, Clone)]
pub(super) struct Past<T>(VecDeque<(SimTime, T)>);

impl<T> Default for Past<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Past<T> {
    /// This held until now.
    pub(super) fn push(&mut self, now: SimTime, held: T) {
        self.0.push_back((now, held));
    }

    /// What held at a time; none if it holds still. What ended before is forgotten: times ascend.
    pub(super) fn at(&mut self, time: SimTime) -> Option<&T> {
        while self.0.front().is_some_and(|(until, _)| *until <= time) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, held)| held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_from_an_instant_on_is_in_force_at_it() {
        let mut past = Past::default();
        let at = SimTime::from_secs;
        past.push(at(5), 'a');
        past.push(at(7), 'b');
        assert_eq!(past.at(at(4)), Some(&'a'));
        assert_eq!(past.at(at(5)), Some(&'b'));
        assert_eq!(past.at(at(7)), None);
        assert_eq!(past.at(at(9)), None);
    }
}
