//! `load.csv`: the report of each load, by its tool's own rules.

use std::io::{self, Write};

use super::number::{float, seconds};
use super::schema::LOADS;
use crate::record::Recording;

/// Percentiles that some tool prints.
const PERCENTILES: [u8; 11] = [10, 25, 50, 66, 75, 80, 90, 95, 98, 99, 100];
/// Kinds of ends.
const OUTCOMES: [&str; 6] = [
    "ok",
    "status_503",
    "status_504",
    "timeout",
    "refused",
    "reset",
];

/// Writes a row per load; percentiles that its tool does not print are empty.
pub fn write_loads(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(LOADS.header_with(recording.limits_rates))?;
    for load in &recording.loads {
        let service = recording.services.get(load.service);
        let mut row = vec![
            load.name.clone(),
            load.tool.to_owned(),
            service.map_or(String::new(), |service| service.namespace.to_string()),
            service.map_or(String::new(), |service| service.name.clone()),
            seconds(load.started),
            load.ended.map_or(String::new(), seconds),
            float(load.seconds, 3),
            load.sent.to_string(),
            load.unanswered.to_string(),
            load.requests.to_string(),
        ];
        let of = |name: &str| {
            let found = load.outcomes.iter().find(|(outcome, _)| *outcome == name);
            found.map_or(0, |(_, count)| *count).to_string()
        };
        row.extend(OUTCOMES.map(of));
        for value in [
            load.requests_per_second,
            load.min_ms,
            load.mean_ms,
            load.max_ms,
        ] {
            row.push(float(value, 3));
        }
        for percent in PERCENTILES {
            let found = load.percentiles.iter().find(|(other, _)| *other == percent);
            row.push(found.map_or(String::new(), |(_, ms)| float(*ms, 3)));
        }
        if recording.limits_rates {
            row.push(of("status_429"));
        }
        rows.write_record(row)?;
    }
    rows.flush()
}
