//! Requests inside servers: one record each, in a slab that is reused without allocation.

use crate::sim::SimTime;

/// The client that waits for the answer. Opaque here; the owner of the engine reads it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Origin {
    /// The load.
    pub load: u32,
    /// The client of that load.
    pub client: u32,
}

/// A request on its way into a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// CPU work in nanoseconds of one core.
    pub cpu: i64,
    /// Wait after the CPU work, in nanoseconds.
    pub wait: i64,
    /// Memory while in the pod, in bytes.
    pub memory: i64,
    /// When the client sent it.
    pub arrival: SimTime,
    /// Who waits for the answer.
    pub origin: Origin,
}

/// A request that was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Who waits.
    pub origin: Origin,
    /// When the client sent it.
    pub arrival: SimTime,
    /// When it was answered.
    pub at: SimTime,
}

/// How a request left the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Served.
    Done,
    /// The server's time limit ended it.
    TimedOut,
    /// Its server was killed.
    Killed,
    /// A call that it made failed.
    CallFailed,
}

/// Why a server does not take a request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// Its slots and its backlog are full.
    Full,
    /// It takes no more requests a second.
    Limited,
}

/// A request that has left the engine and whose client still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Who waits.
    pub origin: Origin,
    /// When the client sent it.
    pub arrival: SimTime,
    /// How it left.
    pub ending: Ending,
}

/// Finds a request as long as it is in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    slot: u32,
    generation: u32,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The slot of the slab is free.
    Free,
    /// In a backlog or a shared queue.
    Queued,
    /// On the CPU.
    Running,
    /// Its calls are under way.
    Calling,
    /// In its wait.
    Waiting,
}

/// A request in the engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActiveRequest {
    pub(super) work: Work,
    /// Virtual time at which its CPU work is done.
    pub(super) finish: u64,
    /// Tells its heap entry from stale ones.
    pub(super) order: u32,
    pub(super) generation: u32,
    pub(super) phase: Phase,
    /// The client has gone and gets no answer.
    pub(super) abandoned: bool,
}

/// All requests in the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct ActiveRequests {
    slots: Vec<ActiveRequest>,
    free: Vec<u32>,
    abandoned: u64,
    order: u32,
}

impl ActiveRequests {
    #[inline]
    pub(super) fn insert(&mut self, work: Work) -> u32 {
        let mut request = ActiveRequest {
            work,
            finish: 0,
            order: 0,
            generation: 0,
            phase: Phase::Queued,
            abandoned: false,
        };
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            request.generation = entry.generation;
            *entry = request;
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 requests at once");
        self.slots.push(request);
        slot
    }

    /// A request that has been in a server for a while: where it is, and its heap entry there.
    pub(super) fn insert_at(&mut self, work: Work, phase: Phase, entry: (u64, u32)) -> u32 {
        let slot = self.insert(work);
        let request = self.at_mut(slot);
        request.phase = phase;
        (request.finish, request.order) = entry;
        slot
    }

    /// A number that orders and identifies heap entries.
    #[inline]
    pub(super) fn next_order(&mut self) -> u32 {
        self.order = self.order.wrapping_add(1);
        self.order
    }

    #[inline]
    pub(super) fn key(&self, slot: u32) -> RequestKey {
        RequestKey {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    #[inline]
    pub(super) fn at(&self, slot: u32) -> &ActiveRequest {
        &self.slots[slot as usize]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> &mut ActiveRequest {
        &mut self.slots[slot as usize]
    }

    /// The slot of a request that is still in the engine.
    #[inline]
    pub(super) fn find(&self, key: RequestKey) -> Option<u32> {
        let request = self.slots.get(key.slot as usize)?;
        (request.generation == key.generation && request.phase != Phase::Free).then_some(key.slot)
    }

    /// Frees a slot; returns the waiting client, if any.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32, ending: Ending) -> Option<Finished> {
        let request = &mut self.slots[slot as usize];
        request.generation = request.generation.wrapping_add(1);
        request.phase = Phase::Free;
        self.free.push(slot);
        if request.abandoned {
            self.abandoned -= 1;
            return None;
        }
        let Work {
            origin, arrival, ..
        } = request.work;
        Some(Finished {
            origin,
            arrival,
            ending,
        })
    }

    /// Marks a request whose client has gone; returns it if its client still waited.
    pub(super) fn abandon(&mut self, key: RequestKey) -> Option<Work> {
        let slot = self.find(key)?;
        let request = &mut self.slots[slot as usize];
        if request.abandoned {
            return None;
        }
        request.abandoned = true;
        self.abandoned += 1;
        Some(request.work)
    }

    /// Requests whose client waits.
    pub(super) fn awaited(&self) -> u64 {
        (self.slots.len() - self.free.len()) as u64 - self.abandoned
    }

    /// The requests of a load whose clients wait, in the order in which they were sent.
    pub(super) fn awaited_of(&self, load: u32) -> Vec<RequestKey> {
        let awaited = |request: &&ActiveRequest| {
            request.phase != Phase::Free && !request.abandoned && request.work.origin.load == load
        };
        let mut keys: Vec<(SimTime, RequestKey)> = (0..)
            .zip(&self.slots)
            .filter(|(_, request)| awaited(request))
            .map(|(slot, request)| {
                (
                    request.work.arrival,
                    RequestKey {
                        slot,
                        generation: request.generation,
                    },
                )
            })
            .collect();
        keys.sort_by_key(|&(arrival, key)| (arrival, key.slot));
        keys.into_iter().map(|(_, key)| key).collect()
    }
}
