//! `events.csv`: what the cluster's objects reported.

use std::io::{self, Write};

use super::lasting::Lasting;
use super::rows::Rows;
use super::schema::EVENTS;
use crate::record::Recording;

/// Writes a row per event, in order.
pub fn write_events(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &EVENTS.header(&[]))?;
    // Many say what others say.
    let (mut kinds, mut messages) = (Lasting::default(), Lasting::default());
    for event in recording.events.iter() {
        rows.seconds(event.time);
        kinds.write(&mut rows, [event.kind, event.reason, event.namespace]);
        rows.text(event.object);
        messages.write(&mut rows, [event.message]);
        rows.count(event.count);
        rows.end()?;
    }
    rows.finish()
}
