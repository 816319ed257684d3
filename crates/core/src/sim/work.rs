//! Work counted: how many values a run looks at. Tests hold the count against the size of a
//! scenario; a scan where a look-up belongs makes it grow faster.
//!
//! Only builds with debug assertions count; in others nothing is left of it.

#[cfg(debug_assertions)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts values that are looked at, on this thread.
#[inline]
pub fn count(values: usize) {
    #[cfg(debug_assertions)]
    LOOKED_AT.with(|count| count.set(count.get() + values as u64));
    #[cfg(not(debug_assertions))]
    let _ = values;
}

/// How many values this thread has looked at since the last call; 0 where nobody counts.
pub fn take() -> u64 {
    #[cfg(debug_assertions)]
    return LOOKED_AT.with(std::cell::Cell::take);
    #[cfg(not(debug_assertions))]
    0
}
