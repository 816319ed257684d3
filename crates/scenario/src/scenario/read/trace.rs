//! Traces: a CSV of rates over time, as monitoring systems export them.

use csv::StringRecord;

use super::known::Known;
use super::shapes::at_most;
use super::trace_time::{Stamp, Stamps};
use crate::autoscaler::vpa::WallClock;
use crate::load::spec::Shape;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{Reader, duration};
use crate::sim::{SimDuration, SimTime};

/// Headings of the column of times, the first that is there.
const TIME_COLUMNS: [&str; 9] = [
    "time",
    "timestamp",
    "ts",
    "datetime",
    "date",
    "time_s",
    "seconds",
    "epoch",
    "t",
];
/// Headings of the column of rates, the first that is there.
const RATE_COLUMNS: [&str; 7] = [
    "rate",
    "rps",
    "qps",
    "requests_per_second",
    "req/s",
    "throughput",
    "value",
];

/// A row: its time, its rate unless the cell is empty, and where it stands.
struct Row {
    time: Stamp,
    rate: Option<f64>,
    span: Span,
}

/// What the table `trace` says besides its file.
struct Options<'a> {
    time: Option<&'a Node>,
    rate: Option<&'a Node>,
    linear: bool,
    per: SimDuration,
    max_gap: Option<SimDuration>,
}

/// Reads the table `trace` and the file that it names, for a load that begins at `at`.
pub(super) fn trace(
    table: &mut Reader<'_>,
    at: SimTime,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Shape> {
    if table.get("file").is_none() {
        table.missing("file", "`trace`", "file = \"rates.csv\"", diagnostics);
    }
    let options = Options {
        time: text_node("time", table, diagnostics),
        rate: text_node("rate", table, diagnostics),
        linear: table.boolean("linear", diagnostics).unwrap_or(false),
        per: positive("per", table, diagnostics).unwrap_or(SimDuration::from_secs(1)),
        max_gap: positive("max_gap", table, diagnostics),
    };
    let (node, rows) = rows_of(table, &options, known, diagnostics)?;
    let points = place(&rows, at, node, known, diagnostics)?;
    Some(Shape::Trace {
        points: with_gaps(&points, &options),
        linear: options.linear,
    })
}

/// The rows of the file that a table names.
fn rows_of<'a>(
    table: &mut Reader<'a>,
    options: &Options<'_>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(&'a Node, Vec<Row>)> {
    let node = table.get("file");
    let name = table.text("file", diagnostics);
    let node = node?;
    if !known.parsed.check_read(node, diagnostics) {
        return None;
    }
    // A file that could not be read was told of when it was looked for.
    let file = *known.parsed.traces.get(name?)?;
    let text = diagnostics.files[file].text.clone();
    Some((node, rows(&text, file, options, diagnostics)?))
}

