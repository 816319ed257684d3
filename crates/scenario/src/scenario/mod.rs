//! What the user wrote: TOML and Kubernetes manifests, validated into one model.
//!
//! [`Loaded::load`] reads and parses the files once; [`Loaded::build`] makes a [`Scenario`]
//! of them, with overrides if wanted. Every problem of all files is found in one go, with its
//! place and what would be right.

mod admission;
mod diagnostic;
mod embedded;
mod guess;
mod karpenter;
mod loaded;
mod manifest;
pub mod model;
mod monitoring;
mod node;
mod object;
mod overrides;
mod predictive;
mod quoted;
mod read;
mod reader;
mod source;
mod suggest;
mod trigger_source;
mod yaml;

pub use admission::Admission;
pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile};
pub use guess::{GUESSED, Guess};
pub use loaded::{Built, KustomizationParts, Loaded};
pub use manifest::{
    ConfigObject, LimitRangeObject, PriorityClassObject, PriorityExpanderObject, ServiceObject,
    TriggerAuthenticationObject,
};
pub use model::Scenario;
pub use node::Span;
pub use object::{
    Object, Refusal, RefusalReason, check_update, drop_unknown_fields, is_same_object, read_object,
};
pub use source::{FileProvider, InMemory, LARGEST_FILE, Overlay, manifest_text};
pub use suggest::{advice, nearest};
