//! The hashes of pod templates: `pod-template-hash` of ReplicaSets, `controller-revision-hash` of
//! StatefulSets and DaemonSets, from the template as the API server keeps it.
//!
//! The first is a checksum of a text that Go's spew package writes of the template with the
//! names of its types, so it hangs on every field that the types of Kubernetes 1.36.2 have, set or
//! not. Collisions are not counted: the hash is that of a `collisionCount` of nothing (0 of a
//! StatefulSet, which has always one).
//!
//! Upstream: `ComputeHash` in `pkg/controller/controller_utils.go`, `pkg/util/hash`,
//! `HashControllerRevision` in `pkg/controller/history`, `getPatch` in `pkg/controller/statefulset`,
//! `SafeEncodeString` in apimachinery's `pkg/util/rand`.

mod go_types;
mod quantity;
mod spew;

use std::fmt::{self, Write};

use serde_json::Value;

/// `pod-template-hash`; of a DaemonSet also `controller-revision-hash`.
pub fn compute_hash(template: &Value) -> String {
    let mut sum = Fnv {
        state: Fnv::BASIS,
        alternate: true,
    };
    match spew::template(&mut sum, template) {
        Ok(()) | Err(fmt::Error) => sum.encoded(),
    }
}

/// `controller-revision-hash` of a StatefulSet, without its name before it: of the patch that
/// restores the template.
pub fn hash_controller_revision(template: &Value) -> String {
    let mut text = String::from("{\"spec\":{\"template\":");
    match template.as_object() {
        Some(fields) => {
            let patch = Value::from("replace");
            let marked = fields.iter().map(|(name, value)| (name.as_str(), value));
            object(&mut text, marked.chain([("$patch", &patch)]).collect());
        }
        None => json(&mut text, template),
    }
    text.push_str("}}0");
    let mut sum = Fnv {
        state: Fnv::BASIS,
        alternate: false,
    };
    match sum.write_str(&text) {
        Ok(()) | Err(fmt::Error) => sum.encoded(),
    }
}

/// JSON as Go's `json.Marshal` writes it: keys in order, and signs escaped that mean something
/// in HTML or JavaScript.
fn json(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
            object(text, fields.collect());
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                json(text, item);
            }
            text.push(']');
        }
        Value::String(_) => escaped(text, value),
        other => text.push_str(&other.to_string()),
    }
}

fn object(text: &mut String, mut fields: Vec<(&str, &Value)>) {
    fields.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (place, (name, value)) in fields.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        escaped(text, &Value::from(name));
        text.push(':');
        json(text, value);
    }
    text.push('}');
}

fn escaped(text: &mut String, string: &Value) {
    for sign in string.to_string().chars() {
        match sign {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
}

/// The checksum FNV-1 of 32 bits, or FNV-1a.
struct Fnv {
    state: u32,
    /// FNV-1a, which takes the byte before it multiplies.
    alternate: bool,
}

impl Fnv {
    const BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;

    /// The sum's decimal digits, in letters that make no words.
    fn encoded(&self) -> String {
        const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        let digits = self.state.to_string();
        let letter = |digit: u8| char::from(LETTERS[usize::from(digit) % LETTERS.len()]);
        digits.bytes().map(letter).collect()
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.state = if self.alternate {
                (self.state ^ u32::from(byte)).wrapping_mul(Self::PRIME)
            } else {
                self.state.wrapping_mul(Self::PRIME) ^ u32::from(byte)
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_checksums_are_those_of_the_fnv_reference() {
        for (alternate, text, expected) in [
            (false, "", 0x811c_9dc5),
            (true, "a", 0xe40c_292c),
            (false, "a", 0x050c_5d7e),
            (true, "foobar", 0xbf9c_f968),
            (false, "foobar", 0x31f0_b262),
        ] {
            let mut sum = Fnv {
                state: Fnv::BASIS,
                alternate,
            };
            sum.write_str(text).expect("it takes everything");
            assert_eq!(sum.state, expected, "{text}");
        }
    }

    #[test]
    fn json_is_go_s() {
        let mut text = String::new();
        json(
            &mut text,
            &json!({"b": ["<a>&\u{2028}\n"], "a": {"d": 1, "c": null}}),
        );
        assert_eq!(
            text,
            r#"{"a":{"c":null,"d":1},"b":["\u003ca\u003e\u0026\u2028\n"]}"#
        );
    }

    #[test]
    fn every_field_counts_and_the_order_of_keys_does_not() {
        let base = json!({"metadata": {"labels": {"app": "web", "tier": "front"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]}});
        let turned = json!({"spec": {"containers": [{"image": "web", "name": "web"}]},
            "metadata": {"labels": {"tier": "front", "app": "web"}}});
        assert_eq!(compute_hash(&base), compute_hash(&turned));
        assert_eq!(
            hash_controller_revision(&base),
            hash_controller_revision(&turned)
        );
        for (pointer, value) in [
            ("/metadata/annotations", json!({"a": "b"})),
            ("/spec/hostNetwork", json!(true)),
            ("/spec/securityContext", json!({})),
            ("/spec/volumes", json!([{"name": "tmp", "emptyDir": {}}])),
            ("/spec/containers/0/ports", json!([{"containerPort": 80}])),
            (
                "/spec/containers/0/livenessProbe",
                json!({"httpGet": {"port": "http"}}),
            ),
        ] {
            let mut other = base.clone();
            let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
            other.pointer_mut(parent).expect("it is there")[field] = value;
            assert_ne!(compute_hash(&base), compute_hash(&other), "{pointer}");
        }
    }
}
