//! What a sweep found: a row per run as it comes, and each point's statistics.
//!
//! `results.csv` has a row per run (point, seed, settings, every metric, and the error of a
//! run that failed); it is written through after each point, so that a sweep that is cut
//! short leaves whole points. `points.csv` has a row per point. Columns are the metrics of
//! the first run that succeeded; values that do not exist are empty cells.
//!
//! Both files grow as the runs end. What stays in memory is bounded: the best points, and the
//! points of the charts as long as charts can show them.

use std::io::{self, Write};

use super::number::write_significant;
use super::statistics::Statistics;
use super::table::Goal;
use super::{Metrics, Plan, RunResult, labels};
use crate::output::{Rows, SweepPoint, SweepTable};

/// Points that charts show at most; a larger sweep has none.
pub const MOST_CHARTED: u64 = 20_000;

/// One point's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct PointSummary {
    /// The point's number.
    pub point: u64,
    /// Its values, one per path of the plan.
    pub values: Vec<String>,
    /// Statistics per metric, in the order of [`Results::metrics`].
    pub statistics: Vec<Statistics>,
}

/// Which points come first.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'a> {
    /// The metric whose mean decides.
    pub metric: &'a str,
    /// Which end is best.
    pub goal: Goal,
    /// How many of the best are kept.
    pub count: usize,
}

/// Why a run has no figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its point.
    pub point: u64,
    /// Its seed.
    pub seed: u64,
    /// The reason.
    pub reason: String,
}

/// What a sweep comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// The paths that were varied.
    pub paths: Vec<String>,
    /// Names of the metrics that were to be kept, as far as runs report them.
    pub metrics: Vec<String>,
    /// The points in order; none if there are more than [`MOST_CHARTED`].
    pub points: Vec<PointSummary>,
    /// The best points, best first; ties keep the plan's order.
    pub best: Vec<PointSummary>,
    /// How many points there are.
    pub total: u64,
    /// At how many of them a run failed.
    pub failed: u64,
    /// The first run that failed.
    pub failure: Option<Failure>,
    /// Per metric the first mean that exists, and whether a later one differs from it.
    pub(super) means: Vec<(f64, bool)>,
}

/// Takes outcomes in the plan's order, writes their rows and sums up points.
pub struct Collector<'p, R: Write, P: Write> {
    plan: &'p Plan,
    kept: &'p [&'p str],
    ranking: Ranking<'p>,
    /// `results.csv`.
    rows: Rows<R>,
    /// `points.csv`.
    points: Rows<P>,
    results: Results,
    /// All metrics, once a run has succeeded.
    columns: Vec<String>,
    /// The places of [`Results::metrics`] among them.
    places: Vec<usize>,
    /// Rows of the current point, and those before the first success.
    unwritten: Vec<Row>,
    /// Points before the first success, with their failed runs.
    early: Vec<(u64, Vec<String>, u32)>,
    point: PointInWork,
    cell: String,
}

struct Row {
    point: u64,
    seed: u64,
    settings: Vec<String>,
    values: Result<Vec<f64>, String>,
}

#[derive(Default)]
struct PointInWork {
    values: Vec<String>,
    /// The values of its runs per metric.
    columns: Vec<Vec<f64>>,
    runs: u32,
    failed: u32,
}

