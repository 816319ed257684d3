//! LimitRanges: read as the API server completes them, and applied to pod templates as its
//! admission applies them to new pods.
//!
//! Follows `plugin/pkg/admission/limitranger/admission.go` and `SetDefaults_LimitRangeItem` in
//! `pkg/apis/core/v1/defaults.go`. Applied to templates, since the pods of a template are all
//! alike: what admission fills in and what it refuses is the same for each.

mod judge;

use k8s_openapi::api::core::v1 as core;

use super::container::Amounts;
use super::pod_checks::resource_name;
use super::{Context, names, typed, vpa};
use crate::autoscaler::vpa::admission::{LimitRange, LimitRangeItem};
use crate::autoscaler::vpa::{Resource, Resources};
use crate::cluster::spec::{ContainerSpec, PodTemplate, WorkloadSpec};
use crate::scenario::admission::Admission;
use crate::units::{Bytes, Millicores, Quantity};
use judge::Judge;

/// A LimitRange.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitRangeObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// What the VPA heeds of it.
    pub value: LimitRange,
    items: Vec<Item>,
}

/// An item, completed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Item {
    of_pods: bool,
    max: Resources,
    min: Resources,
    default: Resources,
    default_request: Resources,
    ratio: Resources,
}

impl Item {
    /// Containers have the maximum as limit where no default is stated; the limit as request,
    /// or else the minimum.
    fn complete(&mut self) {
        if self.of_pods {
            return;
        }
        for resource in Resource::ALL {
            let limit = self.default.get(resource).or(self.max.get(resource));
            *self.default.get_mut(resource) = limit;
            let request = self.default_request.get(resource).or(limit);
            *self.default_request.get_mut(resource) = request.or(self.min.get(resource));
        }
    }

    /// No amount may be above one that it has to stay below.
    fn check(&self, path: &str, context: &mut Context<'_>) {
        let order = [
            ("min", self.min),
            ("defaultRequest", self.default_request),
            ("default", self.default),
            ("max", self.max),
        ];
        for resource in Resource::ALL {
            let given: Vec<(&str, Quantity)> = order
                .iter()
                .filter_map(|(name, amounts)| Some((*name, amounts.get(resource)?)))
                .collect();
            for pair in given.windows(2) {
                let [(low, less), (high, more)] = [pair[0], pair[1]];
                if less > more {
                    let message = format!("{resource}: {low} {less} is above {high} {more}");
                    let help = Some(
                        "min ≤ defaultRequest ≤ default ≤ max; what is left out of default is max, of defaultRequest default, or else min",
                    );
                    context.error(&format!("{path}.{high}.{resource}"), message, help);
                }
            }
        }
    }
}

pub(in crate::scenario::manifest) fn limit_range(
    context: &mut Context<'_>,
) -> Option<LimitRangeObject> {
    let object: core::LimitRange = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    let mut made = LimitRangeObject {
        name,
        namespace,
        value: LimitRange::default(),
        items: Vec::new(),
    };
    let items = object.spec.map(|spec| spec.limits).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let earlier = items[..index].iter().map(|one| one.type_.as_str());
        check_type(item, index, earlier, context);
        let of_pods = match item.type_.as_str() {
            "Container" => false,
            "Pod" => true,
            _ => continue,
        };
        let path = format!("spec.limits[{index}]");
        let item = read(item, of_pods, &path, context);
        made.items.push(item);
        let place = if of_pods {
            &mut made.value.pod
        } else {
            &mut made.value.container
        };
        let heeded = LimitRangeItem {
            max: item.max,
            min: item.min,
            default: item.default,
        };
        *place = Some(place.map_or(heeded, |earlier| earlier.and(heeded)));
    }
    Some(made)
}

