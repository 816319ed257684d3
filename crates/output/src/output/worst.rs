//! Which workloads of many get charts of their own: the worst by missed objectives, by flapping and
//! by cost, in turn.

use crate::analysis::Summary;
use crate::record::Recording;
use crate::sim::SimTime;

/// Workloads that get charts of their own at most, unless all are asked for.
pub(super) const MOST: usize = 12;

/// What a workload is ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Marked {
    /// Windows that missed the objective of one of its services, in percent.
    pub(super) missed: f64,
    /// Flaps of its HPAs.
    pub(super) flaps: usize,
    /// What its pods request over their lives, in dollars.
    pub(super) cost: f64,
}

/// What each workload is ranked by, in the order of the recording.
pub(super) fn marked(recording: &Recording, summary: &Summary) -> Vec<Marked> {
    let mut all = vec![Marked::default(); recording.workloads.len()];
    for (service, figures) in recording.services.iter().zip(&summary.services) {
        if let Some(one) = all.get_mut(service.workload) {
            one.missed = one.missed.max(figures.slo_violation_pct);
        }
    }
    for (hpa, figures) in recording.hpas.iter().zip(&summary.hpas) {
        if let Some(one) = all.get_mut(hpa.workload) {
            one.flaps += figures.flapping.flaps;
        }
    }
    // Prices of requests may be zero; how a node's is shared tells cores from memory.
    let (core, gib) = recording.prices.reference;
    let end = SimTime::ZERO + recording.duration;
    for pod in &recording.pods {
        let Some((scheduled, one)) = pod.scheduled.zip(all.get_mut(pod.workload)) else {
            continue;
        };
        for (from, to, cores, memory) in pod.requests(scheduled) {
            let hours = (to.unwrap_or(end) - from).as_secs_f64() / 3600.0;
            one.cost += hours * (cores * core + memory * gib);
        }
    }
    all
}

/// The workloads that are not loads, the worst first: in turn the next by missed objectives, by
/// flaps and by cost.
pub(super) fn worst_first(recording: &Recording, marked: &[Marked]) -> Vec<usize> {
    let ranked = |value: fn(&Marked) -> f64, with_zero: bool| {
        let mut places: Vec<usize> = (0..marked.len())
            .filter(|place| !recording.workloads[*place].is_load)
            .filter(|place| with_zero || value(&marked[*place]) > 0.0)
            .collect();
        places.sort_by(|a, b| value(&marked[*b]).total_cmp(&value(&marked[*a])));
        places.into_iter()
    };
    let mut rankings = [
        ranked(|one| one.missed, false),
        ranked(|one| one.flaps as f64, false),
        ranked(|one| one.cost, true),
    ];
    let mut order = Vec::new();
    let mut is_taken = vec![false; marked.len()];
    loop {
        let before = order.len();
        for ranking in &mut rankings {
            if let Some(next) = ranking.find(|place| !is_taken[*place]) {
                is_taken[next] = true;
                order.push(next);
            }
        }
        if order.len() == before {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::WorkloadRecord;

    #[test]
    fn rankings_take_turns_and_all_workloads_come() {
        let mark = |missed, flaps, cost| Marked {
            missed,
            flaps,
            cost,
        };
        let marked = [
            mark(0.0, 0, 1.0),
            mark(0.0, 9, 2.0),
            mark(5.0, 0, 3.0),
            mark(f64::NAN, 3, 9.0),
            mark(0.0, 0, 99.0),
        ];
        let mut recording = Recording {
            workloads: vec![WorkloadRecord::default(); marked.len()],
            ..Recording::default()
        };
        assert_eq!(worst_first(&recording, &marked), [2, 1, 4, 3, 0]);
        recording.workloads[4].is_load = true;
        assert_eq!(worst_first(&recording, &marked), [2, 1, 3, 0]);
    }
}
