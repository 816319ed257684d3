//! What becomes of the events that a component reports: repeated ones are counted, similar ones
//! are combined, and of too many about one object only some are written
//! (`tools/record/events_cache.go` of client-go).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::events::{EventRecord, ObjectPlace};
use crate::sim::{SimDuration, SimTime};

/// With this many different messages within `SIMILAR_FOR`, similar events are combined.
const COMBINED_FROM: usize = 10;
const SIMILAR_FOR: SimDuration = SimDuration::from_secs(600);
/// A component's events of one type about one object: so many, then one after each `REFILL`.
const BURST: f64 = 25.0;
const REFILL: SimDuration = SimDuration::from_secs(300);

/// Events that differ in their message only.
#[derive(Debug, Clone, Default)]
struct Similar {
    messages: Vec<String>,
    last: SimTime,
}

/// An event that was reported before.
#[derive(Debug, Clone)]
struct Log {
    series: u64,
    count: u64,
    /// When it was last.
    last: SimTime,
    /// What KEDA said of it first.
    note: String,
}

/// What is left of the events that may be written about an object.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    at: SimTime,
}

/// What a component has reported about an object in events of one type.
#[derive(Debug, Clone)]
struct Reported {
    /// The component, and the type.
    by: (&'static str, &'static str),
    /// By reason.
    similar: Vec<(String, Similar)>,
    /// By the hash of reason and message; combined events have no message of their own.
    logs: FxHashMap<u64, Log>,
    allowance: Allowance,
}

/// The event recorders of all components.
#[derive(Debug, Clone, Default)]
pub(super) struct Correlator {
    reported: FxHashMap<ObjectPlace, Vec<Reported>>,
    /// Objects that are gone, and since when.
    gone: VecDeque<(SimTime, ObjectPlace)>,
    series: u64,
}

/// The scheduler, whose recorder, of `events.k8s.io`, counts the same event and does no more.
const SCHEDULER: &str = "scheduler";
/// KEDA, whose recorder is of `events.k8s.io`, too: an event is the same that has the same action
/// and is about the same version of the object, whatever it says (`getKey`).
const KEDA: &str = "keda";
/// A series of events ends when none has come for this long (`finishTime`).
const SERIES: SimDuration = SimDuration::from_secs(360);

/// The component that reports an event, if its recorder correlates events. Loads and commands are
/// no objects.
fn source(object: &str, reason: &str) -> Option<&'static str> {
    let (kind, _) = object.split_once('/')?;
    match (kind, reason) {
        ("ScaledObject" | "ScaledJob", _) => Some(KEDA),
        ("Load", _) | ("Pod", "Scheduled" | "Preempted") => None,
        ("Pod", "FailedScheduling") => Some(SCHEDULER),
        ("Pod", "EvictedByVPA" | "InPlaceResizedByVPA" | "InPlaceResizeSkipped") => {
            Some("vpa-updater")
        }
        ("Pod", _) => Some("kubelet"),
        // One component reports about all objects of these kinds.
        _ => Some("controller"),
    }
}

/// Whether an event of KEDA's has its message for an action: what the controllers emit, and the
/// start of a watch.
fn says_its_action(event: &EventRecord) -> bool {
    let by_recorder = event.reason.starts_with("KEDA")
        || matches!(
            event.reason.as_str(),
            "ScaledJobActive" | "ScaledJobInactive"
        );
    !by_recorder || event.message == "Started scalers watch"
}

impl Correlator {
    /// An object is gone; events of this instant may still come.
    pub(super) fn is_gone(&mut self, object: ObjectPlace, now: SimTime) {
        self.gone.push_back((now, object));
    }

    /// Forgets an object of whose end all events have come, if there is one.
    pub(super) fn forget(&mut self, now: SimTime) -> Option<ObjectPlace> {
        let &(since, object) = self.gone.front()?;
        if since >= now {
            return None;
        }
        self.gone.pop_front();
        self.reported.remove(&object);
        Some(object)
    }

    /// An event about an object is reported: it gets its number and its count; returns whether it is
    /// written.
    pub(super) fn correlate(&mut self, object: ObjectPlace, event: &mut EventRecord) -> bool {
        let Some(source) = source(&event.object, &event.reason) else {
            self.series += 1;
            (event.series, event.count) = (self.series, 1);
            return true;
        };
        let all = self.reported.entry(object).or_default();
        let by = (source, event.kind);
        let place = all.iter().position(|one| one.by == by);
        let place = place.unwrap_or_else(|| {
            all.push(Reported::new(by, event.time));
            all.len() - 1
        });
        let reported = &mut all[place];
        let is_new_kind = source == SCHEDULER || source == KEDA;
        let combined = !is_new_kind && reported.is_combined(event);
        let mut hasher = FxHasher::default();
        let says = !combined && (source != KEDA || says_its_action(event));
        (&event.reason, says.then_some(&event.message)).hash(&mut hasher);
        if source == KEDA {
            event.version.hash(&mut hasher);
        }
        let log = reported.logs.entry(hasher.finish()).or_insert_with(|| {
            self.series += 1;
            Log {
                series: self.series,
                count: 0,
                last: event.time,
                note: String::new(),
            }
        });
        if source == KEDA {
            if log.count == 0 || event.time.since(log.last) > SERIES {
                if log.count > 0 {
                    self.series += 1;
                    (log.series, log.count) = (self.series, 0);
                }
                log.note.clone_from(&event.message);
            } else {
                event.message.clone_from(&log.note);
            }
            log.last = event.time;
        }
        log.count += 1;
        (event.series, event.count) = (log.series, log.count);
        if combined {
            let combined = "(combined from similar events): ";
            event.message.insert_str(0, combined);
        }
        is_new_kind || reported.is_allowed(event.time)
    }
}

