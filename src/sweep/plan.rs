//! Which points a sweep has, and which settings and seeds each of them.
//!
//! A point's settings depend on the plan and the point's number only: any point can be
//! worked out, and run, without the others.

use crate::scenario::model::{Design, ParameterSpec, ParameterValues, SweepSpec};
use crate::sim::{Stream, Streams};

use super::number::significant;

/// One parameter at one of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<'a> {
    /// The path that is set.
    pub path: &'a str,
    /// The value, as a scenario would have it.
    pub value: &'a str,
}

/// Points, and seeds per point.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    parameters: Vec<ParameterSpec>,
    design: Design,
    points: u64,
    replicates: u32,
    seed: u64,
}

/// Why a sweep has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing is varied.
    #[error("the sweep has no parameter")]
    NoParameters,
    /// A parameter has no values.
    #[error("the parameter {0} has no values")]
    NoValues(String),
    /// A grid needs values to combine.
    #[error(
        "the parameter {0} is a range, which a grid cannot combine: give a list or a step, or use a random design"
    )]
    RangeInGrid(String),
    /// There would be no runs, or far too many.
    #[error("{0} runs: a sweep has from 1 to {MOST_RUNS}")]
    Runs(u128),
}

/// The parameter that is the seed of a point's runs.
const SEED: &str = "simulation.seed";
/// The largest sweep that is begun.
const MOST_RUNS: u128 = 10_000_000;

impl Plan {
    /// The plan of a sweep. `seed` is the scenario's: the first of each point's seeds, and
    /// the seed of a random design.
    pub fn new(spec: &SweepSpec, seed: u64) -> Result<Self, PlanError> {
        if spec.parameters.is_empty() {
            return Err(PlanError::NoParameters);
        }
        let mut grid = 1u128;
        for parameter in &spec.parameters {
            let path = || parameter.path.clone();
            match &parameter.values {
                ParameterValues::List(values) if values.is_empty() => {
                    return Err(PlanError::NoValues(path()));
                }
                ParameterValues::List(values) => grid = grid.saturating_mul(values.len() as u128),
                ParameterValues::Range { .. } if spec.design == Design::Grid => {
                    return Err(PlanError::RangeInGrid(path()));
                }
                ParameterValues::Range { .. } => {}
            }
        }
        let points = match spec.design {
            Design::Grid => grid,
            Design::Random { points } => u128::from(points),
        };
        let runs = points.saturating_mul(u128::from(spec.replicates));
        if runs == 0 || runs > MOST_RUNS {
            return Err(PlanError::Runs(runs));
        }
        Ok(Self {
            parameters: spec.parameters.clone(),
            design: spec.design,
            points: points as u64,
            replicates: spec.replicates,
            seed,
        })
    }

    /// How many points there are.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Seeds per point.
    pub fn replicates(&self) -> u32 {
        self.replicates
    }

    /// Points times seeds.
    pub fn runs(&self) -> u64 {
        self.points * u64::from(self.replicates)
    }

    /// The paths that are set, in the sweep's order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .map(|parameter| parameter.path.as_str())
    }

    /// The seed of a replicate of a point: the same for every point, unless the sweep varies
    /// the seed itself. Replicates count on from the first one's.
    pub fn seed(&self, point: u64, replicate: u32) -> u64 {
        let varied = self.paths().position(|path| path == SEED);
        let own = varied.and_then(|place| self.values(point)[place].parse().ok());
        own.unwrap_or(self.seed).wrapping_add(u64::from(replicate))
    }

    /// The values of the point of this number, one per path. In a grid the last parameter
    /// changes fastest.
    pub fn values(&self, point: u64) -> Vec<String> {
        match self.design {
            Design::Grid => self.grid_values(point),
            Design::Random { .. } => {
                let mut stream = Streams::new(self.seed).of("sweep/point").nth(point);
                let draw = |parameter: &ParameterSpec| draw(&parameter.values, &mut stream);
                self.parameters.iter().map(draw).collect()
            }
        }
    }

    fn grid_values(&self, point: u64) -> Vec<String> {
        let mut rest = point as usize;
        let mut values = vec![String::new(); self.parameters.len()];
        for (value, parameter) in values.iter_mut().zip(&self.parameters).rev() {
            if let ParameterValues::List(list) = &parameter.values {
                value.clone_from(&list[rest % list.len()]);
                rest /= list.len();
            }
        }
        values
    }
}

