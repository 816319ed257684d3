//! `queues.csv`: a row per queue and step.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::QUEUES;
use crate::record::{QueueRecord, QueueSample, Recording};

/// Writes the series of all queues.
pub fn write_queues(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &QUEUES.header(&[]))?;
    let most = recording.queues.iter().map(|one| one.samples.len()).max();
    for place in 0..most.unwrap_or(0) {
        for queue in &recording.queues {
            if let Some(sample) = queue.samples.get(place) {
                row(&mut rows, recording, queue, sample);
                rows.end()?;
            }
        }
    }
    rows.finish()
}

fn row(
    rows: &mut Rows<impl Write>,
    recording: &Recording,
    queue: &QueueRecord,
    sample: &QueueSample,
) {
    rows.seconds(sample.time);
    rows.text(&queue.name);
    rows.text(queue.kind);
    rows.text(&recording.services[queue.service].name);
    for count in [sample.ready, sample.unacked, sample.delayed, sample.running] {
        rows.count(count);
    }
    rows.int(sample.consumers);
    match sample.lag {
        Some(lag) => rows.count(lag),
        None => rows.text(""),
    }
    rows.float(sample.oldest.unwrap_or(f64::NAN), 3);
    let totals = &sample.totals;
    for count in [
        totals.produced,
        totals.delivered,
        totals.done,
        totals.dead_lettered,
        totals.lost,
        totals.redelivered,
        totals.retried,
        totals.duplicates,
    ] {
        rows.count(count);
    }
}
