//! The pods of a node, and what is left for others.
//!
//! Upstream: `describeNodeResource`, component-helpers' `PodRequests` and `PodLimits`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::age::Timestamp;
use super::super::cells::{created, int_or_text, items, text};
use super::writer::Writer;
use crate::units::Quantity;

/// Amounts by resource.
type Amounts = BTreeMap<String, Quantity>;

/// What a list of containers asks for: requests or limits.
#[derive(Clone, Copy)]
enum Asked {
    Requests,
    Limits,
}

impl Asked {
    fn field(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

pub(super) fn describe(node: &Value, pods: &[Value], now: Timestamp, writer: &mut Writer) {
    let name = text(node, &["metadata", "name"]).unwrap_or_default();
    let is_there = |pod: &&Value| {
        let phase = text(pod, &["status", "phase"]).unwrap_or_default();
        text(pod, &["spec", "nodeName"]) == Some(name) && !matches!(phase, "Succeeded" | "Failed")
    };
    let pods: Vec<&Value> = pods.iter().filter(is_there).collect();
    let all = amounts(&node["status"]["allocatable"]);
    let all = if all.is_empty() {
        amounts(&node["status"]["capacity"])
    } else {
        all
    };
    let share = |used: &Amounts, resource: &str| {
        let of = |amounts: &Amounts| {
            let amount = amounts.get(resource).copied().unwrap_or(Quantity::ZERO);
            if resource == "cpu" {
                amount.milli_value()
            } else {
                amount.value()
            }
        };
        let text = used
            .get(resource)
            .map_or_else(|| "0".to_owned(), ToString::to_string);
        let percent = match of(&all) {
            0 => 0,
            all => (of(used) as f64 / all as f64 * 100.0) as i64,
        };
        format!("{text} ({percent}%)")
    };
    writer.write(
        0,
        &format!("Non-terminated Pods:\t({} in total)\n", pods.len()),
    );
    writer.write(
        1,
        "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n",
    );
    writer.write(
        1,
        "---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n",
    );
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for pod in &pods {
        let of = |field: &str| text(pod, &["metadata", field]).unwrap_or_default();
        let (asked, most) = (
            of_pod(pod, Asked::Requests, true),
            of_pod(pod, Asked::Limits, true),
        );
        let cells = [
            share(&asked, "cpu"),
            share(&most, "cpu"),
            share(&asked, "memory"),
            share(&most, "memory"),
        ];
        let (namespace, name, age) = (of("namespace"), of("name"), created(pod, now));
        writer.write(
            1,
            &format!("{namespace}\t{name}\t\t{}\t{age}\n", cells.join("\t")),
        );
        add(&mut requests, &of_pod(pod, Asked::Requests, false));
        add(&mut limits, &of_pod(pod, Asked::Limits, false));
    }
    writer.write(
        0,
        "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n",
    );
    writer.write(1, "Resource\tRequests\tLimits\n");
    writer.write(1, "--------\t--------\t------\n");
    let huge = |name: &&String| name.starts_with("hugepages-");
    let others = all.keys().filter(|name| !is_standard(name) && !huge(name));
    for resource in ["cpu", "memory", "ephemeral-storage"]
        .into_iter()
        .chain(all.keys().filter(huge).map(String::as_str))
    {
        let (requests, limits) = (share(&requests, resource), share(&limits, resource));
        writer.write(1, &format!("{resource}\t{requests}\t{limits}\n"));
    }
    for resource in others {
        let of = |amounts: &Amounts| {
            let amount = amounts.get(resource).copied().unwrap_or(Quantity::ZERO);
            amount.to_string()
        };
        let (requests, limits) = (of(&requests), of(&limits));
        writer.write(1, &format!("{resource}\t{requests}\t{limits}\n"));
    }
}

fn is_standard(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "ephemeral-storage" | "pods")
}

fn amounts(list: &Value) -> Amounts {
    let list = list.as_object().into_iter().flatten();
    let amount = |(name, value): (&String, &Value)| {
        let text = int_or_text(value)?;
        Some((name.clone(), text.parse().ok()?))
    };
    list.filter_map(amount).collect()
}

fn add(into: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        match into.get_mut(name) {
            None => {
                into.insert(name.clone(), *amount);
            }
            Some(sum) => {
                *sum = Quantity::from_nanos(sum.nanos() + amount.nanos(), sum.format());
            }
        }
    }
}

fn raise(into: &mut Amounts, to: &Amounts) {
    for (name, amount) in to {
        let known = into.entry(name.clone()).or_insert(*amount);
        if known.nanos() < amount.nanos() {
            *known = *amount;
        }
    }
}

/// What a pod asks for: its containers and sidecars together, or more while init containers run;
/// the pod's own resources take the place of that. What the kubelet has allocated counts where a
/// resize is under way, if `by_status`.
fn of_pod(pod: &Value, asked: Asked, by_status: bool) -> Amounts {
    let spec = &pod["spec"];
    let own = |container: &Value, lasts: bool| {
        let spec = amounts(&container["resources"][asked.field()]);
        if !by_status || !lasts {
            return spec;
        }
        resized(spec, container, pod, asked)
    };
    let mut total = Amounts::new();
    for container in items(spec, &["containers"]) {
        add(&mut total, &own(container, true));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in items(spec, &["initContainers"]) {
        let is_sidecar = container["restartPolicy"] == "Always";
        let mut needed = own(container, is_sidecar);
        if is_sidecar {
            add(&mut total, &needed);
            add(&mut sidecars, &needed);
            needed.clone_from(&sidecars);
        } else {
            add(&mut needed, &sidecars);
        }
        raise(&mut most, &needed);
    }
    raise(&mut total, &most);
    for (name, amount) in amounts(&spec["resources"][asked.field()]) {
        if is_standard(&name) {
            total.insert(name, amount);
        }
    }
    let overhead = amounts(&spec["overhead"]);
    match asked {
        Asked::Requests => add(&mut total, &overhead),
        Asked::Limits => {
            let limited = overhead.into_iter();
            let limited = limited
                .filter(|(name, _)| total.contains_key(name))
                .collect();
            add(&mut total, &limited);
        }
    }
    total
}

/// What counts of a container whose resize is under way: the largest of what is asked for, what
/// runs and what is allocated; without what is asked for if the node cannot give it
/// (`determineContainerReqs`, `determineContainerLimits`).
fn resized(spec: Amounts, container: &Value, pod: &Value, asked: Asked) -> Amounts {
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let mut statuses = statuses
        .into_iter()
        .flat_map(|field| items(pod, &["status", field]));
    let Some(status) = statuses.find(|status| status["name"] == container["name"]) else {
        return spec;
    };
    if status["resources"].is_null() {
        return spec;
    }
    let mut most = amounts(&status["resources"][asked.field()]);
    if let Asked::Requests = asked {
        raise(&mut most, &amounts(&status["allocatedResources"]));
    }
    let mut conditions = items(pod, &["status", "conditions"]).iter();
    let is_infeasible =
        conditions.any(|one| one["type"] == "PodResizePending" && one["reason"] == "Infeasible");
    if !is_infeasible {
        raise(&mut most, &spec);
    }
    most
}
