//! What a cluster consists of before there are objects: parameters only.

pub mod allocatable;
pub mod eviction;
pub mod prices;
pub mod spec;
