//! The recording's lines: flags, policies, events and stored outputs.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::vpa_input::PolicyJson;
use crate::autoscaler::vpa::FlagError;

/// One case.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    pub(super) id: String,
    #[serde(default)]
    pub(super) note: String,
    pub(super) flags: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) container_policies: Vec<PolicyJson>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    /// Garbage is collected after every recommendation.
    #[serde(default)]
    pub(super) gc: bool,
    pub(super) events: Vec<Event>,
    pub(super) out: Vec<Output>,
}

/// Requested CPU and memory.
type Requests = (i64, i64);

/// One event; times in seconds.
pub(super) enum Event {
    Pod {
        time: i64,
        pod: String,
        labels: String,
        containers: IndexMap<String, Requests>,
    },
    Delete {
        time: i64,
        pod: String,
    },
    Sample {
        time: i64,
        pod: String,
        container: String,
        cpu: i64,
        memory: i64,
    },
    Oom {
        time: i64,
        pod: String,
        container: String,
        requested: i64,
    },
    Restart {
        time: i64,
    },
    Recommend {
        time: i64,
    },
}

impl Event {
    pub(super) fn time(&self) -> i64 {
        match self {
            Self::Pod { time, .. }
            | Self::Delete { time, .. }
            | Self::Sample { time, .. }
            | Self::Oom { time, .. }
            | Self::Restart { time }
            | Self::Recommend { time } => *time,
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EventVisitor)
    }
}

/// Reads an event: an array whose first element is its kind, the second its time.
struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event as an array, for example [\"r\", 60]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Event, A::Error> {
        let kind: String = next(&mut seq)?;
        let time: i64 = next(&mut seq)?;
        let event = match kind.as_str() {
            "pod" => Event::Pod {
                time,
                pod: next(&mut seq)?,
                labels: next(&mut seq)?,
                containers: next(&mut seq)?,
            },
            "del" => Event::Delete {
                time,
                pod: next(&mut seq)?,
            },
            "s" => Event::Sample {
                time,
                pod: next(&mut seq)?,
                container: next(&mut seq)?,
                cpu: next(&mut seq)?,
                memory: next(&mut seq)?,
            },
            "oom" => Event::Oom {
                time,
                pod: next(&mut seq)?,
                container: next(&mut seq)?,
                requested: next(&mut seq)?,
            },
            "restart" => Event::Restart { time },
            "r" => {
                // "agg": the output carries the histograms.
                seq.next_element::<IgnoredAny>()?;
                Event::Recommend { time }
            }
            other => return Err(A::Error::custom(format!("unknown event \"{other}\""))),
        };
        Ok(event)
    }
}

fn next<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom("the event is too short"))
}

/// Stored outputs of one step.
#[derive(Deserialize)]
pub(super) struct Output {
    pub(super) rec: Option<PerContainer<[String; 4]>>,
    pub(super) raw: Option<PerContainer<[i64; 3]>>,
    pub(super) agg: Option<Aggregates>,
}

/// Values by container and resource.
pub(super) type PerContainer<T> = BTreeMap<String, BTreeMap<String, T>>;

/// Histograms as they were, or as a checkpoint kept them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Aggregates {
    Saved { checkpoint: BTreeMap<String, Saved> },
    Live(BTreeMap<String, Live>),
}

/// A checkpoint.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    pub(super) first_sample_start: Option<i64>,
    pub(super) last_sample_start: Option<i64>,
    pub(super) total_samples_count: i64,
    pub(super) cpu: SavedHistogram,
    pub(super) memory: SavedHistogram,
}

/// A histogram of a checkpoint.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedHistogram {
    #[serde(rename = "ref")]
    pub(super) reference: Option<i64>,
    pub(super) bucket_weights: Vec<(usize, u32)>,
    pub(super) total_weight: String,
}

/// A container's merged state.
#[derive(Debug, Deserialize)]
pub(super) struct Live {
    pub(super) samples: i64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) cpu: LiveHistogram,
    pub(super) memory: LiveHistogram,
}

/// A merged histogram.
#[derive(Debug, Deserialize)]
pub(super) struct LiveHistogram {
    #[serde(rename = "ref")]
    pub(super) reference: Option<i64>,
    pub(super) total: String,
    pub(super) w: Vec<(usize, String)>,
}

/// Sets recorded flags one by one; durations are in seconds and their names end in `-s`.
pub(super) fn set_flags(
    flags: &BTreeMap<String, Value>,
    mut set: impl FnMut(&str, &str) -> Result<(), FlagError>,
) -> Result<(), serde_json::Error> {
    for (name, value) in flags {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let result = match name.strip_suffix("-s") {
            Some(name) => set(name, &format!("{text}s")),
            None => set(name, &text),
        };
        result.map_err(serde_json::Error::custom)?;
    }
    Ok(())
}
