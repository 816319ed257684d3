//! Creating pods in batches that double while calls succeed (`slowStartBatch` of
//! `pkg/controller/replicaset/replica_set.go`).

/// Sizes of the batches for `count` calls: 1, 2, 4 … the rest.
pub fn batches(count: usize, initial: usize) -> impl Iterator<Item = usize> {
    let mut remaining = count;
    let mut size = initial.max(1);
    std::iter::from_fn(move || {
        let batch = size.min(remaining);
        remaining -= batch;
        size = batch * 2;
        (batch > 0).then_some(batch)
    })
}

/// Makes `count` calls batch by batch until one batch has a failure. Returns the calls made
/// and the successes.
pub fn run(count: usize, initial: usize, mut call: impl FnMut(usize) -> bool) -> (usize, usize) {
    let (mut made, mut succeeded) = (0, 0);
    for batch in batches(count, initial) {
        let good = (made..made + batch).filter(|&index| call(index)).count();
        made += batch;
        succeeded += good;
        if good < batch {
            break;
        }
    }
    (made, succeeded)
}
