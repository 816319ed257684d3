//! DaemonSets: no pods of theirs are simulated, but what these request is not free on the nodes.

use k8s_openapi::api::apps::v1 as apps;

use super::container::template;
use super::workload::{check_restarts, check_selector, need_spec};
use super::{Context, typed};
use crate::api::Amounts;
use crate::cluster::spec::Labels;

/// A DaemonSet: one pod on each node that its selector matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct DaemonSetObject {
    /// `spec.template.spec.nodeSelector`.
    pub(in crate::scenario) node_selector: Labels,
    /// What a pod of it requests.
    pub(in crate::scenario) requests: Amounts,
}

pub(super) fn daemon_set(context: &mut Context<'_>) -> Option<DaemonSetObject> {
    let object: apps::DaemonSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    context.identity(object.metadata);
    check_restarts(&spec.template, "DaemonSet", context);
    let (template, _) = template(&spec.template, context);
    check_selector(&spec.selector, &template.labels, context);
    Some(DaemonSetObject {
        requests: template.requests(),
        node_selector: template.node_selector,
    })
}
