//! Past usage as Prometheus' answer to a range query (`/api/v1/query_range`, or an instant
//! query with a range selector).
//!
//! Follows `pkg/recommender/input/history`: CPU series hold a rate in cores, memory series
//! bytes; pod and container are named by labels, whose names are flags of the recommender.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::amount;
use super::{HistoryError, Usage, UsageHistory, UsageSample};
use crate::autoscaler::vpa::{Resource, WallClock};
use crate::units::{Bytes, Millicores};

/// What cAdvisor calls the container that holds a pod's namespaces.
const SANDBOX: &str = "POD";

/// Which labels of a series name the pod and the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLabels {
    /// `--container-pod-name-label`.
    pub pod: String,
    /// `--container-name-label`.
    pub container: String,
}

impl Default for SeriesLabels {
    fn default() -> Self {
        Self {
            pod: "pod_name".to_owned(),
            container: "name".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

impl UsageHistory {
    /// Reads an answer with series of one resource. Labels as of recent kubelets (`pod`,
    /// `container`) are found too; values that are no numbers are left out, and so are series
    /// of whole pods and of their sandboxes, which the recommender's query does not ask for.
    pub fn from_prometheus(
        text: &str,
        resource: Resource,
        labels: &SeriesLabels,
        clock: WallClock,
    ) -> Result<Self, HistoryError> {
        let content = |place: &str, problem: String| HistoryError::Content {
            place: place.to_owned(),
            problem,
        };
        let answer: Answer = serde_json::from_str(text)?;
        let data = match answer.data {
            Some(data) if answer.status == "success" => data,
            _ => {
                let problem = answer.error.unwrap_or(answer.status);
                return Err(content("status", format!("Prometheus says \"{problem}\"")));
            }
        };
        if data.result_type != "matrix" {
            let problem = format!("a matrix is needed, not a {}", data.result_type);
            return Err(content("data.resultType", problem));
        }
        let mut history = Self::default();
        for (index, series) in data.result.iter().enumerate() {
            let label = |name: &str, recent: &str| {
                let metric = &series.metric;
                metric.get(name).or_else(|| metric.get(recent))
            };
            let container = label(&labels.container, "container").map_or("", String::as_str);
            if matches!(container, "" | SANDBOX) {
                continue;
            }
            let pod = label(&labels.pod, "pod").ok_or_else(|| {
                let place = format!("data.result[{index}].metric");
                content(&place, format!("there is no label \"{}\"", labels.pod))
            })?;
            for (time, value) in &series.values {
                let time = clock.from_unix(*time);
                let value = value.parse().ok().filter(|value: &f64| value.is_finite());
                if let (Some(time), Some(value)) = (time, value) {
                    let usage = match resource {
                        Resource::Cpu => Usage::Cpu(Millicores(amount::from_cores(value))),
                        Resource::Memory => Usage::Memory(Bytes(amount::from_float(value))),
                    };
                    history.add(pod, container, UsageSample { time, usage });
                }
            }
        }
        if history.pods.is_empty() && !data.result.is_empty() {
            let problem = format!("no series has a label \"{}\"", labels.container);
            return Err(content("data.result", problem));
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimTime;

    fn read(text: &str, resource: Resource) -> Result<UsageHistory, String> {
        let labels = SeriesLabels::default();
        UsageHistory::from_prometheus(text, resource, &labels, WallClock::default())
            .map_err(|error| error.to_string())
    }

    const CPU: &str = r#"{"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"pod_name": "api-0", "name": "api"},
         "values": [[1767225600, "0.2509"], [1767225660.5, "NaN"], [1767225720, "1.5"]]},
        {"metric": {"pod": "api-1", "container": "api"}, "values": [[1767225600, "2"]]}]}}"#;

    #[test]
    fn series_become_samples_in_millicores() {
        let history = read(CPU, Resource::Cpu).expect("a matrix");
        assert_eq!(history.len(), 3);
        let expected = UsageSample {
            time: SimTime::from_secs(120),
            usage: Usage::Cpu(Millicores(1500)),
        };
        assert_eq!(history.pods["api-0"]["api"][1], expected);
        assert_eq!(
            history.pods["api-0"]["api"][0].usage,
            Usage::Cpu(Millicores(250))
        );
        assert!(history.pods.contains_key("api-1"));
    }

    #[test]
    fn series_of_whole_pods_and_sandboxes_are_left_out() {
        let text = CPU.replace(
            r#""result": ["#,
            r#""result": [{"metric": {"pod": "api-2"}, "values": [[1767225600, "9"]]},
            {"metric": {"pod": "api-2", "container": ""}, "values": [[1767225600, "9"]]},
            {"metric": {"pod": "api-2", "container": "POD"}, "values": [[1767225600, "9"]]},"#,
        );
        assert_eq!(read(&text, Resource::Cpu), read(CPU, Resource::Cpu));
        let nameless = CPU
            .replace("container", "image")
            .replace("\"name\"", "\"id\"");
        let error = read(&nameless, Resource::Cpu).expect_err("no containers");
        assert_eq!(error, "data.result: no series has a label \"name\"");
    }

    #[test]
    fn failures_are_told_as_prometheus_tells_them() {
        let failed = r#"{"status": "error", "errorType": "timeout", "error": "query timed out"}"#;
        let error = read(failed, Resource::Memory).expect_err("a failure");
        assert_eq!(error, "status: Prometheus says \"query timed out\"");
        let vector = r#"{"status": "success", "data": {"resultType": "vector", "result": []}}"#;
        let error = read(vector, Resource::Memory).expect_err("no range");
        assert_eq!(error, "data.resultType: a matrix is needed, not a vector");
        let unnamed = CPU.replace("pod_name", "instance");
        let error = read(&unnamed, Resource::Cpu).expect_err("no pod");
        assert_eq!(
            error,
            "data.result[0].metric: there is no label \"pod_name\""
        );
    }
}