/// The type of an item, each given once, and the names of its resources (`ValidateLimitRange`).
fn check_type<'i>(
    item: &core::LimitRangeItem,
    index: usize,
    mut earlier: impl Iterator<Item = &'i str>,
    context: &mut Context<'_>,
) {
    let path = format!("spec.limits[{index}]");
    let of_type = format!("{path}.type");
    let name = item.type_.as_str();
    let wrong = names::qualified(name);
    let known = matches!(name, "Container" | "Pod" | "PersistentVolumeClaim");
    if wrong.is_empty() && !name.contains('/') && !known {
        let words = "must be a standard limit type or fully qualified".to_owned();
        context.refuse_text(&of_type, name, vec![words]);
    }
    context.refuse_text(&of_type, name, wrong);
    if earlier.any(|one| one == name) {
        let words = format!("Duplicate value: {name:?}");
        context.refuse(&of_type, words, Some("write one item for each type"));
    }
    if !matches!(name, "Container" | "Pod") {
        return;
    }
    for (field, amounts) in [
        ("max", &item.max),
        ("min", &item.min),
        ("default", &item.default),
        ("defaultRequest", &item.default_request),
        ("maxLimitRequestRatio", &item.max_limit_request_ratio),
    ] {
        for name in amounts.iter().flat_map(Amounts::keys) {
            let path = format!("{path}.{field}[{name}]");
            context.refuse_text(&path, name, resource_name(name));
        }
    }
}

fn read(item: &core::LimitRangeItem, of_pods: bool, path: &str, context: &mut Context<'_>) -> Item {
    let mut amounts = |amounts: &Option<Amounts>, field: &str| {
        vpa::resources(amounts.as_ref(), &format!("{path}.{field}"), context)
    };
    let mut made = Item {
        of_pods,
        max: amounts(&item.max, "max"),
        min: amounts(&item.min, "min"),
        default: amounts(&item.default, "default"),
        default_request: amounts(&item.default_request, "defaultRequest"),
        ratio: ratios(
            item.max_limit_request_ratio.as_ref(),
            &format!("{path}.maxLimitRequestRatio"),
            context,
        ),
    };
    for (field, given) in [
        ("default", !made.default.is_empty()),
        ("defaultRequest", !made.default_request.is_empty()),
    ] {
        if of_pods && given {
            let message = format!("{field} must not be given where the type is Pod");
            let help = Some("give defaults in an item of type Container");
            context.error(&format!("{path}.{field}"), message, help);
        }
    }
    made.complete();
    made.check(path, context);
    made
}

/// Ratios are plain numbers, fractions too.
fn ratios(amounts: Option<&Amounts>, path: &str, context: &mut Context<'_>) -> Resources {
    let mut made = Resources::default();
    for resource in Resource::ALL {
        let name = resource.to_string();
        let Some(text) = amounts.and_then(|amounts| amounts.get(&name)) else {
            continue;
        };
        let message = match text.0.parse::<Quantity>() {
            Ok(ratio) if ratio.nanos() >= 1_000_000_000 => {
                *made.get_mut(resource) = Some(ratio);
                continue;
            }
            Ok(ratio) => format!(
                "the ratio {} of limit to request is below 1",
                ratio.as_f64()
            ),
            Err(error) => error.to_string(),
        };
        let help = Some("a limit is never below its request");
        context.error(&format!("{path}.{name}"), message, help);
    }
    made
}

/// Request and limit of one resource: millicores or bytes.
#[derive(Clone, Copy)]
struct Pair {
    request: Option<i64>,
    limit: Option<i64>,
}

impl Pair {
    fn of(one: &ContainerSpec, resource: Resource) -> Self {
        let (request, limit) = match resource {
            Resource::Cpu => (one.cpu_request.map(|c| c.0), one.cpu_limit.map(|c| c.0)),
            Resource::Memory => (
                one.memory_request.map(|m| m.0),
                one.memory_limit.map(|m| m.0),
            ),
        };
        Self { request, limit }
    }

