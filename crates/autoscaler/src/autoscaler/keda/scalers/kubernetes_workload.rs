//! `kubernetes-workload`: how many pods another workload has.

use std::collections::BTreeSet;

use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig};

/// A pod that the selector selects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkloadPod {
    /// Whether its phase is `Succeeded` or `Failed`.
    pub terminated: bool,
    /// The node it is bound to; empty if none.
    pub node: String,
}

/// A count of pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KubernetesWorkload {
    namespace: String,
    pod_selector: String,
    value: f64,
    activation_value: f64,
    group_by_node: bool,
}

impl KubernetesWorkload {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        const WHAT: &str = "error parsing kubernetes workload metadata";
        let mut params = Params::new(config);
        let scaler = Self {
            namespace: config.namespace.to_owned(),
            pod_selector: params.read(Param::new(&["podSelector"])),
            value: params.read(Param::new(&["value"]).or("0")),
            activation_value: params.read(Param::new(&["activationValue"]).or("0")),
            group_by_node: params.read(Param::new(&["groupByNode"]).or("false")),
        };
        let validation = if scaler.value <= 0.0 && !config.as_metric_source {
            Err("value must be a float greater than 0".to_owned())
        } else {
            Ok(())
        };
        params
            .finish(validation)
            .map_err(|error| format!("{WHAT}: {WHAT}: {error}"))?;
        Ok(scaler)
    }

    pub(super) fn pod_selector(&self) -> &str {
        &self.pod_selector
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = normalize(&format!("workload-{}", self.namespace));
        MetricSpec::external(index, &name, MetricTarget::milli(kind, self.value))
    }

    pub(super) fn measure(&self, pods: &[WorkloadPod]) -> (f64, bool) {
        let counted = pods.iter().filter(|pod| !pod.terminated);
        let count = if self.group_by_node {
            let nodes: BTreeSet<&str> = counted
                .map(|pod| pod.node.as_str())
                .filter(|node| !node.is_empty())
                .collect();
            nodes.len()
        } else {
            counted.count()
        };
        (count as f64, count as f64 > self.activation_value)
    }
}
