//! What a query reads: which series, and how far back.

use super::ast::{Aggregator, At, Expr, Selector, When};
use super::functions::{Function, RangeFunction};
use super::{LOOKBACK, Query};
use crate::prometheus::labels::Matcher;

/// All of the past.
const EVER: i64 = i64::MAX / 4;

/// What a query reads of a storage.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Its selectors.
    pub selectors: Vec<Vec<Matcher>>,
    /// How far back it looks, milliseconds, the lookback included.
    pub back: i64,
    /// Its longest window of samples, milliseconds; 0 if it looks at single ones.
    pub window: i64,
    /// The function of the samples in that window.
    pub function: &'static str,
}

impl Query {
    /// What it reads.
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        reads.walk(&self.expression, 0);
        reads
    }
}

impl Query {
    /// What it is the rate of, where it is a rate over a window or the sum of such.
    pub fn rate_of(&self) -> Option<&[Matcher]> {
        let rate = match &self.expression {
            Expr::Aggregate {
                aggregator: Aggregator::Sum,
                inner,
                ..
            } => inner,
            rate => rate,
        };
        match rate {
            Expr::Call(Function::Range(RangeFunction::Rate | RangeFunction::Irate), of) => {
                match &of[..] {
                    [Expr::Matrix(selector, _)] => Some(&selector.matchers),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// How far back something lies that is looked at from this far back.
fn moved(outer: i64, when: When) -> i64 {
    match when.at {
        Some(At::Time(_)) => EVER,
        Some(At::Query) | None => outer.saturating_add(when.offset.max(0)),
    }
}

impl Reads {
    fn select(&mut self, selector: &Selector, outer: i64, range: i64) {
        self.selectors.push(selector.matchers.clone());
        let back = moved(outer, selector.when).saturating_add(range);
        self.back = self.back.max(back.saturating_add(LOOKBACK)).min(EVER);
        self.window = self.window.max(range);
    }

    fn walk(&mut self, expression: &Expr, outer: i64) {
        match expression {
            Expr::Number(_) | Expr::Text(_) => {}
            Expr::Vector(selector) => self.select(selector, outer, 0),
            Expr::Matrix(selector, range) => self.select(selector, outer, *range),
            Expr::Subquery(one) => {
                let back = moved(outer, one.when).saturating_add(one.range);
                self.walk(&one.inner, back.saturating_add(one.step));
                self.window = self.window.max(one.range);
            }
            Expr::Call(function, arguments) => {
                let longest = self.window;
                for argument in arguments {
                    self.walk(argument, outer);
                }
                if let Function::Range(function) = function
                    && self.window > longest
                {
                    self.function = function.name();
                }
            }
            Expr::Aggregate {
                parameter, inner, ..
            } => {
                if let Some(parameter) = parameter {
                    self.walk(parameter, outer);
                }
                self.walk(inner, outer);
            }
            Expr::Binary(binary) => {
                self.walk(&binary.left, outer);
                self.walk(&binary.right, outer);
            }
            Expr::Negate(inner) | Expr::Plus(inner) => self.walk(inner, outer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(query: &str) -> Reads {
        Query::parse(query).unwrap().reads()
    }

    #[test]
    fn a_rate_is_told_from_what_is_none() {
        let of = |query| {
            let query = Query::parse(query).unwrap();
            query.rate_of().map(<[Matcher]>::to_vec)
        };
        let requests = Some(vec![Matcher::equal("__name__", "a")]);
        assert_eq!(of("sum(rate(a[2m])) by (pod)"), requests);
        assert_eq!(of("irate(a[2m])"), requests);
        let others = [
            "avg(rate(a[2m]))",
            "2 * rate(a[2m])",
            "increase(a[2m])",
            "a",
        ];
        assert!(others.map(of).iter().all(Option::is_none));
    }

    #[test]
    fn a_query_reads_its_selectors_as_far_back_as_windows_and_offsets_go() {
        let plain = reads("a");
        assert_eq!((plain.selectors.len(), plain.back), (1, LOOKBACK));
        let rate = reads("sum(rate(a{b=\"c\"}[2m])) / topk(1, d offset 1h)");
        assert_eq!(rate.selectors.len(), 2);
        assert_eq!((rate.back, rate.window), (3_600_000 + LOOKBACK, 120_000));
        assert_eq!((plain.function, rate.function), ("", "rate"));
        let nested = reads("max_over_time(rate(a[5m] offset 1m)[1h:30s])");
        assert_eq!(nested.back, 3_990_000 + LOOKBACK);
        assert_eq!(nested.function, "max_over_time");
        assert_eq!(reads("a offset -5m").back, LOOKBACK);
        assert_eq!(reads("a @ 0").back, EVER);
        assert_eq!(reads("1 + vector(time())").selectors.len(), 0);
    }
}
