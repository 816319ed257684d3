//! The events of a run, compactly: a million of them are kept where pods come and go for a day.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};

use super::chunks::Chunks;
use super::packed::{Differ, Packed, put, put_signed, take, take_signed};
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

/// An event as it is reported, borrowed from whoever reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    /// When.
    pub time: SimTime,
    /// `Normal` or `Warning`.
    pub kind: &'static str,
    /// The reason, one word.
    pub reason: &'a str,
    /// Namespace of the object; empty if it is in none.
    pub namespace: &'a Arc<str>,
    /// Kind and name of the object; what is no object has no kind.
    pub object: (&'a str, &'a str),
    /// UID of the object; 0 if there is none.
    pub uid: u64,
    /// Resource version of the object; 0 if there is none.
    pub version: u64,
    /// The sentence.
    pub message: &'a str,
}

impl EventRecord {
    /// The same, borrowed.
    pub fn report(&self) -> Report<'_> {
        Report {
            time: self.time,
            kind: self.kind,
            reason: &self.reason,
            namespace: &self.namespace,
            object: halves(&self.object),
            uid: self.uid,
            version: self.version,
            message: &self.message,
        }
    }
}

/// Kind and name of `Kind/name`.
fn halves(object: &str) -> (&str, &str) {
    object.split_once('/').unwrap_or(("", object))
}

/// What an event is about, as a place among the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ObjectPlace(u32);

impl ObjectPlace {
    /// The place in lists.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Object {
    namespace: Arc<str>,
    name: Text,
    uid: u64,
    /// The one before it that may be met again by the same UID or, without one, name.
    older: Option<ObjectPlace>,
}

/// A reason, as a place among the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Reason(u16);

/// An event; its numbers do not come near four thousand million.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    time: SimTime,
    object: ObjectPlace,
    message: Text,
    count: u32,
    series: u32,
    reason: Reason,
    is_warning: bool,
}

/// Most come soon after the one before, of the same or the next object and series.
impl Differ for Kept {
    fn write(&self, before: &Self, to: &mut Vec<u8>) {
        self.time.write(&before.time, to);
        self.object.0.write(&before.object.0, to);
        self.message.0.write(&before.message.0, to);
        let reason = u64::from(self.reason.0) << 1;
        put(to, reason | u64::from(self.is_warning));
        put(to, u64::from(self.count));
        put_signed(to, i64::from(self.series) - i64::from(before.series) - 1);
    }

    fn read(before: &Self, from: &mut &[u8]) -> Self {
        let time = SimTime::read(&before.time, from);
        let object = ObjectPlace(u32::read(&before.object.0, from));
        let message = Text(u32::read(&before.message.0, from));
        let reason = take(from);
        Self {
            time,
            object,
            message,
            reason: Reason((reason >> 1) as u16),
            is_warning: reason & 1 == 1,
            count: take(from) as u32,
            series: (i64::from(before.series) + 1 + take_signed(from)) as u32,
        }
    }
}

/// Events in the order in which they were recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventLog {
    events: Packed<Kept>,
    objects: Chunks<Object>,
    /// The objects that may be met again, the last of each UID; of those without, the last of each
    /// name by the hash of kind and name.
    places: FxHashMap<u64, ObjectPlace>,
    reasons: Vec<Text>,
    known_reasons: FxHashMap<String, Reason>,
    texts: Texts,
}

/// The type of an event about something that is wrong.
pub(super) const WARNING: &str = "Warning";
const KINDS: [&str; 2] = ["Normal", WARNING];

fn key(uid: u64, object: (&str, &str)) -> u64 {
    if uid != 0 {
        return uid;
    }
    hash_of(object)
}

pub(super) fn hash_of(thing: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    thing.hash(&mut hasher);
    hasher.finish()
}

fn is_named(text: &str, (kind, name): (&str, &str)) -> bool {
    halves(text) == (kind, name)
}

impl EventLog {
    /// Keeps an event.
    pub fn push(&mut self, event: &EventRecord) {
        let report = event.report();
        let object = self.object(report.namespace, report.object, report.uid);
        let reason = self.reason(report.reason);
        let written = Written {
            series: event.series,
            count: event.count,
            head: "",
            message: &event.message,
            hash: hash_of(&event.message),
        };
        self.push_about(object, reason, &report, &written);
    }

    /// Keeps an event about an object whose place is known.
    pub(super) fn push_about(
        &mut self,
        object: ObjectPlace,
        reason: Reason,
        report: &Report<'_>,
        written: &Written<'_>,
    ) {
        self.events.push(Kept {
            time: report.time,
            object,
            message: (self.texts).keep_joined(written.head, written.message, written.hash),
            reason,
            count: u32::try_from(written.count).unwrap_or(u32::MAX),
            series: u32::try_from(written.series).unwrap_or(u32::MAX),
            is_warning: report.kind == WARNING,
        });
    }

