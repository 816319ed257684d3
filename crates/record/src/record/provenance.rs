//! Provenance: everything needed to reproduce a result.

use std::sync::Arc;

/// Version of the output format; it grows with every change that readers notice.
pub const SCHEMA: u32 = 1;

/// What went into a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The scenario's name.
    pub scenario: String,
    /// The seed of the run.
    pub seed: u64,
    /// The release of Kubernetes whose rules applied, such as `1.36`.
    pub kubernetes: String,
    /// The scenario and every file that it names, in the order in which they were read.
    pub files: Vec<SourceText>,
    /// Values that were replaced, in order: path and value.
    pub set: Vec<(String, String)>,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// Its path from the scenario's folder.
    pub path: String,
    /// Its text; of traces and histories, which may be large, only the next two are kept.
    pub text: Option<Arc<str>>,
    /// Its length in bytes.
    pub bytes: u64,
    /// FNV-1a of its bytes, 64 bits.
    pub fnv1a: u64,
}
