//! `VerticalPodAutoscalerCheckpoint` objects as the API server prints them.
//!
//! One object, a `List` of them or a JSON array; of YAML the caller makes JSON values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::checkpoint::{Checkpoint, HistogramCheckpoint};
use super::HistoryError;
use crate::autoscaler::vpa::WallClock;
use crate::sim::SimTime;

const KIND: &str = "VerticalPodAutoscalerCheckpoint";
const VERSION: &str = "v3";

/// A checkpoint and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCheckpoint {
    /// Namespace of the checkpoint and its VPA.
    pub namespace: String,
    /// Name of the VPA.
    pub vpa: String,
    /// What it keeps.
    pub checkpoint: Checkpoint,
}

/// All checkpoints of a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoints(pub Vec<StoredCheckpoint>);

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Deserialize, Default)]
struct Metadata {
    namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    vpa_object_name: String,
    container_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: String,
    first_sample_start: Option<String>,
    last_sample_start: Option<String>,
    #[serde(default)]
    total_samples_count: i64,
    #[serde(default)]
    cpu_histogram: Histogram,
    #[serde(default)]
    memory_histogram: Histogram,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Histogram {
    reference_timestamp: Option<String>,
    #[serde(default)]
    bucket_weights: BTreeMap<usize, u32>,
    #[serde(default)]
    total_weight: f64,
}

impl Checkpoints {
    /// Reads JSON text.
    pub fn from_json(text: &str, clock: WallClock) -> Result<Self, HistoryError> {
        Self::from_value(serde_json::from_str(text)?, clock)
    }

    /// Reads a JSON value.
    pub fn from_value(document: Value, clock: WallClock) -> Result<Self, HistoryError> {
        let objects = match document {
            Value::Array(objects) => objects,
            Value::Object(mut list) if list.get("items").is_some_and(Value::is_array) => {
                match list.remove("items") {
                    Some(Value::Array(objects)) => objects,
                    _ => Vec::new(),
                }
            }
            object => vec![object],
        };
        let read = |(index, object)| stored(object, &format!("object {}", index + 1), clock);
        let checkpoints = objects.into_iter().enumerate().map(read);
        checkpoints.collect::<Result<_, _>>().map(Self)
    }

    /// Those of one VPA.
    pub fn of<'a>(
        &'a self,
        namespace: &'a str,
        vpa: &'a str,
    ) -> impl Iterator<Item = &'a Checkpoint> {
        let belongs =
            move |stored: &&StoredCheckpoint| stored.namespace == namespace && stored.vpa == vpa;
        self.0
            .iter()
            .filter(belongs)
            .map(|stored| &stored.checkpoint)
    }
}

impl StoredCheckpoint {
    /// The object as the API server would print it.
    pub fn to_value(&self, clock: WallClock) -> Value {
        let Self {
            namespace,
            vpa,
            checkpoint,
        } = self;
        let time = |time: Option<SimTime>| time.map(|time| clock.print(time));
        let histogram = |histogram: &HistogramCheckpoint| Histogram {
            reference_timestamp: time(histogram.reference_timestamp),
            bucket_weights: histogram.bucket_weights.iter().copied().collect(),
            total_weight: histogram.total_weight,
        };
        let container = &checkpoint.container_name;
        json!({
            "apiVersion": "autoscaling.k8s.io/v1",
            "kind": KIND,
            "metadata": {"name": format!("{vpa}-{container}"), "namespace": namespace},
            "spec": {"vpaObjectName": vpa, "containerName": container},
            "status": {
                "version": VERSION,
                "firstSampleStart": time(checkpoint.first_sample_start),
                "lastSampleStart": time(checkpoint.last_sample_start),
                "totalSamplesCount": checkpoint.total_samples_count,
                "cpuHistogram": histogram(&checkpoint.cpu),
                "memoryHistogram": histogram(&checkpoint.memory),
            },
        })
    }
}

