//! What a pod does with work: processor sharing, slots, backlog, memory.

pub mod spec;
