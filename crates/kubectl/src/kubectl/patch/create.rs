//! Objects that commands make: the HPA of `autoscale`, the Job of `create job --from`, the pod of
//! `run`.
//!
//! Upstream: kubectl's `pkg/cmd/autoscale/autoscale.go`, `createHorizontalPodAutoscalerV2`;
//! `pkg/cmd/create/create_job.go`, `createJobFromCronJob`.

use serde_json::{Value, json};

use super::{Change, Message, Refusal};
use crate::kubectl::command::{Autoscale, AutoscaleTarget, CreateJob, PatchType, Run};
use crate::kubectl::kind::Kind;

/// The HPA that `autoscale` creates for a workload.
pub fn autoscaled(command: &Autoscale, kind: &Kind, name: &str, namespace: &str) -> Change {
    let mut spec = json!({
        "maxReplicas": command.max,
        "scaleTargetRef": {
            "apiVersion": kind.api_version(),
            "kind": kind.kind,
            "name": name,
        },
    });
    if let Some(min) = command.min {
        spec["minReplicas"] = min.into();
    }
    let metrics = [("cpu", command.cpu), ("memory", command.memory)];
    let metrics: Vec<Value> = metrics
        .into_iter()
        .filter_map(|(resource, target)| Some(metric(resource, target?)))
        .collect();
    if !metrics.is_empty() {
        spec["metrics"] = Value::Array(metrics);
    }
    let object = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": command.name.as_deref().unwrap_or(name),
            "namespace": namespace,
        },
        "spec": spec,
    });
    let mut change = Change::done(object, "autoscaled");
    if command.cpu_percent_used {
        change.messages.push(Message::Err(
            "Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource \
             quantity format (e.g., '70%' for utilization or '500m' for milliCPU)."
                .to_owned(),
        ));
    }
    change
}

fn metric(resource: &str, target: AutoscaleTarget) -> Value {
    let target = match target {
        AutoscaleTarget::Utilization(percent) => json!({
            "averageUtilization": percent,
            "type": "Utilization",
        }),
        AutoscaleTarget::AverageValue(amount) => json!({
            "averageValue": amount.to_string(),
            "type": "AverageValue",
        }),
    };
    json!({ "resource": { "name": resource, "target": target }, "type": "Resource" })
}

/// The pod of `run`, and the Service that exposes it, in a namespace.
pub fn run(command: &Run, namespace: &str) -> Result<Vec<Value>, Refusal> {
    let mut pod = command.pod.clone();
    if let Some((patch_type, overrides)) = &command.overrides {
        pod = match patch_type {
            PatchType::Json => super::json(&pod, overrides)?,
            PatchType::Merge => super::merge(&pod, overrides),
            PatchType::Strategic => match Kind::of_kind("Pod") {
                Some(kind) => super::strategic(kind, &pod, overrides)?,
                None => pod,
            },
        };
    }
    let mut made = vec![pod];
    made.extend(command.service.clone());
    for object in &mut made {
        object["metadata"]["namespace"] = namespace.into();
    }
    Ok(made)
}

/// The Job that `create job --from` makes of a CronJob's template.
pub fn job_from(command: &CreateJob, cron_job: &Value, namespace: &str) -> Change {
    let template = &cron_job["spec"]["jobTemplate"];
    let mut annotations = json!({ "cronjob.kubernetes.io/instantiate": "manual" });
    let own = template["metadata"]["annotations"].as_object();
    for (key, value) in own.into_iter().flatten() {
        annotations[key] = value.clone();
    }
    let mut metadata = json!({
        "annotations": annotations,
        "name": command.name,
        "namespace": namespace,
        "ownerReferences": [{
            "apiVersion": "batch/v1",
            "controller": true,
            "kind": "CronJob",
            "name": cron_job["metadata"]["name"],
            "uid": cron_job["metadata"]["uid"],
        }],
    });
    if let Some(labels) = template["metadata"].get("labels") {
        metadata["labels"] = labels.clone();
    }
    let object = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": template["spec"],
    });
    Change::done(object, "created")
}
