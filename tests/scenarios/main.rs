//! What a user meets: scenario files and what is refused of them, the binary, the shipped scenarios.

#[path = "../common/files.rs"]
mod files;
#[path = "../common/shipped.rs"]
mod shipped;

mod architecture;
mod charts;
mod cli;
mod determinism;
mod documents;
mod extremes;
mod figures;
mod fuzz_parsers;
mod get;
mod guesses;
mod namespaces;
mod refusals;
mod scenario_changes;
mod scenario_model;
mod scenario_objects;
mod scenario_properties;
mod scenario_vpa;
mod shipped_disruption;
mod shipped_nodes;
mod shipped_scenarios;
mod shipped_vpa;
