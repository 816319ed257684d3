//! The VPA object: what users write and what the recommender stores in its status.
//!
//! Follows `pkg/apis/autoscaling.k8s.io/v1/types.go`. Amounts stay Kubernetes quantities, so that a
//! bound set by a policy is printed the way the policy wrote it. Metadata and the target reference
//! belong to the object that holds this.

use std::collections::BTreeSet;
use std::fmt;

use super::startup_boost::StartupBoost;
use crate::units::Quantity;

/// A resource that the VPA scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// CPU, counted in millicores.
    Cpu,
    /// Memory, counted in bytes.
    Memory,
}

impl Resource {
    /// Both resources, in the order in which annotations name them.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];
}

impl fmt::Display for Resource {
    /// Prints the resource's name in the API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

/// A `ResourceList`: at most one amount for each resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// `cpu`.
    pub cpu: Option<Quantity>,
    /// `memory`.
    pub memory: Option<Quantity>,
}

impl Resources {
    /// The amount of one resource.
    pub const fn get(&self, resource: Resource) -> Option<Quantity> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }

    /// The place of one resource's amount.
    pub const fn get_mut(&mut self, resource: Resource) -> &mut Option<Quantity> {
        match resource {
            Resource::Cpu => &mut self.cpu,
            Resource::Memory => &mut self.memory,
        }
    }

    /// The amounts present, CPU first.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, Quantity)> + use<> {
        let amounts = *self;
        Resource::ALL
            .into_iter()
            .filter_map(move |resource| Some((resource, amounts.get(resource)?)))
    }

    /// True if no resource has an amount.
    pub const fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none()
    }
}

/// `updatePolicy.updateMode`: what the updater and admission do with recommendations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UpdateMode {
    /// Recommend only.
    Off,
    /// Set resources when pods are created, never later.
    Initial,
    /// Evict pods, so that they come back with other resources.
    #[default]
    Recreate,
    /// Deprecated; the same as `Recreate`.
    Auto,
    /// Resize running pods, evict those that cannot be resized.
    InPlaceOrRecreate,
    /// Resize running pods, never evict (feature gate `InPlace`).
    InPlace,
}

impl UpdateMode {
    /// The mode as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Initial => "Initial",
            Self::Recreate => "Recreate",
            Self::Auto => "Auto",
            Self::InPlaceOrRecreate => "InPlaceOrRecreate",
            Self::InPlace => "InPlace",
        }
    }
}

/// `resourcePolicy.containerPolicies[].mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ContainerScalingMode {
    /// The container is scaled.
    #[default]
    Auto,
    /// No recommendation for the container.
    Off,
}

/// `controlledResources`: the resources that get a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ControlledResources {
    /// `cpu` is listed.
    pub cpu: bool,
    /// `memory` is listed.
    pub memory: bool,
}

impl ControlledResources {
    /// True if the resource is listed.
    pub const fn contains(self, resource: Resource) -> bool {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

impl Default for ControlledResources {
    fn default() -> Self {
        Self {
            cpu: true,
            memory: true,
        }
    }
}

/// `controlledValues`: what admission sets on a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ControlledValues {
    /// Requests, and limits in proportion.
    #[default]
    RequestsAndLimits,
    /// Requests; limits stay as they are.
    RequestsOnly,
}

/// One of `resourcePolicy.containerPolicies`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerPolicy {
    /// `containerName`; [`ContainerPolicy::ANY`] stands for all containers without their own.
    pub container_name: String,
    /// `mode`.
    pub mode: ContainerScalingMode,
    /// `minAllowed`.
    pub min_allowed: Resources,
    /// `maxAllowed`.
    pub max_allowed: Resources,
    /// `controlledResources`.
    pub controlled_resources: ControlledResources,
    /// `controlledValues`.
    pub controlled_values: ControlledValues,
    /// `oomBumpUpRatio` (feature gate `PerVPAConfig`, as all that follow).
    pub oom_bump_up_ratio: Option<Quantity>,
    /// `oomMinBumpUp`, in bytes.
    pub oom_min_bump_up: Option<Quantity>,
    /// `memoryAggregationIntervalSeconds`.
    pub memory_aggregation_interval_seconds: Option<i32>,
    /// `memoryAggregationIntervalCount`.
    pub memory_aggregation_interval_count: Option<i64>,
    /// `startupBoost` (feature gate `CPUStartupBoost`), in place of the VPA's.
    pub startup_boost: Option<StartupBoost>,
}

impl ContainerPolicy {
    /// The container name of a policy for all containers without their own.
    pub const ANY: &'static str = "*";
}

/// `changeRequirement` of an eviction requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeRequirement {
    /// `TargetHigherThanRequests`.
    TargetHigherThanRequests,
    /// `TargetLowerThanRequests`.
    TargetLowerThanRequests,
}

/// One of `updatePolicy.evictionRequirements`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvictionRequirement {
    /// `resources`: one of them has to fulfil the requirement.
    pub resources: ControlledResources,
    /// `changeRequirement`.
    pub change_requirement: ChangeRequirement,
}