    /// The place of a reason.
    pub(super) fn reason(&mut self, reason: &str) -> Reason {
        if let Some(known) = self.known_reasons.get(reason) {
            return *known;
        }
        let place = Reason(self.reasons.len() as u16);
        self.reasons.push(self.texts.add(&[reason]));
        self.known_reasons.insert(reason.to_owned(), place);
        place
    }

    /// The place of an object.
    pub(super) fn object(
        &mut self,
        namespace: &Arc<str>,
        name @ (kind, own): (&str, &str),
        uid: u64,
    ) -> ObjectPlace {
        let key = key(uid, name);
        let mut known = self.known(key, uid);
        // No two objects of one cluster have the same UID.
        let is_it = |object: &Object| {
            let is_there = Arc::ptr_eq(&object.namespace, namespace);
            (is_there || object.namespace == *namespace)
                && (uid != 0 || is_named(self.texts.get(object.name), name))
        };
        if let Some((place, _)) = known.find(|one| is_it(one.1)) {
            return place;
        }
        drop(known);
        let place = ObjectPlace(self.objects.len() as u32);
        let slash = if kind.is_empty() { "" } else { "/" };
        self.objects.push(Object {
            namespace: Arc::clone(namespace),
            name: self.texts.add(&[kind, slash, own]),
            uid,
            older: self.places.insert(key, place),
        });
        place
    }

    /// The objects of a key and a UID that may be met again.
    fn known(&self, key: u64, uid: u64) -> impl Iterator<Item = (ObjectPlace, &Object)> {
        let mut next = self.places.get(&key).copied();
        let all = std::iter::from_fn(move || {
            let place = next?;
            let object = self.objects.at(place.index())?;
            next = object.older;
            Some((place, object))
        });
        all.filter(move |(_, object)| object.uid == uid)
    }

    /// The places of the object that has a UID.
    pub(super) fn with_uid(&self, uid: u64) -> Vec<ObjectPlace> {
        if uid == 0 {
            return Vec::new();
        }
        self.known(uid, uid).map(|(place, _)| place).collect()
    }

    /// An object is gone for good: none of its events comes again.
    pub(super) fn forget(&mut self, object: ObjectPlace) {
        let Some(gone) = self.objects.at(object.index()) else {
            return;
        };
        let name = halves(self.texts.get(gone.name));
        let (key, older) = (key(gone.uid, name), gone.older);
        let Some(&newest) = self.places.get(&key) else {
            return;
        };
        if newest == object {
            match older {
                Some(older) => self.places.insert(key, older),
                None => self.places.remove(&key),
            };
            return;
        }
        let mut next = Some(newest);
        while let Some(one) = next.and_then(|place| self.objects.at_mut(place.index())) {
            next = one.older;
            if next == Some(object) {
                one.older = older;
                return;
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        self.since(0)
    }

    /// Those from this place on.
    pub fn since(&self, place: usize) -> impl Iterator<Item = Event<'_>> {
        let events = self.events.since(place);
        events.filter_map(|event| self.shown(&event))
    }

    fn shown(&self, event: &Kept) -> Option<Event<'_>> {
        let object = self.objects.at(event.object.index())?;
        let reason = self.reasons.get(usize::from(event.reason.0))?;
        Some(Event {
            time: event.time,
            kind: KINDS[usize::from(event.is_warning)],
            reason: self.texts.get(*reason),
            namespace: &object.namespace,
            object: self.texts.get(object.name),
            uid: object.uid,
            message: self.texts.get(event.message),
            count: u64::from(event.count),
            series: u64::from(event.series),
        })
    }
}

/// What is written of an event that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub(super) series: u64,
    pub(super) count: u64,
    /// What stands before the message.
    pub(super) head: &'static str,
    pub(super) message: &'a str,
    /// The message's hash.
    pub(super) hash: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_shown_as_it_was_reported() {
        assert_eq!((size_of::<Kept>(), size_of::<Object>()), (32, 40));
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
        let (web, api, name) = ("web".into(), "api".into(), ("Pod", "a"));
        for uid in [0, 1] {
            let one = log.object(&web, name, uid);
            assert_eq!(log.object(&web, name, uid), one);
            let other = log.object(&api, name, uid);
            assert_ne!(other, one);
            assert_ne!(log.object(&web, name, 2 + uid), one);
            log.forget(one);
            assert_eq!(log.object(&api, name, uid), other);
            assert_ne!(log.object(&web, name, uid), one);
        }
        let (one, again) = (log.object(&web, name, 7), log.object(&api, name, 7));
        assert_eq!(log.with_uid(7), [again, one]);
        log.forget(one);
        assert_eq!(log.with_uid(7), [again]);
        assert_eq!((log.with_uid(0), log.with_uid(9)), (vec![], vec![]));
    }
}
