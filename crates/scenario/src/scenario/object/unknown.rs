//! Fields that a kind does not have: `kubectl patch` only warns of them.

use serde_json::Value;

use super::value::to_node;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::{Context, UNKNOWN_FIELD, read_document};
use crate::scenario::node::{Step, parse_path};

/// Takes the fields away that the kind does not have, as decoding does where it is not strict.
/// Returns them as the API server calls them: `unknown field "spec.replica"`.
pub fn drop_unknown_fields(value: &mut Value) -> Vec<String> {
    let document = to_node(value);
    let mut diagnostics = Diagnostics::default();
    let context = &mut Context {
        document: &document,
        diagnostics: &mut diagnostics,
    };
    // What else is wrong is told when the object is stored.
    let _ = read_document(context);
    let unknown = diagnostics.list.iter();
    let unknown = unknown.filter(|one| one.label == UNKNOWN_FIELD);
    unknown
        .map(|one| {
            if let Some(path) = one.title.split('`').nth(1) {
                remove(value, &parse_path(path));
            }
            one.title.replace('`', "\"")
        })
        .collect()
}

fn remove(value: &mut Value, path: &[Step]) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let mut at = value;
    for step in way {
        let next = match step {
            Step::Key(key) | Step::Name(key) => at.get_mut(key),
            Step::Index(index) => at.get_mut(index),
        };
        let Some(next) = next else { return };
        at = next;
    }
    if let (Step::Key(key) | Step::Name(key), Value::Object(entries)) = (last, at) {
        entries.shift_remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_go_and_the_rest_stays() {
        let mut value = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "nam": 1},
            "spec": {"foo": 1, "selector": {}, "template": {"spec": {"containers": [
                {"name": "web", "a.b": 1, "image": "web"}]}}},
        });
        let told = drop_unknown_fields(&mut value);
        let expected = [
            "unknown field \"metadata.nam\"",
            "unknown field \"spec.foo\"",
            "unknown field \"spec.template.spec.containers[0][a.b]\"",
        ];
        assert_eq!(told, expected);
        assert_eq!(
            value,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"selector": {}, "template": {"spec": {"containers": [
                    {"name": "web", "image": "web"}]}}},
            })
        );
        assert_eq!(drop_unknown_fields(&mut value), Vec::<String>::new());
    }
}
