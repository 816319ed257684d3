//! KEDA's objects. Specs are kept as written; statuses are those of KEDA's core.

use std::sync::Arc;

use serde_json::Value;

use super::meta::ObjectMeta;
use crate::sim::Key;

pub use crate::autoscaler::keda::Status as KedaStatus;

/// A ScaledObject's key.
pub type ScaledObjectId = Key<ScaledObject>;

/// A ScaledObject.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledObject {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// `spec`, as written.
    pub spec: Arc<Value>,
    /// `status`.
    pub status: Arc<KedaStatus>,
}

/// A ScaledJob's key.
pub type ScaledJobId = Key<ScaledJob>;

/// A ScaledJob.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledJob {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// `spec`, as written.
    pub spec: Arc<Value>,
    /// `status`; what concerns HPAs and targets stays empty.
    pub status: Arc<KedaStatus>,
}
