//! Many runs of one scenario: points × seeds in parallel, their tables, and assertions.
//!
//! A [`Plan`] says which settings each point has and which seeds it runs with; seed `r` is
//! the same for every point, so that points differ by their settings alone (common random
//! numbers). [`run`] works the plan off on as many threads as it is given and hands the
//! outcomes over in the plan's order, so that what is written does not depend on the
//! number of threads. It knows runs only through [`Simulate`].

mod assertion;
mod label;
mod number;
mod plan;
mod results;
mod runner;
mod simulation;
mod statistics;
mod table;

pub use assertion::{Check, UnknownMetric, Verdict, evaluate, write_verdicts};
pub use label::labels;
pub use plan::{Plan, PlanError, Setting};
pub use results::{Collector, Failure, MOST_CHARTED, PointSummary, Ranking, Results};
pub use runner::{RunId, RunResult, Simulate, run};
pub use simulation::{ScenarioRuns, metrics};
pub use statistics::Statistics;
pub use table::{Goal, write_best};

/// The figures of one run: name and value. A value that does not exist is not a number.
pub type Metrics = Vec<(String, f64)>;
