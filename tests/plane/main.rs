//! The control plane around the HPA, against recordings of a real one (1.36.2, hollow nodes).

#[path = "../common/mod.rs"]
mod common;
mod rig;

mod controllers;
mod events;
mod sync_period;
mod whole_loop;
