//! Situations that people met on real clusters, run with the real binary: one folder of
//! `tests/cases/inputs` each, and a test that says what must come out.

mod rig;

mod control_plane;
mod first_run;
mod manifests;
mod numbers;
mod robustness;
mod vpa;
mod workloads;
