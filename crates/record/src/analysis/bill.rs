//! What a run cost: nodes by the second, pods by their requests, and how much was idle.

use crate::record::Recording;
use crate::record::fold::{ExactSum, Folded, WorkloadFold};

/// Costs after the warm-up, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bill {
    /// All nodes, commitments, and the cluster's fee.
    pub node: f64,
    /// The spot nodes' part of it.
    pub spot: f64,
    /// What was paid at list prices.
    pub on_demand: f64,
    /// What was committed to, used or not.
    pub commitment: f64,
    /// The part of it that was not used.
    pub unused: f64,
    /// The cluster's fee.
    pub fee: f64,
    /// The services' pods, paid by their requests.
    pub request: f64,
    /// What the provider gave back, and its credit: not in the sum.
    pub credits: f64,
    /// Node cost that no request or usage accounts for, whoever pays for it.
    pub idle: f64,
    /// The same in percent of what the nodes cost: without the fee, and without what was committed to
    /// and not used.
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
    /// The same over that of the pods which their highest demand needs, all the time.
    pub ratio_to_static_peak: f64,
    /// What it all cost an hour.
    pub per_hour: f64,
    /// What as many nodes as there were at most would have cost all the time: a static fleet.
    pub static_nodes: f64,
    /// What nodes and commitments cost over that.
    pub ratio_to_static_nodes: f64,
}

/// Bills a run of which this is known.
pub fn bill(recording: &Recording, folded: &Folded) -> Bill {
    let costs = &recording.costs;
    let [on_demand, spot, commitment] = costs.paid;
    let mut bill = Bill {
        node: costs.total(),
        spot,
        on_demand,
        commitment: commitment + costs.unused,
        unused: costs.unused,
        fee: costs.fee,
        credits: costs.refunds + costs.credits,
        idle: costs.idle.value() + costs.idle_shared.value(),
        node_hours: costs.node_hours,
        ..Bill::default()
    };
    let paid = costs.nodes() - costs.unused;
    if paid > 0.0 {
        bill.idle_share_pct = 100.0 * bill.idle / paid;
    }
    let serving = || {
        recording
            .workloads
            .iter()
            .zip(&folded.workloads)
            .filter(|one| !one.0.is_load)
    };
    let total = |sum: fn(&WorkloadFold) -> ExactSum| -> f64 {
        // Nothing adds up to -0.
        serving().map(|(_, fold)| sum(fold).value()).sum::<f64>() + 0.0
    };
    bill.request = total(|fold| fold.request_cost);
    bill.replica_hours = total(|fold| fold.pod_hours);
    bill.cpu_hours = total(|fold| fold.cpu_hours);
    bill.gib_hours = total(|fold| fold.gib_hours);
    let [demanded, peak] = ratios(recording, folded);
    (bill.ratio_to_clairvoyant, bill.ratio_to_static_peak) = (demanded, peak);
    let hours = (recording.duration - recording.warm_up).as_secs_f64() / 3600.0;
    bill.per_hour = bill.node / hours;
    bill.static_nodes = costs.static_nodes;
    bill.ratio_to_static_nodes = costs.nodes() / bill.static_nodes; // not a number without nodes
    bill
}

/// Cost of the autoscaled pods over the least that would have met the demand, and over that of as
/// many pods as the highest demand needs.
fn ratios(recording: &Recording, folded: &Folded) -> [f64; 2] {
    let length = (recording.duration - recording.warm_up).as_secs_f64();
    let (mut cost, mut least, mut peak) = (0.0, 0.0, 0.0);
    for (hpa, fold) in recording.hpas.iter().zip(&folded.hpas) {
        let Some(workload) = folded.workloads.get(hpa.workload) else {
            continue;
        };
        let rate = workload.first_rate.unwrap_or(0.0);
        cost += workload.plain_cost.value();
        least += fold.demanded / 3600.0 * rate;
        peak += fold.most_demanded * length / 3600.0 * rate;
    }
    [cost / least, cost / peak] // not numbers without autoscaled pods
}
