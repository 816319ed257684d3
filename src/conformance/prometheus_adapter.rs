//! What the Prometheus adapter makes of rules, series and questions: `prometheus_adapter`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Difference, ReplayError, Report};
use crate::prometheus::adapter::config::{Config, GroupResource};
use crate::prometheus::adapter::{Adapter, Kinds, Objects, Operator, Requirement};
use crate::prometheus::labels::Labels;
use crate::prometheus::storage::Storage;

#[derive(Deserialize)]
struct Case {
    /// The configuration, as JSON.
    config: String,
    series: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    requests: Vec<Request>,
    /// Why the adapter does not start.
    error: Option<String>,
    metrics: Option<Vec<String>>,
    external_metrics: Option<Vec<String>>,
}

#[derive(Deserialize, Debug)]
struct Request {
    external: bool,
    group: String,
    resource: String,
    namespace: String,
    metric: String,
    names: Vec<String>,
    requirements: Option<Vec<RequirementJson>>,
    query: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize, Debug)]
struct RequirementJson {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl RequirementJson {
    fn read(&self) -> Result<Requirement, serde_json::Error> {
        Ok(Requirement {
            key: self.key.clone(),
            operator: match self.operator.as_str() {
                "=" | "==" => Operator::Equals,
                "!=" => Operator::NotEquals,
                "in" => Operator::In,
                "notin" => Operator::NotIn,
                "exists" => Operator::Exists,
                "!" => Operator::DoesNotExist,
                "gt" => Operator::GreaterThan,
                "lt" => Operator::LessThan,
                other => {
                    let message = format!("unknown operator \"{other}\"");
                    return Err(serde::de::Error::custom(message));
                }
            },
            values: self.values.clone(),
        })
    }
}

/// Replays cases of one configuration each, a JSON object a line: the metrics that it finds are a
/// step each for custom and external ones, and so is the query of each request.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for (number, line) in text.lines().enumerate() {
        let malformed = |source| ReplayError::Malformed {
            line: number + 1,
            source,
        };
        let case: Case = serde_json::from_str(line).map_err(malformed)?;
        let config: Config = serde_json::from_str(&case.config).map_err(malformed)?;
        report.cases += 1;
        case.replay(&config, number + 1, &mut report)
            .map_err(malformed)?;
    }
    Ok(report)
}

impl Case {
    fn replay(
        &self,
        config: &Config,
        number: usize,
        report: &mut Report,
    ) -> Result<(), serde_json::Error> {
        let mut step = |place: &str, expected: String, got: String| {
            report.step((expected != got).then(|| Difference {
                place: format!("line {number} {place}"),
                expected,
                got,
                input: self.config.clone(),
            }));
        };
        let mut storage = Storage::new(1);
        for series in &self.series {
            let labels = series.iter().map(|(n, v)| (n.as_str(), v.as_str()));
            let id = storage.series(&Labels::new(labels));
            storage
                .append(id, 0, 1.0)
                .map_err(serde::de::Error::custom)?;
        }
        let start = "unable to construct naming scheme from metrics rules: ";
        let refused = self.error.as_ref().map(|error| format!("{start}{error}"));
        let mut adapter = match (Adapter::new(config, Kinds::default()), refused) {
            (Ok(adapter), None) => adapter,
            (made, refused) => {
                let told = |error: Option<String>| error.unwrap_or_else(|| "starts".to_owned());
                step("start", told(refused), told(made.err()));
                return Ok(());
            }
        };
        if let Err(error) = adapter.relist(&storage, 0) {
            step("relist", String::new(), error);
            return Ok(());
        }
        let mut metrics: Vec<String> = adapter
            .metrics()
            .map(|(kind, namespaced, metric)| {
                let namespaced = if namespaced { "(namespaced)" } else { "" };
                format!("{kind}/{metric}{namespaced}")
            })
            .collect();
        metrics.sort();
        let known = |names: &Option<Vec<String>>| names.clone().unwrap_or_default().join(" ");
        step("metrics", known(&self.metrics), metrics.join(" "));
        let external: Vec<&str> = adapter.external_metrics().collect();
        step(
            "external",
            known(&self.external_metrics),
            external.join(" "),
        );
        for request in &self.requests {
            step(
                &format!("{request:?}"),
                format!("{:?}", request.recorded()),
                format!("{:?}", request.ask(&adapter)?),
            );
        }
        Ok(())
    }
}

/// The query or the reason why there is none; nothing where the metric is not known.
type Asked = Option<Result<String, String>>;

impl Request {
    fn recorded(&self) -> Asked {
        let error = self.error.clone().map(Err);
        error.or_else(|| self.query.clone().map(Ok))
    }

    fn ask(&self, adapter: &Adapter) -> Result<Asked, serde_json::Error> {
        let requirements = self.requirements.as_deref().unwrap_or_default();
        let selector: Result<Vec<_>, _> = requirements.iter().map(RequirementJson::read).collect();
        let selector = selector?;
        if self.external {
            return Ok(adapter.external_query(&self.metric, &self.namespace, &selector));
        }
        let kind = GroupResource {
            group: self.group.clone(),
            resource: self.resource.clone(),
        };
        let objects = Objects {
            kind: &kind,
            namespace: &self.namespace,
            names: &self.names,
        };
        let found = adapter.object_query(&self.metric, objects, &selector);
        Ok(found.map(|(query, _)| Ok(query)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A case of one external metric that is asked for by its label `a`.
    fn case(operator: &str, query: &Value, error: &Value) -> Value {
        let config = json!({"externalRules": [{
            "seriesQuery": "x",
            "resources": {"template": "<<.Resource>>"},
            "metricsQuery": "<<.Series>>{<<.LabelMatchers>>}",
        }]});
        json!({
            "config": config.to_string(),
            "series": [{"__name__": "x", "a": "b"}],
            "external_metrics": ["x"],
            "requests": [{
                "external": true, "group": "", "resource": "", "namespace": "", "metric": "x",
                "names": [], "query": query, "error": error,
                "requirements": [{"key": "a", "operator": operator, "values": ["b"]}],
            }],
        })
    }

    fn differences(case: &Value) -> usize {
        replay(&case.to_string()).unwrap().differences.len()
    }

    #[test]
    fn a_query_is_no_reason_for_there_being_none() {
        let query = json!("x{a=\"b\"}");
        assert_eq!(differences(&case("=", &query, &Value::Null)), 0);
        assert_eq!(differences(&case("==", &query, &Value::Null)), 0);
        assert_eq!(differences(&case("=", &Value::Null, &query)), 1);
        assert_eq!(differences(&case("=", &Value::Null, &Value::Null)), 1);
    }

    #[test]
    fn a_configuration_that_is_refused_must_not_start() {
        let mut accepted = case("=", &json!("x{a=\"b\"}"), &Value::Null);
        accepted["error"] = json!("some reason");
        assert_eq!(differences(&accepted), 1);
        let mut refused = accepted;
        refused["config"] = json!(r#"{"rules": [{"metricsQuery": "<<"}]}"#);
        refused["error"] = Value::Null;
        assert_eq!(differences(&refused), 1);
    }

    #[test]
    fn an_unknown_operator_is_malformed() {
        let case = case("~", &Value::Null, &Value::Null);
        let error = replay(&case.to_string()).unwrap_err().to_string();
        assert_eq!(error, "line 1: unknown operator \"~\"");
    }
}
