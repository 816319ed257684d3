//! The event queue: an indexed 4-ary heap in a total order.
//!
//! Events come out ordered by (time, sequence number), so events of one instant come in
//! the order in which they were scheduled. `schedule`, `reschedule`, `cancel` and `pop`
//! cost O(log n) in the number of *pending* events; a cancelled event leaves at once, so
//! "one pending event per active thing" holds exactly and nothing stale is ever popped.

use super::{SimDuration, SimTime};

const ARITY: usize = 4;
const NOT_QUEUED: u32 = u32::MAX;

/// A scheduled event, to reschedule or cancel it. Stale after the event was popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    slot: u32,
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    time: SimTime,
    sequence: u64,
    slot: u32,
}

impl Entry {
    fn before(&self, other: &Self) -> bool {
        (self.time, self.sequence) < (other.time, other.sequence)
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
    heap: Vec<Entry>,
    slots: Vec<Slot<E>>,
    free: Vec<u32>,
    now: SimTime,
    next_sequence: u64,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            now: SimTime::ZERO,
            next_sequence: 0,
        }
    }
}

impl<E: Copy> EventQueue<E> {
    /// The time of the event popped last.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// How many events were ever scheduled or rescheduled.
    pub fn scheduled(&self) -> u64 {
        self.next_sequence
    }

    /// The time of the next event.
    pub fn peek_time(&self) -> Option<SimTime> {
        self.heap.first().map(|entry| entry.time)
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
            let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 pending events");
            self.slots.push(Slot {
                event,
                generation: 0,
                position: NOT_QUEUED,
            });
            slot
        };
        let entry = Entry {
            time,
            sequence: self.take_sequence(),
            slot,
        };
        self.heap.push(entry);
        self.sift_up(self.heap.len() - 1, entry);
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
        let Some(position) = self.position(id) else {
            return false;
        };
        let entry = Entry {
            time,
            sequence: self.take_sequence(),
            slot: id.slot,
        };
        if entry.before(&self.heap[position]) {
            self.sift_up(position, entry);
        } else {
            self.sift_down(position, entry);
        }
        true
    }

    /// Removes a pending event. Returns false if it is no longer pending.
    pub fn cancel(&mut self, id: EventId) -> bool {
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
        let first = *self.heap.first()?;
        let event = self.slots[first.slot as usize].event;
        self.release(first.slot);
        self.remove_at(0);
        self.now = first.time;
        Some((first.time, event))
    }

    fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
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
        let last = self.heap.pop().expect("a position lies inside the heap");
        if position == self.heap.len() {
            return;
        }
        if position > 0 && last.before(&self.heap[(position - 1) / ARITY]) {
            self.sift_up(position, last);
        } else {
            self.sift_down(position, last);
        }
    }

    fn place(&mut self, position: usize, entry: Entry) {
        self.heap[position] = entry;
        self.slots[entry.slot as usize].position = position as u32;
    }

    fn sift_up(&mut self, mut position: usize, entry: Entry) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if !entry.before(&self.heap[parent]) {
                break;
            }
            let moved = self.heap[parent];
            self.place(position, moved);
            position = parent;
        }
        self.place(position, entry);
    }

    fn sift_down(&mut self, mut position: usize, entry: Entry) {
        loop {
            let first = position * ARITY + 1;
            if first >= self.heap.len() {
                break;
            }
            let last = (first + ARITY).min(self.heap.len());
            let mut least = first;
            for child in first + 1..last {
                if self.heap[child].before(&self.heap[least]) {
                    least = child;
                }
            }
            if !self.heap[least].before(&entry) {
                break;
            }
            let moved = self.heap[least];
            self.place(position, moved);
            position = least;
        }
        self.place(position, entry);
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
    #[should_panic(expected = "before now")]
    fn time_never_goes_back() {
        let mut queue: EventQueue<u8> = EventQueue::default();
        queue.schedule(SimTime::from_secs(5), 1);
        queue.pop();
        queue.schedule(SimTime::from_secs(4), 2);
    }
}