impl Reported {
    fn new(by: (&'static str, &'static str), now: SimTime) -> Self {
        Self {
            by,
            similar: Vec::new(),
            logs: FxHashMap::default(),
            allowance: Allowance {
                left: BURST,
                at: now,
            },
        }
    }

    /// `EventAggregate`: whether an event is combined with similar ones.
    fn is_combined(&mut self, event: &EventRecord) -> bool {
        let mut known = self.similar.iter();
        let place = known.position(|(reason, _)| *reason == event.reason);
        let place = place.unwrap_or_else(|| {
            let new = (event.reason.clone(), Similar::default());
            self.similar.push(new);
            self.similar.len() - 1
        });
        let similar = &mut self.similar[place].1;
        if event.time.since(similar.last) > SIMILAR_FOR {
            similar.messages.clear();
        }
        similar.last = event.time;
        if !similar.messages.contains(&event.message) {
            similar.messages.push(event.message.clone());
        }
        let combined = similar.messages.len() >= COMBINED_FROM;
        if combined {
            // Upstream forgets any of them.
            similar.messages.remove(0);
        }
        combined
    }

    /// `EventSourceObjectSpamFilter`: whether one more event is written.
    fn is_allowed(&mut self, now: SimTime) -> bool {
        let allowance = &mut self.allowance;
        let refilled = now.since(allowance.at).0 as f64 / REFILL.0 as f64;
        allowance.left = (allowance.left + refilled).min(BURST);
        allowance.at = now;
        let allowed = allowance.left >= 1.0;
        if allowed {
            allowance.left -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::EventLog;
    use super::*;

    fn report(all: &mut Correlator, seconds: i64, message: &str) -> Option<(u64, String)> {
        let object = EventLog::default().object(&"".into(), "ReplicaSet/web", 1);
        let mut event = EventRecord {
            time: SimTime::from_secs(seconds),
            kind: "Normal",
            reason: "SuccessfulCreate".to_owned(),
            object: "ReplicaSet/web".to_owned(),
            message: message.to_owned(),
            ..EventRecord::default()
        };
        let is_written = all.correlate(object, &mut event);
        is_written.then_some((event.count, event.message))
    }

    #[test]
    fn the_same_event_is_counted() {
        let mut all = Correlator::default();
        for count in 1..=3 {
            let written = report(&mut all, 15 * count, "Created pod: a");
            assert_eq!(written, Some((count as u64, "Created pod: a".to_owned())));
        }
    }

    #[test]
    fn events_of_keda_are_the_same_about_a_version_of_the_object() {
        let mut all = Correlator::default();
        let object = EventLog::default().object(&"".into(), "ScaledObject/web", 1);
        let mut told = |seconds: i64, version: u64, message: &str| {
            let mut event = EventRecord {
                time: SimTime::from_secs(seconds),
                kind: "Warning",
                reason: "KEDAScalerFailed".to_owned(),
                object: "ScaledObject/web".to_owned(),
                message: message.to_owned(),
                version,
                ..EventRecord::default()
            };
            assert!(all.correlate(object, &mut event), "none is left out");
            (event.series, event.count, event.message)
        };
        for poll in 0..40 {
            let first = (1, poll + 1, "at 0".to_owned());
            let seconds = poll as i64 * 30;
            assert_eq!(told(seconds, 7, &format!("at {seconds}")), first);
        }
        assert_eq!(told(1200, 8, "other"), (2, 1, "other".to_owned()));
        assert_eq!(told(2000, 7, "later"), (3, 1, "later".to_owned()));
    }

    #[test]
    fn similar_events_are_combined_and_ten_minutes_later_not_any_more() {
        let mut all = Correlator::default();
        for number in 1..=9 {
            let written = report(&mut all, 0, &format!("pod {number}"));
            assert_eq!(written, Some((1, format!("pod {number}"))));
        }
        let combined = |text: &str| format!("(combined from similar events): {text}");
        assert_eq!(report(&mut all, 1, "pod 10"), Some((1, combined("pod 10"))));
        assert_eq!(report(&mut all, 2, "pod 11"), Some((2, combined("pod 11"))));
        assert_eq!(
            report(&mut all, 603, "pod 12"),
            Some((1, "pod 12".to_owned()))
        );
    }

    #[test]
    fn after_twenty_five_events_about_an_object_one_is_written_every_five_minutes() {
        let mut all = Correlator::default();
        let written =
            |all: &mut Correlator, seconds| report(all, seconds, "again").map(|one| one.0);
        for count in 1..=25 {
            assert_eq!(written(&mut all, 0), Some(count));
        }
        assert_eq!(written(&mut all, 10), None);
        assert_eq!(written(&mut all, 300), Some(27));
        assert_eq!(written(&mut all, 310), None);
    }
}
