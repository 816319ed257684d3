//! The event queue: an indexed 4-ary heap in a total order.
//!
//! Events come out ordered by (time, sequence number), so events of one instant come in
//! the order in which they were scheduled. `schedule`, `reschedule`, `cancel` and `pop`
//! cost O(log n) in the number of *pending* events; a cancelled event leaves at once, so
//! "one pending event per active thing" holds exactly and nothing stale is ever popped.
//!
//! Two things make it quick. An entry is 16 bytes, so that four siblings share a cache line
//! and compare as 128-bit numbers without branches. And a popped root is left vacant until
//! something else is done to the heap: an event that schedules its successor, the common
//! case, puts it there directly.

use super::{SimDuration, SimTime};

const ARITY: usize = 4;
const NOT_QUEUED: u32 = u32::MAX;
/// Bits of an entry's order that name its slot; the others hold its sequence number.
const SLOT_BITS: u32 = 24;
const SEQUENCES: u64 = 1 << (64 - SLOT_BITS);

/// Events that can be pending at a time.
pub const MOST_PENDING: u32 = 1 << SLOT_BITS;

/// A scheduled event, to reschedule or cancel it. Stale after the event was popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    slot: u32,
    generation: u32,
}

/// A place in the order of events: a time, a sequence number, and a slot that tells whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Nanoseconds; never negative, since the queue's clock begins at zero.
    time: u64,
    /// Sequence number, then slot.
    order: u64,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Place {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        self.key() > other.key()
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.key() < other.key()
    }
}

impl Place {
    /// Behind all events.
    pub const NEVER: Self = Self {
        time: u64::MAX,
        order: u64::MAX,
    };

    #[inline]
    fn key(self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.order)
    }

    /// Whose place it is.
    #[inline]
    pub fn slot(self) -> u32 {
        (self.order & ((1 << SLOT_BITS) - 1)) as u32
    }

    /// Its time; [`SimTime::MAX`] if it is never.
    #[inline]
    pub fn time(self) -> SimTime {
        SimTime(i64::try_from(self.time).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot<E> {
    event: E,
    generation: u32,
    position: u32,
}

/// Pending events in the order of their time, and the clock that follows them.
#[derive(Debug, Clone)]
pub struct EventQueue<E> {
    /// The heap, followed by at least [`ARITY`] entries that are later than any event.
    heap: Vec<Place>,
    /// The heap's length, a vacant root included.
    length: usize,
    /// The root has been popped and not been replaced yet.
    vacant: bool,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    now: SimTime,
    next_sequence: u64,
    scheduled: u64,
    overflowed: bool,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            heap: vec![Place::NEVER; ARITY],
            length: 0,
            vacant: false,
            slots: Vec::new(),
            free: Vec::new(),
            now: SimTime::ZERO,
            next_sequence: 0,
            scheduled: 0,
            overflowed: false,
        }
    }
}

impl<E: Copy> EventQueue<E> {
    /// The time of the event popped last.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.length - usize::from(self.vacant)
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events were ever scheduled or rescheduled.
    pub fn scheduled(&self) -> u64 {
        self.scheduled
    }

    /// The time of the next event.
    pub fn peek_time(&self) -> Option<SimTime> {
        (!self.is_empty()).then(|| self.first().time())
    }

    /// The place of the next event; [`Place::NEVER`] if nothing is pending.
    #[inline]
    pub fn first(&self) -> Place {
        if self.vacant {
            self.heap[self.least_child(1)]
        } else {
            self.heap[0]
        }
    }

    /// A place at `time` behind all events that are there, for something that is kept outside of
    /// the queue under a slot of its owner's, which must be below [`MOST_PENDING`].
    #[inline]
    pub fn place(&mut self, time: SimTime, slot: u32) -> Place {
        self.entry(time, slot)
    }

    /// Moves the clock to a time that is neither before now nor after the next event.
    #[inline]
    pub fn advance_to(&mut self, time: SimTime) {
        debug_assert!(time >= self.now && time <= self.first().time());
        self.now = time;
    }

