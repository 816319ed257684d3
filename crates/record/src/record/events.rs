//! The events of a run, compactly: a million of them are kept where pods come and go for a day.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::chunks::Chunks;
use super::texts::{Text, Texts};
use crate::sim::SimTime;

/// One event as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventRecord {
    /// When.
    pub time: SimTime,
    /// `Normal` or `Warning`.
    pub kind: &'static str,
    /// The reason, one word.
    pub reason: String,
    /// Namespace of the object; empty if it is in none.
    pub namespace: Arc<str>,
    /// `Kind/name` of the object.
    pub object: String,
    /// UID of the object; 0 if there is none.
    pub uid: u64,
    /// Resource version of the object; 0 if there is none.
    pub version: u64,
    /// The sentence.
    pub message: String,
    /// How often the event was reported so far.
    pub count: u64,
    /// Which Event object holds it: the same for an event that is reported again.
    pub series: u64,
}

/// One event of a recording, as `kubectl get events` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// When.
    pub time: SimTime,
    /// `Normal` or `Warning`.
    pub kind: &'static str,
    /// The reason, one word.
    pub reason: &'a str,
    /// Namespace of the object; empty if it is in none.
    pub namespace: &'a Arc<str>,
    /// `Kind/name` of the object.
    pub object: &'a str,
    /// UID of the object; 0 if there is none.
    pub uid: u64,
    /// The sentence.
    pub message: &'a str,
    /// How often the event was reported so far.
    pub count: u64,
    /// Which Event object holds it: the same for an event that is reported again.
    pub series: u64,
}

/// What an event is about, as a place among the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ObjectPlace(u32);

#[derive(Debug, Clone, PartialEq)]
struct Object {
    namespace: Arc<str>,
    name: Text,
    uid: u64,
}

/// An event in thirty-two bytes; its numbers do not come near four thousand million.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    time: SimTime,
    object: ObjectPlace,
    message: Text,
    reason: Text,
    count: u32,
    series: u32,
    is_warning: bool,
}

/// Events in the order in which they were recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventLog {
    events: Chunks<Kept>,
    objects: Chunks<Object>,
    /// The objects that may be met again, by name, with namespace and UID.
    places: FxHashMap<String, Vec<ObjectPlace>>,
    texts: Texts,
}

const KINDS: [&str; 2] = ["Normal", "Warning"];

impl EventLog {
    /// Keeps an event.
    pub fn push(&mut self, event: &EventRecord) {
        let object = self.object(&event.namespace, &event.object, event.uid);
        self.push_about(object, event);
    }

    /// Keeps an event about an object whose place is known.
    pub(super) fn push_about(&mut self, object: ObjectPlace, event: &EventRecord) {
        self.events.push(Kept {
            time: event.time,
            object,
            message: self.texts.keep(&event.message),
            reason: self.texts.keep(&event.reason),
            count: u32::try_from(event.count).unwrap_or(u32::MAX),
            series: u32::try_from(event.series).unwrap_or(u32::MAX),
            is_warning: event.kind == KINDS[1],
        });
    }

    /// The place of an object.
    pub(super) fn object(&mut self, namespace: &Arc<str>, name: &str, uid: u64) -> ObjectPlace {
        let mut known = self.places.get(name).into_iter().flatten().copied();
        let is_it = |place: &ObjectPlace| {
            let object = self.objects.at(place.0 as usize);
            object.is_some_and(|one| one.uid == uid && one.namespace == *namespace)
        };
        if let Some(place) = known.find(is_it) {
            return place;
        }
        let place = ObjectPlace(self.objects.len() as u32);
        self.objects.push(Object {
            namespace: namespace.clone(),
            name: self.texts.keep(name),
            uid,
        });
        self.places.entry(name.to_owned()).or_default().push(place);
        place
    }

    /// The places of the objects of a name that have a UID.
    pub(super) fn with_uid(&self, namespace: &Arc<str>, name: &str) -> Vec<ObjectPlace> {
        let known = self.places.get(name).into_iter().flatten().copied();
        let is_one = |place: &ObjectPlace| {
            let object = self.objects.at(place.0 as usize);
            object.is_some_and(|one| one.uid != 0 && one.namespace == *namespace)
        };
        known.filter(is_one).collect()
    }

    /// An object is gone for good: none of its events comes again.
    pub(super) fn forget(&mut self, object: ObjectPlace) {
        let Some(known) = self.objects.at(object.0 as usize) else {
            return;
        };
        let name = self.texts.get(known.name);
        if let Some(places) = self.places.get_mut(name) {
            places.retain(|place| *place != object);
            if places.is_empty() {
                self.places.remove(name);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.len() == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.since(0)
    }

    /// Those from this place on.
    pub fn since(&self, place: usize) -> impl Iterator<Item = Event<'_>> {
        let events = self.events.since(place);
        events.filter_map(|event| self.shown(event))
    }

    fn shown(&self, event: &Kept) -> Option<Event<'_>> {
        let object = self.objects.at(event.object.0 as usize)?;
        Some(Event {
            time: event.time,
            kind: KINDS[usize::from(event.is_warning)],
            reason: self.texts.get(event.reason),
            namespace: &object.namespace,
            object: self.texts.get(object.name),
            uid: object.uid,
            message: self.texts.get(event.message),
            count: u64::from(event.count),
            series: u64::from(event.series),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_shown_as_it_was_reported() {
        assert_eq!(size_of::<Kept>(), 32);
        let event = |object: &str, uid: u64, message: &str| EventRecord {
            time: SimTime::from_secs(5),
            kind: "Warning",
            reason: "Unhealthy".to_owned(),
            namespace: "web".into(),
            object: object.to_owned(),
            uid,
            version: 0,
            message: message.to_owned(),
            count: 3,
            series: 7,
        };
        let mut log = EventLog::default();
        let all = [
            event("Pod/a", 1, "one"),
            event("Pod/b", 2, "two"),
            event("Pod/a", 3, "one"),
        ];
        for event in &all {
            log.push(event);
        }
        let shown: Vec<_> = log.iter().map(|e| (e.object, e.uid, e.message)).collect();
        assert_eq!(
            shown,
            [
                ("Pod/a", 1, "one"),
                ("Pod/b", 2, "two"),
                ("Pod/a", 3, "one")
            ]
        );
        let first = log.iter().next().unwrap();
        assert_eq!((first.kind, first.reason), ("Warning", "Unhealthy"));
        assert_eq!((first.count, first.series), (3, 7));
        assert_eq!(log.since(2).count(), 1);
    }

    #[test]
    fn an_object_that_is_gone_is_another_one_when_it_comes_again() {
        let mut log = EventLog::default();
        let one = log.object(&"web".into(), "Pod/a", 1);
        assert_eq!(log.object(&"web".into(), "Pod/a", 1), one);
        assert_ne!(log.object(&"api".into(), "Pod/a", 1), one);
        log.forget(one);
        assert_ne!(log.object(&"web".into(), "Pod/a", 1), one);
    }
}
