//! The only place that knows all subsystems: it owns their state and carries events,
//! effects and observations between them. It moves data and decides nothing.

pub mod traffic;
