//! `events.csv`: what the cluster's objects reported.

use std::io::{self, Write};

use super::number::seconds;
use super::schema::EVENTS;
use crate::record::Recording;

/// Writes a row per event, in order.
pub fn write_events(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(EVENTS.header(&[]))?;
    for event in &recording.events {
        rows.write_record([
            &seconds(event.time),
            event.kind,
            &event.reason,
            &event.namespace,
            &event.object,
            &event.message,
            &event.count.to_string(),
        ])?;
    }
    rows.flush()
}
