//! `events.csv`: what the cluster's objects reported.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::EVENTS;
use crate::record::Recording;

/// Writes a row per event, in order.
pub fn write_events(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &EVENTS.header(&[]))?;
    for event in recording.events.iter() {
        rows.seconds(event.time);
        rows.text(event.kind);
        rows.text(event.reason);
        rows.text(event.namespace);
        rows.text(event.object);
        rows.text(event.message);
        rows.count(event.count);
        rows.end()?;
    }
    rows.finish()
}
