//! What the request engine does next, kept beside the event queue.
//!
//! A server's next change moves with every request, a load's next arrival with every arrival.
//! In the queue each move would sift an entry through everything that is pending; here it is
//! played through a small tournament (Knuth, volume 3, 5.4.1). The numbers that order what
//! comes at one instant are those of the queue, so the order of all events is as if these were
//! in it.

use crate::sim::{EventQueue, Place, SimTime};

/// Times of a fixed set of players, and which of them comes first.
#[derive(Debug, Clone)]
struct Tournament {
    /// Nodes from 1 on, each with the earlier place of its two children's; players are the leaves.
    winners: Vec<Place>,
    /// A power of two.
    leaves: usize,
    /// What each player waits for; [`SimTime::MAX`] for nothing.
    times: Vec<SimTime>,
}

impl Default for Tournament {
    fn default() -> Self {
        Self {
            winners: vec![Place::NEVER; 4],
            leaves: 2,
            times: vec![SimTime::MAX; 2],
        }
    }
}

impl Tournament {
    /// Sets when a player comes, and its number unless it comes then already.
    #[inline]
    fn set<E: Copy>(&mut self, player: u32, at: SimTime, queue: &mut EventQueue<E>) {
        if player as usize >= self.leaves {
            self.grow(player as usize + 1);
        }
        let time = &mut self.times[player as usize];
        if *time == at {
            // One that was taken is still in its place.
            if at == SimTime::MAX && self.place(player as usize) != Place::NEVER {
                self.play(player as usize, Place::NEVER);
            }
            return;
        }
        *time = at;
        let place = if at == SimTime::MAX {
            Place::NEVER
        } else {
            queue.place(at, player)
        };
        self.play(player as usize, place);
    }

    fn play(&mut self, player: usize, place: Place) {
        let (mut node, mut place) = (self.leaves + player, place);
        self.winners[node] = place;
        while node > 1 {
            let other = self.winners[node ^ 1];
            place = if other < place { other } else { place };
            node >>= 1;
            // Nobody further on notices.
            if self.winners[node] == place {
                break;
            }
            self.winners[node] = place;
        }
    }

    #[inline]
    fn first(&self) -> Place {
        self.winners[1]
    }

    fn place(&self, player: usize) -> Place {
        let place = self.winners.get(self.leaves + player);
        place.copied().unwrap_or(Place::NEVER)
    }

    /// When the player behind the first comes.
    fn second(&self) -> SimTime {
        let mut node = self.leaves + self.first().slot() as usize;
        let mut second = Place::NEVER;
        while node > 1
            && let Some(other) = self.winners.get(node ^ 1)
        {
            second = second.min(*other);
            node >>= 1;
        }
        second.time()
    }

    /// What the first player waited for has come.
    #[inline]
    fn take(&mut self) -> u32 {
        let player = self.first().slot();
        // Its leaf is played when it is set, which is always.
        self.times[player as usize] = SimTime::MAX;
        player
    }

    #[cold]
    fn grow(&mut self, players: usize) {
        let (old, leaves) = (self.leaves, players.next_power_of_two());
        let places = self.winners.split_off(old);
        self.leaves = leaves;
        self.winners = vec![Place::NEVER; 2 * leaves];
        self.times.resize(leaves, SimTime::MAX);
        for (player, place) in places.into_iter().enumerate() {
            self.play(player, place);
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The next change in a server: a request's CPU work or wait ends, a time limit passes,
    /// or growing memory meets its limit. By slot.
    Server(u32),
    /// The next thing a load does: an arrival, or a client's turn. By load.
    Load(u32),
    /// The oldest outstanding request of a load may have waited too long. By load.
    ClientTimeout(u32),
}

/// When servers change and loads act next.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    servers: Tournament,
    /// Two of each load: its client's turn, its oldest request.
    loads: Tournament,
}

impl Agenda {
    #[inline]
    pub(super) fn set<E: Copy>(
        &mut self,
        turn: Turn,
        at: Option<SimTime>,
        queue: &mut EventQueue<E>,
    ) {
        let at = at.unwrap_or(SimTime::MAX);
        match turn {
            Turn::Server(slot) => self.servers.set(slot, at, queue),
            Turn::Load(load) => self.loads.set(2 * load, at, queue),
            Turn::ClientTimeout(load) => self.loads.set(2 * load + 1, at, queue),
        }
    }

