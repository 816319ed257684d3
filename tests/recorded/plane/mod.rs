//! The control plane around the HPA, against recordings of a real one (1.36.2, hollow nodes).

mod rig;

mod controllers;
mod disruption;
mod events;
mod rollouts;
mod scheduling;
mod sync_period;
mod whole_loop;
