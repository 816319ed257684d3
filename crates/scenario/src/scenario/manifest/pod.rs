//! Pods that no controller owns: a pod template with a name.
//!
//! Upstream: `ValidatePodCreate` of `pkg/apis/core/validation/validation.go`.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::workload::workload;
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::WorkloadKind;

pub(super) fn pod(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: core::Pod = typed::read(context)?;
    let ObjectMeta {
        name,
        namespace,
        labels,
        annotations,
        uid,
        ..
    } = object.metadata;
    // Of an exported pod a scheduler has written it.
    let spec = object.spec.map(|mut spec| {
        spec.node_name = spec.node_name.filter(|_| uid.is_none());
        spec
    });
    // Labels and annotations are judged as those of the template.
    let identity = ObjectMeta {
        name,
        namespace,
        ..ObjectMeta::default()
    };
    let template = core::PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels,
            annotations,
            ..ObjectMeta::default()
        }),
        spec,
    };
    Some(workload(
        WorkloadKind::Pod,
        &identity,
        1,
        None,
        &template,
        context,
    ))
}
