//! Tables of what kubectl prints: `human_age`, `kubectl_get_hpa_targets`, `kubectl_pod_status`,
//! `kubectl_tables`, `kubectl_top`, `kubectl_describe_hpa` and `kubectl_describe_vpa`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ReplayError, Report, kubectl_objects, table};
use crate::kubectl::kind::Kind;
use crate::kubectl::print::{
    Around, Table, TableOptions, Timestamp, TopOptions, TopSort, describe, human_duration,
    top_nodes, top_pods,
};
use crate::sim::SimDuration;

/// Replays rows, each a step; what is printed of a row is compared with what it records.
fn replay<C, T>(text: &str, printed: impl Fn(C) -> (String, T, T)) -> Result<Report, ReplayError>
where
    C: serde::de::DeserializeOwned,
    T: std::fmt::Debug + PartialEq,
{
    let mut report = Report::default();
    for case in table::rows::<C>(text)? {
        report.cases += 1;
        let (id, expected, got) = printed(case);
        report.step(table::difference(id, &expected, &got, &()));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct AgeCase {
    id: String,
    age_ms: i64,
    age: String,
}

/// Replays ages.
pub(super) fn human_age(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case: AgeCase| {
        let got = human_duration(SimDuration::from_millis(case.age_ms));
        (case.id, case.age, got)
    })
}

fn cells_of(kind: &str, object: Value, count: usize) -> Vec<String> {
    let found = Kind::of_kind(kind).map(|kind| {
        let options = TableOptions::default();
        crate::kubectl::print::table(kind, &[object], &options, Timestamp(0))
    });
    let mut rows = found.map(|table| table.rows).unwrap_or_default();
    let mut cells = rows.pop().unwrap_or_default();
    cells.truncate(count);
    cells
}

/// Replays HPAs' rows but for the age.
pub(super) fn get_hpa_targets(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case: kubectl_objects::HpaCase| {
        let object = case.hpa();
        let expected = case.cells_without_age;
        let got = cells_of("HorizontalPodAutoscaler", object, expected.len());
        (case.id, expected, got)
    })
}

/// Replays pods' names, READY, STATUS and RESTARTS.
pub(super) fn pod_status(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case: kubectl_objects::PodCase| {
        let object = case.pod();
        let expected = case.cells_name_ready_status_restarts;
        let got = cells_of("Pod", object, expected.len());
        (case.id, expected, got)
    })
}

#[derive(Deserialize)]
struct TableCase {
    id: String,
    columns: Vec<String>,
    cells: Vec<Vec<String>>,
    text: String,
}

/// Replays the layout of tables; their cells are given.
pub(super) fn tables(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case: TableCase| {
        let table = Table {
            columns: case.columns,
            rows: case.cells,
        };
        (case.id, case.text, table.text(false))
    })
}

#[derive(Deserialize)]
struct TopCase {
    id: String,
    what: String,
    input: Vec<TopJson>,
    text: String,
}

/// What a container or a node uses.
#[derive(Deserialize)]
struct TopJson {
    #[serde(alias = "node")]
    pod: String,
    container: Option<String>,
    cpu_nanocores: i64,
    memory_bytes: i64,
    allocatable_cpu_milli: Option<i64>,
    allocatable_memory_bytes: Option<i64>,
}

impl TopCase {
    fn options(&self) -> TopOptions {
        let asks = |word: &str| self.what.split_whitespace().any(|one| one == word);
        let sort = self
            .what
            .split_once("sort-by=")
            .or_else(|| self.what.split_once("sort="));
        let sort = sort.and_then(|(_, by)| by.split_whitespace().next());
        TopOptions {
            with_namespace: asks("-A"),
            containers: asks("--containers"),
            no_headers: asks("--no-headers"),
            sum: asks("--sum"),
            sort_by: match sort {
                Some("cpu") => Some(TopSort::Cpu),
                Some("memory") => Some(TopSort::Memory),
                _ => None,
            },
        }
    }

    fn printed(&self) -> String {
        let usage = |row: &TopJson| {
            json!({
                "cpu": format!("{}n", row.cpu_nanocores),
                "memory": row.memory_bytes.to_string(),
            })
        };
        if self.what.starts_with("top node") {
            let metrics =
                |row: &TopJson| json!({"metadata": {"name": row.pod}, "usage": usage(row)});
            let node = |row: &TopJson| {
                let cpu = row.allocatable_cpu_milli.map(|milli| format!("{milli}m"));
                let memory = row.allocatable_memory_bytes.map(|bytes| bytes.to_string());
                json!({
                    "metadata": {"name": row.pod},
                    "status": {"allocatable": {"cpu": cpu, "memory": memory}},
                })
            };
            let metrics: Vec<Value> = self.input.iter().map(metrics).collect();
            let nodes: Vec<Value> = self.input.iter().map(node).collect();
            return top_nodes(&metrics, &nodes, &self.options());
        }
        let mut pods: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for row in &self.input {
            let container = json!({"name": row.container, "usage": usage(row)});
            pods.entry(&row.pod).or_default().push(container);
        }
        let pod = |(name, containers): (&str, Vec<Value>)| {
            json!({
                "metadata": {"name": name, "namespace": "neurolake"},
                "containers": containers,
            })
        };
        let pods: Vec<Value> = pods.into_iter().map(pod).collect();
        top_pods(&pods, &self.options())
    }
}

/// Replays `kubectl top`.
pub(super) fn top(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case: TopCase| {
        let got = case.printed();
        (case.id, case.text, got)
    })
}

#[derive(Deserialize)]
struct DescribeCase {
    id: String,
    #[serde(alias = "hpa_v2", alias = "vpa")]
    object: Value,
    describe_text_without_events: String,
}

fn described(kind: &str, case: DescribeCase) -> (String, String, String) {
    let around = Around::default();
    let got = Kind::of_kind(kind);
    let got = got.and_then(|kind| describe(kind, &case.object, &around, Timestamp(0)));
    (
        case.id,
        case.describe_text_without_events,
        got.unwrap_or_default(),
    )
}

/// Replays `kubectl describe hpa`.
pub(super) fn describe_hpa(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| described("HorizontalPodAutoscaler", case))
}

/// Replays `kubectl describe vpa`.
pub(super) fn describe_vpa(text: &str) -> Result<Report, ReplayError> {
    replay(text, |case| described("VerticalPodAutoscaler", case))
}
