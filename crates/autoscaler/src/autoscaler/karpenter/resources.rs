//! Amounts of resources by name.
//!
//! Upstream: `pkg/utils/resources`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::units::{Bytes, Millicores, Quantity, QuantityError};

/// CPU.
pub const CPU: &str = "cpu";
/// Memory.
pub const MEMORY: &str = "memory";
/// Pods.
pub const PODS: &str = "pods";
/// Nodes, which only limits speak of.
pub const NODES: &str = "nodes";

/// Amounts in billionths of their unit: of a core, of a byte, of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources(BTreeMap<String, i128>);

impl Resources {
    /// CPU and memory.
    pub fn of(cpu: Millicores, memory: Bytes) -> Self {
        let mut resources = Self::default();
        resources.set(CPU, Quantity::from_millicores(cpu));
        resources.set(MEMORY, Quantity::from_bytes(memory));
        resources
    }

    /// An object of quantities; none if it is missing.
    pub fn read(object: &Value) -> Result<Self, QuantityError> {
        let mut resources = Self::default();
        for (name, amount) in object.as_object().into_iter().flatten() {
            let text = match amount {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            resources.set(name, text.parse()?);
        }
        Ok(resources)
    }

    /// States an amount.
    pub fn set(&mut self, name: &str, amount: Quantity) {
        self.0.insert(name.to_owned(), amount.nanos());
    }

    /// The same with so many pods.
    #[must_use]
    pub fn with_pods(mut self, pods: i64) -> Self {
        self.set(
            PODS,
            Quantity::from_units(pods, crate::units::QuantityFormat::DecimalSi),
        );
        self
    }

    /// An amount, 0 if none is stated.
    pub fn get(&self, name: &str) -> i128 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// An amount, if it is stated.
    pub fn stated(&self, name: &str) -> Option<i128> {
        self.0.get(name).copied()
    }

    /// Adds amounts.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    /// Takes amounts off, of the resources that are stated here.
    pub fn subtract(&mut self, other: &Self) {
        for (name, amount) in &mut self.0 {
            *amount -= other.get(name);
        }
    }

    /// The larger amount of each resource.
    pub fn raise_to(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let own = self.0.entry(name.clone()).or_insert(*amount);
            *own = (*own).max(*amount);
        }
    }

    /// The smaller amount of each resource that both state.
    #[must_use]
    pub fn least(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(name, amount)| {
            let other = other.stated(name)?;
            Some((name.clone(), *amount.min(&other)))
        });
        Self(both.collect())
    }

    /// The amounts by name, in billionths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i128)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// No amount below 0.
    pub fn clamp(&mut self) {
        for amount in self.0.values_mut() {
            *amount = (*amount).max(0);
        }
    }

    /// Whether these fit in what there is, of which nothing may be below 0.
    pub fn fit_in(&self, total: &Self) -> bool {
        total.0.values().all(|amount| *amount >= 0)
            && self
                .0
                .iter()
                .all(|(name, amount)| *amount <= total.get(name))
    }

    /// Whether each amount that a limit speaks of is within it.
    pub fn are_within(&self, limits: &Self) -> bool {
        limits
            .0
            .iter()
            .all(|(name, limit)| self.get(name) <= *limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_fit_and_limits_hold() {
        let read = |value: Value| Resources::read(&value).unwrap();
        let total = read(json!({"cpu": 2, "memory": "4Gi", "pods": "10"}));
        assert!(read(json!({"cpu": "1900m", "memory": "4096Mi"})).fit_in(&total));
        assert!(!read(json!({"cpu": "2001m"})).fit_in(&total));
        assert!(!read(json!({"nvidia.com/gpu": 1})).fit_in(&total));
        assert!(!read(json!({})).fit_in(&read(json!({"cpu": "-1m"}))));
        assert!(total.are_within(&read(json!({"cpu": 2, "nodes": 0}))));
        assert!(!total.are_within(&read(json!({"cpu": "1999m"}))));
        let mut left = read(json!({"cpu": "1"}));
        left.subtract(&total);
        assert_eq!(left, read(json!({"cpu": "-1"})));
        left.clamp();
        assert_eq!(left, read(json!({"cpu": 0})));
    }
}