    fn put(self, one: &mut ContainerSpec, resource: Resource) {
        match resource {
            Resource::Cpu => {
                one.cpu_request = self.request.map(Millicores);
                one.cpu_limit = self.limit.map(Millicores);
            }
            Resource::Memory => {
                one.memory_request = self.request.map(Bytes);
                one.memory_limit = self.limit.map(Bytes);
            }
        }
    }
}

fn whole(resource: Resource, amount: Quantity) -> i64 {
    match resource {
        Resource::Cpu => amount.milli_value(),
        Resource::Memory => amount.value(),
    }
}

fn text(resource: Resource, amount: i64) -> String {
    match resource {
        Resource::Cpu => Millicores(amount).to_string(),
        Resource::Memory => Bytes(amount).to_string(),
    }
}

/// Lists of containers with their names in a pod's `spec`.
fn lists(template: &mut PodTemplate) -> [(&'static str, &mut Vec<ContainerSpec>); 2] {
    [
        ("containers", &mut template.containers),
        ("initContainers", &mut template.init_containers),
    ]
}

impl Admission {
    /// Applies the LimitRanges of its namespace to a workload's template, as admission does to new
    /// pods, and reports what they refuse.
    pub(in crate::scenario) fn apply_limit_ranges(
        &self,
        spec: &mut WorkloadSpec,
        context: &mut Context<'_>,
    ) {
        let ranges = self.limit_ranges.iter();
        let ranges: Vec<_> = ranges
            .filter(|range| range.namespace == spec.namespace)
            .collect();
        let template = &mut spec.template;
        for range in &ranges {
            fill(range, template, context);
        }
        for range in &ranges {
            for item in &range.items {
                let judge = Judge {
                    name: &range.name,
                    item,
                };
                if item.of_pods {
                    judge.pod(template, context);
                } else {
                    judge.containers(template, context);
                }
            }
        }
        for (_, containers) in lists(template) {
            for one in containers {
                // A limit of 0 limits nothing; to a LimitRange it is stated all the same.
                one.cpu_limit = one.cpu_limit.filter(|limit| limit.0 > 0);
                one.memory_limit = one.memory_limit.filter(|limit| limit.0 > 0);
            }
        }
    }
}

/// Gives containers what they leave out. Of several items of a LimitRange the last one counts,
/// of several LimitRanges the first.
fn fill(range: &LimitRangeObject, template: &mut PodTemplate, context: &mut Context<'_>) {
    let (mut limits, mut requests) = (Resources::default(), Resources::default());
    for item in range.items.iter().filter(|item| !item.of_pods) {
        for resource in Resource::ALL {
            let (limit, request) = (limits.get_mut(resource), requests.get_mut(resource));
            *limit = item.default.get(resource).or(*limit);
            *request = item.default_request.get(resource).or(*request);
        }
    }
    for (list, containers) in lists(template) {
        for (index, one) in containers.iter_mut().enumerate() {
            for resource in Resource::ALL {
                let stated = Pair::of(one, resource);
                let or = |stated: Option<i64>, default: Resources| {
                    stated.or(default.get(resource).map(|amount| whole(resource, amount)))
                };
                let filled = Pair {
                    request: or(stated.request, requests),
                    limit: or(stated.limit, limits),
                };
                filled.put(one, resource);
                // What is stated was compared when it was read.
                let (Some(request), Some(limit)) = (filled.request, filled.limit) else {
                    continue;
                };
                if request > limit && stated.limit.is_none() {
                    let message = format!(
                        "the {resource} request {} is above the limit {} that LimitRange {} fills in; no pod would be created",
                        text(resource, request),
                        text(resource, limit),
                        range.name
                    );
                    let help = format!("state `limits.{resource}`, or lower the request");
                    let path =
                        format!("spec.template.spec.{list}[{index}].resources.requests.{resource}");
                    context.error(&path, message, Some(&help));
                }
            }
        }
    }
}
