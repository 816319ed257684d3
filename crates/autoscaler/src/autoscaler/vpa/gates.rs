//! Feature gates.

use std::str::FromStr;

/// The feature gates of the three components that decisions depend on, all alpha and off by
/// default (`pkg/features/versioned_features.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureGates {
    /// `InPlace`: the updater acts on VPAs in that mode.
    pub in_place: bool,
    /// `PerVPAConfig`: VPAs set for themselves what flags set for all.
    pub per_vpa_config: bool,
    /// `CPUStartupBoost`: containers get more CPU while they start.
    pub cpu_startup_boost: bool,
}

/// Why the text of a flag `feature-gates` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// An item is no `NAME=true` or `NAME=false`.
    #[error("\"{0}\" is not a gate with true or false")]
    Form(String),
    /// The components have no such gate.
    #[error("unknown feature gate \"{0}\"")]
    Unknown(String),
}

impl FeatureGates {
    /// The names of all gates; `AllAlpha` stands for all of them.
    pub const NAMES: [&'static str; 4] = ["AllAlpha", "CPUStartupBoost", "InPlace", "PerVPAConfig"];

    /// Sets the gates that the text of a flag `feature-gates` names, as in
    /// `CPUStartupBoost=true,InPlace=false`.
    pub fn set(&mut self, text: &str) -> Result<(), GateError> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let mut read = Vec::new();
        for item in items {
            let form = || GateError::Form(item.to_owned());
            let (name, value) = item.split_once('=').ok_or_else(form)?;
            let value = bool::from_str(value.trim()).map_err(|_| form())?;
            let name = name.trim();
            if !Self::NAMES.contains(&name) {
                return Err(GateError::Unknown(name.to_owned()));
            }
            read.push((name, value));
        }
        // A gate's own value comes before that of its stage.
        read.sort_by_key(|(name, _)| *name != "AllAlpha");
        for (name, value) in read {
            for (gate, place) in [
                ("InPlace", &mut self.in_place),
                ("PerVPAConfig", &mut self.per_vpa_config),
                ("CPUStartupBoost", &mut self.cpu_startup_boost),
            ] {
                if name == gate || name == "AllAlpha" {
                    *place = value;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_set_by_name_and_own_values_come_first() {
        let mut gates = FeatureGates::default();
        assert_eq!(gates.set("InPlace=false, AllAlpha=true"), Ok(()));
        assert!(!gates.in_place && gates.per_vpa_config && gates.cpu_startup_boost);
        let unknown = gates.set("InPlaceOrRecreate=true");
        assert_eq!(
            unknown,
            Err(GateError::Unknown("InPlaceOrRecreate".to_owned()))
        );
        assert_eq!(
            gates.set("InPlace=yes"),
            Err(GateError::Form("InPlace=yes".to_owned()))
        );
    }
}
