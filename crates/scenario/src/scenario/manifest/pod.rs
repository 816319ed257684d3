//! Pods that no controller owns: a pod template with a name.
//!
//! Upstream: `ValidatePodCreate` of `pkg/apis/core/validation/validation.go`.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::hpa::unsupported;
use super::workload::workload;
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::WorkloadKind;

/// What `restartPolicy` may be.
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];

pub(super) fn pod(context: &mut Context<'_>) -> Option<WorkloadObject> {
    let object: core::Pod = typed::read(context)?;
    let ObjectMeta {
        name,
        namespace,
        labels,
        annotations,
        ..
    } = object.metadata;
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
        spec: object.spec,
    };
    let policy = template.spec.as_ref();
    let policy = policy.and_then(|spec| spec.restart_policy.as_deref());
    let policy = policy.filter(|policy| !policy.is_empty());
    if let Some(policy) = policy.filter(|policy| !RESTART_POLICIES.contains(policy)) {
        let words = unsupported(policy, &RESTART_POLICIES);
        context.refuse("spec.restartPolicy", words, None);
    }
    Some(workload(
        WorkloadKind::Pod,
        &identity,
        1,
        None,
        &template,
        context,
    ))
}
