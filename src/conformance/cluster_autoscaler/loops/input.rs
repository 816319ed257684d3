//! The recorded inputs.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) options: BTreeMap<String, Value>,
    pub(super) limits: LimitsJson,
    pub(super) groups: Vec<GroupJson>,
    pub(super) shapes: Vec<ShapeJson>,
    pub(super) loops: Vec<LoopJson>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LimitsJson {
    pub(super) cores_min: i64,
    pub(super) cores_max: i64,
    pub(super) memory_gib_min: i64,
    pub(super) memory_gib_max: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroupJson {
    pub(super) id: String,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) cpu_m: i64,
    pub(super) mem_mib: i64,
    pub(super) alloc_cpu_m: i64,
    pub(super) alloc_mem_mib: i64,
    pub(super) pods: i64,
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) taint_keys_noschedule: Vec<String>,
    #[serde(default)]
    pub(super) options: BTreeMap<String, f64>,
    pub(super) price_per_hour: f64,
    pub(super) expander_priority: i64,
    #[serde(default)]
    pub(super) cloud_failures: Vec<FailureJson>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FailureJson {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) mode: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ShapeJson {
    pub(super) name: String,
    pub(super) cpu_m: i64,
    pub(super) mem_mib: i64,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) priority: i32,
    pub(super) grace_s: i64,
    pub(super) terminates_after_eviction_s: f64,
    pub(super) pdb_min_available: i64,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) node_selector: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tolerates_taint_keys: Vec<String>,
    pub(super) volume: Option<String>,
    #[serde(default)]
    pub(super) self_anti_affinity_per_host: bool,
    pub(super) host_port: Option<u16>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoopJson {
    #[serde(rename = "loop")]
    pub(super) number: u64,
    #[serde(rename = "in", deserialize_with = "with_raw")]
    pub(super) input: InputJson,
    pub(super) out: Value,
    pub(super) after: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct InputJson {
    pub(super) t: f64,
    pub(super) nodes: Vec<NodeJson>,
    pub(super) pods: Vec<PodJson>,
    pub(super) pdb_allowed: BTreeMap<String, i32>,
    pub(super) controllers: BTreeMap<String, (i32, i32)>,
    pub(super) cloud: BTreeMap<String, CloudJson>,
    /// The text as it stands, for reports.
    #[serde(skip)]
    pub(super) raw: Value,
}

fn with_raw<'de, D: Deserializer<'de>>(from: D) -> Result<InputJson, D::Error> {
    let raw = Value::deserialize(from)?;
    let input = InputJson::deserialize(&raw).map_err(serde::de::Error::custom)?;
    Ok(InputJson { raw, ..input })
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeJson {
    pub(super) n: String,
    pub(super) c: f64,
    pub(super) ready: bool,
    pub(super) rt: f64,
    #[serde(default)]
    pub(super) taints: Vec<String>,
    #[serde(default)]
    pub(super) cordoned: bool,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// Name, workload, node or none, creation, deletion timestamp if there is one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PodJson {
    Deleted(String, String, Option<String>, f64, f64),
    Living(String, String, Option<String>, f64),
}

#[derive(Debug, Deserialize)]
pub(super) struct CloudJson {
    pub(super) target: i64,
    pub(super) instances: Vec<InstanceJson>,
}

/// Name, state, class and code of an error if there is one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum InstanceJson {
    Failed(String, String, String),
    Fine(String, String),
}
