//! ConfigMaps and Secrets: held for those who refer to them; what is in them concerns nobody but
//! kubectl.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::{Context, typed, version_and_kind};
use crate::scenario::node::Node;

/// A ConfigMap or a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigObject {
    /// `kind`.
    pub kind: &'static str,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `immutable`.
    pub immutable: bool,
}

/// Whether a document is a ConfigMap or a Secret.
pub(in crate::scenario) fn is_config(document: &Node) -> bool {
    matches!(version_and_kind(document), ("v1", "ConfigMap" | "Secret"))
}

pub(super) fn config_map(context: &mut Context<'_>) -> Option<ConfigObject> {
    let object: ConfigMap = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    Some(ConfigObject {
        kind: "ConfigMap",
        namespace,
        name,
        immutable: object.immutable == Some(true),
    })
}

pub(super) fn secret(context: &mut Context<'_>) -> Option<ConfigObject> {
    let object: Secret = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    Some(ConfigObject {
        kind: "Secret",
        namespace,
        name,
        immutable: object.immutable == Some(true),
    })
}
