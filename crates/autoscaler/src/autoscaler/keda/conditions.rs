//! Conditions of ScaledObjects and ScaledJobs: `condition_types.go`.

/// `True`, `False` or `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConditionStatus {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl ConditionStatus {
    /// Kubernetes' word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The object is correct.
    Ready,
    /// A trigger is active.
    Active,
    /// A trigger is replaced by its fallback.
    Fallback,
    /// Scaling is paused.
    Paused,
    /// The HPA's `ScalingActive`.
    HpaActive,
}

impl ConditionType {
    /// Upstream's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Active => "Active",
            Self::Fallback => "Fallback",
            Self::Paused => "Paused",
            Self::HpaActive => "HPAActive",
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which one.
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

/// Conditions in the order in which they were first set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// What a new object gets: nothing is known, nothing is paused.
    pub fn initialized() -> Self {
        let mut conditions = Self::default();
        for kind in [
            ConditionType::Ready,
            ConditionType::Active,
            ConditionType::Fallback,
        ] {
            conditions.set(kind, ConditionStatus::Unknown, "", "");
        }
        conditions.set(ConditionType::Paused, ConditionStatus::False, "", "");
        conditions
    }

    /// Sets a condition.
    pub fn set(
        &mut self,
        kind: ConditionType,
        status: ConditionStatus,
        reason: &str,
        message: impl Into<String>,
    ) {
        let condition = Condition {
            kind,
            status,
            reason: reason.to_owned(),
            message: message.into(),
        };
        match self.0.iter_mut().find(|known| known.kind == kind) {
            Some(known) => *known = condition,
            None => self.0.push(condition),
        }
    }

    /// Sets every condition of another list.
    pub fn apply(&mut self, others: &Self) {
        for condition in &others.0 {
            let Condition {
                kind,
                status,
                reason,
                message,
            } = condition;
            self.set(*kind, *status, reason, message.as_str());
        }
    }

    /// A condition, if it was ever set.
    pub fn get(&self, kind: ConditionType) -> Option<&Condition> {
        self.0.iter().find(|known| known.kind == kind)
    }

    /// A condition's status; unknown if it was never set.
    pub fn status(&self, kind: ConditionType) -> ConditionStatus {
        self.get(kind)
            .map_or(ConditionStatus::Unknown, |known| known.status)
    }

    /// Every condition.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }
}
