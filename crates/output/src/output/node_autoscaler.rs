//! `node-autoscaler.csv`: what the node autoscaler decided, and why.

use std::io::{self, Write};

use super::rows::Rows;
use super::schema::NODE_AUTOSCALER;
use crate::record::Recording;

/// Writes a row per decision.
pub fn write_node_autoscaler(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut rows = Rows::new(out, &NODE_AUTOSCALER.header(&[]))?;
    let decisions = recording.node_autoscaler.iter();
    for decision in decisions.flat_map(|record| &record.decisions) {
        rows.seconds(decision.time);
        rows.text(decision.action.name());
        rows.text(&decision.group);
        rows.text(&decision.node);
        rows.optional(decision.size.map(|(before, _)| before));
        rows.optional(decision.size.map(|(_, after)| after));
        rows.int(decision.pods as i64);
        rows.text(&decision.reason);
        rows.end()?;
    }
    rows.finish()
}
