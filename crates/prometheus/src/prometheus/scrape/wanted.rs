//! Which series some query can read, and how far back.

use std::collections::BTreeSet;

use crate::prometheus::adapter::config::Config;
use crate::prometheus::labels::{Labels, METRIC_NAME, Matcher};
use crate::prometheus::promql::{self, LOOKBACK, Query};

/// Selectors of all that is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    selectors: Vec<Vec<Matcher>>,
    /// Names that templates of queries mention.
    names: BTreeSet<String>,
    back: i64,
    changes: u64,
}

impl Wanted {
    /// Adds what a query reads.
    pub fn add_query(&mut self, query: &Query) {
        let reads = query.reads();
        self.keep_for(reads.back);
        for selector in reads.selectors {
            self.add(selector);
        }
    }

    /// Adds a selector, unless it is there.
    fn add(&mut self, selector: Vec<Matcher>) {
        if !self.selectors.contains(&selector) {
            self.selectors.push(selector);
            self.changes += 1;
        }
    }

    /// Adds what an adapter's rules read: the series that they are for, and others that their
    /// templates name.
    pub fn add_rules(&mut self, config: &Config) {
        for rule in config.rules.iter().chain(&config.external_rules) {
            if let Ok(selector) = promql::selector(&rule.series_query) {
                self.add(selector);
            }
            self.names.extend(words(&rule.metrics_query));
            self.keep_for(durations(&rule.metrics_query).saturating_add(LOOKBACK));
        }
        if let Some(rules) = &config.resource_rules {
            for rule in [&rules.cpu, &rules.memory] {
                self.names.extend(words(&rule.container_query));
                self.keep_for(durations(&rule.container_query).saturating_add(LOOKBACK));
            }
        }
        self.changes += 1;
    }

    /// Keeps samples at least this long, milliseconds.
    pub fn keep_for(&mut self, back: i64) {
        self.back = self.back.max(back);
    }

    /// How far back samples are asked for, milliseconds.
    pub fn back(&self) -> i64 {
        self.back
    }

    /// How often it has changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a series is asked for.
    pub fn takes(&self, labels: &Labels) -> bool {
        self.names.contains(labels.get(METRIC_NAME))
            || self
                .selectors
                .iter()
                .any(|selector| selector.iter().all(|matcher| matcher.selects(labels)))
    }

    /// Whether some series of this name may be asked for.
    pub fn may_take(&self, name: &str) -> bool {
        let fits = |matcher: &Matcher| matcher.name != METRIC_NAME || matcher.accepts(name);
        self.names.contains(name)
            || self
                .selectors
                .iter()
                .any(|selector| selector.iter().all(fits))
    }
}

/// What may be a name in the template of a query; functions and labels are among it, which does
/// no harm.
fn words(template: &str) -> impl Iterator<Item = String> + '_ {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    template
        .split(move |c: char| !part(c))
        .filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
        .map(str::to_owned)
}

/// The sum of all durations in the template of a query, milliseconds: no window with its offset
/// and what lies around it reaches further.
fn durations(template: &str) -> i64 {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let mut sum = 0i64;
    let mut place = 0;
    while let Some(found) = template[place..].find(|c: char| c.is_ascii_digit()) {
        let begin = place + found;
        let rest = &template[begin..];
        place = begin + rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let number: f64 = template[begin..place].parse().unwrap_or(0.0);
        let rest = &template[place..];
        let unit = [
            ("ms", 1.0),
            ("s", 1_000.0),
            ("m", 60_000.0),
            ("h", 3_600_000.0),
            ("d", 86_400_000.0),
            ("w", 604_800_000.0),
            ("y", 31_536_000_000.0),
        ];
        let unit = unit.iter().find(|(unit, _)| rest.starts_with(unit));
        let millis = match unit {
            Some((_, millis)) => *millis,
            // Seconds, where a duration stands.
            None if is_duration_due(&template[..begin]) => 1_000.0,
            None => 0.0,
        };
        sum = sum.saturating_add((number * millis).ceil() as i64);
    }
    sum
}

/// Whether what follows in the template of a query is a duration, whether or not it has a unit.
fn is_duration_due(before: &str) -> bool {
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || c == '-');
    let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next();
    before.ends_with(['[', ':']) || word.is_some_and(|word| word.eq_ignore_ascii_case("offset"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_series_and_how_long_they_are_needed() {
        assert_eq!(
            durations("rate(<<.Series>>{le=\"0.5\"}[2m] offset 1m30s)"),
            210_000
        );
        assert_eq!(durations("increase(a[1h:500ms])"), 3_600_500);
        let found: Vec<String> = words("sum(<<.Series>>[2m]) / up + hits + a:b").collect();
        assert_eq!(found, ["sum", "Series", "up", "hits", "a:b"]);
    }

    #[test]
    fn a_duration_without_a_unit_is_in_seconds() {
        assert_eq!(durations("rate(a[300]) > 5 + b{le=\"10\"}"), 300_000);
        assert_eq!(durations("rate(a[ 600 : 30 ] OFFSET -1.5)"), 631_500);
        assert_eq!(durations("a offset 60 * 7"), 60_000);
    }

    #[test]
    fn only_what_is_asked_for_is_taken() {
        let mut wanted = Wanted::default();
        let query = Query::parse("rate(http_requests_total{code=~\"5..\"}[2m])").unwrap();
        wanted.add_query(&query);
        let of = |name: &str, code: &str| Labels::new([(METRIC_NAME, name), ("code", code)]);
        assert!(wanted.takes(&of("http_requests_total", "503")));
        assert!(!wanted.takes(&of("http_requests_total", "200")));
        assert!(wanted.may_take("http_requests_total") && !wanted.may_take("up"));
        assert_eq!(wanted.back(), 120_000 + LOOKBACK);
        // Another query that reads the same asks for nothing new.
        let changes = wanted.changes();
        let again = "sum(http_requests_total{code=~\"5..\"})";
        wanted.add_query(&Query::parse(again).unwrap());
        assert_eq!((wanted.changes(), wanted.selectors.len()), (changes, 1));
        let other = "http_requests_total{code=\"5..\"}";
        wanted.add_query(&Query::parse(other).unwrap());
        assert_eq!(wanted.selectors.len(), 2);
        let rules = r#"{"rules": [{"seriesQuery": "{__name__=~\"^a_.*\"}",
            "metricsQuery": "sum(<<.Series>>) / b_total"}]}"#;
        wanted.add_rules(&serde_json::from_str(rules).unwrap());
        assert!(wanted.takes(&of("a_x", "")) && wanted.may_take("b_total"));
        assert!(!wanted.may_take("c_total"));
        let rules = r#"{"rules": [{"seriesQuery": "x", "metricsQuery": "rate(hits[1m])"}]}"#;
        wanted.add_rules(&serde_json::from_str(rules).unwrap());
        assert!(wanted.takes(&of("hits", "")));
    }
}
