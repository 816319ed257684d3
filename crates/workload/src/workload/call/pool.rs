//! A pool of kept connections: the one that was given back last is taken first, as HTTP clients do;
//! whoever finds all of them in use waits in line.

use std::collections::VecDeque;

/// A pool of connections.
#[derive(Debug, Clone)]
pub struct Pool<W, C> {
    /// Connections at most; as many as are asked for, none of them kept, if absent.
    most: Option<u32>,
    used: u32,
    idle: Vec<C>,
    waiting: VecDeque<W>,
}

impl<W: PartialEq, C> Pool<W, C> {
    /// Without connections yet.
    pub fn new(most: Option<u32>) -> Self {
        Self {
            most,
            used: 0,
            idle: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Whether connections are kept when nothing goes over them.
    pub fn keeps(&self) -> bool {
        self.most.is_some()
    }

    /// Takes a connection that is idle, or leave to open one; if there is neither, `who` waits.
    pub fn acquire(&mut self, who: W) -> Option<Option<C>> {
        if self.waiting.is_empty()
            && let Some(taken) = self.take()
        {
            return Some(taken);
        }
        self.waiting.push_back(who);
        None
    }

    #[allow(
        clippy::option_option,
        reason = "whether there is one, and whether it is kept already"
    )]
    fn take(&mut self) -> Option<Option<C>> {
        let idle = self.idle.pop();
        let may = idle.is_some() || self.most.is_none_or(|most| self.used < most);
        self.used += u32::from(may);
        may.then_some(idle)
    }

    /// A connection is not used any more: it is kept, or it is closed. Returns who takes its place, with
    /// what [`Pool::acquire`] would give.
    pub fn release(&mut self, kept: Option<C>) -> Option<(W, Option<C>)> {
        self.used -= 1;
        self.idle.extend(kept);
        let next = self.waiting.pop_front()?;
        Some((next, self.take().flatten()))
    }

    /// Who waited does not any more: mostly the first, who has waited longest.
    pub fn give_up(&mut self, who: &W) {
        if self.waiting.front() == Some(who) {
            self.waiting.pop_front();
        } else {
            self.waiting.retain(|other| other != who);
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Connections that are open.
    pub fn open(&self) -> u32 {
        self.used + self.idle.len() as u32
    }

    /// Connections that nothing goes over.
    pub fn idle(&self) -> &[C] {
        &self.idle
    }

    /// Those who wait, in order, and the connections that are idle; the pool is gone.
    pub fn into_parts(self) -> (VecDeque<W>, Vec<C>) {
        (self.waiting, self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Counts how often it is compared.
    #[derive(Debug, Clone, Copy)]
    struct Who<'a>(u32, &'a Cell<u32>);

    impl PartialEq for Who<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    #[test]
    fn those_who_have_waited_longest_give_up_without_a_look_at_the_others() {
        let compared = Cell::new(0);
        let mut pool: Pool<Who<'_>, char> = Pool::new(Some(1));
        let all = (0..1_000).map(|number| Who(number, &compared));
        assert_eq!(all.filter(|who| pool.acquire(*who).is_some()).count(), 1);
        for number in 1..1_000 {
            pool.give_up(&Who(number, &compared));
        }
        assert_eq!((pool.waiting(), compared.get()), (0, 999));
    }

    #[test]
    fn connections_are_opened_as_needed_kept_and_handed_on_in_order() {
        let mut pool: Pool<u32, char> = Pool::new(Some(2));
        assert_eq!(pool.acquire(1), Some(None));
        assert_eq!(pool.acquire(2), Some(None));
        assert_eq!(
            (pool.acquire(3), pool.acquire(4), pool.acquire(5)),
            (None, None, None)
        );
        assert_eq!(pool.release(Some('a')), Some((3, Some('a'))));
        pool.give_up(&4);
        // A broken one is opened anew.
        assert_eq!(pool.release(None), Some((5, None)));
        assert_eq!(pool.release(Some('b')), None);
        assert_eq!(pool.release(Some('c')), None);
        assert_eq!((pool.open(), pool.waiting()), (2, 0));
        assert_eq!(pool.acquire(6), Some(Some('c')));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let mut pool: Pool<u32, char> = Pool::new(None);
        assert!((0..100).all(|who| pool.acquire(who) == Some(None)));
    }
}
