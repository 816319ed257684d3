//! The pod table that carries over between the steps of a case, and the observation of
//! one step made from it.

use std::collections::BTreeMap;

use serde::de::Error;
use serde_json::Value;

use super::input::{Case, PodJson, Result, Step, milli, time};
use crate::autoscaler::hpa::{
    ContainerRequest, ContainerUsage, HpaSpec, MetricSpec, Observation, Phase, Pod, PodRequests,
    PodUsage, PodValue, ReadyCondition, ReadyStatus, Scale,
};
use crate::sim::{SimDuration, SimTime};

/// A pod of the table, key expanded.
struct PodEntry {
    name: String,
    template: usize,
    json: PodJson,
}

/// What carries over between steps: the pod table and the selector.
pub(super) struct PodTable {
    templates: BTreeMap<String, usize>,
    requests: Vec<PodRequests>,
    pods: BTreeMap<String, Vec<PodEntry>>,
    selector: String,
}

/// `web-{a..b}` stands for web-a … web-b.
fn expand(key: &str) -> Vec<String> {
    let range = key.find('{').and_then(|open| {
        let (prefix, rest) = key.split_at(open);
        let (a, b) = rest
            .strip_prefix('{')?
            .strip_suffix('}')?
            .split_once("..")?;
        Some((prefix, a.parse::<u32>().ok()?, b.parse::<u32>().ok()?))
    });
    match range {
        Some((prefix, a, b)) => (a..=b).map(|number| format!("{prefix}{number}")).collect(),
        None => vec![key.to_owned()],
    }
}

fn template(rows: &[Vec<Value>]) -> Result<PodRequests> {
    let mut requests = PodRequests::default();
    for row in rows {
        let text = |index: usize| row.get(index).and_then(Value::as_str);
        let amount = |index: usize, unit: i64| match row.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => milli(value, unit).map(Some),
        };
        let name = text(0)
            .ok_or_else(|| Error::custom("a container has no name"))?
            .to_owned();
        let values = [amount(1, 1)?, amount(2, 1000)?];
        if name == "@pod" {
            // Pod-level resources without any request are as good as none.
            requests.pod_level = Some(values).filter(|values| values.iter().any(Option::is_some));
            continue;
        }
        let kind = text(3);
        let container = ContainerRequest {
            name,
            requests: values,
            restartable: kind == Some("sidecar"),
        };
        match kind {
            Some("init" | "sidecar") => requests.init_containers.push(container),
            _ => requests.containers.push(container),
        }
    }
    Ok(requests)
}

/// Answers of one API for one metric: values with pod names, or an error.
fn custom_values(
    answer: Option<&Value>,
    places: &BTreeMap<&str, usize>,
) -> Result<std::result::Result<Vec<PodValue>, String>> {
    let Some(answer) = answer else {
        return Ok(Err("metric not found".to_owned()));
    };
    if let Some(text) = answer.get("err").and_then(Value::as_str) {
        return Ok(Err(text.to_owned()));
    }
    let value = |value: &Value, pod| {
        Ok(PodValue {
            pod,
            value: milli(value, 1)?,
        })
    };
    let rows = match answer.get("v") {
        Some(Value::Array(rows)) => rows.as_slice(),
        Some(single) => return Ok(Ok(vec![value(single, None)?])),
        None => &[],
    };
    let mut values: Vec<PodValue> = Vec::new();
    // A pod has one value, the last; the client keeps them by name.
    let mut order: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let Some(pair) = row.as_array() else {
            values.push(value(row, None)?);
            continue;
        };
        let amount = pair
            .get(1)
            .ok_or_else(|| Error::custom(format!("{row} has no value")))?;
        for name in expand(pod_name(pair)?) {
            let found = value(amount, places.get(name.as_str()).copied())?;
            let place = *order.entry(name).or_insert(values.len());
            if place == values.len() {
                values.push(found);
            } else {
                values[place] = found;
            }
        }
    }
    Ok(Ok(values))
}

/// The pod that a row begins with.
fn pod_name(cells: &[Value]) -> Result<&str> {
    let first = cells.first().and_then(Value::as_str);
    first.ok_or_else(|| Error::custom("a row does not begin with the name of a pod"))
}

/// A number that may be absent but is whole.
fn whole(value: Option<&Value>) -> Result<Option<i64>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| Error::custom(format!("{value} is not an integer"))),
    }
}

/// A pod's entry while its rows are gathered: name, timestamp, window, containers.
struct UsageEntry<'a> {
    pod: Option<usize>,
    timestamp: SimTime,
    window: SimDuration,
    containers: Vec<ContainerUsage<'a>>,
}

