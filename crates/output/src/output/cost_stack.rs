//! What each owner pays for nodes an hour, as the cost chart stacks it.

use super::chart::Points;
use crate::analysis::Summary;
use crate::record::Recording;
use crate::record::cost::{CostRow, Owner};
use crate::sim::SimTime;

/// Owners that have a colour of their own.
const MOST: usize = 6;

/// Begins of the buckets, those without rows included, with their lengths in hours.
fn buckets(recording: &Recording) -> Vec<(SimTime, f64)> {
    let begins = &recording.costs.begins;
    let end = SimTime::ZERO + recording.duration;
    let nexts = begins.iter().skip(1).copied().chain([end]);
    begins
        .iter()
        .zip(nexts)
        .map(|(from, to)| (*from, (to - *from).as_secs_f64() / 3600.0))
        .collect()
}

/// The sums of rows by bucket, in dollars an hour, as steps.
fn rates<'a>(buckets: &[(SimTime, f64)], rows: impl Iterator<Item = &'a CostRow>) -> Points {
    let mut points: Points = (buckets.iter())
        .map(|(from, _)| (from.as_secs_f64(), 0.0))
        .collect();
    for row in rows {
        if let Ok(place) = buckets.binary_search_by_key(&row.from, |bucket| bucket.0) {
            points[place].1 += row.cost() / buckets[place].1;
        }
    }
    points
}

/// What nodes and all else cost an hour.
pub(super) fn rate(recording: &Recording) -> Points {
    rates(&buckets(recording), recording.costs.rows.iter())
}

/// The owners that pay most, the others, and what is idle, with what they pay an hour.
pub(super) fn owners(recording: &Recording, summary: &Summary) -> Vec<(String, Points)> {
    let costs = &recording.costs;
    let mut places: Vec<usize> = (0..costs.workloads.len()).collect();
    places.retain(|place| costs.workloads[*place].value() > 0.0);
    places.sort_by(|a, b| {
        let cost = |place: &usize| costs.workloads[*place].value();
        cost(b).total_cmp(&cost(a))
    });
    let own: Vec<usize> = places.iter().copied().take(MOST).collect();
    let buckets = buckets(recording);
    let of = |pays: &dyn Fn(Owner) -> bool| {
        rates(&buckets, costs.rows.iter().filter(|row| pays(row.owner)))
    };
    let mut stack: Vec<(String, Points)> = own
        .iter()
        .map(|place| {
            let label = summary.labels.workloads[*place].clone();
            (label, of(&|owner| owner == Owner::Workload(*place)))
        })
        .collect();
    let is_other = |owner: Owner| match owner {
        Owner::Workload(place) => !own.contains(&place),
        Owner::System | Owner::Unused | Owner::Fee => true,
        // What is given back belongs to no owner: the stack is what there was to pay.
        Owner::Idle | Owner::Credit => false,
    };
    if costs.rows.iter().any(|row| is_other(row.owner)) {
        stack.push(("others".to_owned(), of(&is_other)));
    }
    if costs.idle.value() > 0.0 {
        stack.push(("idle".to_owned(), of(&|owner| owner == Owner::Idle)));
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_cost_nothing_do_not_stretch_those_before() {
        let at = |hour: i64| SimTime::from_secs(3600 * hour);
        let mut recording = Recording {
            duration: at(4) - SimTime::ZERO,
            ..Recording::default()
        };
        recording.costs.begins = (0..4).map(at).collect();
        let row = |hour| CostRow {
            from: at(hour),
            group: None,
            purchase: None,
            owner: Owner::Idle,
            core_hours: 0.0,
            gib_hours: 0.0,
            cpu: 2.0,
            memory: 0.0,
            other: 0.0,
        };
        recording.costs.rows = vec![row(0), row(3)];
        let rates: Vec<f64> = rate(&recording).iter().map(|point| point.1).collect();
        assert_eq!(rates, [2.0, 0.0, 0.0, 2.0]);
    }
}
