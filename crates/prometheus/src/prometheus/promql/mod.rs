//! PromQL: text to query to answer.
//!
//! `promql-parser` reads the text, `plan` makes of it what is evaluated here and says at which
//! column something lies outside, `eval` answers for one instant. Of Prometheus' language this
//! leaves out native histograms and what is behind feature flags.

mod aggregation;
mod ast;
mod binary;
mod column;
mod eval;
mod float;
mod functions;
mod histogram;
mod literal;
mod plan;
mod rate;
mod reads;
mod spelled;
mod token;

use super::labels::{Labels, Matcher};
use super::storage::{Point, Storage};

pub use eval::EvalError;
pub use plan::ParseError;
pub use reads::Reads;

/// How long a sample without a successor stands for its series, milliseconds.
pub const LOOKBACK: i64 = 300_000;
/// The step of a subquery that names none: the global evaluation interval, milliseconds.
pub const EVALUATION_INTERVAL: i64 = 60_000;

/// Whose rules hold at the edges of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edition {
    /// Prometheus 2: a window has both its edges, and a counter's zero bounds the extrapolation
    /// before the distance to the edge is judged.
    Two,
    /// Prometheus 3: a window lacks its left edge.
    #[default]
    Three,
}

/// Reads a series selector, which a query of series metadata is.
pub fn selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    match plan::plan(text)? {
        ast::Expr::Vector(selector) => Ok(selector.matchers),
        _ => Err(ParseError::at(
            text,
            0,
            "unexpected expression, expected a series selector",
        )),
    }
}

/// One series' value at the instant of the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// What a query answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// A value per series.
    Vector(Vec<Sample>),
    /// Samples per series, by labels.
    Matrix(Vec<(Labels, Vec<Point>)>),
}

/// A query that was read.
#[derive(Debug, Clone)]
pub struct Query {
    expression: ast::Expr,
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let expression = plan::plan(text)?;
        Ok(Self { expression })
    }

    /// Its answer at a time, milliseconds.
    pub fn instant(&self, storage: &Storage, at: i64) -> Result<Value, EvalError> {
        self.instant_of(Edition::Three, storage, at)
    }

    /// Its answer at a time, by the rules of an edition.
    pub fn instant_of(
        &self,
        edition: Edition,
        storage: &Storage,
        at: i64,
    ) -> Result<Value, EvalError> {
        eval::instant(&self.expression, edition, storage, at)
    }
}

#[cfg(test)]
mod tests;