impl<'p, R: Write, P: Write> Collector<'p, R, P> {
    /// A collector that writes the rows of `results.csv` and of `points.csv`, and keeps the
    /// metrics of these names and the best points.
    pub fn new(
        plan: &'p Plan,
        (rows, points): (R, P),
        kept: &'p [&'p str],
        ranking: Ranking<'p>,
    ) -> Self {
        let results = Results {
            paths: plan.paths().map(str::to_owned).collect(),
            ..Results::default()
        };
        Self {
            plan,
            kept,
            ranking,
            rows: Rows::headless(rows),
            points: Rows::headless(points),
            results,
            columns: Vec::new(),
            places: Vec::new(),
            unwritten: Vec::new(),
            early: Vec::new(),
            point: PointInWork::default(),
            cell: String::new(),
        }
    }

    /// Takes the next outcome.
    pub fn take(&mut self, outcome: RunResult) -> io::Result<()> {
        let run_id = outcome.run_id;
        if run_id.replicate == 0 {
            self.point.values = self.plan.values(run_id.point);
            self.point.columns.iter_mut().for_each(Vec::clear);
            (self.point.runs, self.point.failed) = (0, 0);
        }
        let seed = self.plan.seed(run_id.point, run_id.replicate);
        let values = match outcome.result {
            Ok(metrics) => Ok(self.succeeded(&metrics)?),
            Err(error) => {
                self.point.failed += 1;
                self.results.failure.get_or_insert_with(|| Failure {
                    point: run_id.point,
                    seed,
                    reason: error.clone(),
                });
                Err(error)
            }
        };
        self.unwritten.push(Row {
            point: run_id.point,
            seed,
            settings: self.point.values.clone(),
            values,
        });
        if run_id.replicate + 1 == self.plan.replicates() {
            self.finish_point(run_id.point)?;
        }
        Ok(())
    }

    /// The run's values in the order of the columns, kept for the point's statistics.
    fn succeeded(&mut self, metrics: &Metrics) -> io::Result<Vec<f64>> {
        if self.columns.is_empty() {
            self.columns = metrics.iter().map(|(name, _)| name.clone()).collect();
            self.point.columns = vec![Vec::new(); metrics.len()];
            for name in self.kept {
                if let Some(place) = self.columns.iter().position(|column| column == name) {
                    self.places.push(place);
                    self.results.metrics.push((*name).to_owned());
                }
            }
            self.results.means = vec![(f64::NAN, false); self.places.len()];
            self.write_headers()?;
        }
        let values: Vec<f64> = (self.columns.iter().enumerate())
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

    fn write_headers(&mut self) -> io::Result<()> {
        let paths = || self.results.paths.iter().map(String::as_str);
        let metrics = self.columns.iter().map(String::as_str);
        let fixed = ["point", "seed"].into_iter();
        let header = fixed.chain(paths()).chain(metrics).chain(["error"]);
        header.for_each(|name| self.rows.text(name));
        self.rows.end()?;
        let fixed = ["point"].into_iter().chain(paths());
        for name in fixed.chain(["runs", "failed"]) {
            self.points.text(name);
        }
        for metric in &self.columns {
            for name in Statistics::NAMES {
                self.points.text(&format!("{metric}.{name}"));
            }
        }
        self.points.end()?;
        let nothing = vec![Statistics::of([]); self.columns.len()];
        for (point, values, failed) in std::mem::take(&mut self.early) {
            self.write_point(point, &values, (0, failed), &nothing)?;
        }
        Ok(())
    }

    fn write_point(
        &mut self,
        point: u64,
        values: &[String],
        (runs, failed): (u32, u32),
        statistics: &[Statistics],
    ) -> io::Result<()> {
        self.points.count(point);
        for value in values {
            self.points.text(value);
        }
        self.points.int(runs);
        self.points.int(failed);
        for statistics in statistics {
            let mut last = None;
            for field in statistics.fields() {
                // With one seed a mean and its percentiles are one number.
                if last != Some(field.to_bits()) {
                    write_cell(&mut self.cell, field);
                    last = Some(field.to_bits());
                }
                self.points.plain(&self.cell);
            }
        }
        self.points.end()
    }

    fn finish_point(&mut self, point: u64) -> io::Result<()> {
        self.results.total += 1;
        self.results.failed += u64::from(self.point.failed > 0);
        let values = std::mem::take(&mut self.point.values);
        if self.columns.is_empty() {
            // Without a success so far nobody knows the columns.
            self.early.push((point, values, self.point.failed));
            return Ok(());
        }
        self.write_rows()?;
        let columns = self.point.columns.iter();
        let of = |column: &Vec<f64>| Statistics::of(column.iter().copied());
        let statistics: Vec<Statistics> = columns.map(of).collect();
        let runs = (self.point.runs, self.point.failed);
        self.write_point(point, &values, runs, &statistics)?;
        self.keep(PointSummary {
            point,
            values,
            statistics: self.places.iter().map(|place| statistics[*place]).collect(),
        });
        Ok(())
    }

    /// Keeps of a point what charts and the table of the best need.
    fn keep(&mut self, point: PointSummary) {
        let results = &mut self.results;
        for (known, statistics) in results.means.iter_mut().zip(&point.statistics) {
            let mean = statistics.mean;
            if known.0.is_nan() && mean.is_finite() {
                known.0 = mean;
            }
            known.1 |= mean.is_finite() && mean != known.0;
        }
        let Ranking {
            metric,
            goal,
            count,
        } = self.ranking;
        if let Some(metric) = results.metric(metric)
            && point.statistics[metric].mean.is_finite()
        {
            let mean = |point: &PointSummary| point.statistics[metric].mean;
            let own = mean(&point);
            let place = results.best.partition_point(|other| match goal {
                Goal::Lowest => mean(other).total_cmp(&own).is_le(),
                Goal::Highest => mean(other).total_cmp(&own).is_ge(),
            });
            if place < count {
                results.best.truncate(count - 1);
                results.best.insert(place, point.clone());
            }
        }
        if self.plan.points() <= MOST_CHARTED {
            results.points.push(point);
        }
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let width = self.columns.len();
        for row in self.unwritten.drain(..) {
            self.rows.count(row.point);
            self.rows.count(row.seed);
            row.settings.iter().for_each(|value| self.rows.text(value));
            let (values, error) = match row.values {
                Ok(values) => (values, String::new()),
                Err(error) => (vec![f64::NAN; width], error),
            };
            for value in values {
                write_cell(&mut self.cell, value);
                self.rows.plain(&self.cell);
            }
            self.rows.text(&error);
            self.rows.end()?;
        }
        self.rows.flush()
    }

    /// What was found up to now. A point that is incomplete is left out.
    pub fn finish(mut self) -> io::Result<Results> {
        if self.columns.is_empty() {
            self.write_headers()?;
        }
        self.write_rows()?;
        self.points.flush()?;
        Ok(self.results)
    }
}