    /// When a server changes next.
    pub(super) fn server(&self, slot: u32) -> Place {
        self.servers.place(slot as usize)
    }

    /// The load that acts next; `None` if a client may have waited too long before.
    pub(super) fn next_load(&self) -> (Place, Option<u32>) {
        let place = self.loads.first();
        let player = place.slot();
        (place, (player & 1 == 0).then_some(player / 2))
    }

    /// When the next turn of a load comes besides the first.
    pub(super) fn second_load(&self) -> SimTime {
        self.loads.second()
    }

    /// When a client may have waited too long next.
    pub(super) fn next_timeout(&self) -> SimTime {
        let timeouts = self.loads.times.iter().skip(1).step_by(2);
        timeouts.copied().min().unwrap_or(SimTime::MAX)
    }

    /// The load's turn has come: sets its next.
    pub(super) fn set_load<E: Copy>(
        &mut self,
        load: u32,
        at: Option<SimTime>,
        queue: &mut EventQueue<E>,
    ) {
        self.loads.times[2 * load as usize] = SimTime::MAX;
        self.loads.set(2 * load, at.unwrap_or(SimTime::MAX), queue);
    }

    /// Sets a turn behind all that are there for its time; [`SimTime::MAX`] is never.
    pub(super) fn renew<E: Copy>(&mut self, turn: Turn, at: SimTime, queue: &mut EventQueue<E>) {
        self.set(turn, None, queue);
        self.set(turn, Some(at), queue);
    }

    /// When something is due next, in the order of the queue.
    #[inline]
    pub(super) fn first(&self) -> Place {
        let (server, load) = (self.servers.first(), self.loads.first());
        if load < server { load } else { server }
    }

    /// Takes what is due next. It must be set again before anything else is taken.
    #[inline]
    pub(super) fn take(&mut self) -> Turn {
        if self.servers.first() < self.loads.first() {
            return Turn::Server(self.servers.take());
        }
        let player = self.loads.take();
        if player & 1 == 0 {
            Turn::Load(player / 2)
        } else {
            Turn::ClientTimeout(player / 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The agenda and a queue that holds the same agree on what comes when.
        #[test]
        fn turns_come_as_from_a_queue(
            steps in prop::collection::vec((0u32..40, 0i64..20, any::<bool>()), 1..300),
        ) {
            let (mut agenda, mut queue) = (Agenda::default(), EventQueue::<u32>::default());
            let mut known = [None; 40];
            for (player, delay, takes) in steps {
                let turn = |player: u32| match player % 4 {
                    0 => Turn::Load(player / 4),
                    1 => Turn::ClientTimeout(player / 4),
                    _ => Turn::Server(player),
                };
                let mut player = player;
                if takes && let Some((now, expected)) = queue.pop() {
                    prop_assert_eq!(agenda.first().time(), now);
                    prop_assert_eq!(agenda.take(), turn(expected));
                    known[expected as usize] = None;
                    player = expected;
                }
                let at = queue.now() + crate::sim::SimDuration(delay);
                // Both draw numbers from the one queue: in the same order.
                match known[player as usize] {
                    Some((time, _)) if time == at => {}
                    Some((_, id)) => {
                        queue.reschedule(id, at);
                        known[player as usize] = Some((at, id));
                    }
                    None => known[player as usize] = Some((at, queue.schedule(at, player))),
                }
                agenda.set(turn(player), Some(at), &mut queue);
            }
        }
    }
}
