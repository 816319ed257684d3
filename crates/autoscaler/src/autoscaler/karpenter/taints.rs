//! Taints of nodes and what pods tolerate.
//!
//! Upstream: `pkg/scheduling/taints.go`, core's `Toleration.ToleratesTaint`.

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Effect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are scheduled there last.
    PreferNoSchedule,
    /// They have to leave.
    NoExecute,
}

/// A taint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Taint {
    /// `key`.
    pub key: String,
    /// `value`.
    #[serde(default)]
    pub value: String,
    /// `effect`.
    pub effect: Effect,
}

/// What a pod tolerates.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
pub struct Toleration {
    /// `key`; every taint's without.
    #[serde(default)]
    pub key: String,
    /// `operator: Exists` instead of `Equal`.
    #[serde(default, rename = "operator", deserialize_with = "exists")]
    pub exists: bool,
    /// `value`.
    #[serde(default)]
    pub value: String,
    /// `effect`; every effect without.
    #[serde(default)]
    pub effect: Option<Effect>,
}

fn exists<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let operator: Option<String> = serde::Deserialize::deserialize(from)?;
    Ok(operator.as_deref() == Some("Exists"))
}

impl Toleration {
    fn covers(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && (self.exists || self.value == taint.value)
    }
}

/// Whether a pod tolerates every taint, those included that only make a node the last choice.
pub fn tolerates(tolerations: &[Toleration], taints: &[Taint]) -> bool {
    taints.iter().all(|taint| {
        tolerations
            .iter()
            .any(|toleration| toleration.covers(taint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_toleration_covers_keys_values_and_effects() {
        let taint: Taint =
            serde_json::from_value(json!({"key": "team", "value": "red", "effect": "NoSchedule"}))
                .unwrap();
        for (toleration, covers) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "team", "operator": "Exists"}), true),
            (json!({"key": "team", "value": "red"}), true),
            (
                json!({"key": "team", "operator": "Equal", "value": "blue"}),
                false,
            ),
            (json!({"key": "other", "operator": "Exists"}), false),
            (
                json!({"key": "team", "operator": "Exists", "effect": "NoExecute"}),
                false,
            ),
        ] {
            let toleration: Toleration = serde_json::from_value(toleration).unwrap();
            assert_eq!(
                tolerates(&[toleration], std::slice::from_ref(&taint)),
                covers
            );
        }
        assert!(!tolerates(&[], &[taint]));
        assert!(tolerates(&[], &[]));
    }
}