    /// Whether an event was lost because [`MOST_PENDING`] others were pending: what comes out
    /// from then on is not what was scheduled.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Schedules an event. `time` must not lie before [`now`](Self::now).
    pub fn schedule(&mut self, time: SimTime, event: impl Into<E>) -> EventId {
        let event = event.into();
        assert!(
            time >= self.now,
            "event scheduled at {time}, before now ({})",
            self.now
        );
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize].event = event;
            slot
        } else {
            let slot = self.slots.len() as u32;
            if slot == MOST_PENDING {
                self.overflowed = true;
                return EventId {
                    slot,
                    generation: 0,
                };
            }
            self.slots.push(Slot {
                event,
                generation: 0,
                position: NOT_QUEUED,
            });
            slot
        };
        let entry = self.entry(time, slot);
        if self.vacant {
            self.vacant = false;
            self.sift_down(0, entry);
        } else {
            self.heap.push(Place::NEVER);
            self.length += 1;
            self.sift_up(self.length - 1, entry);
        }
        EventId {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    /// Schedules an event `delay` from now.
    pub fn schedule_in(&mut self, delay: SimDuration, event: impl Into<E>) -> EventId {
        self.schedule(self.now + delay, event)
    }

    /// Moves a pending event to another time; it queues behind events already there.
    /// Returns false, and does nothing, if the event is no longer pending.
    pub fn reschedule(&mut self, id: EventId, time: SimTime) -> bool {
        assert!(
            time >= self.now,
            "event rescheduled to {time}, before now ({})",
            self.now
        );
        self.fill_root();
        if !self.is_pending(id) {
            return false;
        }
        let entry = self.entry(time, id.slot);
        let position = self.slots[id.slot as usize].position as usize;
        if entry.time < self.heap[position].time {
            self.sift_up(position, entry);
        } else {
            self.sift_down(position, entry);
        }
        true
    }

    /// Removes a pending event. Returns false if it is no longer pending.
    pub fn cancel(&mut self, id: EventId) -> bool {
        self.fill_root();
        let Some(position) = self.position(id) else {
            return false;
        };
        self.release(id.slot);
        self.remove_at(position);
        true
    }

    /// Whether the event is still pending.
    pub fn is_pending(&self, id: EventId) -> bool {
        self.position(id).is_some()
    }

    /// Takes the next event and moves the clock to its time.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        self.fill_root();
        if self.length == 0 {
            return None;
        }
        let first = self.heap[0];
        let event = self.slots[first.slot() as usize].event;
        self.release(first.slot());
        self.vacant = true;
        self.now = first.time();
        Some((self.now, event))
    }

    /// An entry that queues behind all that are there for its time.
    #[inline]
    fn entry(&mut self, time: SimTime, slot: u32) -> Place {
        if self.next_sequence == SEQUENCES {
            self.renumber();
        }
        let order = self.next_sequence << SLOT_BITS | u64::from(slot);
        self.next_sequence += 1;
        self.scheduled += 1;
        Place {
            time: time.0 as u64,
            order,
        }
    }

    /// Begins sequence numbers anew, keeping the order of what is pending.
    #[cold]
    fn renumber(&mut self) {
        self.fill_root();
        let pending = &mut self.heap[..self.length];
        pending.sort_unstable_by_key(|entry| entry.key());
        for (position, entry) in (0..).zip(pending) {
            let slot = entry.slot();
            entry.order = u64::from(position) << SLOT_BITS | u64::from(slot);
            self.slots[slot as usize].position = position;
        }
        self.next_sequence = self.length as u64;
    }

    /// Puts the last entry where the popped root was, if nothing else came there.
    fn fill_root(&mut self) {
        if self.vacant {
            self.vacant = false;
            self.remove_at(0);
        }
    }

    fn position(&self, id: EventId) -> Option<usize> {
        let slot = self.slots.get(id.slot as usize)?;
        (slot.generation == id.generation && slot.position != NOT_QUEUED)
            .then_some(slot.position as usize)
    }

    fn release(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.position = NOT_QUEUED;
        self.free.push(slot);
    }

    fn remove_at(&mut self, position: usize) {
        self.length -= 1;
        let last = self.heap[self.length];
        self.heap.pop();
        self.heap[self.length] = Place::NEVER;
        if position == self.length {
            return;
        }
        if position > 0 && last.key() < self.heap[(position - 1) / ARITY].key() {
            self.sift_up(position, last);
        } else {
            self.sift_down(position, last);
        }
    }

    fn put(&mut self, position: usize, entry: Place) {
        self.heap[position] = entry;
        self.slots[entry.slot() as usize].position = position as u32;
    }

    fn sift_up(&mut self, mut position: usize, entry: Place) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            let above = self.heap[parent];
            if above.key() < entry.key() {
                break;
            }
            self.put(position, above);
            position = parent;
        }
        self.put(position, entry);
    }

    fn sift_down(&mut self, mut position: usize, entry: Place) {
        loop {
            let first = position * ARITY + 1;
            if first >= self.length {
                break;
            }
            let child = self.least_child(first);
            let below = self.heap[child];
            if entry.key() < below.key() {
                break;
            }
            self.put(position, below);
            position = child;
        }
        self.put(position, entry);
    }

    /// The position of the least of the siblings that begin at `first`.
    fn least_child(&self, first: usize) -> usize {
        let [a, b, c, d] = self.heap[first..]
            .first_chunk::<ARITY>()
            .map_or([Place::NEVER; ARITY].map(Place::key), |siblings| {
                siblings.map(Place::key)
            });
        let pick = |x: (u128, usize), y: (u128, usize)| if y.0 < x.0 { y } else { x };
        first + pick(pick((a, 0), (b, 1)), pick((c, 2), (d, 3))).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Op {
        Schedule(i64),
        Reschedule(usize, i64),
        Cancel(usize),
        Pop,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (0..50i64).prop_map(Op::Schedule),
            1 => (any::<usize>(), 0..50i64).prop_map(|(which, delay)| Op::Reschedule(which, delay)),
            1 => any::<usize>().prop_map(Op::Cancel),
            2 => Just(Op::Pop),
        ]
    }

    proptest! {
        /// The queue agrees with a plain list that is searched for its least (time, sequence).
        #[test]
        fn events_come_in_total_order(ops in prop::collection::vec(op(), 1..300)) {
            let mut queue: EventQueue<u32> = EventQueue::default();
            let mut model: Vec<(SimTime, u64, u32)> = Vec::new();
            let mut ids = Vec::new();
            let mut sequence = 0;
            for op in ops {
                sequence += 1;
                match op {
                    Op::Schedule(delay) => {
                        let (time, name) = (queue.now() + SimDuration(delay), ids.len() as u32);
                        ids.push(queue.schedule(time, name));
                        model.push((time, sequence, name));
                    }
                    Op::Reschedule(which, delay) if !ids.is_empty() => {
                        let name = which % ids.len();
                        let time = queue.now() + SimDuration(delay);
                        let pending = model.iter_mut().find(|entry| entry.2 == name as u32);
                        prop_assert_eq!(queue.reschedule(ids[name], time), pending.is_some());
                        if let Some(entry) = pending {
                            (entry.0, entry.1) = (time, sequence);
                        }
                    }
                    Op::Cancel(which) if !ids.is_empty() => {
                        let name = which % ids.len();
                        let pending = model.iter().position(|entry| entry.2 == name as u32);
                        prop_assert_eq!(queue.cancel(ids[name]), pending.is_some());
                        if let Some(position) = pending {
                            model.remove(position);
                        }
                    }
                    Op::Pop | Op::Reschedule(..) | Op::Cancel(_) => {
                        model.sort_unstable();
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(queue.pop(), expected.map(|(time, _, name)| (time, name)));
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }

    #[test]
    fn new_sequence_numbers_keep_the_order() {
        let mut queue: EventQueue<u32> = EventQueue {
            next_sequence: SEQUENCES - 3,
            ..EventQueue::default()
        };
        let ids: Vec<_> = (0..6u32)
            .map(|i| queue.schedule(SimTime(7 - i64::from(i % 2)), i))
            .collect();
        queue.next_sequence = SEQUENCES;
        queue.reschedule(ids[1], SimTime(6));
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| event)
            .collect();
        assert_eq!(order, [3, 5, 1, 0, 2, 4]);
    }

    #[test]
    fn an_event_too_many_is_told() {
        let mut queue: EventQueue<()> = EventQueue::default();
        for at in 0..i64::from(MOST_PENDING) {
            queue.schedule(SimTime(at), ());
        }
        assert!(!queue.overflowed());
        let lost = queue.schedule(SimTime(7), ());
        assert!(queue.overflowed() && !queue.is_pending(lost));
        assert!(!queue.cancel(lost) && !queue.reschedule(lost, SimTime(8)));
        assert_eq!(queue.len(), MOST_PENDING as usize);
    }

    #[test]
    #[should_panic(expected = "before now")]
    fn time_never_goes_back() {
        let mut queue: EventQueue<u8> = EventQueue::default();
        queue.schedule(SimTime::from_secs(5), 1);
        queue.pop();
        queue.schedule(SimTime::from_secs(4), 2);
    }
}