/// The parts of a VerticalPodAutoscaler that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VpaSpec {
    /// `updatePolicy.updateMode`.
    pub update_mode: UpdateMode,
    /// `updatePolicy.minReplicas`; absent means the updater's flag `min-replicas`.
    pub min_replicas: Option<i32>,
    /// `updatePolicy.evictAfterOOMSeconds` (feature gate `PerVPAConfig`); absent means the
    /// updater's flag `evict-after-oom-threshold`.
    pub evict_after_oom_seconds: Option<i32>,
    /// `updatePolicy.evictionRequirements`.
    pub eviction_requirements: Vec<EvictionRequirement>,
    /// `resourcePolicy.containerPolicies`.
    pub container_policies: Vec<ContainerPolicy>,
    /// `startupBoost` (feature gate `CPUStartupBoost`).
    pub startup_boost: Option<StartupBoost>,
    /// Names of `recommenders`; none means the default one.
    pub recommenders: Vec<String>,
    /// Containers named by annotations
    /// `vpa-post-processor.kubernetes.io/NAME_integerCPU: "true"`.
    pub integer_cpu: BTreeSet<String>,
}

impl VpaSpec {
    /// The policy of a container: its own, else the last one for any container
    /// (`GetContainerResourcePolicy`).
    pub fn policy(&self, container_name: &str) -> Option<&ContainerPolicy> {
        let policies = &self.container_policies;
        policies
            .iter()
            .find(|policy| policy.container_name == container_name)
            .or_else(|| {
                let any = |policy: &&ContainerPolicy| policy.container_name == ContainerPolicy::ANY;
                policies.iter().rev().find(any)
            })
    }

    /// The scaling mode of a container.
    pub fn mode(&self, container_name: &str) -> ContainerScalingMode {
        self.policy(container_name)
            .map_or_else(ContainerScalingMode::default, |policy| policy.mode)
    }

    /// The resources of a container that get a recommendation.
    pub fn controlled_resources(&self, container_name: &str) -> ControlledResources {
        self.policy(container_name)
            .map_or_else(ControlledResources::default, |policy| {
                policy.controlled_resources
            })
    }

    /// What admission sets on a container.
    pub fn controlled_values(&self, container_name: &str) -> ControlledValues {
        self.policy(container_name)
            .map_or_else(ControlledValues::default, |policy| policy.controlled_values)
    }

    /// Reads one annotation of the object; others than the CPU-integer post processor's
    /// are ignored.
    pub fn read_annotation(&mut self, key: &str, value: &str) {
        let container = key
            .strip_prefix("vpa-post-processor.kubernetes.io/")
            .and_then(|rest| rest.strip_suffix("_integerCPU"));
        if let (Some(container), "true") = (container, value) {
            self.integer_cpu.insert(container.to_owned());
        }
    }
}

/// The recommendation for one container, as the status stores it
/// (`RecommendedContainerResources`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recommendation {
    /// `containerName`.
    pub container_name: String,
    /// `lowerBound`: requests below it are too small.
    pub lower_bound: Resources,
    /// `target`: what requests should be.
    pub target: Resources,
    /// `upperBound`: requests above it are too large.
    pub upper_bound: Resources,
    /// `uncappedTarget`: the target before the policy's bounds.
    pub uncapped_target: Resources,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(container_name: &str, mode: ContainerScalingMode) -> ContainerPolicy {
        ContainerPolicy {
            container_name: container_name.to_owned(),
            mode,
            ..ContainerPolicy::default()
        }
    }

    #[test]
    fn a_containers_own_policy_precedes_the_one_for_any() {
        let mut vpa = VpaSpec::default();
        assert_eq!(vpa.policy("api"), None);
        vpa.container_policies = vec![
            policy("*", ContainerScalingMode::Off),
            policy("api", ContainerScalingMode::Auto),
        ];
        assert_eq!(vpa.mode("api"), ContainerScalingMode::Auto);
        assert_eq!(vpa.mode("sidecar"), ContainerScalingMode::Off);
    }

    #[test]
    fn the_annotation_for_whole_cores_names_a_container() {
        let mut vpa = VpaSpec::default();
        vpa.read_annotation("vpa-post-processor.kubernetes.io/api_integerCPU", "true");
        vpa.read_annotation("vpa-post-processor.kubernetes.io/db_integerCPU", "false");
        vpa.read_annotation("example.com/api", "true");
        assert_eq!(vpa.integer_cpu, BTreeSet::from(["api".to_owned()]));
    }

    #[test]
    fn amounts_are_listed_cpu_first_and_only_where_present() {
        let mut resources = Resources::default();
        assert!(resources.is_empty());
        *resources.get_mut(Resource::Memory) = Some(Quantity::ZERO);
        assert_eq!(
            resources.iter().collect::<Vec<_>>(),
            [(Resource::Memory, Quantity::ZERO)]
        );
    }
}
