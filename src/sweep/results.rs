//! What a sweep found: a row per run as it comes, and each point's statistics.
//!
//! `results.csv` has a row per run (point, seed, settings, every metric, and the error of a
//! run that failed); it is written through after each point, so that a sweep that is cut
//! short leaves whole points. `points.csv` has a row per point. Columns are the metrics of
//! the first run that succeeded; values that do not exist are empty cells.

use std::io::{self, Write};

use super::number::significant;
use super::statistics::Statistics;
use super::{Metrics, Plan, RunResult, labels};
use crate::output::{SweepPoint, SweepTable};

/// One point's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct PointSummary {
    /// The point's number.
    pub point: u64,
    /// Its values, one per path of the plan.
    pub values: Vec<String>,
    /// Runs that succeeded.
    pub runs: u32,
    /// Why the others failed: seed and reason.
    pub failures: Vec<(u64, String)>,
    /// Statistics per metric, in the order of [`Results::metrics`].
    pub statistics: Vec<Statistics>,
}

/// All points of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// The paths that were varied.
    pub paths: Vec<String>,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// The points in order.
    pub points: Vec<PointSummary>,
}

/// Takes outcomes in the plan's order, writes their rows and sums up points.
pub struct Collector<'p, W: Write> {
    plan: &'p Plan,
    rows: csv::Writer<W>,
    results: Results,
    /// Rows of the current point, and those before the first success.
    unwritten: Vec<Row>,
    point: PointInWork,
}

struct Row {
    /// Point, seed and settings.
    cells: Vec<String>,
    values: Result<Vec<f64>, String>,
}

#[derive(Default)]
struct PointInWork {
    values: Vec<String>,
    /// The values of its runs per metric.
    columns: Vec<Vec<f64>>,
    runs: u32,
    failures: Vec<(u64, String)>,
}

impl<'p, W: Write> Collector<'p, W> {
    /// A collector that writes the rows of `results.csv`.
    pub fn new(plan: &'p Plan, rows: W) -> Self {
        let results = Results {
            paths: plan.paths().map(str::to_owned).collect(),
            ..Results::default()
        };
        Self {
            plan,
            rows: csv::Writer::from_writer(rows),
            results,
            unwritten: Vec::new(),
            point: PointInWork::default(),
        }
    }

    /// Takes the next outcome.
    pub fn take(&mut self, outcome: RunResult) -> io::Result<()> {
        let run_id = outcome.run_id;
        if run_id.replicate == 0 {
            self.point = PointInWork {
                values: self.plan.values(run_id.point),
                columns: vec![Vec::new(); self.results.metrics.len()],
                ..PointInWork::default()
            };
        }
        let seed = self.plan.seed(run_id.point, run_id.replicate);
        let values = match outcome.result {
            Ok(metrics) => Ok(self.succeeded(&metrics)?),
            Err(error) => {
                self.point.failures.push((seed, error.clone()));
                Err(error)
            }
        };
        let mut cells = vec![run_id.point.to_string(), seed.to_string()];
        cells.extend(self.point.values.iter().cloned());
        self.unwritten.push(Row { cells, values });
        if run_id.replicate + 1 == self.plan.replicates() {
            self.finish_point(run_id.point)?;
        }
        Ok(())
    }

    /// The run's values in the order of the columns, kept for the point's statistics.
    fn succeeded(&mut self, metrics: &Metrics) -> io::Result<Vec<f64>> {
        if self.results.metrics.is_empty() {
            self.results.metrics = metrics.iter().map(|(name, _)| name.clone()).collect();
            self.point.columns = vec![Vec::new(); metrics.len()];
            self.write_header()?;
        }
        let values: Vec<f64> = (self.results.metrics.iter().enumerate())
            .map(|(place, name)| match metrics.get(place) {
                Some((same, value)) if same == name => *value,
                _ => named(metrics, name),
            })
            .collect();
        for (column, value) in self.point.columns.iter_mut().zip(&values) {
            column.push(*value);
        }
        self.point.runs += 1;
        Ok(values)
    }

    fn write_header(&mut self) -> io::Result<()> {
        let fixed = ["point", "seed"].into_iter();
        let paths = self.results.paths.iter().map(String::as_str);
        let metrics = self.results.metrics.iter().map(String::as_str);
        let header = fixed.chain(paths).chain(metrics).chain(["error"]);
        Ok(self.rows.write_record(header)?)
    }

    fn finish_point(&mut self, point: u64) -> io::Result<()> {
        // Without a success so far nobody knows the columns.
        if !self.results.metrics.is_empty() {
            self.write_rows()?;
        }
        let work = std::mem::take(&mut self.point);
        self.results.points.push(PointSummary {
            point,
            values: work.values,
            runs: work.runs,
            failures: work.failures,
            statistics: work.columns.into_iter().map(Statistics::of).collect(),
        });
        Ok(())
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let width = self.results.metrics.len();
        for Row { cells, values } in self.unwritten.drain(..) {
            for cell in &cells {
                self.rows.write_field(cell)?;
            }
            let (values, error) = match values {
                Ok(values) => (values, String::new()),
                Err(error) => (vec![f64::NAN; width], error),
            };
            for value in values {
                self.rows.write_field(cell(value))?;
            }
            self.rows.write_field(error)?;
            self.rows.write_record(None::<&[u8]>)?;
        }
        self.rows.flush()
    }

