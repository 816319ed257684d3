//! `cost.csv`: who pays how much for which nodes, hour by hour.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::rows::Rows;
use super::schema::COSTS;
use crate::record::Recording;
use crate::record::cost::{Owner, Purchase};

const HOUR: i64 = 3600 * 1_000_000_000;

/// Core-hours, GiB-hours, dollars for CPU, for memory, for all.
type Amounts = [f64; 5];

/// Hour, node group, purchase option and owner.
type Key<'r> = (i64, Option<&'r str>, Option<Purchase>, Owner);

/// Writes a row per hour, group, purchase and owner that pays something.
pub fn write_costs(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut sums: BTreeMap<Key, Amounts> = BTreeMap::new();
    for row in &recording.costs.rows {
        let hour = row.from.0.div_euclid(HOUR);
        let key = (hour, row.group.as_deref(), row.purchase, row.owner);
        let sum = sums.entry(key).or_default();
        let amounts = [
            row.core_hours,
            row.gib_hours,
            row.cpu,
            row.memory,
            row.cost(),
        ];
        for (sum, amount) in sum.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }
    let mut rows = Rows::new(out, &COSTS.header(&[]))?;
    for ((hour, group, purchase, owner), amounts) in sums {
        rows.float(hour as f64 * 3600.0, 3);
        rows.text(group.unwrap_or_default());
        rows.text(purchase.map_or("", Purchase::name));
        let (namespace, name) = names(recording, owner);
        rows.text(&namespace);
        rows.text(&name);
        for (place, amount) in amounts.into_iter().enumerate() {
            rows.float(amount, if place < 2 { 4 } else { 8 });
        }
        rows.end()?;
    }
    rows.finish()
}

/// Namespace and name of an owner.
fn names(recording: &Recording, owner: Owner) -> (String, String) {
    let plain = |name: &str| (String::new(), name.to_owned());
    match owner {
        Owner::Workload(place) => {
            let workload = &recording.workloads[place];
            (workload.namespace.to_string(), workload.object())
        }
        Owner::System => plain("daemonsets"),
        Owner::Idle => plain("idle"),
        Owner::Unused => plain("unused commitment"),
        Owner::Fee => plain("cluster fee"),
        Owner::Credit => plain("credit"),
    }
}
