//! Findings about what pods got to do.

use super::{Finding, Severity};
use crate::record::{Labels, ServiceRecord};

/// Ready pods that got no request, since clients keep their connections to other pods.
pub(super) fn passed_by(service: &ServiceRecord, labels: &Labels) -> Option<Finding> {
    let pods = service.passed_by;
    let were = if pods == 1 { "pod was" } else { "pods were" };
    (pods > 0).then(|| Finding {
        severity: Severity::Warning,
        subject: labels.workloads[service.workload].clone(),
        text: format!(
            "{pods} {were} ready but got no requests: keep-alive pins connections to the pods that they were opened to. Limit the age of connections, or balance by request (ingress, service mesh)"
        ),
    })
}
