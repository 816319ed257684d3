//! Samples as OpenMetrics text, which `promtool tsdb create-blocks-from openmetrics` reads.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::labels::METRIC_NAME;
use super::storage::{Series, Storage, is_stale};

/// Writes all samples from a time on, milliseconds.
pub fn write(storage: &Storage, from: i64, out: &mut impl Write) -> io::Result<()> {
    let mut named: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for series in storage.select(&[]) {
        let name = series.labels.get(METRIC_NAME);
        named.entry(name).or_default().push(series);
    }
    for (name, group) in named {
        writeln!(out, "# TYPE {name} unknown")?;
        for series in group {
            let labels = labels(series);
            for point in series.points().iter().filter(|point| point.t >= from) {
                // The text has no word for the end of a series.
                if !is_stale(point.v) {
                    let seconds = seconds(point.t);
                    let value = number(point.v);
                    writeln!(out, "{name}{labels} {value} {seconds}")?;
                }
            }
        }
    }
    writeln!(out, "# EOF")
}

/// A time in seconds, a bit further from zero than the millisecond: the reader makes milliseconds
/// of the nearest float, and cuts off.
fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}2", millis / 1000, millis % 1000)
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

fn labels(series: &Series) -> String {
    let own = series.labels.iter().filter(|one| *one.name != *METRIC_NAME);
    let pairs: Vec<String> = own
        .map(|one| {
            let value = one.value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{}=\"{}\"", one.name, value.replace('\n', "\\n"))
        })
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::labels::Labels;
    use crate::prometheus::storage::stale_marker;

    #[test]
    fn families_stand_together_and_ends_of_series_are_left_out() {
        let mut storage = Storage::new(1_000_000);
        let series = [
            Labels::new([(METRIC_NAME, "b"), ("pod", "x\"\n")]),
            Labels::new([(METRIC_NAME, "a")]),
            Labels::new([(METRIC_NAME, "b"), ("pod", "y")]),
        ];
        for (place, labels) in series.iter().enumerate() {
            let id = storage.series(labels);
            storage.append(id, -1, 0.0).unwrap();
            storage.append(id, 1_500, place as f64 + 0.5).unwrap();
            storage.append(id, 2_000, stale_marker()).unwrap();
        }
        let mut text = Vec::new();
        write(&storage, 0, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "# TYPE a unknown\na 1.5 1.5002\n# TYPE b unknown\nb{pod=\"x\\\"\\n\"} 0.5 1.5002\n\
             b{pod=\"y\"} 2.5 1.5002\n# EOF\n"
        );
    }

    #[test]
    fn a_reader_that_cuts_off_finds_the_millisecond() {
        for millis in [0, 1, 999, 1_700_000_000_001, 1_700_000_000_999, -1, -1_500] {
            let read: f64 = seconds(millis).parse().unwrap();
            assert_eq!((read * 1000.0) as i64, millis);
        }
    }
}