fn stored(object: Value, place: &str, clock: WallClock) -> Result<StoredCheckpoint, HistoryError> {
    let wrong = |field: &str, problem: String| HistoryError::Content {
        place: format!("{place}{field}"),
        problem,
    };
    if object.get("kind").is_some_and(|kind| kind != KIND) {
        return Err(wrong(
            ": kind",
            format!("a {KIND} is needed, not {}", object["kind"]),
        ));
    }
    let Object {
        metadata,
        spec,
        status,
    } = serde_json::from_value(object).map_err(|error| wrong("", error.to_string()))?;
    if status.version != VERSION {
        let problem = format!("version {VERSION} is needed, not \"{}\"", status.version);
        return Err(wrong(": status.version", problem));
    }
    let time = |field: &str, text: Option<String>| {
        text.map(|text| {
            let time = clock.parse(&text);
            time.ok_or_else(|| {
                wrong(
                    &format!(": status.{field}"),
                    format!("\"{text}\" is not a time"),
                )
            })
        })
        .transpose()
    };
    let histogram = |field: &str, histogram: Histogram| -> Result<_, HistoryError> {
        let field = format!("{field}.referenceTimestamp");
        Ok(HistogramCheckpoint {
            reference_timestamp: time(&field, histogram.reference_timestamp)?,
            bucket_weights: histogram.bucket_weights.into_iter().collect(),
            total_weight: histogram.total_weight,
        })
    };
    Ok(StoredCheckpoint {
        namespace: metadata.namespace.unwrap_or_else(|| "default".to_owned()),
        vpa: spec.vpa_object_name,
        checkpoint: Checkpoint {
            container_name: spec.container_name,
            first_sample_start: time("firstSampleStart", status.first_sample_start)?,
            last_sample_start: time("lastSampleStart", status.last_sample_start)?,
            total_samples_count: status.total_samples_count,
            cpu: histogram("cpuHistogram", status.cpu_histogram)?,
            memory: histogram("memoryHistogram", status.memory_histogram)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscalerCheckpoint",
        "metadata": {"name": "api-vpa-api", "namespace": "shop"},
        "spec": {"containerName": "api", "vpaObjectName": "api-vpa"},
        "status": {"version": "v3", "lastUpdateTime": "2026-01-02T00:00:00Z",
            "firstSampleStart": "2026-01-01T00:01:00Z", "lastSampleStart": null,
            "totalSamplesCount": 3,
            "cpuHistogram": {"bucketWeights": {"10": 10000, "9": 5},
                "referenceTimestamp": "2026-01-01T00:00:00Z", "totalWeight": 0.3},
            "memoryHistogram": {"referenceTimestamp": null}}}"#;

    fn read(text: &str) -> Result<Checkpoints, String> {
        Checkpoints::from_json(text, WallClock::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn objects_are_read_alone_and_in_lists() {
        let alone = read(OBJECT).expect("a checkpoint");
        let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{OBJECT}]}}"#);
        assert_eq!(read(&list), Ok(alone.clone()));
        let [checkpoint] = alone.of("shop", "api-vpa").collect::<Vec<_>>()[..] else {
            panic!("one checkpoint of that VPA");
        };
        assert_eq!(checkpoint.first_sample_start, Some(SimTime::from_secs(60)));
        assert_eq!(checkpoint.cpu.bucket_weights, [(9, 5), (10, 10_000)]);
        assert_eq!(checkpoint.memory, HistogramCheckpoint::default());
        assert_eq!(alone.of("shop", "other").count(), 0);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let clock = WallClock::default();
        let read = read(OBJECT).expect("a checkpoint");
        let printed = read.0.iter().map(|stored| stored.to_value(clock)).collect();
        let again = Checkpoints::from_value(Value::Array(printed), clock);
        assert_eq!(again.expect("printed checkpoints"), read);
    }

    #[test]
    fn other_kinds_and_versions_are_refused() {
        let error = read(&OBJECT.replace("\"v3\"", "\"v2\"")).expect_err("an old version");
        assert_eq!(
            error,
            "object 1: status.version: version v3 is needed, not \"v2\""
        );
        let error = read(r#"{"kind": "Pod"}"#).expect_err("another kind");
        assert_eq!(
            error,
            "object 1: kind: a VerticalPodAutoscalerCheckpoint is needed, not \"Pod\""
        );
        let error = read(&OBJECT.replace("2026-01-01T00:01:00Z", "noon")).expect_err("no time");
        assert_eq!(
            error,
            "object 1: status.firstSampleStart: \"noon\" is not a time"
        );
    }
}
