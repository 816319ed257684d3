//! Tables of the Deployment controller: `rollout_fenceposts`, `rollout_new_rs`,
//! `rollout_proportional_scaling` and `rollout_steps`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{ReplayError, Report, table};
use crate::controller::deployment::{
    Deployment, DeploymentSpec, DeploymentStatus, IntOrPercent, ReplicaSet, ReplicaSetStatus,
    RollingUpdate, Step, Strategy, new_rs_new_replicas, replica_set_proportion, resolve_fenceposts,
    sync,
};
use crate::sim::SimTime;

#[derive(Deserialize)]
struct FencepostsCase {
    id: String,
    #[serde(deserialize_with = "int_or_percent")]
    max_surge: IntOrPercent,
    #[serde(deserialize_with = "int_or_percent")]
    max_unavailable: IntOrPercent,
    replicas: i32,
    resolved_surge: i32,
    resolved_unavailable: i32,
    max_total_pods: i32,
    min_available: i32,
}

/// Replays maxSurge and maxUnavailable in pods.
pub(super) fn fenceposts(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<FencepostsCase>(text)? {
        report.cases += 1;
        let resolved = resolve_fenceposts(case.max_surge, case.max_unavailable, case.replicas);
        let spec = rolling(case.replicas, case.max_surge, case.max_unavailable);
        let got = (
            resolved,
            spec.max_replicas(),
            spec.replicas - spec.max_unavailable(),
        );
        let expected = (
            (case.resolved_surge, case.resolved_unavailable),
            case.max_total_pods,
            case.min_available,
        );
        report.step(table::difference(case.id, &expected, &got, &spec));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct NewRsCase {
    id: String,
    #[serde(deserialize_with = "int_or_percent")]
    max_surge: IntOrPercent,
    deployment_replicas: i32,
    new_rs_replicas: i32,
    old_rs_replicas: i32,
    new_rs_target: i32,
}

/// Replays the size of the new ReplicaSet.
pub(super) fn new_rs(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<NewRsCase>(text)? {
        report.cases += 1;
        let spec = rolling(
            case.deployment_replicas,
            case.max_surge,
            IntOrPercent::Int(0),
        );
        let all = case.new_rs_replicas + case.old_rs_replicas;
        let got = new_rs_new_replicas(&spec, all, case.new_rs_replicas);
        let input = (case.new_rs_replicas, case.old_rs_replicas, spec);
        report.step(table::difference(
            case.id,
            &case.new_rs_target,
            &got,
            &input,
        ));
    }
    Ok(report)
}

#[derive(Deserialize, Debug)]
struct ProportionCase {
    id: String,
    deployment_replicas_new: i32,
    #[serde(deserialize_with = "int_or_percent")]
    max_surge: IntOrPercent,
    rs_max_replicas_annotation_before: Option<i32>,
    rs_replicas: i32,
    replicas_to_add_total: i32,
    already_added: i32,
    proportion: i32,
}

/// Replays the share of one ReplicaSet in a scaling.
pub(super) fn proportional_scaling(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<ProportionCase>(text)? {
        report.cases += 1;
        let spec = rolling(
            case.deployment_replicas_new,
            case.max_surge,
            IntOrPercent::Percent(25),
        );
        let got = replica_set_proportion(
            &spec,
            0,
            case.rs_replicas,
            case.rs_max_replicas_annotation_before,
            case.replicas_to_add_total,
            case.already_added,
        );
        let step = table::difference(case.id.clone(), &case.proportion, &got, &case);
        report.step(step);
    }
    Ok(report)
}

#[derive(Deserialize, Debug)]
struct StepCase {
    id: String,
    op: Operation,
    deployment_replicas: i32,
    #[serde(deserialize_with = "int_or_percent")]
    max_surge: IntOrPercent,
    #[serde(deserialize_with = "int_or_percent")]
    max_unavailable: IntOrPercent,
    new_rs: RsJson,
    old_rs_oldest_first: Vec<RsJson>,
    spec_replicas_after: BTreeMap<String, i32>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Operation {
    /// A sync of a roll-out under way.
    RolloutSync,
    /// The first sync after `spec.replicas` was changed.
    ScaleDuringRollout,
}

#[derive(Deserialize, Debug)]
struct RsJson {
    name: String,
    spec_replicas: i32,
    available: i32,
    max_replicas_annotation: i32,
}

/// Replays single syncs; the sizes of all ReplicaSets afterwards are the step.
pub(super) fn steps(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<StepCase>(text)? {
        report.cases += 1;
        let got = sizes_after(&case);
        report.step(table::difference(
            case.id.clone(),
            &case.spec_replicas_after,
            &got,
            &case,
        ));
    }
    Ok(report)
}

fn sizes_after(case: &StepCase) -> BTreeMap<String, i32> {
    let spec = rolling(
        case.deployment_replicas,
        case.max_surge,
        case.max_unavailable,
    );
    let oldest_first: Vec<&RsJson> = case
        .old_rs_oldest_first
        .iter()
        .chain([&case.new_rs])
        .collect();
    let sets: Vec<_> = oldest_first
        .iter()
        .enumerate()
        .map(|(age, set)| replica_set(case, age, set))
        .collect();
    let status = DeploymentStatus {
        replicas: sets.iter().map(|set| set.replicas).sum(),
        ..DeploymentStatus::default()
    };
    let deployment = Deployment {
        name: "d",
        generation: 1,
        deleting: false,
        template_hash: "new",
        revision: Some(sets.len() as i64),
        spec,
        status: &status,
    };
    let mut sizes: BTreeMap<_, _> = oldest_first
        .iter()
        .map(|set| (set.name.clone(), set.spec_replicas))
        .collect();
    for step in sync(&deployment, &sets, SimTime::ZERO).steps {
        if let Step::ScaleReplicaSet { key, to, .. } = step {
            sizes.insert(oldest_first[key].name.clone(), to);
        }
    }
    sizes
}

/// The view of a recorded ReplicaSet, the newest of which has the Deployment's template.
fn replica_set<'a>(case: &StepCase, age: usize, set: &'a RsJson) -> ReplicaSet<'a> {
    // A recorded scaling has any other value in the annotation than the size after it.
    let before = match case.op {
        Operation::RolloutSync => case.deployment_replicas,
        Operation::ScaleDuringRollout => case.deployment_replicas + 1,
    };
    ReplicaSet {
        key: age,
        name: &set.name,
        created: SimTime::from_secs(age as i64),
        deleting: false,
        has_deployments_template: age == case.old_rs_oldest_first.len(),
        has_deployments_annotations: true,
        revision: Some(age as i64 + 1),
        revision_history: "",
        desired_replicas: Some(before),
        max_replicas: Some(set.max_replicas_annotation),
        replicas: set.spec_replicas,
        min_ready_seconds: 0,
        unfinished_pods: set.spec_replicas,
        status: ReplicaSetStatus {
            replicas: set.spec_replicas,
            ready_replicas: set.available,
            available_replicas: set.available,
            ..ReplicaSetStatus::default()
        },
    }
}

fn rolling(replicas: i32, max_surge: IntOrPercent, unavailable: IntOrPercent) -> DeploymentSpec {
    DeploymentSpec {
        replicas,
        strategy: Strategy::RollingUpdate(RollingUpdate {
            max_surge,
            max_unavailable: unavailable,
        }),
        ..DeploymentSpec::default()
    }
}

fn int_or_percent<'de, D: Deserializer<'de>>(from: D) -> Result<IntOrPercent, D::Error> {
    let text = String::deserialize(from)?;
    let read = match text.strip_suffix('%') {
        Some(percent) => percent.parse().map(IntOrPercent::Percent),
        None => text.parse().map(IntOrPercent::Int),
    };
    read.map_err(serde::de::Error::custom)
}
