//! `calls.csv`: a row per way of calls and step.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::CALLS;
use crate::record::{CallFailure, CallSample, Labels, Recording};

/// The kind of failure that stands in a column of its own, where there is one.
const LIMITED: usize = CallFailure::Limited429 as usize;

/// Writes the series of all ways.
pub fn write_calls(recording: &Recording, out: impl Write) -> io::Result<()> {
    let labels = Labels::of(recording);
    let mut rows = Rows::new(out, &CALLS.header_with(recording.limits_rates))?;
    let most = recording.calls.iter().map(|one| one.samples.len()).max();
    for place in 0..most.unwrap_or(0) {
        for call in &recording.calls {
            if let Some(sample) = call.samples.get(place) {
                rows.seconds(sample.time);
                rows.text(&labels.services[call.caller]);
                rows.text(call.called(recording, &labels));
                counts(&mut rows, sample);
                if recording.limits_rates {
                    rows.count(sample.totals.failed[LIMITED]);
                }
                rows.end()?;
            }
        }
    }
    rows.finish()
}

fn counts(rows: &mut Rows<impl Write>, sample: &CallSample) {
    let totals = &sample.totals;
    let kinds = totals.failed.into_iter().enumerate();
    let kinds = kinds.filter(|(kind, _)| *kind != LIMITED);
    let kinds = kinds.map(|(_, count)| count);
    let first = [totals.calls, totals.first, totals.attempts, totals.answered];
    let behind = [
        totals.retries,
        totals.unbudgeted,
        totals.turned_away,
        totals.opened,
    ];
    for count in first.into_iter().chain(kinds).chain(behind) {
        rows.count(count);
    }
    rows.float(totals.time as f64 / 1e9, 3);
    for count in [totals.under_way(), sample.waiting, sample.connections] {
        rows.count(count);
    }
}
