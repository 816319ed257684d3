//! Example instance types with their prices, built in; a scenario can state its own.
//!
//! On-demand and spot prices per hour in US dollars: AWS us-east-1 list as of 2026-01-19 (AWS
//! has no spot list; its spot column is 35 % of on-demand), Google Cloud as in Cluster
//! Autoscaler 1.36.1's table, changed last on 2025-10-28.

/// An instance type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct InstanceType {
    pub(super) name: &'static str,
    pub(super) cores: i64,
    pub(super) memory_gib: i64,
    pub(super) on_demand: f64,
    pub(super) spot: f64,
}

const fn of(
    name: &'static str,
    cores: i64,
    memory_gib: i64,
    on_demand: f64,
    spot: f64,
) -> InstanceType {
    InstanceType {
        name,
        cores,
        memory_gib,
        on_demand,
        spot,
    }
}

pub(super) const INSTANCE_TYPES: &[InstanceType] = &[
    of("t3.medium", 2, 4, 0.0416, 0.014_56),
    of("t3.large", 2, 8, 0.0832, 0.029_12),
    of("m5.large", 2, 8, 0.096, 0.0336),
    of("m5.xlarge", 4, 16, 0.192, 0.0672),
    of("m5.2xlarge", 8, 32, 0.384, 0.1344),
    of("m6i.xlarge", 4, 16, 0.192, 0.0672),
    of("m7i.xlarge", 4, 16, 0.2016, 0.070_56),
    of("m6g.xlarge", 4, 16, 0.154, 0.0539),
    of("m7g.xlarge", 4, 16, 0.1632, 0.057_12),
    of("c5.xlarge", 4, 8, 0.17, 0.0595),
    of("c6i.xlarge", 4, 8, 0.17, 0.0595),
    of("c7g.xlarge", 4, 8, 0.145, 0.050_75),
    of("r5.large", 2, 16, 0.126, 0.0441),
    of("r5.xlarge", 4, 32, 0.252, 0.0882),
    of("e2-standard-2", 2, 8, 0.067_01, 0.0201),
    of("e2-standard-4", 4, 16, 0.134_02, 0.040_21),
    of("e2-standard-8", 8, 32, 0.268_05, 0.080_41),
    of("n1-standard-4", 4, 15, 0.19, 0.04),
    of("n2-standard-4", 4, 16, 0.1942, 0.047),
    of("n2-standard-8", 8, 32, 0.3885, 0.094),
    of("c2-standard-4", 4, 16, 0.2088, 0.0505),
];