/// The value of a metric; not a number if there is none of this name.
fn named(metrics: &Metrics, name: &str) -> f64 {
    let found = metrics.iter().find(|(other, _)| other == name);
    found.map_or(f64::NAN, |(_, value)| *value)
}

/// Makes a text of a value; empty if it does not exist.
fn write_cell(cell: &mut String, value: f64) {
    cell.clear();
    if value.is_finite() {
        // With a decimal point, so that readers of CSV take the whole column for floating-point numbers.
        write_significant(cell, value, 9);
    }
}

impl Results {
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

    /// The place of a metric among those that were kept.
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric == name)
    }

    /// Whether a metric is not the same at all points.
    pub fn varies(&self, metric: usize) -> bool {
        self.means[metric].1
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

    const CHEAPEST: Ranking<'_> = Ranking {
        metric: "cost",
        goal: Goal::Lowest,
        count: 2,
    };

    /// The files of a sweep with these outcomes, and what is kept.
    fn collect(results: &[Result<Metrics, String>]) -> ([String; 2], Results) {
        let plan = plan();
        let (mut rows, mut points) = (Vec::new(), Vec::new());
        let kept = ["flaps", "cost", "absent"];
        let mut collector = Collector::new(&plan, (&mut rows, &mut points), &kept, CHEAPEST);
        for (number, result) in results.iter().enumerate() {
            let run_id = RunId {
                point: number as u64 / 2,
                replicate: number as u32 % 2,
            };
            let result = result.clone();
            collector.take(RunResult { run_id, result }).unwrap();
        }
        let results = collector.finish().unwrap();
        let files = [rows, points].map(|file| String::from_utf8(file).unwrap());
        (files, results)
    }

    fn metrics(cost: f64, flaps: f64) -> Metrics {
        vec![("cost".to_owned(), cost), ("flaps".to_owned(), flaps)]
    }

    #[test]
    fn rows_and_points_are_complete() {
        let broken = || Err("spec.maxReplicas: 0, at least 1".to_owned());
        let only_cost = Ok(vec![("cost".to_owned(), 4.0)]);
        let ([rows, points], results) = collect(&[
            broken(),
            broken(),
            Ok(metrics(1.5, 2.0)),
            Ok(metrics(2.5, 0.0)),
            only_cost,
            Ok(metrics(4.0, f64::INFINITY)),
        ]);
        insta::assert_snapshot!(rows);
        insta::assert_snapshot!(points);
        assert_eq!((results.total, results.failed), (3, 1));
        let failure = results.failure.as_ref().map(|one| (one.point, one.seed));
        assert_eq!(failure, Some((0, 1)));
    }

    #[test]
    fn the_best_and_the_kept_metrics_stay() {
        let costs = [2.0, 2.0, 1.0, 3.0, 1.5, 1.5];
        let (_, results) = collect(&costs.map(|cost| Ok(metrics(cost, 7.0))));
        assert_eq!(results.metrics, ["flaps", "cost"]);
        let best: Vec<u64> = results.best.iter().map(|point| point.point).collect();
        assert_eq!(best, [2, 0], "ties keep the plan's order");
        assert_eq!([0, 1].map(|metric| results.varies(metric)), [false, true]);
        assert_eq!(results.points.len(), 3);
    }

    #[test]
    fn a_sweep_in_which_nothing_worked_still_says_why() {
        let ([rows, points], results) = collect(&[Err("no".to_owned()), Err("never".to_owned())]);
        assert_eq!(
            rows,
            "point,seed,hpa/api:target,error\n0,1,50,no\n0,2,50,never\n"
        );
        assert_eq!(points, "point,hpa/api:target,runs,failed\n0,50,0,2\n");
        assert_eq!(results.failure.map(|one| one.reason), Some("no".to_owned()));
    }
}
