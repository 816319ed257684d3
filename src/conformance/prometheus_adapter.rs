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
    fn read(&self) -> Requirement {
        Requirement {
            key: self.key.clone(),
            operator: match self.operator.as_str() {
                "!=" => Operator::NotEquals,
                "in" => Operator::In,
                "notin" => Operator::NotIn,
                "exists" => Operator::Exists,
                "!" => Operator::DoesNotExist,
                "gt" => Operator::GreaterThan,
                "lt" => Operator::LessThan,
                _ => Operator::Equals,
            },
            values: self.values.clone(),
        }
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
        case.replay(&config, number + 1, &mut report);
    }
    Ok(report)
}

impl Case {
    fn replay(&self, config: &Config, number: usize, report: &mut Report) {
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
            // A first sample is in order.
            let _ = storage.append(id, 0, 1.0);
        }
        let mut adapter = match Adapter::new(config, Kinds::default()) {
            Ok(adapter) => adapter,
            Err(error) => {
                let expected = self.error.clone().unwrap_or_default();
                let start = "unable to construct naming scheme from metrics rules: ";
                return step("start", format!("{start}{expected}"), error);
            }
        };
        if let Err(error) = adapter.relist(&storage, 0) {
            return step("relist", String::new(), error);
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
            let expected = request.error.as_ref().or(request.query.as_ref());
            step(
                &format!("{request:?}"),
                expected.cloned().unwrap_or_default(),
                request.ask(&adapter),
            );
        }
    }
}

impl Request {
    /// The query, the reason why there is none, or nothing.
    fn ask(&self, adapter: &Adapter) -> String {
        let requirements = self.requirements.as_deref().unwrap_or_default();
        let selector: Vec<Requirement> = requirements.iter().map(RequirementJson::read).collect();
        if self.external {
            return match adapter.external_query(&self.metric, &self.namespace, &selector) {
                Some(Ok(text) | Err(text)) => text,
                None => String::new(),
            };
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
        adapter
            .object_query(&self.metric, objects, &selector)
            .map_or_else(String::new, |(query, _)| query)
    }
}
