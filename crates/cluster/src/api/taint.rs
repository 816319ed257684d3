//! Taints of nodes, and what pods tolerate.

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaintEffect {
    /// They are not scheduled to the node.
    NoSchedule,
    /// They are scheduled to it only if there is no other.
    PreferNoSchedule,
    /// They are not scheduled to it, and evicted from it.
    NoExecute,
}

impl TaintEffect {
    /// All effects.
    pub const ALL: [Self; 3] = [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute];

    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

/// A node's taint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// `key`.
    pub key: String,
    /// `value`; may be empty.
    pub value: String,
    /// `effect`.
    pub effect: TaintEffect,
}

impl Taint {
    /// A taint without a value.
    pub fn of(key: &str, effect: TaintEffect) -> Self {
        Self {
            key: key.to_owned(),
            value: String::new(),
            effect,
        }
    }
}

/// An item of a pod's `spec.tolerations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// `key`; an empty one is every key.
    pub key: String,
    /// `value`; none for the operator Exists.
    pub value: Option<String>,
    /// `effect`; every effect if it is left out.
    pub effect: Option<TaintEffect>,
    /// `tolerationSeconds`.
    pub seconds: Option<i64>,
}

impl Toleration {
    /// Whether it is about the same as another, for however long (`MatchToleration`).
    pub fn matches(&self, other: &Self) -> bool {
        (&self.key, &self.value, self.effect) == (&other.key, &other.value, other.effect)
    }

    /// Whether it tolerates a taint (`ToleratesTaint`).
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && self
                .value
                .as_ref()
                .is_none_or(|value| *value == taint.value)
    }
}

/// The taints with an effect that are not tolerated.
pub fn untolerated<'a>(
    taints: &'a [Taint],
    tolerations: &'a [Toleration],
    has_effect: impl Fn(TaintEffect) -> bool + 'a,
) -> impl Iterator<Item = &'a Taint> {
    let is_tolerated = |taint: &Taint| tolerations.iter().any(|one| one.tolerates(taint));
    let of_effect = taints.iter().filter(move |taint| has_effect(taint.effect));
    of_effect.filter(move |taint| !is_tolerated(taint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toleration(key: &str, value: Option<&str>, effect: Option<TaintEffect>) -> Toleration {
        Toleration {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            effect,
            seconds: None,
        }
    }

    #[test]
    fn keys_values_and_effects_have_to_fit() {
        let taint = Taint {
            key: "dedicated".to_owned(),
            value: "batch".to_owned(),
            effect: TaintEffect::NoSchedule,
        };
        let no_execute = Some(TaintEffect::NoExecute);
        for (one, tolerates) in [
            (toleration("dedicated", Some("batch"), None), true),
            (toleration("dedicated", Some("web"), None), false),
            (toleration("dedicated", None, None), true),
            (
                toleration("dedicated", None, Some(TaintEffect::NoSchedule)),
                true,
            ),
            (toleration("dedicated", None, no_execute), false),
            (toleration("other", None, None), false),
            (toleration("", None, None), true),
        ] {
            assert_eq!(one.tolerates(&taint), tolerates, "{one:?}");
        }
        let tolerated = [toleration("dedicated", None, None)];
        let taints = [taint];
        assert_eq!(untolerated(&taints, &tolerated, |_| true).count(), 0);
        assert_eq!(untolerated(&taints, &[], |_| true).count(), 1);
    }
}
