//! Cheapest for what it holds, with a preference for nodes that suit the cluster's size.
//!
//! Source: `expander/price/price.go`, `preferred.go`.

use super::{ExpanderContext, ExpansionOption};
use crate::autoscaler::cluster_autoscaler::model::PodPrices;
use crate::autoscaler::cluster_autoscaler::resources::Resources;
use crate::units::{Bytes, Millicores};

/// The unfitness of nodes with GPUs (`gpuUnfitnessOverride`): no pod that needs none gets one.
const GPU_UNFITNESS: f64 = 1000.0;
/// A pod whose price is added on both sides, so that small options do not stand out.
const STABILIZATION_POD: Resources = Resources::new(Millicores(500), Bytes(500 * Bytes::MIB.0));

/// The CPU and memory of a node that suits a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimplePreferredNode {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
}

/// Doubles whenever the cluster is three times as large.
pub fn preferred_node(cluster_nodes: usize) -> SimplePreferredNode {
    let factor = match cluster_nodes {
        0..=2 => 1,
        3..=6 => 2,
        7..=20 => 4,
        21..=60 => 8,
        61..=200 => 16,
        _ => 32,
    };
    SimplePreferredNode {
        cpu: Millicores(1000 * factor),
        memory: Bytes(3750 * factor * Bytes::MIB.0),
    }
}

fn pod_price(prices: PodPrices, requests: &Resources) -> f64 {
    requests.cpu.cores() * prices.core_hour + requests.memory.gib() * prices.gib_hour
}

pub(super) fn best(
    options: &[ExpansionOption],
    among: &[usize],
    context: &ExpanderContext<'_>,
) -> Vec<usize> {
    let Some(prices) = context.pod_prices else {
        return Vec::new();
    };
    let preferred = preferred_node(context.cluster_nodes).cpu.0 as f64;
    let stabilization = pod_price(prices, &STABILIZATION_POD);
    let mut lowest = 0.0;
    let mut best = Vec::new();
    for index in among {
        let option = &options[*index];
        let price = context.groups[option.group.index()].price;
        let (Some(shape), Some(price)) = ((context.shape)(option.group), price) else {
            continue;
        };
        let nodes = price * option.nodes as f64;
        let requests = option.pods.iter().map(|pod| (context.pod_requests)(*pod));
        let pods: f64 = requests.fold(0.0, |sum, requests| sum + pod_price(prices, requests));
        let ratio = (nodes + stabilization) / (pods + stabilization);
        let cpu = shape.capacity.cpu.0 as f64;
        let unfitness = (preferred / cpu).max(cpu / preferred);
        let suppressed =
            (unfitness - 1.0) * (1.0 - ((option.nodes - 1) as f64 / 15.0).tanh()) + 1.0;
        let suppressed = match shape.allocatable.gpu() {
            Some(_) => GPU_UNFITNESS,
            None => suppressed,
        };
        let score = suppressed * ratio;
        if best.is_empty() || score == lowest {
            best.push(*index);
            lowest = score;
        } else if score < lowest {
            best = vec![*index];
            lowest = score;
        }
    }
    best
}