/// Reads `{ file, time, rate }` as a curve from the file's first row on.
pub(super) fn curve_of(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(SimTime, f64)>> {
    let options = Options {
        time: text_node("time", table, diagnostics),
        rate: text_node("rate", table, diagnostics),
        linear: false,
        per: SimDuration::from_secs(1),
        max_gap: None,
    };
    let (_, rows) = rows_of(table, &options, known, diagnostics)?;
    let first = rows.first()?.time.nanos();
    let points = rows.iter().filter_map(|row| {
        let since = i128::from(row.time.nanos()) - i128::from(first);
        Some((SimTime(i64::try_from(since).ok()?), row.rate?))
    });
    Some(points.collect())
}

fn text_node<'a>(
    key: &'static str,
    table: &mut Reader<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Node> {
    table.text(key, diagnostics)?;
    table.get(key)
}

fn positive(
    key: &'static str,
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<SimDuration> {
    table.read(key, diagnostics, duration).filter(|span| {
        let fits = *span > SimDuration::ZERO;
        if !fits {
            let label = "must be longer than 0s";
            let title = format!("wrong value for `{key}`");
            diagnostics.error(table.key_span(key), title, label);
        }
        fits
    })
}

/// The rows of the file, with ascending times.
fn rows(
    text: &str,
    file: usize,
    options: &Options<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut rows: Vec<Row> = Vec::new();
    let mut columns: Option<(usize, usize)> = None;
    let (mut width, mut stamps) = (0, Stamps::default());
    let mut fine = true;
    for record in reader.records() {
        let Ok(record) = record else { continue }; // the text is UTF-8, rows of any length are taken
        if record.iter().all(str::is_empty) {
            continue;
        }
        let span = span(&record, text, file);
        let Some((time_column, rate_column)) = columns else {
            width = record.len();
            let found = choose(&record, span, options, diagnostics)?;
            columns = Some(found);
            if is_heading(&record) {
                continue;
            }
            match row(&record, found, width, span, options, &mut stamps) {
                Ok(row) => rows.push(row),
                Err(problem) => fine = wrong_row(span, problem, diagnostics),
            }
            continue;
        };
        match row(
            &record,
            (time_column, rate_column),
            width,
            span,
            options,
            &mut stamps,
        ) {
            Ok(row) if rows.last().is_some_and(|last| last.time >= row.time) => {
                fine = wrong_row(span, "times must ascend".to_owned(), diagnostics);
            }
            Ok(row) => rows.push(row),
            Err(problem) => fine = wrong_row(span, problem, diagnostics),
        }
    }
    if fine && rows.iter().all(|row| row.rate.is_none()) {
        let label = "expected rows of time and rate, for example `60,12.5`";
        diagnostics.error(Span::at(file, 0), "the trace has no rows", label);
        fine = false;
    }
    fine.then_some(rows)
}

fn wrong_row(span: Span, problem: String, diagnostics: &mut Diagnostics) -> bool {
    diagnostics.error(span, "wrong row in the trace", problem);
    false
}

/// A comma; a semicolon or a tab where the first line has no comma.
fn delimiter(text: &str) -> u8 {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let first = first.unwrap_or_default();
    let has = |mark: &&u8| first.as_bytes().contains(mark);
    *[b',', b';', b'\t'].iter().find(has).unwrap_or(&b',')
}

/// Where a row stands. The position of a record is that of the empty lines and comments before it.
fn span(record: &StringRecord, text: &str, file: usize) -> Span {
    let mut start = record.position().map_or(0, |place| place.byte() as usize);
    loop {
        let rest = &text[start.min(text.len())..];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        let content = line.trim();
        if line.is_empty() || !(content.is_empty() || content.starts_with('#')) {
            let indent = line.len() - line.trim_start().len();
            let (start, end) = (start + indent, start + line.trim_end().len());
            return Span { file, start, end };
        }
        start += line.len();
    }
}

/// Whether a first row names the columns: no cell of it is a number or a time.
fn is_heading(record: &StringRecord) -> bool {
    let is_value = |cell: &str| cell.parse::<f64>().is_ok() || Stamp::is_time(cell);
    !record.iter().any(is_value)
}

/// The columns of time and of rate.
fn choose(
    first: &StringRecord,
    span: Span,
    options: &Options<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(usize, usize)> {
    if !is_heading(first) {
        let named = [("time", options.time), ("rate", options.rate)];
        let named = named.iter().find_map(|(key, node)| Some((key, (*node)?)));
        if let Some((key, node)) = named {
            let title = "the trace has no headings";
            let label = format!("`{key}` names a column");
            diagnostics.error(node.span, title, label).help =
                Some("begin the file with a row such as `time,rate`".to_owned());
            return None;
        }
        // A row of another length is refused with the others.
        return Some((0, 1));
    }
    let time = column(first, options.time, &TIME_COLUMNS, diagnostics)?;
    let rate = column(first, options.rate, &RATE_COLUMNS, diagnostics)?;
    match (time, rate, first.len()) {
        (Some(time), Some(rate), _) if time != rate => Some((time, rate)),
        (Some(time), None, 2) => Some((time, 1 - time)),
        (None, Some(rate), 2) => Some((1 - rate, rate)),
        (None, None, 2) => Some((0, 1)),
        (time, _, _) => {
            let (missing, example) = if time.is_none() {
                ("time", first.iter().next())
            } else {
                ("rate", first.iter().next_back())
            };
            let title = format!("it is not clear which column of the trace is the {missing}");
            let names: Vec<&str> = first.iter().collect();
            let help = format!(
                "name it, for example `trace = {{ file = \"…\", {missing} = \"{}\" }}`",
                example.unwrap_or_default()
            );
            let label = format!("columns: {}", names.join(", "));
            diagnostics.error(span, title, label).help = Some(help);
            None
        }
    }
}

/// The column that a key names, or the first of the well-known ones; `None` after an error.
#[allow(
    clippy::option_option,
    reason = "a column that is not there is no error yet"
)]
fn column(
    headings: &StringRecord,
    named: Option<&Node>,
    known: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Option<usize>> {
    let at = |name: &str| {
        headings
            .iter()
            .position(|one| one.eq_ignore_ascii_case(name))
    };
    let Some(node) = named else {
        return Some(known.iter().find_map(|name| at(name)));
    };
    let name = node.text().unwrap_or_default();
    let exact = headings.iter().position(|one| one == name);
    let found = exact.or_else(|| at(name));
    if found.is_none() {
        let names: Vec<&str> = headings.iter().collect();
        let problem = format!("the trace has the columns {}", names.join(", "));
        let title = format!("the trace has no column `{name}`");
        diagnostics.error(node.span, title, problem);
        return None;
    }
    Some(found)
}

fn row(
    record: &StringRecord,
    (time, rate): (usize, usize),
    width: usize,
    span: Span,
    options: &Options<'_>,
    stamps: &mut Stamps,
) -> Result<Row, String> {
    if record.len() != width || width < 2 {
        let expected = if width > 2 {
            format!("expected {width} columns, as in the first row")
        } else {
            "expected two columns: time and rate".to_owned()
        };
        return Err(expected);
    }
    Ok(Row {
        time: stamps.read(&record[time])?,
        rate: read_rate(&record[rate], options.per)?,
        span,
    })
}

/// A rate in requests a second; an empty cell is a gap.
fn read_rate(cell: &str, per: SimDuration) -> Result<Option<f64>, String> {
    if cell.is_empty() || ["nan", "null", "none", "-"].contains(&cell.to_lowercase().as_str()) {
        return Ok(None);
    }
    match cell.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => at_most(rate / per.as_secs_f64()).map(Some),
        _ => Err(format!("the rate \"{cell}\" is not a number of at least 0")),
    }
}

/// The points of the trace over the time since the load's start.
fn place(
    rows: &[Row],
    at: SimTime,
    node: &Node,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(i64, f64)>> {
    let (first, last) = (rows.first()?, rows.last()?);
    let base = match (first.time, last.time) {
        (Stamp::Calendar(from), Stamp::Calendar(to)) => {
            let stated = known.clock.get();
            let clock = stated.unwrap_or_else(|| WallClock {
                unix_start: from.saturating_sub(at.0).div_euclid(1_000_000_000),
            });
            known.clock.set(Some(clock));
            let start = i128::from(clock.unix_start) * 1_000_000_000;
            let length = known.end.map_or(0, |end| i128::from(end.0.max(0)));
            let inside =
                stated.is_none() || i128::from(from) <= start + length && start <= i128::from(to);
            let clock = clock.print(SimTime::ZERO);
            let name = node.text().unwrap_or_default();
            let title = if stated.is_none() {
                format!("the run starts at {clock}, by the first row of {name}")
            } else if inside {
                format!("{name} is read by calendar time: the run, from {clock} on, meets it")
            } else {
                format!(
                    "{name} is read from its first row on, as no row lies in the run, from {clock} on"
                )
            };
            diagnostics.note(node.span, title);
            if inside {
                start + i128::from(at.0)
            } else {
                i128::from(from)
            }
        }
        _ => 0,
    };
    let offset = |row: &Row| {
        let offset = i128::from(row.time.nanos()) - base;
        offset.clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2)) as i64
    };
    let end = known.end.map(|end| end.since(at));
    if let Some(end) = end.filter(|end| offset(first) >= end.0) {
        let title = "the trace lies wholly after the end of the run";
        let begins = SimTime(offset(first)) + at.since(SimTime::ZERO);
        let label = format!(
            "begins at {begins}, the run ends at {}",
            SimTime(end.0) + at.since(SimTime::ZERO)
        );
        diagnostics.error(first.span, title, label).help =
            Some("lengthen `simulation.duration`, or let the times begin with 0".to_owned());
        return None;
    }
    let points = rows.iter().filter_map(|row| Some((offset(row), row.rate?)));
    Some(points.collect())
}

