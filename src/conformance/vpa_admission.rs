//! Kind `vpa-admission`: what the upstream admission controller makes of new pods.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::vpa_input::{PodJson, ResourcesJson, Result, VpaJson, abridge, replay_lines};
use super::{Difference, ReplayError, Report};
use crate::autoscaler::vpa::Container;
use crate::autoscaler::vpa::admission::{
    ContainerUpdate, LimitRange, LimitRangeItem, container_resources,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    vpa: VpaJson,
    pod: PodJson,
    limit_range: LimitRangeJson,
    out: Output,
}

#[derive(Deserialize, Debug)]
struct LimitRangeJson {
    container: Option<ItemJson>,
    pod: Option<ItemJson>,
}

#[derive(Deserialize, Debug)]
#[serde(default)]
#[derive(Default)]
struct ItemJson {
    max: ResourcesJson,
    min: ResourcesJson,
    default: ResourcesJson,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Output {
    containers: Vec<ContainerJson>,
    annotations: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct ContainerJson {
    name: String,
    requests: ResourcesJson,
    limits: ResourcesJson,
}

/// Replays every case; each is a step.
pub(super) fn replay(text: &str) -> std::result::Result<Report, ReplayError> {
    replay_lines(text, replay_case)
}

fn replay_case(case: &Case) -> Result<Option<Difference>> {
    let vpa = case.vpa.spec()?;
    let recommendations = case.vpa.recommendations()?;
    let containers = case.pod.containers()?;
    let limit_range = LimitRange {
        container: case
            .limit_range
            .container
            .as_ref()
            .map(read_item)
            .transpose()?,
        pod: case.limit_range.pod.as_ref().map(read_item).transpose()?,
    };
    let recommendations = recommendations.as_deref();
    let answer = container_resources(&vpa, recommendations, &containers, &limit_range);
    let (equal, got) = match answer {
        Ok(updates) => {
            let output = print(&containers, &updates);
            (output == case.out, format!("{output:?}"))
        }
        Err(panic) => (false, panic.to_string()),
    };
    Ok((!equal).then(|| Difference {
        place: case.id.clone(),
        expected: format!("{:?}", case.out),
        got,
        input: abridge(&(&case.pod, &case.limit_range, &case.vpa)),
    }))
}

fn read_item(item: &ItemJson) -> Result<LimitRangeItem> {
    Ok(LimitRangeItem {
        max: item.max.read()?,
        min: item.min.read()?,
        default: item.default.read()?,
    })
}

/// The answer as recorded: annotations only where there are any, and sorted.
fn print(containers: &[Container<'_>], updates: &[ContainerUpdate]) -> Output {
    let mut output = Output {
        containers: Vec::new(),
        annotations: BTreeMap::new(),
    };
    for (container, update) in containers.iter().zip(updates) {
        let name = container.name.to_owned();
        let mut annotations: Vec<String> =
            update.annotations.iter().map(ToString::to_string).collect();
        annotations.sort_unstable();
        if !annotations.is_empty() {
            output.annotations.insert(name.clone(), annotations);
        }
        output.containers.push(ContainerJson {
            name,
            requests: ResourcesJson::print(&update.requests),
            limits: ResourcesJson::print(&update.limits),
        });
    }
    output
}
