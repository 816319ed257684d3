//! Autoscalers as objects. Their spec and status are those of the controllers' cores.

use std::fmt;
use std::sync::Arc;

use super::meta::ObjectMeta;
use crate::autoscaler::hpa::{HpaSpec, Status};
use crate::autoscaler::vpa::recommender::Condition;
use crate::autoscaler::vpa::{Recommendation, VpaSpec};
use crate::sim::Key;

/// A HorizontalPodAutoscaler's key.
pub type HpaId = Key<HorizontalPodAutoscaler>;

/// A reference to an object by kind and name in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrossVersionObjectReference {
    /// `apiVersion`: group and version.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
}

impl CrossVersionObjectReference {
    /// The API group of `apiVersion`; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }
}

impl fmt::Display for CrossVersionObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A HorizontalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizontalPodAutoscaler {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// `spec.scaleTargetRef`.
    pub target: CrossVersionObjectReference,
    /// The rest of `spec`, completed.
    pub spec: Arc<HpaSpec>,
    /// `status`.
    pub status: Arc<Status>,
}

/// A VerticalPodAutoscaler's key.
pub type VpaId = Key<VerticalPodAutoscaler>;

/// A VerticalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct VerticalPodAutoscaler {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// `spec.targetRef`.
    pub target: CrossVersionObjectReference,
    /// The rest of `spec`, completed.
    pub spec: Arc<VpaSpec>,
    /// `status`.
    pub status: Arc<VpaStatus>,
}

/// `status` of a VerticalPodAutoscaler.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaStatus {
    /// `recommendation.containerRecommendations`.
    pub recommendations: Vec<Recommendation>,
    /// `conditions`.
    pub conditions: Vec<Condition>,
}