    /// What was found up to now. A point that is incomplete is left out.
    pub fn finish(mut self) -> io::Result<Results> {
        if self.results.metrics.is_empty() && !self.unwritten.is_empty() {
            self.write_header()?;
        }
        self.write_rows()?;
        let metrics = self.results.metrics.len();
        for point in &mut self.results.points {
            // Points before the first success.
            point.statistics.resize(metrics, Statistics::of([]));
        }
        Ok(self.results)
    }
}

/// The value of a metric; not a number if there is none of this name.
fn named(metrics: &Metrics, name: &str) -> f64 {
    let found = metrics.iter().find(|(other, _)| other == name);
    found.map_or(f64::NAN, |(_, value)| *value)
}

/// A value as text; empty if it does not exist.
fn cell(value: f64) -> String {
    if value.is_finite() {
        // With a decimal point, so that readers of CSV take the whole column for floating-point numbers.
        format!("{:?}", significant(value, 9) + 0.0)
    } else {
        String::new()
    }
}

impl Results {
    /// Writes `points.csv`.
    pub fn write_points(&self, out: impl Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        let mut header = vec!["point".to_owned()];
        header.extend(self.paths.iter().cloned());
        header.extend(["runs".to_owned(), "failed".to_owned()]);
        for metric in &self.metrics {
            header.extend(Statistics::NAMES.map(|name| format!("{metric}.{name}")));
        }
        rows.write_record(&header)?;
        for point in &self.points {
            rows.write_field(point.point.to_string())?;
            for value in &point.values {
                rows.write_field(value)?;
            }
            rows.write_field(point.runs.to_string())?;
            rows.write_field(point.failures.len().to_string())?;
            for statistics in &point.statistics {
                for field in statistics.fields() {
                    rows.write_field(cell(field))?;
                }
            }
            rows.write_record(None::<&[u8]>)?;
        }
        rows.flush()
    }

    /// The points with these metrics (places in [`Self::metrics`]), for charts.
    pub fn table(&self, metrics: &[usize]) -> SweepTable {
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let point = |point: &PointSummary| SweepPoint {
            values: point.values.clone(),
            figures: (metrics.iter())
                .map(|metric| point.statistics[*metric])
                .map(|statistics| [statistics.mean, statistics.p5, statistics.p95])
                .collect(),
        };
        SweepTable {
            parameters: labels(&paths),
            metrics: metrics
                .iter()
                .map(|metric| self.metrics[*metric].clone())
                .collect(),
            points: self.points.iter().map(point).collect(),
        }
    }

    /// The place of a metric among the columns.
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric == name)
    }

    /// Whether a metric is not the same at all points.
    pub fn varies(&self, metric: usize) -> bool {
        let means = self
            .points
            .iter()
            .filter_map(|point| point.statistics.get(metric));
        let mut means = means
            .map(|statistics| statistics.mean)
            .filter(|mean| mean.is_finite());
        let first = means.next();
        means.any(|mean| Some(mean) != first)
    }

    /// The points at which some run failed.
    pub fn failed(&self) -> impl Iterator<Item = &PointSummary> {
        self.points
            .iter()
            .filter(|point| !point.failures.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::{Design, ParameterSpec, ParameterValues, SweepSpec};
    use crate::sweep::RunId;

    fn plan() -> Plan {
        let values = ["50", "60", "70"].map(str::to_owned).to_vec();
        let spec = SweepSpec {
            design: Design::Grid,
            replicates: 2,
            parameters: vec![ParameterSpec {
                path: "hpa/api:target".to_owned(),
                values: ParameterValues::List(values),
            }],
        };
        Plan::new(&spec, 1).unwrap()
    }

    fn collect(results: &[Result<Metrics, String>]) -> (String, Results) {
        let plan = plan();
        let mut rows = Vec::new();
        let mut collector = Collector::new(&plan, &mut rows);
        for (number, result) in results.iter().enumerate() {
            let run_id = RunId {
                point: number as u64 / 2,
                replicate: number as u32 % 2,
            };
            let result = result.clone();
            collector.take(RunResult { run_id, result }).unwrap();
        }
        let results = collector.finish().unwrap();
        (String::from_utf8(rows).unwrap(), results)
    }

    fn metrics(cost: f64, flaps: f64) -> Metrics {
        vec![("cost".to_owned(), cost), ("flaps".to_owned(), flaps)]
    }

    #[test]
    fn rows_and_points_are_complete() {
        let broken = || Err("spec.maxReplicas: 0, at least 1".to_owned());
        let only_cost = Ok(vec![("cost".to_owned(), 4.0)]);
        let (rows, results) = collect(&[
            broken(),
            broken(),
            Ok(metrics(1.5, 2.0)),
            Ok(metrics(2.5, 0.0)),
            only_cost,
            Ok(metrics(4.0, f64::INFINITY)),
        ]);
        insta::assert_snapshot!(rows);
        let mut points = Vec::new();
        results.write_points(&mut points).unwrap();
        insta::assert_snapshot!(String::from_utf8(points).unwrap());
        let failed: Vec<u64> = results.failed().map(|point| point.point).collect();
        assert_eq!(failed, [0]);
    }

    #[test]
    fn a_sweep_in_which_nothing_worked_still_says_why() {
        let (rows, results) = collect(&[Err("no".to_owned()), Err("never".to_owned())]);
        assert_eq!(
            rows,
            "point,seed,hpa/api:target,error\n0,1,50,no\n0,2,50,never\n"
        );
        assert_eq!(results.points[0].failures.len(), 2);
    }
}
