//! What the user wrote: TOML and Kubernetes manifests, validated into one model.

pub mod model;

pub use model::Scenario;
