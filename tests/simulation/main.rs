//! What the simulated cluster, its controllers, its loads and its metrics do, through the library.

mod cluster_rig;
#[path = "../common/files.rs"]
mod files;
mod keda_rig;
mod rollout_rig;
#[path = "../common/shipped.rs"]
mod shipped;
mod stateful_rig;
mod traffic_rig;

mod actions;
mod adapter;
mod bare_pods;
mod calls;
mod cluster;
mod cluster_autoscaler;
mod concurrency;
mod controllers;
mod cron_jobs;
mod daemon_sets;
mod descriptions;
mod exporters;
mod folding;
#[cfg(debug_assertions)]
mod growth;
mod housekeeping;
mod hpa_failures;
mod image_locality;
mod jobs;
mod karpenter;
mod keda;
mod keda_jobs;
mod keda_lives;
mod keda_queues;
mod keda_rules;
mod keda_shown;
mod keda_sources;
mod keda_spec;
mod load_reports;
mod load_scripts;
mod looking_commands;
mod metrics_delays;
mod money;
mod node_commands;
mod node_pressure;
mod node_shutdown;
mod nodes;
mod one_by_one;
mod owners;
mod ownership;
mod peers;
mod prediction;
mod probes;
mod prometheus;
mod prometheus_rules;
mod queueing;
mod queues;
mod rollout_properties;
mod rollout_status;
mod rollouts;
mod sidecars;
mod state_at_any_time;
mod stateful_rollouts;
mod stateful_sets;
mod templates;
mod traffic;
