//! The control plane around the HPA, against recordings of a real one (1.36.2, hollow nodes).

mod rig;

mod bare_pods;
mod controllers;
mod disruption;
mod events;
mod evictions;
mod hashes;
mod rollouts;
mod scheduling;
mod sync_period;
mod tables;
mod texts;
mod whole_loop;
