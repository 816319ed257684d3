//! Cost by the three ways in which users count it, in US dollars; an hour has 3600 s.

use crate::units::Usd;

pub use crate::record::fold::billed_seconds;

/// Node-based: the time that a node is up, by its hourly price.
pub fn node_cost(seconds: f64, price_per_hour: f64, minimum: f64) -> Usd {
    Usd(billed_seconds(seconds, minimum) / 3600.0 * price_per_hour)
}

/// Prices of requested resources per hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestPrices {
    /// A core.
    pub cpu_hour: f64,
    /// A GiB.
    pub gib_hour: f64,
    /// Billed at least, in seconds.
    pub minimum: f64,
}

/// Requests-based: a pod pays for what it requests while it exists.
pub fn request_cost(seconds: f64, cores: f64, gib: f64, prices: &RequestPrices) -> Usd {
    let hours = billed_seconds(seconds, prices.minimum) / 3600.0;
    Usd(hours * (cores * prices.cpu_hour + gib * prices.gib_hour))
}

/// A node for allocation, after OpenCost's specification (v0.1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AllocationNode {
    /// Cores.
    pub cores: f64,
    /// GiB.
    pub gib: f64,
    /// Price per hour.
    pub price_per_hour: f64,
    /// Hours that it was up.
    pub hours: f64,
}

/// A workload on the node: requests and mean usage.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AllocationPod {
    /// Requested cores.
    pub cpu_request: f64,
    /// Mean usage in cores.
    pub cpu_usage: f64,
    /// Requested GiB.
    pub gib_request: f64,
    /// Mean usage in GiB.
    pub gib_usage: f64,
}

/// What one workload pays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PodShare {
    /// For CPU.
    pub cpu_cost: f64,
    /// For memory.
    pub gib_cost: f64,
    /// usage / request.
    pub cpu_efficiency: f64,
    /// usage / request.
    pub gib_efficiency: f64,
    /// With its share of the idle cost, weighted by its cost of each resource.
    pub total_with_idle: f64,
}

/// A node's cost split over its workloads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Allocation {
    /// Price of a core per hour.
    pub cpu_price: f64,
    /// Price of a GiB per hour.
    pub gib_price: f64,
    /// The node's whole cost.
    pub node_cost: f64,
    /// Idle CPU, clamped at 0 where workloads use more than there is.
    pub idle_cpu: f64,
    /// Idle memory, clamped likewise.
    pub idle_gib: f64,
    /// Idle cost in percent of the node's cost.
    pub idle_share_pct: f64,
    /// What each workload pays.
    pub pods: Vec<PodShare>,
}

/// Splits a node's cost: its price is divided between CPU and memory in the ratio of the
/// reference prices; each workload pays for the larger of request and usage; the rest is idle.
pub fn allocate(
    node: &AllocationNode,
    pods: &[AllocationPod],
    cpu_reference: f64,
    gib_reference: f64,
) -> Allocation {
    let ratio = cpu_reference / gib_reference;
    let gib_price = node.price_per_hour / (node.cores * ratio + node.gib);
    let cpu_price = gib_price * ratio;
    let share = |pod: &AllocationPod| PodShare {
        cpu_cost: pod.cpu_request.max(pod.cpu_usage) * node.hours * cpu_price,
        gib_cost: pod.gib_request.max(pod.gib_usage) * node.hours * gib_price,
        cpu_efficiency: pod.cpu_usage / pod.cpu_request,
        gib_efficiency: pod.gib_usage / pod.gib_request,
        total_with_idle: 0.0,
    };
    let mut shares: Vec<PodShare> = pods.iter().map(share).collect();
    let cpu_total: f64 = shares.iter().map(|share| share.cpu_cost).sum();
    let gib_total: f64 = shares.iter().map(|share| share.gib_cost).sum();
    let node_cost = node.price_per_hour * node.hours;
    let idle_cpu = (node.cores * node.hours * cpu_price - cpu_total).max(0.0);
    let idle_gib = (node.gib * node.hours * gib_price - gib_total).max(0.0);
    let with_idle = |cost: f64, idle: f64, total: f64| {
        if total > 0.0 {
            cost * (1.0 + idle / total)
        } else {
            cost
        }
    };
    for share in &mut shares {
        share.total_with_idle = with_idle(share.cpu_cost, idle_cpu, cpu_total)
            + with_idle(share.gib_cost, idle_gib, gib_total);
    }
    let idle_share_pct = if node_cost > 0.0 {
        100.0 * (idle_cpu + idle_gib) / node_cost
    } else {
        0.0
    };
    Allocation {
        cpu_price,
        gib_price,
        node_cost,
        idle_cpu,
        idle_gib,
        idle_share_pct,
        pods: shares,
    }
}

/// A spot pool's interruption rate per hour from its monthly frequency f: −ln(1 − f)/hours.
pub fn spot_hazard_per_hour(monthly_frequency: f64, hours_per_month: f64) -> f64 {
    -(1.0 - monthly_frequency).ln() / hours_per_month
}

/// The probability of an interruption within some hours at a constant rate.
pub fn interrupted_within(hazard_per_hour: f64, hours: f64) -> f64 {
    1.0 - (-hazard_per_hour * hours).exp()
}
