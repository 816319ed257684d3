//! Kind `metrics_server_pod_metrics`: scrapes of one pod through metrics-server's store.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::metrics::server::{FreshRule, PodMetrics, PodStore, Point};
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, CpuTime};

#[derive(Deserialize)]
struct Case {
    id: String,
    metric_resolution_s: i64,
    scrapes: Vec<Scrape>,
}

#[derive(Deserialize)]
struct Scrape {
    scrape_points: Option<Vec<PointJson>>,
    api_after: Api,
}

#[derive(Deserialize, Debug)]
struct PointJson {
    container: String,
    start_ms: i64,
    sample_ts_ms: i64,
    cpu_cumulative_core_ns: i64,
    working_set_bytes: i64,
}

#[derive(Deserialize, Debug, PartialEq, Default)]
struct Api {
    present: bool,
    timestamp_ms: i64,
    window_ms: i64,
    #[serde(default, deserialize_with = "table::null_as_empty")]
    containers: Vec<ContainerJson>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct ContainerJson {
    container: String,
    cpu_nanocores: i64,
    memory_bytes: i64,
}

/// Replays every sequence; each scrape is a step.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let cases: Vec<Case> = table::rows(text)?;
    let mut report = Report::default();
    for case in &cases {
        report.cases += 1;
        replay_case(case, &mut report);
    }
    Ok(report)
}

fn replay_case(case: &Case, report: &mut Report) {
    let resolution = SimDuration::from_secs(case.metric_resolution_s);
    let rule = FreshRule {
        resolution,
        min_age: SimDuration::from_secs(10),
    };
    let mut names: BTreeMap<&str, u16> = BTreeMap::new();
    let mut store = PodStore::default();
    for (index, scrape) in case.scrapes.iter().enumerate() {
        let mut points = Vec::new();
        for json in scrape.scrape_points.iter().flatten() {
            let number = names.len() as u16;
            let container = *names.entry(&json.container).or_insert(number);
            points.push((
                container,
                Point {
                    start: SimTime::from_millis(json.start_ms),
                    timestamp: SimTime::from_millis(json.sample_ts_ms),
                    cpu: CpuTime(json.cpu_cumulative_core_ns),
                    memory: Bytes(json.working_set_bytes),
                },
            ));
        }
        store.store(points.into_iter(), rule);
        let mut metrics = PodMetrics::default();
        let mut got = Api {
            present: store.read(&mut metrics),
            ..Api::default()
        };
        if got.present {
            got.timestamp_ms = metrics.timestamp.0 / 1_000_000;
            got.window_ms = metrics.window.0 / 1_000_000;
            got.containers = metrics
                .containers
                .iter()
                .map(|container| ContainerJson {
                    container: names
                        .iter()
                        .find(|(_, number)| **number == container.container)
                        .map_or_else(String::new, |(name, _)| (*name).to_owned()),
                    cpu_nanocores: container.cpu.0,
                    memory_bytes: container.memory.0,
                })
                .collect();
            got.containers.sort_by(|a, b| a.container.cmp(&b.container));
        }
        let place = format!("{} scrape {index}", case.id);
        report.step(table::difference(
            place,
            &scrape.api_after,
            &got,
            &scrape.scrape_points,
        ));
    }
}
