//! What the recordings of the VPA's components share: the JSON shapes of VPA,
//! recommendation and pod.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error;

use super::{Difference, ReplayError, Report};
use crate::autoscaler::vpa::{
    ChangeRequirement, Container, ContainerPolicy, ContainerScalingMode, ControlledResources,
    ControlledValues, EvictionRequirement, Recommendation, Resources, UpdateMode, VpaSpec,
};

pub(super) type Result<T> = std::result::Result<T, serde_json::Error>;

/// Replays every line of a recording; each case is one step.
pub(super) fn replay_lines<'t, C: Deserialize<'t>>(
    text: &'t str,
    replay_case: impl Fn(&C) -> Result<Option<Difference>>,
) -> std::result::Result<Report, ReplayError> {
    super::lines::replay(text, |case, report| {
        report.step(replay_case(case)?);
        Ok(())
    })
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct VpaJson {
    update_mode: String,
    min_replicas: Option<i32>,
    #[serde(default)]
    eviction_requirements: Vec<RequirementJson>,
    #[serde(default)]
    container_policies: Vec<PolicyJson>,
    recommendation: Option<Vec<RecommendationJson>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct RequirementJson {
    resources: Vec<String>,
    change_requirement: String,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyJson {
    container_name: String,
    mode: Option<String>,
    controlled_values: Option<String>,
    controlled_resources: Option<Vec<String>>,
    #[serde(default)]
    min_allowed: ResourcesJson,
    #[serde(default)]
    max_allowed: ResourcesJson,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct RecommendationJson {
    container_name: String,
    #[serde(default)]
    target: ResourcesJson,
    #[serde(default)]
    lower_bound: ResourcesJson,
    #[serde(default)]
    upper_bound: ResourcesJson,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodJson {
    pub(super) name: String,
    pub(super) phase: String,
    pub(super) start_time: Option<i64>,
    pub(super) replica_set: String,
    containers: Vec<ContainerJson>,
    #[serde(default)]
    pub(super) last_termination: Vec<TerminationJson>,
    pub(super) vpa_observed_containers: Option<String>,
    pub(super) uid: Option<u64>,
    /// The reason of condition `PodResizePending`, or the state of `PodResizeInProgress`.
    pub(super) resize: Option<String>,
    /// A container has a resize policy `RestartContainer`.
    #[serde(default)]
    pub(super) restart_on_resize: bool,
    pub(super) resize_answer: Option<String>,
    pub(super) evict_answer: Option<String>,
}

#[derive(Deserialize, Debug)]
struct ContainerJson {
    name: String,
    #[serde(default)]
    requests: ResourcesJson,
    #[serde(default)]
    limits: ResourcesJson,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct TerminationJson {
    pub(super) container: String,
    pub(super) reason: String,
    pub(super) started_at: i64,
    pub(super) finished_at: i64,
}

/// A `ResourceList`: quantities by resource.
#[derive(Deserialize, Debug, Default, Clone, PartialEq)]
#[serde(transparent)]
pub(super) struct ResourcesJson(BTreeMap<String, String>);

impl ResourcesJson {
    pub(super) fn read(&self) -> Result<Resources> {
        let amount = |resource: &str| {
            let parse = |text: &String| text.parse().map_err(serde_json::Error::custom);
            self.0.get(resource).map(parse).transpose()
        };
        Ok(Resources {
            cpu: amount("cpu")?,
            memory: amount("memory")?,
        })
    }

    /// Amounts as Kubernetes prints them.
    pub(super) fn print(resources: &Resources) -> Self {
        let entry = |(resource, amount): (_, crate::units::Quantity)| {
            (ToString::to_string(&resource), amount.to_string())
        };
        Self(resources.iter().map(entry).collect())
    }

    /// The amounts by resource.
    pub(super) fn into_amounts(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl VpaJson {
    pub(super) fn spec(&self) -> Result<VpaSpec> {
        let policies = self.container_policies.iter().map(PolicyJson::read);
        let requirements = self.eviction_requirements.iter().map(RequirementJson::read);
        Ok(VpaSpec {
            update_mode: update_mode(&self.update_mode)?,
            min_replicas: self.min_replicas,
            eviction_requirements: requirements.collect::<Result<_>>()?,
            container_policies: policies.collect::<Result<_>>()?,
            ..VpaSpec::default()
        })
    }

    pub(super) fn recommendations(&self) -> Result<Option<Vec<Recommendation>>> {
        let read = |all: &Vec<RecommendationJson>| {
            all.iter()
                .map(RecommendationJson::read)
                .collect::<Result<_>>()
        };
        self.recommendation.as_ref().map(read).transpose()
    }
}

impl PolicyJson {
    pub(super) fn read(&self) -> Result<ContainerPolicy> {
        Ok(ContainerPolicy {
            container_name: self.container_name.clone(),
            mode: match self.mode.as_deref() {
                None | Some("Auto") => ContainerScalingMode::Auto,
                Some("Off") => ContainerScalingMode::Off,
                Some(other) => return Err(unknown("mode", other)),
            },
            min_allowed: self.min_allowed.read()?,
            max_allowed: self.max_allowed.read()?,
            controlled_resources: match &self.controlled_resources {
                None => ControlledResources::default(),
                Some(names) => resources(names)?,
            },
            controlled_values: match self.controlled_values.as_deref() {
                None | Some("RequestsAndLimits") => ControlledValues::RequestsAndLimits,
                Some("RequestsOnly") => ControlledValues::RequestsOnly,
                Some(other) => return Err(unknown("controlledValues", other)),
            },
            ..ContainerPolicy::default()
        })
    }
}

impl RequirementJson {
    fn read(&self) -> Result<EvictionRequirement> {
        Ok(EvictionRequirement {
            resources: resources(&self.resources)?,
            change_requirement: match self.change_requirement.as_str() {
                "TargetHigherThanRequests" => ChangeRequirement::TargetHigherThanRequests,
                "TargetLowerThanRequests" => ChangeRequirement::TargetLowerThanRequests,
                other => return Err(unknown("changeRequirement", other)),
            },
        })
    }
}

impl RecommendationJson {
    fn read(&self) -> Result<Recommendation> {
        Ok(Recommendation {
            container_name: self.container_name.clone(),
            target: self.target.read()?,
            lower_bound: self.lower_bound.read()?,
            upper_bound: self.upper_bound.read()?,
            ..Recommendation::default()
        })
    }
}

impl PodJson {
    pub(super) fn containers(&self) -> Result<Vec<Container<'_>>> {
        let read = |container: &'_ ContainerJson| -> Result<(Resources, Resources)> {
            Ok((container.requests.read()?, container.limits.read()?))
        };
        let mut containers = Vec::with_capacity(self.containers.len());
        for container in &self.containers {
            let (requests, limits) = read(container)?;
            containers.push(Container {
                name: &container.name,
                requests,
                limits,
            });
        }
        Ok(containers)
    }
}

fn update_mode(name: &str) -> Result<UpdateMode> {
    Ok(match name {
        "Off" => UpdateMode::Off,
        "Initial" => UpdateMode::Initial,
        "Recreate" => UpdateMode::Recreate,
        "Auto" => UpdateMode::Auto,
        "InPlaceOrRecreate" => UpdateMode::InPlaceOrRecreate,
        "InPlace" => UpdateMode::InPlace,
        other => return Err(unknown("updateMode", other)),
    })
}

fn resources(names: &[String]) -> Result<ControlledResources> {
    let mut listed = ControlledResources {
        cpu: false,
        memory: false,
    };
    for name in names {
        match name.as_str() {
            "cpu" => listed.cpu = true,
            "memory" => listed.memory = true,
            other => return Err(unknown("resource", other)),
        }
    }
    Ok(listed)
}

pub(super) fn unknown(what: &str, value: &str) -> serde_json::Error {
    serde_json::Error::custom(format!("unknown {what} \"{value}\""))
}

/// The input that led to a difference, on one line.
pub(super) fn abridge(input: &impl std::fmt::Debug) -> String {
    let mut text = format!("{input:?}");
    if let Some((end, _)) = text.char_indices().nth(1000) {
        text.truncate(end);
        text.push('…');
    }
    text
}