/// Draws a value; those of a range keep six significant digits, so that they read well.
fn draw(values: &ParameterValues, stream: &mut Stream) -> String {
    match values {
        ParameterValues::List(list) => list[stream.below(list.len())].clone(),
        ParameterValues::Range {
            low,
            high,
            whole: true,
            unit,
        } => {
            let count = (high.floor() - low.ceil()).max(0.0) as usize + 1;
            let value = low.ceil() + stream.below(count) as f64;
            format!("{value}{unit}")
        }
        ParameterValues::Range {
            low,
            high,
            whole: false,
            unit,
        } => {
            let value = low + (high - low) * stream.unit();
            let value = significant(value, 6).clamp(*low, *high);
            format!("{value}{unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(path: &str, values: &[&str]) -> ParameterSpec {
        ParameterSpec {
            path: path.to_owned(),
            values: ParameterValues::List(values.iter().map(|v| (*v).to_owned()).collect()),
        }
    }

    fn range(path: &str, low: f64, high: f64, whole: bool) -> ParameterSpec {
        ParameterSpec {
            path: path.to_owned(),
            values: ParameterValues::Range {
                low,
                high,
                whole,
                unit: String::new(),
            },
        }
    }

    fn spec(design: Design, parameters: Vec<ParameterSpec>) -> SweepSpec {
        SweepSpec {
            design,
            replicates: 2,
            parameters,
        }
    }

    #[test]
    fn a_grid_has_every_combination_once_the_last_parameter_fastest() {
        let parameters = vec![list("a", &["1", "2"]), list("b", &["x", "y", "z"])];
        let plan = Plan::new(&spec(Design::Grid, parameters), 1).unwrap();
        let points: Vec<String> = (0..plan.points())
            .map(|p| plan.values(p).concat())
            .collect();
        assert_eq!(points, ["1x", "1y", "1z", "2x", "2y", "2z"]);
        assert_eq!(plan.runs(), 12);
    }

    #[test]
    fn random_points_depend_on_their_number_alone_and_stay_in_range() {
        let parameters = vec![range("a", 50.0, 90.0, true), range("b", 0.1, 0.3, false)];
        let plan =
            |points| Plan::new(&spec(Design::Random { points }, parameters.clone()), 7).unwrap();
        let (few, many) = (plan(5), plan(400));
        assert_eq!(few.values(3), many.values(3));
        assert_ne!(many.values(3), many.values(4));
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for point in 0..400 {
            let values = many.values(point);
            let whole: i64 = values[0].parse().unwrap();
            (least, most) = (least.min(whole), most.max(whole));
            let share: f64 = values[1].parse().unwrap();
            assert!(
                (0.1..=0.3).contains(&share) && values[1].len() <= 8,
                "{share}"
            );
        }
        assert_eq!((least, most), (50, 90));
    }

    #[test]
    fn seeds_are_common_to_all_points() {
        let plan = Plan::new(&spec(Design::Grid, vec![list("a", &["1", "2"])]), 42).unwrap();
        assert_eq!([plan.seed(0, 0), plan.seed(1, 1)], [42, 43]);
    }

    #[test]
    fn a_varied_seed_is_that_of_the_runs() {
        let parameters = vec![list("a", &["1", "2"]), list(SEED, &["7", "100"])];
        let plan = Plan::new(&spec(Design::Grid, parameters), 42).unwrap();
        let seeds: Vec<u64> = (0..4)
            .flat_map(|point| [plan.seed(point, 0), plan.seed(point, 1)])
            .collect();
        assert_eq!(seeds, [7, 8, 100, 101, 7, 8, 100, 101]);
    }

    #[test]
    fn plans_that_make_no_sense_are_refused() {
        let error = |design, parameters| Plan::new(&spec(design, parameters), 1).unwrap_err();
        assert_eq!(error(Design::Grid, vec![]), PlanError::NoParameters);
        let empty = error(Design::Grid, vec![list("a", &[])]);
        assert_eq!(empty, PlanError::NoValues("a".to_owned()));
        let ranged = error(Design::Grid, vec![range("a", 1.0, 2.0, false)]);
        assert_eq!(ranged, PlanError::RangeInGrid("a".to_owned()));
        let none = error(Design::Random { points: 0 }, vec![list("a", &["1"])]);
        assert_eq!(none, PlanError::Runs(0));
        let values: Vec<String> = (0..1000).map(|value| value.to_string()).collect();
        let wide = ParameterValues::List(values);
        let wide = |path: &str| ParameterSpec {
            path: path.to_owned(),
            values: wide.clone(),
        };
        let many = error(Design::Grid, vec![wide("a"), wide("b"), wide("c")]);
        assert_eq!(many, PlanError::Runs(2_000_000_000));
    }
}
