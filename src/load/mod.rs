//! Who sends work, and when: the load tools people know, and declared profiles.

pub mod spec;
