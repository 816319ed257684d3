//! The environment of the target's container, as far as somebody can read it here:
//! `pkg/scaling/resolver/scale_resolvers.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Variables of a container. Secrets and ConfigMaps are not simulated: what comes from one is
/// hidden, and counts as given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    known: BTreeMap<String, String>,
    hidden: BTreeSet<String>,
    /// What the names of variables from whole Secrets and ConfigMaps begin with.
    prefixes: Vec<String>,
}

impl Environment {
    /// `ResolveContainerEnv` for the container of this name in a pod's spec; the first one if no
    /// name is given.
    pub fn resolve(pods: Option<&Value>, container: &str) -> Result<Self, String> {
        let containers = pods.and_then(|pods| pods["containers"].as_array());
        let Some(containers) = containers.filter(|all| !all.is_empty()) else {
            return Ok(Self::default());
        };
        let is_named = |one: &&Value| container.is_empty() || one["name"] == *container;
        let Some(found) = containers.iter().find(is_named) else {
            return Err(format!(
                "couldn't find container with name {container} on Target object"
            ));
        };
        let mut environment = Self::default();
        for whole in found["envFrom"].as_array().into_iter().flatten() {
            if whole["configMapRef"].is_object() || whole["secretRef"].is_object() {
                let prefix = whole["prefix"].as_str().unwrap_or_default();
                environment.prefixes.push(prefix.to_owned());
            }
        }
        for variable in found["env"].as_array().into_iter().flatten() {
            environment.add(variable);
        }
        Ok(environment)
    }

    fn add(&mut self, variable: &Value) {
        let Some(name) = variable["name"].as_str() else {
            return;
        };
        let text = variable["value"].as_str().unwrap_or_default();
        let from = &variable["valueFrom"];
        let value = if text.is_empty() && from.is_object() {
            if !from["secretKeyRef"].is_object() && !from["configMapKeyRef"].is_object() {
                // Fields of the pod and of its resources are left out.
                return;
            }
            None
        } else {
            self.expand(text)
        };
        self.known.remove(name);
        self.hidden.remove(name);
        match value {
            Some(value) => {
                self.known.insert(name.to_owned(), value);
            }
            None => {
                self.hidden.insert(name.to_owned());
            }
        }
    }

    /// `resolveEnvValue`: references to the variables before; none if one of them is hidden.
    fn expand(&self, text: &str) -> Option<String> {
        let mut expanded = String::new();
        let mut rest = text;
        // The last three characters begin no reference.
        while let Some(at) = rest.find('$').filter(|at| at + 3 < rest.len()) {
            expanded.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            rest = match after.as_bytes()[0] {
                b'$' => {
                    expanded.push('$');
                    &after[1..]
                }
                b'(' => {
                    if let Some(end) = after.find(')') {
                        let name = &after[1..end];
                        match self.known.get(name) {
                            Some(value) => expanded.push_str(value),
                            None if self.is_hidden(name) => return None,
                            None => expanded.push_str(&rest[at..=at + 1 + end]),
                        }
                        &after[end + 1..]
                    } else {
                        expanded.push_str("$(");
                        &after[1..]
                    }
                }
                _ => {
                    expanded.push('$');
                    after
                }
            };
        }
        expanded.push_str(rest);
        Some(expanded)
    }

    /// The variables with their values.
    pub const fn known(&self) -> &BTreeMap<String, String> {
        &self.known
    }

    /// Whether a variable is there, or may be, with a value that nobody can read.
    pub fn is_hidden(&self, name: &str) -> bool {
        let mut prefixes = self.prefixes.iter();
        self.hidden.contains(name)
            || (!self.known.contains_key(name) && prefixes.any(|one| name.starts_with(one)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(container: &Value) -> Environment {
        let pods = json!({ "containers": [container] });
        Environment::resolve(Some(&pods), "").expect("a container")
    }

    #[test]
    fn the_named_container_counts_or_the_first() {
        let pods = json!({ "containers": [
            { "name": "a", "env": [{ "name": "X", "value": "1" }] },
            { "name": "b", "env": [
                { "name": "X", "value": "2" },
                { "name": "Y", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
                { "name": "Z", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
            ] },
        ]});
        let first = Environment::resolve(Some(&pods), "").expect("a container");
        assert_eq!(first.known()["X"], "1");
        let named = Environment::resolve(Some(&pods), "b").expect("a container");
        assert_eq!(named.known()["X"], "2");
        assert!(named.is_hidden("Y") && !named.is_hidden("Z"));
        assert_eq!(
            Environment::resolve(Some(&pods), "c"),
            Err("couldn't find container with name c on Target object".to_owned())
        );
    }

    #[test]
    fn whole_secrets_and_config_maps_may_hold_anything_that_has_their_prefix() {
        let environment = of(&json!({
            "name": "a",
            "envFrom": [
                { "secretRef": { "name": "s" }, "prefix": "MQ_" },
            ],
            "env": [{ "name": "MQ_PORT", "value": "5672" }],
        }));
        assert!(environment.is_hidden("MQ_HOST"));
        assert!(!environment.is_hidden("MQ_PORT") && !environment.is_hidden("HOST"));
    }

    #[test]
    fn values_refer_to_variables_before_them() {
        let environment = of(&json!({ "name": "a", "env": [
            { "name": "HOST", "value": "mq" },
            { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
            { "name": "URL", "value": "amqp://$(HOST):5672/$(LATER)" },
            { "name": "SECRET", "value": "http://$(KEY)@mq" },
            { "name": "PLAIN", "value": "$$(HOST) $x $(HOST 1$" },
            { "name": "LATER", "value": "v" },
        ]}));
        assert_eq!(environment.known()["URL"], "amqp://mq:5672/$(LATER)");
        assert_eq!(environment.known()["PLAIN"], "$(HOST) $x $(HOST 1$");
        assert!(environment.is_hidden("SECRET"));
    }
}
