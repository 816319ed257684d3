//! Which object, and which version of it, a patch means.

use serde_json::Value;

use super::targets::Target;
use crate::world::Simulation;

impl Simulation<'_> {
    /// As [`check_identity`], with the UID and the version that the store has of an object: a patch may
    /// name them as what it expects (`ValidateObjectMetaUpdate`).
    pub(super) fn check_identity(
        &self,
        target: &Target,
        live: &Value,
        changed: &mut Value,
    ) -> Result<(), String> {
        let meta = self
            .target_object(target)
            .and_then(|id| self.store.meta(id));
        if let Some(meta) = meta.filter(|_| live["metadata"]["uid"].is_null()) {
            let (uid, version) = (meta.uid.to_string(), meta.resource_version.to_string());
            let mut metadata = changed["metadata"].as_object_mut();
            let mut take = |field: &str| metadata.as_mut()?.shift_remove(field);
            let mut named = |field: &str| take(field).filter(|one| one.as_str() != Some(""));
            let (asked_uid, asked_version) = (named("uid"), named("resourceVersion"));
            if let Some(asked) = asked_uid.filter(|asked| *asked != *uid) {
                return Err(format!(
                    "The {} \"{}\" is invalid: metadata.uid: Invalid value: {asked}: field is immutable",
                    target.kind.kind, target.name
                ));
            }
            if asked_version.is_some_and(|asked| asked != *version) {
                return Err(conflict(target));
            }
        }
        check_identity(target, live, changed)
    }
}

/// What the API server says of an update of another version.
fn conflict(target: &Target) -> String {
    format!(
        "Error from server (Conflict): Operation cannot be fulfilled on {} \"{}\": the object has been \
         modified; please apply your changes to the latest version and try again",
        target.kind.resource(),
        target.name
    )
}

/// A patch changes no other object than that of its URL, in no other version than that which it
/// names (`checkName`).
fn check_identity(target: &Target, live: &Value, changed: &Value) -> Result<(), String> {
    let text = |of: &Value, key: &str| of["metadata"][key].as_str().unwrap_or_default().to_owned();
    let bad = |words: String| Err(format!("Error from server (BadRequest): {words}"));
    let (name, namespace) = (text(changed, "name"), text(changed, "namespace"));
    if !name.is_empty() && name != target.name {
        return bad(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        ));
    }
    if !namespace.is_empty() && namespace != text(live, "namespace") {
        return bad(format!(
            "the namespace of the object ({namespace}) does not match the namespace on the request ({})",
            target.namespace
        ));
    }
    if text(changed, "resourceVersion") != text(live, "resourceVersion") {
        return Err(conflict(target));
    }
    Ok(())
}
