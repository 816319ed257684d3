//! Instance types and prices: a dated table that is built in, and others of its form.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::sim::SimTime;
use crate::units::{Bytes, Millicores, Usd};

const BUILT_IN: &str = include_str!("prices.toml");

/// An instance type.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "InstanceTypeToml")]
pub struct InstanceType {
    /// Name.
    pub name: String,
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// Per hour.
    pub on_demand: Usd,
    /// Per hour, of preemptible nodes.
    pub spot: Usd,
}

#[derive(Deserialize)]
struct InstanceTypeToml {
    name: String,
    vcpu: f64,
    memory_gib: f64,
    on_demand: f64,
    spot: Option<f64>,
}

impl From<InstanceTypeToml> for InstanceType {
    fn from(row: InstanceTypeToml) -> Self {
        Self {
            name: row.name,
            cpu: Millicores((row.vcpu * 1000.0).round() as i64),
            memory: Bytes((row.memory_gib * (1u64 << 30) as f64).round() as i64),
            on_demand: Usd(row.on_demand),
            spot: Usd(row.spot.unwrap_or(row.on_demand)),
        }
    }
}

/// A table of prices in US dollars.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct PriceTable {
    /// The day that the prices are of.
    #[serde(default)]
    pub as_of: String,
    /// Instance types.
    #[serde(default, rename = "instance_type")]
    pub instance_types: Vec<InstanceType>,
}

impl PriceTable {
    /// The table that is built in: examples, dated and sourced in its file.
    pub fn built_in() -> &'static Self {
        static TABLE: LazyLock<PriceTable> =
            LazyLock::new(|| PriceTable::read(BUILT_IN).unwrap_or_default());
        &TABLE
    }

    /// Reads a table of the same form.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// An instance type by its name.
    pub fn instance_type(&self, name: &str) -> Option<&InstanceType> {
        self.instance_types.iter().find(|kind| kind.name == name)
    }
}

/// Who bills pods by their requests, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodBilling {
    /// For what they request.
    #[default]
    AsRequested,
    /// AWS Fargate: for its sizes.
    Fargate,
    /// GKE Autopilot: in its steps.
    Autopilot,
    /// GKE Autopilot where pods may burst.
    AutopilotBursting,
}

impl PodBilling {
    /// Their names.
    pub const NAMES: [&'static str; 4] = [
        "as-requested",
        "fargate",
        "gke-autopilot",
        "gke-autopilot-bursting",
    ];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::AsRequested,
            Self::Fargate,
            Self::Autopilot,
            Self::AutopilotBursting,
        ];
        let place = Self::NAMES.iter().position(|other| *other == name)?;
        Some(all[place])
    }

    /// Whether it is GKE's, whose compute classes have prices of their own.
    pub fn is_autopilot(self) -> bool {
        matches!(self, Self::Autopilot | Self::AutopilotBursting)
    }
}

/// Who pays for what is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdlePayer {
    /// Nobody: it is told by itself.
    #[default]
    Separate,
    /// Those who take of the nodes, each by what it pays of the same resource.
    Weighted,
    /// Their namespaces, each the same.
    Even,
}

impl IdlePayer {
    /// The names of all of them.
    pub const NAMES: [&'static str; 3] = ["separate", "weighted", "even"];

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Separate, Self::Weighted, Self::Even];
        let mut named = Self::NAMES.into_iter().zip(all);
        named.find(|one| one.0 == name).map(|one| one.1)
    }
}

/// What is paid for in advance.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitmentSpec {
    /// Its name.
    pub name: String,
    /// What it covers and costs.
    pub terms: CommitmentTerms,
    /// When it begins.
    pub from: SimTime,
    /// When it is over, if it ends.
    pub until: Option<SimTime>,
}

/// What a commitment covers and costs.
#[derive(Debug, Clone, PartialEq)]
pub enum CommitmentTerms {
    /// Nodes of a group.
    Group {
        /// The group.
        name: String,
        /// How many nodes.
        count: u32,
        /// Per hour and node.
        price: Usd,
    },
    /// Capacity for nodes of an instance type, paid for at its price where no node uses it.
    Reservation {
        /// The type.
        name: String,
        /// For how many nodes.
        count: u32,
        /// Per hour and node.
        price: Usd,
    },
    /// Nodes of an instance type.
    InstanceType {
        /// The type.
        name: String,
        /// How many nodes.
        count: u32,
        /// Per hour and node.
        price: Usd,
    },
    /// Nodes on demand at lower prices.
    Spend {
        /// Per hour.
        rate: Usd,
        /// What prices are lower by, from 0 to 1.
        discount: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_is_built_in_reads() {
        let table = PriceTable::read(BUILT_IN).expect("a table");
        assert_eq!(PriceTable::built_in(), &table);
        assert_eq!(table.as_of, "2026-01-19");
        assert_eq!(table.instance_types.len(), 33);
        let large = table.instance_type("m5.large").expect("known");
        assert_eq!(
            (large.cpu, large.memory),
            (Millicores(2000), Bytes(8 << 30))
        );
        assert_eq!((large.on_demand, large.spot), (Usd(0.096), Usd(0.0336)));
        let odd = table.instance_type("n1-standard-1").expect("known");
        assert_eq!(odd.memory, Bytes(15 << 28));
        assert!(table.instance_type("m5").is_none());
    }

    #[test]
    fn a_type_without_a_spot_price_costs_the_same() {
        let row = "[[instance_type]]\nname = \"own\"\nvcpu = 1.5\nmemory_gib = 2\non_demand = 0.5";
        let table = PriceTable::read(row).expect("a table");
        let own = &table.instance_types[0];
        assert_eq!((own.cpu, own.spot), (Millicores(1500), Usd(0.5)));
    }
}
