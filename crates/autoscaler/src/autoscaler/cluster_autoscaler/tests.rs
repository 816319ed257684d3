//! Rules that no recording exercises, and what must hold whatever happens.

mod cluster_state;
mod domains;
mod events;
mod flags;
mod loops;
mod parts;
mod properties;
mod removals;
mod rig;
mod rules;
mod scale_up_work;
