//! Recording rules: queries that are asked once an interval, and whose answers are kept as series
//! (`rules/group.go`, `rules/recording.go`).

use std::collections::BTreeMap;

use promql_parser::util::parse_duration;
use serde::Deserialize;

use super::{Head, QueryError};
use crate::prometheus::labels::{Labels, METRIC_NAME, is_name};
use crate::prometheus::promql::{Edition, Query, Value};
use crate::prometheus::storage::{SeriesId, stale_marker};

/// A file of rules, and the `spec` of a PrometheusRule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RuleFile {
    /// Its groups.
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// From one evaluation to the next, as written; the configuration's if absent.
    pub interval: Option<String>,
    /// Labels of the series of all its rules that do not set them themselves.
    pub labels: BTreeMap<String, String>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// What Prometheus refuses in a file of rules, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The place of the group.
    pub group: usize,
    /// The place of the rule, if it is one that is wrong.
    pub rule: Option<usize>,
    /// The key that is wrong; empty if that is no single one.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
}

impl RuleFile {
    /// What is wrong with it, if anything is (`RuleGroups.Validate`).
    pub fn check(&self, edition: Edition) -> Result<(), RuleError> {
        for (place, group) in self.groups.iter().enumerate() {
            let wrong = |rule, (key, message)| RuleError {
                group: place,
                rule,
                key,
                message,
            };
            let name = &group.name;
            if name.is_empty() {
                let message = "Groupname must not be empty".to_owned();
                return Err(wrong(None, ("name", message)));
            }
            if self.groups[..place].iter().any(|one| one.name == *name) {
                let message = format!("groupname: {name:?} is repeated in the same file");
                return Err(wrong(None, ("name", message)));
            }
            let interval = group.interval().map(|_| ());
            interval.map_err(|error| wrong(None, ("interval", error)))?;
            for (number, rule) in group.rules.iter().enumerate() {
                let checked = rule.check(edition);
                checked.map_err(|problem| wrong(Some(number), problem))?;
            }
        }
        Ok(())
    }
}

