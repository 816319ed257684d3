//! What the items of a LimitRange refuse.

use super::{Item, Pair, lists, text, whole};
use crate::autoscaler::vpa::{Resource, Resources};
use crate::cluster::spec::PodTemplate;
use crate::scenario::manifest::Context;
use crate::scenario::manifest::pod_level::of_containers;

/// An item that pods have to keep to.
pub(super) struct Judge<'a> {
    pub(super) name: &'a str,
    pub(super) item: &'a Item,
}

impl Judge<'_> {
    pub(super) fn containers(&self, template: &mut PodTemplate, context: &mut Context<'_>) {
        for (list, containers) in lists(template) {
            for (index, one) in containers.iter().enumerate() {
                let path = format!("spec.template.spec.{list}[{index}].resources");
                for resource in Resource::ALL {
                    self.check(
                        resource,
                        Pair::of(one, resource),
                        "container",
                        &path,
                        context,
                    );
                }
            }
        }
    }

    pub(super) fn pod(&self, template: &PodTemplate, context: &mut Context<'_>) {
        let (containers, init) = (&template.containers, &template.init_containers);
        for resource in Resource::ALL {
            let sum = |amount: fn(Pair) -> Option<i64>| {
                of_containers(containers, init, |one| amount(Pair::of(one, resource)))
            };
            let request = match resource {
                Resource::Cpu => template.pod_cpu_request.map(|cpu| cpu.0),
                Resource::Memory => template.pod_memory_request.map(|memory| memory.0),
            };
            let pod = Pair {
                request: request.or_else(|| sum(|pair| pair.request)),
                limit: pod_limit(resource, context).or_else(|| sum(|pair| pair.limit)),
            };
            self.check(
                resource,
                pod,
                "pod",
                "spec.template.spec.containers",
                context,
            );
        }
    }

    /// Reports the first bound that is not kept.
    fn check(
        &self,
        resource: Resource,
        pair: Pair,
        of: &str,
        path: &str,
        context: &mut Context<'_>,
    ) {
        let Some((field, problem, help)) = self.problem(resource, pair) else {
            return;
        };
        let message = format!(
            "LimitRange {} refuses this {of}, so no pod would be created: {problem}",
            self.name
        );
        let path = match of {
            "pod" => path.to_owned(),
            _ => format!("{path}.{field}.{resource}"),
        };
        context.error(&path, message, Some(&help));
    }

    fn problem(&self, resource: Resource, pair: Pair) -> Option<(&'static str, String, String)> {
        let bound = |amounts: Resources| amounts.get(resource).map(|q| whole(resource, q));
        let shown = |amount: i64| text(resource, amount);
        let missing = |field: &'static str, bound: &str| {
            let problem = format!("it has a {bound} of {resource}, and no {field} is stated");
            let help = format!("state `{field}s.{resource}`");
            let list = if field == "limit" {
                "limits"
            } else {
                "requests"
            };
            Some((list, problem, help))
        };
        let both = [
            ("requests", "request", pair.request),
            ("limits", "limit", pair.limit),
        ];
        if let Some(min) = bound(self.item.min) {
            if pair.request.is_none() {
                return missing("request", "minimum");
            }
            for (list, name, amount) in both {
                if let Some(amount) = amount.filter(|amount| *amount < min) {
                    let (amount, min) = (shown(amount), shown(min));
                    let problem =
                        format!("the {resource} {name} {amount} is below its minimum {min}");
                    return Some((list, problem, format!("raise it to {min} or more")));
                }
            }
        }
        if let Some(max) = bound(self.item.max) {
            if pair.limit.is_none() {
                return missing("limit", "maximum");
            }
            for (list, name, amount) in both.into_iter().rev() {
                if let Some(amount) = amount.filter(|amount| *amount > max) {
                    let (amount, max) = (shown(amount), shown(max));
                    let problem =
                        format!("the {resource} {name} {amount} is above its maximum {max}");
                    return Some((list, problem, format!("lower it to {max} or less")));
                }
            }
        }
        let ratio = self.item.ratio.get(resource)?;
        let (Some(request @ 1..), Some(limit @ 1..)) = (pair.request, pair.limit) else {
            let problem = format!(
                "it bounds the ratio of {resource} limit to request, and one of them is not stated or 0"
            );
            let help = format!("state `limits.{resource}` and `requests.{resource}`");
            return Some(("limits", problem, help));
        };
        let (most, given) = (
            ratio.nanos().saturating_mul(i128::from(request)),
            i128::from(limit) * 1_000_000_000,
        );
        (given > most).then(|| {
            let (request, limit) = (shown(request), shown(limit));
            let problem = format!(
                "the {resource} limit {limit} is more than {} times the request {request}",
                ratio.as_f64()
            );
            (
                "limits",
                problem,
                "lower the limit or raise the request".to_owned(),
            )
        })
    }
}

/// `limits` of the pod as a whole.
fn pod_limit(resource: Resource, context: &Context<'_>) -> Option<i64> {
    let mut node = context.document;
    for key in ["spec", "template", "spec", "resources", "limits"] {
        node = node.get(key)?;
    }
    let amount = node.get(&resource.to_string())?.text()?.parse().ok()?;
    Some(whole(resource, amount))
}
