//! What a run cost: nodes by the second, pods by their requests, and how much was idle.

use super::cost::{
    Allocation, AllocationNode, AllocationPod, RequestPrices, allocate, node_cost, request_cost,
};
use super::steps::{integrate, seconds};
use crate::record::{PodRecord, Recording};
use crate::sim::SimTime;

/// Costs after the warm-up, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bill {
    /// All nodes, and the cluster's fee.
    pub node: f64,
    /// The spot nodes' part of it.
    pub spot: f64,
    /// The services' pods, paid by their requests.
    pub request: f64,
    /// Node cost that no request or usage accounts for.
    pub idle: f64,
    /// The same in percent of the node cost without the fee.
    pub idle_share_pct: f64,
    /// Pod-hours of the services.
    pub replica_hours: f64,
    /// Node-hours.
    pub node_hours: f64,
    /// Requested cores × hours of the services.
    pub cpu_hours: f64,
    /// Requested GiB × hours of the services.
    pub gib_hours: f64,
    /// Request cost of the autoscaled workloads over that of their demand curves.
    pub ratio_to_clairvoyant: f64,
}

/// The part of a life that lies after the warm-up and before the end, in seconds.
fn billed(recording: &Recording, from: SimTime, to: Option<SimTime>) -> f64 {
    let start = SimTime::ZERO + recording.warm_up;
    let end = SimTime::ZERO + recording.duration;
    let (from, to) = (from.max(start), to.unwrap_or(end).min(end));
    (seconds(to) - seconds(from)).max(0.0)
}

/// Bills a run; `demands` are the demand curves of the HPAs, in order.
pub fn bill(recording: &Recording, demands: &[Vec<(f64, f64)>]) -> Bill {
    let prices = RequestPrices {
        cpu_hour: recording.prices.cpu_hour,
        gib_hour: recording.prices.gib_hour,
        minimum: recording.prices.minimum_seconds,
    };
    let minimum = recording.prices.node_minimum_seconds;
    let mut bill = Bill::default();
    for node in &recording.nodes {
        let up = billed(recording, node.started, node.ended);
        if up > 0.0 {
            let cost = node_cost(up, node.price_per_hour, minimum).0;
            bill.node += cost;
            bill.spot += if node.spot { cost } else { 0.0 };
            bill.node_hours += up / 3600.0;
        }
    }
    let serving = |pod: &&PodRecord| !recording.workloads[pod.workload].is_load;
    for pod in recording.pods.iter().filter(serving) {
        let life = billed(recording, pod.created, pod.deleted);
        if life <= 0.0 {
            continue;
        }
        bill.replica_hours += life / 3600.0;
        // The minimum is one of a whole life.
        let minimum = if pod.resized.is_empty() {
            prices.minimum
        } else {
            0.0
        };
        for (from, to, cores, gib) in pod.requests(pod.created) {
            let length = billed(recording, from, to);
            bill.request +=
                request_cost(length, cores, gib, &RequestPrices { minimum, ..prices }).0;
            bill.cpu_hours += cores * length / 3600.0;
            bill.gib_hours += gib * length / 3600.0;
        }
    }
    let length = (recording.duration - recording.warm_up).as_secs_f64();
    if let Some(allocation) = allocation(recording, length / 3600.0) {
        bill.idle = allocation.idle_cpu + allocation.idle_gib;
        bill.idle_share_pct = allocation.idle_share_pct;
    }
    bill.ratio_to_clairvoyant = ratio_to_clairvoyant(recording, demands, &prices);
    bill.node += recording.prices.cluster_hour * length / 3600.0;
    bill
}

/// Splits the cost of all nodes, taken as one of their mean size, over all pods.
fn allocation(recording: &Recording, hours: f64) -> Option<Allocation> {
    let share = |life: f64| life / 3600.0 / hours;
    let (mut cores, mut gib, mut price) = (0.0, 0.0, 0.0);
    for node in &recording.nodes {
        let share = share(billed(recording, node.started, node.ended));
        cores += node.cpu * share;
        gib += node.memory * share;
        price += node.price_per_hour * share;
    }
    if hours <= 0.0 || cores <= 0.0 || gib <= 0.0 || price <= 0.0 {
        return None;
    }
    let mut pods: Vec<AllocationPod> = vec![AllocationPod::default(); recording.workloads.len()];
    for pod in &recording.pods {
        // A pod that waits for a node takes nothing from one.
        let Some(scheduled) = pod.scheduled else {
            continue;
        };
        for (from, to, cores, gib) in pod.requests(scheduled) {
            let share = share(billed(recording, from, to));
            pods[pod.workload].cpu_request += cores * share;
            pods[pod.workload].gib_request += gib * share;
        }
    }
    for service in &recording.services {
        let after = service.samples.iter();
        let after: Vec<_> = after
            .filter(|sample| sample.time > SimTime::ZERO + recording.warm_up)
            .collect();
        let count = after.len().max(1) as f64;
        let pod = &mut pods[service.workload];
        pod.cpu_usage = after.iter().map(|sample| sample.cpu_used).sum::<f64>() / count;
        let bytes = after.iter().map(|sample| sample.memory_used).sum::<f64>() / count;
        pod.gib_usage = bytes / f64::from(1 << 30);
    }
    let node = AllocationNode {
        cores,
        gib,
        price_per_hour: price,
        hours,
    };
    let (cpu, gib) = recording.prices.reference;
    Some(allocate(&node, &pods, cpu, gib))
}

/// Cost of the autoscaled pods over the least that would have met the demand.
fn ratio_to_clairvoyant(
    recording: &Recording,
    demands: &[Vec<(f64, f64)>],
    prices: &RequestPrices,
) -> f64 {
    let (from, to) = (
        recording.warm_up.as_secs_f64(),
        recording.duration.as_secs_f64(),
    );
    let (mut cost, mut least) = (0.0, 0.0);
    for (hpa, demand) in recording.hpas.iter().zip(demands) {
        let pods = recording.pods.iter();
        let mut price = None;
        for pod in pods.filter(|pod| pod.workload == hpa.workload) {
            let rate = pod.cpu_request * prices.cpu_hour + pod.memory_request * prices.gib_hour;
            price.get_or_insert(rate);
            for (from, to, cores, gib) in pod.requests(pod.created) {
                let rate = cores * prices.cpu_hour + gib * prices.gib_hour;
                cost += billed(recording, from, to) / 3600.0 * rate;
            }
        }
        let replica_seconds = integrate(demand, &[], from, to, |demand, _| demand);
        least += replica_seconds / 3600.0 * price.unwrap_or(0.0);
    }
    cost / least // not a number without autoscaled pods
}
