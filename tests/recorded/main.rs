//! Against recordings of the real systems, every step of them.

mod common;

mod cluster_autoscaler;
mod hpa;
mod keda;
mod kubectl_changes;
mod kubectl_commands;
mod kubectl_tables;
mod load;
mod plane;
mod predictive;
mod prometheus;
mod reports;
mod substrate;
mod vpa_admission;
mod vpa_recommender;
mod vpa_updater;
mod yaml;
