//! What a run cost: nodes by the second, pods by their requests, and how much was idle.

use super::cost::{Allocation, AllocationNode, AllocationPod, allocate, node_cost};
use super::steps::seconds;
use crate::record::Recording;
use crate::record::fold::{ExactSum, Folded, WorkloadFold};
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

/// Bills a run of which this is known.
pub fn bill(recording: &Recording, folded: &Folded) -> Bill {
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
    let serving = || {
        recording
            .workloads
            .iter()
            .zip(&folded.workloads)
            .filter(|one| !one.0.is_load)
    };
    let total = |sum: fn(&WorkloadFold) -> ExactSum| -> f64 {
        serving().map(|(_, fold)| sum(fold).value()).sum()
    };
    bill.request = total(|fold| fold.request_cost);
    bill.replica_hours = total(|fold| fold.pod_hours);
    bill.cpu_hours = total(|fold| fold.cpu_hours);
    bill.gib_hours = total(|fold| fold.gib_hours);
    let length = (recording.duration - recording.warm_up).as_secs_f64();
    if let Some(allocation) = allocation(recording, folded, length / 3600.0) {
        bill.idle = allocation.idle_cpu + allocation.idle_gib;
        bill.idle_share_pct = allocation.idle_share_pct;
    }
    bill.ratio_to_clairvoyant = ratio_to_clairvoyant(recording, folded);
    bill.node += recording.prices.cluster_hour * length / 3600.0;
    bill
}

/// Splits the cost of all nodes, taken as one of their mean size, over all pods.
fn allocation(recording: &Recording, folded: &Folded, hours: f64) -> Option<Allocation> {
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
    let requested = |fold: &WorkloadFold| AllocationPod {
        cpu_request: fold.placed_cores.value(),
        gib_request: fold.placed_gib.value(),
        ..AllocationPod::default()
    };
    let mut pods: Vec<AllocationPod> = folded.workloads.iter().map(requested).collect();
    for (service, fold) in recording.services.iter().zip(&folded.services) {
        let count = fold.samples.max(1) as f64;
        let pod = &mut pods[service.workload];
        pod.cpu_usage = fold.cpu_used / count;
        pod.gib_usage = fold.memory_used / count / f64::from(1 << 30);
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
fn ratio_to_clairvoyant(recording: &Recording, folded: &Folded) -> f64 {
    let (mut cost, mut least) = (0.0, 0.0);
    for (hpa, fold) in recording.hpas.iter().zip(&folded.hpas) {
        let Some(workload) = folded.workloads.get(hpa.workload) else {
            continue;
        };
        cost += workload.plain_cost.value();
        least += fold.demanded / 3600.0 * workload.first_rate.unwrap_or(0.0);
    }
    cost / least // not a number without autoscaled pods
}
