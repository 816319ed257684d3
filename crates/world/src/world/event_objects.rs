//! The recorded events as Event objects. The API server keeps one for an hour (`--event-ttl`).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::api::{Clock, Uid};
use crate::kubectl::kind::Kind;
use crate::record::{Event, KUBELET, SCHEDULER, TAINT_EVICTION, reporter};
use crate::sim::{SimDuration, SimTime};

/// How long an event is kept after it was seen last.
const TTL: SimDuration = SimDuration::from_secs(3600);

/// All events so far.
#[derive(Debug, Default)]
pub struct EventObjects {
    all: Vec<Series>,
    /// The place of each series among all.
    places: FxHashMap<u64, usize>,
}

/// What stays of an event that is reported again.
#[derive(Debug)]
struct First {
    time: SimTime,
    kind: &'static str,
    reason: String,
    namespace: Arc<str>,
    uid: u64,
    reporter: &'static str,
}

/// An event as it was first, and what it is now.
#[derive(Debug)]
struct Series {
    event: First,
    kind: &'static Kind,
    name: String,
    last: SimTime,
    count: u64,
    message: String,
}

impl EventObjects {
    /// Takes events in the order in which they were recorded; returns the places of those that are
    /// new or were seen again. Events that no API server would hold are skipped.
    pub fn take<'a>(&mut self, events: impl Iterator<Item = Event<'a>>) -> Vec<usize> {
        let mut changed: Vec<usize> = events.filter_map(|one| self.add(&one)).collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    fn add(&mut self, event: &Event) -> Option<usize> {
        let (kind, name) = event.object.split_once('/')?;
        let kind = Kind::of_kind(kind)?;
        let place = self.places.get(&event.series).copied();
        let place = place.unwrap_or(self.all.len());
        if let Some(series) = self.all.get_mut(place) {
            (series.last, series.count) = (event.time, event.count);
            event.message.clone_into(&mut series.message);
        } else {
            self.all.push(Series {
                event: First {
                    time: event.time,
                    kind: event.kind,
                    reason: event.reason.to_owned(),
                    namespace: event.namespace.clone(),
                    uid: event.uid,
                    reporter: reporter(event),
                },
                kind,
                name: name.to_owned(),
                last: event.time,
                count: event.count,
                message: event.message.to_owned(),
            });
            self.places.insert(event.series, place);
        }
        Some(place)
    }

    /// The events that are kept, the one that was seen last at the end.
    pub fn list(&self, clock: Clock) -> Vec<Value> {
        let kept = |place: &usize| self.all[*place].last + TTL > clock.now;
        let mut places: Vec<usize> = (0..self.all.len()).filter(kept).collect();
        places.sort_by_key(|place| self.all[*place].last);
        let places = places.into_iter();
        places.map(|place| self.view(place, clock)).collect()
    }

    /// An event as an object.
    pub fn view(&self, place: usize, clock: Clock) -> Value {
        let Series {
            event,
            kind,
            name,
            last,
            count,
            message,
        } = &self.all[place];
        // Events of what is in no namespace are in the default one.
        let namespace = match &*event.namespace {
            "" => "default",
            own => own,
        };
        let first = clock.print(event.time);
        // client-go names an event by its time; the place tells those of one time apart.
        let number = clock.calendar.unix_start * 1_000_000_000 + event.time.0 + place as i64;
        let mut involved = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.kind,
            "name": name,
            "namespace": &*event.namespace,
        });
        // Kubelets know their nodes, and what evicts for taints its pods, by name only.
        let by_name = match event.reporter {
            KUBELET => kind.kind == "Node",
            reporter => reporter == TAINT_EVICTION,
        };
        if event.uid != 0 && !by_name {
            involved["uid"] = Uid(event.uid).to_string().into();
        }
        let mut object = json!({
            "apiVersion": "v1",
            "eventTime": null,
            "involvedObject": involved,
            "kind": "Event",
            "message": message,
            "metadata": {
                "creationTimestamp": first,
                "name": format!("{name}.{number:x}"),
                "namespace": namespace,
            },
            "reason": event.reason,
            "type": event.kind,
        });
        if event.reporter == SCHEDULER {
            // Its recorder is that of `events.k8s.io`.
            object["eventTime"] = micros(clock, event.time).into();
            object["firstTimestamp"] = Value::Null;
            object["lastTimestamp"] = Value::Null;
            object["reportingComponent"] = event.reporter.into();
            object["source"] = json!({});
            if *count > 1 {
                let last = micros(clock, *last);
                object["series"] = json!({"count": count, "lastObservedTime": last});
            }
        } else {
            object["count"] = (*count).into();
            object["firstTimestamp"] = first.into();
            object["lastTimestamp"] = clock.print(*last).into();
            object["reportingComponent"] = event.reporter.into();
            object["source"] = json!({"component": event.reporter});
        }
        object.sort_all_objects();
        object
    }
}

/// A time as `metav1.MicroTime`.
fn micros(clock: Clock, time: SimTime) -> String {
    let seconds = clock.print(time);
    let micros = time.0.rem_euclid(1_000_000_000) / 1000;
    format!("{}.{micros:06}Z", seconds.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::vpa::WallClock;
    use crate::record::{EventLog, EventRecord};

    fn log(events: [(i64, &str, u64); 3]) -> EventLog {
        let mut log = EventLog::default();
        for (seconds, message, count) in events {
            log.push(&event(seconds, message, count));
        }
        log
    }

    fn event(seconds: i64, message: &str, count: u64) -> EventRecord {
        EventRecord {
            time: SimTime::from_secs(seconds),
            kind: "Normal",
            reason: "Killing".to_owned(),
            namespace: "default".into(),
            object: "Pod/a".to_owned(),
            message: message.to_owned(),
            count,
            series: message.len() as u64,
            ..EventRecord::default()
        }
    }

    #[test]
    fn the_same_event_again_is_one_object_and_an_old_one_is_gone() {
        let mut events = EventObjects::default();
        let recorded = log([(0, "x", 1), (10, "yy", 1), (20, "x", 2)]);
        assert_eq!(events.take(recorded.iter()), [0, 1]);
        let list = |seconds| {
            let clock = Clock {
                calendar: WallClock::default(),
                now: SimTime::from_secs(seconds),
            };
            let list = events.list(clock).into_iter();
            list.map(|one| (one["message"].clone(), one["count"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(list(20), [(json!("yy"), json!(1)), (json!("x"), json!(2))]);
        assert_eq!(list(3615), [(json!("x"), json!(2))]);
    }
}