impl RuleGroup {
    /// From one evaluation to the next in milliseconds; none for the configuration's
    /// (`model.ParseDuration`, which 0 is as good as nothing to). The error says what is wrong.
    pub fn interval(&self) -> Result<Option<i64>, String> {
        let text = self.interval.as_deref().unwrap_or_default();
        if matches!(text, "" | "0" | "0s") {
            return Ok(None);
        }
        let is_plain = |text: &str| text.chars().all(|one| one.is_ascii_alphanumeric());
        let has_unit = text.ends_with(['s', 'm', 'h', 'd', 'w', 'y']);
        let length =
            (is_plain(text) && has_unit && text.starts_with(|one: char| one.is_ascii_digit()))
                .then(|| parse_duration(text).ok())
                .flatten();
        let length = length.ok_or_else(|| format!("not a valid duration string: {text:?}"))?;
        Ok(Some(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A recording rule, or an alert, of which nothing is read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// The name of the series that it makes; empty of an alert.
    pub record: String,
    /// The alert's name.
    pub alert: String,
    /// The query.
    pub expr: String,
    /// Labels that its series have besides the answer's, or instead of them.
    pub labels: BTreeMap<String, String>,
}

impl Rule {
    /// Whether Prometheus takes it; the error has the key that is wrong and says why. Since edition 3
    /// names are any UTF-8.
    pub fn check(&self, edition: Edition) -> Result<(), (&'static str, String)> {
        if self.record.is_empty() == self.alert.is_empty() {
            let message = "exactly one of `record` and `alert` must be set".to_owned();
            return Err(("", message));
        }
        Query::parse(&self.expr)
            .map_err(|error| ("expr", format!("could not parse expression: {error}")))?;
        if self.record.is_empty() {
            return Ok(());
        }
        let is_utf8 = edition == Edition::Three;
        let record = &self.record;
        if is_utf8 && record.contains(['{', '}']) {
            let message = format!(
                "braces present in the recording rule name; should it be in expr?: {record}"
            );
            return Err(("record", message));
        }
        if !is_utf8 && !is_name(&record.replace(':', "_")) {
            return Err(("record", format!("invalid recording rule name: {record}")));
        }
        let is_label = |name: &str| {
            (if is_utf8 {
                !name.is_empty()
            } else {
                is_name(name)
            }) && name != METRIC_NAME
        };
        let wrong = self.labels.keys().find(|name| !is_label(name));
        wrong.map_or(Ok(()), |name| {
            Err(("labels", format!("invalid label name: {name}")))
        })
    }
}

/// A group at work.
#[derive(Debug, Clone)]
pub struct RecordingRules {
    rules: Vec<Rule>,
    /// The series of each rule's last evaluation.
    seen: Vec<BTreeMap<Labels, SeriesId>>,
}

impl RecordingRules {
    /// A group that has recorded nothing; alerts are left out.
    pub fn new(group: &RuleGroup) -> Self {
        let rules = group.rules.iter().filter(|rule| !rule.record.is_empty());
        let rules = rules.map(|rule| {
            let mut rule = rule.clone();
            for (name, value) in &group.labels {
                let own = rule.labels.entry(name.clone());
                own.or_insert_with(|| value.clone());
            }
            rule
        });
        let rules: Vec<Rule> = rules.collect();
        Self {
            seen: vec![BTreeMap::new(); rules.len()],
            rules,
        }
    }

    /// Whether it records anything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What its rules ask.
    pub fn queries(&self) -> impl Iterator<Item = Query> + '_ {
        self.rules
            .iter()
            .filter_map(|rule| Query::parse(&rule.expr).ok())
    }

    /// Evaluates all rules at a time, milliseconds, each with what those before it have recorded. A rule
    /// that fails records nothing, and its series go on.
    pub fn evaluate(&mut self, head: &mut Head, at: i64) {
        for (rule, seen) in self.rules.iter().zip(&mut self.seen) {
            let Ok(answer) = answer(rule, head, at) else {
                continue;
            };
            let mut now = BTreeMap::new();
            for (labels, value) in answer {
                let id = head.storage.series(&labels);
                // A sample that comes too late is left out, as there.
                let _ = head.storage.append(id, at, value);
                now.insert(labels, id);
            }
            for (labels, id) in std::mem::replace(seen, now) {
                if !seen.contains_key(&labels) {
                    let _ = head.storage.append(id, at, stale_marker());
                }
            }
        }
    }
}

/// What a rule records now.
fn answer(rule: &Rule, head: &mut Head, at: i64) -> Result<Vec<(Labels, f64)>, QueryError> {
    let of = |labels: &Labels| {
        let mut labels = labels.with(METRIC_NAME, &rule.record);
        for (name, value) in &rule.labels {
            labels = labels.with(name, value);
        }
        labels
    };
    let samples: Vec<(Labels, f64)> = match head.query(&rule.expr, at)? {
        Value::Scalar(value) => vec![(of(&Labels::default()), value)],
        Value::Vector(samples) => {
            let all = samples.iter();
            all.map(|one| (of(&one.labels), one.value)).collect()
        }
        _ => {
            let why = "rule result is not a vector or scalar".to_owned();
            return Err(QueryError::Evaluate(why));
        }
    };
    let mut known: Vec<&Labels> = samples.iter().map(|(one, _)| one).collect();
    known.sort_unstable();
    if known.windows(2).any(|pair| pair[0] == pair[1]) {
        let why = "vector contains metrics with the same labelset after applying rule labels";
        return Err(QueryError::Evaluate(why.to_owned()));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::promql::Edition;

    fn group(text: &str) -> RuleGroup {
        let file: RuleFile = serde_json::from_str(text).unwrap();
        file.groups[0].clone()
    }

    fn value(head: &mut Head, query: &str, at: i64) -> Vec<(String, f64)> {
        match head.query(query, at).unwrap() {
            Value::Vector(all) => {
                let all = all.iter();
                all.map(|one| (one.labels.to_string(), one.value)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rules_record_one_after_the_other_and_end_what_is_gone() {
        let mut rules = RecordingRules::new(&group(
            r#"{"groups": [{"name": "g", "rules": [
                {"record": "app:up:sum", "expr": "sum by (app) (up)", "labels": {"team": "a"}},
                {"record": "twice", "expr": "2 * app:up:sum{app=\"x\"}"},
                {"record": "one", "expr": "1"},
                {"record": "same", "expr": "up", "labels": {"app": "all"}},
                {"alert": "Down", "expr": "up == 0"}
            ]}]}"#,
        ));
        let mut head = Head::new(Edition::Three);
        head.want(|wanted| rules.queries().for_each(|query| wanted.add_query(&query)));
        let series = |head: &mut Head, app: &str, at: i64, value: f64| {
            let labels = Labels::new([(METRIC_NAME, "up"), ("app", app)]);
            let id = head.storage.series(&labels);
            head.storage.append(id, at, value).unwrap();
        };
        series(&mut head, "x", 0, 3.0);
        series(&mut head, "y", 0, 4.0);
        rules.evaluate(&mut head, 1_000);
        let text = |app: &str| format!("{{__name__=\"app:up:sum\", app=\"{app}\", team=\"a\"}}");
        let sums = value(&mut head, "app:up:sum", 1_000);
        assert_eq!(sums, [(text("x"), 3.0), (text("y"), 4.0)]);
        let twice = value(&mut head, "twice", 1_000);
        assert_eq!(twice[0].1, 6.0);
        assert_eq!(value(&mut head, "one", 1_000)[0].1, 1.0);
        // Two series become one: that is an error.
        assert_eq!(value(&mut head, "same", 1_000), []);
        series(&mut head, "y", 60_000, stale_marker());
        rules.evaluate(&mut head, 61_000);
        let sums = value(&mut head, "app:up:sum", 61_000);
        assert_eq!(sums, [(text("x"), 3.0)]);
    }

    #[test]
    fn intervals_are_prometheus_durations() {
        let of = |text: &str| {
            let group = RuleGroup {
                interval: Some(text.to_owned()),
                ..RuleGroup::default()
            };
            group.interval()
        };
        assert_eq!(RuleGroup::default().interval(), Ok(None));
        assert_eq!(of("0s"), Ok(None));
        assert_eq!(of("30s"), Ok(Some(30_000)));
        assert_eq!(of("1h30m"), Ok(Some(5_400_000)));
        assert_eq!(of("1w"), Ok(Some(604_800_000)));
        for wrong in ["abc", "30", "1.5h", "-1s", "nan"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_groups_labels_are_those_of_its_rules() {
        let mut rules = RecordingRules::new(&group(
            r#"{"groups": [{"name": "g", "labels": {"team": "a", "tier": "1"}, "rules": [
                {"record": "one", "expr": "1"},
                {"record": "two", "expr": "2", "labels": {"team": "b"}}
            ]}]}"#,
        ));
        let mut head = Head::new(Edition::Three);
        rules.evaluate(&mut head, 1_000);
        let found = |head: &mut Head, query: &str| value(head, query, 1_000).len();
        assert_eq!(found(&mut head, r#"one{team="a", tier="1"}"#), 1);
        assert_eq!(found(&mut head, r#"two{team="b", tier="1"}"#), 1);
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        let of = |record: &str, alert: &str, expr: &str, label: &str| {
            let rule = Rule {
                record: record.to_owned(),
                alert: alert.to_owned(),
                expr: expr.to_owned(),
                labels: BTreeMap::from([(label.to_owned(), "x".to_owned())]),
            };
            rule.check(Edition::Two)
        };
        assert_eq!(of("job:a:sum", "", "sum(a)", "team"), Ok(()));
        assert_eq!(of("", "Down", "up == 0", "team"), Ok(()));
        for (record, alert, expr, label) in [
            ("a", "b", "c", "d"),
            ("", "", "c", "d"),
            ("a b", "", "c", "d"),
            ("a", "", "sum(", "d"),
            ("a", "", "c", "d-e"),
        ] {
            assert!(
                of(record, alert, expr, label).is_err(),
                "{record} {expr} {label}"
            );
        }
    }

    #[test]
    fn edition_three_takes_any_utf_8_for_a_name() {
        let of = |edition, record: &str, label: &str| {
            let rule = Rule {
                record: record.to_owned(),
                expr: "up".to_owned(),
                labels: BTreeMap::from([(label.to_owned(), "x".to_owned())]),
                ..Rule::default()
            };
            rule.check(edition).map_err(|(key, _)| key)
        };
        for name in ["http.server.duration", "größe"] {
            assert_eq!(of(Edition::Three, name, "team"), Ok(()));
            assert_eq!(of(Edition::Two, name, "team"), Err("record"));
            assert_eq!(of(Edition::Three, "a", name), Ok(()));
            assert_eq!(of(Edition::Two, "a", name), Err("labels"));
        }
        assert_eq!(of(Edition::Three, "sum(a{b=\"c\"})", "team"), Err("record"));
        assert_eq!(of(Edition::Three, "a", METRIC_NAME), Err("labels"));
    }

    #[test]
    fn names_of_groups_are_there_and_their_own() {
        let told = |json: &str| {
            let file: RuleFile = serde_json::from_str(json).unwrap();
            let checked = file.check(Edition::Three);
            checked.map_err(|wrong| (wrong.group, wrong.rule, wrong.key))
        };
        let rows = [
            (r#"{"groups": [{"name": "a"}, {"name": "b"}]}"#, Ok(())),
            (
                r#"{"groups": [{"name": "a"}, {"name": ""}]}"#,
                Err((1, None, "name")),
            ),
            (
                r#"{"groups": [{"name": "a"}, {"name": "a"}]}"#,
                Err((1, None, "name")),
            ),
            (
                r#"{"groups": [{"name": "a", "interval": "x"}]}"#,
                Err((0, None, "interval")),
            ),
            (
                r#"{"groups": [{"name": "a", "rules": [{"record": "b", "expr": "c"}, {"record": "b", "expr": "("}]}]}"#,
                Err((0, Some(1), "expr")),
            ),
        ];
        for (json, wanted) in rows {
            assert_eq!(told(json), wanted, "{json}");
        }
    }
}
