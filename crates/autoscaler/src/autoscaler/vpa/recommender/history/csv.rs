//! Past usage as CSV, with a header line.
//!
//! Columns in any order: `time` (before the simulation's start, negative: seconds or a
//! duration, `-24h`) or `timestamp` (RFC 3339 or Unix seconds); `container`; `cpu` and
//! `memory` as Kubernetes quantities, an empty cell for no sample; `pod`, if there are
//! several. Other columns are ignored.

use std::str::FromStr;

use ::csv::{ReaderBuilder, StringRecord, Trim};

use super::{HistoryError, Usage, UsageHistory, UsageSample};
use crate::autoscaler::vpa::WallClock;
use crate::sim::{SimDuration, SimTime};
use crate::units::Quantity;

/// Where the columns stand.
struct Columns {
    time: usize,
    /// The time column counts from the simulation's start.
    relative: bool,
    container: usize,
    cpu: Option<usize>,
    memory: Option<usize>,
    pod: Option<usize>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, HistoryError> {
        let column = |name: &str| {
            header
                .iter()
                .position(|cell| cell.eq_ignore_ascii_case(name))
        };
        let missing = |name: &str| HistoryError::Csv {
            line: 1,
            problem: format!(
                "there is no column \"{name}\"; the columns are time (or timestamp), container, cpu, memory and pod"
            ),
        };
        let (relative, absolute) = (column("time"), column("timestamp"));
        let columns = Self {
            time: relative.or(absolute).ok_or_else(|| missing("timestamp"))?,
            relative: relative.is_some(),
            container: column("container").ok_or_else(|| missing("container"))?,
            cpu: column("cpu"),
            memory: column("memory"),
            pod: column("pod"),
        };
        if columns.cpu.is_none() && columns.memory.is_none() {
            return Err(missing("cpu"));
        }
        Ok(columns)
    }

    fn time(&self, text: &str, clock: WallClock) -> Option<SimTime> {
        let number = f64::from_str(text).ok().filter(|number| number.is_finite());
        if self.relative {
            let span = number.map(SimDuration::from_secs_f64);
            return span
                .or_else(|| text.parse().ok())
                .map(|span| SimTime::ZERO + span);
        }
        match number {
            Some(seconds) => clock.from_unix(seconds),
            None => clock.parse(text),
        }
    }
}

impl UsageHistory {
    /// Reads a CSV of usage.
    pub fn from_csv(text: &str, clock: WallClock) -> Result<Self, HistoryError> {
        let mut reader = ReaderBuilder::new()
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let malformed = |error: ::csv::Error| HistoryError::Csv {
            line: error.position().map_or(1, ::csv::Position::line),
            problem: error.to_string(),
        };
        let columns = Columns::find(reader.headers().map_err(malformed)?)?;
        let mut history = Self::default();
        for record in reader.records() {
            let record = record.map_err(malformed)?;
            history
                .add_record(&record, &columns, clock)
                .map_err(|problem| HistoryError::Csv {
                    line: record.position().map_or(1, ::csv::Position::line),
                    problem,
                })?;
        }
        Ok(history)
    }

    fn add_record(
        &mut self,
        record: &StringRecord,
        columns: &Columns,
        clock: WallClock,
    ) -> Result<(), String> {
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let time = columns
            .time(cell(columns.time), clock)
            .ok_or_else(|| format!("\"{}\" is not a time", cell(columns.time)))?;
        let amount = |column: Option<usize>| -> Result<Option<Quantity>, String> {
            let text = column.map_or("", cell);
            let amount = (!text.is_empty()).then(|| Quantity::from_str(text));
            amount.transpose().map_err(|error| error.to_string())
        };
        let cpu = amount(columns.cpu)?.map(|cpu| Usage::Cpu(cpu.to_millicores()));
        let memory = amount(columns.memory)?.map(|memory| Usage::Memory(memory.to_bytes()));
        let (pod, container) = (columns.pod.map_or("", cell), cell(columns.container));
        for usage in cpu.into_iter().chain(memory) {
            self.add(pod, container, UsageSample { time, usage });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, Millicores};

    fn read(text: &str) -> Result<UsageHistory, String> {
        UsageHistory::from_csv(text, WallClock::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn times_may_be_relative_or_of_the_calendar() {
        let relative = read("time,container,cpu\n-24h,api,250m\n-60,api,0.5\n");
        let calendar =
            "timestamp,container,cpu\n2025-12-31T00:00:00Z,api,250m\n1767225540,api,0.5\n";
        assert_eq!(relative, read(calendar));
        let history = relative.expect("a history");
        let [first, second] = &history.pods[""]["api"][..] else {
            panic!("two samples");
        };
        assert_eq!(first.time, SimTime::from_secs(-86_400));
        assert_eq!(second.usage, Usage::Cpu(Millicores(500)));
    }

    #[test]
    fn empty_cells_are_no_samples() {
        let history = read("memory, pod, container, time, cpu\n1Gi, a, api, 0,\n, b, api, 0, 1\n")
            .expect("a history");
        assert_eq!(history.pods["a"]["api"][0].usage, Usage::Memory(Bytes::GIB));
        assert_eq!(
            history.pods["b"]["api"][0].usage,
            Usage::Cpu(Millicores(1000))
        );
        assert_eq!(history.len(), 2);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, error) in [
            (
                "container,cpu\n",
                "line 1: there is no column \"timestamp\"; the columns are time (or timestamp), container, cpu, memory and pod",
            ),
            (
                "time,container\n",
                "line 1: there is no column \"cpu\"; the columns are time (or timestamp), container, cpu, memory and pod",
            ),
            (
                "time,container,cpu\n0,api,1\nnoon,api,1\n",
                "line 3: \"noon\" is not a time",
            ),
            (
                "time,container,cpu\n0,api,lots\n",
                "line 2: \"lots\" does not begin with a number: write for example \"250m\", \"2\" or \"512Mi\"",
            ),
        ] {
            assert_eq!(read(text), Err(error.to_owned()));
        }
    }
}
