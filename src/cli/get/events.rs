//! The recorded events as Event objects: the same event again is counted
//! (`client-go`, `tools/record/events_cache.go`), and the API server keeps one for an hour
//! (`--event-ttl`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::Clock;
use crate::kubectl::kind::Kind;
use crate::record::EventRecord;
use crate::sim::{SimDuration, SimTime};

/// How long an event is kept after it was seen last.
const TTL: SimDuration = SimDuration::from_secs(3600);

/// All events so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    all: Vec<Series>,
    /// The place of each among all, by namespace, object, reason and message.
    places: BTreeMap<[String; 4], usize>,
}

/// An event and how often it was seen.
#[derive(Debug)]
struct Series {
    event: EventRecord,
    kind: &'static Kind,
    name: String,
    last: SimTime,
    count: u64,
}

impl Events {
    /// Takes events in the order in which they were recorded; returns the places of those that are
    /// new or were seen again. Events that no API server would hold are skipped.
    pub(super) fn take(&mut self, events: &[EventRecord]) -> Vec<usize> {
        let mut changed: Vec<usize> = events.iter().filter_map(|one| self.add(one)).collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    fn add(&mut self, event: &EventRecord) -> Option<usize> {
        let (kind, name) = event.object.split_once('/')?;
        let kind = Kind::of_kind(kind)?;
        let key = [
            event.namespace.to_string(),
            event.object.clone(),
            event.reason.clone(),
            event.message.clone(),
        ];
        let known = self.places.get(&key).copied();
        let known = known.filter(|place| event.time <= self.all[*place].last + TTL);
        let place = known.unwrap_or(self.all.len());
        if let Some(series) = self.all.get_mut(place) {
            series.last = event.time;
            series.count += 1;
        } else {
            self.all.push(Series {
                event: event.clone(),
                kind,
                name: name.to_owned(),
                last: event.time,
                count: 1,
            });
            self.places.insert(key, place);
        }
        Some(place)
    }

    /// The events that are kept, the one that was seen last at the end.
    pub(super) fn list(&self, clock: Clock) -> Vec<Value> {
        let kept = |place: &usize| self.all[*place].last + TTL > clock.now;
        let mut places: Vec<usize> = (0..self.all.len()).filter(kept).collect();
        places.sort_by_key(|place| self.all[*place].last);
        let places = places.into_iter();
        places.map(|place| self.view(place, clock)).collect()
    }

    /// An event as an object.
    pub(super) fn view(&self, place: usize, clock: Clock) -> Value {
        let Series {
            event,
            kind,
            name,
            last,
            count,
        } = &self.all[place];
        // Events of what is in no namespace are in the default one.
        let namespace = match &*event.namespace {
            "" => "default",
            own => own,
        };
        let first = clock.print(event.time);
        // client-go names an event by its time; the place tells those of one time apart.
        let number = clock.calendar.unix_start * 1_000_000_000 + event.time.0 + place as i64;
        json!({
            "apiVersion": "v1",
            "count": count,
            "eventTime": null,
            "firstTimestamp": first,
            "involvedObject": {
                "apiVersion": kind.api_version(),
                "kind": kind.kind,
                "name": name,
                "namespace": &*event.namespace,
            },
            "kind": "Event",
            "lastTimestamp": clock.print(*last),
            "message": event.message,
            "metadata": {
                "creationTimestamp": first,
                "name": format!("{name}.{number:x}"),
                "namespace": namespace,
            },
            "reason": event.reason,
            "type": event.kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::vpa::WallClock;

    fn event(seconds: i64, message: &str) -> EventRecord {
        EventRecord {
            time: SimTime::from_secs(seconds),
            kind: "Normal",
            reason: "Killing".to_owned(),
            namespace: "default".into(),
            object: "Pod/a".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_same_event_again_is_counted_and_an_old_one_is_gone() {
        let mut events = Events::default();
        let recorded = [event(0, "x"), event(10, "y"), event(20, "x")];
        assert_eq!(events.take(&recorded), [0, 1]);
        let list = |seconds| {
            let clock = Clock {
                calendar: WallClock::default(),
                now: SimTime::from_secs(seconds),
            };
            let list = events.list(clock).into_iter();
            list.map(|one| (one["message"].clone(), one["count"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(list(20), [(json!("y"), json!(1)), (json!("x"), json!(2))]);
        assert_eq!(list(3615), [(json!("x"), json!(2))]);
    }
}