/// The points with the ends of gaps, from the load's start on.
fn with_gaps(points: &[(i64, f64)], options: &Options<'_>) -> Vec<(SimDuration, f64)> {
    let mut all: Vec<(i64, f64)> = Vec::with_capacity(points.len());
    for (index, &(at, rate)) in points.iter().enumerate() {
        all.push((at, rate));
        let next = points.get(index + 1).map(|next| next.0);
        let stale = options.max_gap.map(|gap| at.saturating_add(gap.0));
        let Some(stale) = stale.filter(|stale| next.is_none_or(|next| *stale < next)) else {
            continue;
        };
        if options.linear {
            // Steps, as lines that take a nanosecond.
            all.push((stale, rate));
            all.push((stale + 1, 0.0));
            all.extend(
                next.filter(|next| stale + 2 < *next)
                    .map(|next| (next - 1, 0.0)),
            );
        } else {
            all.push((stale, 0.0));
        }
    }
    all.dedup_by_key(|point| point.0);
    let before = all.partition_point(|&(at, _)| at <= 0);
    let mut cut: Vec<(SimDuration, f64)> = Vec::with_capacity(all.len() + 1 - before);
    if let Some(&(from, rate)) = before.checked_sub(1).and_then(|last| all.get(last)) {
        let rate = match all.get(before) {
            Some(&(to, next)) if options.linear => {
                rate + (next - rate) * (-from as f64 / (to - from) as f64)
            }
            _ => rate,
        };
        cut.push((SimDuration::ZERO, rate));
    }
    let rest = all[before..].iter();
    cut.extend(rest.map(|&(at, rate)| (SimDuration(at), rate)));
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, options: &Options<'_>) -> Option<Vec<Option<f64>>> {
        let mut diagnostics = Diagnostics::default();
        let rows = rows(text, 0, options, &mut diagnostics)?;
        assert!(diagnostics.list.is_empty());
        Some(rows.iter().map(|row| row.rate).collect())
    }

    const PLAIN: Options<'_> = Options {
        time: None,
        rate: None,
        linear: false,
        per: SimDuration::from_secs(1),
        max_gap: None,
    };

    #[test]
    fn columns_are_found_by_their_headings() {
        for text in [
            "0,1\n1m,2.5\n",
            "time,rate\n0,1\n1m,2.5\n",
            "\"Time\";\"Value\"\n\n# a comment\n2026-01-01 00:00:00;1\n2026-01-01 00:01:00;2.5\n",
            "pod,p99,rps,timestamp\na,7,1,1767225600000\nb,8,2.5,1767225660000\n",
            "when\thow many\n0\t1\n60\t2.5\n",
        ] {
            assert_eq!(
                read(text, &PLAIN),
                Some(vec![Some(1.0), Some(2.5)]),
                "{text}"
            );
        }
        assert_eq!(
            read("0,1\n1,\n2,NaN\n", &PLAIN),
            Some(vec![Some(1.0), None, None])
        );
        assert!(read("noon,5\n", &PLAIN).is_none());
    }

    #[test]
    fn a_gap_that_is_too_long_has_no_requests() {
        let s = SimDuration::from_secs;
        let points = || {
            vec![
                (-1_000_000_000, 1.0),
                (1_000_000_000, 3.0),
                (9_000_000_000, 4.0),
            ]
        };
        let held = Options {
            max_gap: Some(s(2)),
            ..PLAIN
        };
        assert_eq!(
            with_gaps(&points(), &held),
            [
                (s(0), 1.0),
                (s(1), 3.0),
                (s(3), 0.0),
                (s(9), 4.0),
                (s(11), 0.0)
            ]
        );
        let linear = Options {
            linear: true,
            ..held
        };
        let ns = SimDuration;
        assert_eq!(
            with_gaps(&points(), &linear),
            [
                (s(0), 2.0),
                (s(1), 3.0),
                (s(3), 3.0),
                (s(3) + ns(1), 0.0),
                (s(9) - ns(1), 0.0),
                (s(9), 4.0),
                (s(11), 4.0),
                (s(11) + ns(1), 0.0),
            ]
        );
    }
}
