//! What is wrong with a rule, found before anybody asks for its metrics.

use super::config::{GroupResource, Rule};
use super::naming::{Namer, Objects};
use super::resources::Kinds;
use crate::prometheus::promql::{self, Query};

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The key that is wrong; empty for the rule as a whole.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// Whether the adapter refuses to start with it; else its metrics have no values.
    pub is_fatal: bool,
}

/// Checks a rule of the custom or of the external metrics API: its selector, its template, and that
/// this makes a query, as far as that does not depend on what is asked for.
pub fn check_rule(rule: &Rule, external: bool, kinds: &Kinds) -> Result<(), RuleProblem> {
    let problem = |key, message: String, is_fatal| RuleProblem {
        key,
        message,
        is_fatal,
    };
    promql::selector(&rule.series_query)
        .map_err(|error| problem("seriesQuery", error.to_string(), true))?;
    let namer = Namer::new(rule, kinds).map_err(|error| {
        let is_template = error.contains("metrics query template");
        let key = if is_template { "metricsQuery" } else { "" };
        problem(key, error, true)
    })?;
    if rule.metrics_query.contains(".LabelValuesByName") {
        return Ok(());
    }
    let query = if external {
        namer.external_query(kinds, "x", "", &[])
    } else {
        let kind = GroupResource::core("pods");
        let names = ["x".to_owned()];
        let objects = Objects {
            kind: &kind,
            namespace: "",
            names: &names,
        };
        namer.query(kinds, "x", objects, &[])
    };
    let query = match query {
        Ok(query) => query,
        // Whether its labels name pods is seen with the series.
        Err(error) if !error.contains("template") => return Ok(()),
        Err(error) => return Err(problem("metricsQuery", error, false)),
    };
    match Query::parse(&query) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("Prometheus would refuse {query:?}: {error}");
            Err(problem("metricsQuery", message, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_told_by_itself() {
        let told = |json: &str| {
            let rule: Rule = serde_json::from_str(json).unwrap();
            check_rule(&rule, false, &Kinds::default()).map_err(|one| (one.key, one.is_fatal))
        };
        let rows = [
            (
                r#"{"seriesQuery": "rate(x[1m])", "metricsQuery": "<<.Series>>"}"#,
                Err(("seriesQuery", true)),
            ),
            (
                r#"{"seriesQuery": "x", "metricsQuery": "<<.Series"}"#,
                Err(("metricsQuery", true)),
            ),
            (
                r#"{"seriesQuery": "x", "name": {"matches": "(a)(b)"}}"#,
                Err(("", true)),
            ),
            (
                r#"{"seriesQuery": "x", "resources": {"template": "<<.Resource>>"}, "metricsQuery": "<<.Sum>>"}"#,
                Err(("metricsQuery", false)),
            ),
            (
                r#"{"seriesQuery": "x", "resources": {"template": "<<.Resource>>"},
                    "metricsQuery": "sum(rat(<<.Series>>[1m])) by (<<.GroupBy>>)"}"#,
                Err(("metricsQuery", false)),
            ),
            (
                r#"{"seriesQuery": "x", "resources": {"template": "<<.Resource>>"},
                    "metricsQuery": "sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)"}"#,
                Ok(()),
            ),
            (
                r#"{"seriesQuery": "x", "resources": {"template": "<<.Resource>>"},
                    "metricsQuery": "rate(x[<<index .LabelValuesByName \"window\">>])"}"#,
                Ok(()),
            ),
        ];
        for (json, wanted) in rows {
            assert_eq!(told(json), wanted, "{json}");
        }
    }
}
