//! The event queue against the standard library's heap, in the hold model: pop one event,
//! push one a random time later, at a constant number of pending events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use divan::Bencher;
use divan::counter::ItemsCount;
use nlsim::sim::{EventQueue, SimDuration, SimTime, Stream, Streams};

const OPERATIONS: u64 = 1_000_000;
const PENDING: [u64; 4] = [100, 1_000, 10_000, 150_000];

fn main() {
    divan::main();
}

/// Delays drawn beforehand, so that only the queues are measured.
fn delays() -> Vec<SimDuration> {
    let mut stream: Stream = Streams::new(1).stream("hold");
    (0..4096)
        .map(|_| SimDuration((stream.unit() * 1e9) as i64))
        .collect()
}

#[divan::bench(args = PENDING, sample_count = 5, sample_size = 1)]
fn event_queue(bencher: Bencher<'_, '_>, pending: u64) {
    let delays = delays();
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .with_inputs(|| {
            let mut queue: EventQueue<u64> = EventQueue::default();
            for i in 0..pending {
                queue.schedule(SimTime::ZERO + delays[i as usize % delays.len()], i);
            }
            queue
        })
        .bench_local_values(|mut queue| {
            let mut sum = 0u64;
            for i in 0..OPERATIONS {
                if let Some((now, event)) = queue.pop() {
                    sum = sum.wrapping_add(event);
                    queue.schedule(now + delays[i as usize % delays.len()], event);
                }
            }
            (sum, queue)
        });
}

/// The next event is moved instead of popped and pushed: what a server's event does.
#[divan::bench(args = PENDING, sample_count = 5, sample_size = 1)]
fn event_queue_reschedule(bencher: Bencher<'_, '_>, pending: u64) {
    let delays = delays();
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .with_inputs(|| {
            let mut queue: EventQueue<u64> = EventQueue::default();
            let ids: Vec<_> = (0..pending)
                .map(|i| queue.schedule(SimTime::ZERO + delays[i as usize % delays.len()], i))
                .collect();
            (queue, ids)
        })
        .bench_local_values(|(mut queue, ids)| {
            for i in 0..OPERATIONS {
                let which = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % pending;
                queue.reschedule(
                    ids[which as usize],
                    SimTime::ZERO + delays[i as usize % delays.len()],
                );
            }
            queue
        });
}

#[divan::bench(args = PENDING, sample_count = 5, sample_size = 1)]
fn binary_heap(bencher: Bencher<'_, '_>, pending: u64) {
    let delays = delays();
    bencher
        .counter(ItemsCount::new(OPERATIONS))
        .with_inputs(|| {
            let mut heap = BinaryHeap::new();
            for i in 0..pending {
                heap.push(Reverse((
                    SimTime::ZERO + delays[i as usize % delays.len()],
                    i,
                    i,
                )));
            }
            heap
        })
        .bench_local_values(|mut heap| {
            let mut sum = 0u64;
            for i in 0..OPERATIONS {
                if let Some(Reverse((now, _, event))) = heap.pop() {
                    sum = sum.wrapping_add(event);
                    heap.push(Reverse((
                        now + delays[i as usize % delays.len()],
                        pending + i,
                        event,
                    )));
                }
            }
            (sum, heap)
        });
}