fn usage_entries<'a>(
    res: &'a Value,
    places: &BTreeMap<&str, usize>,
) -> Result<Vec<UsageEntry<'a>>> {
    let of_all = |key: &str| Ok(whole(res.get(key))?.unwrap_or(0));
    let (timestamp, window) = (time(of_all("ts")?), SimDuration::from_secs(of_all("w")?));
    let rows = res
        .get("u")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut order: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries: Vec<UsageEntry<'a>> = Vec::new();
    for row in rows {
        let cells = row
            .as_array()
            .ok_or_else(|| Error::custom("a usage row is not a list"))?;
        let amount = |index: usize, unit: i64| match cells.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => milli(value, unit).map(Some),
        };
        let usage = [amount(2, 1)?, amount(3, 1000)?];
        let (own_timestamp, own_window) = (whole(cells.get(4))?, whole(cells.get(5))?);
        for name in expand(pod_name(cells)?) {
            let pod = places.get(name.as_str()).copied();
            let place = *order.entry(name).or_insert_with(|| {
                entries.push(UsageEntry {
                    pod,
                    timestamp,
                    window,
                    containers: Vec::new(),
                });
                entries.len() - 1
            });
            if let Some(millis) = own_timestamp {
                entries[place].timestamp = time(millis);
            }
            if let Some(seconds) = own_window {
                entries[place].window = SimDuration::from_secs(seconds);
            }
            if let Some(container) = cells.get(1).and_then(Value::as_str) {
                entries[place].containers.push(ContainerUsage {
                    name: container,
                    usage,
                });
            }
        }
    }
    Ok(entries)
}

impl PodTable {
    pub(super) fn new(case: &Case) -> Result<Self> {
        let mut templates = BTreeMap::new();
        let mut requests = Vec::new();
        for (name, rows) in &case.templates {
            templates.insert(name.clone(), requests.len());
            requests.push(template(rows)?);
        }
        Ok(Self {
            templates,
            requests,
            pods: BTreeMap::new(),
            selector: "app=web".to_owned(),
        })
    }

    /// Applies a step's changes to the pod table and the selector.
    pub(super) fn apply(&mut self, step: &Step) -> Result<()> {
        if let Some(selector) = &step.sel {
            self.selector.clone_from(selector);
        }
        for key in &step.del {
            self.pods.remove(key);
        }
        for json in &step.put {
            let template = *self
                .templates
                .get(&json.c)
                .ok_or_else(|| Error::custom(format!("unknown template {}", json.c)))?;
            let entry = |name| PodEntry {
                name,
                template,
                json: json.clone(),
            };
            self.pods.insert(
                json.n.clone(),
                expand(&json.n).into_iter().map(entry).collect(),
            );
        }
        Ok(())
    }

    /// Builds the observation of a step and hands it to `reconcile`.
    pub(super) fn observe<R>(
        &self,
        step: &Step,
        spec: &HpaSpec,
        reconcile: impl FnOnce(&Observation<'_>) -> R,
    ) -> Result<R> {
        let mut entries: Vec<&PodEntry> = self.pods.values().flatten().collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let pods: Vec<Pod<'_>> = entries.iter().map(|entry| self.pod(entry)).collect();
        let places: BTreeMap<&str, usize> = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.name.as_str(), place))
            .collect();
        let usage = usage_entries(&step.res, &places)?;
        let usage: Vec<PodUsage<'_>> = usage
            .iter()
            .map(|entry| PodUsage {
                pod: entry.pod,
                timestamp: entry.timestamp,
                window: entry.window,
                containers: &entry.containers,
            })
            .collect();
        let mut custom = Vec::new();
        for metric in &spec.metrics {
            let (answers, name) = match metric {
                MetricSpec::Pods { name, .. } => (&step.pm, name),
                MetricSpec::Object { name, .. } => (&step.om, name),
                MetricSpec::External { name, .. } => (&step.em, name),
                _ => {
                    custom.push(Ok(Vec::new()));
                    continue;
                }
            };
            custom.push(custom_values(answers.get(name), &places)?);
        }
        let custom: Vec<std::result::Result<&[PodValue], &str>> = custom
            .iter()
            .map(|answer| answer.as_deref().map_err(String::as_str))
            .collect();
        let (spec_replicas, status_replicas) = step.sc;
        let observation = Observation {
            reference: "Deployment/default/web",
            scale: match &step.sc_err {
                Some(text) => Err(text),
                None => Ok(Scale {
                    spec_replicas,
                    status_replicas,
                    selector: &self.selector,
                }),
            },
            selected_by: &[],
            pods: &pods,
            resource_metrics: match step.res.get("err").and_then(Value::as_str) {
                Some(text) => Err(text),
                None => Ok(&usage),
            },
            tallies: None,
            custom_metrics: &custom,
        };
        Ok(reconcile(&observation))
    }

    fn pod<'a>(&'a self, entry: &'a PodEntry) -> Pod<'a> {
        let json = &entry.json;
        Pod {
            name: &entry.name,
            phase: match json.ph.as_deref() {
                Some("P") => Phase::Pending,
                Some("F") => Phase::Failed,
                Some("S") => Phase::Succeeded,
                Some("U") => Phase::Unknown,
                _ => Phase::Running,
            },
            deleting: json.del != 0,
            start_time: json.st.map(time),
            ready: json.rd.as_ref().map(|(status, since)| ReadyCondition {
                status: match status.as_str() {
                    "T" => ReadyStatus::True,
                    "F" => ReadyStatus::False,
                    _ => ReadyStatus::Unknown,
                },
                last_transition: time(*since),
            }),
            requests: &self.requests[entry.template],
        }
    }
}
