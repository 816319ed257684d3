//! The recording's inputs: JSON shapes, and what the controller makes of its settings and
//! specs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error;
use serde_json::Value;

use crate::api::LabelSelector;
use crate::autoscaler::hpa::{
    Behavior, BehaviorInput, Config, HpaSpec, HpaSpecInput, MetricSpec, ObjectReference, Policy,
    PolicyType, Resource, ResourceTarget, ScalingRulesInput, SelectPolicy, ValueTarget,
};
use crate::sim::{SimDuration, SimTime};
use crate::units::Quantity;

pub(super) type Result<T> = std::result::Result<T, serde_json::Error>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) cfg: Cfg,
    hpa: HpaJson,
    /// The spec's `behavior` as the API server completed it.
    behavior_defaulted: Option<BehaviorJson>,
    pub(super) templates: BTreeMap<String, Vec<Vec<Value>>>,
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cfg {
    tolerance: String,
    cpu_initialization_period_seconds: i64,
    initial_readiness_delay_seconds: i64,
    downscale_stabilization_window_seconds: i64,
    scale_to_zero: bool,
    configurable_tolerance: bool,
    /// The release that was recorded, for example `1.33`; without one the newest.
    kubernetes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HpaJson {
    min_replicas: Option<i32>,
    max_replicas: i32,
    #[serde(default)]
    metrics: Vec<MetricJson>,
    behavior: Option<BehaviorJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricJson {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    container: Option<String>,
    selector: Option<BTreeMap<String, String>>,
    object_kind: Option<String>,
    object_name: Option<String>,
    average_utilization: Option<i32>,
    average_value_milli: Option<Value>,
    value_milli: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BehaviorJson {
    scale_up: Option<RulesJson>,
    scale_down: Option<RulesJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RulesJson {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<(String, i32, i32)>>,
    tolerance: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    pub(super) t: i64,
    hpa: Option<HpaJson>,
    behavior_defaulted: Option<BehaviorJson>,
    pub(super) sc: (i32, i32),
    pub(super) sc_err: Option<String>,
    pub(super) up_err: Option<String>,
    pub(super) sel: Option<String>,
    #[serde(default)]
    pub(super) put: Vec<PodJson>,
    #[serde(default)]
    pub(super) del: Vec<String>,
    #[serde(default)]
    pub(super) res: Value,
    #[serde(default)]
    pub(super) pm: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) om: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) em: BTreeMap<String, Value>,
    pub(super) o: super::compare::Output,
}

#[derive(Deserialize, Clone)]
pub(super) struct PodJson {
    pub(super) n: String,
    pub(super) c: String,
    pub(super) ph: Option<String>,
    #[serde(default)]
    pub(super) del: i32,
    pub(super) st: Option<i64>,
    pub(super) rd: Option<(String, i64)>,
}

/// An instant of the recording; it counts milliseconds.
pub(super) fn time(millis: i64) -> SimTime {
    SimTime::from_millis(millis)
}

/// A number counted in `unit` thousandths, or a quantity's text.
pub(super) fn milli(value: &Value, unit: i64) -> Result<i64> {
    match value {
        Value::String(text) => text
            .parse::<Quantity>()
            .map(Quantity::milli_value)
            .map_err(Error::custom),
        _ => value
            .as_i64()
            .map(|number| number.wrapping_mul(unit))
            .ok_or_else(|| Error::custom(format!("{value} is not an integer"))),
    }
}

fn resource(name: &str) -> Result<Resource> {
    match name {
        "cpu" => Ok(Resource::Cpu),
        "memory" => Ok(Resource::Memory),
        _ => Err(Error::custom(format!("unknown resource {name}"))),
    }
}

impl Cfg {
    pub(super) fn to_config(&self) -> Result<Config> {
        let version = self.kubernetes.as_deref().map(str::parse).transpose();
        Ok(Config {
            is_predictive: false,
            sync_period: SimDuration::from_secs(15),
            tolerance: self.tolerance.parse().map_err(Error::custom)?,
            downscale_stabilization: SimDuration::from_secs(
                self.downscale_stabilization_window_seconds,
            ),
            cpu_initialization_period: SimDuration::from_secs(
                self.cpu_initialization_period_seconds,
            ),
            initial_readiness_delay: SimDuration::from_secs(self.initial_readiness_delay_seconds),
            scale_to_zero: self.scale_to_zero,
            configurable_tolerance: self.configurable_tolerance,
            version: version.map_err(Error::custom)?.unwrap_or_default(),
        })
    }
}

impl Case {
    /// The first spec and its recorded completion.
    pub(super) fn spec(&self) -> Result<(HpaSpec, Option<Behavior>)> {
        Ok((
            self.hpa.to_spec()?,
            completed(self.behavior_defaulted.as_ref())?,
        ))
    }
}

impl Step {
    /// The spec that replaces the one before, and its recorded completion.
    pub(super) fn spec(&self) -> Result<Option<(HpaSpec, Option<Behavior>)>> {
        let Some(hpa) = &self.hpa else {
            return Ok(None);
        };
        let completed = completed(self.behavior_defaulted.as_ref())?;
        Ok(Some((hpa.to_spec()?, completed)))
    }
}

/// A behavior that the API server has completed; completing it again changes nothing.
fn completed(behavior: Option<&BehaviorJson>) -> Result<Option<Behavior>> {
    let behavior = behavior.map(BehaviorJson::to_behavior).transpose()?;
    Ok(behavior.map(BehaviorInput::defaulted))
}

impl BehaviorJson {
    fn to_behavior(&self) -> Result<BehaviorInput> {
        let rules = |rules: &Option<RulesJson>| rules.as_ref().map(RulesJson::to_rules).transpose();
        Ok(BehaviorInput {
            scale_up: rules(&self.scale_up)?,
            scale_down: rules(&self.scale_down)?,
        })
    }
}

impl HpaJson {
    fn to_spec(&self) -> Result<HpaSpec> {
        let behavior = self.behavior.as_ref();
        let behavior = behavior.map(BehaviorJson::to_behavior).transpose()?;
        let metrics = self
            .metrics
            .iter()
            .map(MetricJson::to_metric)
            .collect::<Result<_>>()?;
        Ok(HpaSpecInput {
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            metrics,
            behavior,
        }
        .defaulted())
    }
}

impl RulesJson {
    fn to_rules(&self) -> Result<ScalingRulesInput> {
        let select_policy = match self.select_policy.as_deref() {
            None => None,
            Some("Max") => Some(SelectPolicy::Max),
            Some("Min") => Some(SelectPolicy::Min),
            Some("Disabled") => Some(SelectPolicy::Disabled),
            Some(other) => return Err(Error::custom(format!("unknown selectPolicy {other}"))),
        };
        let policy = |(kind, value, period): &(String, i32, i32)| {
            Ok(Policy {
                kind: match kind.as_str() {
                    "Pods" => PolicyType::Pods,
                    "Percent" => PolicyType::Percent,
                    _ => return Err(Error::custom(format!("unknown type of policy {kind}"))),
                },
                value: *value,
                period: SimDuration::from_secs(i64::from(*period)),
            })
        };
        let policies = self.policies.as_ref();
        let policies = policies
            .map(|policies| policies.iter().map(policy).collect::<Result<_>>())
            .transpose()?;
        let tolerance = match &self.tolerance {
            None => None,
            Some(text) => Some(text.parse::<Quantity>().map_err(Error::custom)?.as_f64()),
        };
        Ok(ScalingRulesInput {
            stabilization_window: self.stabilization_window_seconds,
            select_policy,
            policies,
            tolerance,
        })
    }
}

impl MetricJson {
    fn to_metric(&self) -> Result<MetricSpec> {
        let missing = |what: &str| Error::custom(format!("metric {} has no {what}", self.name));
        let average = self
            .average_value_milli
            .as_ref()
            .map(|value| milli(value, 1))
            .transpose()?;
        let value = self
            .value_milli
            .as_ref()
            .map(|value| milli(value, 1))
            .transpose()?;
        let resource_target = || match (self.average_utilization, average) {
            (Some(percent), _) => Ok(ResourceTarget::Utilization(percent)),
            (None, Some(average)) => Ok(ResourceTarget::AverageValue(average)),
            (None, None) => Err(missing("target")),
        };
        let value_target = || match (value, average) {
            (Some(value), _) => Ok(ValueTarget::Value(value)),
            (None, Some(average)) => Ok(ValueTarget::AverageValue(average)),
            (None, None) => Err(missing("target")),
        };
        let selector = self.selector.clone().map(LabelSelector::from);
        let name = self.name.clone();
        Ok(match self.kind.as_str() {
            "Resource" => MetricSpec::Resource {
                resource: resource(&name)?,
                target: resource_target()?,
            },
            "ContainerResource" => MetricSpec::ContainerResource {
                resource: resource(&name)?,
                container: self.container.clone().ok_or_else(|| missing("container"))?,
                target: resource_target()?,
            },
            "Pods" => MetricSpec::Pods {
                name,
                selector,
                average_value: average.ok_or_else(|| missing("target"))?,
            },
            "Object" => MetricSpec::Object {
                name,
                selector,
                object: ObjectReference {
                    api_version: String::new(),
                    kind: self
                        .object_kind
                        .clone()
                        .unwrap_or_else(|| "Ingress".to_owned()),
                    name: self
                        .object_name
                        .clone()
                        .unwrap_or_else(|| "main".to_owned()),
                },
                target: value_target()?,
            },
            "External" => MetricSpec::External {
                name,
                selector,
                target: value_target()?,
            },
            other => return Err(Error::custom(format!("unknown metric type {other}"))),
        })
    }
}
