//! What a pod does with work: processor sharing, slots, backlog, memory.

mod figures;
pub mod spec;

pub use figures::{ServerLimits, Usage};
