//! What becomes of the events that a component reports: repeated ones are counted, similar ones
//! are combined, and of too many about one object only some are written
//! (`tools/record/events_cache.go` of client-go).

use rustc_hash::FxHashMap;

use super::recording::EventRecord;
use crate::sim::{SimDuration, SimTime};

/// With this many different messages within `SIMILAR_FOR`, similar events are combined.
const COMBINED_FROM: usize = 10;
const SIMILAR_FOR: SimDuration = SimDuration::from_secs(600);
/// A component's events of one type about one object: so many, then one after each `REFILL`.
const BURST: f64 = 25.0;
const REFILL: SimDuration = SimDuration::from_secs(300);

/// A component and what its event is about: `[source, namespace, object, type]`, and the object's
/// UID.
type About = ([String; 4], u64);

/// Events that differ in their message only.
#[derive(Debug, Clone, Default)]
struct Similar {
    messages: Vec<String>,
    last: SimTime,
}

/// An event that was reported before.
#[derive(Debug, Clone, Copy)]
struct Log {
    series: u64,
    count: u64,
}

/// What is left of the events that may be written about an object.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    at: SimTime,
}

/// The event recorders of all components.
#[derive(Debug, Clone, Default)]
pub(super) struct Correlator {
    similar: FxHashMap<(About, String), Similar>,
    /// By reason and message; combined events have no message of their own.
    logs: FxHashMap<(About, String, Option<String>), Log>,
    allowances: FxHashMap<About, Allowance>,
    series: u64,
}

/// The component that reports an event, if its recorder correlates events. The scheduler's, of
/// `events.k8s.io`, does not, and loads and commands are no objects.
fn source(object: &str, reason: &str) -> Option<&'static str> {
    let (kind, _) = object.split_once('/')?;
    match (kind, reason) {
        ("Load", _) | ("Pod", "Scheduled" | "FailedScheduling") => None,
        ("Pod", "EvictedByVPA" | "InPlaceResizedByVPA" | "InPlaceResizeSkipped") => {
            Some("vpa-updater")
        }
        ("Pod", _) => Some("kubelet"),
        // One component reports about all objects of these kinds.
        _ => Some("controller"),
    }
}

impl Correlator {
    /// An event is reported: what is written, if anything is.
    pub(super) fn correlate(&mut self, mut event: EventRecord) -> Option<EventRecord> {
        let Some(source) = source(&event.object, &event.reason) else {
            self.series += 1;
            (event.series, event.count) = (self.series, 1);
            return Some(event);
        };
        let about = [
            source.to_owned(),
            event.namespace.to_string(),
            event.object.clone(),
            event.kind.to_owned(),
        ];
        let about: About = (about, event.uid);
        let combined = self.is_combined(&about, &event);
        let message = (!combined).then(|| event.message.clone());
        if combined {
            event
                .message
                .insert_str(0, "(combined from similar events): ");
        }
        let log = self
            .logs
            .entry((about.clone(), event.reason.clone(), message));
        let log = log.or_insert_with(|| {
            self.series += 1;
            Log {
                series: self.series,
                count: 0,
            }
        });
        log.count += 1;
        (event.series, event.count) = (log.series, log.count);
        self.is_allowed(about, event.time).then_some(event)
    }

    /// `EventAggregate`: whether an event is combined with similar ones.
    fn is_combined(&mut self, about: &About, event: &EventRecord) -> bool {
        let key = (about.clone(), event.reason.clone());
        let similar = self.similar.entry(key).or_default();
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

    /// `EventSourceObjectSpamFilter`: whether one more event about an object is written.
    fn is_allowed(&mut self, about: About, now: SimTime) -> bool {
        let full = Allowance {
            left: BURST,
            at: now,
        };
        let allowance = self.allowances.entry(about).or_insert(full);
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
    use super::*;

    fn report(all: &mut Correlator, seconds: i64, message: &str) -> Option<(u64, String)> {
        let written = all.correlate(EventRecord {
            time: SimTime::from_secs(seconds),
            kind: "Normal",
            reason: "SuccessfulCreate".to_owned(),
            object: "ReplicaSet/web".to_owned(),
            message: message.to_owned(),
            ..EventRecord::default()
        });
        written.map(|event| (event.count, event.message))
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
