//! A Prometheus that scrapes: what it keeps, its targets and their series (`scrape/scrape.go`,
//! `scrape/target.go`).
//!
//! Only series that some query can read are kept; to whoever asks it is as if all were.

mod bound;
mod rules;
mod target;
mod wanted;

pub use bound::bound;
pub use rules::{RecordingRules, Rule, RuleError, RuleFile, RuleGroup};
pub use target::{Exposed, Target, offset};
pub use wanted::Wanted;

use rustc_hash::FxHashMap;

use super::promql::{Edition, LOOKBACK, ParseError, Query, Value};
use super::storage::Storage;

/// Queries that are kept as they were read.
const MOST_QUERIES: usize = 256;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It cannot be read.
    #[error("{0}")]
    Parse(ParseError),
    /// It cannot be evaluated.
    #[error("{0}")]
    Evaluate(String),
}

/// What it has scraped, and what it is asked.
#[derive(Debug, Clone)]
pub struct Head {
    storage: Storage,
    wanted: Wanted,
    edition: Edition,
    read: FxHashMap<String, Query>,
}

impl Head {
    /// A Prometheus of an edition that keeps nothing yet.
    pub fn new(edition: Edition) -> Self {
        Self {
            storage: Storage::new(LOOKBACK),
            wanted: Wanted::default(),
            edition,
            read: FxHashMap::default(),
        }
    }

    /// Keeps from now on what these want, and as long.
    pub fn want(&mut self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted);
        self.storage.keep_for(self.wanted.back().max(LOOKBACK));
    }

    /// What is kept.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The samples.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How long samples are kept, milliseconds.
    pub fn retention(&self) -> i64 {
        self.storage.retention()
    }

    /// A query's answer at a time, milliseconds.
    pub fn query(&mut self, text: &str, at: i64) -> Result<Value, QueryError> {
        if !self.read.contains_key(text) {
            let query = Query::parse(text).map_err(QueryError::Parse)?;
            if self.read.len() >= MOST_QUERIES {
                self.read.clear();
            }
            self.read.insert(text.to_owned(), query);
        }
        let Some(query) = self.read.get(text) else {
            return Ok(Value::Vector(Vec::new()));
        };
        let answer = query.instant_of(self.edition, &self.storage, at);
        answer.map_err(|error| QueryError::Evaluate(error.0))
    }
}

#[cfg(test)]
mod tests;
