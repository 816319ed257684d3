//! Creating pods in batches that double while calls succeed (`slowStartBatch` of
//! `pkg/controller/replicaset/replica_set.go`).

/// The batch that every series begins with (`SlowStartInitialBatchSize`).
pub(crate) const FIRST_BATCH: usize = 1;

/// The size of the batch after one of `size`, when `remaining` calls are left.
pub(crate) fn next_batch(size: usize, remaining: usize) -> usize {
    (2 * size).min(remaining)
}

/// Makes `count` calls batch by batch until one batch has a failure. Returns the calls made
/// and the successes.
pub fn run(count: usize, initial: usize, mut call: impl FnMut(usize) -> bool) -> (usize, usize) {
    let (mut made, mut succeeded) = (0, 0);
    let mut batch = initial.min(count);
    while batch > 0 {
        let good = (made..made + batch).filter(|&index| call(index)).count();
        made += batch;
        succeeded += good;
        if good < batch {
            break;
        }
        batch = next_batch(batch, count - made);
    }
    (made, succeeded)
}
